"""Comparing the warehouse with the shop, and repairing what differs.

Both are asked for the same sums of the same snapshot: the one that the warehouse is loaded up to, which the
log can still be read as of. Here: what is compared, and the repair. Not here: the checks as Dagster has them
(checks.py).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from soleflip_assets.checks.question import Answer
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.warehouse.arrow import schema_of
from soleflip_assets.warehouse.engine import duckdb_engine
from soleflip_assets.warehouse.loading import Loaded, load
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.state import LogState
from soleflip_assets.warehouse.store import RAW, Warehouse
from soleflip_assets.warehouse.tables import LOGS, SHOP_TABLES, STOCK_EVENT, TEXT, Log, ShopTable

_EXAMPLES = 5
_NOT_LOADED = Answer(
    passed=False, observed={"error": "nothing is loaded yet: run `soleflip warehouse load`"}
)
_EVENTS = "events"

# What identifies a version, or says what changed, is no column of stock.
_NOT_NOW = {
    "event_id",
    "occurred_at",
    "transaction_id",
    "kind",
    "stock_id",
    "changed",
    "listed_on_platforms",
}
# Of which a shop before Phase 2, or after a migration, may lack a column.
_STOCK_NOW = ShopTable(
    "stock_now",
    "Each stock row as it is now, in what the log keeps of it.",
    "inventory.stock",
    {
        "id": TEXT,
        **{name: kind for name, kind in STOCK_EVENT.columns.items() if name not in _NOT_NOW},
    },
)


@dataclass(frozen=True)
class Month:
    """One month of a log, on both sides.

    Attributes:
        month: ``YYYY-MM``.
        shop: number and sums of the events there.
        stored: number and sums of the events in the warehouse.
    """

    month: str
    shop: Mapping[str, Any]
    stored: Mapping[str, Any]

    @property
    def rows_match(self) -> bool:
        """Whether both have as many events."""
        return bool(self.shop.get(_EVENTS, 0) == self.stored.get(_EVENTS, 0))

    @property
    def is_equal(self) -> bool:
        """Whether both have the same, as far as numbers and sums tell."""
        return self.rows_match and not self.differing

    @property
    def differing(self) -> list[str]:
        """What does not sum up to the same."""
        names = {*self.shop, *self.stored} - {_EVENTS}
        return sorted(name for name in names if self.shop.get(name) != self.stored.get(name))


def months_of(warehouse: Warehouse, shop: Shop, log: Log) -> list[Month] | None:
    """The months that both sides have, or one of them should have, but those that are still to be loaded.

    Returns:
        None where nothing is loaded.
    """
    last = warehouse.last_load
    table = warehouse.find(f"{RAW}.{log.name}", last)
    if table is None or (state := LogState.of(table.properties)) is None:
        return None
    with shop.reading() as reading:
        found = reading.of(log)
        ours, known = found.sums(state.snapshot), found.months
    (statement,) = SqlFile(f"stored/sums_of_{log.name}.sql").statements
    with duckdb_engine(warehouse, last=last) as engine:
        stored = {row.pop("month"): row for row in engine.query(statement).to_pylist()}
    oldest = min(known, default="9999")
    months = sorted({*ours, *(month for month in stored if month >= oldest)} - {*state.pending})
    return [Month(month, ours.get(month, {}), stored.get(month, {})) for month in months]


def rows_match(months: Sequence[Month] | None) -> Answer:
    """Whether the warehouse holds as many events of each month as the log, as of the loaded snapshot."""
    if months is None:
        return _NOT_LOADED
    wrong = [each.month for each in months if not each.rows_match]
    return Answer(
        not wrong,
        {
            "shop": sum(each.shop.get(_EVENTS, 0) for each in months),
            "warehouse": sum(each.stored.get(_EVENTS, 0) for each in months),
            "months": len(months),
            "examples": wrong[:_EXAMPLES],
        },
    )


def sums_match(months: Sequence[Month] | None) -> Answer:
    """Whether what the events say sums up to the same, month by month, as of the loaded snapshot."""
    if months is None:
        return _NOT_LOADED
    wrong = {each.month: each.differing for each in months if each.differing}
    return Answer(
        not wrong,
        {
            "months": len(months),
            "months_wrong": len(wrong),
            "examples": [
                f"{month}: {', '.join(names)}" for month, names in list(wrong.items())[:_EXAMPLES]
            ],
        },
    )


def versions_do_not_overlap(warehouse: Warehouse) -> Answer:
    """Whether each event is there once, and each version begins no earlier than the one before it."""
    (statement,) = SqlFile("stored/versions_that_overlap.sql").statements
    with duckdb_engine(warehouse) as engine:
        wrong = engine.query(statement)
    return _answer(wrong["event_id"])


def last_version_is_stock(warehouse: Warehouse, shop: Shop) -> Answer:
    """Whether the last version of each stock row is the row, but for what was written since the load."""
    last = warehouse.last_load
    table = warehouse.find(f"{RAW}.{STOCK_EVENT.name}", last)
    if table is None or (state := LogState.of(table.properties)) is None:
        return _NOT_LOADED
    with shop.reading() as reading:
        found = reading.of(STOCK_EVENT)
        since = pa.concat_tables(
            [schema_of(STOCK_EVENT.columns).empty_table(), *found.since(state.snapshot)]
        ).select(["kind", "stock_id"])
        if "truncate" in since["kind"].to_pylist():
            return Answer(passed=True, observed={"unloaded": since.num_rows})
        readable = reading.find(_STOCK_NOW)
        if "id" not in readable.columns:
            return Answer(
                passed=False, observed={"error": "this login may not read inventory.stock"}
            )
        rows = reading.rows(_STOCK_NOW, readable)
        stock = pa.concat_tables([schema_of(_STOCK_NOW.columns).empty_table(), *rows])
    (statement,) = SqlFile("stored/last_versions_that_differ.sql").statements
    beside = {"stock_now": stock, "unloaded": since}
    with duckdb_engine(warehouse, beside, last=last) as engine:
        wrong = engine.query(statement)
    answer = _answer(wrong["stock_id"])
    return Answer(answer.passed, {"rows": stock.num_rows, **answer.observed})


def load_is_fresh(warehouse: Warehouse, warn: timedelta, error: timedelta) -> Answer:
    """Whether the last load is not too old, and finished.

    Args:
        warehouse: that was loaded.
        warn: the age from which on it is a warning.
        error: the age from which on it is an error.
    """
    table = warehouse.find(f"{RAW}.{STOCK_EVENT.name}")
    if table is None or (state := LogState.of(table.properties)) is None:
        return _NOT_LOADED
    # Where no load was finished yet, this one tells by its pending months.
    last = warehouse.last_load
    loaded_at = last.at if last else state.loaded_at
    age = datetime.now(UTC) - loaded_at
    return Answer(
        age < warn and not state.pending,
        {
            "age_seconds": age.total_seconds(),
            "loaded_at": loaded_at,
            "months_pending": len(state.pending),
            "severity": "WARN" if age < error else "ERROR",
        },
    )


def repair(
    warehouse: Warehouse,
    shop: Shop,
    found: Mapping[str, Sequence[Month] | None],
    tell: Callable[[str], None],
) -> Iterator[Loaded]:
    """Load again the months that differ, and what is loaded whole where it differs.

    Args:
        warehouse: that is written to.
        shop: that is read.
        found: the months of each log, by its name.
        tell: gets a line for each month.

    Yields:
        What was repaired; nothing where all was right.
    """
    again: dict[str, Collection[str] | None] = {
        log.name: wrong
        for log in LOGS
        if (wrong := [month.month for month in found.get(log.name) or () if not month.is_equal])
    }
    again |= {table.name: None for table in SHOP_TABLES if not _is_equal(warehouse, shop, table)}
    if again:
        yield from (done for done in load(warehouse, shop, tell, again) if done.name in again)


def _is_equal(warehouse: Warehouse, shop: Shop, table: ShopTable) -> bool:
    stored = warehouse.find(f"{RAW}.{table.name}")
    if stored is None:
        return False
    schema = schema_of(table.columns)
    with shop.reading() as reading:
        found = reading.rows(table, reading.find(table))
        rows = pa.concat_tables([schema.empty_table(), *found])
    return bool(rows.sort_by("id") == stored.read().cast(schema).sort_by("id"))


def _answer(wrong: Any) -> Answer:
    return Answer(len(wrong) == 0, {"wrong": len(wrong), "examples": wrong[:_EXAMPLES].to_pylist()})
