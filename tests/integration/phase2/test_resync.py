"""`soleflip resync`: each difference that bypassed triggers leave, where the row in stock is right, is cured.

Corruptions are those of the catalogue (checks/test_corruptions.py), one after the other in one shop: done
with triggers disabled, seen by the check that must see it, cured, and green again.
"""

from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground import retrying
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.phase2.resync import Resynced, resync, write_record
from soleflip_assets.phase2.retirement import LEGACY_RETIREMENT
from tests.conftest import REFRESHED, Databases, connect
from tests.integration.checks.test_corruptions import (
    CHECKS,
    Corruption,
    of_legacy_tables,
    of_stock,
    of_the_view,
)
from tests.integration.phase2.deployment import ignore
from tests.integration.phase2.state import contents

CURABLE = {
    "financial_data_consistent",
    "lifecycle_data_migrated",
    "reserved_quantities_migrated",
    "view_rows_match_query",
    "view_count_matches_stock_count",
}


def curable(mode: Mode) -> Iterator[Corruption]:
    """Those after which stock is right, or holds all that there is to go by."""
    for one in (*of_stock(), *of_legacy_tables(), *of_the_view()):
        # A legacy row of a stock row that there is not; a view that somebody defined otherwise.
        hopeless = "stock_id of one row" in one.what or "of another definition" in one.what
        if mode in one.modes and one.check in CURABLE and not hopeless:
            yield one


def resynced(url: URL, *ids: str, dry_run: bool = False) -> Resynced:
    with Deployer(create_database_engine(url), ignore) as deployer:
        return resync(deployer, ids, dry_run=dry_run)


def bypass(connection: Connection, *statements: str) -> None:
    """Write past all triggers."""
    for statement in ("SET session_replication_role = replica", *statements):
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    connection.exec_driver_sql("SET session_replication_role = origin")


@pytest.mark.parametrize("mode", REFRESHED)
def test_each_corruption_is_cured(databases_of_each_version: Databases, mode: Mode) -> None:
    url = databases_of_each_version.deployed("busy", mode)
    todo = [*curable(mode)]
    assert len(todo) > (40 if mode is Mode.MATERIALIZED else 55)
    unseen, uncured = [], []
    with connect(url) as connection, Deployer(create_database_engine(url), ignore) as deployer:
        for one in todo:
            bypass(connection, *one.statements)
            if not CHECKS[one.check](connection):
                unseen.append(one.what)
            resync(deployer)
            uncured += [f"{one.what}: {check}" for check in CURABLE if CHECKS[check](connection)]
    assert unseen == []
    assert uncured == []


# A stock row with a reservation in the ledger, and one with a price in stock_financial.
RESERVED = (
    "(SELECT min(stock_id::text)::uuid FROM inventory.stock_reservation WHERE status = 'active')"
)
PRICED = "(SELECT min(stock_id::text)::uuid FROM inventory.stock_financial)"


def one(connection: Connection, query: str) -> str:
    return str(connection.exec_driver_sql(f"SELECT {query}").scalar_one())


@pytest.fixture
def shop(databases: Databases) -> URL:
    return databases.deployed("busy")


def test_dry_run_says_all_and_changes_nothing(shop: URL) -> None:
    with connect(shop) as connection:
        stock_id = one(connection, PRICED)
        bypass(
            connection,
            f"UPDATE inventory.stock_financial SET purchase_price = 1 WHERE stock_id = '{stock_id}'",
        )
        before = contents(shop)
        foreseen = resynced(shop, dry_run=True)
        assert contents(shop) == before
        assert [(found.stock_id, found.place, found.fact) for found in foreseen.cured] == [
            (stock_id, "stock_financial", "purchase_price")
        ]
        assert foreseen.left == []

        done = resynced(shop)
        assert done.cured == foreseen.cured
        assert resynced(shop).cured == []


def test_only_the_rows_that_are_named_are_carried(shop: URL) -> None:
    with connect(shop) as connection:
        bypass(connection, "UPDATE inventory.stock_financial SET vat_amount = vat_amount + 1")
        first, second = (found.stock_id for found in resynced(shop, dry_run=True).cured[:2])
        assert {found.stock_id for found in resynced(shop, first).cured} == {first}
        left = {found.stock_id for found in resynced(shop, dry_run=True).cured}
    assert first not in left
    assert second in left


def test_an_id_that_no_stock_row_has_is_refused(shop: URL) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(DeploymentError, match=f"No stock row has the id {unknown}"):
        resynced(shop, unknown)


def test_what_stock_does_not_know_it_takes_and_an_old_row_brings_nothing_back(shop: URL) -> None:
    """The newest row that says anything; a row that is set aside and says otherwise stays aside."""
    with connect(shop) as connection:
        stock_id = one(connection, PRICED)
        connection.exec_driver_sql(
            f"UPDATE inventory.stock SET roi_percentage = 12 WHERE id = '{stock_id}'"
        )
        bypass(
            connection,
            "INSERT INTO inventory.stock_financial (id, stock_id, purchase_price, gross_purchase_price, "
            "vat_amount, roi, created_at, updated_at) "
            f"SELECT gen_random_uuid(), '{stock_id}', 7, 7, 7, 99, '2001-01-01', '2001-01-01'",
            f"UPDATE inventory.stock SET roi_percentage = NULL WHERE id = '{stock_id}'",
        )
        (found,) = [each for each in resynced(shop).cured if each.fact == "roi"]
        assert found.change == ("stock", "NULL", "12.00")
        says = f"roi_percentage FROM inventory.stock WHERE id = '{stock_id}'"
        assert one(connection, says) == "12.00"


@pytest.mark.parametrize(
    ("held", "becomes", "is_left"),
    [("- 1", "", False), ("+ 1", "+ 1", True)],
    ids=["too few", "too many"],
)
def test_what_the_ledger_says_is_held_and_nothing_is_freed(
    shop: URL, held: str, becomes: str, is_left: bool
) -> None:
    """Too few are held again; too many stay, for a person. Old and new say the same in both cases."""
    with connect(shop) as connection:
        stock_id = one(connection, RESERVED)
        units = (
            "sum(reserved_quantity) FROM inventory.stock_reservation "
            f"WHERE status = 'active' AND stock_id = '{stock_id}'"
        )
        bypass(
            connection,
            f"UPDATE inventory.stock SET quantity = 50, reserved_quantity = (SELECT {units}) {held} "
            f"WHERE id = '{stock_id}'",
        )
        result = resynced(shop)
        expected = one(connection, f"(SELECT {units}) {becomes}")
        for table, key in (("stock", "id"), ("stock_metrics", "stock_id")):
            says = f"reserved_quantity FROM inventory.{table} WHERE {key} = '{stock_id}'"
            assert one(connection, says) == expected
        assert [found.stock_id for found in result.left] == ([stock_id] if is_left else [])
        assert CHECKS["reservations_match_ledger"](connection) is is_left


def test_more_reserved_than_there_is_is_left_for_a_person(shop: URL) -> None:
    with connect(shop) as connection:
        stock_id = one(connection, RESERVED)
        bypass(
            connection,
            f"UPDATE inventory.stock SET quantity = 0, reserved_quantity = 0 WHERE id = '{stock_id}'",
        )
        (left,) = resynced(shop).left
        assert left.stock_id == stock_id
        assert f"stock {stock_id} holds 0 units, and its active reservations are" in str(left)
        assert not CHECKS["records_with_reservations"](connection)


def test_old_rows_of_a_stock_row_that_is_not_there_are_named_and_left(shop: URL) -> None:
    with connect(shop) as connection:
        bypass(
            connection,
            "UPDATE inventory.stock_financial SET stock_id = gen_random_uuid() WHERE id ="
            " (SELECT min(id::text)::uuid FROM inventory.stock_financial)",
        )
        orphan = one(
            connection,
            "stock_id FROM inventory.stock_financial WHERE NOT EXISTS"
            " (SELECT FROM inventory.stock WHERE stock.id = stock_id)",
        )
        for dry_run in (True, False):
            left = [str(one) for one in resynced(shop, dry_run=dry_run).left]
            assert left == [f"stock_financial speaks of {orphan}, and stock has no such row"]
        assert CHECKS["financial_data_consistent"](connection)


def test_it_gives_way_to_a_writer_and_carries_what_that_one_wrote(shop: URL) -> None:
    """What is compared under the lock counts, not what the scan saw."""
    with connect(shop) as connection, create_database_engine(shop).connect() as writer:
        stock_id = one(connection, PRICED)
        bypass(
            connection,
            f"UPDATE inventory.stock_financial SET vat_amount = 1 WHERE stock_id = '{stock_id}'",
        )
        writer.exec_driver_sql(
            f"UPDATE inventory.stock SET vat_amount = 33.33 WHERE id = '{stock_id}'"
        )
        Timer(1, writer.commit).start()
        resynced(shop)
        for table, key in (("stock", "id"), ("stock_financial", "stock_id")):
            says = f"vat_amount FROM inventory.{table} WHERE {key} = '{stock_id}'"
            assert one(connection, says) == "33.33"


def test_row_that_stays_locked_is_named(shop: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "LOCK_ATTEMPTS", 2)
    with connect(shop) as connection, create_database_engine(shop).connect() as writer:
        stock_id = one(connection, PRICED)
        bypass(
            connection,
            f"UPDATE inventory.stock_financial SET vat_amount = 1 WHERE stock_id = '{stock_id}'",
        )
        writer.exec_driver_sql(f"SELECT FROM inventory.stock WHERE id = '{stock_id}' FOR UPDATE")
        with pytest.raises(DeploymentError, match=f"{stock_id} to {stock_id} stayed locked"):
            resynced(shop)


def test_it_is_refused_before_the_deployment(databases: Databases) -> None:
    with pytest.raises(DeploymentError, match="run `soleflip deploy`"):
        resynced(databases.legacy("production"))


def test_without_legacy_tables_it_is_about_reservations_alone(shop: URL) -> None:
    with connect(shop) as connection, Deployer(create_database_engine(shop), ignore) as deployer:
        deployer.execute(LEGACY_RETIREMENT.file)
        stock_id = one(connection, RESERVED)
        bypass(
            connection, f"UPDATE inventory.stock SET reserved_quantity = 0 WHERE id = '{stock_id}'"
        )
        (cured,) = resync(deployer).cured
        assert (cured.stock_id, cured.place) == (stock_id, "stock_reservation")
        assert not CHECKS["reservations_match_ledger"](connection)


def test_record_says_what_was_there_before(shop: URL, tmp_path: Path) -> None:
    with connect(shop) as connection:
        bypass(
            connection,
            f"UPDATE inventory.stock_financial SET purchase_price = 4711 WHERE stock_id = {PRICED}",
        )
        path = write_record(resynced(shop), tmp_path / "reports", "0123456789")
    assert path.name == "resync_01234567.md"
    assert "| stock_financial | 4711.00 |" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_shop_without_a_ledger_of_reservations(databases: Databases) -> None:
    """It reserves in stock alone: rows are carried all the same."""
    url = databases.deployed("busy")
    with connect(url) as connection:
        connection.exec_driver_sql("DROP TABLE inventory.stock_reservation CASCADE")
        bypass(
            connection,
            "UPDATE inventory.stock SET gross_purchase_price = gross_purchase_price + 1 WHERE id = "
            "(SELECT min(stock_id::text)::uuid FROM inventory.stock_financial)",
        )
    assert resynced(url).rows == 1
    assert resynced(url).rows == 0
