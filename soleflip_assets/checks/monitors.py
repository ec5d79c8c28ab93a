"""Monitors: looks at the live database, turned into Dagster asset checks that alert and block nothing.

Most are one file of sql/monitoring/, as a validation is one of sql/checks/: its header says what should be
so (first paragraph), of which asset (``Asset:``) and what it means where it is not (``Means:``); its one row
has a boolean ``passed``, a ``severity`` (WARN or ERROR) and numbers. Here: the machinery. Not here: the looks
that take more than one query, which are drift.py's and plans.py's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from sqlalchemy import Connection

from soleflip_assets.checks.shown import explanation, markdown_table, metadata_of
from soleflip_assets.checks.validations import observe
from soleflip_assets.ground.database import Database
from soleflip_assets.ground.sql_files import SqlFile


@dataclass(frozen=True)
class Finding:
    """What a look came to.

    Attributes:
        passed: whether all is well.
        severity: how bad it is where it is not.
        observed: numbers; lists of rows, for tables; mappings, for one number each.
        texts: Markdown.
    """

    passed: bool
    severity: dg.AssetCheckSeverity
    observed: Mapping[str, Any]
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Monitor:
    """Something to look at.

    Attributes:
        name: the check's.
        asset_key: of which asset.
        description: what should be so.
        meaning: what it means where it is not, in a sentence.
        look: looks. Raises what the database raises: a look that could not be taken finds nothing.
    """

    name: str
    asset_key: dg.AssetKey
    description: str
    meaning: str
    look: Callable[[Connection], Finding]

    @property
    def spec(self) -> dg.AssetCheckSpec:
        """Not blocking: it alerts."""
        return dg.AssetCheckSpec(self.name, asset=self.asset_key, description=self.description)

    def result(self, connection: Connection) -> dg.AssetCheckResult:
        """Look, for Dagster."""
        finding = self.look(connection)
        return dg.AssetCheckResult(
            passed=finding.passed,
            asset_key=self.asset_key,
            check_name=self.name,
            severity=finding.severity,
            description=None if finding.passed else explanation(self.meaning, finding.observed),
            metadata={
                **metadata_of(_numbers(finding.observed)),
                **{name: dg.MetadataValue.md(text) for name, text in finding.texts.items()},
            },
        )


def monitor_of_file(name: str, parameters: Callable[[], Mapping[str, Any]] = dict) -> Monitor:
    """The monitor that is one file of sql/monitoring/.

    Args:
        name: the file's, and the check's.
        parameters: gives the parameters of its statement, at each look.
    """
    file = SqlFile(f"monitoring/{name}.sql")

    def look(connection: Connection) -> Finding:
        passed, observed = observe(connection, file, **parameters())
        severity = dg.AssetCheckSeverity(observed.pop("severity", "ERROR"))
        tables = {key: markdown_table(rows) for key, rows in observed.items() if _is_table(rows)}
        numbers = {key: value for key, value in observed.items() if key not in tables}
        return Finding(passed, severity, numbers, tables)

    return Monitor(
        name,
        dg.AssetKey(file.fields["asset"].split("/")),
        file.description,
        file.fields["means"],
        look,
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _numbers(observed: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping of numbers as numbers of their own, so that the UI plots each."""
    numbers: dict[str, Any] = {}
    for name, value in observed.items():
        if isinstance(value, Mapping):
            numbers |= {f"{name}/{part}": number for part, number in value.items()}
        else:
            numbers[name] = value
    return numbers


def monitor_checks(monitors: Sequence[Monitor]) -> dg.AssetSelection:
    """Monitors, for a job."""
    return dg.AssetSelection.checks(*(monitor.spec.key for monitor in monitors))


def build_monitors(name: str, monitors: Sequence[Monitor]) -> dg.AssetChecksDefinition:
    """Monitors that are looked through together, as one step on one connection.

    Args:
        name: of the step.
        monitors: in the order in which they look.
    """

    @dg.multi_asset_check(name=name, specs=[monitor.spec for monitor in monitors], can_subset=True)
    def watch(
        context: dg.AssetCheckExecutionContext, database: Database
    ) -> Iterator[dg.AssetCheckResult]:
        # One that hangs would raise no alarm.
        with database.connect(lock_timeout="10s", statement_timeout="2min") as connection:
            for monitor in monitors:
                if monitor.spec.key in context.selected_asset_check_keys:
                    yield monitor.result(connection)

    return watch
