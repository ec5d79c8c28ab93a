"""Another server than the one that was loaded from: an older one, a standby, one that took over."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import URL

from soleflip_assets.embedded.postgres import PostgresServer, server_account
from soleflip_assets.warehouse.comparing import months_of, rows_match, sums_match
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import WarehouseError
from soleflip_assets.warehouse.tables import LOGS
from tests.conftest import Databases, open_folder, running_databases
from tests.integration.warehouse.kept import Loading, connected, logged, shop_with_history
from tests.integration.warehouse.test_loading import THREE


@pytest.fixture(scope="module")
def primary() -> Iterator[Databases]:
    """A server with little on it: a standby copies all of it."""
    yield from running_databases("18")


@pytest.fixture
def shop_url(primary: Databases) -> URL:
    return shop_with_history(primary)


def _at(loading: Loading, url: URL) -> Loading:
    """The same warehouse, loaded from elsewhere."""
    return Loading(url, loading.catalog, loading.warehouse, Shop(url), [])


def _is_right(loading: Loading) -> bool:
    months = [months_of(loading.warehouse, loading.shop, log) for log in LOGS]
    return all(rows_match(found).passed and sums_match(found).passed for found in months)


def test_another_server_is_loaded_whole_and_said_aloud_here_postgresql_15(
    loading: Loading, databases_15: Databases
) -> None:
    """A dump of the shop that was restored elsewhere looks like this."""
    loading.load()
    before = loading.events()
    other = _at(loading, shop_with_history(databases_15))
    with connected(other.url) as connection:
        connection.execute(THREE)
    loaded = other.load()
    assert other.events() == logged(other.url)
    assert loaded["stock_event"].rows == len(other.events()) > 3
    (line,) = [
        line for line in other.told if "stock_event was loaded from another database" in line
    ]
    aside = line.rpartition(" ")[2].rstrip(".")
    assert sorted(loading.warehouse.read(aside)["event_id"].to_pylist()) == before
    # And the increments of that version.
    with connected(other.url) as connection:
        connection.execute(THREE)
    assert other.load()["stock_event"].rows == 3
    assert other.events() == logged(other.url)
    assert _is_right(other)


@pytest.fixture
def standby(primary: Databases, loading: Loading) -> Iterator[PostgresServer]:
    """A standby of the shop's server, as that was just now."""
    server = primary.server
    with open_folder(server.data.parent.parent) as folder:
        data = folder / "data"
        account = server_account()
        data.mkdir(mode=0o700)
        if account:
            shutil.chown(data, account.pw_uid, account.pw_gid)
        subprocess.run(
            [server.programs / "pg_basebackup", "--host", str(server.data), "--username",
             "postgres", "--pgdata", str(data), "--write-recovery-conf", "--checkpoint", "fast"],
            check=True,
            user=account.pw_uid if account else None,
            cwd="/",
        )  # fmt: skip
        # The socket is in the data directory here, and its lock was copied with it.
        (data / ".s.PGSQL.5432.lock").unlink()
        copy = PostgresServer(data, server.programs, server.parameters)
        with copy.running():
            yield copy
            copy.stop("immediate")


def test_standby_is_refused_and_loaded_again_when_it_took_over(
    loading: Loading, standby: PostgresServer
) -> None:
    loading.load()
    there = _at(loading, standby.url(str(loading.url.database)))
    with pytest.raises(WarehouseError, match="is a standby"):
        there.load()
    assert loading.load()["stock_event"].rows == 0
    with connected(there.url) as connection:
        connection.execute("SELECT pg_promote()")
        connection.execute(THREE)
    # The old one goes on for a while, and gives the same numbers to other events.
    with connected(loading.url) as connection:
        connection.execute(THREE)
    loading.load()
    there.load()
    assert any("its server took over from another one" in line for line in there.told)
    assert there.events() == logged(there.url)
    assert _is_right(there)
