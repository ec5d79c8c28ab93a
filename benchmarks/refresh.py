"""Refreshing the metrics: the seed's REFRESH … CONCURRENTLY against the read model, in one run."""

import statistics
from collections.abc import Iterator

from harness import Connection, Cost, Shop, cost_of, middle, size_of, table, transactions_per_second

from soleflip_assets.metrics.mode import Mode

REFRESH = "SELECT inventory.refresh_stock_metrics()"
CHANGES = (0, 1_000)
ROUNDS = 5
# A refresh by the seed's way at a million rows takes half a minute.
MATERIALIZED_ROUNDS = 3
HOURS = 24
KEPT_IN = {
    Mode.MATERIALIZED: "inventory.stock_metrics_view",
    Mode.INCREMENTAL: "inventory_ops.stock_metrics_read_model",
}
WRITE = r"""
\set row random(1, {rows})
UPDATE inventory.stock SET quantity = quantity + 1, updated_at = now()
WHERE id = (SELECT id FROM bench_ids WHERE n = :row);
"""
CLIENTS = 4
SECONDS = 8
WRITER_ROUNDS = 3


def run(shop: Shop) -> str:
    """Measure, and return Markdown."""
    with shop.connect() as connection:
        connection.execute(
            "CREATE TABLE bench_ids AS "
            "SELECT row_number() OVER (ORDER BY random()) AS n, id FROM inventory.stock"
        )
        connection.execute("ALTER TABLE bench_ids ADD PRIMARY KEY (n)")
        costs = {}
        grown = {}
        for mode in Mode:
            shop.keep(mode)
            connection.execute("VACUUM ANALYZE")
            costs |= {(mode, case): found for case, found in _costs(connection, shop, mode)}
            grown[mode] = _growth(connection, shop, mode)
        writers = _writers(shop, connection)
    return "\n\n".join([_cost_table(costs), _growth_text(grown), writers])


def _costs(connection: Connection, shop: Shop, mode: Mode) -> Iterator[tuple[str, list[Cost]]]:
    rounds = MATERIALIZED_ROUNDS if mode is Mode.MATERIALIZED else ROUNDS
    cost_of(connection, REFRESH)
    for changes in CHANGES:
        found = []
        for _ in range(rounds):
            _change(connection, shop, changes)
            found.append(cost_of(connection, REFRESH))
        yield f"{changes:,} changes", found
    found = []
    for _ in range(rounds):
        _change(connection, shop, CHANGES[-1])
        connection.execute("CHECKPOINT")
        found.append(cost_of(connection, REFRESH))
    yield f"{CHANGES[-1]:,} changes, right after a checkpoint", found


def _change(connection: Connection, shop: Shop, changes: int) -> None:
    """Change so many stock rows, chosen at random, one transaction each would only take longer."""
    connection.execute(
        """
        UPDATE inventory.stock SET quantity = 1 + (quantity + 1) % 3, updated_at = now()
        WHERE id IN (SELECT id FROM bench_ids JOIN (
          SELECT DISTINCT 1 + floor(random() * %s)::int AS n FROM generate_series(1, %s)
        ) AS chosen USING (n))
        """.replace(") % 3", ") %% 3").encode(),
        [shop.rows, changes],
    )


def _growth(connection: Connection, shop: Shop, mode: Mode) -> tuple[float, int]:
    """Times its size after so many refreshes, vacuumed in between as autovacuum would an hour apart."""
    hours = HOURS if shop.rows <= 100_000 or mode is Mode.INCREMENTAL else 3
    before = size_of(connection, KEPT_IN[mode])
    for _ in range(hours):
        _change(connection, shop, CHANGES[-1])
        connection.execute(REFRESH)
    return size_of(connection, KEPT_IN[mode]) / before, hours


def _writers(shop: Shop, connection: Connection) -> str:
    """Writers in either mode in turn, so that what else the machine does hits both."""
    script = WRITE.format(rows=shop.rows)
    rates: dict[Mode, list[float]] = {mode: [] for mode in Mode}
    for _ in range(WRITER_ROUNDS):
        for mode in Mode:
            shop.keep(mode)
            connection.execute("VACUUM ANALYZE inventory.stock")
            connection.execute("CHECKPOINT")
            transactions_per_second(shop, script, CLIENTS, 2)
            rates[mode].append(transactions_per_second(shop, script, CLIENTS, SECONDS))
    cost = 1 - statistics.median(rates[Mode.INCREMENTAL]) / statistics.median(
        rates[Mode.MATERIALIZED]
    )
    rows = [[mode, middle(rates[mode])] for mode in Mode]
    return (
        f"## Writers\n\n{CLIENTS} clients that update one row each, fsync on, {WRITER_ROUNDS} rounds of "
        f"{SECONDS} s in turn.\n\n{table(['mode', 'transactions per second'], rows)}\n\n"
        f"The queue costs writers **{100 * cost:.1f} %**."
    )


def _cost_table(costs: dict[tuple[Mode, str], list[Cost]]) -> str:
    cases = [case for mode, case in costs if mode is Mode.INCREMENTAL]
    rows = []
    for case in cases:
        theirs, ours = costs[Mode.MATERIALIZED, case], costs[Mode.INCREMENTAL, case]
        rows.append(
            [
                case,
                middle([cost.milliseconds for cost in theirs]),
                middle([cost.milliseconds for cost in ours]),
                f"**{_ratio([c.milliseconds for c in theirs], [c.milliseconds for c in ours]):,.0f}**",
                middle([cost.wal / 1e6 for cost in theirs]),
                middle([cost.wal / 1e6 for cost in ours]),
                f"**{_ratio([c.wal for c in theirs], [c.wal for c in ours]):,.0f}**",
            ]
        )
    header = ["refresh after", "REFRESH CONCURRENTLY, ms", "read model, ms", "times cheaper",
              "WAL, MB", "read model, MB", "times cheaper"]  # fmt: skip
    return f"## Refresh\n\nMedian (least to most).\n\n{table(header, rows)}"


def _ratio(theirs: list[float] | list[int], ours: list[float] | list[int]) -> float:
    return statistics.median(theirs) / max(statistics.median(ours), 1e-9)


def _growth_text(grown: dict[Mode, tuple[float, int]]) -> str:
    rows = [[mode, hours, f"{times:.2f}"] for mode, (times, hours) in grown.items()]
    return (
        f"## Growth\n\nTable and indexes after refreshes with {CHANGES[-1]:,} changes each, "
        "autovacuum off.\n\n" + table(["mode", "refreshes", "times its size"], rows)
    )
