"""The seed's headline queries against the four-table join that they replace, and a primary-key read."""

import os
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from benchmarks.harness import Ratio, latencies, middle, table, timed
from benchmarks.results import Section
from benchmarks.shop import REFRESHED, Connection, Shop, Stage, forget
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.metrics.mode import Mode

BLOCKS = 10
TIMES = 40
COLD_ROUNDS = 3

_JOIN = """
    FROM inventory.stock AS s
    LEFT JOIN inventory.stock_financial AS f ON f.stock_id = s.id
    LEFT JOIN inventory.stock_lifecycle AS l ON l.stock_id = s.id
    LEFT JOIN inventory.stock_metrics AS m ON m.stock_id = s.id
"""
_JOINS = {
    "inventory_lookup": f"""
        SELECT s.id, s.product_id, s.quantity, m.reserved_quantity, m.available_quantity, s.status,
          l.listed_on_platforms, l.status_history {_JOIN} WHERE s.status = 'in_stock' LIMIT 10
        """,
    "metrics": f"""
        SELECT s.id, s.quantity, m.available_quantity, m.reserved_quantity, f.gross_purchase_price,
          m.expected_profit {_JOIN} WHERE m.available_quantity > 0 LIMIT 10
        """,
    "platform_listings": f"""
        SELECT s.id, s.product_id, l.listed_on_platforms {_JOIN}
        WHERE l.listed_on_platforms @> '[{{"platform": "stockx"}}]' LIMIT 10
        """,
    # Not the seed's: what its GIN index is for.
    "one_listing": f"""
        SELECT s.id, s.product_id, l.listed_on_platforms {_JOIN}
        WHERE l.listed_on_platforms @> '[{{"listing_id": "{{listing}}"}}]'
        """,
}
_ONE_LISTING = """
    SELECT s.id, s.product_id, s.listed_on_platforms FROM inventory.stock AS s
    WHERE s.listed_on_platforms @> '[{"listing_id": "%s"}]'
"""
_A_LISTING = """
    SELECT listed_on_platforms -> 0 ->> 'listing_id' FROM inventory.stock
    WHERE listed_on_platforms -> 0 ? 'listing_id' ORDER BY id LIMIT 1
"""
_FLOOR = "SELECT id FROM inventory.stock WHERE id = (SELECT id FROM public.item WHERE n = 1)"


@dataclass(frozen=True)
class _Query:
    """A query in its two forms.

    Attributes:
        name: what is asked.
        shop: where.
        label: of the new form.
        old: of the four tables.
        new: since Phase 2.
    """

    name: str
    shop: Shop
    label: str
    old: str
    new: str


def run(stage: Stage) -> Section:
    """Measure."""
    asked = list(_queries(stage))
    floor, warm = _warm(stage, asked)
    rows = [["primary-key read", "", *floor, ""]]
    values: dict[str, float] = {}
    for query, ratio, old, new in warm:
        rows += [
            [query.name, "four-table join", *old, ""],
            [query.name, query.label, *new, str(ratio)],
        ]
        values[_value_name(query)] = ratio.median
    headline = [values[_value_name(query)] for query in asked if query.name != "one_listing"]
    values["queries_slowest"] = min(headline)
    header = ["warm", "", "p50, ms", "p99, ms", "times as fast"]
    explanation = (
        f"Prepared, client included, {BLOCKS} blocks of {TIMES} (fewer where they take seconds), the two "
        "forms in turn; the ratio is that of the blocks' medians. `one_listing` finds a listing by its id; "
        "the other three are the seed's, with its LIMIT 10."
    )
    parts = [explanation, table(header, rows)]
    if not stage.quick:
        parts.append(_cold_text(stage, asked))
    return Section("Queries", "\n\n".join(parts), values)


def _value_name(query: _Query) -> str:
    suffix = f"_{query.label.rpartition(' ')[2]}" if query.name == "metrics" else ""
    return f"queries_{query.name}{suffix}"


def _queries(stage: Stage) -> Iterator[_Query]:
    materialized = stage.deployed(Mode.MATERIALIZED)
    for name, old in _JOINS.items():
        if name == "one_listing":
            with materialized.connect() as connection:
                row = connection.execute(_A_LISTING.encode()).fetchone()
            assert row is not None
            listing = str(row[0])
            yield _Query(
                name,
                materialized,
                "Phase 2",
                old.replace("{listing}", listing),
                _ONE_LISTING % listing,
            )
            continue
        (new,) = SqlFile(f"headline_queries/{name}.sql").statements
        if name == "metrics":
            for mode in REFRESHED:
                yield _Query(name, stage.deployed(mode), f"Phase 2, {mode}", old, new)
        else:
            yield _Query(name, materialized, "Phase 2", old, new)


def _warm(
    stage: Stage, asked: list[_Query]
) -> tuple[tuple[str, str], list[tuple[_Query, Ratio, tuple[str, str], tuple[str, str]]]]:
    found = []
    with stage.deployed(Mode.MATERIALIZED).connect() as connection:
        floor = _percentiles([*latencies(connection, _FLOOR, BLOCKS * TIMES)][20:])
    for query in asked:
        stage.tell(f"queries: {query.name}, warm")
        with query.shop.connect() as connection:
            old, new = _in_turn(connection, query)
        ratio = Ratio.of_pairs(
            *([statistics.median(block) for block in blocks] for blocks in (old, new))
        )
        found.append((query, ratio, _percentiles(chain(*old)), _percentiles(chain(*new))))
    return floor, found


def _in_turn(connection: Connection, query: _Query) -> tuple[list[list[float]], list[list[float]]]:
    """Blocks of latencies of both forms; the first executions, which plan, are left out."""
    for statement in (query.old, query.new):
        latencies(connection, statement, 10, within_seconds=1)
    old, new = [], []
    for _ in range(BLOCKS):
        old.append(latencies(connection, query.old, TIMES, within_seconds=0.5))
        new.append(latencies(connection, query.new, TIMES, within_seconds=0.5))
    return old, new


def _percentiles(measured: Iterable[float]) -> tuple[str, str]:
    cuts = statistics.quantiles(measured, n=100)
    return f"{cuts[49]:.3f}", f"{cuts[98]:.3f}"


def _cold_text(stage: Stage, asked: list[_Query]) -> str:
    rows = []
    for query in asked:
        stage.tell(f"queries: {query.name}, cold")
        old = [_cold(stage, query.shop, query.old) for _ in range(COLD_ROUNDS)]
        new = [_cold(stage, query.shop, query.new) for _ in range(COLD_ROUNDS)]
        rows += [
            [query.name, "four-table join", middle(old), ""],
            [query.name, query.label, middle(new), str(Ratio.of(old, new))],
        ]
    forgets = (
        "and the kernel was told to forget the files (posix_fadvise DONTNEED)"
        if hasattr(os, "posix_fadvise")
        else "but this system keeps the files in its own cache"
    )
    return (
        f"Cold: the server was restarted {forgets}; then one execution, {COLD_ROUNDS} times. Connecting and "
        "planning, which read the catalogs, are not counted.\n\n"
        + table(["cold", "", "ms", "times as fast"], rows)
    )


def _cold(stage: Stage, shop: Shop, statement: str) -> float:
    with stage.restarted(), shop.connect() as connection:
        # What planning reads is read, and the plan kept; then the disk's pages are forgotten.
        connection.execute(f"PREPARE cold AS {statement}".encode())
        connection.execute("EXPLAIN EXECUTE cold")
        forget(stage.server.data)
        return 1000 * timed(lambda: connection.execute("EXECUTE cold").fetchall())
