"""No event is lost or taken twice: beside long transactions, killed at any line, with two loads at once."""

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import Databases, running_databases
from tests.integration.warehouse.deaths import load_until
from tests.integration.warehouse.kept import Loading, connected, logged, shop_with_history

DEATHS = int(os.environ.get("SOLEFLIP_DEATHS", "7"))

SESSIONS = 8
ONE = "UPDATE inventory.stock SET quantity = quantity + 1 WHERE id = %s"


@pytest.fixture(scope="module")
def preparing() -> Iterator[Databases]:
    """A server that prepares transactions."""
    yield from running_databases("18", max_prepared_transactions="8")


@pytest.fixture
def shop_url(preparing: Databases) -> URL:
    return shop_with_history(preparing)


def _ids(url: URL) -> list[str]:
    with connected(url) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM inventory.stock ORDER BY id")]


def _sell(url: URL, ids: list[str], seed: int, over: threading.Event) -> int:
    """Write in transactions of every kind, some rolled back, until it is over.

    Returns:
        How many were begun.
    """
    chance = random.Random(seed)
    begun = 0
    with connected(url) as connection:
        while not over.is_set():
            begun += 1
            match chance.choice(["plain", "savepoint", "undone", "prepared", "abandoned"]):
                case "plain":
                    connection.execute(ONE, [chance.choice(ids)])
                case "savepoint":
                    with connection.transaction():
                        connection.execute(ONE, [chance.choice(ids)])
                        with connection.transaction(force_rollback=chance.random() < 0.5):
                            connection.execute(ONE, [chance.choice(ids)])
                        time.sleep(chance.random() / 50)
                case "undone":
                    with connection.transaction(force_rollback=True):
                        connection.execute(ONE, [chance.choice(ids)])
                case kind:
                    name = f"{seed}-{begun}"
                    with connection.transaction():
                        connection.execute(ONE, [chance.choice(ids)])
                        connection.execute(f"PREPARE TRANSACTION '{name}'".encode())
                    time.sleep(chance.random() / 50)
                    ending = "COMMIT" if kind == "prepared" else "ROLLBACK"
                    connection.execute(f"{ending} PREPARED '{name}'".encode())
    return begun


def test_every_event_is_there_once_beside_eight_sessions_and_a_long_transaction(
    loading: Loading,
) -> None:
    ids = _ids(loading.url)
    shares = [ids[number :: SESSIONS + 1] for number in range(SESSIONS + 1)]
    over = threading.Event()
    with ThreadPoolExecutor(SESSIONS) as pool, connected(loading.url) as slow:
        sessions = [
            pool.submit(_sell, loading.url, shares[number], number, over)
            for number in range(SESSIONS)
        ]
        try:
            loading.load()
            for _ in range(3):
                # Begun before one load and committed after another; all others write meanwhile.
                with slow.transaction():
                    slow.execute(ONE, [shares[SESSIONS][0]])
                    loading.load()
                    slow.execute(ONE, [shares[SESSIONS][1]])
                    loading.load()
                loading.load()
        finally:
            over.set()
        begun = [session.result() for session in sessions]
    assert min(begun) > 3
    loading.load()
    assert loading.events() == logged(loading.url)
    assert len(logged(loading.url)) > len(ids) + sum(begun) // 3


def _write(loading: Loading, chance: random.Random, ids: list[str]) -> None:
    with connected(loading.url) as connection:
        for stock_id in chance.sample(ids, 3):
            connection.execute(ONE, [stock_id])


def test_load_may_be_killed_at_any_line(loading: Loading) -> None:
    chance, ids = random.Random(18), _ids(loading.url)
    _, lines = load_until(loading, 0)
    _, lines_again = load_until(loading, 0, again=True)
    assert lines_again > lines / 2 > 50
    for number in range(2 * DEATHS):
        again = number % 2 == 1
        _write(loading, chance, ids)
        line = chance.randint(1, lines_again if again else lines // 2)
        load_until(loading, line, again=again)
    _write(loading, chance, ids)
    loading.load()
    assert loading.events() == logged(loading.url)


def test_load_may_be_killed_before_and_after_each_of_its_commits(loading: Loading) -> None:
    chance, ids = random.Random(5), _ids(loading.url)
    loading.load()
    ended: int | None = -9
    number = 0
    while ended:
        number += 1
        _write(loading, chance, ids)
        ended, _ = load_until(loading, number, boundary="commit")
        if ended:
            # What it left is what the next one begins with.
            loading.load()
            assert loading.events() == logged(loading.url), number
    assert number > 4


def test_first_load_may_be_killed_at_any_line(
    loading: Loading, databases: Databases, tmp_path: Path
) -> None:
    chance = random.Random(7)
    for number in range(DEATHS):
        catalog = databases.empty()
        warehouse = Warehouse(str(tmp_path / str(number)), catalog)
        another = Loading(loading.url, catalog, warehouse, Shop(loading.url), [])
        ended, _ = load_until(another, chance.randint(1, 700))
        assert ended in (0, -9)
        another.load()
        assert another.events() == logged(loading.url)


def test_two_loads_at_once_take_no_event_twice(loading: Loading) -> None:
    loading.load()
    _write(loading, random.Random(1), _ids(loading.url))
    others = [
        Loading(
            loading.url,
            loading.catalog,
            Warehouse(loading.warehouse.folder, loading.catalog),
            Shop(loading.url),
            [],
        )
        for _ in range(3)
    ]
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda other: other.load(), others))
    assert sum(load["stock_event"].rows for load in done) == 3
    assert sum("waiting until that is done" in line for other in others for line in other.told) == 2
    assert loading.events() == logged(loading.url)


def test_load_whose_lock_was_lost_writes_nothing_twice(loading: Loading) -> None:
    """The lock is a session; where it broke, another load may have begun: then one of both is refused."""
    loading.load()
    stale = loading.warehouse.find("raw.stock_event")
    assert stale
    _write(loading, random.Random(1), _ids(loading.url))
    loading.load()
    with pytest.raises(Exception, match="Somebody else wrote"):
        stale.commit(properties={})
    assert loading.events() == logged(loading.url)
