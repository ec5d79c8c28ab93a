"""Each check of the log passes where all is well or nothing is installed, and fails for its fault alone."""

from collections.abc import Mapping

import pytest
from sqlalchemy.engine import URL

from soleflip_assets.history.checks import MONITORS
from soleflip_assets.history.log import RESERVATION_EVENT, STOCK_EVENT
from soleflip_assets.monitoring import drift
from soleflip_assets.monitoring.jobs import MONITORS as OTHERS
from soleflip_assets.months.month import Month
from tests.conftest import Databases, connect
from tests.integration.history.conftest import session

# By check: what breaks it, as the owner.
FAULTS: Mapping[str, str] = {
    "history_triggers_as_installed": "ALTER TABLE inventory.stock DISABLE TRIGGER soleflip_log_delete",
    "history_months_ahead": """
        DO $$ BEGIN
          EXECUTE 'DROP TABLE inventory_ops.stock_event_' || to_char(
            date_trunc('month', now() AT TIME ZONE 'UTC') + interval '3 month', 'YYYYMM');
          EXECUTE 'DROP TABLE inventory_ops.stock_event_' || to_char(
            date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 month', 'YYYYMM');
        END $$""",
    "history_months_whole": """
        SET timezone = 'Europe/Berlin';
        CREATE TABLE inventory_ops.stock_event_odd PARTITION OF inventory_ops.stock_event
        FOR VALUES FROM ('2050-01-01') TO ('2050-02-01')""",
    "history_overflow_empty": """
        INSERT INTO inventory_ops.reservation_event_overflow (occurred_at, transaction_id, kind)
        VALUES (now(), pg_current_xact_id(), 'truncate')""",
    "history_says_what_stock_is": """
        SET session_replication_role = replica;
        UPDATE inventory.stock SET quantity = quantity + 1
        WHERE id IN (SELECT id FROM inventory.stock LIMIT 1)""",
    "history_archive_proven": """
        CREATE TABLE inventory_ops.stock_event_202501 (LIKE inventory_ops.stock_event)""",
    "history_retention_kept": """
        SELECT inventory_ops.make_month('inventory_ops.reservation_event', month::date)
        FROM generate_series(
          date_trunc('month', now() AT TIME ZONE 'UTC') - interval '5 month',
          date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month', '1 month') AS month""",
}


def failing(url: URL) -> list[str]:
    with connect(url) as connection:
        return [one.name for one in MONITORS if not one.look(connection).passed]


def test_every_check_has_its_fault() -> None:
    assert sorted(FAULTS) == sorted(one.name for one in MONITORS)


@pytest.mark.parametrize("name", FAULTS)
def test_fault_fails_its_check_alone(
    logged: URL, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLEFLIP_KEEP_HISTORY_MONTHS", "2")
    assert failing(logged) == []
    with session(logged) as shop:
        for statement in (
            FAULTS[name].split(";\n") if "DO $$" not in FAULTS[name] else [FAULTS[name]]
        ):
            shop.execute(statement.encode())
    assert failing(logged) == [name]


def test_where_nothing_is_installed_each_passes_and_says_so(databases: Databases) -> None:
    for url in (databases.deployed("production"), databases.legacy("production")):
        with connect(url) as connection:
            answers = [one.look(connection) for one in MONITORS]
        assert all(answer.passed for answer in answers)
        assert {answer.observed["state"] for answer in answers} == {"not installed"}


def test_other_monitors_take_the_log_for_ours(logged: URL) -> None:
    """Neither orphaned, nor somebody else's code, nor drift."""
    with connect(logged) as connection:
        connection.exec_driver_sql("SELECT inventory.refresh_stock_metrics()")
        found = {one.name: one.look(connection) for one in [*OTHERS, *drift.MONITORS]}
    for name in (
        "no_foreign_code",
        "stock_schema_as_deployed",
        "stock_metrics_view_schema_as_deployed",
    ):
        assert found[name].passed, found[name].observed


def test_names_of_months_are_as_readers_expect() -> None:
    assert STOCK_EVENT.partition(Month(2026, 3)).plain == "inventory_ops.stock_event_202603"
    assert RESERVATION_EVENT.partition(Month(2026, 12)).name == "reservation_event_202612"
