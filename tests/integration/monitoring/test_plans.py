"""A plan is wrong where it is slower each time that it is measured; once is noise."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from soleflip_assets.ground.explain import Plan
from soleflip_assets.monitoring import plans
from tests.conftest import Databases, connect

FAST = Plan("Index Scan using idx_stock_value", "idx_stock_value", 1.0, 5)
SLOW = Plan("Seq Scan on stock", None, 100.0, 5)


@pytest.fixture
def shop(databases: Databases) -> Iterator[Connection]:
    with connect(databases.deployed("production")) as connection:
        yield connection


def measure(monkeypatch: pytest.MonkeyPatch, *measured: Plan) -> list[Plan]:
    """Let each measurement of a query come to a plan: as it is answered, by the index, and so on."""
    left = list(measured)
    monkeypatch.setattr(plans, "explain", lambda *_: left.pop(0) if left else FAST)
    return left


def test_query_that_was_slow_once_is_measured_again_and_right(
    shop: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = measure(monkeypatch, SLOW, FAST, SLOW, FAST, FAST, FAST)

    assert plans.MONITOR.look(shop).passed
    assert not left


def test_query_that_is_slow_each_time_is_wrong(
    shop: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(monkeypatch, *[SLOW, FAST] * 3)

    found = plans.MONITOR.look(shop)

    assert not found.passed
    assert "Seq Scan on stock takes 100.0 ms" in found.observed["wrong"]
