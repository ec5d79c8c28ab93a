"""Each way of keeping a read model that is known to lose updates, and ours, through the same interleaving.

A variant is what somebody would write first. Each test holds two connections, brings them to the point
where the variant errs, and shows that it errs there: without that, passing would prove nothing of ours.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.metrics import mode
from soleflip_assets.metrics.mode import Mode
from tests.conftest import Databases, connect
from tests.integration.metrics.reading import (
    COUNT_AGAIN,
    allow_truncation,
    an_item,
    differences,
    queued,
    refresh,
    set_quantity,
    shown,
)
from tests.integration.phase2.deployment import await_row

WAITS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE :waiting AND wait_event_type = 'Lock'
"""

AWAITS_STOCK = """
SELECT pid FROM pg_locks
WHERE relation = 'inventory.stock'::regclass AND mode = 'AccessShareLock' AND NOT granted
"""


@dataclass
class Variant:
    """A way of keeping the table ``broken``, which holds the units of each stock row.

    Attributes:
        setup: statements that apply it.
        drain: statements that bring it up to date.
    """

    setup: str
    drain: str

    def refresh(self, connection: Connection) -> None:
        connection.execute(text(self.drain))

    def shown(self, connection: Connection, stock_id: UUID) -> int | None:
        statement = text("SELECT quantity FROM broken WHERE id = :id")
        return cast("int | None", connection.scalar(statement, {"id": stock_id}))


FILLED = """
CREATE TABLE broken AS SELECT id, quantity FROM inventory.stock;
ALTER TABLE broken ADD PRIMARY KEY (id);
"""

WATERMARK = Variant(
    f"{FILLED} CREATE TABLE watermark AS SELECT max(updated_at) AS seen FROM inventory.stock;",
    """
    WITH changed AS (SELECT s.id, s.quantity FROM inventory.stock AS s, watermark WHERE s.updated_at > seen),
    moved AS (UPDATE watermark SET seen = (SELECT max(updated_at) FROM inventory.stock))
    INSERT INTO broken SELECT id, quantity FROM changed
    ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity
    """,
)

TRIGGER = """
CREATE TRIGGER broken AFTER UPDATE ON inventory.stock REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION queue();
"""

DRAIN = """
WITH drained AS (DELETE FROM queue RETURNING id)
INSERT INTO broken SELECT s.id, s.quantity FROM inventory.stock AS s
WHERE s.id IN (SELECT id FROM drained)
ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity
"""

DEDUPLICATED_QUEUE = Variant(
    f"""
    {FILLED}
    CREATE TABLE queue (id uuid PRIMARY KEY);
    CREATE FUNCTION queue() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO queue SELECT id FROM changed ON CONFLICT DO NOTHING;
      RETURN NULL;
    END $$;
    {TRIGGER}
    """,
    DRAIN,
)

QUEUE = f"""
CREATE TABLE queue (number bigint GENERATED ALWAYS AS IDENTITY, id uuid);
CREATE FUNCTION queue() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO queue (id) SELECT id FROM changed;
  RETURN NULL;
END $$;
{TRIGGER}
"""

CURSOR = Variant(
    f"{FILLED} {QUEUE} CREATE TABLE cursor AS SELECT 0::bigint AS done;",
    """
    WITH taken AS (SELECT id FROM queue, cursor WHERE number > done),
    moved AS (UPDATE cursor SET done = (SELECT max(number) FROM queue))
    INSERT INTO broken SELECT s.id, s.quantity FROM inventory.stock AS s
    WHERE s.id IN (SELECT id FROM taken)
    ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity
    """,
)

LAST_ENTRY = Variant(
    f"""
    {FILLED}
    CREATE TABLE queue (number bigint GENERATED ALWAYS AS IDENTITY, id uuid, quantity integer);
    CREATE FUNCTION queue() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO queue (id, quantity) SELECT id, quantity FROM changed;
      RETURN NULL;
    END $$;
    {TRIGGER}
    """,
    """
    WITH drained AS (DELETE FROM queue RETURNING number, id, quantity)
    INSERT INTO broken SELECT DISTINCT ON (id) id, quantity FROM drained ORDER BY id, number DESC
    ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity
    """,
)


class Ours:
    """The read model, through the same eyes."""

    refresh = staticmethod(refresh)
    shown = staticmethod(shown)


@pytest.fixture
def deployed(databases_of_each_version: Databases) -> URL:
    """A busy shop whose view is materialized, on each version: snapshots and locks are the server's."""
    return databases_of_each_version.deployed("busy")


@pytest.fixture
def incremental(databases_of_each_version: Databases) -> URL:
    """A busy shop whose view is one of the read model, on each version."""
    return databases_of_each_version.deployed("busy", Mode.INCREMENTAL)


@pytest.fixture
def other(incremental: URL) -> Iterator[Connection]:
    """A second connection, in a transaction until it commits."""
    with create_database_engine(incremental).connect() as connection:
        yield connection


@contextmanager
def beside(url: URL, holder: Connection) -> Iterator[tuple[ThreadPoolExecutor, Connection]]:
    """A thread and a connection that may wait for what ``holder`` holds, though not for ever."""
    with connect(url) as connection, ThreadPoolExecutor() as pool:
        try:
            yield pool, connection
        finally:
            holder.rollback()


def install(connection: Connection, variant: Variant | Ours) -> None:
    if isinstance(variant, Variant):
        connection.exec_driver_sql(variant.setup)


def broken_and_ours(variant: Variant) -> pytest.MarkDecorator:
    cases = [
        pytest.param(variant, True, id="broken variant"),
        pytest.param(Ours(), False, id="ours"),
    ]
    return pytest.mark.parametrize(("variant", "loses"), cases)


LATER = "UPDATE inventory.stock SET updated_at = clock_timestamp() WHERE id <> :id"


@broken_and_ours(WATERMARK)
def test_writer_that_commits_late_is_not_behind_a_watermark(
    shop: Connection, other: Connection, variant: Variant | Ours, *, loses: bool
) -> None:
    install(shop, variant)
    item = an_item(shop)
    set_quantity(other, item, 71)
    shop.execute(text(LATER), {"id": item})
    variant.refresh(shop)
    other.commit()

    variant.refresh(shop)

    assert (variant.shown(shop, item) != 71) is loses


@broken_and_ours(CURSOR)
def test_entry_that_is_committed_late_is_not_behind_a_cursor(
    shop: Connection, other: Connection, variant: Variant | Ours, *, loses: bool
) -> None:
    install(shop, variant)
    item = an_item(shop)
    set_quantity(other, item, 71)
    shop.execute(text("UPDATE inventory.stock SET quantity = 2 WHERE id <> :id"), {"id": item})
    variant.refresh(shop)
    other.commit()

    variant.refresh(shop)

    assert (variant.shown(shop, item) != 71) is loses


@broken_and_ours(DEDUPLICATED_QUEUE)
def test_change_is_queued_although_an_entry_for_its_row_is_there(
    shop: Connection, other: Connection, variant: Variant | Ours, *, loses: bool
) -> None:
    """The entry that is there is taken by a drain which cannot see the second change yet."""
    install(shop, variant)
    item = an_item(shop)
    set_quantity(shop, item, 70)
    set_quantity(other, item, 71)
    variant.refresh(shop)
    other.commit()

    variant.refresh(shop)

    assert (variant.shown(shop, item) != 71) is loses


@broken_and_ours(LAST_ENTRY)
def test_entry_that_was_queued_last_does_not_have_the_last_word(
    shop: Connection, variant: Variant | Ours, *, loses: bool
) -> None:
    """A trigger writes the row again: its statement ends, and queues, before the one that set it off."""
    install(shop, variant)
    shop.exec_driver_sql(COUNT_AGAIN)
    item = an_item(shop)
    shop.execute(
        text("UPDATE inventory.stock SET quantity = 70, notes = 'again' WHERE id = :id"),
        {"id": item},
    )

    variant.refresh(shop)

    assert shop.scalar(text(READ), {"id": item}) == 71
    assert (variant.shown(shop, item) != 71) is loses


TAKE = """
DELETE FROM queue WHERE number IN (SELECT number FROM queue FOR UPDATE SKIP LOCKED) RETURNING id
"""
READ = "SELECT quantity FROM inventory.stock WHERE id = :id"
WRITE = "UPDATE broken SET quantity = :quantity WHERE id = :id"


def test_two_drainers_that_skip_what_is_locked_leave_an_older_value(
    shop: Connection, other: Connection
) -> None:
    """The broken variant: what ``test_second_drainer_waits`` guards against."""
    shop.exec_driver_sql(FILLED + QUEUE)
    item = an_item(shop)
    set_quantity(shop, item, 70)
    assert other.execute(text(TAKE)).scalars().all() == [item]
    older = other.scalar(text(READ), {"id": item})

    set_quantity(shop, item, 71)
    assert shop.execute(text(TAKE)).scalars().all() == [item]
    shop.execute(text(WRITE), {"id": item, "quantity": shop.scalar(text(READ), {"id": item})})
    other.execute(text(WRITE), {"id": item, "quantity": older})
    other.commit()

    assert shop.scalar(text("SELECT quantity FROM broken WHERE id = :id"), {"id": item}) == 70
    assert shop.scalar(text("SELECT count(*) FROM queue")) == 0


def test_second_drainer_waits(incremental: URL, shop: Connection, other: Connection) -> None:
    item = an_item(shop)
    set_quantity(shop, item, 70)
    refresh(other)
    set_quantity(shop, item, 71)
    with beside(incremental, other) as (pool, second):
        drain = pool.submit(refresh, second)
        await_row(shop, WAITS, waiting="SELECT inventory.refresh%")
        assert queued(shop) == [item, item]
        other.commit()
        drain.result()

    assert shown(shop, item) == 71
    assert queued(shop) == []
    assert differences(shop) == []


def test_read_before_the_queue_is_emptied_loses_what_comes_between(
    shop: Connection, other: Connection
) -> None:
    """The broken variant: two statements, two snapshots. Ours is one statement."""
    shop.exec_driver_sql(FILLED + QUEUE)
    item = an_item(shop)
    set_quantity(shop, item, 70)
    read = shop.scalar(text(READ), {"id": item})
    set_quantity(other, item, 71)
    other.commit()
    shop.execute(text("DELETE FROM queue"))
    shop.execute(text(WRITE), {"id": item, "quantity": read})

    assert shop.scalar(text("SELECT quantity FROM broken WHERE id = :id"), {"id": item}) == 70
    assert shop.scalar(text("SELECT count(*) FROM queue")) == 0


def test_queue_and_stock_are_seen_in_one_snapshot(
    incremental: URL, shop: Connection, other: Connection
) -> None:
    """A writer commits while a drain stands between reading and writing: it keeps its entry."""
    first, second = shop.execute(
        text("SELECT id FROM inventory.stock ORDER BY id LIMIT 2")
    ).scalars()
    set_quantity(shop, first, 70)
    other.execute(
        text("SELECT FROM inventory_ops.stock_metrics_read_model WHERE stock_id = :id FOR UPDATE"),
        {"id": first},
    )
    with beside(incremental, other) as (pool, drainer):
        drain = pool.submit(refresh, drainer)
        await_row(shop, WAITS, waiting="SELECT inventory.refresh%")
        set_quantity(shop, first, 71)
        set_quantity(shop, second, 72)
        other.rollback()
        drain.result()

    assert (shown(shop, first), queued(shop)) == (70, [first, second])
    refresh(shop)
    assert (shown(shop, first), shown(shop, second), queued(shop)) == (71, 72, [])


def prove(connection: Connection) -> None:
    """As a switch does before it swaps."""
    model = "inventory_ops.stock_metrics_read_model"
    connection.execute(text("SELECT inventory_ops.prove_stock_metrics(:model)"), {"model": model})


def compare(connection: Connection) -> None:
    """As the comparison does that looks for bypassed triggers."""
    found = query_one(connection, "metrics/compare.sql")
    assert [found[kind] for kind in ("missing", "wrong", "phantom")] == [0, 0, 0]


@pytest.mark.parametrize("look", [refresh, prove, compare])
def test_open_truncation_is_waited_for(
    incremental: URL, shop: Connection, other: Connection, look: Callable[[Connection], None]
) -> None:
    """TRUNCATE empties stock for every snapshot, while its entry is there for later ones only."""
    allow_truncation(shop)
    other.execute(text("TRUNCATE inventory.stock CASCADE"))
    with beside(incremental, other) as (pool, second):
        waiting = pool.submit(look, second)
        await_row(shop, AWAITS_STOCK)
        other.commit()
        waiting.result()

    refresh(shop)
    assert shop.scalar(text("SELECT count(*) FROM inventory.stock_metrics_view")) == 0
    assert queued(shop) == []


KEPT = "SELECT total_quantity FROM inventory_ops.stock_metrics_read_model WHERE stock_id = :id"


@pytest.mark.parametrize(
    ("steps", "loses"),
    [
        pytest.param(
            [mode.READ_MODEL, mode.FILL, None, mode.CHANGE_QUEUE], True, id="filled first"
        ),
        pytest.param([mode.READ_MODEL, mode.CHANGE_QUEUE, mode.FILL, None], False, id="ours"),
    ],
)
def test_read_model_is_filled_after_changes_are_queued(
    deployed: URL, steps: list[SqlFile | None], *, loses: bool
) -> None:
    """The writer has changed a row when the read model is filled, and commits afterwards (None).

    Where the triggers come later, or wait for that writer, nothing is queued. Ours waits for it first.
    """
    with (
        create_database_engine(deployed).connect() as writer,
        Deployer(create_database_engine(deployed), log=lambda _: None) as deployer,
        beside(deployed, writer) as (pool, shop),
    ):
        item = an_item(shop)
        set_quantity(writer, item, 70)
        for step in steps:
            if step is None:
                writer.commit()
            elif step is mode.CHANGE_QUEUE and not loses:
                creation = pool.submit(deployer.apply, step)
                await_row(shop, WAITS, waiting="CREATE OR REPLACE TRIGGER%")
                writer.commit()
                creation.result()
                set_quantity(writer, item, 71)
            else:
                deployer.apply(step)
        expected = shop.scalar(text(READ), {"id": item})
        shop.execute(text("SELECT inventory_ops.drain_stock_changes(now())"))
        assert (shop.scalar(text(KEPT), {"id": item}) != expected) is loses


WRITERS = 3
CHANGES = 150


def test_refreshes_beside_writers_lose_nothing_and_show_one_moment(incremental: URL) -> None:
    """Writers move units from one row to another: the total that the view shows is always the same."""
    with connect(incremental) as shop, ThreadPoolExecutor() as pool:
        ids = shop.execute(text("SELECT id FROM inventory.stock ORDER BY id")).scalars().all()
        total = shop.scalar(text("SELECT sum(quantity) FROM inventory.stock"))
        writers = [
            pool.submit(_move_units, incremental, ids[n::WRITERS][:20]) for n in range(WRITERS)
        ]
        refreshers = [pool.submit(_refresh_until_done, incremental, writers) for _ in range(2)]
        totals = [shown for refresher in refreshers for shown in refresher.result()]
        for writer in writers:
            writer.result()
        refresh(shop)

        assert len(totals) > 10
        assert set(totals) == {total}
        assert differences(shop) == []


def _move_units(url: URL, ids: Sequence[UUID]) -> None:
    move = text("UPDATE inventory.stock SET quantity = quantity + :units WHERE id = :id")
    with create_database_engine(url).connect() as connection:
        for number in range(CHANGES):
            for units, id_ in ((1, ids[number % 20]), (-1, ids[(number + 7) % 20])):
                connection.execute(move, {"id": id_, "units": units})
            connection.commit()


def _refresh_until_done(url: URL, writers: list[Future[None]]) -> list[int]:
    total = text("SELECT sum(total_quantity) FROM inventory.stock_metrics_view")
    totals = []
    with connect(url) as connection:
        while not all(writer.done() for writer in writers):
            refresh(connection)
            totals.append(connection.scalar(total) or 0)
    return totals
