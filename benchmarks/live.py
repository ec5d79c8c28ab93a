"""A plain view over stock beside the two that keep rows: what it is as quick at, what not, what it spares.

One shop, of which each way of keeping the view gets a copy; one has an index on the expression, too.
"""

import statistics
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from benchmarks.harness import Cost, Ratio, change, cost_of, latencies, middle, table
from benchmarks.refresh import REFRESH
from benchmarks.results import Section
from benchmarks.shop import Connection, Shop, Stage, keep, vacuumed
from benchmarks.writers import CLIENTS, ROUNDS, SECONDS, WRITES, rates_in_turn, wal_of_a_write
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.metrics.mode import Mode

BLOCKS = 5
TIMES = 40
CHANGES = 1_000
REFRESHES = 3

MATERIALIZED, INCREMENTAL, LIVE = Mode
INDEXED = "live, with the index"
WAYS = (MATERIALIZED, INCREMENTAL, LIVE, INDEXED)
_INDEX = """
    CREATE INDEX idx_stock_available ON inventory.stock ((quantity - COALESCE(reserved_quantity, 0)))
    WHERE quantity - COALESCE(reserved_quantity, 0) > 0
"""
# Ten rows that nothing but this range finds.
_RARE = "UPDATE inventory.stock SET quantity = 1000000 WHERE id IN (SELECT id FROM public.item WHERE n <= 10)"
_AN_ID = "SELECT id FROM public.item WHERE n = 77"
QUESTIONS = {
    "summary": SqlFile("headline_queries/metrics.sql").statements[0],
    "by_id": "SELECT * FROM inventory.stock_metrics_view WHERE stock_id = '{id}'",
    "sums": """
        SELECT count(*), sum(total_quantity), sum(available_quantity), sum(total_cost), sum(expected_profit)
        FROM inventory.stock_metrics_view
        """,
    "rare_range": """
        SELECT stock_id, available_quantity FROM inventory.stock_metrics_view
        WHERE available_quantity > 500000
        """,
}
_ASKED = {
    "summary": "the seed's summary, ten rows",
    "by_id": "one row by its id",
    "sums": "sums of all rows",
    "rare_range": "ten rows of a rare range",
}


def run(stage: Stage) -> Section:
    """Measure."""
    with _shops(stage) as shops:
        questions, values = _questions(stage, shops)
        index, more = _index(stage, shops)
        refreshes = _refreshes(stage, shops)
    explanation = (
        "The same shop, its view kept in each way; *with the index*: on the expression `quantity - "
        "COALESCE(reserved_quantity, 0)` of stock where that is above zero, as the materialized view has "
        "one. "
        f"Prepared, from memory, client included, {BLOCKS} blocks of {TIMES} (fewer where they take long) in "
        "turn; milliseconds, and in bold how many times those of the materialized view."
    )
    return Section("Live", f"{explanation}\n\n{questions}\n\n{index}\n\n{refreshes}", values | more)


@contextmanager
def _shops(stage: Stage) -> Iterator[dict[str, Shop]]:
    """A shop for each way, with the same pages of stock; dropped after the block."""
    stage.tell("live: making four shops")
    original = stage.copy(stage.deployed(MATERIALIZED), "live_materialized")
    with original.connect() as connection:
        connection.execute(_RARE.encode())
        connection.execute(REFRESH)
    vacuumed(original)
    shops: dict[str, Shop] = {MATERIALIZED: original}
    for number, way in enumerate(WAYS[1:]):
        shops[way] = stage.copy(original, f"live_{number}")
    for way, shop in shops.items():
        keep(shop, LIVE if way is INDEXED else Mode(way))
    with shops[INDEXED].connect() as connection:
        connection.execute(_INDEX.encode())
    yield {way: vacuumed(shop) for way, shop in shops.items()}
    for shop in shops.values():
        stage.drop(shop)


def _questions(stage: Stage, shops: Mapping[str, Shop]) -> tuple[str, dict[str, float]]:
    rows, values = [], {}
    with ExitStack() as stack:
        connections = {way: stack.enter_context(shop.connect()) for way, shop in shops.items()}
        row = connections[LIVE].execute(_AN_ID.encode()).fetchone()
        assert row is not None
        for name, text in QUESTIONS.items():
            stage.tell(f"live: {name}")
            blocks = _in_turn(connections, text.replace("{id}", str(row[0])))
            cells = [_ASKED[name], middle(blocks[MATERIALIZED])]
            for way in WAYS[1:]:
                ratio = Ratio.of_pairs(blocks[way], blocks[MATERIALIZED])
                cells.append(f"{middle(blocks[way])}: {ratio}")
                values[f"live_{name}_{'indexed' if way is INDEXED else way}"] = ratio.median
            rows.append(cells)
    return table(["", *WAYS], rows), values


def _in_turn(connections: Mapping[str, Connection], statement: str) -> dict[str, list[float]]:
    """The medians of blocks of latencies; the first executions, which plan, are left out."""
    found: dict[str, list[float]] = {way: [] for way in connections}
    for connection in connections.values():
        latencies(connection, statement, 10, within_seconds=1)
    for _ in range(BLOCKS):
        for way, connection in connections.items():
            block = latencies(connection, statement, TIMES, within_seconds=0.5)
            found[way].append(statistics.median(block))
    return found


def _index(stage: Stage, shops: Mapping[str, Shop]) -> tuple[str, dict[str, float]]:
    """What the index costs those who write."""
    pair = {way: shops[way] for way in (LIVE, INDEXED)}
    with stage.setting("full_page_writes", on=False):
        wal = {way: wal_of_a_write(shop) for way, shop in pair.items()}
    rates = rates_in_turn(stage, pair)
    kept = Ratio.of_pairs(rates[INDEXED], rates[LIVE]).median
    values = {
        "live_index_wal_percent": 100 * (wal[INDEXED] / wal[LIVE] - 1),
        "live_index_cost_percent": 100 * (1 - kept),
    }
    return (
        f"What the index costs: {WRITES:,} writes of one row each log {wal[LIVE]:,.0f} bytes of WAL each "
        f"without it and {wal[INDEXED]:,.0f} with it, **{values['live_index_wal_percent']:.0f} %** more. "
        f"{CLIENTS} clients that update one row each make {middle(rates[LIVE])} transactions a second "
        f"without it and {middle(rates[INDEXED])} with it: it costs writers "
        f"**{values['live_index_cost_percent']:.1f} %** ({ROUNDS} rounds of {SECONDS} s in turn)."
    ), values


def _refreshes(stage: Stage, shops: Mapping[str, Shop]) -> str:
    """What keeping costs: a refresh after some changes."""
    rows = []
    for way in (MATERIALIZED, INCREMENTAL, LIVE):
        stage.tell(f"live: refreshing {way}")
        costs: list[Cost] = []
        with shops[way].connect() as connection:
            for _ in range(REFRESHES):
                change(connection, shops[way], CHANGES)
                costs.append(cost_of(connection, lambda: _refresh(connection)))
        rows.append(
            [
                way,
                middle([cost.milliseconds for cost in costs]),
                middle([cost.wal / 1e6 for cost in costs]),
            ]
        )
    return f"A refresh after {CHANGES:,} changes, {REFRESHES} times:\n\n" + table(
        ["", "ms", "MB of WAL"], rows
    )


def _refresh(connection: Connection) -> None:
    connection.execute(REFRESH)
