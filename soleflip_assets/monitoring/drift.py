"""Schema drift: whether the live schema is what sql/ makes it, and if not, how it differs.

Columns are compared with tables.py; indexes, functions, triggers and the view with what PostgreSQL makes
of their statements (phase2/catalog.py). Of Phase 2 only what the ledger says was deployed is compared: a step
that was reverted or retired is no drift. What is missing or altered fails: an error, or a warning if it is
only an index of Phase 1. What is outdated or orphaned works as an older version meant it to, and fails as a
warning. What was added breaks nothing that is here and may be the application's own, so it is shown and
passes. Here: collecting differences. Not here: mending them, which a deployment does.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from soleflip_assets.checks.monitors import Monitor
from soleflip_assets.checks.question import Answer
from soleflip_assets.checks.shown import Markdown
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import (
    DatabaseObject,
    Deviation,
    State,
    objects_defined_by,
)
from soleflip_assets.deploying.changes import deviations, orphans
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.database import query_file
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.ground.tables import STOCK, STOCK_METRICS_VIEW, Column, Table
from soleflip_assets.metrics.mode import Mode, current_mode
from soleflip_assets.phase2 import steps

_MEANING = (
    "The schema is not as this version makes it. Missing or altered: somebody changed it by hand. Outdated "
    "or orphaned: an older version made it. `soleflip deploy --check` says what a deployment would do."
)
_OLDER_CODE = "A newer version than this one deployed here; update this code."

_BEFORE = SqlFile("legacy/01_schema.sql")
_STEPS_OF_VIEW = {file.name for mode in Mode for file in mode.files}


_SHOWN = 10


def drift_monitor(
    table: Table, files: Callable[[Connection], Sequence[SqlFile]], *, of_view: bool = False
) -> Monitor:
    """The monitor of one table or view.

    Args:
        table: its columns.
        files: whose objects belong to it, in this database.
        of_view: whether what the view's steps left behind belongs to it; else it is what all others left.
    """

    def look(connection: Connection) -> Answer:
        if newer := ledger.newer_version(connection):
            counts = {"deployed_by": newer, "this_version": ledger.VERSION}
            return Answer(False, {"severity": "WARN", **counts, "examples": [_OLDER_CODE]})
        deployed = list(_deployed_objects(connection, files(connection)))
        before = list(_indexes_before(table))
        made = ledger.made_objects(connection)
        found = deviations(connection, deployed, made)
        found += [
            one for step, one in orphans(connection, made) if (step in _STEPS_OF_VIEW) == of_view
        ]
        of_phase_1 = deviations(connection, before, made)
        columns = [*_column_changes(connection, table)]
        added = [
            *_added_to_columns(connection, table),
            *_added_indexes(connection, [*deployed, *before]),
        ]
        changed = [*columns, *(_diff_of(one) for one in [*found, *of_phase_1])]
        names = [text.partition("\n")[0].removeprefix("--- ") for text in changed]
        by_hand = columns or any(one.state in {State.MISSING, State.ALTERED} for one in found)
        observed: dict[str, object] = {
            "severity": "ERROR" if by_hand else "WARN",
            "columns_compared": len(table.columns),
            "objects_compared": len(deployed) + len(before),
            "differences": len(changed),
            "additions": len(added),
        }
        if changed:
            more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
            observed["examples"] = [*names[:_SHOWN], *more]
            observed["difference"] = _fenced(*changed)
        if added:
            observed["added"] = _fenced("\n".join(f"+{line}" for line in added))
        return Answer(not changed, observed)

    return Monitor(
        f"{table.name}_schema_as_deployed",
        key_of(table),
        f"Columns, indexes, functions, triggers and definition of {table.name} are as this version makes it.",
        _MEANING,
        look,
    )


def _fenced(*diffs: str) -> Markdown:
    return Markdown("\n\n".join(f"```diff\n{diff}\n```" for diff in diffs))


def _diff_of(found: Deviation) -> str:
    return _diff(f"{found.state}: {found.object}", found.expected, found.live)


def _indexes_before(table: Table) -> Iterator[DatabaseObject]:
    """Those that Phase 1 left on the table."""
    for defined in objects_defined_by(_BEFORE.statements):
        if defined.kind == "index" and defined.relation == table.name:
            yield defined


def _deployed_objects(connection: Connection, files: Sequence[SqlFile]) -> Iterator[DatabaseObject]:
    entries = ledger.entries(connection)
    # Triggers and functions that went with the legacy tables.
    ended = steps.SYNCHRONISATION if ledger.retired(connection, "drop_legacy_tables") else []
    for file in files:
        entry = entries.get(file.name)
        if entry is None or entry["finished_at"] is None or file in ended:
            continue
        yield from objects_defined_by(file.statements)


def _column_changes(connection: Connection, table: Table) -> Iterator[str]:
    live = _live_columns(connection, table)
    # A default that nothing is promised of is no change.
    found = [
        _spelled(replace(live[column.name], default=column.default and live[column.name].default))
        for column in table.columns
        if column.name in live
    ]
    expected = [_spelled(column) for column in table.columns]
    if found != expected:
        yield _diff(
            f"{State.ALTERED}: columns of inventory.{table.name}",
            "\n".join(expected),
            "\n".join(found),
        )


def _added_to_columns(connection: Connection, table: Table) -> Iterator[str]:
    expected = {column.name: column for column in table.columns}
    for name, column in _live_columns(connection, table).items():
        if name not in expected or (column.default and not expected[name].default):
            yield _spelled(column)


def _added_indexes(connection: Connection, expected: Sequence[DatabaseObject]) -> Iterator[str]:
    """On whatever the expected ones are on."""
    indexes = [wanted for wanted in expected if wanted.kind == "index"]
    names = {index.name for index in indexes}
    for schema, relation in sorted({(index.schema, index.relation) for index in indexes}):
        for row in query_file(
            connection, "monitoring/indexes.sql", schema=schema, relation=relation
        ):
            if row["name"] not in names:
                yield str(row["definition"])


def _live_columns(connection: Connection, table: Table) -> dict[str, Column]:
    rows = query_file(connection, "monitoring/columns.sql", relation=table.name)
    return {
        row["name"]: Column(
            row["name"], row["type"], "", nullable=row["nullable"], default=row["default"]
        )
        for row in rows
    }


def _spelled(column: Column) -> str:
    type_ = column.type.removeprefix("inventory.")
    null = "" if column.nullable else " NOT NULL"
    default = f" DEFAULT {column.default}" if column.default else ""
    return f"{column.name} {type_}{null}{default}"


def _diff(name: str, expected: str, live: str) -> str:
    """A unified diff from what sql/ says to what is there."""
    lines = difflib.unified_diff(
        expected.splitlines(), live.splitlines(), name, f"{name}, live", lineterm="", n=1
    )
    return "\n".join(lines)


MONITORS = [
    drift_monitor(
        STOCK, lambda _: [file for file in steps.PHASE2_FILES if file not in steps.VIEW_FILES]
    ),
    drift_monitor(
        STOCK_METRICS_VIEW, lambda connection: current_mode(connection).files, of_view=True
    ),
]
