"""Objects that the files of sql/phase2 define, and whether the live ones are the same.

An object is the same when PostgreSQL prints it as it prints a fresh one made from our statement; the fresh
one is made among the session's temporary objects and rolled back. So no text of ours has to guess how
a version of PostgreSQL spells a definition, and no live object is touched or locked. Here: functions,
triggers, indexes and views. Not here: columns, which are only ever added.
"""

import re
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import Connection

from soleflip_assets.ground.database import execute_statement, query_one, roll_back_block, run_file

Kind = Literal["function", "index", "trigger", "view", "materialized view"]

_DEFINITIONS: dict[Kind, re.Pattern[str]] = {
    "function": re.compile(r"CREATE OR REPLACE FUNCTION (?P<schema>\w+)\.(?P<name>\w+)\("),
    "index": re.compile(
        r"CREATE (UNIQUE )?INDEX (CONCURRENTLY )?(?P<name>\w+)\s+ON (?P<schema>\w+)\.(?P<relation>\w+)"
    ),
    "trigger": re.compile(
        r"CREATE OR REPLACE TRIGGER (?P<name>\w+)\s.*?ON (?P<schema>\w+)\.(?P<relation>\w+)",
        re.DOTALL,
    ),
    "view": re.compile(
        r"CREATE OR REPLACE VIEW (?P<schema>\w+)\.(?P<name>\w+) AS(?P<query>.*)$", re.DOTALL
    ),
    "materialized view": re.compile(
        r"CREATE MATERIALIZED VIEW (?P<schema>\w+)\.(?P<name>\w+) AS(?P<query>.*?)(WITH NO DATA)?$",
        re.DOTALL,
    ),
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
    def replaceable(self) -> bool:
        """Whether its statement replaces a differing one, so that none has to be dropped first."""
        return self.kind in {"function", "trigger"}


def object_defined_by(statement: str) -> DatabaseObject | None:
    """The object that a statement creates; None for any other statement."""
    for kind, pattern in _DEFINITIONS.items():
        if match := pattern.match(statement):
            found = match.groupdict()
            return DatabaseObject(
                kind, found["schema"], found["name"], found.get("relation") or "", statement
            )
    return None


def live_definition(connection: Connection, wanted: DatabaseObject) -> str | None:
    """The live object as PostgreSQL prints it; None if there is none."""
    return _printed(connection, wanted, wanted.schema)


def expected_definition(connection: Connection, wanted: DatabaseObject) -> str:
    """What PostgreSQL prints for an object freshly made from its statement.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
        wanted: the object; the table or view that it belongs to must exist.
    """
    execute_statement(connection, "BEGIN")
    try:
        if wanted.relation:
            execute_statement(
                connection,
                f"CREATE TEMPORARY TABLE {wanted.relation} (LIKE {wanted.schema}.{wanted.relation})",
            )
        if wanted.kind == "trigger":
            run_file(connection, "catalog/stand_in.sql")
        execute_statement(connection, _temporary(wanted))
        schema = cast("str", query_one(connection, "catalog/temporary_schema.sql")["name"])
        printed = _printed(connection, wanted, schema)
    finally:
        roll_back_block(connection)
    assert printed is not None
    if function := _TRIGGER_FUNCTION.search(wanted.statement):
        printed = _STAND_IN.sub(function[0], printed)
    return re.sub(r"\bpg_temp(_\d+)?\.", f"{wanted.schema}.", printed)


def difference(connection: Connection, wanted: DatabaseObject) -> tuple[str, str] | None:
    """Expected and live definition of an object that is not what its statement makes.

    Returns:
        None if the live object is the same; an empty live definition if there is none.
    """
    live = live_definition(connection, wanted)
    if live is None:
        return wanted.statement, ""
    expected = expected_definition(connection, wanted)
    return None if live == expected else (expected, live)


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


def _printed(connection: Connection, wanted: DatabaseObject, schema: str) -> str | None:
    row = query_one(
        connection,
        "catalog/definition.sql",
        kind=wanted.kind,
        schema=schema,
        name=wanted.name,
        relation=wanted.relation,
    )
    return cast("str | None", row["definition"])
