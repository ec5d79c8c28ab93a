"""Both drivers with the enum in either schema, and what differs between the drivers."""

from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import NotSupportedError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from soleflip_assets.inventory import DetailedStatus, InventoryItem, InventoryService
from tests.integration.inventory.conftest import Shop, on_one_driver

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["inventory", "public"])
def enum_schema(request: pytest.FixtureRequest) -> str:
    """Either schema, with either driver."""
    return str(request.param)


def _new(status: DetailedStatus | None) -> InventoryItem:
    return InventoryItem(product_id=UUID(int=1), size_id=UUID(int=1), detailed_status=status)


async def test_the_enum_is_written_compared_and_read_wherever_it_is(
    shop: Shop, session: AsyncSession
) -> None:
    """By INSERT of one row and of several, UPDATE by the unit of work and in bulk, = and IN."""
    packed, incoming, neither = items = [
        _new(DetailedStatus.PACKED), _new(DetailedStatus.INCOMING), _new(None),
    ]  # fmt: skip
    ids = InventoryItem.id.in_([UUID(int=0)])
    async with session.begin():
        session.add_all(items)
        await session.flush()
        ids = InventoryItem.id.in_([item.id for item in items])
        incoming.detailed_status = DetailedStatus.AVAILABLE
    async with session.begin():
        sent = update(InventoryItem).where(ids, InventoryItem.detailed_status == "packed")
        await session.execute(sent.values(detailed_status=DetailedStatus.OUTGOING))

    status = InventoryItem.detailed_status
    found = await session.execute(select(InventoryItem.id, status).where(ids))
    assert {row[0]: row[1] for row in found} == {
        packed.id: DetailedStatus.OUTGOING,
        incoming.id: DetailedStatus.AVAILABLE,
        neither.id: None,
    }
    some = select(InventoryItem.id).where(ids, status.in_(["outgoing", DetailedStatus.PACKED]))
    assert list(await session.scalars(some)) == [packed.id]
    assert (await shop.load(packed.id)).detailed_status is DetailedStatus.OUTGOING


async def test_the_enum_is_written_in_bulk_and_read_back_in_order(session: AsyncSession) -> None:
    """As one INSERT of many rows, whose ids come from the client."""
    statuses = [*DetailedStatus, None]
    rows = [
        {"product_id": UUID(int=1), "size_id": UUID(int=1), "detailed_status": status}
        for status in statuses
    ]
    statement = insert(InventoryItem).returning(
        InventoryItem.detailed_status, sort_by_parameter_order=True
    )
    assert list(await session.scalars(statement, rows)) == statuses


async def test_a_status_that_is_none_is_refused_before_any_sql(session: AsyncSession) -> None:
    session.add(_new("lost"))  # type: ignore[arg-type]
    with pytest.raises(StatementError, match="'lost' is not a valid DetailedStatus"):
        await session.flush()


async def test_money_is_the_same_decimal(shop: Shop) -> None:
    stock_id = await shop.item(1, purchase_price=Decimal("100.5"), vat_rate=Decimal(19))
    item = await shop.load(stock_id)
    assert (str(item.purchase_price), str(item.vat_rate)) == ("100.50", "19.00")


@on_one_driver("asyncpg")
async def test_a_new_column_fails_a_prepared_star_once_and_the_library_never(
    shop_url: URL, shop: Shop
) -> None:
    """As a deployment adds them, and the application's own migrations do."""
    stock_id = await shop.item(1)
    star = text("SELECT * FROM inventory.stock WHERE id = :id")
    engine = create_async_engine(shop_url, pool_size=1)

    async def look() -> None:
        async with AsyncSession(engine) as session:
            await InventoryService(session).details(stock_id)

    async def own_query() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(star, {"id": stock_id})

    try:
        await look()
        await own_query()
        async with shop.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE inventory.stock ADD pairs_sold integer"))
        await look()
        with pytest.raises(NotSupportedError, match="cached"):
            await own_query()
        await own_query()
        await look()
    finally:
        await engine.dispose()
