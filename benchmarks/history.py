"""The log of stock: what a write pays for it, what it gives, and how months come and go beside writers.

Here: writes with the log and without, beside the change queue and alone, where each waits for the disk and
where processors are all that counts; a month's changes, from the array and from the log; a row's history;
dropping a month. Not here: what Phase 2 costs (synchronisation.py).
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Connection as Owner

from benchmarks.harness import (
    Cost,
    Ratio,
    cost_of,
    latencies,
    middle,
    probing,
    table,
    timed,
    transactions_per_second,
)
from benchmarks.results import Section
from benchmarks.shop import Connection, Shop, Stage, keep, vacuumed
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.install import install
from soleflip_assets.history.log import STOCK_EVENT
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import detach_month, drop_detached, make_months

CLIENTS = 4
ROUNDS = 16
SECONDS = 2
COMMIT_MILLISECONDS = 1
WRITES = 1_000
MONTHS = 36
# What the bounds are for. Fewer only where a row would get more than so many.
EVENTS = 5_000_000
MOST_OF_A_ROW = 50
READS = 200
PROBES = 1_000

NOTHING = "nothing going on"
MAKING = "making twelve months"
DETACHING = "detaching and dropping three"
# Each after nothing going on, so that what the machine does else is seen, too.
TURNS = 3

PLAIN, LOG, QUEUE, BOTH = VARIANTS = ("neither", "log", "queue", "queue and log")
FIRST = Month(2022, 1)

_UPDATE = "UPDATE inventory.stock SET quantity = quantity + 1, updated_at = clock_timestamp()"
# What a shop writes most: a status, a note, a price.
_SCRIPT = r"""
\set n random(1, :rows)
\set kind random(1, 3)
\if :kind = 1
UPDATE inventory.stock
SET status = CASE status WHEN 'in_stock' THEN 'reserved' ELSE 'in_stock' END, updated_at = clock_timestamp()
WHERE id = (SELECT item.id FROM public.item WHERE item.n = :n);
\elif :kind = 2
UPDATE inventory.stock SET notes = 'seen on shelf ' || :n, updated_at = clock_timestamp()
WHERE id = (SELECT item.id FROM public.item WHERE item.n = :n);
\else
UPDATE inventory.stock
SET gross_purchase_price = gross_purchase_price + 0.01, updated_at = clock_timestamp()
WHERE id = (SELECT item.id FROM public.item WHERE item.n = :n);
\endif
"""
_WRITE_ALL = f"""
DO $$
BEGIN
  FOR wanted IN 1..{{writes}} LOOP
    {_UPDATE} WHERE id = (SELECT item.id FROM public.item WHERE item.n = wanted);
    COMMIT;
  END LOOP;
END
$$
"""

# As many entries in the array of a row as it has events in the log, over all months.
_FILL_ARRAY = f"""
UPDATE inventory.stock SET status_history = (
  SELECT jsonb_agg(jsonb_build_object(
    'from_status', 'in_stock', 'to_status', CASE entry.n % 3 WHEN 0 THEN 'sold' WHEN 1 THEN 'reserved'
      ELSE 'listed_stockx' END, 'changed_at', entry.at, 'reason', 'sold to a customer')
    ORDER BY entry.at)
  FROM (
    SELECT n, timestamptz '2022-01-01 00:00:00+00'
      + make_interval(mins => ((item.n::bigint * 7919 + n * 104729) % ({MONTHS} * 30 * 1440))::int) AS at
    FROM generate_series(1, {{events}}) AS n
  ) AS entry)
FROM public.item WHERE item.id = stock.id
"""
_FILL_LOG = """
INSERT INTO inventory_ops.stock_event (
  occurred_at, transaction_id, kind, stock_id, changed, product_id, size_id, supplier_id, supplier, quantity,
  reserved_quantity, purchase_price, gross_purchase_price, roi_percentage, status, location, created_at,
  updated_at
)
SELECT
  (entry ->> 'changed_at')::timestamptz, pg_current_xact_id(), 'update', id, '{status,updated_at}',
  product_id, size_id, supplier_id, supplier, quantity, reserved_quantity, purchase_price,
  gross_purchase_price, roi_percentage, entry ->> 'to_status', location, created_at, updated_at
FROM inventory.stock CROSS JOIN jsonb_array_elements(status_history) AS entry
ORDER BY 1
"""
_RANGE = "'2023-06-01 00:00:00+00' AND {column} < '2023-07-01 00:00:00+00'"
_MONTH_OF_ARRAY = f"""
SELECT entry ->> 'to_status', count(*)
FROM inventory.stock CROSS JOIN jsonb_array_elements(status_history) AS entry
WHERE (entry ->> 'changed_at')::timestamptz >= {_RANGE.format(column="(entry ->> 'changed_at')::timestamptz")}
GROUP BY 1
"""
_MONTH_OF_LOG = f"""
SELECT status, count(*) FROM inventory_ops.stock_event
WHERE occurred_at >= {_RANGE.format(column="occurred_at")} AND 'status' = ANY (changed)
GROUP BY 1
"""


def run(stage: Stage) -> Section:
    """Measure."""
    writes = _writes(stage)
    reads = _reads(stage)
    return Section("History", f"{writes.text}\n\n{reads.text}", {**writes.values, **reads.values})


def _writes(stage: Stage) -> Section:
    stage.tell("history: making four shops")
    with _variants(stage) as shops:
        with stage.setting("full_page_writes", on=False):
            wal = {name: _wal(shop) for name, shop in shops.items()}
        rates = _rates(stage, shops, ROUNDS)
        two = {name: shops[name] for name in (PLAIN, LOG)}
        with _commits_waiting(stage):
            waiting = _rates(stage, two, ROUNDS // 2)
        with stage.setting("synchronous_commit", on=False):
            alone = _rates(stage, two, ROUNDS // 2)
        read = _increment(shops[LOG])
    ratios = {
        name: Ratio.of_pairs(rates[name], rates[against])
        for name, against in ((LOG, PLAIN), (BOTH, QUEUE))
    }
    against_both = Ratio.of_pairs(rates[LOG], rates[BOTH])
    waited = Ratio.of_pairs(waiting[LOG], waiting[PLAIN])
    processors = Ratio.of_pairs(alone[LOG], alone[PLAIN])
    rows = [[name, middle(found), f"{wal[name]:,.0f}"] for name, found in rates.items()]
    text = (
        f"{CLIENTS} clients that change the status, the notes or the price of one row and commit, {ROUNDS} "
        f"rounds of {SECONDS} s in turn. With the log they made {ratios[LOG]} times as many statements as "
        f"without (at least 0.9); beside the change queue {ratios[BOTH]} times. Where a commit takes "
        f"{COMMIT_MILLISECONDS} ms, as on a disk that keeps nothing in a cache, it was {waited} times; where "
        f"none waits, and processors are all that counts, {processors} times. With the log alone they "
        f"made {against_both} times as many as with queue and log. Taking up {WRITES:,} changes from the log "
        f"by a cursor takes {read:.1f} ms.\n\n"
    )
    return Section(
        "",
        text + table(["writers have", "statements per second", "bytes of WAL a write"], rows),
        {
            "history_write_rate": ratios[LOG].median,
            "history_write_rate_beside_queue": ratios[BOTH].median,
            "history_write_rate_waiting": waited.median,
            "history_write_rate_of_processors": processors.median,
            "history_log_against_both": against_both.median,
            "history_increment_ms": read,
        },
    )


@contextmanager
def _variants(stage: Stage) -> Iterator[dict[str, Shop]]:
    """Four shops with the same pages of stock; dropped after the block."""
    original = stage.deployed(Mode.MATERIALIZED)
    names = {name: f"history_{number}" for number, name in enumerate(VARIANTS)}
    shops = {name: stage.copy(original, database) for name, database in names.items()}
    for name, shop in shops.items():
        keep(shop, Mode.INCREMENTAL if name in {QUEUE, BOTH} else Mode.MATERIALIZED)
        if name in {LOG, BOTH}:
            _install(shop)
        vacuumed(shop)
    yield shops
    for shop in shops.values():
        stage.drop(shop)


@contextmanager
def _commits_waiting(stage: Stage) -> Iterator[None]:
    """Let each commit take as long as a disk that keeps nothing in a cache, for the length of the block.

    A virtual machine's may answer within a tenth of that; two processors are then all that counts.
    """
    settings = {"commit_delay": 1_000 * COMMIT_MILLISECONDS, "commit_siblings": 0}
    with stage.administer() as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = {value}".encode())
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            for name in settings:
                connection.execute(f"ALTER SYSTEM RESET {name}".encode())
            connection.execute("SELECT pg_reload_conf()")


def _install(shop: Shop) -> None:
    with Deployer(create_database_engine(shop.url), log=lambda _: None) as deployer:
        install(deployer)


def _wal(shop: Shop) -> float:
    with shop.connect() as connection:

        def write() -> None:
            connection.execute(_WRITE_ALL.format(writes=min(WRITES, shop.rows)).encode())

        write()
        return cost_of(connection, write).wal / min(WRITES, shop.rows)


def _rates(stage: Stage, shops: dict[str, Shop], rounds: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in shops}
    order = list(shops)
    for number in range(rounds + 1):
        stage.tell(f"history: round {number} of {rounds}")
        for name in order:
            rate = transactions_per_second(shops[name], _SCRIPT, CLIENTS, SECONDS)
            if number:
                rates[name].append(rate)
        order.reverse()
        for name in {QUEUE, BOTH} & shops.keys():
            with shops[name].connect() as connection:
                connection.execute("SELECT inventory.refresh_stock_metrics()")
                connection.execute("VACUUM inventory_ops.stock_change")
    return rates


def _increment(shop: Shop) -> float:
    """Milliseconds that a reader takes for what is new, by the snapshot up to which it has read."""
    with shop.connect() as connection:
        (snapshot,) = connection.execute("SELECT pg_current_snapshot()::text").fetchone() or ("",)
        connection.execute(_WRITE_ALL.format(writes=min(WRITES, shop.rows)).encode())
        query = f"""
            SELECT event_id, stock_id, quantity FROM inventory_ops.stock_event
            WHERE transaction_id >= pg_snapshot_xmin('{snapshot}')
              AND NOT pg_visible_in_snapshot(transaction_id, '{snapshot}')"""
        return statistics.median(latencies(connection, query, 20))


def _reads(stage: Stage) -> Section:
    of_a_row = min(EVENTS // stage.rows, MOST_OF_A_ROW)
    stage.tell(f"history: {of_a_row * stage.rows:,} events in {MONTHS} months")
    shop = stage.copy(stage.deployed(Mode.MATERIALIZED), "history_filled")
    _install(shop)
    engine = create_database_engine(shop.url)
    with (
        shop.connect() as connection,
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as owner,
    ):
        connection.execute("ALTER TABLE inventory.stock DISABLE TRIGGER USER")
        connection.execute(_FILL_ARRAY.format(events=of_a_row).encode())
        connection.execute("ALTER TABLE inventory.stock ENABLE TRIGGER USER")
        make_months(owner, STOCK_EVENT, FIRST.to(FIRST + (MONTHS - 1)))
        connection.execute(_FILL_LOG.encode())
        vacuumed(shop)
        array = latencies(connection, _MONTH_OF_ARRAY, 5, within_seconds=20)
        log = latencies(connection, _MONTH_OF_LOG, 20)
        one = _history_of_one(connection)
        costs = _drop_a_month(connection, lambda: _let_go(owner, FIRST + 1))
        worst = _worst(shop, connection, owner)
    stage.drop(shop)
    return _told((shop.rows, of_a_row), (array, log), one, costs, worst)


def _history_of_one(connection: Connection) -> tuple[float, float, float]:
    """Milliseconds by the array, by the log, and by the log where the statement is planned each time."""
    (one,) = connection.execute("SELECT id FROM public.item WHERE n = 17").fetchone() or ("",)
    array = f"""
        SELECT entry FROM inventory.stock CROSS JOIN jsonb_array_elements(status_history) AS entry
        WHERE id = '{one}'"""
    log = f"""
        SELECT occurred_at, kind, changed, status, quantity FROM inventory_ops.stock_event
        WHERE stock_id = '{one}' ORDER BY occurred_at, event_id"""
    return (
        statistics.median(latencies(connection, array, READS)),
        statistics.median(latencies(connection, log, READS)),
        statistics.median(
            1000 * timed(lambda: connection.execute(log.encode(), prepare=False).fetchall())
            for _ in range(READS)
        ),
    )


def _let_go(owner: Owner, *months: Month) -> None:
    for month in months:
        detach_month(owner, STOCK_EVENT, STOCK_EVENT.partition(month))
        drop_detached(owner, STOCK_EVENT.partition(month))


def _drop_a_month(connection: Connection, let_go: Callable[[], None]) -> tuple[Cost, Cost]:
    """Of the partitioned log, and of one table with the same rows and indexes."""
    connection.execute(
        "CREATE TABLE public.one_table (LIKE inventory_ops.stock_event INCLUDING ALL);"
        "INSERT INTO public.one_table SELECT * FROM inventory_ops.stock_event ORDER BY occurred_at"
    )
    connection.execute("VACUUM ANALYZE public.one_table")
    connection.execute("CHECKPOINT")
    month = FIRST + 1

    def delete() -> None:
        connection.execute(
            "DELETE FROM public.one_table WHERE occurred_at >= %s AND occurred_at < %s",
            [month.begin, month.end],
        )
        connection.execute("VACUUM public.one_table")

    deleted = cost_of(connection, delete)
    connection.execute("CHECKPOINT")
    dropped = cost_of(connection, let_go)
    connection.execute("DROP TABLE public.one_table")
    return dropped, deleted


def _worst(shop: Shop, connection: Connection, owner: Owner) -> dict[str, float]:
    """The longest write beside 400 a second, while months are made, and while some are let go."""
    months: dict[str, list[Month]] = {
        NOTHING: [],
        MAKING: list((FIRST + 100).to(FIRST + 99 + 12 * TURNS)),
        DETACHING: list((FIRST + 2).to(FIRST + 1 + 3 * TURNS)),
    }
    acts: dict[str, Callable[[list[Month]], object]] = {
        NOTHING: lambda _: None,
        MAKING: lambda some: make_months(owner, STOCK_EVENT, some),
        DETACHING: lambda some: _let_go(owner, *some),
    }
    # Written out before: else a commit waits for the disk that is busy with what was filled.
    connection.execute("CHECKPOINT")
    found: dict[str, list[float]] = {what: [] for what in acts}
    for turn in range(TURNS):
        for what, act in acts.items():
            found[what] += _waits(shop, partial(act, months[what][turn::TURNS]))
    return {what: max(waits) for what, waits in found.items()}


def _waits(shop: Shop, act: Callable[[], object]) -> list[float]:
    update = f"{_UPDATE} WHERE id = (SELECT id FROM public.item WHERE n = 23)"
    with _traffic(shop), probing(shop, update) as waits:
        act()
        while len(waits) < PROBES // TURNS:
            time.sleep(0.01)
    return waits


@contextmanager
def _traffic(shop: Shop) -> Iterator[None]:
    """400 writes a second, by pgbench."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(_SCRIPT)
        file.flush()
        running = subprocess.Popen(
            [
                EMBEDDED_PROGRAMS / "pgbench", "--no-vacuum", "--rate", "400", "--client", "2",
                "--time", "120", "--file", file.name, "--define", f"rows={shop.rows}",
                "--host", str(shop.url.query["host"]), "--username", "postgres", str(shop.url.database),
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield
        finally:
            running.terminate()
            running.wait()


def _told(
    size: tuple[int, int],
    months: tuple[list[float], list[float]],
    one: tuple[float, float, float],
    costs: tuple[Cost, Cost],
    worst: dict[str, float],
) -> Section:
    rows, of_a_row = size
    dropped, deleted = costs
    month = Ratio.of(*months)
    times = deleted.milliseconds / dropped.milliseconds
    wal = deleted.wal / max(dropped.wal, 1)
    measures: list[list[object]] = [
        ["a month's changes by status, ms", *map(middle, months), month],
        [
            "history of one row, ms",
            *(f"{found:.2f}" for found in one[:2]),
            f"{one[0] / one[1]:.2f}",
        ],
        [
            "drop a month, ms",
            f"{deleted.milliseconds:,.0f}",
            f"{dropped.milliseconds:,.0f}",
            f"**{times:.1f}**",
        ],
        [
            "the same, kB of WAL",
            f"{deleted.wal / 1e3:,.0f}",
            f"{dropped.wal / 1e3:,.0f}",
            f"**{wal:.0f}**",
        ],
    ]
    waits = "; ".join(f"{what} {found:.0f} ms" for what, found in worst.items())
    text = (
        f"{rows * of_a_row:,} events of {rows:,} rows in {MONTHS} months. A month is dropped from one "
        "table by DELETE and VACUUM.\n\n"
        + table(["what", "array on the row, or one table", "log by month", "times"], measures)
        + f"\n\nThe history of one row is asked by a statement that is prepared; planned each time, it takes "
        f"{one[2]:.2f} ms. The longest of {PROBES:,} writes beside 400 a second: {waits}."
    )
    values = {
        "history_month_times": month.median,
        "history_row_ms": one[1],
        "history_drop_times": times,
        "history_drop_wal_times": wal,
        "history_worst_making_ms": worst[MAKING],
        "history_worst_detaching_ms": worst[DETACHING],
    }
    return Section("", text, values)
