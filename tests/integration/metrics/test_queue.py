"""The queue of changes and the read model of the incremental mode: what is queued, compared and refreshed."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.phase2.report import write_report
from tests.conftest import Databases, connect
from tests.integration.metrics.reading import (
    BYPASS,
    an_item,
    differences,
    failing_of_view,
    queued,
    refresh,
    set_quantity,
    shown,
)


def test_time_of_the_refresh_is_read_only_where_it_is_asked_for(shop: Connection) -> None:
    lookup = "EXPLAIN SELECT total_quantity FROM inventory.stock_metrics_view WHERE available_quantity > 0"
    plan = "\n".join(shop.execute(text(lookup)).scalars())

    assert "stock_metrics_read_model" in plan
    assert "stock_metrics_refreshed" not in plan


def test_report_is_written_in_incremental_mode(shop: Connection, tmp_path: Path) -> None:
    report = write_report(shop, tmp_path, run_id="00000000").read_text(encoding="utf-8")

    assert "idx_stock_metrics_view_stock_id" in report
    assert query_one(shop, "report/view.sql")["bytes"] > 0


# What bypassed triggers leave behind, and what the comparison calls it.
BYPASSES = {
    "wrong": "UPDATE inventory.stock SET quantity = quantity + 1 WHERE id = :id",
    "phantom": "DELETE FROM inventory.stock WHERE id = :id",
    "missing": """
        INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)
        SELECT gen_random_uuid(), product_id, size_id, 1, 'in_stock' FROM inventory.stock WHERE id = :id
        """,
}


@pytest.mark.parametrize(("kind", "statement"), BYPASSES.items())
def test_bypassed_triggers_are_found_repaired_and_reported(
    incremental: URL, shop: Connection, kind: str, statement: str
) -> None:
    item = an_item(shop)
    with connect(incremental) as loader:
        loader.execute(text(BYPASS))
        loader.execute(text(statement), {"id": item})
    refresh(shop)
    assert len(differences(shop)) > 0

    found = query_one(shop, "metrics/compare.sql")

    assert {name: found[name] for name in BYPASSES} == {**dict.fromkeys(BYPASSES, 0), kind: 1}
    assert differences(shop) == []
    assert failing_of_view(shop) == set()
    assert not query_one(shop, "monitoring/triggers_not_bypassed.sql")["passed"]
    assert query_one(shop, "metrics/compare.sql")[kind] == 0
    assert query_one(shop, "monitoring/triggers_not_bypassed.sql")["passed"]


def test_rows_loaded_with_triggers_disabled_are_repaired(shop: Connection) -> None:
    """As pg_restore --disable-triggers does, which enables them afterwards."""
    for change in (
        "ALTER TABLE inventory.stock DISABLE TRIGGER ALL",
        "UPDATE inventory.stock SET quantity = quantity + 1",
        "ALTER TABLE inventory.stock ENABLE TRIGGER ALL",
    ):
        shop.execute(text(change))
    refresh(shop)
    assert len(differences(shop)) > 0

    assert query_one(shop, "metrics/compare.sql")["wrong"] == shop.scalar(
        text("SELECT count(*) FROM inventory.stock")
    )
    assert differences(shop) == []


def test_what_is_queued_is_no_finding_of_the_comparison(shop: Connection) -> None:
    set_quantity(shop, an_item(shop), 71)
    shop.execute(text("DELETE FROM inventory.stock WHERE status = 'sold'"))

    found = query_one(shop, "metrics/compare.sql")

    assert [found[name] for name in BYPASSES] == [0, 0, 0]
    assert differences(shop) == []


def test_comparison_does_not_believe_what_is_queued(shop: Connection) -> None:
    """What the entry says was overwritten since, and nothing announced that."""
    item = an_item(shop)
    set_quantity(shop, item, 70)
    shop.execute(text(BYPASS))
    set_quantity(shop, item, 71)

    query_one(shop, "metrics/compare.sql")

    assert shown(shop, item) == 71
    assert differences(shop) == []


def test_view_is_as_old_as_its_oldest_queued_change(shop: Connection) -> None:
    fresh = {"warn_seconds": 60, "error_seconds": 120}
    shop.execute(
        text("UPDATE inventory_ops.metrics_refresh SET started_at = now() - interval '1 day'")
    )
    shop.execute(
        text(
            "UPDATE inventory_ops.stock_metrics_refreshed SET last_calculated_at = now() - interval '1 day'"
        )
    )
    assert query_one(shop, "monitoring/view_is_fresh.sql", **fresh)["age_seconds"] == 0

    set_quantity(shop, an_item(shop), 71)
    shop.execute(
        text("UPDATE inventory_ops.stock_change SET queued_at = now() - interval '90 seconds'")
    )
    seen = query_one(shop, "monitoring/view_is_fresh.sql", **fresh)
    assert (seen["passed"], seen["severity"], seen["queued_changes"]) == (False, "WARN", 1)
    assert 90 <= seen["age_seconds"] < 120

    refresh(shop)
    assert query_one(shop, "monitoring/view_is_fresh.sql", **fresh)["passed"]


def test_change_committed_after_a_refresh_is_not_older_than_that(incremental: URL) -> None:
    """A transaction that was open for long is no refresh that was missed."""
    with connect(incremental) as shop, create_database_engine(incremental).connect() as writer:
        set_quantity(writer, an_item(shop), 71)
        writer.execute(
            text("UPDATE inventory_ops.stock_change SET queued_at = now() - interval '1 day'")
        )
        refresh(shop)
        writer.commit()

        seen = query_one(shop, "monitoring/view_is_fresh.sql", warn_seconds=60, error_seconds=120)
        assert seen["queued_changes"] == 1
        assert seen["age_seconds"] < 60


IRRELEVANT = {
    "another column": "UPDATE inventory.stock SET notes = 'counted', status = 'sold'",
    "the same value": "UPDATE inventory.stock SET quantity = quantity",
    "no row": "UPDATE inventory.stock SET quantity = 1 WHERE false",
}


@pytest.mark.parametrize("statement", IRRELEVANT.values(), ids=IRRELEVANT)
def test_what_changes_no_metric_is_not_queued(shop: Connection, statement: str) -> None:
    shop.execute(text(statement))

    assert queued(shop) == []


def test_refresh_without_a_change_writes_no_row(shop: Connection) -> None:
    rows = text(
        "SELECT ctid::text, xmin::text FROM inventory_ops.stock_metrics_read_model ORDER BY 1"
    )
    item = an_item(shop)
    set_quantity(shop, item, 71)
    refresh(shop)
    before = shop.execute(rows).all()
    set_quantity_back_and_forth = text("UPDATE inventory.stock SET quantity = :n WHERE id = :id")
    for quantity in (5, 71):
        shop.execute(set_quantity_back_and_forth, {"id": item, "n": quantity})

    refresh(shop)

    assert shop.execute(rows).all() == before
    assert shown(shop, item) == 71


def test_stock_is_not_read_where_the_queue_says_it_all(incremental: URL, shop: Connection) -> None:
    """Reading it would double the time and, after a checkpoint, what a refresh writes to the log."""
    first, second = shop.execute(text("SELECT id FROM inventory.stock LIMIT 2")).scalars()
    set_quantity(shop, first, 70)
    assert rows_of_stock_that_a_refresh_fetches(incremental) == 0

    set_quantity(shop, second, 70)
    set_quantity(shop, second, 71)
    assert rows_of_stock_that_a_refresh_fetches(incremental) == 1
    assert differences(shop) == []


def rows_of_stock_that_a_refresh_fetches(url: URL) -> int:
    with create_database_engine(url).begin() as connection:
        refresh(connection)
        return int(connection.execute(text(FETCHED)).scalar_one())


FETCHED = """
SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
WHERE relid = 'inventory.stock'::regclass
"""


def plans_of_a_refresh(url: URL) -> list[str]:
    """The plans of all that a refresh executes in a new session, which compiles all that it may."""
    plans: list[str] = []
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: plans.append(str(notice.message_primary)))
        connection.execute("LOAD 'auto_explain'")
        for parameter, value in {
            "auto_explain.log_analyze": "on",
            "auto_explain.log_level": "notice",
            "auto_explain.log_min_duration": "0",
            "auto_explain.log_nested_statements": "on",
            "jit_above_cost": "0",
        }.items():
            connection.execute("SELECT set_config(%s, %s, false)", (parameter, value))
        connection.execute("SELECT inventory.refresh_stock_metrics()")
    return plans


DRAIN = "Merge on stock_metrics_read_model"


def test_nothing_is_compiled_for_a_refresh(databases_15: Databases) -> None:
    """The planner believes that every row may change: compiling for that took longer than the refresh."""
    url = databases_15.deployed("production", Mode.INCREMENTAL)
    with connect(url) as shop:
        set_quantity(shop, an_item(shop), 71)

    plans = plans_of_a_refresh(url)

    (drain,) = (plan for plan in plans if DRAIN in plan)
    assert "JIT:" not in drain
    assert any("JIT:" in plan for plan in plans)


def test_drain_of_an_empty_queue_is_not_even_planned(incremental: URL) -> None:
    """Each hourly refresh is a new session: it would plan the drain first."""
    plans = plans_of_a_refresh(incremental)

    assert any("stock_metrics_refreshed" in plan for plan in plans)
    assert not any(DRAIN in plan for plan in plans)
