"""A load takes what there is: every value as it is, what another server has, what the application lacks."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from soleflip_assets.warehouse.engine import duckdb_engine
from soleflip_assets.warehouse.loading import rebuild
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import WarehouseError
from tests.conftest import Databases
from tests.integration.warehouse.kept import Loading, connected, logged

Connection = psycopg.Connection[Any]

THREE = (
    "UPDATE inventory.stock SET quantity = quantity + 1 WHERE id IN"
    " (SELECT id FROM inventory.stock ORDER BY id LIMIT 3)"
)


def test_first_load_takes_everything_and_the_next_one_what_was_written_since(
    loading: Loading, shop: Connection
) -> None:
    first = loading.load()
    assert loading.events() == logged(loading.url)
    assert first["stock_event"].rows == len(logged(loading.url)) > 0
    shop.execute(THREE)
    second = loading.load()
    assert second["stock_event"].rows == 3
    assert loading.events() == logged(loading.url)
    assert loading.load()["stock_event"].rows == 0


def test_values_arrive_as_they_are(loading: Loading, shop: Connection) -> None:
    supplier = 'NaN, "O\'Neill"\n100 %'
    shop.execute(
        "UPDATE inventory.stock SET supplier = %s, location = '', purchase_price = 'NaN',"
        " delivery_date = 'infinity', purchase_date = '20226-05-01', created_at = '0044-03-15 BC',"
        " detailed_status = NULL"
        " WHERE id = (SELECT id FROM inventory.stock ORDER BY id LIMIT 1)",
        [supplier],
    )
    updated_at, changed = shop.execute(
        "SELECT updated_at, array_to_string(changed, ',') FROM inventory_ops.stock_event"
        " WHERE kind = 'update'"
    ).fetchall()[0]
    loading.load()
    with duckdb_engine(loading.warehouse) as engine:
        (row,) = engine.query(
            "SELECT supplier, location, purchase_price, delivery_date, purchase_date, created_at,"
            " detailed_status, changed, updated_at"
            " FROM stock_event WHERE kind = :kind",
            {"kind": "update"},
        ).to_pylist()
        (state,) = engine.query("SELECT * FROM load_state").to_pylist()
    assert row == {
        "supplier": supplier,
        "location": "",
        "purchase_price": None,
        "delivery_date": None,
        "purchase_date": None,
        "created_at": None,
        "detailed_status": None,
        "changed": changed,
        "updated_at": updated_at,
    }
    assert state["database"] == loading.url.database
    assert state["log_began_at"] < state["loaded_at"]


def test_event_that_met_no_month_is_taken_and_taken_once_when_it_moves(
    loading: Loading, shop: Connection
) -> None:
    loading.load()
    shop.execute(
        "INSERT INTO inventory_ops.stock_event_overflow (occurred_at, transaction_id, kind, stock_id)"
        " VALUES ('2031-02-03 04:05+00', pg_current_xact_id(), 'delete', gen_random_uuid())"
    )
    assert loading.load()["stock_event"].rows == 1
    shop.execute(
        "CREATE TABLE inventory_ops.stock_event_203102 PARTITION OF inventory_ops.stock_event"
        " FOR VALUES FROM ('2031-02-01 00:00+00') TO ('2031-03-01 00:00+00')"
    )
    shop.execute(
        "WITH moved AS (DELETE FROM inventory_ops.stock_event_overflow RETURNING *)"
        " INSERT INTO inventory_ops.stock_event SELECT * FROM moved"
    )
    assert loading.load()["stock_event"].rows == 0
    assert loading.events() == logged(loading.url)


def test_emptied_and_deleted_stock_is_told_of(loading: Loading, shop: Connection) -> None:
    loading.load()
    shop.execute("DELETE FROM inventory.stock WHERE id = (SELECT id FROM inventory.stock LIMIT 1)")
    # While they mirror stock, they refuse to be emptied with it. As their retirement does:
    shop.execute(
        "DROP TABLE inventory.stock_financial, inventory.stock_lifecycle, inventory.stock_metrics CASCADE"
    )
    shop.execute("DROP FUNCTION inventory_ops.stock_truncated CASCADE")
    shop.execute("TRUNCATE inventory.stock CASCADE")
    loading.load()
    kinds = loading.warehouse.read("raw.stock_event")["kind"].to_pylist()
    assert (kinds.count("delete"), kinds.count("truncate")) == (1, 1)
    assert loading.events() == logged(loading.url)


def test_month_that_the_shop_let_go_stays(loading: Loading, shop: Connection) -> None:
    month = "2020-02"
    shop.execute(
        "CREATE TABLE inventory_ops.stock_event_202002 PARTITION OF inventory_ops.stock_event"
        " FOR VALUES FROM ('2020-02-01 00:00+00') TO ('2020-03-01 00:00+00')"
    )
    shop.execute(
        "INSERT INTO inventory_ops.stock_event (occurred_at, transaction_id, kind, stock_id)"
        " VALUES ('2020-02-29 23:59+00', pg_current_xact_id(), 'delete', gen_random_uuid())"
    )
    loading.load()
    before = loading.events()
    shop.execute("DROP TABLE inventory_ops.stock_event_202002")
    list(rebuild(loading.warehouse, loading.shop, loading.told.append, [month]))
    assert loading.events() == before
    assert f"raw.stock_event {month}: the shop no longer has it; it stays as it is" in loading.told
    list(rebuild(loading.warehouse, loading.shop, loading.told.append))
    assert loading.events() == before


def test_another_database_is_loaded_whole_and_what_there_was_is_kept(
    loading: Loading, databases: Databases
) -> None:
    loading.load()
    before = loading.events()
    url = databases.copy(loading.url)
    another = Loading(url, loading.catalog, loading.warehouse, Shop(url), [])
    with connected(url) as connection:
        connection.execute(THREE)
    another.load()
    assert another.events() == logged(url) != before
    (line,) = [
        line for line in another.told if "stock_event was loaded from another database" in line
    ]
    aside = line.rpartition(" ")[2].rstrip(".")
    assert sorted(loading.warehouse.read(aside)["event_id"].to_pylist()) == before


def test_log_that_was_made_again_is_loaded_whole(loading: Loading, shop: Connection) -> None:
    loading.load()
    shop.execute("ALTER TABLE inventory_ops.stock_event RENAME TO was")
    shop.execute(
        "CREATE TABLE inventory_ops.stock_event (LIKE inventory_ops.was INCLUDING ALL)"
        " PARTITION BY RANGE (occurred_at)"
    )
    shop.execute(
        "DO $$ DECLARE month record; BEGIN FOR month IN SELECT inhrelid::regclass AS name,"
        " pg_get_expr(relpartbound, oid) AS bounds FROM pg_inherits JOIN pg_class ON oid = inhrelid"
        " WHERE inhparent = 'inventory_ops.was'::regclass LOOP"
        " EXECUTE format('ALTER TABLE inventory_ops.was DETACH PARTITION %s', month.name);"
        " EXECUTE format("
        "'ALTER TABLE inventory_ops.stock_event ATTACH PARTITION %s %s', month.name, month.bounds);"
        " END LOOP; END $$"
    )
    shop.execute("DELETE FROM inventory_ops.stock_event WHERE event_id % 2 = 0")
    loading.load()
    assert loading.events() == logged(loading.url)
    assert any("another one than was loaded" in line for line in loading.told)


def test_table_of_the_application_is_read_again_only_when_it_was_written_to(
    loading: Loading, shop: Connection
) -> None:
    shop.execute("CREATE SCHEMA IF NOT EXISTS catalog")
    shop.execute("DROP TABLE IF EXISTS catalog.brand CASCADE")
    shop.execute("CREATE TABLE catalog.brand (id uuid, name text, slug text)")
    shop.execute("INSERT INTO catalog.brand VALUES (gen_random_uuid(), 'Nike', 'nike')")
    shop.execute("SELECT pg_stat_force_next_flush()")
    assert loading.load()["brand"].rows == 1
    assert loading.load()["brand"].rows == 0
    shop.execute("UPDATE catalog.brand SET name = 'Adidas'")
    shop.execute("SELECT pg_stat_force_next_flush()")
    assert loading.load()["brand"].rows == 1
    assert loading.warehouse.read("raw.brand")["name"].to_pylist() == ["Adidas"]
    shop.execute("ALTER TABLE catalog.brand DROP COLUMN name")
    assert loading.load()["brand"].rows == 1
    assert loading.warehouse.read("raw.brand")["name"].to_pylist() == [None]
    shop.execute("DROP TABLE catalog.brand")
    loading.load()
    assert loading.warehouse.read("raw.brand").num_rows == 0


def test_table_of_the_application_may_have_another_name(loading: Loading, shop: Connection) -> None:
    shop.execute("CREATE SCHEMA shop")
    shop.execute('CREATE TABLE shop."Order" (id int, inventory_item_id uuid, gross_sale numeric)')
    shop.execute(
        """INSERT INTO shop."Order" VALUES (1, gen_random_uuid(), 99.999), (2, NULL, 'NaN')"""
    )
    another = Loading(
        loading.url,
        loading.catalog,
        loading.warehouse,
        Shop(loading.url, {"sales_order": "shop.Order"}),
        [],
    )
    another.load()
    rows = loading.warehouse.read("raw.sales_order").sort_by("id").to_pylist()
    assert [(row["id"], str(row["gross_sale"])) for row in rows] == [("1", "100.00"), ("2", "None")]


def test_columns_of_the_application_may_be_of_any_type(loading: Loading, shop: Connection) -> None:
    """What cannot be read, or not be kept, is unknown, and what is no time is named."""
    shop.execute("CREATE SCHEMA shop")
    shop.execute(
        "CREATE TABLE shop.order (id int, inventory_item_id text, status jsonb, gross_sale float8, roi text,"
        " net_profit numeric, payout_received text, shelf_life_days numeric, sold_at date,"
        " payout_date bigint, created_at timestamp)"
    )
    shop.execute(
        "INSERT INTO shop.order VALUES"
        " (1, 'x', '1', 99.994, ' 12.5 ', 1, 'yes', 7.4, '2026-02-03', 5, '2026-02-03 04:05'),"
        " (2, NULL, NULL, 1e300, '12,5 %', 'Infinity', 'perhaps', 'NaN', '20226-02-03', 5, 'infinity')"
    )
    tables = {"sales_order": "shop.order"}
    Loading(
        loading.url, loading.catalog, loading.warehouse, Shop(loading.url, tables), loading.told
    ).load()
    first, second = loading.warehouse.read("raw.sales_order").sort_by("id").to_pylist()
    assert {name: value for name, value in first.items() if value is not None} == {
        "id": "1",
        "stock_id": "x",
        "status": "1",
        "gross_sale": Decimal("99.99"),
        "roi": Decimal("12.50"),
        "net_profit": Decimal("1.00"),
        "payout_received": True,
        "shelf_life_days": 7,
        "sold_at": datetime(2026, 2, 3, tzinfo=UTC),
        "created_at": datetime(2026, 2, 3, 4, 5, tzinfo=UTC),
    }
    assert [name for name, value in second.items() if value is not None] == ["id"]
    assert "raw.sales_order: no time can be read from payout_date: unknown" in loading.told


def test_shop_without_a_history_is_told_what_to_run(databases: Databases, loading: Loading) -> None:
    url = databases.deployed("busy")
    another = Loading(url, loading.catalog, loading.warehouse, Shop(url), [])
    with pytest.raises(WarehouseError, match=r"no history yet.*`soleflip history install`"):
        another.load()
