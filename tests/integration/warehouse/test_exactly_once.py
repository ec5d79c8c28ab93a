"""No event is lost or taken twice: beside long transactions, killed at any line, with two loads at once."""

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import Databases, running_databases
from tests.integration.warehouse.chaos import ONE, SESSIONS, Chaos, ids_of, write_once
from tests.integration.warehouse.deaths import load_until
from tests.integration.warehouse.kept import Loading, connected, logged, shop_with_history

DEATHS = int(os.environ.get("SOLEFLIP_DEATHS", "7"))


@pytest.fixture(scope="module")
def preparing() -> Iterator[Databases]:
    """A server that prepares transactions."""
    yield from running_databases("18", max_prepared_transactions="8")


@pytest.fixture
def shop_url(preparing: Databases) -> URL:
    return shop_with_history(preparing)


def _sell(url: URL, ids: list[str], seed: int, over: threading.Event) -> int:
    """Write until it is over.

    Returns:
        How many transactions were begun.
    """
    chance = random.Random(seed)
    begun = 0
    with connected(url) as connection:
        while not over.is_set():
            begun += 1
            write_once(connection, chance, ids, f"{seed}-{begun}")
    return begun


def test_every_event_is_there_once_beside_eight_sessions_and_a_long_transaction(
    loading: Loading,
) -> None:
    ids = ids_of(loading.url)
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


@pytest.fixture
def of_the_catalog() -> Iterator[Databases]:
    """A server that only the catalog is on, and that may be killed."""
    yield from running_databases("18")


def test_nothing_is_lost_or_doubled_where_either_server_and_the_load_are_killed(
    shop_url: URL, preparing: Databases, of_the_catalog: Databases, tmp_path: Path
) -> None:
    """Each fault once; benchmarks/exactly_once.py goes on for an hour."""
    catalog = of_the_catalog.empty()
    warehouse = Warehouse(str(tmp_path / "warehouse"), catalog)
    loading = Loading(shop_url, catalog, warehouse, Shop(shop_url), [])
    chaos = Chaos(loading, preparing.server, of_the_catalog.server, seed=18)
    chaos.suffer([*chaos.faults], pause=0.5)
    assert chaos.wrong == {}
    assert chaos.done["writes"] > 50
    assert chaos.done["loads"] >= 2


def _write(loading: Loading, chance: random.Random, ids: list[str]) -> None:
    with connected(loading.url) as connection:
        for stock_id in chance.sample(ids, 3):
            connection.execute(ONE, [stock_id])


def test_load_may_be_killed_at_any_line(loading: Loading) -> None:
    chance, ids = random.Random(18), ids_of(loading.url)
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
    chance, ids = random.Random(5), ids_of(loading.url)
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
    _write(loading, random.Random(1), ids_of(loading.url))
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
    _write(loading, random.Random(1), ids_of(loading.url))
    loading.load()
    with pytest.raises(Exception, match="Somebody else wrote"):
        stale.commit(properties={})
    assert loading.events() == logged(loading.url)
