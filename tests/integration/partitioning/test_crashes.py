"""A conversion, or the way back, may die anywhere: the next run ends it, and no row is lost."""

import multiprocessing
import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url

from soleflip_assets.partitioning.conversion import convert
from soleflip_assets.partitioning.record import managed_tables
from soleflip_assets.partitioning.undo import undo
from tests.conftest import Databases, connect
from tests.integration.partitioning.tables import (
    back,
    described,
    engine_of,
    ignore,
    rows_of,
    shop,
    to_partitions,
)

TABLE, COLUMN = "logging.event_store", "timestamp"
DEATHS = int(os.environ.get("SOLEFLIP_DEATHS", "7"))

# What commits, or is by itself: between two of these there is nothing that a death could leave.
_STEPS = re.compile(
    r"BEGIN|COMMIT|CREATE (UNIQUE INDEX CONC|SCHEMA|TABLE IF)|INSERT INTO inventory_ops|UPDATE inventory_ops|"
    r"ALTER TABLE \S+ VALIDATE|ANALYZE|DROP INDEX CONC|DELETE"
)
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


class CrashError(BaseException):
    """Stands for the death of the process: nothing catches it."""


def dies(url: URL, *, convert_it: bool, number: int, when: str) -> bool:
    """Convert, or undo, and die before or after the n-th step; whether it came to that."""
    engine, seen = engine_of(url), 0

    @event.listens_for(engine, f"{when}_cursor_execute")
    def see(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal seen
        seen += bool(_STEPS.match(statement))
        if seen == number and _STEPS.match(statement):
            raise CrashError(statement)

    try:
        if convert_it:
            convert(engine, TABLE, COLUMN, ignore, keep=None, archive=False)
        else:
            undo(engine, TABLE, ignore)
    except CrashError:
        return True
    return False


@pytest.fixture
def shop_url(databases_of_each_version: Databases) -> URL:
    return shop(databases_of_each_version)


def test_conversion_dies_at_every_step(databases_of_each_version: Databases) -> None:
    """Rows and writes are right at once, and the next run ends where an undisturbed one does."""
    original = shop(databases_of_each_version)
    undisturbed = databases_of_each_version.copy(original)
    to_partitions(undisturbed, TABLE, COLUMN)
    with connect(undisturbed) as connection:
        wanted = described(connection, TABLE)
    deaths = 0
    for when in ("before", "after"):
        number, died = 1, True
        while died:
            url = databases_of_each_version.copy(original)
            died = dies(url, convert_it=True, number=number, when=when)
            with connect(url) as connection:
                assert rows_of(connection, TABLE)[0] == 3000
                connection.exec_driver_sql(
                    "INSERT INTO logging.event_store (event_type) VALUES ('new')"
                )
                to_partitions(url, TABLE, COLUMN)
                assert described(connection, TABLE) == wanted
                assert rows_of(connection, TABLE)[0] == 3001
            deaths, number = deaths + died, number + 1

    assert deaths >= 24


def test_way_back_dies_at_every_step(databases_of_each_version: Databases) -> None:
    original = shop(databases_of_each_version)
    with connect(original) as connection:
        wanted = described(connection, TABLE)
    to_partitions(original, TABLE, COLUMN)
    deaths = 0
    for when in ("before", "after"):
        number, died = 1, True
        while died:
            url = databases_of_each_version.copy(original)
            died = dies(url, convert_it=False, number=number, when=when)
            with connect(url) as connection:
                connection.exec_driver_sql(
                    "INSERT INTO logging.event_store (event_type) VALUES ('new')"
                )
                if died and number_of_managed(url):
                    back(url, TABLE)
                assert described(connection, TABLE) == wanted
                assert rows_of(connection, TABLE)[0] == 3001
            deaths, number = deaths + died, number + 1

    assert deaths >= 10


def number_of_managed(url: URL) -> int:
    with connect(url) as connection:
        return len(managed_tables(connection))


def test_conversion_that_died_is_given_up(shop_url: URL) -> None:
    """Nothing of it is left, whatever it had prepared."""
    with connect(shop_url) as connection:
        before = described(connection, TABLE)
        number = 1
        while dies(shop_url, convert_it=True, number=number, when="after") and not is_partitioned(
            shop_url
        ):
            if number_of_managed(shop_url):
                back(shop_url, TABLE)
            assert described(connection, TABLE) == before
            assert number_of_managed(shop_url) == 0
            number += 1

    assert number > 8


def is_partitioned(url: URL) -> bool:
    with connect(url) as connection:
        kind = connection.exec_driver_sql(
            f"SELECT relkind FROM pg_class WHERE oid = '{TABLE}'::regclass"
        )
        return bool(kind.scalar_one() == "p")


class Writers:
    """The application at work: inserts, updates and deletes, each committed for sure or failed."""

    def __init__(self, url: URL, count: int = 3) -> None:
        self._url = url.render_as_string(hide_password=False)
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(n,)) for n in range(count)]
        self.there: dict[str, int] = {}
        self.gone: set[str] = set()
        self.failed: list[str] = []
        self.writes = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        chance = random.Random(number)
        mine: list[str] = []
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._end.is_set():
                try:
                    self._write(connection, chance, mine)
                    self.writes += 1
                except psycopg.Error as error:
                    self.failed.append(str(error))

    def _write(
        self,
        connection: "psycopg.Connection[tuple[object, ...]]",
        chance: random.Random,
        mine: list[str],
    ) -> None:
        kind = chance.random()
        if kind < 0.6 or not mine:
            days = chance.choice([0, 0, 0, -100, 20, 75, 400])
            row = connection.execute(
                "INSERT INTO logging.event_store (event_type, timestamp, version) "
                "VALUES ('w', now() + %s * interval '1 day', 1) RETURNING id::text",
                [days],
            ).fetchone()
            assert row is not None
            mine.append(str(row[0]))
            self.there[mine[-1]] = 1
        elif kind < 0.85:
            one = chance.choice(mine)
            connection.execute(
                "UPDATE logging.event_store SET version = version + 1 WHERE id = %s", [one]
            )
            self.there[one] += 1
        else:
            one = mine.pop()
            connection.execute("DELETE FROM logging.event_store WHERE id = %s", [one])
            del self.there[one]
        time.sleep(chance.uniform(0, 0.004))

    def is_right(self, url: URL) -> bool:
        """Every row that was committed is there once, as it was last written."""
        with connect(url) as connection:
            rows = connection.exec_driver_sql(
                "SELECT id::text, version FROM logging.event_store WHERE event_type = 'w'"
            ).all()
        return len(rows) == len(self.there) and dict(map(tuple, rows)) == self.there


def _run(url: str, *, convert_it: bool) -> None:
    engine = engine_of(make_url(url))
    if convert_it:
        convert(engine, TABLE, COLUMN, ignore, keep=None, archive=False)
    else:
        undo(engine, TABLE, ignore)


@contextmanager
def running(url: URL, *, convert_it: bool) -> Iterator[multiprocessing.process.BaseProcess]:
    process = _PROCESSES.Process(
        target=_run,
        args=(url.render_as_string(hide_password=False),),
        kwargs={"convert_it": convert_it},
    )
    process.start()
    yield process
    process.join()


def test_killed_at_random_under_writers_there_and_back(shop_url: URL) -> None:
    """SIGKILL, again and again; writes beyond the horizon, too. No write fails, no row is lost or doubled."""
    chance = random.Random(17)
    with Writers(shop_url) as writers:
        for convert_it in (True, False):
            for _ in range(DEATHS):
                with running(shop_url, convert_it=convert_it) as process:
                    process.join(chance.uniform(0.2, 1.4))
                    os.kill(process.pid or 0, signal.SIGKILL) if process.is_alive() else None
                await_no_session(shop_url)
                if is_partitioned(shop_url) == convert_it:
                    break
            if is_partitioned(shop_url) != convert_it:
                _run(shop_url.render_as_string(hide_password=False), convert_it=convert_it)
            if convert_it:
                to_partitions(shop_url, TABLE, COLUMN)

    assert writers.failed == []
    assert writers.writes > 100
    assert writers.is_right(shop_url)


def await_no_session(url: URL) -> None:
    """Until the killed process's session has ended, which PostgreSQL notices when it answers."""
    with connect(url) as connection:
        deadline = time.monotonic() + 30
        while connection.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'soleflip' "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        ).scalar_one():
            assert time.monotonic() < deadline
            time.sleep(0.02)
