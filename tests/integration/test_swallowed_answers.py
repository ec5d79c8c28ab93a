"""A proxy that keeps the connection and stops forwarding: the statement is given up (D3)."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster_postgres.utils import DagsterPostgresException
from psycopg2 import extensions
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.ground.bounded import BoundedConnection
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.deadlines import CONNECTION_PARAMETERS, Deadline
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import FILES
from soleflip_assets.running import storage as running_storage
from tests.conftest import Databases, connect
from tests.proxy import Proxy, proxied


@pytest.fixture
def proxy(databases: Databases) -> Iterator[Proxy]:
    found = Proxy(databases.server.data / ".s.PGSQL.5432")
    yield found
    found.close()


@pytest.fixture
def through(proxy: Proxy, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> URL:
    """A database through the proxy; what takes minutes takes a second."""
    monkeypatch.setattr(BoundedConnection, "probe_after", 0.3)
    monkeypatch.setattr(BoundedConnection, "lost_after", 1.0)
    url = databases.empty()
    # The proxy is no local socket: pg_hba.conf's lines for those do not matter, the server sees its socket.
    return url.set(host="127.0.0.1", port=proxy.port, query={"connect_timeout": "2"})


def _sleeping(url: URL, seconds: float, errors: list[Any]) -> threading.Thread:
    def work() -> None:
        try:
            with create_database_engine(url).connect() as connection:
                execute_statement(connection, f"SELECT pg_sleep({seconds})")
            errors.append(None)
        except OperationalError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def _await_sleeper(databases: Databases, url: URL) -> None:
    with connect(databases.server.url(str(url.database))) as connection:
        deadline = time.monotonic() + 30
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE query LIKE 'SELECT pg_sleep%%' AND state = 'active'"
        )
        while not connection.exec_driver_sql(query).scalar_one():
            assert time.monotonic() < deadline


def test_answer_that_a_proxy_swallows_is_noticed(
    proxy: Proxy, through: URL, databases: Databases
) -> None:
    """The server is done, says so over another connection, and the first one still waits."""
    errors: list[Any] = []
    thread = _sleeping(through, 1, errors)
    _await_sleeper(databases, through)
    proxy.swallows_answers = True
    thread.join(30)
    assert not thread.is_alive()
    assert "its answer never came" in str(errors[0])
    assert errors[0].connection_invalidated


def test_proxy_that_stops_forwarding_at_all_is_noticed(
    proxy: Proxy, through: URL, databases: Databases
) -> None:
    errors: list[Any] = []
    thread = _sleeping(through, 60, errors)
    _await_sleeper(databases, through)
    proxy.swallows_all = True
    thread.join(30)
    assert not thread.is_alive()
    assert "nobody there has answered for" in str(errors[0])


def test_statement_that_is_worked_on_is_left_alone(through: URL, databases: Databases) -> None:
    """However many times the server is asked."""
    errors: list[Any] = []
    _sleeping(through, 2, errors).join(30)
    assert errors == [None]


def test_every_connection_is_kept_alive(through: URL) -> None:
    """Parameters that the kernel goes by."""
    with create_database_engine(through).connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert isinstance(driver, BoundedConnection)
        descriptor = socket.socket(fileno=driver.pgconn.socket)
        try:
            assert descriptor.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert descriptor.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            assert descriptor.getsockopt(socket.IPPROTO_TCP, 18) == 60_000  # TCP_USER_TIMEOUT
        finally:
            descriptor.detach()
    assert psycopg.pq.__impl__


@pytest.fixture
def storage(proxy: Proxy, databases: Databases, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's own storage through the proxy, as dagster.yaml says; what takes a minute takes a second."""
    shutil.copyfile(FILES / "dagster.yaml", tmp_path / "dagster.yaml")
    before = extensions.get_wait_callback()
    with pytest.MonkeyPatch.context() as patch:
        url = proxied(databases.dagster(), proxy)
        patch.setenv("DAGSTER_POSTGRES_URL", url.render_as_string(hide_password=False))
        patch.setattr(running_storage, "STORAGE_ANSWER", Deadline("", 1, "s", "", ""))
        patch.setattr(running_storage, "CONNECT", Deadline("", 1, "s", "", ""))
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            yield instance
    extensions.set_wait_callback(before)


def test_storage_that_a_proxy_swallows_ends(proxy: Proxy, storage: dg.DagsterInstance) -> None:
    """Connections that there were, and new ones; afterwards it works as before."""
    assert storage.get_runs() == []
    engine: Any = storage.run_storage._engine  # type: ignore[attr-defined]
    with engine.connect() as connection:
        proxy.swallows_all = True
        with pytest.raises(OperationalError, match="was silent for 1 s") as found:
            connection.exec_driver_sql("SELECT 1")
        assert found.value.connection_invalidated
    # Dagster itself tries again five times.
    with pytest.raises(DagsterPostgresException, match="too many retries"):
        storage.get_runs()
    proxy.swallows_all = False
    assert storage.get_runs() == []


def test_storage_is_kept_alive(storage: dg.DagsterInstance) -> None:
    """Parameters that the kernel goes by."""
    engine: Any = storage.run_storage._engine  # type: ignore[attr-defined]
    assert engine.url.drivername == "postgresql+psycopg2"
    assert {**CONNECTION_PARAMETERS, **engine.url.query} == engine.url.query
