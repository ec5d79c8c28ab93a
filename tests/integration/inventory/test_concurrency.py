"""Many clients over real connections: nothing is oversold, nothing is lost, nobody is deadlocked."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.inventory import (
    InsufficientReserved,
    InsufficientStock,
    InventoryItem,
    InventoryService,
    ReservationNotActive,
    ReservationNotFound,
)
from soleflip_assets.reservations.bounds import enforce_reservation_bounds
from tests.integration.inventory.conftest import Shop, on_one_driver

pytestmark = pytest.mark.anyio

RANDOM_SECONDS = float(os.environ.get("SOLEFLIP_SOAK_SECONDS", "8"))


async def test_200_clients_for_50_units_get_50(shop: Shop) -> None:
    stock_id = await shop.item(50)
    connected = asyncio.Barrier(200)

    async def client() -> InsufficientStock | None:
        async with shop.session() as session:
            await session.connection()  # all 200 are connected before the first one reserves
            await connected.wait()
            try:
                await InventoryService(session).reserve(stock_id, 1, reserved_by="client")
            except InsufficientStock as refused:
                return refused
            await session.commit()
            return None

    answers = await asyncio.gather(*(client() for _ in range(200)))
    refusals = [answer for answer in answers if answer is not None]
    assert len(refusals) == 150
    assert {(error.stock_id, error.available, error.requested) for error in refusals} == {
        (stock_id, 0, 1)
    }
    active = [row for row in await shop.reservations(stock_id) if row.status == "active"]
    item = await shop.load(stock_id)
    assert sum(row.reserved_quantity for row in active) == item.reserved_quantity == 50


async def test_reserve_many_in_opposite_orders_neither_deadlocks_nor_reserves_in_part(
    shop: Shop,
) -> None:
    """Each client orders the items in its own way; there is too little for all of them."""
    stock_ids = [await shop.item(60) for _ in range(5)]

    async def client(number: int) -> int:
        order = random.Random(number)
        reserved = 0
        for _ in range(5):
            lines = [(stock_id, 1) for stock_id in stock_ids]
            order.shuffle(lines)
            try:
                async with shop.session() as session, session.begin():
                    await InventoryService(session).reserve_many(
                        lines, reserved_by=f"client-{number}"
                    )
            except InsufficientStock:
                continue
            reserved += 1
        return reserved

    carts = sum(await asyncio.gather(*(client(number) for number in range(24))))
    assert carts == 60
    ledger = Counter(row.stock_id for row in await shop.reservations(*stock_ids))
    assert ledger == dict.fromkeys(stock_ids, 60)
    assert await shop.out_of_balance() == []


# Two clients may pick one reservation to end, one of them before it was committed; a cut may be refused.
_EXPECTED = (
    InsufficientStock, InsufficientReserved, ReservationNotActive, ReservationNotFound, IntegrityError,
)  # fmt: skip


class Traffic:
    """Clients that do everything at random to a few items, all of it committed."""

    def __init__(self, shop: Shop, stock_ids: list[UUID]) -> None:
        self._shop = shop
        self._stock_ids = stock_ids
        self._open: list[UUID] = []
        self._random = random.Random(5)
        self.done: Counter[str] = Counter()

    async def run(self, until: float) -> None:
        """One client."""
        actions: list[Callable[[InventoryService], Awaitable[None]]] = [
            self._reserve, self._reserve, self._reserve_many, self._release, self._release_units,
            self._fulfil, self._expire, self._cut, self._restock,
        ]  # fmt: skip
        while time.monotonic() < until:
            action = self._random.choice(actions)
            name = action.__name__
            try:
                async with self._shop.session() as session, session.begin():
                    await action(InventoryService(session))
            except _EXPECTED as error:
                name += f": {type(error).__name__}"
            self.done[name] += 1

    async def _reserve(self, service: InventoryService) -> None:
        expires_at = datetime.now(UTC) + timedelta(seconds=self._random.uniform(0, 2))
        reservation = await service.reserve(
            self._random.choice(self._stock_ids),
            self._random.randint(1, 3),
            reserved_by="traffic",
            expires_at=self._random.choice([None, expires_at]),
        )
        self._open.append(reservation.id)

    async def _reserve_many(self, service: InventoryService) -> None:
        lines = [(self._random.choice(self._stock_ids), 1) for _ in range(3)]
        reservations = await service.reserve_many(lines, reserved_by="traffic")
        self._open += [reservation.id for reservation in reservations]

    async def _release(self, service: InventoryService) -> None:
        if self._open:
            await service.release(self._random.choice(self._open))

    async def _release_units(self, service: InventoryService) -> None:
        await service.release_units(self._random.choice(self._stock_ids), 1)

    async def _fulfil(self, service: InventoryService) -> None:
        if self._open:
            await service.fulfil(self._open.pop(self._random.randrange(len(self._open))))

    async def _expire(self, service: InventoryService) -> None:
        await service.expire_due(limit=self._random.randint(1, 10))

    async def _cut(self, _: InventoryService) -> None:
        """Somebody writes stock off without looking; the CHECK is all that stands against it."""
        await self._add(-self._random.randint(1, 20))

    async def _restock(self, _: InventoryService) -> None:
        await self._add(self._random.randint(1, 12))

    async def _add(self, units: int) -> None:
        await _change_quantity(self._shop.engine, self._random.choice(self._stock_ids), units)


async def _change_quantity(engine: AsyncEngine, stock_id: UUID, units: int) -> None:
    statement = (
        update(InventoryItem)
        .where(InventoryItem.id == stock_id)
        .values(quantity=InventoryItem.quantity + units)
    )
    async with engine.begin() as connection:
        await connection.execute(statement)


@on_one_driver("asyncpg")
async def test_the_ledger_and_the_items_agree_at_every_moment_of_random_traffic(
    shop: Shop, database_url: URL
) -> None:
    """Σ active reservations = reserved_quantity within 0..quantity, in every snapshot."""
    engine = create_database_engine(database_url)
    await asyncio.to_thread(enforce_reservation_bounds, engine)
    traffic = Traffic(shop, [await shop.item(20) for _ in range(4)])
    until = time.monotonic() + RANDOM_SECONDS

    async def check() -> int:
        looks = 0
        while time.monotonic() < until:
            assert await shop.out_of_balance() == []
            looks += 1
        return looks

    async with asyncio.TaskGroup() as group:
        checker = group.create_task(check())
        for _ in range(12):
            group.create_task(traffic.run(until))

    assert await shop.out_of_balance() == []
    assert checker.result() > 50
    actions = (
        "_reserve",
        "_reserve_many",
        "_release",
        "_release_units",
        "_fulfil",
        "_expire",
        "_cut",
    )
    for action in actions:
        assert traffic.done[action] > 5, traffic.done
    assert traffic.done["_reserve: InsufficientStock"] > 5, traffic.done
    assert traffic.done["_cut: IntegrityError"] > 0, traffic.done


async def test_under_repeatable_read_a_stale_snapshot_is_refused_not_oversold(shop: Shop) -> None:
    stock_id = await shop.item(1)
    async with shop.session() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        service = InventoryService(session)
        assert (await service.details(stock_id)).available_quantity == 1
        await shop.reserve(stock_id, 1)
        with pytest.raises(DBAPIError, match="could not serialize"):
            await service.reserve(stock_id, 1, reserved_by="test")
    assert await shop.out_of_balance() == []
