"""The jobs as Dagster runs them: what they record, what they ask for, and what they say where they cannot."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Any, Self

import dagster as dg
import psycopg
import pyarrow as pa
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.definitions import defs
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.settings import DAGSTER_STORAGE_URL, DATABASE_URL, HOME, WAREHOUSE
from soleflip_assets.metrics.freshness import Freshness
from soleflip_assets.warehouse import jobs
from soleflip_assets.warehouse.checks import AFTER_LOAD, SPECS
from soleflip_assets.warehouse.jobs import (
    daily_warehouse_comparison,
    warehouse_after_refresh,
    warehouse_is_old,
)
from tests.conftest import Databases
from tests.integration.warehouse.kept import Loading, logged
from tests.integration.warehouse.test_loading import THREE

pytestmark = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")


def _text(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def environment(loading: Loading, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Loading:
    monkeypatch.setenv(DATABASE_URL, _text(loading.url))
    monkeypatch.setenv(DAGSTER_STORAGE_URL, _text(loading.catalog))
    monkeypatch.setenv(HOME, str(tmp_path))
    monkeypatch.setenv(WAREHOUSE, loading.warehouse.folder)
    return loading


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as found:
        yield found


def _run(
    job: str, instance: dg.DagsterInstance, config: dict[str, Any] | None = None
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, run_config=config, raise_on_error=False
    )


def _verdicts(instance: dg.DagsterInstance) -> dict[tuple[str, str], bool]:
    """How each check turned out last."""
    found = {}
    for spec in SPECS:
        for record in instance.event_log_storage.get_asset_check_execution_history(
            check_key=spec.key, limit=1
        ):
            assert record.event
            assert record.event.dagster_event
            evaluation = record.event.dagster_event.asset_check_evaluation_data
            found[spec.asset_key.path[-1], spec.name] = evaluation.passed
    return found


def test_load_records_what_it_did_and_is_checked(
    environment: Loading, instance: dg.DagsterInstance, shop: psycopg.Connection[Any]
) -> None:
    assert _run("load_warehouse", instance).success
    shop.execute(THREE)
    done = _run("load_warehouse", instance)
    assert done.success
    (found,) = [
        event.materialization.metadata
        for event in done.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(["warehouse", "stock_event"])
    ]
    values: dict[str, Any] = {name: value.value for name, value in found.items()}
    assert values["rows_written"] == 3
    assert values["dagster/row_count"] == len(logged(environment.url))
    assert values["files"] == 2
    assert values["dagster/size_bytes"] > 0
    assert values["snapshot"].count(":") == 2
    assert _verdicts(instance) == {
        (spec.asset_key.path[-1], spec.name): True for spec in AFTER_LOAD
    }


def test_comparison_tells_of_what_differs_and_repairs_it(
    environment: Loading, instance: dg.DagsterInstance
) -> None:
    assert _run("load_warehouse", instance).success
    environment.falsify("raw.stock_event", lambda rows: pa.concat_tables([rows, rows.slice(0, 1)]))
    assert _run("compare_warehouse", instance).success
    failed = {name for name, passed in _verdicts(instance).items() if not passed}
    assert failed == {
        ("stock_event", "rows_match"),
        ("stock_event", "sums_match"),
        ("stock_event", "versions_do_not_overlap"),
    }
    assert environment.events() == logged(environment.url)
    assert _run("compare_warehouse", instance).success
    assert set(_verdicts(instance).values()) == {True}


def test_month_is_rebuilt_by_its_name(environment: Loading, instance: dg.DagsterInstance) -> None:
    config = {"ops": {"warehouse": {"config": {"again": True, "months": ["2020-13"]}}}}
    assert not _run("rebuild_warehouse", instance, config).success
    assert _run("rebuild_warehouse", instance).success
    assert environment.events() == logged(environment.url)


def test_shop_without_a_history_is_told_what_to_install(
    environment: Loading,
    databases: Databases,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(DATABASE_URL, _text(databases.deployed("busy")))
    done = _run("load_warehouse", instance)
    (failure,) = done.filter_events(lambda event: event.is_step_failure)
    assert "run `soleflip history install`" in str(failure.step_failure_data)


@dg.op
def _nothing() -> None:
    pass


@dg.job
def _refreshed() -> None:
    _nothing()


def test_load_and_comparison_are_asked_for_where_there_is_a_history(
    environment: Loading, databases: Databases, instance: dg.DagsterInstance
) -> None:
    done = _refreshed.execute_in_process(instance=instance)
    for url, asked in ((environment.url, True), (databases.deployed("busy"), False)):
        resources = {"database": Database(url=_text(url))}
        after = warehouse_after_refresh(
            dg.build_run_status_sensor_context(
                sensor_name=warehouse_after_refresh.name,
                dagster_event=done.all_events[-1],
                dagster_instance=instance,
                dagster_run=done.dagster_run,
                resources=resources,
            )
        )
        assert isinstance(after, dg.RunRequest) is asked
        with dg.build_schedule_context(instance=instance, resources=resources) as context:
            daily = daily_warehouse_comparison(context)
        assert isinstance(daily, dg.RunRequest) is asked


class _Later(datetime):
    """The clock when a load that was begun just now is old."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + Freshness.from_environment().warn + timedelta(minutes=1)


def test_load_is_asked_for_where_there_was_none_for_long(
    environment: Loading,
    databases: Databases,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the start, where no refresh has come yet; not each half minute while one waits or fails."""

    def asked(url: URL) -> dg.RunRequest | dg.SkipReason:
        resources = {"database": Database(url=_text(url))}
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            found = warehouse_is_old(context)
        assert isinstance(found, dg.RunRequest | dg.SkipReason)
        return found

    without = asked(databases.deployed("busy"))
    assert isinstance(without, dg.SkipReason)
    assert "soleflip history install" in str(without.skip_message)
    assert isinstance(asked(environment.url), dg.RunRequest)
    instance.create_run_for_job(defs.resolve_job_def("load_warehouse"))
    assert isinstance(asked(environment.url), dg.SkipReason)
    monkeypatch.setattr(jobs, "datetime", _Later)
    assert isinstance(asked(environment.url), dg.RunRequest)
