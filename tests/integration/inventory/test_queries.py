"""What the service reads."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import Numeric, delete, func, select, text, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from soleflip_assets.inventory import (
    InventoryItem,
    InventoryService,
    StatusTotals,
    StockMetricsView,
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

    price, roi = Decimal("10.55"), Decimal("33.33")
    held = await shop.item(5, gross_purchase_price=price, roi_percentage=roi)
    await shop.item(2)  # without a price
    await shop.item(1, status="sold", gross_purchase_price=Decimal(80), roi_percentage=Decimal(-5))
    await shop.reserve(held, 3)
    summary = await service.summary()
    # 5 times 10.55 times 33.33 % is 17.581575.
    assert summary.by_status == {
        "in_stock": StatusTotals(2, 7, 4, 3, Decimal("52.75"), Decimal("17.58")),
        "sold": StatusTotals(1, 1, 1, 0, Decimal(80), Decimal(0)),
    }
    assert summary.total == StatusTotals(3, 8, 5, 3, Decimal("132.75"), Decimal("17.58"))
    for totals in (empty.total, summary.total, *summary.by_status.values()):
        for amount in (totals.value, totals.expected_profit):
            assert amount.as_tuple().exponent == -2, "money comes in whole cents"


@in_either_mode
async def test_the_summary_says_what_the_view_says(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    """Of the sample's 1,172 items, some of them reserved, right after a refresh."""
    for item in (await service.low_stock(9, limit=20)).items:
        await shop.reserve(item.id, item.available_quantity)
    await refresh(shop)
    view = StockMetricsView
    units = view.total_quantity
    said = await session.execute(
        select(
            InventoryItem.status,
            func.count(),
            func.sum(units),
            func.sum(view.available_quantity),
            func.sum(view.reserved_quantity),
            func.round(func.coalesce(func.sum(units * view.total_cost), 0), 2),
            func.round(
                func.coalesce(func.sum(units * type_coerce(view.expected_profit, Numeric)), 0), 2
            ),
        )
        .join(view, view.stock_id == InventoryItem.id)
        .group_by(InventoryItem.status)
    )
    summary = await service.summary()
    assert summary.by_status == {status: StatusTotals(*totals) for status, *totals in said}
    assert summary.total.items == 1172
    assert summary.total.reserved > 0
    assert min(summary.total.value, summary.total.expected_profit) > 0


async def test_expected_profit_is_read_in_whole_cents(
    shop: Shop, service: InventoryService
) -> None:
    """The view computes it with seventeen digits."""
    columns = {"gross_purchase_price": Decimal("10.55"), "roi_percentage": Decimal("33.33")}
    stock_id = await shop.item(1, **columns)
    await refresh(shop)
    metrics = await service.metrics(stock_id)
    assert metrics is not None
    assert str(metrics.expected_profit) == "3.52"


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
    applications = await shop.item(1, listed_on_platforms=[_AS_THE_APPLICATION_WRITES])
    await shop.item(1, listed_on_platforms=[listing("depop", "sold"), listing("ebay", "active")])
    await shop.item(1)
    with sent_statements(shop) as sent:
        found = await service.listed_on("Depop")
    assert [item.id for item in found] == sorted([active, applications])
    for odd in ('de"pop', "de\\pop", "ünï", "$[*]"):
        assert await service.listed_on(odd) == []

    # The sample is so small that reading all of it is cheaper: what counts is that the index serves.
    await session.execute(text("SET LOCAL enable_seqscan = off"))
    path = """'$[*] ? (@.platform == "depop" && (!exists(@.status) || @.status == "active"))'"""
    asked = re.sub(r"@\? \S+", lambda _: f"@? {path}", sent[0])
    connection = await session.connection()
    plan = await connection.exec_driver_sql(f"EXPLAIN {asked}")
    assert "idx_stock_listed_platforms" in "\n".join(row[0] for row in plan)


_AS_THE_APPLICATION_WRITES = {
    "platform": "depop",
    "listing_id": "7",
    "timestamp": "2025-12-24T18:00:00",
    "ask_price": 219.5,
}


async def test_listings_read_alike_whoever_wrote_them(shop: Shop, session: AsyncSession) -> None:
    at = datetime(2025, 12, 24, 18, tzinfo=UTC)
    item = await session.get_one(
        InventoryItem, await shop.item(1, listed_on_platforms=[_AS_THE_APPLICATION_WRITES])
    )
    item.add_platform_listing("Depop", "7", at, Decimal("219.50"))
    await session.flush()
    theirs, ours = item.listings
    assert replace(theirs, entry={}) == replace(ours, entry={})
    assert (ours.listed_at, str(ours.ask_price), ours.status) == (at, "219.50", "active")
    assert theirs.entry == _AS_THE_APPLICATION_WRITES


async def test_an_object_in_the_session_is_as_new_as_the_last_read(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    stock_id = await shop.item(5)
    item = await session.get_one(InventoryItem, stock_id)
    await session.commit()
    await shop.reserve(stock_id, 2)
    assert (await service.details(stock_id)).item is item
    assert item.available_quantity == 3
