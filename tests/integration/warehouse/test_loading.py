"""A load takes every event once: what is new, what was late, what another server writes, what is gone."""

from typing import Any

import psycopg
import pytest

from soleflip_assets.warehouse.engine import duckdb_engine
from soleflip_assets.warehouse.loading import rebuild
from tests.integration.warehouse.conftest import Loading, connected, logged

Connection = psycopg.Connection[Any]


def test_first_load_takes_everything_and_the_next_one_what_was_written_since(
    loading: Loading, shop: Connection
) -> None:
    first = loading.load()
    assert loading.events() == logged(loading.url)
    assert first["stock_event"].rows == len(logged(loading.url)) > 0
    shop.execute(
        "UPDATE inventory.stock SET quantity = quantity + 1 WHERE id IN (SELECT id FROM inventory.stock LIMIT 3)"
    )
    second = loading.load()
    assert second["stock_event"].rows == 3
    assert loading.events() == logged(loading.url)
    assert loading.load()["stock_event"].rows == 0


def test_values_arrive_as_they_are(loading: Loading, shop: Connection) -> None:
    shop.execute(
        "UPDATE inventory.stock SET supplier = %s, location = %s, purchase_price = 'NaN', delivery_date = 'infinity',"
        " detailed_status = NULL WHERE id = (SELECT id FROM inventory.stock ORDER BY id LIMIT 1)",
        ('NaN, "O\'Neill"\n100 %', ""),
    )
    loading.load()
    with duckdb_engine(loading.warehouse) as engine:
        (row,) = engine.query(
            "SELECT supplier, location, purchase_price, delivery_date, detailed_status, changed, updated_at"
            " FROM stock_event WHERE kind = :kind",
            {"kind": "update"},
        ).to_pylist()
        (updated_at,) = (
            shop.execute("SELECT updated_at FROM inventory.stock ORDER BY id LIMIT 1").fetchone()
            or ()
        )
        (state,) = engine.query("SELECT * FROM load_state").to_pylist()
    assert row == {
        "supplier": 'NaN, "O\'Neill"\n100 %',
        "location": "",
        "purchase_price": None,
        "delivery_date": None,
        "detailed_status": None,
        "changed": "quantity,status",
        "updated_at": updated_at,
    }
    assert state["database"] == loading.url.database
    assert state["log_began_at"] < state["loaded_at"]
