"""What the service reads."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from soleflip_assets.inventory import (
    InventoryItem,
    InventoryService,
    StatusTotals,
    StockNotFound,
)
from tests.integration.inventory.conftest import Shop, in_either_mode, sent_statements

pytestmark = pytest.mark.anyio

_REFRESH = text("SELECT inventory.refresh_stock_metrics()")


async def refresh(shop: Shop) -> None:
    """Refresh the view."""
    async with shop.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(_REFRESH)


@in_either_mode
async def test_details_are_the_live_item_beside_the_view_in_one_round_trip(
    shop: Shop, service: InventoryService
) -> None:
    stock_id = await shop.item(5, gross_purchase_price=Decimal("119.00"))
    await refresh(shop)
    await shop.reserve(stock_id, 2)
    with sent_statements(shop) as sent:
        details = await service.details(stock_id)
    assert len(sent) == 1
    assert (details.item.id, details.available_quantity) == (stock_id, 3)
    assert details.metrics is not None
    assert (details.metrics.available_quantity, details.metrics.total_cost) == (5, Decimal(119))
    assert details.metrics_age is not None
    assert timedelta(0) < details.metrics_age < timedelta(minutes=5)


@in_either_mode
async def test_an_item_younger_than_the_refresh_has_no_metrics_yet(
    shop: Shop, service: InventoryService
) -> None:
    stock_id = await shop.item(5)
    details = await service.details(stock_id)
    assert (details.metrics, details.metrics_age) == (None, None)
    assert details.available_quantity == 5
    assert await service.metrics(stock_id) is None


@in_either_mode
async def test_metrics_are_the_row_of_the_view(shop: Shop, service: InventoryService) -> None:
    stock_id = await shop.item(7)
    await refresh(shop)
    metrics = await service.metrics(stock_id)
    assert metrics is not None
    assert (metrics.stock_id, metrics.total_quantity, metrics.reserved_quantity) == (stock_id, 7, 0)


async def test_an_unknown_item(service: InventoryService) -> None:
    unknown = uuid4()
    for read in (service.details, service.metrics):
        with pytest.raises(StockNotFound) as refused:
            await read(unknown)
        assert refused.value.stock_id == unknown


async def test_the_summary_adds_up_by_status_and_in_total(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    await session.execute(delete(InventoryItem))
    await session.commit()
    empty = await service.summary()
    assert (empty.total, empty.by_status) == (StatusTotals(), {})

    held = await shop.item(5, purchase_price=Decimal("10.50"))
    await shop.item(2)  # without a price
    await shop.item(1, status="sold", purchase_price=Decimal(80))
    await shop.reserve(held, 3)
    summary = await service.summary()
    assert summary.by_status == {
        "in_stock": StatusTotals(items=2, units=7, reserved=3, value=Decimal("52.50")),
        "sold": StatusTotals(items=1, units=1, reserved=0, value=Decimal(80)),
    }
    assert summary.total == StatusTotals(items=3, units=8, reserved=3, value=Decimal("132.50"))


async def test_low_stock_pages_through_every_item_once_lowest_first(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    held = await shop.item(9)
    await shop.reserve(held, 9)
    await shop.item(1, status="sold")

    found: list[InventoryItem] = []
    page = await service.low_stock(2, limit=100)
    found += page.items
    pages = 1
    while page.next:
        page = await service.low_stock(2, limit=100, after=page.next)
        found += page.items
        pages += 1

    expected = await session.scalars(
        select(InventoryItem.id)
        .where(InventoryItem.status == "in_stock", InventoryItem.available_quantity <= 2)
        .order_by(InventoryItem.available_quantity, InventoryItem.id)
    )
    assert [item.id for item in found] == list(expected)
    assert held in {item.id for item in found if item.available_quantity == 0}
    assert pages == -(-len(found) // 100) > 1


async def test_listed_on_finds_active_listings_by_the_gin_index(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    def listing(platform: str, status: str) -> dict[str, str]:
        return {"platform": platform, "listing_id": "1", "status": status}

    active = await shop.item(
        1, listed_on_platforms=[listing("ebay", "sold"), listing("depop", "active")]
    )
    await shop.item(1, listed_on_platforms=[listing("depop", "sold"), listing("ebay", "active")])
    await shop.item(1)
    with sent_statements(shop) as sent:
        assert [item.id for item in await service.listed_on("Depop")] == [active]

    # The sample is so small that reading all of it is cheaper: what counts is that the index serves.
    await session.execute(text("SET LOCAL enable_seqscan = off"))
    parameters = {"listed_on_platforms_1": '[{"platform": "depop", "status": "active"}]'}
    connection = await session.connection()
    plan = await connection.exec_driver_sql(f"EXPLAIN {sent[0]}", parameters)
    assert "idx_stock_listed_platforms" in "\n".join(row[0] for row in plan)


async def test_an_object_in_the_session_is_as_new_as_the_last_read(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    stock_id = await shop.item(5)
    item = await session.get_one(InventoryItem, stock_id)
    await session.commit()
    await shop.reserve(stock_id, 2)
    assert (await service.details(stock_id)).item is item
    assert item.available_quantity == 3
