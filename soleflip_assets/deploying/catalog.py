"""Objects that the files of sql/phase2 define, and whether the live ones are the same.

An object is the same when PostgreSQL prints it as it prints a fresh one made from our statement; the fresh
one is made among the session's temporary objects and rolled back. So no text of ours has to guess how
a version of PostgreSQL spells a definition, and no live object is touched or locked. The same comparison with
the statement of an older version tells what that version made from what somebody changed. Here: functions,
triggers, indexes, views, and whether a table is there. Not here: columns, which are only ever added.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, cast

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from soleflip_assets.ground.database import (
    execute_statement,
    query_file,
    query_one,
    roll_back_block,
)
from soleflip_assets.ground.sql_files import SqlFile

Kind = Literal["function", "index", "trigger", "view", "materialized view", "table"]

_DEFINITIONS: dict[Kind, re.Pattern[str]] = {
    "function": re.compile(r"CREATE OR REPLACE FUNCTION (?P<schema>\w+)\.(?P<name>\w+)\("),
    "index": re.compile(
        r"CREATE (UNIQUE )?INDEX (CONCURRENTLY )?(?P<name>\w+)\s+ON (?P<schema>\w+)\.(?P<relation>\w+)"
    ),
    "trigger": re.compile(
        r"CREATE (?:OR REPLACE|CONSTRAINT) TRIGGER (?P<name>\w+)\s.*?ON (?P<schema>\w+)\.(?P<relation>\w+)",
        re.DOTALL,
    ),
    "view": re.compile(
        r"CREATE OR REPLACE VIEW (?P<schema>\w+)\.(?P<name>\w+) AS(?P<query>.*)$", re.DOTALL
    ),
    "materialized view": re.compile(
        r"CREATE MATERIALIZED VIEW (?P<schema>\w+)\.(?P<name>\w+) AS(?P<query>.*?)(WITH NO DATA)?$",
        re.DOTALL,
    ),
    "table": re.compile(r"CREATE TABLE IF NOT EXISTS (?P<schema>\w+)\.(?P<name>\w+)"),
}

# A trigger is printed with its function; a stand-in spares whoever looks the right to that function.
_TRIGGER_FUNCTION = re.compile(r"(?<=EXECUTE FUNCTION )[\w.]+(?=\()")
_STAND_IN = re.compile(r"pg_temp(_\d+)?\.stand_in(?=\()")


@dataclass(frozen=True)
class DatabaseObject:
    """An object defined by one statement.

    Attributes:
        kind: what it is.
        schema: its schema, or its table's.
        name: its name.
        relation: the table or view that a trigger or index is on; else empty.
        statement: what creates it.
    """

    kind: Kind
    schema: str
    name: str
    relation: str
    statement: str

    def __str__(self) -> str:
        where = f" on {self.schema}.{self.relation}" if self.kind == "trigger" else ""
        name = self.name if where else f"{self.schema}.{self.name}"
        return f"{self.kind} {name}{where}"

    @property
    def identity(self) -> str:
        """What no two objects of a database share: tables, views and indexes have their names in common."""
        if self.kind in {"function", "trigger"}:
            return str(self)
        return f"relation {self.schema}.{self.name}"


class State(StrEnum):
    """How an object is, if not as its statement makes it."""

    MISSING = "missing"
    """It is not there."""
    OUTDATED = "outdated"
    """It is as an older version made it."""
    ALTERED = "altered"
    """It is as no version made it: somebody changed it."""
    ORPHANED = "orphaned"
    """An older version made it, and no file defines it any more."""


@dataclass(frozen=True)
class Deviation:
    """An object that is not as its statement makes it.

    Attributes:
        object: which, as it should be; an orphan as it was made.
        state: in which of the four ways.
        expected: how it should be, as PostgreSQL prints it; as written where it cannot be made yet.
        live: how it is; empty if it is missing.
    """

    object: DatabaseObject
    state: State
    expected: str
    live: str

    @property
    def has_to_be_dropped(self) -> bool:
        """Whether its statement cannot replace the live one."""
        if self.object.kind == "function":
            # Another name, argument or result: the first two lines of its definition.
            return bool(self.live) and self.live.split("\n")[:2] != self.expected.split("\n")[:2]
        is_replaced = self.object.statement.startswith("CREATE OR REPLACE TRIGGER")
        return bool(self.live) and not is_replaced


def objects_defined_by(statements: Iterable[str]) -> list[DatabaseObject]:
    """The objects that statements create, in their order."""
    return [defined for statement in statements if (defined := object_defined_by(statement))]


def object_defined_by(statement: str) -> DatabaseObject | None:
    """The object that a statement creates; None for any other statement."""
    for kind, pattern in _DEFINITIONS.items():
        if match := pattern.match(statement):
            found = match.groupdict()
            return DatabaseObject(
                kind, found["schema"], found["name"], found.get("relation") or "", statement
            )
    return None


def live_definitions(connection: Connection, wanted: Sequence[DatabaseObject]) -> list[str | None]:
    """The live objects as PostgreSQL prints them, each in its place; None where there is none.

    In one statement: one for each object was a sixth of the time of all tests that deploy.
    """
    return _printed(connection, wanted, [one.schema for one in wanted])


def expected_definition(connection: Connection, wanted: DatabaseObject) -> str:
    """What PostgreSQL prints for an object freshly made from its statement.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
        wanted: the object; the table or view that it belongs to must exist.

    Raises:
        sqlalchemy.exc.ProgrammingError: it cannot be made here, for instance for want of a column.
    """
    if wanted.kind == "table":
        return wanted.kind
    statements = ["BEGIN"]
    if wanted.relation:
        statements.append(
            f"CREATE TEMPORARY TABLE {wanted.relation} (LIKE {wanted.schema}.{wanted.relation})"
        )
    if wanted.kind == "trigger":
        statements += SqlFile("catalog/stand_in.sql").statements
    statements.append(_temporary(wanted))
    try:
        # At once: a deployment makes some 200 of them, and each trip to the server and back counts.
        execute_statement(connection, ";\n".join(statements))
        schema = cast("str", query_one(connection, "catalog/temporary_schema.sql")["name"])
        (printed,) = _printed(connection, [wanted], [schema])
    finally:
        roll_back_block(connection)
    assert printed is not None
    if function := _TRIGGER_FUNCTION.search(wanted.statement):
        printed = _STAND_IN.sub(function[0], printed)
    return re.sub(r"\bpg_temp(_\d+)?\.", f"{wanted.schema}.", printed)


def deviation(
    connection: Connection, wanted: DatabaseObject, live: str | None, made: DatabaseObject | None
) -> Deviation | None:
    """How an object differs from what its statement makes.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
        wanted: the object.
        live: its live definition.
        made: what a deployment made last under its name; None if none did.

    Returns:
        None if the live object is the same.
    """
    if live is None:
        return Deviation(wanted, State.MISSING, wanted.statement, "")
    expected = _expected_if_possible(connection, wanted)
    if live == expected:
        return None
    state = State.OUTDATED if made and _is_as_made(connection, made) else State.ALTERED
    return Deviation(wanted, state, expected or wanted.statement, live)


def _is_as_made(connection: Connection, made: DatabaseObject) -> bool:
    (live,) = live_definitions(connection, [made])
    return live is not None and live == _expected_if_possible(connection, made)


def _expected_if_possible(connection: Connection, wanted: DatabaseObject) -> str | None:
    """None where it cannot be made here, for instance since an earlier step makes what it needs."""
    try:
        return expected_definition(connection, wanted)
    except ProgrammingError as error:
        # Not being allowed to look says nothing of what is there.
        if isinstance(error.orig, InsufficientPrivilege):
            raise
        return None


def _temporary(wanted: DatabaseObject) -> str:
    """The statement, turned so that it makes a temporary object."""
    if wanted.kind in {"view", "materialized view"}:
        match = _DEFINITIONS[wanted.kind].match(wanted.statement)
        assert match is not None
        return f"CREATE TEMPORARY VIEW {wanted.name} AS {match['query']}"
    name = wanted.relation or wanted.name
    statement = wanted.statement.replace("INDEX CONCURRENTLY ", "INDEX ", 1)
    if wanted.kind == "trigger":
        statement = _TRIGGER_FUNCTION.sub("pg_temp.stand_in", statement)
    return statement.replace(f"{wanted.schema}.{name}", f"pg_temp.{name}", 1)


def _printed(
    connection: Connection, wanted: Sequence[DatabaseObject], schemas: Sequence[str]
) -> list[str | None]:
    if not wanted:
        return []
    rows = query_file(
        connection,
        "catalog/definitions.sql",
        kinds=[one.kind for one in wanted],
        schemas=[*schemas],
        names=[one.name for one in wanted],
        relations=[one.relation for one in wanted],
    )
    return [row["definition"] for row in rows]
