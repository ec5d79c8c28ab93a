"""The two logs in Dagster: a materialization a month that says what is in it, and jobs by the clock."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.definitions import defs
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.settings import DATABASE_URL
from soleflip_assets.history.assets import MONTHS, asset_key
from soleflip_assets.history.jobs import daily_history, daily_history_prune
from soleflip_assets.history.log import RESERVATION_EVENT, STOCK_EVENT
from soleflip_assets.months.month import Month
from tests.integration.history.conftest import session
from tests.integration.history.test_install import number

NOW = Month.of(datetime.now(UTC))


@pytest.fixture
def shop(logged: URL, monkeypatch: pytest.MonkeyPatch) -> URL:
    monkeypatch.setenv(DATABASE_URL, logged.render_as_string(hide_password=False))
    return logged


def materialized(instance: dg.DagsterInstance, key: dg.AssetKey, month: Month) -> dict[str, Any]:
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(key, asset_partitions=[month.first_day.isoformat()]), limit=10
    )
    (record,) = found.records
    assert record.asset_materialization is not None
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def test_present_month_is_recorded_and_checked_by_the_daily_job(shop: URL) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("make_history_months").execute_in_process(
            instance=instance, partition_key=NOW.first_day.isoformat()
        )
        assert done.success
        assert len(done.get_asset_check_evaluations()) == 7
        assert all(check.passed for check in done.get_asset_check_evaluations())
        metadata = materialized(instance, asset_key(STOCK_EVENT), NOW)
    with session(shop) as connection:
        events = number(connection, "SELECT count(*) FROM inventory_ops.stock_event")
    assert metadata["dagster/row_count"] == events
    assert metadata["dagster/size_bytes"] > 0
    assert metadata["archived"] == "no"
    assert metadata["first_event"] <= metadata["last_event"]


def test_backfill_of_a_range_is_one_run_and_a_materialization_a_month(shop: URL) -> None:
    del shop
    months = list((NOW + -2).to(NOW))
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("make_history_months").execute_in_process(
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": months[0].first_day.isoformat(),
                "dagster/asset_partition_range_end": months[-1].first_day.isoformat(),
            },
        )
        assert done.success
        found = [
            materialized(instance, asset_key(RESERVATION_EVENT), month)["archived"]
            for month in months
        ]
    assert found == ["never made", "never made", "no"]


def test_present_month_is_a_partition() -> None:
    assert MONTHS.get_last_partition_key() == NOW.first_day.isoformat()


def test_schedules_ask_where_the_log_is_installed(
    shop: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(url=shop.render_as_string(hide_password=False))

    def asked(schedule: dg.ScheduleDefinition) -> Any:
        with (
            dg.instance_for_test() as instance,
            dg.build_schedule_context(
                instance=instance, resources={"database": database}
            ) as context,
        ):
            return schedule(context)

    assert asked(daily_history).partition_key == NOW.first_day.isoformat()
    assert "every month is kept" in asked(daily_history_prune).skip_message
    monkeypatch.setenv("SOLEFLIP_KEEP_HISTORY_MONTHS", "12")
    assert isinstance(asked(daily_history_prune), dg.RunRequest)
    with session(shop) as connection:
        connection.execute(
            "UPDATE inventory_ops.ledger SET reverted_at = now() WHERE step LIKE 'history%'"
        )
    assert "not installed" in asked(daily_history).skip_message
