"""The preflight: what is known to go wrong, looked for before anything is changed.

An expectation is a question of sql/preflight/ whose header also says what a deviation does (``Effect:``), and
how to get rid of it or how it is dealt with (``Fix:``). Here: asking with what they need to know, and what
stops. Not here: what any of them looks for.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.question import Answer, Question, questions_in
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.dependents import legacy_dependents
from soleflip_assets.ground.database import OLDEST_SERVER, query_one
from soleflip_assets.ground.sql_files import sql_files
from soleflip_assets.ground.tables import LEGACY_TABLES, STOCK, STOCK_BEFORE
from soleflip_assets.metrics.mode import lost_with_the_view
from soleflip_assets.phase2.adoption import Found, found_in, in_the_way
from soleflip_assets.phase2.steps import preferred
from soleflip_assets.phase2.trial import refused_objects, refused_writes

_COLUMNS = "columns"
# Of what the deployment repairs by itself; the check in the UI lists them all. What a person has to mend is
# always named in full.
_REPAIRED_EXAMPLES = 5

_Seen = TypeVar("_Seen")


class Effect(Enum):
    """What a deviation does to the deployment."""

    STOPS = "stops"
    WARNS = "warns"
    REPAIRED = "repaired"


@dataclass(frozen=True)
class Finding:
    """What came of one expectation.

    Attributes:
        question: which.
        effect: what a deviation does at this moment.
        answer: whether there is none, and what was counted.
    """

    question: Question
    effect: Effect
    answer: Answer

    @property
    def as_expected(self) -> bool:
        """Whether there is no deviation."""
        return self.answer.passed

    @property
    def observed(self) -> Mapping[str, Any]:
        """Counts and examples, by name."""
        return self.answer.observed

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
            return f"{self.question.name}: as expected"
        examples = list(self.observed.get("examples") or [self._counts])
        if self.effect is Effect.REPAIRED and len(examples) > _REPAIRED_EXAMPLES:
            left_out = len(examples) - _REPAIRED_EXAMPLES
            examples[_REPAIRED_EXAMPLES:] = [f"and {left_out} more, listed with the check"]
        return (
            f"{self.question.name} ({self.effect.value}): not so: {self.question.expected} "
            f"Found: {'; '.join(examples)}. {self.question.advice}"
        )

    @property
    def summary(self) -> str:
        """One line, of what the deployment repairs by itself."""
        found = ", ".join(
            f"{value:,} {name.replace('_', ' ')}"
            for name, value in self.observed.items()
            if isinstance(value, int) and value
        )
        return f"{self.question.name}: {found}; repaired on the way. {self.question.advice}"

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
        (found,) = (one for one in self.findings if one.question.name == "tables_as_expected")
        return list(found.observed.get(_COLUMNS, []))


EXPECTATIONS: Sequence[Question] = questions_in("preflight")


def effect_of(expectation: Question, *, begun: bool) -> Effect:
    """What a deviation does.

    Args:
        expectation: from what.
        begun: whether stock has been expanded. From then on the validations judge the data, and a deployment
            that is half done is finished rather than stopped.
    """
    written = expectation.file.fields["effect"]
    if written == "stops until begun":
        return Effect.WARNS if begun else Effect.STOPS
    return Effect(written)


def run_preflight(connection: Connection, dumps: Path, prefer: str | None = None) -> Preflight:
    """Look for everything that is known to go wrong; keep no change.

    Args:
        connection: SoleFlip's database, as who deploys.
        dumps: the folder that the dump goes to; it need not be there yet.
        prefer: the side that counts where stock and a legacy row contradict each other; None: as told before.

    Raises:
        sqlalchemy.exc.DBAPIError: a question could not be asked; that says nothing of the answer.
    """
    known = _known(connection, dumps, prefer)
    return Preflight(
        [
            Finding(
                expectation,
                effect_of(expectation, begun=known["begun"]),
                _ask(connection, expectation, known),
            )
            for expectation in EXPECTATIONS
        ]
    )


def _ask(connection: Connection, expectation: Question, known: Mapping[str, Any]) -> Answer:
    """Look, and take not being allowed to for a deviation: privileges_sufficient says what to grant."""
    try:
        return expectation.ask(connection, known)
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return Answer(passed=False, observed={"error": str(error.orig).strip()})


def _known(connection: Connection, dumps: Path, prefer: str | None) -> dict[str, Any]:
    """What the expectations ask for as ``:names``."""
    entries = ledger.entries(connection)
    revert = next(
        (entries[file.name] for file in sql_files("revert") if file.name in entries), None
    )
    unknown: tuple[Found, list[str]] = Found("not known"), []
    found, in_way = _if_allowed(lambda: (found_in(connection), in_the_way(connection)), unknown)
    return {
        "newer": ledger.newer_version(connection),
        "present": ledger.VERSION,
        "oldest": OLDEST_SERVER,
        "expected": json.dumps(_expected_columns(connection)),
        "begun": ledger.EXPANSION in entries,
        "prefer": prefer or preferred(connection),
        "adopting": bool(found.columns) and ledger.EXPANSION not in entries,
        "reserved_is_live": "reserved_quantity" in found.columns,
        "in_the_way": in_way,
        "lost": _if_allowed(lambda: lost_with_the_view(connection), list[str]()),
        "refused": _if_allowed(lambda: refused_writes(connection), list[str]()),
        "refused_objects": _if_allowed(lambda: refused_objects(connection), list[str]()),
        "set_aside": [str(part) for part in found.parts if part.aside]
        if ledger.EXPANSION not in entries
        else [],
        "revert_started_at": revert and revert["started_at"],
        "dependents": legacy_dependents(connection),
        "server_free": _server_free(connection),
        "dumps_free": _free(dumps),
        "backfilled": _is_finished(entries, "backfill"),
        "dumped": _is_finished(entries, "database_dump"),
    }


def _if_allowed(look: Callable[[], _Seen], otherwise: _Seen) -> _Seen:
    """What a look finds; nothing to who may not look: privileges_sufficient tells."""
    try:
        return look()
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return otherwise


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
