"""Every mart equals what plain Python makes of the same shop, and adds up.

The shops are drawn: logs with baselines, deletions, truncates and prices that nobody knows, orders that were
called off or are of nothing that the log has seen.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from soleflip_assets.marts.catalogue import MARTS, Mart
from tests.integration.marts.expected import expected
from tests.integration.marts.shops import (
    BEGAN,
    SCHEMAS,
    Row,
    SmallShop,
    answered,
    answers,
    busy_shop,
    small_shops,
)

# What the others are made of; what is wrong with one of them is wrong with those.
BASES = {"sale", "sold_item", "stock_item", "calendar"}

NOTHING_KNOWN = SmallShop(
    {
        "stock_event": [],
        "reservation_event": [],
        "sales_order": [],
        "load_state": [{"loaded_at": BEGAN, "database": "soleflip"}],
    },
    BEGAN,
)

READABLE = {*SCHEMAS, *(mart.name for mart in MARTS)}

SHOPS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


@SHOPS
@given(shop=small_shops())
def test_every_mart_is_what_plain_python_makes_of_the_shop(shop: SmallShop) -> None:
    _compare(shop)


def test_every_limit_is_where_plain_python_has_it() -> None:
    """One shop by hand: ages on both sides of each limit, two sales of an item, words for called off."""
    _compare(busy_shop())


def _compare(shop: SmallShop) -> None:
    found = answers(shop)
    for name, rows in expected(shop).items():
        assert _comparable(found[name]) == _comparable(rows), name


def test_reservation_that_was_put_back_and_deleted_again_is_one() -> None:
    """As a restore does it, which gives ids again."""
    events: list[Row] = [
        {
            "event_id": number,
            "occurred_at": BEGAN + timedelta(hours=number),
            "kind": kind,
            "reservation_id": "r1",
            "status": "active" if kind == "insert" else None,
            "created_at": BEGAN if kind == "insert" else None,
        }
        for number, kind in enumerate(["insert", "delete", "insert", "delete"])
    ]
    tables = NOTHING_KNOWN.tables | {"reservation_event": events}
    (month,) = answers(SmallShop(tables, BEGAN))["reservation_funnel"]
    assert (month["made"], month["gone"]) == (1, 1)


def test_no_mart_is_left_out() -> None:
    assert {*expected(NOTHING_KNOWN)} == {mart.name for mart in MARTS} - BASES


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)
def test_header_says_what_is_read_and_which_columns_there_are(mart: Mart) -> None:
    sources = {
        table for table in re.findall(r"(?:FROM|JOIN) (\w+)", mart.select) if table in READABLE
    }
    assert {*mart.reads} == sources
    assert [*mart.columns] == answered(NOTHING_KNOWN)[mart.name].schema.names
    assert {*mart.grain} <= {*mart.columns}


def test_nothing_known_is_shown_as_unknown() -> None:
    """A shop without a log: no figure of stock is zero, and sums of no sale are empty."""
    (today,) = answers(NOTHING_KNOWN)["today"]
    assert today["units"] is today["value"] is today["gross_30_days"] is today["unpaid"] is None
    (day,) = answers(NOTHING_KNOWN)["value_by_day"]
    assert day["value"] is day["units"] is None


def test_month_without_a_sale_is_zero_where_sales_are_known() -> None:
    """Nobody bought anything for 100 days: that is no riddle."""
    order = {"id": "o1", "stock_id": "x1", "status": "completed", "payout_received": True}
    order |= {"sold_at": BEGAN - timedelta(days=100), "gross_sale": Decimal(90), "net_profit": None}
    shop = SmallShop(NOTHING_KNOWN.tables | {"sales_order": [order]}, BEGAN)
    (today,) = answers(shop)["today"]
    assert today["orders_30_days"] == today["gross_30_days"] == today["profit_30_days"] == 0
    assert today["unpaid_orders"] == today["unpaid"] == 0


def _comparable(rows: list[Row]) -> list[tuple[tuple[str, Any], ...]]:
    return sorted(
        (tuple(sorted((name, _value(value)) for name, value in row.items())) for row in rows),
        key=repr,
    )


def _value(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    return value
