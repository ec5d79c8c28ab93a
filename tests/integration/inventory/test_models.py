"""The models against the live schema, and how their lists grow."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, null, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from soleflip_assets.inventory import (
    InventoryItem,
    ReadOnlyModel,
    StockMetricsView,
    StockReservation,
)
from soleflip_assets.inventory.models import Base, ReservationKey
from tests.integration.inventory.conftest import Shop, in_either_mode, sent_statements

pytestmark = pytest.mark.anyio

_LIVE_COLUMNS = text("""
    SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull
    FROM pg_attribute
    WHERE attrelid = CAST(:relation AS regclass) AND attnum > 0 AND NOT attisdropped
    ORDER BY attnum
""")


@in_either_mode
@pytest.mark.parametrize(
    ("model", "columns"),
    [(InventoryItem, 28), (StockReservation, 9), (StockMetricsView, 9), (ReservationKey, 4)],
)
async def test_a_model_is_its_relation_column_by_column(
    session: AsyncSession, model: type[Base], columns: int
) -> None:
    """Name, type, nullability and order."""
    table = model.__table__
    modelled = [
        (
            column.name,
            column.type.compile(
                postgresql.dialect()  # type: ignore[no-untyped-call]
            )
            .lower()
            .replace("varchar", "character varying")
            .replace(", ", ","),
            column.nullable,
        )
        for column in table.columns
    ]
    live = await session.execute(_LIVE_COLUMNS, {"relation": str(table)})
    assert [_without_schema(*column) for column in modelled] == [
        _without_schema(*row) for row in live
    ]
    assert len(modelled) == columns


def _without_schema(name: str, type_: str, nullable: bool) -> tuple[str, str, bool]:
    """A column, wherever its enum is."""
    return name, type_.rpartition(".")[2], nullable


_FULL = [{"platform": "ebay", "listing_id": "e", "listed_at": "2025-01-01T00:00:00+00:00"}]


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (null(), []),
        ([], []),
        (_FULL, _FULL),
        pytest.param(
            JSONB.NULL, [], id="the JSON value null, as a plain JSONB attribute writes it"
        ),
    ],
)
async def test_a_listing_reaches_the_database_whatever_the_list_was(
    shop: Shop, session: AsyncSession, before: object, kept: list[dict[str, Any]]
) -> None:
    stock_id = await shop.item(1)
    await shop.set(stock_id, listed_on_platforms=before)
    item = await session.get_one(InventoryItem, stock_id)
    listed_at = datetime(2026, 1, 1, tzinfo=UTC)
    item.add_platform_listing("StockX", "s", listed_at, Decimal("199.99"), {"region": "EU"})
    await session.flush()
    added = {
        "platform": "stockx",
        "listing_id": "s",
        "listed_at": "2026-01-01T00:00:00+00:00",
        "status": "active",
        "ask_price": 199.99,
        "metadata": {"region": "EU"},
    }
    assert item.listed_on_platforms == [*kept, added]
    await session.commit()
    assert (await shop.load(stock_id)).listed_on_platforms == [*kept, added]


async def test_several_additions_before_one_flush_are_all_kept(
    shop: Shop, session: AsyncSession
) -> None:
    item = await session.get_one(InventoryItem, await shop.item(1))
    for listing_id in "abc":
        item.add_platform_listing("stockx", listing_id)
    item.add_status_change("in_stock", "listed_stockx", "photographed")
    item.add_status_change("listed_stockx", "sold")
    await session.flush()
    item.add_platform_listing("stockx", "d")
    await session.flush()
    assert _ids(item) == ["a", "b", "c", "d"]
    assert item.status_history is not None
    changes = [
        (change["from_status"], change["to_status"], change["reason"])
        for change in item.status_history
    ]
    assert changes == [
        ("in_stock", "listed_stockx", "photographed"),
        ("listed_stockx", "sold", None),
    ]


async def test_two_sessions_that_add_to_the_same_row_are_both_kept(shop: Shop) -> None:
    """Each read the row before the other wrote it."""
    stock_id = await shop.item(1)
    async with shop.session() as one, shop.session() as two:
        mine = await one.get_one(InventoryItem, stock_id)
        yours = await two.get_one(InventoryItem, stock_id)
        mine.add_platform_listing("stockx", "mine")
        yours.add_platform_listing("ebay", "yours")
        await one.commit()
        await two.commit()
        assert _ids(yours) == ["mine", "yours"]


async def test_an_addition_to_a_list_assigned_and_not_flushed_goes_to_its_end(
    shop: Shop, session: AsyncSession
) -> None:
    item = await session.get_one(InventoryItem, await shop.item(1))
    item.listed_on_platforms = [{"listing_id": "assigned"}]
    item.add_platform_listing("stockx", "added")
    await session.flush()
    assert _ids(item) == ["assigned", "added"]
    item.listed_on_platforms = None
    item.add_platform_listing("stockx", "first again")
    await session.flush()
    assert _ids(item) == ["first again"]


async def test_an_addition_to_an_item_that_is_not_in_the_database_yet(shop: Shop) -> None:
    item = InventoryItem(product_id=UUID(int=1), size_id=UUID(int=1), quantity=1, status="in_stock")
    item.add_platform_listing("stockx", "before add")
    async with shop.session() as session, session.begin():
        session.add(item)
        item.add_platform_listing("stockx", "before flush")
    assert item.reserved_quantity == 0
    assert _ids(await shop.load(item.id)) == ["before add", "before flush"]


async def test_the_client_supplies_what_the_database_has_no_default_for(shop: Shop) -> None:
    item = InventoryItem(product_id=UUID(int=1), size_id=UUID(int=1))
    async with shop.session() as session, session.begin():
        session.add(item)
    stored = await shop.load(item.id)
    assert (stored.quantity, stored.status, stored.reserved_quantity) == (1, "in_stock", 0)


async def test_a_first_status_has_no_predecessor(shop: Shop, session: AsyncSession) -> None:
    item = await session.get_one(InventoryItem, await shop.item(1))
    item.add_status_change(None, "in_stock", "delivered")
    await session.flush()
    assert item.status_history is not None
    assert [change["from_status"] for change in item.status_history] == [None]


async def test_what_is_appended_in_place_is_saved(shop: Shop, session: AsyncSession) -> None:
    """Beside what is appended by the model's own methods, before it and after a flush."""
    stock_id = await shop.item(1, status_history=[{"to_status": "a"}], listed_on_platforms=_FULL)
    item = await session.get_one(InventoryItem, stock_id)
    assert item.status_history is not None
    item.status_history.append({"to_status": "b"})
    item.add_status_change("b", "c")
    await session.flush()
    item.status_history += [{"to_status": "d"}]
    assert item.listed_on_platforms is not None
    item.listed_on_platforms.pop()
    await session.commit()

    stored = await shop.load(stock_id)
    assert [change["to_status"] for change in stored.status_history or []] == list("abcd")
    assert stored.listed_on_platforms == []


async def test_none_is_stored_as_sql_null(shop: Shop, session: AsyncSession) -> None:
    stock_id = await shop.item(1, listed_on_platforms=None, status_history=None, external_ids=None)
    is_null = select(
        InventoryItem.listed_on_platforms.is_(None),
        InventoryItem.status_history.is_(None),
        InventoryItem.external_ids.is_(None),
    ).where(InventoryItem.id == stock_id)
    assert (await session.execute(is_null)).one() == (True, True, True)


async def test_available_quantity_is_the_same_on_an_object_and_in_a_query(
    shop: Shop, session: AsyncSession
) -> None:
    stock_id = await shop.item(5)
    await shop.reserve(stock_id, 2)
    other_id = await shop.item(4)
    await shop.set(other_id, reserved_quantity=None)
    for item_id, available in ((stock_id, 3), (other_id, 4)):
        item = await session.get_one(InventoryItem, item_id)
        query = select(InventoryItem.available_quantity).where(InventoryItem.id == item_id)
        assert item.available_quantity == await session.scalar(query) == available


async def test_updated_at_follows_a_change_and_can_be_read_after_the_flush(
    shop: Shop, session: AsyncSession
) -> None:
    item = await session.get_one(InventoryItem, await shop.item(1))
    before = item.updated_at
    await session.commit()
    item.notes = "changed"
    await session.flush()
    assert item.updated_at > before


@in_either_mode
@pytest.mark.parametrize("write", ["change", "delete", "add"])
async def test_a_write_to_the_view_is_refused_before_any_sql(
    shop: Shop, session: AsyncSession, write: str
) -> None:
    """Not even the SQL for another object of the same flush is sent."""
    row = (await session.scalars(select(StockMetricsView).limit(1))).one()
    item = await session.get_one(InventoryItem, row.stock_id)
    item.notes = "in the same flush"
    if write == "change":
        row.total_quantity = 99
    elif write == "delete":
        await session.delete(row)
    else:
        session.add(StockMetricsView(stock_id=item.id))
    with sent_statements(shop) as sent, pytest.raises(ReadOnlyModel, match="change InventoryItem"):
        await session.flush()
    assert sent == []


@pytest.mark.parametrize("relation", [StockMetricsView, StockMetricsView.__table__])
@pytest.mark.parametrize("write", [insert, update, delete])
async def test_a_bulk_write_to_the_view_is_refused_before_any_sql(
    shop: Shop, session: AsyncSession, write: Any, relation: Any
) -> None:
    statement = write(relation) if write is delete else write(relation).values(total_quantity=1)
    with sent_statements(shop) as sent, pytest.raises(ReadOnlyModel):
        await session.execute(statement)
    assert sent == []


@in_either_mode
async def test_reading_the_view_and_writing_an_item_is_no_write_to_the_view(
    session: AsyncSession,
) -> None:
    row = (await session.scalars(select(StockMetricsView).limit(1))).one()
    row.total_quantity = row.total_quantity  # no change
    item = await session.get_one(InventoryItem, row.stock_id)
    item.notes = "changed"
    await session.flush()
    await session.execute(update(InventoryItem).values(notes="all changed"))


def _ids(item: InventoryItem) -> list[str]:
    assert item.listed_on_platforms is not None
    return [listing["listing_id"] for listing in item.listed_on_platforms]
