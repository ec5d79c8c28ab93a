"""The catalogue of corruptions: each is done to a living shop, and a check must catch it.

corruptions.md is made of it by the test: UPDATE_CORRUPTIONS=1 renews it. Here: what bypasses all triggers, in
one row or in two that exchange a value. Not here: what else a check then says
(test_validations.py, test_monitors.py).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.monitoring.jobs import MONITORS
from tests.conftest import REFRESHED, Databases
from tests.integration.checks.test_validations import ROW, view_with

LISTED = Path(__file__).with_name("corruptions.md")
BOTH, MATERIALIZED, INCREMENTAL = REFRESHED, (Mode.MATERIALIZED,), (Mode.INCREMENTAL,)


@dataclass(frozen=True)
class Corruption:
    """What is done, to what, and which check must catch it."""

    what: str
    check: str
    statements: Sequence[str]
    modes: Sequence[Mode] = BOTH


# Rows that count whatever their dates: there is no other one of their stock row.
ALONE = "stock_id IN (SELECT stock_id FROM {table} GROUP BY stock_id HAVING count(*) = 1)"
DIFFERENT = {
    "jsonb": "'[\"corrupt\"]'",
    "integer": "coalesce({column}, 0) + 1",
    "numeric": "coalesce({column}, 0) + 1",
    "timestamptz": "{column} - interval '1 second'",
    "uuid": "gen_random_uuid()",
}
LIFECYCLE = {
    "shelf_life_days": "integer",
    "listed_on_platforms": "jsonb",
    "status_history": "jsonb",
}
FINANCIAL = dict.fromkeys(
    ("purchase_price", "gross_purchase_price", "vat_amount", "profit_per_shelf_day", "roi"),
    "numeric",
)
METRICS = {
    "available_quantity": "integer",
    "reserved_quantity": "integer",
    "total_cost": "numeric",
    "expected_profit": "numeric",
}
ROW_OF_LEGACY = {
    "id": "uuid",
    "stock_id": "uuid",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
STOCK = {
    **dict.fromkeys(LIFECYCLE, "lifecycle_data_migrated"),
    **dict.fromkeys(
        (
            "purchase_price",
            "gross_purchase_price",
            "vat_amount",
            "profit_per_shelf_day",
            "roi_percentage",
        ),
        "financial_data_consistent",
    ),
    **dict.fromkeys(("reserved_quantity", "quantity"), "reserved_quantities_migrated"),
}
SHOWN = {
    "total_quantity": "integer",
    "available_quantity": "integer",
    "reserved_quantity": "integer",
    "total_cost": "numeric",
    "expected_profit": "numeric",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}


def changed(table: str, column: str, kind: str, of: str, key: str = "id") -> str:
    """One row says something else."""
    new = DIFFERENT[kind].format(column=column)
    return (
        f"UPDATE {table} SET {column} = {new} WHERE {key} = "
        f"(SELECT {key} FROM {table} WHERE {of} ORDER BY {key} LIMIT 1)"
    )


def exchanged(table: str, column: str, of: str, key: str = "id") -> str:
    """Two rows say what the other one said: sums and counts stay the same."""
    return f"""
        WITH one AS (
          SELECT {key} AS key, {column} AS value FROM {table} WHERE {of} AND {column} IS NOT NULL
          ORDER BY {key} LIMIT 1
        ), other AS (
          SELECT t.{key} AS key, t.{column} AS value FROM {table} AS t, one
          WHERE t.{of} AND t.{column}::text <> one.value::text ORDER BY t.{key} LIMIT 1
        )
        UPDATE {table} AS t SET {column} = CASE t.{key} WHEN one.key THEN other.value ELSE one.value END
        FROM one, other WHERE t.{key} IN (one.key, other.key)"""


# Two rows cannot have each other's key one after the other.
NO_UNIQUE_KEYS = (
    "DROP INDEX IF EXISTS inventory.idx_stock_metrics_stock, "
    "inventory.stock_metrics_backup_stock_id_idx"
)


def in_both_ways(
    table: str, column: str, kind: str, check: str, *, of: str = "id IS NOT NULL",
    key: str = "id", modes: Sequence[Mode] = BOTH,
) -> Iterator[Corruption]:  # fmt: skip
    name = f"{table}.{column}"
    yield Corruption(f"{name} of one row", check, [changed(table, column, kind, of, key)], modes)
    if column != key:
        statements = [NO_UNIQUE_KEYS, exchanged(table, column, of, key)]
        yield Corruption(f"{name} exchanged", check, statements, modes)


def of_stock() -> Iterator[Corruption]:
    table = "inventory.stock"
    for column, check in STOCK.items():
        kind = {**LIFECYCLE, "reserved_quantity": "integer", "quantity": "integer"}.get(
            column, "numeric"
        )
        # A row with all that can differ.
        yield from in_both_ways(
            table, column, kind, check, of=f"id IN (SELECT stock_id FROM {RICH})"
        )
        if column != "quantity":
            yield Corruption(
                f"{table}.{column} cleared", check,
                [f"UPDATE {table} SET {column} = NULL WHERE id = {ROW}"],
            )  # fmt: skip
    for column, kind in {
        "quantity": "integer",
        "reserved_quantity": "integer",
        "gross_purchase_price": "numeric",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
    }.items():
        yield Corruption(
            f"{table}.{column} of one row, unannounced", "triggers_not_bypassed",
            [changed(table, column, kind, f"id = {ROW}"), COMPARE], INCREMENTAL,
        )  # fmt: skip


COMPARE = "SELECT inventory_ops.compare_stock_metrics()"
RICH = """inventory.stock_metrics JOIN inventory.stock_lifecycle USING (stock_id)
  JOIN inventory.stock_financial USING (stock_id)"""


def of_legacy_tables() -> Iterator[Corruption]:
    for name, columns, check in (
        ("stock_lifecycle", LIFECYCLE, "lifecycle_data_migrated"),
        ("stock_financial", FINANCIAL, "financial_data_consistent"),
        ("stock_metrics", METRICS, "reserved_quantities_migrated"),
    ):
        table = f"inventory.{name}"
        of = ALONE.format(table=table)
        for column, kind in columns.items():
            yield from in_both_ways(table, column, kind, check, of=of)
        yield from in_both_ways(table, "stock_id", "uuid", check, of=of)
        if name != "stock_financial":
            yield Corruption(
                f"{table}: row gone", check, [f"DELETE FROM {table} WHERE stock_id = {ROW}"]
            )
        for column, kind in {**columns, **ROW_OF_LEGACY}.items():
            yield from in_both_ways(f"{table}_backup", column, kind, f"{name}_backup_complete")
        yield Corruption(
            f"{table}_backup: row gone", f"{name}_backup_complete",
            [f"DELETE FROM {table}_backup WHERE id = (SELECT id FROM {table}_backup LIMIT 1)"],
        )  # fmt: skip
        yield Corruption(
            f"inventory_ops.backup: record of {name}_backup", f"{name}_backup_complete",
            [f"UPDATE inventory_ops.backup SET content = '' WHERE backup = '{table}_backup'"],
        )  # fmt: skip


def of_the_view() -> Iterator[Corruption]:
    for column in SHOWN:
        more = "interval '1 s'" if column.endswith("_at") else "1"
        columns = ", ".join(
            f"{name} + {more} AS {name}" if name == column else name
            for name in ("stock_id", "last_calculated_at", *SHOWN)
        )
        yield Corruption(
            f"inventory.stock_metrics_view.{column} of another definition",
            "view_rows_match_query",
            view_with(f"{quoted(f'SELECT {columns} FROM (')} || query || ') AS wrong'"),
            MATERIALIZED,
        )
    model = "inventory_ops.stock_metrics_read_model"
    for column, kind in SHOWN.items():
        yield from in_both_ways(
            model, column, kind, "view_rows_match_query", of="stock_id IS NOT NULL", key="stock_id",
            modes=INCREMENTAL,
        )  # fmt: skip
    for what, statement in (
        ("row gone", f"DELETE FROM {model} WHERE stock_id = {ROW}"),
        (
            "stock_id of one row",
            f"UPDATE {model} SET stock_id = gen_random_uuid() WHERE stock_id = {ROW}",
        ),
    ):
        yield Corruption(
            f"{model}: {what}", "view_count_matches_stock_count", [statement], INCREMENTAL
        )
    yield Corruption(
        f"{model}: emptied", "view_count_matches_stock_count", [f"TRUNCATE {model}"], INCREMENTAL
    )


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


OBEY = "SET LOCAL session_replication_role = origin"
QUEUED = f"UPDATE inventory.stock SET quantity = quantity + 1 WHERE id = {ROW}"


def of_records() -> Iterator[Corruption]:
    refresh, queue = "inventory_ops.metrics_refresh", "inventory_ops.stock_change"
    yield Corruption(f"{refresh}: emptied", "view_records", [f"DELETE FROM {refresh}"])
    for column, value in (("system_identifier", "1"), ("horizon", "'9999999999'")):
        yield Corruption(
            f"{refresh}.{column} of another cluster",
            "view_records",
            [f"UPDATE {refresh} SET {column} = {value}"],
        )
    for what, statement in (
        ("entry gone", f"DELETE FROM {queue}"),
        ("quantity of one row", f"UPDATE {queue} SET quantity = quantity + 1"),
    ):
        yield Corruption(
            f"{queue}: {what}", "triggers_not_bypassed",
            [OBEY, QUEUED, statement, "SELECT inventory.refresh_stock_metrics()", COMPARE], INCREMENTAL,
        )  # fmt: skip
    yield Corruption(
        f"{queue}: entry that nobody takes", "view_is_fresh",
        [
            OBEY, QUEUED, f"UPDATE {queue} SET queued_at = now() - interval '1 day'",
            "UPDATE inventory_ops.stock_metrics_refreshed SET last_calculated_at = now() - interval '1 day'",
        ], INCREMENTAL,
    )  # fmt: skip
    yield Corruption(
        "inventory_ops.stock_baseline: row that never was", "stock_records_kept",
        ["INSERT INTO inventory_ops.stock_baseline VALUES (gen_random_uuid())"],
    )  # fmt: skip
    yield Corruption(
        "inventory_ops.stock_deletion: record gone", "stock_records_kept",
        [OBEY, f"DELETE FROM inventory.stock WHERE id = {ROW}", "DELETE FROM inventory_ops.stock_deletion"],
    )  # fmt: skip
    yield Corruption(
        "inventory.stock: row gone",
        "stock_records_kept",
        [f"DELETE FROM inventory.stock WHERE id = {ROW}"],
    )
    reservation = "inventory.stock_reservation"
    for column, value in (
        ("reserved_quantity", "reserved_quantity + 1"),
        ("status", "'released'"),
        ("stock_id", "gen_random_uuid()"),
    ):  # fmt: skip
        yield Corruption(
            f"{reservation}.{column} of one row", "reservations_match_ledger",
            [
                (f"UPDATE {reservation} SET {column} = {value} "
                f"WHERE id = (SELECT id FROM {reservation} WHERE status = 'active' LIMIT 1)"),
            ],
        )  # fmt: skip
    yield Corruption(
        f"{reservation}: row gone", "reservations_match_ledger",
        [f"DELETE FROM {reservation} WHERE status = 'active'"],
    )  # fmt: skip


def of_objects() -> Iterator[Corruption]:
    # Not here: what stock_schema_as_deployed sees, object by object (test_monitors.py).
    yield Corruption(
        "trigger soleflip_queue_update disabled", "mode_is_whole",
        ["ALTER TABLE inventory.stock DISABLE TRIGGER soleflip_queue_update"], INCREMENTAL,
    )  # fmt: skip
    for table in (
        "ledger",
        "backup",
        "stock_baseline",
        "stock_change",
        "metrics_refresh",
        "stock_trace",
    ):
        yield Corruption(
            f"inventory_ops.{table} UNLOGGED",
            "no_foreign_code",
            [f"ALTER TABLE inventory_ops.{table} SET UNLOGGED"],
        )


CORRUPTIONS = [
    *of_stock(), *of_legacy_tables(), *of_the_view(), *of_records(), *of_objects(),
]  # fmt: skip

# What nobody can catch, and why.
UNSEEN = {
    "inventory.stock: columns that no legacy row and no view has": (
        "The application's own; nothing says them twice."
    ),
    "inventory.stock.created_at, updated_at in materialized mode": (
        "stock is the one that knows; the view follows it."
    ),
    "created_at, updated_at, last_calculated_at of a legacy row": (
        "They decide which row counts, and no other table has them. Another row that comes to count by them, "
        "and says something else, is caught."
    ),
    "Legacy rows that are set aside": "Nothing reads them. Their backups are compared.",
    "inventory.stock_financial: row gone": "stock has all that it said, before and after Phase 2.",
    "inventory_ops.stock_baseline: row gone": (
        "Nothing else says that the stock row was there; as long as it is, it is compared with its legacy "
        "rows and the view."
    ),
    "inventory_ops.stock_deletion: record too many": (
        "It says that somebody deleted the row, which is how a row goes."
    ),
    "inventory_ops.reservation_key, validation, legacy_write, metrics_comparison": (
        "They remember, once, what was done or found; nothing that is kept says it again."
    ),
    "Both sides of a fact at once, in the same way": "That is what a write looks like.",
}

Fails = Callable[[Connection], bool]
CHECKS: dict[str, Fails] = {
    **{one.name: lambda c, one=one: not one.ask(c).passed for one in VALIDATIONS},  # type: ignore[misc]
    **{one.name: lambda c, one=one: not one.result(c).passed for one in MONITORS},  # type: ignore[misc]
}


@pytest.mark.parametrize("mode", REFRESHED)
def test_each_corruption_is_caught(databases_of_each_version: Databases, mode: Mode) -> None:
    todo = [one for one in CORRUPTIONS if mode in one.modes]
    missed = []
    engine = create_database_engine(databases_of_each_version.deployed("busy", mode))
    with engine.connect() as connection:
        for check in {one.check for one in todo}:
            assert not CHECKS[check](connection), check
        connection.exec_driver_sql("SET session_replication_role = replica")
        for one in todo:
            with connection.begin_nested() as undone:
                for statement in one.statements:
                    done = connection.exec_driver_sql(
                        statement, execution_options={"no_parameters": True}
                    )
                    if statement.lstrip().startswith(("UPDATE", "DELETE", "WITH")):
                        assert done.rowcount > 0, one.what
                if not CHECKS[one.check](connection):
                    missed.append(f"{one.what}: {one.check}")
                undone.rollback()
    assert missed == []


def test_catalogue_is_written_down() -> None:
    lines = [
        "# Corruptions and who catches them",
        "",
        f"Written by test_corruptions.py, which does each of the {len(CORRUPTIONS)} on PostgreSQL 15 and 18;",
        "renew with `UPDATE_CORRUPTIONS=1`.",
        "",
        "| corruption | modes | caught by |",
        "|---|---|---|",
        *(
            f"| {one.what} | {'both' if one.modes == BOTH else one.modes[0]} | `{one.check}` |"
            for one in CORRUPTIONS
        ),
        "",
        "## What nobody can catch",
        "",
        "| corruption | why |",
        "|---|---|",
        *(f"| {what} | {why} |" for what, why in UNSEEN.items()),
        "",
    ]
    if os.environ.get("UPDATE_CORRUPTIONS"):
        LISTED.write_text("\n".join(lines))
    assert len(CORRUPTIONS) >= 80
    assert LISTED.read_text().splitlines() == lines[:-1]
