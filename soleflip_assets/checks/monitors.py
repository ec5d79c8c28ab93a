"""Monitors: looks at the live database, turned into Dagster asset checks that alert and block nothing.

Most are a question of sql/monitoring/ whose row also says how bad it is where it is not so (``severity``:
WARN or ERROR). Here: the machinery. Not here: the looks that take more than one statement, which are
drift.py's and plans.py's, or when anything is looked at, which is monitoring/jobs.py's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from sqlalchemy import Connection

from soleflip_assets.checks.question import Answer, questions_of
from soleflip_assets.checks.shown import check_result
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.sql_files import SqlFile


@dataclass(frozen=True)
class Monitor:
    """Something to look at.

    Attributes:
        name: the check's.
        asset_key: of which asset.
        description: what should be so.
        meaning: what it means where it is not, in a sentence.
        look: looks; what it observed may name its ``severity``, which is ERROR else. Raises what the
            database raises: a look that could not be taken finds nothing.
    """

    name: str
    asset_key: dg.AssetKey
    description: str
    meaning: str
    look: Callable[[Connection], Answer]

    @property
    def spec(self) -> dg.AssetCheckSpec:
        """Not blocking: it alerts."""
        return dg.AssetCheckSpec(self.name, asset=self.asset_key, description=self.description)

    def result(self, connection: Connection) -> dg.AssetCheckResult:
        """Look, for Dagster."""
        answer = self.look(connection)
        observed = dict(answer.observed)
        severity = dg.AssetCheckSeverity(observed.pop("severity", "ERROR"))
        return check_result(
            self.spec,
            Answer(answer.passed, _plotted(observed)),
            severity=severity,
            advice=self.meaning,
        )


def monitor_of_file(
    name: str, parameters: Callable[[Connection], Mapping[str, Any]] = lambda _: {}
) -> Monitor:
    """The monitor that is one file of sql/monitoring/.

    Args:
        name: the file's, and the check's.
        parameters: gives the values of the statement's ``:names``, at each look.
    """
    (question,) = questions_of(SqlFile(f"monitoring/{name}.sql"))
    return Monitor(
        question.name,
        question.asset_key,
        question.expected,
        question.advice,
        lambda connection: question.ask(connection, parameters(connection)),
    )


def _plotted(observed: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping of numbers as numbers of their own, so that the UI plots each; rows as a table, last."""
    numbers: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for name, value in observed.items():
        if isinstance(value, Mapping):
            numbers |= {f"{name}/{part}": number for part, number in value.items()}
        elif _is_table(value):
            tables[name] = value
        else:
            numbers[name] = value
    return numbers | tables


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def monitor_checks(monitors: Sequence[Monitor]) -> dg.AssetSelection:
    """Monitors, for a job."""
    return dg.AssetSelection.checks(*(monitor.spec.key for monitor in monitors))


def build_monitors(name: str, monitors: Sequence[Monitor]) -> list[dg.AssetChecksDefinition]:
    """Monitors that are looked through together: a step for each asset, on one connection.

    One step for all would wait for all of their assets, and not look where one of them could not be made.

    Args:
        name: what the steps are called, followed by the asset.
        monitors: in the order in which they look.
    """
    keys = dict.fromkeys(monitor.asset_key for monitor in monitors)
    return [
        _step(
            "_".join((name, *key.path)),
            [monitor for monitor in monitors if monitor.asset_key == key],
        )
        for key in keys
    ]


def _step(name: str, monitors: Sequence[Monitor]) -> dg.AssetChecksDefinition:

    @dg.multi_asset_check(name=name, specs=[monitor.spec for monitor in monitors], can_subset=True)
    def watch(
        context: dg.AssetCheckExecutionContext, database: Database
    ) -> Iterator[dg.AssetCheckResult]:
        # One that hangs would raise no alarm.
        with database.connect(
            lock_timeout=deadlines.LOOK_LOCK.milliseconds,
            statement_timeout=deadlines.LOOK.milliseconds,
        ) as connection:
            for monitor in monitors:
                if monitor.spec.key in context.selected_asset_check_keys:
                    yield monitor.result(connection)

    return watch
