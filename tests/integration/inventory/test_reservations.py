"""What each method of the service does, alone, to the item and to the ledger."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from soleflip_assets.inventory import (
    InsufficientReserved,
    InsufficientStock,
    InventoryItem,
    InventoryService,
    LedgerMismatch,
    ReservationNotActive,
    ReservationNotFound,
    StockNotFound,
    StockReservation,
)
from tests.integration.inventory.conftest import Shop

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_reserve_counts_on_the_item_and_writes_the_ledger(shop: Shop) -> None:
    stock_id = await shop.item(5)
    reservation = await shop.reserve(
        stock_id, 3, reserved_by="order-1", reason="paid", expires_at=NOW
    )

    item = await shop.load(stock_id)
    assert (item.quantity, item.reserved_quantity, item.available_quantity) == (5, 3, 2)
    [row] = await shop.reservations(stock_id)
    assert row.id == reservation.id
    assert (row.reserved_quantity, row.status, row.reserved_by) == (3, "active", "order-1")
    assert (row.reservation_reason, row.reserved_until) == ("paid", NOW)


async def test_reserve_takes_a_null_reserved_quantity_for_none(shop: Shop) -> None:
    stock_id = await shop.item(2)
    await shop.set(stock_id, reserved_quantity=None)
    await shop.reserve(stock_id, 2)
    assert (await shop.load(stock_id)).reserved_quantity == 2


async def test_reserve_refuses_with_the_numbers_and_changes_nothing(shop: Shop) -> None:
    stock_id = await shop.item(5)
    await shop.reserve(stock_id, 3)
    with pytest.raises(InsufficientStock, match="has 2 available, 3 were requested") as refused:
        await shop.reserve(stock_id, 3)
    assert (refused.value.stock_id, refused.value.available, refused.value.requested) == (
        stock_id, 2, 3,
    )  # fmt: skip
    assert len(await shop.reservations(stock_id)) == 1
    assert await shop.out_of_balance() == []


async def test_the_transaction_is_the_callers(shop: Shop, session: AsyncSession) -> None:
    """Nothing is committed, a refusal does not end the transaction, a rollback takes all back."""
    stock_id, other_id = await shop.item(5), await shop.item(1)
    service = InventoryService(session)
    await service.reserve(stock_id, 1, reserved_by="test", idempotency_key="k")
    with pytest.raises(InsufficientStock):
        await service.reserve(stock_id, 5, reserved_by="test", idempotency_key="l")
    with pytest.raises(InsufficientStock):
        await service.reserve_many([(stock_id, 1), (other_id, 2)], reserved_by="test")
    await service.reserve(stock_id, 1, reserved_by="test")

    assert await shop.reservations(stock_id) == []
    item = await session.get_one(InventoryItem, stock_id)
    assert item.reserved_quantity == 2
    await session.rollback()
    assert (await shop.load(stock_id)).reserved_quantity == 0


async def test_an_object_in_the_session_follows_every_change(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    """Also back, when reserve_many takes the first item of two out again."""
    first, second = sorted([await shop.item(5), await shop.item(1)])
    item = await session.get_one(InventoryItem, first)
    reservation = await service.reserve(first, 1, reserved_by="test")
    assert item.reserved_quantity == 1
    with pytest.raises(InsufficientStock):
        await service.reserve_many([(first, 0 + 1), (second, 9)], reserved_by="test")
    assert item.reserved_quantity == 1
    await service.fulfil(reservation.id)
    assert (item.reserved_quantity, reservation.status) == (0, "fulfilled")
    await service.change_status(first, "sold")
    assert item.status == "sold"


async def test_pending_changes_of_an_item_survive_a_reservation_without_autoflush(
    shop: Shop,
) -> None:
    stock_id = await shop.item(5)
    async with AsyncSession(shop.engine, autoflush=False) as session, session.begin():
        item = await session.get_one(InventoryItem, stock_id)
        item.notes = "left shoe scuffed"
        item.add_platform_listing("stockx", "a")
        await InventoryService(session).reserve(stock_id, 1, reserved_by="test")
    item = await shop.load(stock_id)
    assert item.notes == "left shoe scuffed"
    assert item.listed_on_platforms is not None
    assert [listing["listing_id"] for listing in item.listed_on_platforms] == ["a"]


async def test_reserve_many_answers_line_by_line_and_adds_up_an_items_lines(shop: Shop) -> None:
    first, second = await shop.item(3), await shop.item(1)
    async with shop.session() as session, session.begin():
        reservations = await InventoryService(session).reserve_many(
            [(first, 1), (second, 1), (first, 2)], reserved_by="cart"
        )
    lines = [(row.stock_id, row.reserved_quantity) for row in reservations]
    assert lines == [(first, 1), (second, 1), (first, 2)]
    assert (await shop.load(first)).available_quantity == 0


async def test_reserve_many_admits_an_item_on_the_sum_of_its_lines(
    shop: Shop, service: InventoryService
) -> None:
    stock_id = await shop.item(3)
    with pytest.raises(InsufficientStock) as refused:
        await service.reserve_many([(stock_id, 2), (stock_id, 2)], reserved_by="cart")
    assert (refused.value.available, refused.value.requested) == (3, 4)


@pytest.mark.parametrize("missing_first", [True, False])
async def test_reserve_many_is_all_or_nothing(
    shop: Shop, session: AsyncSession, service: InventoryService, *, missing_first: bool
) -> None:
    known, unknown = await shop.item(3), uuid4()
    lines = [(unknown, 1), (known, 1)] if missing_first else [(known, 1), (unknown, 1)]
    with pytest.raises(StockNotFound) as refused:
        await service.reserve_many(lines, reserved_by="cart")
    await session.commit()
    assert refused.value.stock_id == unknown
    assert await shop.reservations(known) == []
    assert (await shop.load(known)).reserved_quantity == 0


async def test_release_gives_the_units_back_once(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    stock_id = await shop.item(5)
    reservation = await shop.reserve(stock_id, 3, reason="cart")
    for _ in range(2):
        released = await service.release(reservation.id, reason="customer left")
        await session.commit()
    assert (released.id, released.status) == (reservation.id, "released")
    assert released.reservation_reason == "cart; customer left"
    item = await shop.load(stock_id)
    assert (item.quantity, item.reserved_quantity) == (5, 0)


async def test_release_units_gives_back_by_item_newest_reservation_first(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    """What is given back of a reservation in part is a released reservation of its own."""
    stock_id = await shop.item(9)
    older = await shop.reserve(stock_id, 3, reserved_by="order-1", reason="cart", expires_at=NOW)
    newer = await shop.reserve(stock_id, 2, reserved_by="order-2")
    item = await service.release_units(stock_id, 3, reason="stocktaking")
    await session.commit()
    assert item.available_quantity == 7

    rows = {row.id: row for row in await shop.reservations(stock_id)}
    assert (rows[older.id].status, rows[older.id].reserved_quantity) == ("active", 2)
    assert (rows[newer.id].status, rows[newer.id].reserved_quantity) == ("released", 2)
    assert rows.pop(newer.id).reservation_reason == "stocktaking"
    rows.pop(older.id)
    [part] = rows.values()
    assert (part.status, part.reserved_quantity, part.reserved_by) == ("released", 1, "order-1")
    assert (part.reservation_reason, part.reserved_until) == ("cart; stocktaking", NOW)
    assert await shop.out_of_balance() == []


async def test_release_units_of_one_who_reserved(shop: Shop) -> None:
    stock_id = await shop.item(9)
    await shop.reserve(stock_id, 3, reserved_by="order-1")
    await shop.reserve(stock_id, 2, reserved_by="order-2")
    async with shop.session() as session, session.begin():
        service = InventoryService(session)
        with pytest.raises(InsufficientReserved, match="has 3 reserved, 4 were") as refused:
            await service.release_units(stock_id, 4, reserved_by="order-1")
        await service.release_units(stock_id, 3, reserved_by="order-1")
    error = refused.value
    assert (error.stock_id, error.reserved, error.requested) == (stock_id, 3, 4)
    left = [row.reserved_by for row in await shop.reservations(stock_id) if row.status == "active"]
    assert left == ["order-2"]
    assert await shop.out_of_balance() == []


async def test_release_units_begins_with_those_that_no_reservation_holds(shop: Shop) -> None:
    """As the application counts that has no ledger."""
    stock_id, counted_only = await shop.item(9), await shop.item(9)
    await shop.reserve(stock_id, 2)
    await shop.set(stock_id, reserved_quantity=5)
    await shop.set(counted_only, reserved_quantity=4)
    async with shop.session() as session, session.begin():
        service = InventoryService(session)
        await service.release_units(stock_id, 4)
        await service.release_units(counted_only, 3)
        with pytest.raises(InsufficientReserved):
            await service.release_units(counted_only, 2)
        with pytest.raises(StockNotFound):
            await service.release_units(uuid4(), 1)
    assert (await shop.load(stock_id)).reserved_quantity == 1
    assert (await shop.load(counted_only)).reserved_quantity == 1
    [kept] = [row for row in await shop.reservations(stock_id) if row.status == "active"]
    assert kept.reserved_quantity == 1


async def test_release_units_waits_for_nobody_who_is_ending_a_reservation(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    """Who ends one locks it, then the item: the other way round would be a circle."""
    stock_id = await shop.item(9)
    ending, other = await shop.reserve(stock_id, 2), await shop.reserve(stock_id, 1)
    ours = select(StockReservation).where(StockReservation.id == ending.id).with_for_update()
    async with shop.session() as somebody:
        await somebody.execute(ours)
        with pytest.raises(InsufficientReserved) as refused:
            await service.release_units(stock_id, 2)
        assert refused.value.reserved == 1
        await service.release_units(stock_id, 1)
        await session.commit()
        await InventoryService(somebody).fulfil(ending.id)
        await somebody.commit()
    status = {row.id: row.status for row in await shop.reservations(stock_id)}
    assert status == {ending.id: "fulfilled", other.id: "released"}
    assert await shop.out_of_balance() == []


async def test_fulfil_lowers_quantity_and_reserved_together_once(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    stock_id = await shop.item(5)
    reservation = await shop.reserve(stock_id, 3)
    for _ in range(2):
        fulfilled = await service.fulfil(reservation.id)
        await session.commit()
    assert (fulfilled.id, fulfilled.status) == (reservation.id, "fulfilled")
    assert fulfilled.reservation_reason is None
    item = await shop.load(stock_id)
    assert (item.quantity, item.reserved_quantity) == (2, 0)


async def test_a_reservation_ends_in_one_way_only(shop: Shop, service: InventoryService) -> None:
    stock_id = await shop.item(5)
    fulfilled, released = await shop.reserve(stock_id, 1), await shop.reserve(stock_id, 1)
    await service.fulfil(fulfilled.id)
    with pytest.raises(ReservationNotActive) as ended:
        await service.release(fulfilled.id)
    assert (ended.value.reservation_id, ended.value.status) == (fulfilled.id, "fulfilled")

    await service.release(released.id)
    with pytest.raises(ReservationNotActive):
        await service.fulfil(released.id)


async def test_an_unknown_reservation(service: InventoryService) -> None:
    unknown = uuid4()
    for end in (service.release, service.fulfil):
        with pytest.raises(ReservationNotFound) as refused:
            await end(unknown)
        assert refused.value.reservation_id == unknown


async def test_an_item_that_holds_less_than_its_reservation_is_left_alone(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    """As when the application from before Phase 2 overwrites the counter."""
    stock_id = await shop.item(5)
    reservation = await shop.reserve(stock_id, 3, expires_at=NOW)
    await shop.set(stock_id, reserved_quantity=1)
    for end in (service.release, service.fulfil):
        with pytest.raises(LedgerMismatch) as refused:
            await end(reservation.id)
        numbers = (refused.value.quantity, refused.value.reserved, refused.value.held)
        assert numbers == (5, 1, 3)
    assert await service.expire_due() == []
    await session.commit()
    assert [row.status for row in await shop.reservations(stock_id)] == ["active"]


async def test_fulfil_never_takes_more_than_there_is(shop: Shop, service: InventoryService) -> None:
    stock_id = await shop.item(5)
    reservation = await shop.reserve(stock_id, 3)
    await shop.set(stock_id, quantity=2)
    with pytest.raises(LedgerMismatch):
        await service.fulfil(reservation.id)


async def test_expire_due_frees_what_is_past_its_time_longest_overdue_first(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    first, second = await shop.item(9), await shop.item(9)
    late = await shop.reserve(first, 1, expires_at=NOW - timedelta(hours=1))
    later = await shop.reserve(first, 2, expires_at=NOW - timedelta(hours=2))
    latest = await shop.reserve(second, 4, expires_at=NOW - timedelta(hours=3))
    await shop.reserve(first, 1, expires_at=NOW + timedelta(seconds=1))
    await shop.reserve(second, 1)

    expired = await service.expire_due(NOW, limit=2)
    assert {row.id for row in expired} == {latest.id, later.id}
    assert {row.status for row in expired} == {"expired"}
    assert [row.id for row in await service.expire_due(NOW)] == [late.id]
    assert await service.expire_due(NOW) == []
    await session.commit()

    assert (await shop.load(first)).reserved_quantity == 1
    assert (await shop.load(second)).reserved_quantity == 1
    assert await shop.out_of_balance() == []


async def test_an_expired_reservation_is_released_but_cannot_be_fulfilled(
    shop: Shop, service: InventoryService
) -> None:
    reservation = await shop.reserve(await shop.item(1), 1, expires_at=NOW)
    await service.expire_due()
    assert (await service.release(reservation.id)).status == "expired"
    with pytest.raises(ReservationNotActive):
        await service.fulfil(reservation.id)


async def test_expire_due_passes_over_what_another_session_is_ending(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    """It does not wait, and does not expire what is then fulfilled."""
    stock_id = await shop.item(2)
    busy = await shop.reserve(stock_id, 1, expires_at=NOW)
    async with shop.session() as other:
        await InventoryService(other).fulfil(busy.id)
        assert await service.expire_due() == []
        await session.commit()
        await other.commit()
    assert [row.status for row in await shop.reservations(stock_id)] == ["fulfilled"]


async def test_change_status_writes_status_and_history_at_once(
    shop: Shop, session: AsyncSession, service: InventoryService
) -> None:
    stock_id = await shop.item(1)
    before = datetime.now(UTC)
    await service.change_status(stock_id, "listed_stockx", "photographed")
    await service.change_status(stock_id, "listed_stockx", "again")
    item = await service.change_status(stock_id, "sold")
    await session.commit()
    assert item.status == "sold"
    assert item.status_history is not None
    changes = [
        (change["from_status"], change["to_status"], change["reason"])
        for change in item.status_history
    ]
    assert changes == [
        ("in_stock", "listed_stockx", "photographed"),
        ("listed_stockx", "sold", None),
    ]
    assert (
        before <= datetime.fromisoformat(item.status_history[0]["changed_at"]) <= datetime.now(UTC)
    )


async def test_change_status_of_an_unknown_item(service: InventoryService) -> None:
    unknown = uuid4()
    with pytest.raises(StockNotFound) as refused:
        await service.change_status(unknown, "sold")
    assert refused.value.stock_id == unknown
