"""The refresh scheduled by pg_cron: the hourly schedule then records what it did, and never does it too."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from soleflip_assets.commands.status import read_status
from soleflip_assets.definitions import defs
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DATABASE_URL, HOME
from soleflip_assets.metrics import assets, pg_cron
from soleflip_assets.metrics.freshness import Freshness
from tests.conftest import Databases, connect
from tests.integration.metrics.test_schedule import tick

# Dagster's own replace_config reads what Dagster itself deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")

# pg_cron 1.4 knows no shorter interval than a minute.
LONGEST_WAIT_SECONDS = 75


@pytest.fixture(scope="module")
def shop(databases_pg_cron: Databases) -> URL:
    """The deployed database that pg_cron keeps its jobs in."""
    deployed = databases_pg_cron.deployed("production")
    with connect(deployed.set(database="postgres")) as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {deployed.database} RENAME TO shop")
    return deployed.set(database="shop")


@pytest.fixture(scope="module")
def branch(databases_pg_cron: Databases, shop: URL) -> URL:
    """Another deployed database of the same server."""
    return databases_pg_cron.deployed("production")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))


@pytest.fixture
def _no_job(shop: URL, branch: URL) -> Iterator[None]:
    """Nothing is scheduled afterwards."""
    yield
    for url in (shop, branch):
        pg_cron.remove(create_database_engine(url))


def install(url: URL) -> str:
    return pg_cron.install(create_database_engine(url))


def job(url: URL) -> Any:
    return pg_cron.job(create_database_engine(url))


def scalar(url: URL, statement: str) -> Any:
    with connect(url) as connection:
        return connection.execute(text(statement)).scalar()


def refreshes(url: URL) -> int:
    return int(scalar(url, "SELECT count(*) FROM inventory_ops.metrics_refresh"))


def run_tick(instance: dg.DagsterInstance, url: URL, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tick of the hourly schedule, and the run that it asks for."""
    monkeypatch.setenv(DATABASE_URL, url.render_as_string(hide_password=False))
    asked = tick(instance, url)
    assert isinstance(asked, dg.RunRequest)
    job = defs.resolve_job_def("refresh_stock_metrics")
    return job.execute_in_process(
        instance=instance, run_config=asked.run_config or None, raise_on_error=False
    )


@pytest.mark.usefixtures("_no_job")
@pytest.mark.parametrize("database", ["shop", "branch"])
def test_schedule_records_what_pg_cron_did_and_does_not_refresh(
    database: str, shop: URL, branch: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the database that keeps the jobs and in another one; once the job is gone, it refreshes again."""
    url = {"shop": shop, "branch": branch}[database]
    name = install(url)
    assert install(url) == name
    assert (job(url)["name"], job(url)["schedule"]) == (name, "0 * * * *")
    (other,) = {shop, branch} - {url}
    assert job(other) is None
    # What pg_cron does, at its hour.
    command = scalar(url.set(database="shop"), "SELECT command FROM cron.job")
    scalar(url, command)
    before = refreshes(url)

    with dg.instance_for_test() as instance:
        done = run_tick(instance, url, monkeypatch)
        assert done.success
        assert refreshes(url) == before
        (recorded,) = done.asset_materializations_for_node("inventory__stock_metrics_view")
        assert recorded.metadata["dagster/row_count"].value == 1172
        assert recorded.metadata["refresh_seconds"].value > 0
        assert len(done.get_asset_check_evaluations()) > 2

        assert pg_cron.remove(create_database_engine(url)) == [name]
        assert job(url) is None
        assert run_tick(instance, url, monkeypatch).success
    assert refreshes(url) == before + 1


@pytest.mark.usefixtures("_no_job")
def test_pg_cron_really_refreshes(shop: URL, branch: URL) -> None:
    """By its own clock, in its own database and in another; and its success is told."""
    for url in (shop, branch):
        install(url)
    scalar(shop, "SELECT count(cron.alter_job(jobid, schedule => '* * * * *')) FROM cron.job")
    before = {url: refreshes(url) for url in (shop, branch)}

    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not all((job(url)["status"] == "succeeded") for url in (shop, branch)):
        assert time.monotonic() < deadline, [job(url) for url in (shop, branch)]
        time.sleep(0.2)

    assert all(refreshes(url) > before[url] for url in (shop, branch))


def test_refresh_that_is_just_coming_is_waited_for(
    shop: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pg_cron and the schedule start in the same minute; what is recorded is this hour's refresh."""
    monkeypatch.setattr(assets, "PG_CRON_LATE_AFTER_SECONDS", 2)
    database = Database(url=shop.render_as_string(hide_password=False))
    with connect(shop) as connection, ThreadPoolExecutor() as pool:
        row = query_one(connection, "metrics/last_refresh.sql")
        while row["age_seconds"] <= 2:
            time.sleep(0.1)
            row = query_one(connection, "metrics/last_refresh.sql")
        waiting = pool.submit(assets._refreshed_by_pg_cron, database, row)
        query_one(connection, "metrics/refresh.sql")
        assert waiting.result()["last_refresh"] > row["last_refresh"]


@pytest.mark.usefixtures("_no_job")
def test_job_of_the_seed_counts_and_a_paused_one_does_not(shop: URL) -> None:
    """Whoever scheduled it: what pg_cron's table says is what is done."""
    scalar(
        shop,
        "SELECT cron.schedule('nightly', '0 3 * * *', 'SELECT inventory.refresh_stock_metrics();')",
    )
    assert install(shop) == job(shop)["name"] == "nightly"
    scalar(shop, "SELECT count(cron.alter_job(jobid, active => false)) FROM cron.job")
    assert job(shop) is None
    assert install(shop) == job(shop)["name"] == "refresh-stock-metrics"
    assert scalar(shop, "SELECT count(*) FROM cron.job") == 1


@pytest.mark.usefixtures("_no_job")
def test_failure_of_pg_cron_is_told(shop: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `soleflip status` at once, and by the run of the schedule when the metrics are too old for it."""
    install(shop)
    scalar(
        shop,
        """
        INSERT INTO cron.job_run_details (jobid, runid, username, status, return_message, start_time)
        SELECT jobid, 1000000, username, 'failed', 'connection failed', now() FROM cron.job
        RETURNING 1
        """,
    )
    with dg.instance_for_test() as instance, connect(shop) as connection:
        status = read_status(instance, defs.get_repository_def(), connection)
        assert "pg_cron's last refresh failed: connection failed" in status.dead
        assert any(line.startswith("✗ pg_cron refreshes (0 * * * *)") for line in status.lines)

        monkeypatch.setattr(assets, "PG_CRON_LATE_AFTER_SECONDS", 0)
        monkeypatch.setattr(
            Freshness, "from_environment", lambda: Freshness(timedelta(0), timedelta(0))
        )
        done = run_tick(instance, shop, monkeypatch)
    assert not done.success
    (failure,) = [event for event in done.all_events if event.is_step_failure]
    told = str(failure.step_failure_data.user_failure_data.description)
    assert "failed: connection failed" in told
    assert "--remove-pg-cron" in told


def refusal(url: URL) -> str:
    with pytest.raises(ConfigurationError) as refused:
        install(url)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_server_without_pg_cron_says_what_to_install(databases: Databases) -> None:
    url = databases.deployed("production")
    assert "postgresql-18-cron" in refusal(url)
    assert job(url) is None
    assert pg_cron.remove(create_database_engine(url)) == []


def test_server_that_does_not_load_pg_cron_says_what_to_set(
    databases_15: Databases, databases_pg_cron: Databases
) -> None:
    assert "shared_preload_libraries" in refusal(databases_15.deployed("production"))


def test_nothing_is_scheduled_before_the_deployment(databases_pg_cron: Databases) -> None:
    assert "soleflip deploy" in refusal(databases_pg_cron.legacy("production"))


@pytest.mark.usefixtures("_no_job")
@pytest.mark.parametrize("database", ["shop", "branch"])
def test_user_without_the_right_is_told_who_grants_it_and_how(
    database: str, request: pytest.FixtureRequest, shop: URL
) -> None:
    """What the sentence says, executed by a superuser, is what it takes; the job is then seen by its user."""
    url: URL = request.getfixturevalue(database)
    clerk = f"clerk_{database}"
    with connect(shop) as connection:
        connection.execute(text(f"CREATE ROLE {clerk} LOGIN"))
    with connect(url) as connection:
        connection.execute(text(f"GRANT USAGE ON SCHEMA inventory TO {clerk}"))
    theirs = url.set(username=clerk)
    sentence = refusal(theirs)
    granted = re.search(r"names, (CREATE .*;)", sentence)
    assert granted, sentence

    with connect(shop) as connection:
        for statement in granted[1].rstrip(";").split(";"):
            connection.execute(text(statement))

    name = install(theirs)
    assert job(theirs)["name"] == name
    assert pg_cron.remove(create_database_engine(theirs)) == [name]
    for place in (shop, url):
        with connect(place) as connection:
            connection.execute(text(f"DROP OWNED BY {clerk}"))
    with connect(shop) as connection:
        connection.execute(text(f"DROP ROLE {clerk}"))


def test_who_cannot_reach_the_jobs_is_not_stopped_by_it(
    databases_pg_cron: Databases, shop: URL
) -> None:
    """The hourly schedule then refreshes: the database of pg_cron is somebody else's."""
    url = databases_pg_cron.deployed("production")
    theirs = url.set(username="outsider")
    with connect(url) as connection:
        connection.execute(text("CREATE ROLE outsider LOGIN"))
        connection.execute(text("GRANT USAGE ON SCHEMA inventory TO outsider"))
        connection.execute(text("REVOKE CONNECT ON DATABASE postgres FROM public"))
        try:
            assert job(theirs) is None
            assert "cannot connect to the database postgres" in refusal(theirs)
        finally:
            connection.execute(text("GRANT CONNECT ON DATABASE postgres TO public"))
            connection.execute(text("DROP OWNED BY outsider"))
            connection.execute(text("DROP ROLE outsider"))
