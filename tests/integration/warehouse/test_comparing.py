"""Each comparison passes beside what is right, fails at what is wrong, and what it finds is repaired."""

from datetime import timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.install import install
from soleflip_assets.warehouse import comparing
from soleflip_assets.warehouse.comparing import months_of, repair, rows_match, sums_match
from soleflip_assets.warehouse.loading import load
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from soleflip_assets.warehouse.tables import LOGS, STOCK_EVENT
from tests.conftest import Databases
from tests.integration.warehouse.kept import Loading, logged
from tests.integration.warehouse.test_loading import THREE

Connection = psycopg.Connection[Any]


@pytest.fixture
def loaded(loading: Loading, shop: Connection) -> Loading:
    loading.load()
    shop.execute(THREE)
    loading.load()
    # Written since: no fault.
    shop.execute(THREE)
    shop.execute(
        "DELETE FROM inventory.stock WHERE id = (SELECT id FROM inventory.stock ORDER BY id DESC LIMIT 1)"
    )
    return loading


def _without_one(rows: pa.Table) -> pa.Table:
    # Neither of the first rows nor of the last one, which are written to.
    baseline = rows.filter(pc.equal(rows["kind"], "baseline")).sort_by("stock_id")
    one = baseline["event_id"][baseline.num_rows // 2]
    return rows.filter(pc.not_equal(rows["event_id"], one))


def _with_another_price(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("purchase_price")
    raised = pc.add(rows["purchase_price"], pa.scalar(1, pa.decimal128(10, 2)))
    return rows.set_column(place, rows.schema.field(place), raised.cast(pa.decimal128(10, 2)))


def _with_one_twice(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, rows.slice(0, 1)])


def _with_one_moved_back(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("occurred_at")
    earlier = pc.if_else(
        pc.equal(rows["kind"], "update"),
        pc.subtract(rows["occurred_at"], pa.scalar(timedelta(days=1))),
        rows["occurred_at"],
    )
    return rows.set_column(place, rows.schema.field(place), earlier)


def _verdicts(loading: Loading) -> dict[str, bool]:
    warehouse, shop = loading.warehouse, loading.shop
    months = months_of(warehouse, shop, STOCK_EVENT)
    answers = {
        "rows": rows_match(months),
        "sums": sums_match(months),
        "versions": comparing.versions_do_not_overlap(warehouse),
        "last": comparing.last_version_is_stock(warehouse, shop),
        "fresh": comparing.load_is_fresh(warehouse, timedelta(minutes=75), timedelta(minutes=120)),
    }
    return {name: answer.passed for name, answer in answers.items()}


RIGHT = dict.fromkeys(["rows", "sums", "versions", "last", "fresh"], True)


def test_what_was_loaded_is_right_beside_a_shop_that_goes_on(loaded: Loading) -> None:
    assert _verdicts(loaded) == RIGHT


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (_without_one, {"rows", "sums", "last"}),
        (_with_another_price, {"sums", "last"}),
        (_with_one_twice, {"rows", "sums", "versions"}),
        (_with_one_moved_back, {"sums", "versions"}),
    ],
)
def test_what_was_falsified_is_found_and_repaired(
    loaded: Loading, change: Any, wrong: set[str]
) -> None:
    loaded.falsify("raw.stock_event", change)
    assert {name for name, passed in _verdicts(loaded).items() if not passed} == wrong
    found = {log.name: months_of(loaded.warehouse, loaded.shop, log) for log in LOGS}
    (done,) = repair(loaded.warehouse, loaded.shop, found, loaded.told.append)
    assert done.name == "stock_event"
    assert _verdicts(loaded) == RIGHT
    assert loaded.events() == logged(loaded.url)


def test_stock_that_was_written_past_the_log_is_found(loaded: Loading, shop: Connection) -> None:
    loaded.load()
    shop.execute("SET session_replication_role = replica")
    shop.execute(
        "UPDATE inventory.stock SET quantity = 99 WHERE id = (SELECT id FROM inventory.stock LIMIT 1)"
    )
    answer = comparing.last_version_is_stock(loaded.warehouse, loaded.shop)
    assert not answer.passed
    assert answer.observed["wrong"] == 1


def test_shop_that_lacks_columns_is_compared(
    databases: Databases, catalog: URL, warehouse: Warehouse
) -> None:
    """Before Phase 2, or after a migration."""
    url = databases.legacy("busy")
    with Deployer(create_database_engine(url), log=lambda _: None) as deployer:
        install(deployer)
    shop = Shop(url)
    list(load(warehouse, shop, lambda _: None))

    answer = comparing.last_version_is_stock(warehouse, shop)
    assert answer.passed
    assert answer.observed["rows"] > 0


def test_old_or_unfinished_load_is_not_fresh(loaded: Loading) -> None:
    soon = timedelta(microseconds=1)
    assert not comparing.load_is_fresh(loaded.warehouse, soon, soon).passed


def test_nothing_loaded_is_told(loading: Loading) -> None:
    verdicts = _verdicts(loading)
    assert not any(passed for name, passed in verdicts.items() if name != "versions")


def test_table_of_the_application_that_differs_is_repaired(
    loaded: Loading, shop: Connection
) -> None:
    before = loaded.warehouse.read("raw.size")
    table = loaded.warehouse.find("raw.size")
    assert table
    one = pa.Table.from_pylist([{"id": "wrong"}], before.schema)
    table.commit(add=table.write(one), properties=table.properties)
    done = repair(loaded.warehouse, loaded.shop, {}, loaded.told.append)
    assert [each.name for each in done] == ["size"]
    assert loaded.warehouse.read("raw.size").num_rows == before.num_rows
