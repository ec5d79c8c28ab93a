"""What the stock amounts to: units and money as the rows say, in either mode, and what is worth a look."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Connection, text

from soleflip_assets.ground.database import query_file
from soleflip_assets.metrics.figures import FIGURES, figures_metadata
from tests.conftest import REFRESHED, Databases, connect
from tests.integration.metrics.reading import refresh

EXPECTED = """
    SELECT
      sum(quantity) AS units,
      sum(quantity - coalesce(reserved_quantity, 0)) AS units_available,
      sum(coalesce(reserved_quantity, 0)) AS units_reserved,
      sum(quantity) FILTER (WHERE gross_purchase_price IS NULL) AS units_without_price,
      sum(quantity * gross_purchase_price) AS value_at_cost_eur,
      sum(quantity * gross_purchase_price * roi_percentage / 100) FILTER (WHERE roi_percentage > 0)
        AS expected_profit_eur
    FROM inventory.stock
"""


@pytest.fixture(params=REFRESHED)
def shop(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Connection]:
    """A busy shop in each mode that has a refresh."""
    with connect(databases.deployed("busy", request.param)) as connection:
        yield connection


def test_money_is_units_times_the_price_of_one(shop: Connection) -> None:
    """total_cost is per unit: whoever only adds it up counts a row of twelve pairs as one."""
    expected = shop.execute(text(EXPECTED)).mappings().one()

    shown = figures_metadata(shop)

    assert (
        expected["units"] > shop.execute(text("SELECT count(*) FROM inventory.stock")).scalar_one()
    )
    for name in FIGURES:
        assert Decimal(str(shown[name])) == round(Decimal(expected[name]), 2), name


def test_statuses_add_up_to_all_of_it(shop: Connection) -> None:
    total, *statuses = query_file(shop, "metrics/figures.sql")

    assert total["is_total"]
    assert len(statuses) > 1
    assert sum(row["units"] for row in statuses) == total["units"]
    assert sum(row["value_at_cost_eur"] for row in statuses) == pytest.approx(
        total["value_at_cost_eur"]
    )


def test_what_is_worth_a_look_is_what_somebody_would_pick(shop: Connection) -> None:
    rows = query_file(shop, "metrics/worth_a_look.sql")
    kinds = {
        kind: [row for row in rows if row["kind"] == kind]
        for kind in ("few left", "worth most", "longest on the shelf")
    }
    dearest = shop.execute(
        text(
            "SELECT round(max(quantity * gross_purchase_price), 2) FROM inventory.stock WHERE quantity > 0"
        )
    ).scalar_one()

    assert [len(found) for found in kinds.values()] == [5, 5, 5]
    assert kinds["worth most"][0]["value"] == dearest
    for kind, order in (("few left", "available"), ("longest on the shelf", "days")):
        values = [row[order] for row in kinds[kind]]
        assert values == sorted(values, reverse=order == "days")
    assert all(row["units"] > 0 for row in rows)


def test_empty_shop_has_figures(shop: Connection) -> None:
    shop.execute(text("SET session_replication_role = replica"))
    shop.execute(text("TRUNCATE inventory.stock CASCADE"))
    shop.execute(text("SET session_replication_role = origin"))
    shop.commit()
    if shop.execute(text("SELECT to_regclass('inventory_ops.stock_metrics_read_model')")).scalar():
        shop.execute(text("TRUNCATE inventory_ops.stock_metrics_read_model"))
        shop.commit()
    refresh(shop)

    shown = figures_metadata(shop)

    assert [shown[name] for name in FIGURES] == [0] * len(FIGURES)
