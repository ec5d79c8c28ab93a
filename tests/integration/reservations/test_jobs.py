"""The jobs as Dagster runs them."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from soleflip_assets.ground.database import Database, OwnerDatabase
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.reservations import jobs
from tests.conftest import Databases

_RESERVATIONS = text("""
    INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, reserved_until, status)
    SELECT id, 1, CAST(:until AS timestamptz), 'active'
    FROM (SELECT id FROM inventory.stock WHERE quantity > 0 ORDER BY id LIMIT :items) AS chosen
""")
_COUNT_ON_ITEMS = text("""
    UPDATE inventory.stock
    SET reserved_quantity = held.units
    FROM (
      SELECT stock_id, sum(reserved_quantity) AS units FROM inventory.stock_reservation GROUP BY stock_id
    ) AS held
    WHERE stock.id = held.stock_id
""")
_STATUSES = text("SELECT status, count(*) FROM inventory.stock_reservation GROUP BY status")
_RESERVED = text("SELECT sum(reserved_quantity) FROM inventory.stock")


def run(job: dg.JobDefinition, url: URL) -> dg.ExecuteInProcessResult:
    """Run a job on a database."""
    shown = url.set(drivername="postgresql").render_as_string(hide_password=False)
    resources = {"database": Database(url=shown), "owner_database": OwnerDatabase(url=shown)}
    return job.execute_in_process(resources=resources, raise_on_error=False)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """What the sweep recorded."""
    [output] = [event for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def reserve(url: URL, items: int, *, due: bool) -> None:
    """One unit of each of so many items."""
    until = datetime.now(UTC) + timedelta(hours=-1 if due else 1)
    with create_database_engine(url).begin() as connection:
        connection.execute(_RESERVATIONS, {"items": items, "until": until})


def test_expiring_goes_on_batch_by_batch_until_nothing_is_due(
    shop_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 20)
    reserve(shop_url, 50, due=True)
    reserve(shop_url, 3, due=False)
    engine = create_database_engine(shop_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE inventory.stock SET quantity = 2 WHERE quantity = 1"))
        connection.execute(_COUNT_ON_ITEMS)

    result = run(jobs.expire_reservations, shop_url)
    assert result.success
    assert metadata(result) == {"expired": 50, "still_due": 0, "skipped": False}
    with engine.connect() as connection:
        assert {row[0]: row[1] for row in connection.execute(_STATUSES)} == {
            "expired": 50,
            "active": 3,
        }
        assert connection.scalar(_RESERVED) == 3


def test_what_cannot_expire_is_told(shop_url: URL) -> None:
    """Here because the items do not count the reservations at all."""
    reserve(shop_url, 4, due=True)
    result = run(jobs.expire_reservations, shop_url)
    assert result.success
    assert metadata(result) == {"expired": 0, "still_due": 4, "skipped": False}


def test_expiring_skips_a_database_without_phase_2(databases: Databases) -> None:
    result = run(jobs.expire_reservations, databases.legacy("production"))
    assert result.success
    assert metadata(result) == {"expired": 0, "still_due": 0, "skipped": True}


def test_applying_the_bounds(shop_url: URL) -> None:
    assert run(jobs.enforce_reservation_bounds, shop_url).success


def test_refused_bounds_fail_the_run_with_the_offenders_shown(shop_url: URL) -> None:
    engine = create_database_engine(shop_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE inventory.stock SET reserved_quantity = quantity + 1"))
    result = run(jobs.enforce_reservation_bounds, shop_url)
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    data = failure.step_failure_data.user_failure_data
    assert data is not None
    assert data.description is not None
    assert "1172 stock rows" in data.description
    offenders = data.metadata["first_offenders"].value
    assert isinstance(offenders, str)
    assert offenders.count("\n") == 21


def test_the_schedule_is_every_five_minutes_and_on() -> None:
    schedule = jobs.expire_reservations_every_five_minutes
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("*/5 * * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "expire_reservations"
