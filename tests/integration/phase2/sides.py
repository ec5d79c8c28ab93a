"""Whether stock and the legacy tables say the same, and a small shop to try it on.

The comparison is the contract, spelled in Python: it shares nothing with triggers, checks or backfill.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import URL

from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.sample.sample import create_legacy_schema

Row = Mapping[str, Any]

# The one that the writes are about, and one to which nothing may happen.
S, OTHER = "a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002"

ONE_ROW_EACH = f"""
INSERT INTO inventory.stock (
  id, product_id, size_id, quantity, status, purchase_price, gross_purchase_price, vat_amount, roi_percentage,
  profit_per_shelf_day, shelf_life_days, updated_at
)
SELECT id::uuid, id::uuid, id::uuid, 11, 'in_stock', 50, 60, 10, 20, 1.5, 30, '2025-01-01Z'
FROM unnest(ARRAY['{S}', '{OTHER}']) AS id;

INSERT INTO inventory.stock_lifecycle (
  stock_id, shelf_life_days, listed_on_platforms, status_history, created_at, updated_at
)
SELECT id, 30, '["old"]', '["first"]', '2025-01-01Z', '2025-01-01Z' FROM inventory.stock;

INSERT INTO inventory.stock_financial (
  stock_id, purchase_price, gross_purchase_price, vat_amount, roi, profit_per_shelf_day, created_at,
  updated_at
)
SELECT id, 50, 60, 10, 20, 1.5, '2025-01-01Z', '2025-01-01Z' FROM inventory.stock;

INSERT INTO inventory.stock_metrics (
  stock_id, available_quantity, reserved_quantity, total_cost, expected_profit, created_at, updated_at
)
SELECT id, 6, 5, 60, 12, '2025-01-01Z', '2025-01-01Z' FROM inventory.stock;
"""

# Fact by fact: what stock calls it, and what the legacy table does.
LIFECYCLE = {name: name for name in ("shelf_life_days", "listed_on_platforms", "status_history")}
FINANCIAL = {
    name: name
    for name in ("purchase_price", "gross_purchase_price", "vat_amount", "profit_per_shelf_day")
} | {"roi_percentage": "roi"}
PRICES = ("purchase_price", "gross_purchase_price", "vat_amount")
JSON = ("listed_on_platforms", "status_history")

_NEVER = datetime.min.replace(tzinfo=UTC)
_TABLES = {
    "stock": ("id", "quantity", "reserved_quantity", *FINANCIAL, *LIFECYCLE),
    "stock_lifecycle": ("id", "stock_id", "updated_at", "created_at", *LIFECYCLE.values()),
    "stock_financial": ("id", "stock_id", "updated_at", "created_at", *FINANCIAL.values()),
    "stock_metrics": (
        "id", "stock_id", "updated_at", "created_at", "reserved_quantity", "available_quantity", "total_cost",
        "expected_profit",
    ),
}  # fmt: skip


def small_shop(url: URL, rows: str = ONE_ROW_EACH) -> Engine:
    """A shop before Phase 2 with two stock rows, each with a row in each legacy table."""
    engine = create_database_engine(url)
    with engine.begin() as connection:
        create_legacy_schema(connection)
        run(connection, rows)
    return engine


def run(connection: Connection, statements: str) -> Any:
    """Statements as they stand: a colon or a percent sign means nothing special."""
    return connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def rows(connection: Connection, table: str) -> list[Row]:
    """All rows of a table, with what both sides hold; JSON parsed, numbers exact."""
    columns = ", ".join(
        f"{name}\\:\\:text AS {name}" if name in JSON else name for name in _TABLES[table]
    )
    found = connection.execute(text(f"SELECT {columns} FROM inventory.{table}")).mappings()
    return [{name: _parsed(name, value) for name, value in row.items()} for row in found]


def side_of(connection: Connection, table: str, stock_id: str = S) -> Row | None:
    """The stock row, or the legacy row that counts for it; None if there is none."""
    key = "id" if table == "stock" else "stock_id"
    found = [row for row in rows(connection, table) if str(row[key]) == stock_id]
    return max(found, key=age) if found else None


def differences(connection: Connection) -> list[str]:
    """Each fact in which the two sides differ, as a sentence."""
    return [
        f"{stock_id}: {fact} is {new!r} in stock and {old!r} in {table}"
        for stock_id, table, fact, new, old in _compared(connection)
        if new != old
    ]


def _compared(connection: Connection) -> Iterator[tuple[str, str, str, Any, Any]]:
    counting = {
        table: {row["stock_id"]: row for row in sorted(rows(connection, table), key=age)}
        for table in _TABLES
        if table != "stock"
    }
    for stock in rows(connection, "stock"):
        key = str(stock["id"])
        lifecycle = counting["stock_lifecycle"].get(stock["id"])
        for new, old in LIFECYCLE.items():
            if lifecycle or new in JSON:
                yield key, "stock_lifecycle", new, stock[new], lifecycle and lifecycle[old]
        if financial := counting["stock_financial"].get(stock["id"]):
            for new, old in FINANCIAL.items():
                value = (stock[new] or 0) if new in PRICES else stock[new]
                yield key, "stock_financial", new, value, financial[old]
        metrics = counting["stock_metrics"].get(stock["id"])
        reserved = stock["reserved_quantity"] or 0
        yield (
            key, "stock_metrics", "reserved_quantity", reserved,
            metrics["reserved_quantity"] if metrics else 0,
        )  # fmt: skip
        if metrics:
            for name, value in _computed(stock).items():
                yield key, "stock_metrics", name, value, metrics[name]


def _computed(stock: Row) -> dict[str, Any]:
    """What stock_metrics computes from stock."""
    cost, roi = stock["gross_purchase_price"], stock["roi_percentage"]
    profit = None if cost is None or roi is None or roi <= 0 else cost * roi / 100
    quantity, reserved = stock["quantity"], stock["reserved_quantity"] or 0
    return {
        "available_quantity": 0 if quantity is None else quantity - reserved,
        "total_cost": cost,
        "expected_profit": None if profit is None else _rounded(profit),
    }


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")


def age(row: Row) -> tuple[Any, ...]:
    """What the newest row has most of: by the dates, one that is missing comes last, then by id."""
    return row.get("updated_at") or _NEVER, row.get("created_at") or _NEVER, str(row["id"])


def _parsed(name: str, value: Any) -> Any:
    """JSON's null is not SQL's."""
    if name not in JSON or value is None:
        return value
    return {"json": json.loads(value, parse_float=Decimal)}
