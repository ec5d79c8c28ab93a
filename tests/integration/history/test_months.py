"""Months of the log: in UTC whatever anybody's clock says, and no write fails where one is missing."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.log import (
    LOGS,
    STOCK_EVENT,
    HistoryError,
    make_log_months,
    months_wanted,
    move_overflow,
)
from soleflip_assets.history.prune import prune
from soleflip_assets.months.archive import digest_of_file
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import detach_month, drop_detached, list_months
from tests.conftest import Databases, connect
from tests.e2e.processes import awaited
from tests.integration.history.conftest import session, value, with_log, without_rows
from tests.integration.history.test_install import number
from tests.integration.phase2.deployment import ignore

NEW = """
INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)
SELECT id, id, id, 1, 'in_stock' FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, %s)) AS new
"""
DETACHING = """
SELECT count(*) FROM pg_stat_activity
WHERE query LIKE 'ALTER TABLE%DETACH%' AND wait_event_type = 'Lock' AND datname = current_database()
"""
_CLOCK = "clock_timestamp()"
SHORTEST = timedelta(microseconds=1)


@contextmanager
def clock(shop: psycopg.Connection[Any], moment: str) -> Iterator[None]:
    """A clock that says something else to the triggers: their function, with another one in its place."""
    kept = value(shop, "SELECT pg_get_functiondef('inventory_ops.log_stock()'::regprocedure)")
    assert _CLOCK in kept
    shop.execute(kept.replace(_CLOCK, f"timestamptz '{moment}'").encode())
    try:
        yield
    finally:
        shop.execute(kept.encode())


@pytest.fixture
def shop(empty_shop: URL) -> Iterator[psycopg.Connection[Any]]:
    with session(empty_shop) as connection:
        yield connection


def waiting(shop: psycopg.Connection[Any]) -> int:
    return number(shop, "SELECT count(*) FROM inventory_ops.stock_event_overflow")


def places(shop: psycopg.Connection[Any]) -> list[str]:
    """The partitions that have events."""
    rows = shop.execute(
        "SELECT DISTINCT tableoid::regclass::text FROM inventory_ops.stock_event ORDER BY 1"
    )
    return [row[0].removeprefix("inventory_ops.") for row in rows]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Auckland", "America/St_Johns", "UTC"])
def test_month_of_an_event_is_that_of_utc_under_any_time_zone(
    databases_of_each_version: Databases, zone: str
) -> None:
    """An hour before and after each month of a year, over both changes of summer time."""
    url = with_log(without_rows(databases_of_each_version))
    with connect(url) as connection, session(url, timezone=zone) as shop:
        for month in Month(2026, 1).to(Month(2026, 12)):
            connection.exec_driver_sql(
                "SELECT inventory_ops.make_month('inventory_ops.stock_event', %s)",
                (month.first_day,),
            )
        for month in Month(2026, 2).to(Month(2026, 12)):
            for moment in (month.begin - timedelta(minutes=30), month.begin, month.end - SHORTEST):
                shop.execute("TRUNCATE inventory_ops.stock_event")
                with clock(shop, moment.isoformat()):
                    shop.execute(NEW, [1])
                assert places(shop) == [f"stock_event_{Month.of(moment).suffix}"]
        bounds = [one.month for one in list_months(connection, STOCK_EVENT)]
        assert None not in bounds


def test_write_without_a_month_waits_in_the_overflow_and_moves_when_it_is_made(
    shop: psycopg.Connection[Any], empty_shop: URL
) -> None:
    current = Month.of(datetime.now(UTC))
    with connect(empty_shop) as connection:
        for log in LOGS:
            detach_month(connection, log, log.partition(current))
            drop_detached(connection, log.partition(current))
        shop.execute(NEW, [5])
        shop.execute("UPDATE inventory.stock SET quantity = 2")
        shop.execute(
            "DELETE FROM inventory.stock WHERE id IN (SELECT id FROM inventory.stock LIMIT 2)"
        )
        with shop.transaction():
            shop.execute("UPDATE inventory.stock SET quantity = 3")
        assert waiting(shop) == 5 + 5 + 2 + 3
        before = shop.execute(
            "SELECT event_id, transaction_id, occurred_at FROM inventory_ops.stock_event_overflow ORDER BY 1"
        ).fetchall()

        assert str(STOCK_EVENT.partition(current)) in make_log_months(connection)
        assert move_overflow(connection) == len(before)
        assert waiting(shop) == 0
        after = shop.execute(
            "SELECT event_id, transaction_id, occurred_at FROM inventory_ops.stock_event "
            "WHERE kind <> 'baseline' ORDER BY 1"
        ).fetchall()
        assert after == before


@pytest.mark.parametrize("moment", ["2019-02-03 04:05:06+00", "2051-06-07 08:09:10+00"])
def test_clock_that_stands_wrong_stops_nobody_and_makes_no_month(
    shop: psycopg.Connection[Any], empty_shop: URL, moment: str
) -> None:
    with clock(shop, moment):
        shop.execute(NEW, [3])
    assert waiting(shop) == 3
    with connect(empty_shop) as connection:
        months = list_months(connection, STOCK_EVENT)
        make_log_months(connection)
        assert list_months(connection, STOCK_EVENT) == months
        assert move_overflow(connection) == 0
        with pytest.raises(HistoryError, match="clock says 2051"):
            make_log_months(connection, datetime(2051, 6, 7, tzinfo=UTC))
    assert waiting(shop) == 3


def test_months_wanted_closes_gaps_and_is_three_ahead() -> None:
    now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    found = [Month(2026, 8), Month(2026, 10)]
    assert [str(month) for month in months_wanted(found, now)] == [
        "2026-09", "2026-11", "2026-12", "2027-01", "2027-02",
    ]  # fmt: skip
    assert months_wanted([], now)[0] == Month(2026, 11)


def test_readers_and_writers_go_on_while_a_month_is_made(
    shop: psycopg.Connection[Any], empty_shop: URL
) -> None:
    """Beside a transaction that has written to the log and is not ended, and one that reads it."""
    with session(empty_shop) as writer, session(empty_shop) as reader:
        writer.execute("BEGIN")
        writer.execute(NEW, [1])
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM inventory_ops.stock_event")
        with connect(empty_shop) as connection:
            execute_statement(connection, "SET statement_timeout = '5s'")
            assert make_log_months(connection, datetime(2027, 6, 1, tzinfo=UTC))
        writer.execute("COMMIT")
        reader.execute("COMMIT")
    shop.execute(NEW, [1])


def test_readers_and_writers_go_on_while_a_month_is_detached(
    shop: psycopg.Connection[Any], empty_shop: URL
) -> None:
    """It waits for a transaction that has read the log; who comes after waits for neither of them."""
    last = Month.of(datetime.now(UTC)) + 3
    with (
        session(empty_shop) as reader,
        connect(empty_shop) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM inventory_ops.stock_event")
        detaching = pool.submit(detach_month, connection, STOCK_EVENT, STOCK_EVENT.partition(last))
        try:
            awaited(lambda: number(shop, DETACHING))
            shop.execute("SET lock_timeout = '10ms'")
            shop.execute(NEW, [3])
            shop.execute("UPDATE inventory.stock SET quantity = 7")
            assert number(shop, "SELECT count(*) FROM inventory_ops.stock_event") == 6
            assert not detaching.done()
        finally:
            reader.execute("COMMIT")
        detaching.result(timeout=20)
        drop_detached(connection, STOCK_EVENT.partition(last))
    assert waiting(shop) == 0


def test_a_year_is_made_filled_archived_and_pruned_in_the_clock_of_a_test(
    shop: psycopg.Connection[Any], empty_shop: URL, tmp_path: Path
) -> None:
    """Twelve months, ten events in each; three stay; the archives hold the others, row for row."""
    begun = Month.of(datetime.now(UTC))
    left: list[Month] = []
    for month in begun.to(begun + 11):
        now = month.begin.replace(day=14, hour=9)
        with Deployer(create_database_engine(empty_shop), ignore) as deployer:
            make_log_months(deployer.connection, now)
            with clock(shop, now.isoformat()):
                shop.execute(NEW, [10])
            pruned = prune(deployer, 3, tmp_path / "archive", now=now)
            found = [one.month for one in list_months(deployer.connection, STOCK_EVENT)]
        left += [
            Month.parse(text.split("_")[2]) for text in pruned.months if text.startswith("stock")
        ]
        assert found[0] == max(begun, month + -3)
        assert found[-1] == month + 3
        assert waiting(shop) == 0
    assert left == list(begun.to(begun + 7))
    files = sorted((tmp_path / "archive").rglob("stock_event_*.parquet"))
    assert [digest_of_file(file).rows for file in files] == [10] * 8
    assert number(shop, "SELECT count(*) FROM inventory_ops.stock_event") == 4 * 10
    assert all(re.fullmatch(r"stock_event_\d{6}\.parquet", file.name) for file in files)
