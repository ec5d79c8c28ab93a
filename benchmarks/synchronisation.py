"""What Phase 2 costs those who write: five kinds of writes before it, during it in both modes, and after it.

Here: writes as either version of the application makes them, one row each, and one of many rows. Not here:
what the change queue alone costs, beside the same pages (writers.py).
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.harness import Cost, cost_of, middle, table, transactions_per_second
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage, keep, vacuumed
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.phase2.retirement import LEGACY_RETIREMENT

ROUNDS = 5
SECONDS = 2
# Of which the bytes are counted.
WRITES = 500
BULK_ROWS = 10_000

BEFORE, DURING, INCREMENTAL, AFTER = STAGES = (
    "before Phase 2",
    "during, materialized",
    "during, incremental",
    "after the retirement",
)
OLD, NEW = (BEFORE, DURING, INCREMENTAL), (DURING, INCREMENTAL, AFTER)

_ITEM = "(SELECT item.id FROM public.item WHERE item.n = {n})"


@dataclass(frozen=True)
class Write:
    """A write of one row.

    Attributes:
        name: what the shop does, and which version of the application does it where they differ.
        statement: with ``{item}`` for the id of a stock row.
        stages: in which that version writes.
    """

    name: str
    statement: str
    stages: tuple[str, ...] = STAGES

    def of(self, n: str) -> str:
        """The statement for the item of a number."""
        return self.statement.format(item=_ITEM.format(n=n))


_LISTING = (
    "jsonb_build_array(jsonb_build_object('platform', 'stockx', 'listing_id', random()::text, "
    "'listed_at', now(), 'status', 'active'))"
)
WRITES_OF_ONE = (
    Write(
        "status and notes",
        "UPDATE inventory.stock SET status = CASE status WHEN 'in_stock' THEN 'sold' ELSE 'in_stock' END, "
        "notes = random()::text WHERE id = {item}",
    ),
    Write(
        "prices",
        "UPDATE inventory.stock SET purchase_price = round(random()::numeric * 100, 2), "
        "gross_purchase_price = round(random()::numeric * 119, 2) WHERE id = {item}",
    ),
    Write(
        "reserve, old version",
        "UPDATE inventory.stock_metrics SET reserved_quantity = 1 - least(reserved_quantity, 1) "
        "WHERE stock_id = {item}",
        OLD,
    ),
    Write(
        "reserve, new version",
        "UPDATE inventory.stock SET reserved_quantity = 1 - least(reserved_quantity, 1) WHERE id = {item}",
        NEW,
    ),
    Write(
        "list, old version",
        f"UPDATE inventory.stock_lifecycle SET listed_on_platforms = {_LISTING} WHERE stock_id = {{item}}",
        OLD,
    ),
    Write(
        "list, new version",
        f"UPDATE inventory.stock SET listed_on_platforms = {_LISTING} WHERE id = {{item}}",
        NEW,
    ),
    Write(
        "a new pair",
        "INSERT INTO inventory.stock (id, product_id, size_id, quantity, purchase_price, status) "
        "SELECT gen_random_uuid(), product_id, size_id, 1, 99.90, 'in_stock' FROM inventory.stock "
        "WHERE id = {item}",
    ),
)
_WAL_ROUNDS = 5
_BULK = """
UPDATE inventory.stock SET purchase_price = coalesce(purchase_price, 0) + 1
WHERE id IN (SELECT item.id FROM public.item WHERE item.n <= %s)
"""


def run(stage: Stage) -> Section:
    """Measure."""
    stage.tell("synchronisation: making four shops")
    shops = _shops(stage)
    rates = _rates(stage, shops)
    with stage.setting("full_page_writes", on=False):
        wal = {
            write.name: {name: _wal(shops[name], write) for name in write.stages}
            for write in WRITES_OF_ONE
        }
    bulk = {name: _bulk(shop) for name, shop in shops.items()}
    for shop in shops.values():
        stage.drop(shop)
    ordinary = _cost_percent(rates["status and notes"], DURING)
    values = {
        "synchronisation_ordinary_percent": ordinary,
        "synchronisation_bulk_times": bulk[DURING].milliseconds / bulk[BEFORE].milliseconds,
    }
    rows = [
        [name, *(middle(found[stage]) if stage in found else "" for stage in STAGES)]
        for name, found in rates.items()
    ]
    bytes_ = [
        [name, *(f"{found[stage]:,.0f}" if stage in found else "" for stage in STAGES)]
        for name, found in wal.items()
    ]
    many = [
        [name, f"{cost.milliseconds:,.0f}", f"{cost.wal / 1e6:.1f}"] for name, cost in bulk.items()
    ]
    text = (
        "One client that writes one row a transaction and does not wait for the disk, in four databases "
        f"with the same rows; {ROUNDS} rounds of {SECONDS} s in each in turn. A write of which nothing is "
        f"carried over has {ordinary:.1f} % fewer transactions per second; most of that are the indexes "
        "of Phase 2, which stay after the retirement.\n\n"
        + table(["transactions per second", *STAGES], rows)
        + "\n\n"
        + table(["bytes of WAL a write", *STAGES], bytes_)
        + f"\n\nOne statement that changes the price of {min(BULK_ROWS, stage.rows):,} rows:\n\n"
        + table(["stage", "ms", "WAL, MB"], many)
    )
    return Section("Synchronisation", text, values)


def _shops(stage: Stage) -> Mapping[str, Shop]:
    """Four copies of one shop, vacuumed, whose commits do not wait for the disk."""
    shops = {name: stage.copy(stage.legacy, f"stage_{n}") for n, name in enumerate(STAGES)}
    for name, mode in (
        (DURING, Mode.MATERIALIZED),
        (INCREMENTAL, Mode.INCREMENTAL),
        (AFTER, Mode.INCREMENTAL),
    ):
        keep(shops[name], mode)
    with Deployer(create_database_engine(shops[AFTER].url), log=lambda _: None) as deployer:
        deployer.execute(LEGACY_RETIREMENT.file)
    for shop in shops.values():
        with shop.connect() as connection:
            connection.execute(
                f"ALTER DATABASE {shop.url.database} SET synchronous_commit = off".encode()
            )
        vacuumed(shop)
    return shops


def _rates(stage: Stage, shops: Mapping[str, Shop]) -> dict[str, dict[str, list[float]]]:
    """Transactions per second of each round, by write and stage."""
    rates: dict[str, dict[str, list[float]]] = {}
    for write in WRITES_OF_ONE:
        stage.tell(f"synchronisation: {write.name}")
        script = f"\\set n random(1, :rows)\n{write.of(':n')};\n"
        found: dict[str, list[float]] = {name: [] for name in write.stages}
        order = list(write.stages)
        for number in range(ROUNDS + 1):
            for name in order:
                rate = transactions_per_second(shops[name], script, 1, SECONDS)
                if number:  # the first one warms up
                    found[name].append(rate)
            # What drifts while they take turns must not always meet the same one.
            order.reverse()
        rates[write.name] = found
    return rates


def _cost_percent(found: Mapping[str, list[float]], name: str) -> float:
    """What a stage takes from the rate of before."""
    return 100 * (1 - statistics.median(found[name]) / statistics.median(found[BEFORE]))


def _wal(shop: Shop, write: Write) -> float:
    """Bytes that one write logs."""
    writes = min(WRITES, shop.rows)
    loop = f"""
    DO $$
    BEGIN
      FOR wanted IN 1..{writes} LOOP
        {write.of("wanted")};
        COMMIT;
      END LOOP;
    END
    $$
    """
    with shop.connect() as connection:

        def repeat() -> None:
            connection.execute(loop.encode())

        # The first time counts for nothing: it reads the catalogs and takes what room there is. In one of the
        # others a GIN index may take in its pending list of 4 MB: 8,201 bytes a write instead of 1,815.
        repeat()
        return statistics.median(
            cost_of(connection, repeat).wal / writes for _ in range(_WAL_ROUNDS)
        )


def _bulk(shop: Shop) -> Cost:
    """What a statement that changes many rows costs."""
    with shop.connect() as connection:
        connection.execute("VACUUM ANALYZE inventory.stock")

        def change() -> None:
            connection.execute(_BULK, [BULK_ROWS])

        change()
        return cost_of(connection, change)
