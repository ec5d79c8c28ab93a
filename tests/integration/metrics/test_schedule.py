"""When the hourly schedule asks for a refresh, and when it says why not."""

from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.definitions import defs
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.settings import DATABASE_URL, HOME
from soleflip_assets.metrics import assets
from soleflip_assets.metrics.jobs import hourly_stock_metrics_refresh
from soleflip_assets.running.limits import REPEATED, REPEATED_TAG
from tests.conftest import Databases, connect

UNFINISHED = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
FINISHED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)


def tick(instance: dg.DagsterInstance, url: URL) -> dg.RunRequest | dg.SkipReason:
    """What the schedule answers at the top of an hour."""
    database = Database(url=url.render_as_string(hide_password=False))
    with dg.build_schedule_context(instance=instance, resources={"database": database}) as context:
        answer = hourly_stock_metrics_refresh(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def run(instance: dg.DagsterInstance, job: str, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    """A run that Dagster knows of."""
    return instance.create_run_for_job(defs.resolve_job_def(job), status=status)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is made with the configuration of all resources, which comes from the environment."""
    monkeypatch.setenv(DATABASE_URL, "postgresql:///nowhere")
    monkeypatch.setenv(HOME, "/nowhere")


@pytest.fixture(scope="module")
def deployed(databases: Databases) -> URL:
    return databases.deployed("production")


def test_asks_for_a_refresh_that_is_repeated_if_it_fails(deployed: URL) -> None:
    with dg.instance_for_test() as instance:
        asked = tick(instance, deployed)
    assert isinstance(asked, dg.RunRequest)
    assert REPEATED.items() <= asked.tags.items()


def test_repeated_run_does_not_refresh_again_what_the_first_did(databases: Databases) -> None:
    """Its process died after the refresh, before it could say so; a run that is no repetition always does."""
    url = databases.deployed("production")
    with dg.instance_for_test() as instance, connect(url) as connection:
        first = run(instance, "refresh_stock_metrics", dg.DagsterRunStatus.FAILURE)
        repeated: Any = SimpleNamespace(
            run=SimpleNamespace(tags={REPEATED_TAG: "1"}, root_run_id=first.run_id),
            instance=instance,
        )
        assert not assets._was_done_before(repeated, connection)
        connection.exec_driver_sql("SELECT inventory.refresh_stock_metrics()")
        assert assets._was_done_before(repeated, connection)
        repeated.run.tags = {}
        assert not assets._was_done_before(repeated, connection)


@pytest.mark.parametrize("status", UNFINISHED)
def test_waits_for_an_unfinished_refresh(deployed: URL, status: dg.DagsterRunStatus) -> None:
    with dg.instance_for_test() as instance:
        unfinished = run(instance, "refresh_stock_metrics", status)
        answer = tick(instance, deployed)
    assert isinstance(answer, dg.SkipReason)
    assert unfinished.run_id in str(answer.skip_message)


@pytest.mark.parametrize("status", FINISHED)
def test_does_not_wait_for_a_finished_refresh(deployed: URL, status: dg.DagsterRunStatus) -> None:
    with dg.instance_for_test() as instance:
        run(instance, "refresh_stock_metrics", status)
        assert isinstance(tick(instance, deployed), dg.RunRequest)


def test_does_not_wait_for_another_job(deployed: URL) -> None:
    with dg.instance_for_test() as instance:
        run(instance, "verify_phase2", dg.DagsterRunStatus.STARTED)
        assert isinstance(tick(instance, deployed), dg.RunRequest)


def test_refresh_whose_process_died_is_not_waited_for_for_ever() -> None:
    """Run monitoring, which dagster.yaml turns on, ends a run of that age; with it ends the waiting."""
    tags = defs.resolve_job_def("refresh_stock_metrics").tags
    assert float(tags["dagster/max_runtime"]) <= 3600


def test_skips_where_phase_2_is_not_deployed(databases: Databases) -> None:
    """Instead of failing a run each hour on somebody's database."""
    with dg.instance_for_test() as instance:
        answer = tick(instance, databases.legacy("production"))
    assert isinstance(answer, dg.SkipReason)
    assert "soleflip deploy" in str(answer.skip_message)


def test_asks_where_somebody_dropped_the_view(databases: Databases) -> None:
    """Its run fails, and a failed run raises the alarm; to skip would hide the loss."""
    url = databases.deployed("production")
    with connect(url) as connection:
        connection.exec_driver_sql("DROP MATERIALIZED VIEW inventory.stock_metrics_view")
    with dg.instance_for_test() as instance:
        assert isinstance(tick(instance, url), dg.RunRequest)
