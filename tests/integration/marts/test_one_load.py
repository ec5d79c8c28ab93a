"""Marts are made of what one load left, and compared with that: beside a load, alone, and from nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from soleflip_assets.marts import building
from soleflip_assets.marts.building import stored
from soleflip_assets.marts.catalogue import MARTS, Mart, mart
from soleflip_assets.marts.making import Made, Making
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import Databases
from tests.integration.warehouse.kept import Loading, connected, shop_with_history

RESERVE = (
    "INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status)"
    " SELECT id, 1, 'active' FROM inventory.stock ORDER BY id LIMIT 3"
)
SELL = (
    "UPDATE inventory.stock SET quantity = quantity + 1, status = 'in_stock'"
    " WHERE id IN (SELECT id FROM inventory.stock ORDER BY id LIMIT 3)"
)


@pytest.fixture
def loading(databases: Databases, tmp_path: Path) -> Loading:
    """A shop without a reservation, loaded."""
    url, catalog = shop_with_history(databases), databases.empty()
    with connected(url) as connection:
        connection.execute("TRUNCATE inventory.stock_reservation")
        connection.execute("TRUNCATE inventory_ops.reservation_event")
    found = Loading(url, catalog, Warehouse(str(tmp_path), catalog), Shop(url), [])
    found.load()
    return found


def _write(loading: Loading) -> None:
    with connected(loading.url) as shop:
        shop.execute(RESERVE)
        shop.execute(SELL)


def _made(loading: Loading, marts: Sequence[Mart] = MARTS) -> dict[str, Made]:
    found = Making(loading.warehouse, loading.told.append).make(marts)
    return {made.mart.name: made for made in found}


def _wrong(made: dict[str, Made]) -> list[str]:
    return [
        f"{name}: {found}"
        for name, one in made.items()
        for found in one.compared
        if not found.equal
    ]


def test_first_reservations_are_in_the_funnel_at_once(loading: Loading) -> None:
    """Of a mart that was empty, its check saw nothing until the next time."""
    assert _made(loading)["reservation_funnel"].rows == 0
    _write(loading)
    loading.load()
    made = _made(loading)
    assert made["reservation_funnel"].rows == 1
    assert _wrong(made) == []


def test_load_that_comes_between_two_marts_is_in_none_of_them(
    loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = loading.warehouse.last_load
    assert last

    def stored_beside_a_load(*arguments: Any) -> Any:
        monkeypatch.setattr(building, "stored", stored)
        table = stored(*arguments)
        _write(loading)
        loading.load()
        return table

    monkeypatch.setattr(building, "stored", stored_beside_a_load)
    made = _made(loading)
    assert _wrong(made) == []
    assert made["reservation_funnel"].rows == 0
    (today,) = loading.warehouse.read("marts.today").to_pylist()
    assert today["loaded_at"] == last.at
    made = _made(loading)
    assert _wrong(made) == []
    assert made["reservation_funnel"].rows == 1


def test_mart_that_is_made_alone_after_a_load_is_made_of_that_load(loading: Loading) -> None:
    _made(loading)
    with connected(loading.url) as shop:
        shop.execute(
            "DELETE FROM inventory.stock WHERE id IN (SELECT id FROM inventory.stock LIMIT 50)"
        )
    loading.load()
    made = _made(loading, [mart("today")])
    assert [*made] == ["today"]
    assert _wrong(made) == []
    deleted = loading.warehouse.read("marts.stock_item")["deleted_at"]
    assert len(deleted) - deleted.null_count == 50


class ToldError(Exception):
    """What is told ends the wait."""


def test_two_who_make_marts_wait_for_each_other_and_for_no_load(loading: Loading) -> None:
    def tell(line: str) -> None:
        raise ToldError(line)

    with loading.warehouse.held(tell, "marts"):
        assert loading.load()["stock_event"].rows == 0
        with pytest.raises(ToldError, match="somebody else writes the marts: waiting"):
            list(Making(loading.warehouse, tell).make(MARTS))
