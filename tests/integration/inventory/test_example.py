"""The worked example of the README does what it says."""

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.integration.inventory.conftest import Shop

pytestmark = pytest.mark.anyio

_EXAMPLE = Path(__file__).parents[3] / "examples" / "reserve_from_a_handler.py"


@pytest.fixture
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example", _EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_shows_it(example: ModuleType) -> None:
    """To the letter, so that what is read is what is tested."""
    readme = _EXAMPLE.parents[1] / "README.md"
    assert inspect.getsource(example.sell) in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("expire_on_commit", [True, False])
async def test_the_handler_sells_lists_and_refuses(
    shop: Shop, example: ModuleType, *, expire_on_commit: bool
) -> None:
    """A retry answers as the first time; the second order finds nothing left."""
    stock_id = await shop.item(1)
    answers = []
    for order in ("order-1", "order-1", "order-2"):
        async with AsyncSession(shop.engine, expire_on_commit=expire_on_commit) as session:
            answers.append(await example.sell(stock_id, order, f"listing-{order}", session))

    [sale] = await shop.reservations(stock_id)
    assert answers == [
        (201, {"reservation": str(sale.id), "left": 0}),
        (201, {"reservation": str(sale.id), "left": 0}),
        (409, {"available": 0, "requested": 1}),
    ]
    item = await shop.load(stock_id)
    assert (item.quantity, item.reserved_quantity, sale.status) == (0, 0, "fulfilled")
    assert item.listed_on_platforms is not None
    assert [listing["listing_id"] for listing in item.listed_on_platforms] == ["listing-order-1"]


def test_the_handler_is_short(example: ModuleType) -> None:
    assert len(inspect.getsource(example.sell).splitlines()) < 20
