"""The jobs as Dagster runs them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.ground import deadlines
from soleflip_assets.ground.resource import Database, OwnerDatabase
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


def look(instance: dg.DagsterInstance, url: URL) -> Any:
    """One tick of the sensor."""
    database = Database(url=url.render_as_string(hide_password=False))
    context = dg.build_sensor_context(instance=instance, resources={"database": database})
    return jobs.expire_reservations_when_due(context)


def test_a_run_is_asked_for_when_something_is_due_and_once(
    shop_url: URL, instance: dg.DagsterInstance
) -> None:
    """The same work has the same key, for which Dagster starts one run; new work has another."""
    assert isinstance(look(instance, shop_url), dg.SkipReason)
    reserve(shop_url, 1, due=True)
    first, again = look(instance, shop_url), look(instance, shop_url)
    assert first.run_key == again.run_key
    with create_database_engine(shop_url).begin() as connection:
        connection.execute(
            text(
                "UPDATE inventory.stock_reservation SET reserved_until = reserved_until - interval '1 h'"
            )
        )
    assert look(instance, shop_url).run_key != first.run_key


def test_a_failed_run_is_repeated_and_none_is_started_beside_another(
    shop_url: URL, instance: dg.DagsterInstance
) -> None:
    reserve(shop_url, 1, due=True)
    first = look(instance, shop_url)
    run = instance.create_run_for_job(jobs.expire_reservations, status=dg.DagsterRunStatus.STARTED)
    assert isinstance(look(instance, shop_url), dg.SkipReason)
    instance.report_run_failed(run)
    assert look(instance, shop_url).run_key != first.run_key


def test_a_locked_table_ends_the_look_and_the_run_and_queues_nothing(
    shop_url: URL, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D2: LOCK TABLE left open. The tick fails, which the alerts tell of; a run that had begun fails, too."""
    monkeypatch.setattr(deadlines, "WATCH_LOCK", replace(deadlines.WATCH_LOCK, number=1))
    monkeypatch.setattr(deadlines, "EXPIRY_LOCK", replace(deadlines.EXPIRY_LOCK, number=1))
    reserve(shop_url, 1, due=True)
    with create_database_engine(shop_url).begin() as connection:
        connection.execute(text("LOCK TABLE inventory.stock_reservation IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            look(instance, shop_url)
        assert not run(jobs.expire_reservations, shop_url).success


def test_the_sensor_is_on_and_looks_every_minute() -> None:
    """A reservation outlives its time by five minutes at most."""
    sensor = jobs.expire_reservations_when_due
    assert sensor.minimum_interval_seconds == 60
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.job_name == "expire_reservations"
