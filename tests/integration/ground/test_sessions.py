"""Our statements mean the same whatever a database or a role has set, and leave nothing behind."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.question import ask_all
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.dumps.dump import take_dump
from soleflip_assets.dumps.restore import restore
from soleflip_assets.ground.async_sessions import create_async_database_engine
from soleflip_assets.ground.database import query_one, require_reachable, undone
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import (
    SETTINGS,
    create_database_engine,
    require_own_session,
)
from soleflip_assets.ground.settings import DATABASE_URL
from soleflip_assets.ground.urls import rendered
from soleflip_assets.sample.sample import create_legacy_schema, fill
from tests.conftest import Databases, connect
from tests.integration.ground.pooler import pooler
from tests.integration.phase2.deployment import ignore, run_deployment
from tests.integration.phase2.state import logical

# What somebody may have set for a database or a role, for one application or in anger.
HOSTILE = {
    "datestyle": "German, DMY",
    "intervalstyle": "iso_8601",
    "timezone": "Pacific/Chatham",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "xmloption": "document",
    "quote_all_identifiers": "on",
    "search_path": "hostile, pg_catalog",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "check_function_bodies": "off",
    "row_security": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "default_tablespace": "",
    "default_table_access_method": "heap",
    "statement_timeout": "60ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "250ms",
    "idle_session_timeout": "250ms",
    "transaction_timeout": "250ms",
    "client_connection_check_interval": "1min",
    "client_encoding": "LATIN1",
}

# Functions and operators of the same names as PostgreSQL's own, found first.
SHADOWS = """
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.count(bigint) RETURNS bigint LANGUAGE sql RETURN -1;
CREATE FUNCTION hostile.current_setting(text, boolean) RETURNS text LANGUAGE sql RETURN NULL;
CREATE FUNCTION hostile.pg_backend_pid() RETURNS integer LANGUAGE sql RETURN -1;
CREATE FUNCTION hostile.equal(integer, integer) RETURNS boolean LANGUAGE sql RETURN false;
CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = integer, RIGHTARG = integer)
"""


def make_hostile(url: URL) -> None:
    """Set all of it for everybody who connects to a database from now on."""
    with psycopg.connect(rendered(url), autocommit=True) as connection:
        connection.execute(SHADOWS)
        for name, value in HOSTILE.items():
            if name == "transaction_timeout" and connection.info.server_version < 170_000:
                continue
            shown: sql.Composable = sql.Literal(value)
            if name == "search_path":
                shown = sql.SQL("hostile, pg_catalog")
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(str(url.database)), sql.Identifier(name), shown
                )
            )


def settings_of(connection: Connection) -> dict[str, str]:
    """What a session has of what we set."""
    query = text("SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY(:names)")
    found = connection.execute(query, {"names": [*SETTINGS, "client_encoding"]})
    return {row.name: row.setting for row in found}


async def settings_by_asyncio(url: URL) -> dict[str, str]:
    """What a session of the application's driver has."""
    engine = create_async_database_engine(url)
    async with engine.connect() as connection:
        found = await connection.run_sync(settings_of)
    await engine.dispose()
    return found


def test_every_setting_is_ours_in_every_kind_of_session(
    databases_of_each_version: Databases,
) -> None:
    friendly, hostile = (databases_of_each_version.empty() for _ in range(2))
    make_hostile(hostile)
    with create_database_engine(friendly).connect() as connection:
        expected = settings_of(connection)
    with psycopg.connect(rendered(hostile)) as raw:
        assert raw.info.parameter_status("DateStyle") == "German, DMY", "the test proves nothing"

    with create_database_engine(hostile).connect() as connection:
        assert settings_of(connection) == expected
        connection.rollback()
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        assert settings_of(autocommit) == expected
        assert autocommit.scalar(text("SHOW transaction_isolation")) == "read committed"
    assert asyncio.run(settings_by_asyncio(hostile)) == expected
    assert set(HOSTILE) == {*SETTINGS, "client_encoding"}, "a setting of ours that no test changes"


def test_deployment_validations_dump_and_restore_are_the_same_in_a_hostile_database(
    databases_of_each_version: Databases, tmp_path: Path
) -> None:
    url = databases_of_each_version.legacy("busy")
    make_hostile(url)
    dump = take_dump(create_database_engine(url), tmp_path)
    run_deployment(url)
    with connect(url) as connection:
        query_one(connection, "metrics/refresh.sql")
        answers = list(ask_all(connection, VALIDATIONS))
        assert query_one(connection, "metrics/last_refresh.sql")["age_seconds"] < 60
    assert [(question.name, answer) for question, answer in answers if not answer.passed] == []
    assert logical(url) == logical(databases_of_each_version.deployed("busy"))
    assert restore(url, dump.path, ignore, replace=False).manifest.contents.rows == dump.rows


def test_database_in_sql_ascii_is_worked_on_like_any(databases: Databases, tmp_path: Path) -> None:
    name = str(databases.empty().database) + "_ascii"
    with connect(databases.server.url("postgres")) as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING SQL_ASCII TEMPLATE template0 LOCALE 'C'"
        )
    url = databases.server.url(name)
    with create_database_engine(url).begin() as connection:
        create_legacy_schema(connection)
        fill(connection, "production")
    dump = take_dump(create_database_engine(url), tmp_path)
    run_deployment(url)
    with connect(url) as connection:
        answers = list(ask_all(connection, VALIDATIONS))
    assert [(question.name, answer) for question, answer in answers if not answer.passed] == []
    assert restore(url, dump.path, ignore, replace=False).manifest.contents.rows == dump.rows


@pytest.fixture(params=["transaction", "session"])
def pooled(request: pytest.FixtureRequest, databases: Databases) -> Iterator[tuple[str, URL]]:
    """A database behind pgbouncer, with the mode of that."""
    with pooler(databases.empty(), request.param) as url:
        yield request.param, url


def left_behind(url: URL) -> list[dict[str, str]]:
    """What clients find who come next, three at once, so that they are given every session."""
    clients = [psycopg.connect(rendered(url)) for _ in range(3)]
    try:
        # A client's own encoding and name pgbouncer gives to the session, and takes them from it.
        query = """
            SELECT name, setting FROM pg_settings
            WHERE source = 'session' AND name NOT IN ('client_encoding', 'application_name')"""
        return [dict(client.execute(query).fetchall()) for client in clients]
    finally:
        for client in clients:
            client.close()


def test_behind_a_pooler_the_settings_hold_and_nothing_of_them_stays(
    pooled: tuple[str, URL],
) -> None:
    mode, url = pooled
    before = left_behind(url)
    with create_database_engine(url, lock_timeout="7s").connect() as connection:
        assert settings_of(connection)["lock_timeout"] == "7000"
        connection.commit()
        # More often than psycopg needs to prepare a statement.
        for _ in range(10):
            assert settings_of(connection)["row_security"] == "off"
            connection.commit()
        if mode == "transaction":
            assert left_behind(url) == before
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        assert settings_of(autocommit)["lock_timeout"] == "7000"
        with pytest.raises(DBAPIError, match="division by zero"):
            autocommit.exec_driver_sql("SELECT 1 / 0")
        with undone(autocommit):
            assert settings_of(autocommit)["lock_timeout"] == "7000"
        if mode == "transaction":
            assert left_behind(url) == before
    assert asyncio.run(settings_by_asyncio(url))["row_security"] == "off"
    assert left_behind(url) == before


def test_what_needs_a_session_of_its_own_is_refused_where_sessions_are_shared(
    pooled: tuple[str, URL],
) -> None:
    mode, url = pooled
    with create_database_engine(url).connect() as connection:
        if mode == "session":
            require_own_session(connection)
            return
        with pytest.raises(
            ConfigurationError, match="set SOLEFLIP_OWNER_DATABASE_URL to the direct"
        ):
            require_own_session(connection)


def test_pooler_that_lets_no_more_clients_in_is_taken_for_one_that_shares(
    databases: Databases,
) -> None:
    """What only looks goes on with the one session that it has."""
    with (
        pooler(databases.empty(), "session", max_client_conn="2") as url,
        create_database_engine(url).connect() as connection,
    ):
        assert settings_of(connection)["row_security"] == "off"
        with pytest.raises(ConfigurationError, match="a pooler that shares sessions"):
            require_own_session(connection)


def test_pooler_without_transactions_is_refused(databases: Databases) -> None:
    """In its own words, though SQLAlchemy's first look at the server fails already."""
    with (
        pooler(databases.empty(), "statement") as url,
        pytest.raises(
            ConfigurationError, match=r"statement pooling mode\): set it to the URL of the server"
        ),
    ):
        require_reachable(DATABASE_URL, url)


def test_shared_sessions_are_noticed_on_a_busy_pooler(databases: Databases) -> None:
    """Others take and give back sessions all the time, in turn."""
    stop = threading.Event()

    def work(url: URL) -> None:
        with psycopg.connect(rendered(url), autocommit=True, prepare_threshold=None) as client:
            while not stop.is_set():
                client.execute("SELECT 1")

    with pooler(databases.empty(), "transaction", server_round_robin="1") as url:
        others = [threading.Thread(target=work, args=[url]) for _ in range(3)]
        for other in others:
            other.start()
        try:
            for _ in range(10):
                with (
                    create_database_engine(url).connect() as connection,
                    pytest.raises(ConfigurationError),
                ):
                    require_own_session(connection)
        finally:
            stop.set()
            for other in others:
                other.join()


def test_pooler_that_has_no_session_left_is_not_waited_for(databases: Databases) -> None:
    """Nothing can be learned of it, so that nothing is trusted to it."""
    with (
        pooler(databases.empty(), "session", default_pool_size="1") as url,
        create_database_engine(url).connect() as connection,
        pytest.raises(ConfigurationError),
    ):
        require_own_session(connection)
