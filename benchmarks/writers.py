"""What the change queue costs those who write to stock: the same writes with and without it, in turn."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from benchmarks.harness import Ratio, cost_of, middle, table, transactions_per_second
from benchmarks.refresh import REFRESH
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage
from soleflip_assets.metrics.mode import Mode

Name = TypeVar("Name", bound=str)

CLIENTS = 4
ROUNDS = 12
SECONDS = 3
# Of which the bytes are counted.
WRITES = 1_000

_SCRIPT = r"""
\set n random(1, :rows)
UPDATE inventory.stock SET quantity = quantity + 1, updated_at = now()
WHERE id = (SELECT item.id FROM public.item WHERE item.n = :n);
"""
_WRITES = """
DO $$
BEGIN
  FOR wanted IN 1..{writes} LOOP
    UPDATE inventory.stock SET quantity = quantity + 1, updated_at = clock_timestamp()
    WHERE id = (SELECT item.id FROM public.item WHERE item.n = wanted);
    COMMIT;
  END LOOP;
END
$$
"""


def run(stage: Stage) -> Section:
    """Measure."""
    stage.tell("writers: making two shops")
    with stage.twins() as shops:
        return _section(stage, shops)


def _section(stage: Stage, shops: dict[Mode, Shop]) -> Section:
    with stage.setting("full_page_writes", on=False):
        wal = {mode: wal_of_a_write(shop) for mode, shop in shops.items()}
    ratio = wal[Mode.INCREMENTAL] / wal[Mode.MATERIALIZED]
    values = {"writers_wal_percent": 100 * (ratio - 1)}
    text = (
        f"{WRITES:,} writes of one row each log {wal[Mode.MATERIALIZED]:,.0f} bytes of WAL each without the "
        f"queue and {wal[Mode.INCREMENTAL]:,.0f} with it: {100 * (ratio - 1):.1f} % more. Of a page only "
        "what changed is logged here, as after its first change since a checkpoint."
    )
    if stage.quick:
        return Section("Writers", text, values)

    def drain() -> None:
        with shops[Mode.INCREMENTAL].connect() as connection:
            connection.execute(REFRESH)
            connection.execute("VACUUM inventory_ops.stock_change")

    rates = rates_in_turn(stage, shops, drain)
    slower = Ratio.of_pairs(rates[Mode.INCREMENTAL], rates[Mode.MATERIALIZED])
    percent = 100 * (1 - slower.median)
    values["writers_cost_percent"] = percent
    rows = [[mode, middle(found)] for mode, found in rates.items()]
    rates_text = (
        f"{CLIENTS} clients that update one row each, commit and wait for the disk, in two databases "
        f"with the same pages; {ROUNDS} rounds of "
        f"{SECONDS} s in either in turn. With the queue they made {slower} times as many "
        f"transactions: it costs writers **{percent:.1f} %**."
    )
    return Section(
        "Writers",
        f"{text}\n\n{rates_text}\n\n" + table(["mode", "transactions per second"], rows),
        values,
    )


def wal_of_a_write(shop: Shop) -> float:
    """Bytes that a write logs."""
    with shop.connect() as connection:

        def write() -> None:
            connection.execute(_WRITES.format(writes=min(WRITES, shop.rows)).encode())

        # The first time counts for nothing: it reads the catalogs and takes what room there is.
        write()
        return cost_of(connection, write).wal / min(WRITES, shop.rows)


def rates_in_turn(
    stage: Stage, shops: Mapping[Name, Shop], after_round: Callable[[], object] = lambda: None
) -> dict[Name, list[float]]:
    """Transactions per second of writers of one row, by shop, of each round.

    Args:
        stage: is told of each round.
        shops: which take turns; with the same pages of stock.
        after_round: what is done between the rounds.
    """
    rates: dict[Name, list[float]] = {name: [] for name in shops}
    order = list(shops)
    for number in range(ROUNDS + 1):
        stage.tell(f"writers: round {number} of {ROUNDS}")
        for name in order:
            rate = transactions_per_second(shops[name], _SCRIPT, CLIENTS, SECONDS)
            if number:  # the first one warms up
                rates[name].append(rate)
        # What drifts while they take turns must not always meet the same one.
        order.reverse()
        after_round()
    return rates
