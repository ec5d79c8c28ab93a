"""What only a view of stock itself does: it is never old, and a refresh has nothing to do."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.dumps.dump import take_dump
from soleflip_assets.dumps.restore import restore
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode, current_mode
from soleflip_assets.monitoring.plans import MONITOR as PLANS
from soleflip_assets.phase2.report import write_report
from soleflip_assets.phase2.steps import deploy
from tests.conftest import Databases, connect
from tests.integration.metrics.conftest import switch_to
from tests.integration.metrics.reading import an_item, differences, set_quantity, shown
from tests.integration.phase2.deployment import ignore

FRESH = {"warn_seconds": 60, "error_seconds": 120}


@pytest.fixture
def live(databases: Databases) -> URL:
    """A busy shop's database whose view is one of stock."""
    return databases.deployed("busy", Mode.LIVE)


@pytest.fixture
def shop(live: URL) -> Iterator[Connection]:
    """A connection to it on which each statement is a transaction of its own."""
    with connect(live) as connection:
        yield connection


def test_write_is_shown_at_once_and_by_its_own_transaction(live: URL) -> None:
    with create_database_engine(live).connect() as connection:
        set_quantity(connection, an_item(connection), 71)

        assert shown(connection, an_item(connection)) == 71
        assert differences(connection) == []


def test_refresh_says_that_there_is_nothing_to_do(live: URL) -> None:
    said: list[str | None] = []
    url = live.render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary))
        connection.execute("SELECT inventory.refresh_stock_metrics()")

    assert said == [
        "inventory.stock_metrics_view reads inventory.stock itself: there is nothing to refresh"
    ]


@pytest.mark.parametrize("items", ["all", "none"])
def test_view_has_no_age_however_long_ago_the_last_refresh_was(
    shop: Connection, items: str
) -> None:
    if items == "none":
        shop.execute(text("SET session_replication_role = replica"))
        shop.execute(text("DELETE FROM inventory.stock"))
    shop.execute(
        text("UPDATE inventory_ops.metrics_refresh SET started_at = now() - interval '9 days'")
    )

    seen = query_one(shop, "monitoring/view_is_fresh.sql", **FRESH)

    assert (seen["passed"], seen["age_of"]) == (True, "nothing: the view reads stock itself")
    assert seen["age_seconds"] < 1


def test_index_that_is_not_made_is_not_missed(shop: Connection) -> None:
    """Those of stock still are."""
    assert PLANS.look(shop).passed

    shop.execute(text("DROP INDEX inventory.idx_stock_listed_platforms"))

    assert "idx_stock_listed_platforms is missing" in str(PLANS.look(shop).observed["wrong"])


def test_range_of_the_metrics_is_found_by_an_index_on_the_expression(shop: Connection) -> None:
    """The one that docs/decisions/2026-11-26-live-view.md tells of."""
    shop.execute(
        text("""
            CREATE INDEX mine ON inventory.stock ((quantity - COALESCE(reserved_quantity, 0)))
            WHERE quantity - COALESCE(reserved_quantity, 0) > 0
        """)
    )
    shop.execute(text("SET enable_seqscan = off"))
    asked = "SELECT stock_id FROM inventory.stock_metrics_view WHERE available_quantity > 500"

    assert "mine" in "\n".join(shop.execute(text(f"EXPLAIN {asked}")).scalars())


@pytest.mark.parametrize(
    "change",
    [
        "DROP VIEW inventory.stock_metrics_view",
        """
        DROP VIEW inventory.stock_metrics_view;
        CREATE VIEW inventory.stock_metrics_view AS SELECT id AS stock_id, 1 AS mine FROM inventory.stock
        """,
        """
        DROP VIEW inventory.stock_metrics_view;
        CREATE VIEW inventory.stock_metrics_view AS SELECT 1 AS mine
        """,
    ],
    ids=["dropped", "redefined", "of something else"],
)
def test_deployment_mends_it_as_a_view_of_stock(live: URL, shop: Connection, change: str) -> None:
    shop.exec_driver_sql(change)

    with Deployer(create_database_engine(live), log=lambda _: None) as deployer:
        assert [str(one) for one in deploy(deployer) if one.applied]

    assert current_mode(shop) is Mode.LIVE
    assert differences(shop) == []


def test_what_a_switch_would_lose_is_refused(live: URL, shop: Connection) -> None:
    shop.execute(text("ALTER VIEW inventory.stock_metrics_view SET (security_barrier)"))

    with pytest.raises(DeploymentError, match=r"would be lost.*security_barrier"):
        switch_to(live, Mode.MATERIALIZED)

    assert current_mode(shop) is Mode.LIVE


def test_report_says_how_the_view_is_kept(shop: Connection, tmp_path: Path) -> None:
    report = write_report(shop, tmp_path, run_id="00000000").read_text(encoding="utf-8")

    assert "`inventory.stock_metrics_view` is live" in report


def test_dump_is_restored_as_it_was(live: URL, tmp_path: Path) -> None:
    dump = take_dump(create_database_engine(live), tmp_path)

    restored = restore(live, dump.path, ignore, replace=False).database

    with connect(live.set(database=restored)) as connection:
        assert current_mode(connection) is Mode.LIVE
        assert differences(connection) == []
        assert {one.name for one in VALIDATIONS if not one.ask(connection).passed} == set()
