"""The commands on servers as they are met: hostile settings, a pooler, one database for two."""

import json

import psycopg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.commands.health import DAEMONS
from soleflip_assets.ground.settings import DAGSTER_STORAGE_URL, DATABASE_URL, OWNER_DATABASE_URL
from soleflip_assets.ground.urls import rendered
from tests.conftest import Databases, connect
from tests.e2e.conftest import SECRET, Soleflip
from tests.e2e.test_configuration_errors import assert_one_sentence
from tests.integration.ground.pooler import pooler
from tests.integration.ground.test_sessions import left_behind, make_hostile

# Dagster's own, in each job.
pytestmark = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")


def test_life_in_a_hostile_database(soleflip: Soleflip, databases: Databases) -> None:
    url = databases.legacy("production")
    make_hostile(url)
    for command in (
        ["deploy", "--check"],
        ["deploy"],
        ["verify"],
        ["refresh"],
        ["health", "database"],
    ):
        result = soleflip(*command, url=url)
        assert result.exit_code == 0, result.output
    status = json.loads(soleflip("status", "--json", url=url).stdout)
    assert status["last_refresh"]["rows"] > 1000


def test_behind_a_pooler_all_works_but_what_changes_the_schema(
    soleflip: Soleflip, databases: Databases
) -> None:
    direct = databases.legacy("production")
    with pooler(direct, "transaction") as pooled:
        before = left_behind(pooled)
        for command in (
            ["deploy"],
            ["deploy", "--check"],
            ["revert"],
            ["metrics", "--mode", "incremental"],
        ):
            refused = soleflip(*command, url=pooled)
            assert refused.exit_code == 2
            assert_one_sentence(refused.output, f"set {OWNER_DATABASE_URL} to the direct URL")
        with connect(direct) as connection:
            ours = connection.exec_driver_sql(
                "SELECT FROM pg_namespace WHERE nspname = 'inventory_ops'"
            ).all()
        assert ours == []

        both = {OWNER_DATABASE_URL: rendered(direct)}
        for command in (["deploy"], ["verify"], ["refresh"], ["health", "database"]):
            result = soleflip(*command, url=pooled, **both)
            assert result.exit_code == 0, result.output
        status = json.loads(soleflip("status", "--json", url=pooled, **both).stdout)
        assert status["last_refresh"]["rows"] > 1000
        assert left_behind(pooled) == before


def test_behind_a_pooler_of_whole_sessions_everything_works(
    soleflip: Soleflip, databases: Databases
) -> None:
    with pooler(databases.legacy("production"), "session") as pooled:
        before = left_behind(pooled)
        for command in (["deploy"], ["verify"], ["revert"]):
            result = soleflip(*command, url=pooled)
            assert result.exit_code == 0, result.output
        assert left_behind(pooled) == before


@pytest.mark.parametrize("user", ["postgres", "somebody"])
def test_dagster_is_not_let_into_the_shops_own_database(
    soleflip: Soleflip, databases: Databases, user: str
) -> None:
    """Whatever the URLs look like: one of them may name another user, or another way to the server."""
    shop = databases.legacy("production")
    with connect(shop) as connection:
        if user != "postgres":
            connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN")
            connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA inventory TO {user}")
    storage = rendered(shop.set(username=user).update_query_dict({"port": "5432"}))
    result = soleflip("deploy", url=shop, **{DAGSTER_STORAGE_URL: storage})
    assert result.exit_code == 2
    assert_one_sentence(result.output, DAGSTER_STORAGE_URL, DATABASE_URL, "a database for Dagster")
    with psycopg.connect(rendered(shop)) as raw:
        assert raw.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)


def test_daemon_is_seen_to_live_in_a_storage_of_ascii(
    soleflip: Soleflip, databases: Databases
) -> None:
    """There psycopg gives bytes for text, unless it is told an encoding: each daemon "has never run"."""
    name = f"{databases.empty().database}_ascii"
    with connect(databases.server.url("postgres")) as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING SQL_ASCII TEMPLATE template0 LOCALE 'C'"
        )
    storage = databases.server.url(name)
    with connect(storage) as connection:
        connection.exec_driver_sql(
            "CREATE TABLE daemon_heartbeats AS SELECT daemon_type, now() AT TIME ZONE 'UTC' AS timestamp "
            "FROM unnest(%s::text[]) AS daemon_type",
            (list(DAEMONS),),
        )
    result = soleflip("health", "daemon", **{DAGSTER_STORAGE_URL: rendered(storage)})
    assert result.exit_code == 0, result.output
    assert result.output.startswith("✓ The daemon is alive. Took ")


@pytest.mark.parametrize("password", ["a", "e", "server", SECRET])
def test_secret_is_hidden_and_the_sentence_stays_whole(soleflip: Soleflip, password: str) -> None:
    url = URL.create("postgresql", "shop", password, "127.0.0.1", 1, "soleflip")
    result = soleflip("verify", url=url)
    assert result.exit_code == 2
    assert_one_sentence(result.output, 'connection to server at "127.0.0.1", port 1 failed')
    assert f":{password}@" not in result.output
