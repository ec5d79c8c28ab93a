"""Each monitor passes on a living shop, and names what is broken when it is broken."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.monitors import monitor_of_file
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.database import execute_statement, query_one, run_file
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.sql_files import SqlFile, sql_files
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.monitoring.jobs import MONITORS, checks
from soleflip_assets.phase2.resync import resync
from soleflip_assets.phase2.steps import deploy
from tests.conftest import Databases, connect, open_folder
from tests.integration.phase2.shop import (
    COMINGS_AND_GOINGS,
    PRICES,
    QUANTITIES,
    RESERVATIONS,
    open_shop,
)

BY_NAME = {monitor.name: monitor for monitor in MONITORS}


@pytest.fixture
def shop(databases: Databases) -> Iterator[Connection]:
    """A busy shop with Phase 2 deployed."""
    with connect(databases.deployed("busy")) as connection:
        yield connection


def look(connection: Connection, name: str) -> dg.AssetCheckResult:
    return BY_NAME[name].result(connection)


def observed(result: dg.AssetCheckResult) -> dict[str, Any]:
    return {name: value.value for name, value in result.metadata.items()}


def failing(connection: Connection) -> set[str]:
    return {monitor.name for monitor in MONITORS if not monitor.result(connection).passed}


@pytest.mark.both_versions
def test_all_pass_after_a_deployment_on_every_version(
    databases_of_each_version: Databases,
) -> None:
    for sample in ("production", "busy"):
        with connect(databases_of_each_version.deployed(sample)) as connection:
            assert failing(connection) == set()
            for name in ("stock_schema_as_deployed", "stock_metrics_view_schema_as_deployed"):
                assert observed(look(connection, name))["additions"] == 0


def test_all_pass_on_a_shop_that_has_written_and_been_vacuumed_since(shop: Connection) -> None:
    execute_statement(shop, "UPDATE inventory.stock SET notes = 'counted'")
    execute_statement(shop, "DELETE FROM inventory.stock WHERE status = 'sold'")
    execute_statement(shop, "VACUUM ANALYZE inventory.stock, inventory.stock_metrics_view")

    assert failing(shop) == set()


RESERVE_ON_ONE_SIDE = """
UPDATE inventory.stock SET reserved_quantity = reserved_quantity + 1
WHERE id = (SELECT id FROM inventory.stock WHERE reserved_quantity < quantity ORDER BY id LIMIT 1)
"""

BREAKAGES = {
    "a column's type": (
        "ALTER TABLE inventory.stock ALTER COLUMN notes TYPE varchar(200)",
        "stock_schema_as_deployed",
        "+notes character varying(200)",
    ),
    "a column that was renamed": (
        "ALTER TABLE inventory.stock RENAME COLUMN notes TO remarks",
        "stock_schema_as_deployed",
        "-notes text",
    ),
    "a default that was dropped": (
        "ALTER TABLE inventory.stock ALTER COLUMN reserved_quantity DROP DEFAULT",
        "stock_schema_as_deployed",
        "-reserved_quantity integer DEFAULT 0",
    ),
    "a default that was changed": (
        "ALTER TABLE inventory.stock ALTER COLUMN updated_at SET DEFAULT clock_timestamp()",
        "stock_schema_as_deployed",
        "+updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()",
    ),
    "an index that was dropped": (
        "DROP INDEX inventory.idx_stock_status_history",
        "stock_schema_as_deployed",
        "-CREATE INDEX CONCURRENTLY idx_stock_status_history",
    ),
    "an index with another predicate": (
        """DROP INDEX inventory.idx_stock_reserved;
        CREATE INDEX idx_stock_reserved ON inventory.stock (id, reserved_quantity)
        WHERE reserved_quantity > 1""",
        "stock_schema_as_deployed",
        "WHERE (reserved_quantity > 1)",
    ),
    "an index that is invalid": (
        """UPDATE pg_index SET indisvalid = false
        WHERE indexrelid = 'inventory.idx_stock_reserved'::regclass""",
        "stock_schema_as_deployed",
        "(invalid)",
    ),
    "a trigger that was switched off": (
        "ALTER TABLE inventory.stock DISABLE TRIGGER soleflip_record_deletion",
        "stock_schema_as_deployed",
        "(not enabled)",
    ),
    "a function that was replaced": (
        """CREATE OR REPLACE FUNCTION inventory.refresh_stock_metrics() RETURNS void
        LANGUAGE sql AS 'SELECT'""",
        "stock_metrics_view_schema_as_deployed",
        "LANGUAGE sql",
    ),
    "an index of the view that was dropped": (
        "DROP INDEX inventory.idx_stock_metrics_view_available",
        "stock_metrics_view_schema_as_deployed",
        "-CREATE INDEX idx_stock_metrics_view_available",
    ),
}


@pytest.mark.parametrize(("change", "name", "shown"), BREAKAGES.values(), ids=list(BREAKAGES))
def test_change_by_hand_is_shown_as_a_difference(
    shop: Connection, change: str, name: str, shown: str
) -> None:
    for statement in change.split(";"):
        execute_statement(shop, statement)

    result = look(shop, name)

    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.ERROR
    assert observed(result)["differences"] == 1
    assert shown in observed(result)["difference"]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("DROP INDEX inventory.idx_stock_size_id", "-CREATE INDEX idx_stock_size_id"),
        (
            """DROP INDEX inventory.idx_active_stock;
            CREATE INDEX idx_active_stock ON inventory.stock (id, product_id)
            WHERE status = 'in_stock'""",
            "+CREATE INDEX idx_active_stock ON inventory.stock USING btree (id, product_id) WHERE",
        ),
    ],
    ids=["dropped", "changed"],
)
def test_index_of_phase_1_that_is_not_as_it_was_is_a_warning(
    shop: Connection, change: str, shown: str
) -> None:
    for statement in change.split(";"):
        execute_statement(shop, statement)

    result = look(shop, "stock_schema_as_deployed")

    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert observed(result)["differences"] == 1
    assert shown in observed(result)["difference"]


def test_what_the_application_added_is_shown_and_alerts_nobody(shop: Connection) -> None:
    for statement in (
        "ALTER TABLE inventory.stock ADD COLUMN colour text",
        "ALTER TABLE inventory.stock ALTER COLUMN listed_alias SET DEFAULT false",
        "CREATE INDEX by_colour ON inventory.stock (colour)",
        "CREATE INDEX by_profit ON inventory.stock_metrics_view (expected_profit)",
    ):
        execute_statement(shop, statement)

    stock = look(shop, "stock_schema_as_deployed")
    view = look(shop, "stock_metrics_view_schema_as_deployed")

    assert stock.passed
    assert view.passed
    assert observed(stock)["additions"] == 3
    assert "+colour text" in observed(stock)["added"]
    assert "+listed_alias boolean DEFAULT false" in observed(stock)["added"]
    assert "+CREATE INDEX by_colour ON inventory.stock" in observed(stock)["added"]
    assert observed(view)["additions"] == 1
    assert "+CREATE INDEX by_profit" in observed(view)["added"]


def test_view_that_was_replaced_is_shown_as_a_difference(shop: Connection) -> None:
    execute_statement(shop, "DROP MATERIALIZED VIEW inventory.stock_metrics_view")
    create = SqlFile("phase2/81_stock_metrics_view.sql").statements
    for statement in create:
        execute_statement(
            shop,
            statement.replace(
                "FROM inventory.stock s", "FROM inventory.stock s WHERE s.quantity > 0"
            ),
        )

    result = look(shop, "stock_metrics_view_schema_as_deployed")

    assert not result.passed
    assert (
        observed(result)["examples"] == "- altered: materialized view inventory.stock_metrics_view"
    )
    assert "+  WHERE (quantity > 0);" in observed(result)["difference"]


def test_legacy_table_that_was_dropped_by_hand_is_drift(shop: Connection) -> None:
    execute_statement(shop, "DROP TABLE inventory.stock_lifecycle")

    result = look(shop, "stock_schema_as_deployed")

    assert not result.passed
    assert "missing: trigger soleflip_lifecycle_to_stock" in observed(result)["difference"]


def test_what_was_retired_with_the_legacy_tables_is_no_drift(shop: Connection) -> None:
    ledger.start(shop, "drop_legacy_tables", checksum="")
    run_file(shop, "retirement/drop_legacy_tables.sql")

    assert look(shop, "stock_schema_as_deployed").passed


def test_reservation_written_on_one_side_only_is_found(shop: Connection) -> None:
    execute_statement(
        shop,
        "UPDATE inventory.stock_reservation SET status = 'released' WHERE id ="
        " (SELECT id FROM inventory.stock_reservation WHERE status = 'active' ORDER BY id LIMIT 1)",
    )

    result = look(shop, "reservations_match_ledger")

    assert not result.passed
    assert observed(result)["held_too_many"] == 1
    assert len(observed(result)["examples"].splitlines()) == 1


def test_reservations_outside_of_the_ledger_are_no_fault(databases: Databases) -> None:
    """The application that there is reserves in stock alone, and never writes the other table."""
    with connect(databases.legacy("backups_dropped")) as shop:
        with Deployer(shop.engine, log=lambda _: None) as deployer:
            deploy(deployer)
        result = look(shop, "reservations_match_ledger")

    assert result.passed
    assert not observed(result)["ledger_is_used"]
    assert observed(result)["units_held"] > 0


def test_remedy_of_reservations_frees_no_unit(databases: Databases) -> None:
    """As the runbook has it, `soleflip resync`: too few are held anew, too many are left to a person."""
    held = (
        "SELECT id, reserved_quantity FROM inventory.stock WHERE reserved_quantity > 0 ORDER BY id"
    )
    with connect(databases.deployed("busy")) as shop:
        first, second, *_ = [row[0] for row in shop.exec_driver_sql(held)]
        shop.exec_driver_sql(
            "UPDATE inventory.stock_reservation SET status = 'released' WHERE stock_id = %s",
            (first,),
        )
        shop.exec_driver_sql(
            "UPDATE inventory.stock SET reserved_quantity = reserved_quantity - 1 WHERE id = %s",
            (second,),
        )
        before = {row[0]: row[1] for row in shop.exec_driver_sql(held)}
        with Deployer(shop.engine, log=lambda _: None) as deployer:
            resync(deployer)
        after = {row[0]: row[1] for row in shop.exec_driver_sql(held)}
        result = look(shop, "reservations_match_ledger")

    assert after == before | {second: before.get(second, 0) + 1}
    assert observed(result)["held_too_few"] == 0
    assert observed(result)["held_too_many"] == 1


@pytest.mark.parametrize(
    ("seconds", "passed", "severity"),
    [
        ({"warn_seconds": 60.0, "error_seconds": 120.0}, True, "WARN"),
        ({"warn_seconds": 0.0, "error_seconds": 60.0}, False, "WARN"),
        ({"warn_seconds": 0.0, "error_seconds": 0.0}, False, "ERROR"),
    ],
)
def test_freshness_warns_then_errs(
    shop: Connection, seconds: dict[str, float], passed: bool, severity: str
) -> None:
    execute_statement(shop, "SELECT inventory.refresh_stock_metrics()")

    result = monitor_of_file("view_is_fresh", lambda _: seconds).result(shop)

    assert (result.passed, result.severity.value) == (passed, severity)
    assert observed(result)["total_records"] == 1172


def test_freshness_knows_a_shop_without_stock(databases: Databases) -> None:
    with connect(databases.deployed("production")) as connection:
        execute_statement(connection, "DELETE FROM inventory.stock")
        execute_statement(connection, "SELECT inventory.refresh_stock_metrics()")

        result = look(connection, "view_is_fresh")

        assert result.passed
        assert observed(result)["total_records"] == 0


def test_reset_of_the_statistics_is_noticed(shop: Connection) -> None:
    assert look(shop, "index_usage").passed
    execute_statement(shop, "SELECT pg_stat_reset()")

    result = look(shop, "index_usage")

    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert observed(result)["stats_reset"] is not None


def test_index_usage_counts_scans_per_index_and_hot_updates(shop: Connection) -> None:
    lookup = (
        "SELECT quantity FROM inventory.stock WHERE id = '00000000-0000-4000-8000-000000000000'"
    )
    execute_statement(shop, "SET enable_seqscan = off")
    for _ in range(3):
        execute_statement(shop, lookup)
    execute_statement(shop, "UPDATE inventory.stock SET notes = 'x' WHERE quantity = 3")
    execute_statement(shop, "SELECT pg_stat_force_next_flush()")
    execute_statement(shop, "SELECT 1")

    result = observed(look(shop, "index_usage"))

    assert result["scans/stock_pkey"] >= 3
    assert result["stock_updates"] > 0
    assert 0 <= result["stock_hot_updates_percent"] <= 100
    assert "| stock_pkey | stock | " in result["usage"]


def test_missing_index_of_a_headline_query_is_named(shop: Connection) -> None:
    execute_statement(shop, "DROP INDEX inventory.idx_stock_value")

    result = look(shop, "headline_queries_use_indexes")

    assert not result.passed
    assert observed(result)["wrong"] == "inventory_lookup: idx_stock_value is missing or invalid"


@pytest.fixture
def large_shop(shop: Connection) -> Connection:
    """Three hundred thousand sold pairs more, in front of the few that the lookup is for."""
    execute_statement(shop, "DELETE FROM inventory.stock WHERE status = 'in_stock'")
    execute_statement(
        shop,
        "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)"
        " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0,"
        " CASE WHEN number > 300000 THEN 'in_stock' ELSE 'sold' END"
        " FROM generate_series(1, 300005) AS number",
    )
    execute_statement(shop, "VACUUM ANALYZE inventory.stock")
    return shop


def test_planner_that_stops_using_an_index_is_noticed_and_its_plan_shown(
    large_shop: Connection,
) -> None:
    assert look(large_shop, "headline_queries_use_indexes").passed
    execute_statement(large_shop, "SET random_page_cost = 1e7")

    result = look(large_shop, "headline_queries_use_indexes")

    assert not result.passed
    assert "inventory_lookup: Seq Scan on stock takes" in observed(result)["wrong"]
    assert "Seq Scan on stock" in observed(result)["plans"]


def test_times_of_the_headline_queries_are_numbers(shop: Connection) -> None:
    times = observed(look(shop, "headline_queries_use_indexes"))

    assert times["milliseconds/inventory_lookup"] > 0
    assert times["milliseconds/metrics"] > 0
    assert times["milliseconds/platform_listings"] > 0


def test_slowest_statements_are_shown_where_they_are_recorded() -> None:
    parameters = {"shared_preload_libraries": "pg_stat_statements", "fsync": "off"}
    with (
        open_folder() as folder,
        PostgresServer(folder / "data", parameters=parameters).running() as server,
        connect(Databases(server).deployed("production")) as shop,
    ):
        before = look(shop, "headline_queries_use_indexes")
        execute_statement(shop, "CREATE EXTENSION pg_stat_statements")
        look(shop, "headline_queries_use_indexes")
        after = look(shop, "headline_queries_use_indexes")

    assert "slowest_statements" not in before.metadata
    assert "inventory.stock" in observed(after)["slowest_statements"]


def _refreshes(connection: Connection, seconds: list[float]) -> None:
    for duration in seconds:
        connection.execute(
            text(
                "INSERT INTO inventory_ops.metrics_refresh (horizon, started_at, finished_at)"
                " VALUES (pg_current_xact_id(), now() - make_interval(secs => :s), now())"
            ),
            {"s": duration},
        )


@pytest.mark.parametrize(
    ("seconds", "passed"),
    [
        ([2.0] * 9 + [5.9], True),
        ([2.0] * 9 + [6.1], False),
        ([0.1] * 9 + [0.9], True),
        ([2.0] * 2 + [60.0], True),
    ],
    ids=["less than three times", "more", "more, but below a second", "too few to compare with"],
)
def test_refresh_that_takes_three_times_the_median_is_noticed(
    shop: Connection, seconds: list[float], passed: bool
) -> None:
    _refreshes(shop, seconds)

    assert look(shop, "refresh_duration_steady").passed is passed


@pytest.mark.parametrize("step", ["50_view_of_read_model", "10_materialized_view", "10_live_view"])
def test_refresh_is_not_compared_with_those_of_the_other_mode(shop: Connection, step: str) -> None:
    """A refresh of all rows takes longer than one of the changes; that is no fault of either."""
    assert step in {
        file.name for mode in ("incremental", "materialized", "live") for file in sql_files(mode)
    }
    switched = ledger.start(shop, step, checksum="")
    for started, seconds in [(2, 2)] * 9 + [(0, 60)]:
        shop.execute(
            text(
                "INSERT INTO inventory_ops.metrics_refresh (horizon, started_at, finished_at)"
                " SELECT pg_current_xact_id(), began, began + make_interval(secs => :seconds)"
                " FROM (SELECT now() - make_interval(hours => :hours) AS began) AS refresh"
            ),
            {"hours": started, "seconds": seconds},
        )
    assert not look(shop, "refresh_duration_steady").passed

    ledger.finish(shop, switched, {})
    shop.execute(
        text("UPDATE inventory_ops.ledger SET finished_at = now() - interval '1 h' WHERE id = :id"),
        {"id": switched},
    )
    assert look(shop, "refresh_duration_steady").passed


def test_index_that_is_invalid_is_a_warning(shop: Connection) -> None:
    """It costs each write and answers nothing: a CREATE INDEX CONCURRENTLY that died leaves one."""
    execute_statement(
        shop,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'inventory.idx_stock_value'::regclass",
    )

    result = look(shop, "index_usage")

    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert observed(result)["invalid"] == 1
    assert "| invalid: rebuild it |" in observed(result)["usage"]


def test_bloat_of_the_view_is_noticed(shop: Connection) -> None:
    execute_statement(
        shop,
        "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)"
        " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'sold'"
        " FROM generate_series(1, 30000)",
    )
    execute_statement(shop, "SELECT inventory.refresh_stock_metrics()")
    execute_statement(shop, "DELETE FROM inventory.stock WHERE status = 'sold'")
    execute_statement(shop, "SELECT inventory.refresh_stock_metrics()")
    execute_statement(shop, "ANALYZE inventory.stock_metrics_view")

    result = look(shop, "view_not_bloated")

    assert not result.passed
    assert observed(result)["times_needed"] > 4


def test_vacuum_that_does_not_come_is_noticed(shop: Connection) -> None:
    """What sets autovacuum off is due at once; the day that it has is over when the server is old enough."""
    vacuum = SqlFile("monitoring/vacuum_keeps_up.sql").statements[0]
    impatient = vacuum.replace("interval '1 day'", "interval '0'")
    execute_statement(shop, "ALTER TABLE inventory.stock SET (autovacuum_enabled = false)")
    for note in range(3):
        execute_statement(shop, f"UPDATE inventory.stock SET notes = '{note}'")
    execute_statement(shop, "SELECT pg_stat_force_next_flush()")
    execute_statement(shop, "SELECT 1")

    assert shop.execute(text(impatient)).mappings().one()["examples"] == ["stock"]
    assert look(shop, "vacuum_keeps_up").passed


def test_no_table_is_locked_against_writers_while_all_monitors_look(
    databases: Databases,
) -> None:
    """A writer with a lock timeout of nothing gets through beside the look that holds most."""
    url = databases.deployed("busy")
    with connect(url) as shop, connect(url) as writer:
        execute_statement(writer, "SET lock_timeout = '1ms'")
        execute_statement(shop, "BEGIN ISOLATION LEVEL READ COMMITTED")
        look(shop, "reservations_match_ledger")
        look(shop, "index_usage")
        look(shop, "view_is_fresh")
        execute_statement(writer, "UPDATE inventory.stock SET notes = 'written'")
        execute_statement(shop, "ROLLBACK")


@pytest.mark.parametrize("mode", Mode)
def test_no_monitor_cries_wolf_while_the_shop_sells(databases: Databases, mode: Mode) -> None:
    """Writes, reservations, deletions, refreshes and the comparison go on beside every look."""
    url = databases.deployed("busy")
    with Deployer(create_database_engine(url), log=lambda _: None) as deployer:
        switch(deployer, mode)
    writers = [QUANTITIES, PRICES, RESERVATIONS, RESERVATIONS, COMINGS_AND_GOINGS]
    with open_shop(url, writers) as traffic, connect(url) as platform:
        for _ in range(3):
            seen, deadline = traffic.committed, time.monotonic() + 30
            while traffic.committed < seen + 50:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert failing(platform) == set()
            execute_statement(platform, "SELECT inventory.refresh_stock_metrics()")
            if mode.has_read_model:
                query_one(platform, "metrics/compare.sql")
            assert failing(platform) == set()

    with connect(url) as platform:
        execute_statement(platform, RESERVE_ON_ONE_SIDE)
        assert failing(platform) == {"reservations_match_ledger"}


def test_database_that_goes_away_fails_the_run_and_no_check(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session is ended in the middle of the daily look: no evaluation says that the data is wrong."""
    url = databases.deployed("busy")
    ended = BY_NAME["vacuum_keeps_up"]

    def end_session(connection: Connection) -> Any:
        execute_statement(connection, "SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setitem(ended.__dict__, "look", end_session)
    (daily,) = (step for step in checks if step.node_def.name == "monitor_daily_inventory_stock")
    defs = dg.Definitions(
        assets=[dg.AssetSpec(key) for key in {monitor.asset_key for monitor in MONITORS}],
        asset_checks=[daily],
        jobs=[dg.define_asset_job("watch", dg.AssetSelection.checks(*daily.check_keys))],
        resources={"database": Database(url=url.render_as_string(hide_password=False))},
    )

    result = defs.resolve_job_def("watch").execute_in_process(raise_on_error=False)

    assert not result.success
    evaluations = result.get_asset_check_evaluations()
    assert evaluations
    assert all(evaluation.passed for evaluation in evaluations)
    assert "vacuum_keeps_up" not in {evaluation.check_name for evaluation in evaluations}


def test_monitor_raises_what_is_no_finding(shop: Connection) -> None:
    execute_statement(shop, "SET statement_timeout = '1ms'")
    slow = text("SELECT pg_sleep(1)")
    with pytest.raises(DBAPIError):
        shop.execute(slow)
    execute_statement(shop, "SET ROLE pg_read_all_stats")

    with pytest.raises(DBAPIError, match="permission denied"):
        look(shop, "view_is_fresh")
