"""A question to the live database: is it as it should be. Checks, monitors, expectations, gates ask one.

A question is a file of sql/ that gives one row: a boolean ``passed``, the numbers that were compared, and
``examples``, the first few that are wrong. Its header says what should be so (first paragraph) and what a
reader needs to know where it is not: what that means (``Means:``), or what to do (``Fix:``). Where one scan
answers several questions, they share a file: its header says of each, under ``Check:`` and its name, what it
``Proves:`` and ``Means:``, and its row has a JSON object of that name.

Here: asking, and what counts as an answer. Not here: what follows from one. A validation stops what is built
on wrong data (validations.py), a monitor alerts (monitors.py), an expectation stops, warns or is repaired
(phase2/preflight.py), a gate opens (phase2/retirement.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any

import dagster as dg
from psycopg import errors
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from soleflip_assets.deploying import ledger
from soleflip_assets.ground.database import query_one, run_statement, undone
from soleflip_assets.ground.sql_files import SqlFile, sql_files

# What PostgreSQL answers when the schema itself is wrong: an object or column that a question reads is
# missing, or the view was emptied. That is an answer. Every other error means that the question could not be
# asked, and is raised.
_SCHEMA_IS_WRONG = (
    errors.InvalidSchemaName,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedTable,
    errors.ObjectNotInPrerequisiteState,
)

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Answer:
    """What came of a question, or of a look that takes more than one statement.

    Attributes:
        passed: whether it is as it should be.
        observed: what was compared, by name: numbers, ``examples``, and whatever else the row holds.
    """

    passed: bool
    observed: Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """A file of sql/ that says ``passed``, or one of several that share a file.

    Attributes:
        file: what asks it.
        name: its name, also the asset check's.
        expected: what should be so, in a sentence.
        advice: what it means where it is not so, or what to do then.
    """

    file: SqlFile
    name: str
    expected: str
    advice: str

    @property
    def asset_key(self) -> dg.AssetKey:
        """The asset that it is about, where its header names one (``Asset:``)."""
        return dg.AssetKey(self.file.fields["asset"].split("/"))

    def ask(self, connection: Connection, known: Mapping[str, Any] = _NOTHING) -> Answer:
        """Ask.

        Args:
            connection: SoleFlip's database.
            known: values by name; each ``:name`` of the statement is looked up there.

        Raises:
            LookupError: the statement wants a name that is not known, a mistake in this project.
            sqlalchemy.exc.DBAPIError: it could not be asked; that says nothing of the answer.
        """
        ((_, answer),) = ask_all(connection, [self], known)
        return answer


def ask_all(
    connection: Connection, questions: Iterable[Question], known: Mapping[str, Any] = _NOTHING
) -> Iterator[tuple[Question, Answer]]:
    """Ask one after the other; a file is run once, however many of its questions are asked.

    Args:
        connection: SoleFlip's database.
        questions: which, those of one file next to each other.
        known: values by name; each ``:name`` of a statement is looked up there.

    Yields:
        Each question with its answer.

    Raises:
        LookupError: a statement wants a name that is not known, a mistake in this project.
        sqlalchemy.exc.DBAPIError: one could not be asked; that says nothing of the answer.
    """
    for file, asked in groupby(questions, key=lambda question: question.file):
        row = _row(connection, file, known)
        for question in asked:
            # The row speaks for all questions of a file where it has no part for each: after an error, or a
            # retirement.
            own = row.get(question.name)
            observed = dict(own if isinstance(own, dict) else row)
            yield question, Answer(bool(observed.pop("passed")), observed)


def _row(connection: Connection, file: SqlFile, known: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a file.

    A file with a field ``Until:`` reads tables that are retired one day. It names the ledger's step that
    retires them, and from that day passes with the date: a table that is gone without such an entry fails.
    """
    until = file.fields.get("until")
    if until and (retired := ledger.retired(connection, until)):
        return {"passed": True} | {
            name: value for name, value in retired.items() if value is not None
        }
    parameters = _looked_up(file, known)
    try:
        with undone(connection):
            run_statement(connection, "monitoring/whole_tables.sql")
            return dict(query_one(connection, file.path, **parameters))
    except DBAPIError as error:
        if not isinstance(error.orig, _SCHEMA_IS_WRONG):
            raise
        return {"passed": False, "error": str(error.orig).strip()}


def _looked_up(file: SqlFile, known: Mapping[str, Any]) -> dict[str, Any]:
    if missing := file.parameters - known.keys():
        raise LookupError(f"sql/{file.path} wants {', '.join(sorted(missing))}, which nobody knows")
    return {name: known[name] for name in file.parameters}


def questions_of(file: SqlFile) -> list[Question]:
    """The questions of a file: itself, or those that share it."""
    if not file.checks:
        advice = file.fields["means"] if "means" in file.fields else file.fields["fix"]
        return [Question(file, file.name, file.description, advice)]
    return [Question(file, one["check"], one["proves"], one["means"]) for one in file.checks]


def questions_in(folder: str) -> list[Question]:
    """The questions of all files of a folder of sql/, in order of the files' names."""
    return [question for file in sql_files(folder) for question in questions_of(file)]
