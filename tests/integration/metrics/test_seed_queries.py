"""What the seed asks of the view, to the letter, and its refresh: the same in either mode."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from soleflip_assets.ground.database import query_file
from tests.conftest import REFRESHED, Databases, connect
from tests.integration.metrics.reading import (
    QUERY,
    an_item,
    differences,
    refresh,
    set_quantity,
    shown,
)

FRESHNESS = """
SELECT
  COUNT(*) as total_records,
  MAX(last_calculated_at) as last_refresh,
  now() - MAX(last_calculated_at) as age
FROM inventory.stock_metrics_view;
"""
CONSISTENCY = """
SELECT
  COUNT(*) as stock_count,
  (SELECT COUNT(*) FROM inventory.stock_metrics_view) as view_count
FROM inventory.stock;
"""
SOLD_OUT = "DELETE FROM inventory.stock WHERE id = :id"


@pytest.fixture(params=REFRESHED)
def shop(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Connection]:
    """A busy shop in each mode that has a refresh."""
    with connect(databases.deployed("busy", request.param)) as connection:
        yield connection


def test_freshness(shop: Connection) -> None:
    items = shop.scalar(text("SELECT count(*) FROM inventory.stock"))
    before = shop.execute(text(FRESHNESS)).one()
    begun = shop.scalar(text("SELECT clock_timestamp()"))

    refresh(shop)

    after = shop.execute(text(FRESHNESS)).one()
    assert before.total_records == after.total_records == items
    assert before.last_refresh < begun <= after.last_refresh
    assert timedelta(0) <= after.age < timedelta(minutes=1)


def test_consistency_is_as_of_the_last_refresh(shop: Connection) -> None:
    stock, view = shop.execute(text(CONSISTENCY)).one()
    assert stock == view > 0

    shop.execute(text(SOLD_OUT), {"id": an_item(shop)})
    assert tuple(shop.execute(text(CONSISTENCY)).one()) == (stock - 1, stock)

    refresh(shop)
    assert tuple(shop.execute(text(CONSISTENCY)).one()) == (stock - 1, stock - 1)


def test_metrics_query_finds_what_is_available(shop: Connection) -> None:
    found = query_file(shop, "headline_queries/metrics.sql")

    expected = {row["stock_id"]: row for row in shop.execute(text(QUERY)).mappings()}
    assert len(found) == 10
    for row in found:
        assert row["available_quantity"] > 0
        assert dict(row) == {name: expected[row["stock_id"]][name] for name in row}


def test_refresh_returns_nothing_and_shows_what_was_written_before_it(shop: Connection) -> None:
    item = an_item(shop)
    set_quantity(shop, item, 71)
    assert shown(shop, item) != 71

    assert shop.scalar(text("SELECT inventory.refresh_stock_metrics()")) == ""

    assert shown(shop, item) == 71
    assert differences(shop) == []
