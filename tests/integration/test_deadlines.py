"""Everything that runs has an end, and one table says which."""

import os
import re
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy.engine import URL

from soleflip_assets.definitions import defs
from soleflip_assets.deploying import deployer
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.settings import FILES
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags
from tests.conftest import Databases

PAGE = Path(__file__).parents[2] / "docs" / "deadlines.md"
JOBS = [job for job in defs.get_repository_def().get_all_jobs() if not job.name.startswith("__")]


def test_page_is_the_table_of_the_code() -> None:
    """UPDATE_DEADLINES=1 writes the table anew."""
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("UPDATE_DEADLINES"):
        text = re.sub(r"\| what .*\|\n(\|.*\n)+", lambda _: deadlines.table() + "\n", text)
        PAGE.write_text(text, encoding="utf-8")
    assert deadlines.table() in text


@pytest.mark.parametrize("job", sorted(job.name for job in JOBS))
def test_every_job_has_an_end_and_a_place_in_the_queue(job: str) -> None:
    tags = defs.resolve_job_def(job).tags
    assert 0 < int(tags["dagster/max_runtime"]) <= deadlines.DEPLOYMENT.seconds
    assert re.fullmatch(r"-?\d+", tags["dagster/priority"])


def test_refresh_goes_first_and_housekeeping_last() -> None:
    priorities = {job.name: int(job.tags["dagster/priority"]) for job in JOBS}
    by_priority = sorted(priorities, key=lambda name: priorities[name])
    assert by_priority[0] == "housekeeping"
    assert by_priority[-1] == "refresh_stock_metrics"


def test_files_say_the_same_numbers() -> None:
    """Those that cannot import the table."""
    monitoring = yaml.safe_load((FILES / "dagster.yaml").read_text())["run_monitoring"]
    assert monitoring["start_timeout_seconds"] == deadlines.START.seconds
    assert monitoring["cancel_timeout_seconds"] == deadlines.CANCEL.seconds
    assert monitoring["max_runtime_seconds"] == deadlines.DEPLOYMENT.seconds
    assert max(deployer._LOCK_TIMEOUTS_MS) == deadlines.DEPLOY_LOCK.seconds * 1000
    assert max(deployer._CONCURRENT_LOCK_TIMEOUTS_MS) == deadlines.CONCURRENT_LOCK.seconds * 1000


def test_setting_overrides_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLEFLIP_LONGEST_REFRESH_MINUTES", "5")
    assert deadlines.REFRESH.seconds == 300
    monkeypatch.setenv("SOLEFLIP_LONGEST_REFRESH_MINUTES", "soon")
    with pytest.raises(ConfigurationError, match="set it to a number of minutes"):
        _ = deadlines.REFRESH.seconds


@pytest.fixture
def shop(databases: Databases) -> URL:
    return databases.deployed("production")


def test_limits_are_the_session_s_own(shop: URL) -> None:
    """And whoever comes next has none of them."""
    database = Database(url=shop.render_as_string(hide_password=False))
    with database.limited(lock=deadlines.WATCH_LOCK, statement=deadlines.WATCH) as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "5s"
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "15s"
    with database.transaction() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "10min"
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "1h"
        check = connection.exec_driver_sql("SHOW client_connection_check_interval").scalar_one()
        assert check == "10s"


@dg.op
def refresh() -> None:
    """Refresh nothing."""


@dg.job(executor_def=in_process, tags=run_tags(deadlines.REFRESH, Priority.REFRESH))
def refreshing() -> None:
    """As the refresh is tagged."""
    refresh()


def test_setting_that_holds_when_a_run_starts_says_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    """The job has the default: no module reads the environment when it is loaded."""
    assert refreshing.tags["dagster/max_runtime"] == "3600"
    monkeypatch.setenv("SOLEFLIP_LONGEST_REFRESH_MINUTES", "5")
    with dg.execute_job(dg.reconstructable(refreshing), instance=instance) as result:
        run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["dagster/max_runtime"] == "300"
