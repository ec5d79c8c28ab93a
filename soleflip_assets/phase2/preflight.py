"""The preflight: what is known to go wrong, looked for before anything is changed.

An expectation is one file of sql/preflight/. Its header says what is expected (first paragraph), what a
deviation does (``Effect:``) and how to get rid of it, or how it is dealt with (``Fix:``); its one row has a
boolean ``passed``, counts, and ``examples``. Here: running them with what they need to know. Not here: what
any of them looks for.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.validations import observe
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.dependents import legacy_dependents
from soleflip_assets.ground.database import OLDEST_SERVER, query_file, query_one
from soleflip_assets.ground.sql_files import SqlFile, sql_files
from soleflip_assets.ground.tables import LEGACY_TABLES, STOCK, STOCK_BEFORE

_BEGUN = "40_stock_columns"
_COLUMNS = "columns"
# Of what the deployment repairs by itself; the check in the UI lists them all. What a person has to mend is
# always named in full.
_REPAIRED_EXAMPLES = 5


class Effect(Enum):
    """What a deviation does to the deployment."""

    STOPS = "stops"
    WARNS = "warns"
    REPAIRED = "repaired"


@dataclass(frozen=True)
class Expectation:
    """One file of sql/preflight/."""

    file: SqlFile

    @property
    def name(self) -> str:
        """Its name, also the asset check's."""
        return self.file.name

    @property
    def fix(self) -> str:
        """What to do about a deviation, or what the deployment does about it."""
        return self.file.fields["fix"]

    def effect(self, *, begun: bool) -> Effect:
        """What a deviation does.

        Args:
            begun: whether stock has been expanded. From then on the validations judge the data, and a
                deployment that is half done is finished rather than stopped.
        """
        written = self.file.fields["effect"]
        if written == "stops until begun":
            return Effect.WARNS if begun else Effect.STOPS
        return Effect(written)


@dataclass(frozen=True)
class Finding:
    """What came of one expectation.

    Attributes:
        expectation: which.
        effect: what a deviation does at this moment.
        as_expected: whether there is none.
        observed: counts and examples, by name.
    """

    expectation: Expectation
    effect: Effect
    as_expected: bool
    observed: Mapping[str, Any]

    @property
    def stops(self) -> bool:
        """Whether the deployment must not begin."""
        return not self.as_expected and self.effect is Effect.STOPS

    @property
    def passed(self) -> bool:
        """Whether there is nothing for a person to do: as expected, or repaired on the way."""
        return self.as_expected or self.effect is Effect.REPAIRED

    def __str__(self) -> str:
        """One paragraph: what, which rows, what to do."""
        if self.as_expected:
            return f"{self.expectation.name}: as expected"
        examples = list(self.observed.get("examples") or [self._counts])
        if self.effect is Effect.REPAIRED and len(examples) > _REPAIRED_EXAMPLES:
            left_out = len(examples) - _REPAIRED_EXAMPLES
            examples[_REPAIRED_EXAMPLES:] = [f"and {left_out} more, listed with the check"]
        return (
            f"{self.expectation.name} ({self.effect.value}): not so: {self.expectation.file.description} "
            f"Found: {'; '.join(examples)}. {self.expectation.fix}"
        )

    @property
    def _counts(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.observed.items())


@dataclass(frozen=True)
class Preflight:
    """All findings.

    Attributes:
        findings: one for each file of sql/preflight/, in order of their names.
    """

    findings: Sequence[Finding]

    @property
    def stopping(self) -> list[Finding]:
        """Those that must be dealt with before anything is changed."""
        return [finding for finding in self.findings if finding.stops]

    @property
    def columns(self) -> list[dict[str, str | None]]:
        """Each column expected: table, column, expected, found, verdict."""
        (found,) = (one for one in self.findings if one.expectation.name == "tables_as_expected")
        return list(found.observed.get(_COLUMNS, []))


EXPECTATIONS: Sequence[Expectation] = [Expectation(file) for file in sql_files("preflight")]


def run_preflight(connection: Connection, dumps: Path) -> Preflight:
    """Look for everything that is known to go wrong; change nothing.

    Args:
        connection: SoleFlip's database, as who deploys.
        dumps: the folder that the dump goes to; it need not be there yet.

    Raises:
        sqlalchemy.exc.DBAPIError: a question could not be asked; that says nothing of the answer.
    """
    entries = ledger.entries(connection)
    begun = _BEGUN in entries
    known = _known(connection, entries, dumps, begun=begun)
    return Preflight(
        [
            Finding(
                expectation,
                expectation.effect(begun=begun),
                *_observe(connection, expectation, known.get(expectation.name, {})),
            )
            for expectation in EXPECTATIONS
        ]
    )


def _observe(
    connection: Connection, expectation: Expectation, parameters: Mapping[str, Any]
) -> tuple[bool, dict[str, Any]]:
    """Look, and take not being allowed to for a deviation: privileges_sufficient says what to grant."""
    try:
        return observe(connection, expectation.file, **parameters)
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return False, {"error": str(error.orig).strip()}


def _known(
    connection: Connection, entries: Mapping[str, Any], dumps: Path, *, begun: bool
) -> dict[str, dict[str, Any]]:
    """The parameters of the files that have any."""
    revert = next(
        (entries[file.name] for file in sql_files("revert") if file.name in entries), None
    )
    copied = query_file(connection, "report/backups.sql") if ledger.exists(connection) else []
    return {
        "server_usable": {"oldest": OLDEST_SERVER},
        "tables_as_expected": {
            "expected": json.dumps(_expected_columns(connection)),
            "begun": begun,
        },
        "backups_unobstructed": {
            "copied": [row["backup"].removeprefix("inventory.") for row in copied]
        },
        "no_revert_unfinished": {"revert_started_at": revert and revert["started_at"]},
        "no_dependents": {"dependents": legacy_dependents(connection)},
        "disk_space_sufficient": {
            "server_free": _server_free(connection),
            "dumps_free": _free(dumps),
            "backfilled": _is_finished(entries, "backfill"),
            "dumped": _is_finished(entries, "database_dump"),
        },
    }


def _is_finished(entries: Mapping[str, Any], step: str) -> bool:
    return step in entries and entries[step]["finished_at"] is not None


def _expected_columns(connection: Connection) -> list[dict[str, Any]]:
    """The columns of stock, and of the legacy tables unless they were retired."""
    before = {column.name for column in STOCK_BEFORE}
    retired = ledger.retired(connection, "drop_legacy_tables")
    return [
        {
            "table": table.name,
            "column": column.name,
            "type": column.type,
            "nullable": column.nullable,
            "added": table is STOCK and column.name not in before,
        }
        for table in (STOCK, *(() if retired else LEGACY_TABLES))
        for column in table.columns
    ]


def _server_free(connection: Connection) -> int | None:
    """Bytes free on the disk of stock's tablespace; None where it is not a disk of this machine."""
    location = query_one(connection, "monitoring/data_location.sql")
    if not location["over_socket"] or location["folder"] is None:
        return None
    folder = Path(location["folder"])
    # A socket can lead into a container, whose folders are not ours.
    return shutil.disk_usage(folder).free if folder.exists() else None


def _free(folder: Path) -> int:
    """Bytes free where a folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
