"""A table of events turned into partitions, against copying it into partitions; and who waits for it.

The table has an event_store's columns, four indexes and rows of some 350 bytes over 36 months. On one copy
it is converted as `soleflip partition` does it, on another its rows are copied into a partitioned table
whose indexes are built afterwards, which is the cheaper order. Nobody else writes then. On a third copy the
conversion, months and retention run beside readers and writers at fixed rates.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from benchmarks.harness import Cost, cost_of, table, traffic
from benchmarks.results import Section
from benchmarks.shop import Connection, Shop, Stage
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.months.month import Month
from soleflip_assets.partitioning.conversion import convert
from soleflip_assets.partitioning.jobs import keep_table
from soleflip_assets.partitioning.names import Keep
from soleflip_assets.partitioning.record import managed_tables
from soleflip_assets.partitioning.session import partitioner
from soleflip_assets.partitioning.undo import undo

MONTHS = 36
# Of each stock row.
_EVENTS = 5
_FEWEST_EVENTS = 100_000
_RATE = 400
_BEFORE_SECONDS = 3.0
# pgbench writes its log in blocks: what counts is written once later transactions are.
_AFTER_SECONDS = 6.0
_TABLE = "logging.event_store"

_MAKE = (
    "CREATE SCHEMA logging",
    """CREATE TABLE logging.event_store (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(), event_id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
      event_type varchar(100) NOT NULL, aggregate_id uuid NOT NULL, event_data jsonb NOT NULL,
      timestamp timestamptz NOT NULL DEFAULT now(), version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz)""",
    """INSERT INTO logging.event_store (event_type, aggregate_id, event_data, timestamp)
      SELECT 'stock.changed.' || n % 20, md5((n / 7)::text)::uuid,
        jsonb_build_object('number', n, 'note', repeat(md5(n::text), 6)),
        now() - (n::float8 / {events}) * interval '36 months' FROM generate_series(1, {events}) AS n""",
    "CREATE INDEX ON logging.event_store (aggregate_id)",
    "CREATE INDEX ON logging.event_store (timestamp)",
)
_COPY = (
    "CREATE TABLE logging.copied (LIKE logging.event_store) PARTITION BY RANGE (timestamp)",
    "INSERT INTO logging.copied SELECT * FROM logging.event_store",
    "ALTER TABLE logging.copied ADD PRIMARY KEY (id, timestamp)",
    "CREATE INDEX ON logging.copied (event_id, timestamp)",
    "CREATE INDEX ON logging.copied (aggregate_id)",
    "CREATE INDEX ON logging.copied (timestamp)",
    "ANALYZE logging.copied",
)
_TRAFFIC = {
    "reads": r"""
        \set n random(1, :rows)
        SELECT event_type, version FROM logging.event_store
        WHERE aggregate_id = md5(:n::text)::uuid AND timestamp > now() - interval '36 months';
    """,
    "writes": r"""
        \set kind random(1, 4)
        \set n random(1, :rows)
        \if :kind <= 3
        INSERT INTO logging.event_store (event_type, aggregate_id, event_data)
        VALUES ('sold', md5(:n::text)::uuid, '{"note": "sold at the counter"}');
        \else
        UPDATE logging.event_store SET version = version + 1 WHERE aggregate_id = md5(:n::text)::uuid;
        \endif
    """,
}


def run(stage: Stage) -> Section:
    """Measure."""
    events = max(_EVENTS * stage.rows, _FEWEST_EVENTS)
    stage.tell(f"partitions: making {events:,} events")
    shop = _make(stage, events)
    converted, locked = _converted(stage, shop)
    copied = _copied(stage, shop)
    waits, phases = _beside_traffic(stage, shop)
    stage.drop(shop)
    values = {
        "partition_time": copied.milliseconds / converted.milliseconds,
        "partition_wal": copied.wal / converted.wal,
        "partition_lock_ms": max(locked, phases["conversion"]),
        "partition_worst_write_ms": max(waits["writes"]),
        "partition_worst_read_ms": max(waits["reads"]),
    }
    text = (
        f"{events:,} events over {MONTHS} months, {len(waits['writes']):,} writes and "
        f"{len(waits['reads']):,} reads "
        f"meanwhile, {_RATE} of each a second. Copied they took "
        f"**{values['partition_time']:.1f}** times as long and "
        f"**{values['partition_wal']:.1f}** times the WAL. The table was locked for "
        f"{phases['conversion']:.0f} ms "
        "beside that traffic. Conversion, months, retention and the way back followed one "
        "another: the worst write "
        f"waited **{values['partition_worst_write_ms']:.0f} ms**, the worst read "
        f"{values['partition_worst_read_ms']:.0f} ms.\n\n"
    )
    rows = [
        ["converted", f"{converted.milliseconds / 1000:.1f}", f"{converted.wal / 2**20:,.0f}"],
        ["copied", f"{copied.milliseconds / 1000:.1f}", f"{copied.wal / 2**20:,.0f}"],
    ]
    return Section("Partitions", text + table(["", "s", "WAL, MB"], rows), values)


def _make(stage: Stage, events: int) -> Shop:
    stage.server.create_database("events")
    shop = Shop(stage.server.url("events"), events // 7)
    with shop.connect() as connection:
        for statement in _MAKE:
            connection.execute(statement.replace("{events}", str(events)).encode())
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return shop


@contextmanager
def _copy(stage: Stage, shop: Shop, name: str) -> Iterator[tuple[Shop, Connection]]:
    copy = stage.copy(shop, name)
    with copy.connect() as connection:
        yield copy, connection
    stage.drop(copy)


def _converted(stage: Stage, shop: Shop) -> tuple[Cost, float]:
    locked: list[float] = []

    def act() -> None:
        locked.append(
            convert(
                create_database_engine(copy.url),
                _TABLE,
                "timestamp",
                stage.tell,
                keep=None,
                archive=False,
            )
        )

    with _copy(stage, shop, "events_converted") as (copy, connection):
        return cost_of(connection, act), locked[0]


def _copied(stage: Stage, shop: Shop) -> Cost:
    with _copy(stage, shop, "events_copied") as (_, connection):

        def act() -> None:
            made, *rest = _COPY
            connection.execute(made.encode())
            last = Month.of(datetime.now(UTC))
            for month in (last + -MONTHS).to(last + 3):
                connection.execute(
                    f"CREATE TABLE logging.copied_{month.suffix} PARTITION OF logging.copied "
                    f"FOR VALUES FROM ('{month}-01 00:00+00') TO ('{month + 1}-01 00:00+00')".encode()
                )
            for statement in rest:
                connection.execute(statement.encode())

        return cost_of(connection, act)


def _beside_traffic(stage: Stage, shop: Shop) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Everything that is done to a table in its life, while it is read and written."""
    folder = stage.folder / "events_traffic"
    folder.mkdir()
    copy = stage.copy(shop, "events_used")
    engine = create_database_engine(copy.url)
    phases: dict[str, float] = {}

    def timed(name: str, action: Callable[[], object]) -> None:
        begun = time.monotonic()
        found = action()
        phases[name] = found if isinstance(found, float) else 1000 * (time.monotonic() - begun)
        stage.tell(f"partitions: {name}: {phases[name]:,.0f} ms")

    with stage.setting("autovacuum", on=True), ExitStack() as stack:
        waits = {
            kind: stack.enter_context(traffic(copy, kind, text, _RATE, folder))
            for kind, text in _TRAFFIC.items()
        }
        time.sleep(_BEFORE_SECONDS)
        timed(
            "conversion",
            lambda: convert(
                engine, _TABLE, "timestamp", stage.tell, keep=Keep(12, "mo"), archive=False
            ),
        )
        for months in (1, 2, 3):
            timed(f"month {months}", lambda months=months: _keep(copy, months))  # type: ignore[misc]
        timed("way back", lambda: undo(engine, _TABLE, stage.tell))
        time.sleep(_AFTER_SECONDS)
    stage.drop(copy)
    return waits, phases


def _keep(shop: Shop, later: int) -> None:
    """What the daily job does so many months later."""
    month = Month.of(datetime.now(UTC)) + later
    with partitioner(create_database_engine(shop.url)) as connection:
        (managed,) = managed_tables(connection)
        keep_table(connection, managed, month.begin, _never, lambda _: None)


def _never(*_: object) -> None:
    raise AssertionError("nothing is archived here")
