"""A database that holds Phase 2 already, made by hand: what of it is there, and how it becomes ours.

What is equal to what our steps make is adopted as it is. What is less is completed: a backup gets its keys
and indexes, the function becomes ours. What cannot be adopted is moved into inventory_ops under a name that
says what it is; nothing of it is dropped. Tables that are gone are retired, as found. Here: looking, which
changes nothing, and what has to be done before the steps can begin. Not here: the steps, which leave alone
what is right (deployer.py), or what counts where both sides contradict each other (sql/phase2/60).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import (
    DatabaseObject,
    Deviation,
    State,
    objects_defined_by,
)
from soleflip_assets.deploying.changes import deviations
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.database import execute_statement, query_file, query_one
from soleflip_assets.ground.sql_files import SqlFile, sql_files
from soleflip_assets.ground.tables import LEGACY_TABLES, STOCK, STOCK_BEFORE, Table, backup_of

RETIREMENTS = ("drop_legacy_tables", "drop_backup_tables")

_FILES = sql_files("phase2")
_REFRESH = "refresh_stock_metrics"
_NEW_COLUMNS = [column.name for column in STOCK.columns[len(STOCK_BEFORE) :]]
_INVALID = " (invalid)"


@dataclass(frozen=True)
class Part:
    """An object of Phase 2, or one under its name, that is there before the deployment.

    Attributes:
        name: the object, with its kind.
        verdict: what becomes of it, in a few words.
        step: the step of sql/phase2 that makes it, else empty.
        aside: the suffix under which it is moved away; empty where it stays.
    """

    name: str
    verdict: str
    step: str = ""
    aside: str = ""

    def __str__(self) -> str:
        """One line."""
        return f"{self.name}: {self.verdict}"


@dataclass(frozen=True)
class Found:
    """What somebody made by hand.

    Attributes:
        state: in a few words.
        parts: object by object, in the order of the deployment.
        columns: which of the new columns stock has; what is in them is live.
        retired: the retirement steps that were carried out by hand.
    """

    state: str
    parts: Sequence[Part] = ()
    columns: Sequence[str] = ()
    retired: Sequence[str] = ()

    def of_step(self, step: str) -> list[str]:
        """The objects that a step finds, each as a line."""
        return [str(part) for part in self.parts if part.step == step and not part.aside]

    @property
    def details(self) -> dict[str, Any]:
        """For the ledger."""
        return {
            "state": self.state,
            "columns": [*self.columns],
            "retired": [*self.retired],
            "parts": [vars(part) for part in self.parts],
        }


def found_in(connection: Connection) -> Found:
    """What there is, as it was when the deployment began.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
    """
    entries = ledger.entries(connection)
    if recorded := entries.get(ledger.ADOPTION):
        return _from_details(recorded["details"])
    if ledger.EXPANSION in entries:
        done = ledger.deployed_at(connection) is not None
        return Found("deployed by this project" if done else "being deployed by this project")
    there = dict(query_one(connection, "adoption/found.sql"))
    retired = [step for step in RETIREMENTS if ledger.retired(connection, step)]
    # What a step of ours has begun is ours.
    parts = [part for part in _parts(connection, there, retired) if part.step not in entries]
    return Found(_state(there, retired, parts), parts, there["columns"], retired)


def state_of(connection: Connection) -> str:
    """In which state the database is now, in a few words."""
    found = found_in(connection)
    entries = ledger.entries(connection)
    if ledger.ADOPTION not in entries:
        return found.state
    begun = "deployed" if ledger.deployed_at(connection) else "being deployed"
    return f"{begun} by this project; before that {found.state}"


def _from_details(details: Mapping[str, Any]) -> Found:
    parts = [Part(**part) for part in details["parts"]]
    return Found(details["state"], parts, details["columns"], details["retired"])


def _state(there: Mapping[str, Any], retired: Sequence[str], parts: Sequence[Part]) -> str:
    if not parts:
        return "before Phase 2"
    if not there["columns"]:
        return "before Phase 2, with objects of it made by hand"
    if len(retired) == len(RETIREMENTS):
        return "applied by hand, legacy tables and backups dropped"
    if retired:
        return "applied by hand, legacy tables dropped"
    expected = len(_NEW_COLUMNS) + len(_seeds_objects()) + len(LEGACY_TABLES)
    return "applied by hand" if len(parts) >= expected else "applied by hand in part"


def _parts(
    connection: Connection, there: Mapping[str, Any], retired: Sequence[str]
) -> Iterator[Part]:
    if retired:
        for name in there["legacy"]:
            yield Part(
                f"table inventory.{name}",
                "left over of tables that were dropped; moved to inventory_ops",
                aside="_left_over",
            )
    for table in LEGACY_TABLES:
        backup = backup_of(table)
        if backup.name in there["backups"]:
            yield _backup_part(connection, table, retired)
    for name in there["columns"]:
        yield Part(
            f"column inventory.stock.{name}", "adopted; what is in it is live", ledger.EXPANSION
        )
    seeds = _seeds_objects()
    found = {one.object: one.state for one in deviations(connection, [*seeds], {})}
    for wanted, file in seeds.items():
        if wanted not in found:
            yield Part(str(wanted), "adopted", file.name)
        elif found[wanted] is not State.MISSING:
            yield Part(str(wanted), "completed: made as this version makes it", file.name)


def _backup_part(connection: Connection, table: Table, retired: Sequence[str]) -> Part:
    backup = backup_of(table)
    name = f"table inventory.{backup.name}"
    (step,) = (file.name for file in _FILES if file.name.endswith(f"_{backup.name}"))
    if RETIREMENTS[1] in retired:
        reason = "left over of backups that were dropped"
    else:
        reason = _obstacle(connection, table)
    if reason:
        return Part(name, f"{reason}; moved to inventory_ops", step, aside="_by_hand")
    return Part(name, "adopted, completed with keys, indexes and defaults", step)


def _obstacle(connection: Connection, table: Table) -> str:
    """Why a table cannot be the backup of another one; empty if it can."""
    contract = [(column.name, column.type) for column in table.columns]
    wanted = _columns(connection, table.name) or contract
    if _columns(connection, f"{table.name}_backup") != wanted:
        return f"its columns are not those of {table.name}"
    backup = f"inventory.{table.name}_backup"
    keys = ["id"]
    if table.name == "stock_metrics":
        keys.append("stock_id")
    for key in keys:
        look = sql.SQL(
            "SELECT EXISTS (SELECT FROM {table} GROUP BY {key} HAVING count(*) > 1 OR {key} IS NULL)"
        ).format(table=sql.Identifier(*backup.split(".")), key=sql.Identifier(key))
        if connection.exec_driver_sql(look.as_string()).scalar_one():
            return f"{key} is there twice, or is NULL"
    required = [column.name for column in table.columns if not column.nullable]
    look = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(
        sql.Identifier(*backup.split(".")),
        sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(sql.Identifier(one)) for one in required),
    )
    if connection.exec_driver_sql(look.as_string()).scalar_one():
        return "a column that must not be NULL is"
    return ""


def _columns(connection: Connection, name: str) -> list[tuple[str, str]]:
    rows = query_file(connection, "adoption/columns.sql", name=name)
    return [(row["name"], row["type"]) for row in rows]


def _seeds_objects() -> dict[DatabaseObject, SqlFile]:
    """What the steps make in SoleFlip's own schema, beside columns and backups, each with its step."""
    return {
        defined: file
        for file in _FILES
        for defined in objects_defined_by(file.statements)
        if defined.schema == "inventory" and defined.kind != "trigger"
    }


def in_the_way(connection: Connection) -> list[str]:
    """Objects of somebody else's under names that steps need which were never begun, each with what it is.

    Not among them: what is adopted, and what an earlier deployment left.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
    """
    entries = ledger.entries(connection)
    made = ledger.made_objects(connection)
    wanted = [
        defined
        for file in _FILES
        if file.name not in entries
        for defined in objects_defined_by(file.statements)
        if str(defined) not in made
    ]
    others = dict(_of_another_kind(connection, wanted))
    left = [one for one in wanted if one not in others]
    backups = [f"inventory.{backup_of(table).name}" for table in LEGACY_TABLES]
    return [
        *others.values(),
        *(
            f"type {row['name']}, where there will be a table"
            for row in query_file(connection, "adoption/relations.sql", names=backups)
            if row["kind"] == "type"
        ),
        *_of_another_definition(connection, left),
    ]


def _of_another_kind(
    connection: Connection, wanted: Sequence[DatabaseObject]
) -> Iterator[tuple[DatabaseObject, str]]:
    """Tables, views and indexes have their names in common. Without a ledger no table is ours."""
    foreign = not ledger.exists(connection)
    by_name = {
        f"{one.schema}.{one.name}": one for one in wanted if one.kind not in {"function", "trigger"}
    }
    for row in query_file(connection, "adoption/relations.sql", names=[*by_name]):
        one = by_name[row["name"]]
        if (row["kind"], row["relation"]) != (one.kind, one.relation) or (
            foreign and one.kind == "table"
        ):
            where = f" on {row['relation']}" if row["relation"] else ""
            yield one, f"{row['kind']} {row['name']}{where}, where there will be the {one}"


def _of_another_definition(
    connection: Connection, wanted: Sequence[DatabaseObject]
) -> Iterator[str]:
    for found in deviations(connection, wanted, {}):
        if found.state is State.ALTERED and not _is_less(found):
            yield f"{found.object} with another definition: {' '.join(found.live.split())[:200]}"


def _is_less(found: Deviation) -> bool:
    """Whether it is the seed's own, and only has to be completed."""
    one = found.object
    if one.kind == "index":
        return found.live.removesuffix(_INVALID) == found.expected
    return (
        one.name == _REFRESH and not found.has_to_be_dropped and "stock_metrics_view" in found.live
    )


def adopt(deployer: Deployer) -> Found:
    """Make way for the steps, once for a deployment, and record what was found; died, it is resumed.

    Returns:
        What was found.
    """
    entry = deployer.entries.get(ledger.ADOPTION)
    found = found_in(deployer.connection)
    if not found.parts or (entry and entry["finished_at"]):
        return found
    number = (
        entry["id"]
        if entry
        else ledger.start(deployer.connection, ledger.ADOPTION, checksum="", details=found.details)
    )
    deployer.log(f"found: {found.state}")
    moved = {part.name: _set_aside(deployer, part) for part in found.parts if part.aside}
    for table in LEGACY_TABLES:
        backup = f"table inventory.{backup_of(table).name}"
        if any(part.name == backup and not part.aside for part in found.parts):
            deployer.in_transaction(partial(_complete, deployer.connection, table))
    for step in found.retired:
        if not query_file(deployer.connection, "retirement/retired.sql", step=step):
            with deployer.recorded(step, checksum="") as details:
                details["found"] = "dropped"
    ledger.finish(deployer.connection, number, {"moved": moved})
    return found


def _set_aside(deployer: Deployer, part: Part) -> str:
    """Move a table away, unless it is gone already."""
    relation = part.name.removeprefix("table ")
    connection = deployer.connection
    if not query_file(connection, "adoption/relations.sql", names=[relation]):
        return ""
    name: str = deployer.in_transaction(
        lambda: query_one(
            connection, "adoption/set_aside.sql", relation=relation, suffix=part.aside
        )["name"]
    )
    deployer.log(f"{part.name}: {part.verdict.partition(';')[0]}: it is {name} now")
    return name


def _complete(connection: Connection, table: Table) -> None:
    """Make of a bare copy what our own step would have made."""
    source = f"inventory.{table.name}"
    gone = not query_file(connection, "adoption/relations.sql", names=[source])
    model = f"inventory_ops.{table.name}" if gone else source
    if gone:
        for statement in _model_of(table):
            execute_statement(connection, statement)
    query_one(
        connection,
        "adoption/complete_backup.sql",
        backup=f"{source}_backup",
        model=model,
        source=source,
    )
    if gone:
        drop = sql.SQL("DROP TABLE {}").format(sql.Identifier(*model.split(".")))
        execute_statement(connection, drop.as_string())


def legacy_statements(table: Table) -> list[str]:
    """What made a legacy table and its index."""
    return [
        statement
        for statement in SqlFile("legacy/01_schema.sql").statements
        if f" inventory.{table.name} (" in statement.partition("\n")[0]
    ]


def _model_of(table: Table) -> list[str]:
    """The same table in inventory_ops, tied to nothing, to read its definition from."""
    return [
        statement.replace(f"inventory.{table.name} (", f"inventory_ops.{table.name} (").replace(
            " REFERENCES inventory.stock (id) ON DELETE CASCADE", ""
        )
        for statement in legacy_statements(table)
    ]
