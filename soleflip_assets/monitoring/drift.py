"""Schema drift: whether the live schema is what sql/phase2 made it, and if not, how it differs.

Columns are compared with tables.py; indexes, functions, triggers and the view with what PostgreSQL makes
of their statements (phase2/catalog.py). Only what the ledger says was deployed is compared: a step that was
reverted or retired is no drift. Here: collecting differences. Not here: mending them, which a deployment
does.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
from sqlalchemy import Connection

from soleflip_assets.database import query_file
from soleflip_assets.metrics.mode import current_mode
from soleflip_assets.monitoring.monitors import Finding, Monitor
from soleflip_assets.phase2 import ledger, steps
from soleflip_assets.phase2.catalog import DatabaseObject, difference, object_defined_by
from soleflip_assets.sql_files import SqlFile
from soleflip_assets.tables import STOCK, STOCK_METRICS_VIEW, Column, Table

_MEANING = "Somebody changed the schema by hand: a deployment would make it again as it was."


def drift_monitor(table: Table, files: Callable[[Connection], Sequence[SqlFile]]) -> Monitor:
    """The monitor of one table or view.

    Args:
        table: its columns.
        files: whose objects belong to it, in this database.
    """

    def look(connection: Connection) -> Finding:
        wanted = list(_deployed_objects(connection, files(connection)))
        differences = list(_column_differences(connection, table))
        differences += [
            _diff(str(expected), found[0], found[1])
            for expected in wanted
            if (found := difference(connection, expected))
        ]
        return _finding(differences, columns=len(table.columns), objects=len(wanted))

    return Monitor(
        f"{table.name}_schema_as_deployed",
        table.key,
        f"Columns, indexes, functions, triggers and definition of {table.name} are as deployed.",
        _MEANING,
        look,
    )


def _finding(differences: Sequence[str], *, columns: int, objects: int) -> Finding:
    counts: dict[str, Any] = {
        "columns_compared": columns,
        "objects_compared": objects,
        "differences": len(differences),
    }
    texts = {}
    if differences:
        names = [text.partition("\n")[0].removeprefix("--- ") for text in differences]
        counts["changed"] = ", ".join(names)
        texts["difference"] = "\n\n".join(f"```diff\n{text}\n```" for text in differences)
    return Finding(not differences, dg.AssetCheckSeverity.ERROR, counts, texts)


def _deployed_objects(connection: Connection, files: Sequence[SqlFile]) -> Iterator[DatabaseObject]:
    entries = ledger.entries(connection)
    # Triggers and functions that went with the legacy tables.
    ended = steps.SYNCHRONISATION if ledger.retired(connection, "drop_legacy_tables") else []
    for file in files:
        entry = entries.get(file.name)
        if entry is None or entry["finished_at"] is None or file in ended:
            continue
        for statement in file.statements:
            if defined := object_defined_by(statement):
                yield defined


def _column_differences(connection: Connection, table: Table) -> Iterator[str]:
    live = [
        _spelled(row["name"], row["type"], nullable=row["nullable"])
        for row in query_file(connection, "monitoring/columns.sql", relation=table.name)
    ]
    expected = [_column(column) for column in table.columns]
    if live != expected:
        yield _diff(f"columns of inventory.{table.name}", "\n".join(expected), "\n".join(live))


def _column(column: Column) -> str:
    return _spelled(column.name, column.type.removeprefix("inventory."), nullable=column.nullable)


def _spelled(name: str, type_: str, *, nullable: bool) -> str:
    return f"{name} {type_}" + ("" if nullable else " NOT NULL")


def _diff(name: str, expected: str, live: str) -> str:
    """A unified diff from what sql/ says to what is there."""
    lines = difflib.unified_diff(
        expected.splitlines(), live.splitlines(), name, f"{name}, live", lineterm="", n=1
    )
    return "\n".join(lines)


MONITORS = [
    drift_monitor(STOCK, lambda _: [file for file in steps.FILES if file not in steps.VIEW]),
    drift_monitor(STOCK_METRICS_VIEW, lambda connection: current_mode(connection).files),
]
