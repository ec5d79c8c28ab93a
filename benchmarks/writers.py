"""What the change queue costs those who write to stock: the same writes with and without it, in turn."""

from benchmarks.harness import Ratio, cost_of, middle, table, transactions_per_second
from benchmarks.refresh import REFRESH
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage
from soleflip_assets.metrics.mode import Mode

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
    shops = {mode: stage.deployed(mode) for mode in Mode}
    wal = {mode: _wal(shop) for mode, shop in shops.items()}
    ratio = wal[Mode.INCREMENTAL] / wal[Mode.MATERIALIZED]
    values = {"writers_wal": ratio}
    text = (
        f"{WRITES:,} writes of one row each log {wal[Mode.MATERIALIZED]:,.0f} bytes of WAL each without the "
        f"queue and {wal[Mode.INCREMENTAL]:,.0f} with it: {ratio:.2f} times as much."
    )
    if stage.quick:
        return Section("Writers", text, values)
    rates = _rates(stage, shops)
    slower = Ratio.of_pairs(rates[Mode.INCREMENTAL], rates[Mode.MATERIALIZED])
    percent = 100 * (1 - slower.median)
    values["writers_cost_percent"] = percent
    rows = [[mode, middle(found)] for mode, found in rates.items()]
    rates_text = (
        f"{CLIENTS} clients that update one row each, commit and wait for the disk; {ROUNDS} rounds of "
        f"{SECONDS} s in either database in turn. With the queue they made {slower} times as many "
        f"transactions: it costs writers **{percent:.1f} %**."
    )
    return Section(
        "Writers",
        f"{text}\n\n{rates_text}\n\n" + table(["mode", "transactions per second"], rows),
        values,
    )


def _wal(shop: Shop) -> float:
    """Bytes that a write logs."""
    with shop.connect() as connection:

        def write() -> None:
            connection.execute(_WRITES.format(writes=min(WRITES, shop.rows)).encode())

        # Pages are logged whole after a checkpoint: the first time counts for nothing.
        write()
        return cost_of(connection, write).wal / min(WRITES, shop.rows)


def _rates(stage: Stage, shops: dict[Mode, Shop]) -> dict[Mode, list[float]]:
    """Transactions per second, of each round."""
    rates: dict[Mode, list[float]] = {mode: [] for mode in shops}
    order = list(shops)
    for number in range(ROUNDS + 1):
        stage.tell(f"writers: round {number} of {ROUNDS}")
        for mode in order:
            rate = transactions_per_second(shops[mode], _SCRIPT, CLIENTS, SECONDS)
            if number:  # the first one warms up
                rates[mode].append(rate)
        # What drifts while they take turns must not always meet the same one.
        order.reverse()
        with shops[Mode.INCREMENTAL].connect() as connection:
            connection.execute(REFRESH)
            connection.execute("VACUUM inventory_ops.stock_change")
    return rates
