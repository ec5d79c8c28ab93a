"""What in_transaction tries again, and what it does not."""

import asyncio
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from soleflip_assets.inventory import (
    InsufficientStock,
    InvalidArgument,
    InventoryItem,
    InventoryService,
    in_transaction,
    sqlstate,
)
from tests.integration.inventory.conftest import Shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def sessions(shop: Shop) -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(shop.engine)


async def test_two_that_wait_for_each_other_both_get_through(
    shop: Shop, sessions: async_sessionmaker[AsyncSession]
) -> None:
    """By separate calls in opposite orders, which is what reserve_many spares its caller."""
    items = [await shop.item(5), await shop.item(5)]
    both_hold_one = asyncio.Barrier(2)
    attempts = 0

    async def reserve(session: AsyncSession, order: list[UUID]) -> None:
        nonlocal attempts
        attempts += 1
        inventory = InventoryService(session)
        await inventory.reserve(order[0], 1, reserved_by="test")
        if attempts <= 2:
            await both_hold_one.wait()
        await inventory.reserve(order[1], 1, reserved_by="test")

    async with asyncio.TaskGroup() as group:
        for order in (items, items[::-1]):
            group.create_task(in_transaction(sessions, partial(reserve, order=order)))
    assert attempts == 3
    assert [(await shop.load(item)).reserved_quantity for item in items] == [2, 2]
    assert await shop.out_of_balance() == []


async def test_a_stale_snapshot_is_read_again(shop: Shop) -> None:
    """Six buyers of five pairs under REPEATABLE READ: five get one."""
    strict = shop.engine.execution_options(isolation_level="REPEATABLE READ")
    sessions = async_sessionmaker(strict)
    stock_id = await shop.item(5)
    started = asyncio.Barrier(6)
    attempts = 0

    async def buy(session: AsyncSession) -> bool:
        nonlocal attempts
        attempts += 1
        first = attempts <= 6
        await session.get_one(InventoryItem, stock_id)
        if first:
            await started.wait()
        try:
            await InventoryService(session).reserve(stock_id, 1, reserved_by="test")
        except InsufficientStock:
            return False
        return True

    bought = await asyncio.gather(*(in_transaction(sessions, buy, attempts=20) for _ in range(6)))
    assert sum(bought) == 5
    assert attempts > 6
    assert (await shop.load(stock_id)).reserved_quantity == 5


@pytest.mark.parametrize(("code", "runs"), [("40001", 3), ("40P01", 3), ("23505", 1)])
async def test_only_what_postgresql_asks_to_begin_again_is(
    shop: Shop, sessions: async_sessionmaker[AsyncSession], code: str, runs: int
) -> None:
    """Then the last error is raised, and nothing has stayed."""
    stock_id = await shop.item(5)
    fail = text(f"DO $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '{code}'; END $$")
    attempts = 0

    async def work(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await session.execute(update(InventoryItem).values(notes="never"))
        await session.execute(fail)

    with pytest.raises(DBAPIError, match="planted") as raised:
        await in_transaction(sessions, work, attempts=3)
    assert (sqlstate(raised.value), attempts) == (code, runs)
    assert (await shop.load(stock_id)).notes is None


async def test_a_refusal_of_the_inventory_is_no_reason(
    shop: Shop, sessions: async_sessionmaker[AsyncSession]
) -> None:
    stock_id = await shop.item(1)
    with pytest.raises(InsufficientStock):
        await in_transaction(
            sessions,
            lambda session: InventoryService(session).reserve(stock_id, 2, reserved_by="test"),
        )
    with pytest.raises(InvalidArgument):
        await in_transaction(sessions, lambda session: session.flush(), attempts=0)
