"""Installing the log beside a shop that goes on: no write lost, none twice, whenever the installer dies."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import AnotherDeployerError, Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.install import install, remove
from soleflip_assets.history.log import HistoryError, state_of
from soleflip_assets.history.report import history_status
from tests.conftest import Databases, connect
from tests.e2e.processes import awaited
from tests.integration.history.conftest import session, value, with_log
from tests.integration.phase2.deaths import Crash, CrashError
from tests.integration.phase2.deployment import ignore

# What changes something, as seen by who executes it.
CHANGES = re.compile(
    r"CREATE(?! TEMP)|COMMENT|INSERT|UPDATE|COMMIT|SET TRANSACTION|WITH (taken|closed)|SELECT inventory_ops"
)
WARM = 7
ROWS = "SELECT count(*) FROM inventory.stock"


def differences(connection: psycopg.Connection[Any]) -> tuple[int, ...]:
    """Rows missing in the log, wrong there, and there alone."""
    row = connection.execute(
        "SELECT missing, wrong, phantom FROM inventory_ops.log_differences()"
    ).fetchone()
    assert row is not None
    return tuple(row)


def number(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def writing(url: URL) -> Iterator[None]:
    """Writers beside the block: each row that they touch changes many times, some come and some go."""
    ended, begun = threading.Event(), threading.Event()

    def write(step: int) -> None:
        with session(url) as connection:
            ids = [row[0] for row in connection.execute("SELECT id FROM inventory.stock")]
            for turn in count():
                one, new = ids[(turn * 7 + step) % len(ids)], uuid4()
                connection.execute(
                    "UPDATE inventory.stock SET quantity = quantity + 1 WHERE id = %s", [one]
                )
                connection.execute(
                    "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status) "
                    "VALUES (%s, %s, %s, 1, 'in_stock')",
                    [new, new, new],
                )
                if turn % 3 == 0:
                    connection.execute("DELETE FROM inventory.stock WHERE id = %s", [new])
                begun.set()
                if ended.is_set():
                    return

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, step) for step in (0, 3)]
        begun.wait()
        try:
            yield
        finally:
            ended.set()
        for writer in writers:
            writer.result()


def _deployer(engine: Engine) -> Deployer | None:
    """The one deployer, once nobody else is."""
    try:
        return Deployer(engine, ignore)
    except AnotherDeployerError:
        return None


def try_to_install(url: URL, number: int, when: str) -> bool:
    """Install, dying at the n-th change; whether it came to its end."""
    engine = create_database_engine(url)
    crash = Crash(engine, CHANGES, number, when)
    try:
        # The server may not have noticed yet that the one before has died.
        with awaited(lambda: _deployer(engine)) as deployer:
            install(deployer)
    except CrashError:
        return False
    return crash.count < number


def test_baseline_is_what_was_there(databases_of_each_version: Databases) -> None:
    url = with_log(databases_of_each_version.deployed("busy"))
    with session(url) as connection:
        kinds = connection.execute(
            "SELECT kind, count(*) FROM inventory_ops.stock_event GROUP BY 1"
        ).fetchall()
        assert kinds == [("baseline", number(connection, ROWS))]
        assert differences(connection) == (0, 0, 0)
        listings = """
            SELECT count(*) FROM inventory.stock JOIN inventory_ops.stock_event ON stock_id = id
            WHERE stock.listed_on_platforms IS DISTINCT FROM stock_event.listed_on_platforms"""
        assert number(connection, listings) == 0


def test_installing_again_does_nothing(logged: URL) -> None:
    with session(logged) as connection:
        before = number(connection, "SELECT count(*) FROM inventory_ops.stock_event")
        with Deployer(create_database_engine(logged), ignore) as deployer:
            assert install(deployer) is False
        assert number(connection, "SELECT count(*) FROM inventory_ops.stock_event") == before


@pytest.mark.parametrize("when", ["before", "after"])
def test_dying_at_any_change_beside_writers_loses_and_doubles_nothing(
    databases: Databases, when: str
) -> None:
    """Each run dies one change later than the one before it, until one comes to its end."""
    url = databases.deployed("busy")
    with writing(url):
        deaths = 0
        while not try_to_install(url, deaths + 1, when):
            deaths += 1
        with session(url) as connection:
            assert differences(connection) == (0, 0, 0)
    assert deaths > 10
    with session(url) as connection:
        assert differences(connection) == (0, 0, 0)
        doubled = """
            SELECT count(*) FROM (
              SELECT stock_id FROM inventory_ops.stock_event
              WHERE kind IN ('baseline', 'insert')
                AND event_id > coalesce(
                  (SELECT max(event_id) FROM inventory_ops.stock_event WHERE kind = 'truncate'), 0)
              GROUP BY stock_id HAVING count(*) > 1) AS doubled"""
        assert number(connection, doubled) == 0
        # An update of a row whose version before is not there would be a hole.
        orphaned = """
            SELECT count(*) FROM inventory_ops.stock_event AS event
            WHERE kind = 'update' AND NOT EXISTS (
              SELECT FROM inventory_ops.stock_event AS first
              WHERE first.stock_id = event.stock_id AND first.kind IN ('baseline', 'insert')
                AND first.event_id < event.event_id)
              AND event.event_id > coalesce(
                (SELECT max(event_id) FROM inventory_ops.stock_event WHERE kind = 'truncate'), 0)"""
        assert number(connection, orphaned) == 0


def test_status_tells_of_an_installation_that_died_and_removing_forgets_it(
    databases: Databases,
) -> None:
    url = databases.deployed("production")
    assert not try_to_install(url, 12, "after")
    engine = create_database_engine(url)

    with engine.connect() as connection:
        status = history_status(connection)
    assert not status.well
    assert "`soleflip history install` resumes it" in status.lines[0]

    with awaited(lambda: _deployer(engine)) as deployer:
        with engine.connect() as connection:
            assert history_status(connection).well, "somebody is at it"
        assert remove(deployer)
    with engine.connect() as connection:
        assert history_status(connection).well


def test_write_of_an_open_transaction_is_waited_for(databases: Databases) -> None:
    """It was begun before the triggers are there, and would have no event."""
    url = databases.deployed("production")
    with session(url) as shop, session(url) as watcher:
        shop.execute("BEGIN")
        shop.execute("UPDATE inventory.stock SET quantity = 77")
        done = threading.Thread(target=with_log, args=(url,))
        done.start()
        while not number(
            watcher,
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'",
        ):
            assert done.is_alive()
        shop.execute("COMMIT")
        done.join()
        assert differences(watcher) == (0, 0, 0)


def test_log_begins_anew_where_a_trigger_was_missing(logged: URL) -> None:
    with session(logged) as shop:
        shop.execute("DROP TRIGGER soleflip_log_update ON inventory.stock")
        shop.execute("UPDATE inventory.stock SET quantity = quantity + 1")
        shop.execute(
            "DELETE FROM inventory.stock WHERE id IN (SELECT id FROM inventory.stock LIMIT 3)"
        )
        assert differences(shop)[1] > 0
        with_log(logged)
        assert differences(shop) == (0, 0, 0)
        shop.execute("UPDATE inventory.stock SET quantity = quantity + 1")
        assert differences(shop) == (0, 0, 0)


def test_removed_log_keeps_its_events_and_writes_no_more(logged: URL) -> None:
    with session(logged) as shop:
        before = number(shop, "SELECT count(*) FROM inventory_ops.stock_event")
        with Deployer(create_database_engine(logged), ignore) as deployer:
            assert remove(deployer) is True
            assert remove(deployer) is False
            assert state_of(deployer.connection).installed is False
        shop.execute("UPDATE inventory.stock SET quantity = quantity + 1")
        assert number(shop, "SELECT count(*) FROM inventory_ops.stock_event") == before
        # What went meanwhile went unseen; what is there is said anew.
        shop.execute(
            "DELETE FROM inventory.stock WHERE id IN (SELECT id FROM inventory.stock LIMIT 3)"
        )
        with_log(logged)
        assert differences(shop) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER purchase_price TYPE numeric(12,2)", r"purchase_price is numeric\(12,2\)"),
        ("ALTER quantity TYPE bigint", "quantity is bigint, not integer or smallint"),
        ("ALTER external_ids TYPE json", "external_ids is json, not a type with an equality"),
        ("ALTER notes TYPE json USING NULL", "notes is json, not a type with an equality"),
    ],
)
def test_column_of_another_type_is_refused_in_a_sentence(
    databases: Databases, change: str, sentence: str
) -> None:
    """Its values might not fit one day, and a write of the shop would fail."""
    url = databases.legacy("production")
    with session(url) as shop:
        shop.execute(f"ALTER TABLE inventory.stock {change}".encode())
    with pytest.raises(HistoryError, match=sentence):
        with_log(url)
    with connect(url) as connection:
        assert state_of(connection).has_tables is False


def test_columns_may_come_and_go(databases_of_each_version: Databases) -> None:
    """A shop that never heard of Phase 2; a migration that adds, widens and drops columns.

    In a session whose plans are made: after five times PostgreSQL keeps one.
    """
    url = with_log(databases_of_each_version.legacy("production"))
    update = "UPDATE inventory.stock SET quantity = quantity + 1 WHERE id = %s"
    with session(url) as shop:
        one = value(shop, "SELECT id FROM inventory.stock LIMIT 1")
        for _ in range(WARM):
            shop.execute(update, [one])
        shop.execute(
            "ALTER TABLE inventory.stock ADD reserved_quantity integer DEFAULT 0, ADD mine text"
        )
        shop.execute(
            "UPDATE inventory.stock SET reserved_quantity = 2, mine = 'x' WHERE id = %s", [one]
        )
        shop.execute(
            "ALTER TABLE inventory.stock DROP reserved_quantity, DROP location, ALTER supplier TYPE text"
        )
        shop.execute("UPDATE inventory.stock SET supplier = repeat('x', 200) WHERE id = %s", [one])
        shop.execute(update, [one])
        events = shop.execute(
            "SELECT kind, changed, reserved_quantity FROM inventory_ops.stock_event "
            "WHERE stock_id = %s ORDER BY event_id",
            [one],
        ).fetchall()
    assert events == [
        ("baseline", None, None),
        *[("update", ["quantity"], None)] * WARM,
        ("update", ["reserved_quantity", "mine"], 2),
        ("update", ["supplier"], None),
        ("update", ["quantity"], None),
    ]
