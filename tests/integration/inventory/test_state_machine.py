"""The service against a model of it in plain Python: every step gives the same answer and state."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from soleflip_assets.inventory import (
    IdempotencyConflict,
    InsufficientReserved,
    InsufficientStock,
    InventoryItem,
    InventoryService,
    ReservationNotActive,
    ReservationNotFound,
    StockNotFound,
    StockReservation,
)
from tests.integration.inventory.conftest import on_one_driver

T = TypeVar("T")

UNKNOWN = UUID(int=0)
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Item:
    """What the model knows of an item."""

    quantity: int
    status: str = "in_stock"
    changes: int = 0


@dataclass
class Reservation:
    """What the model knows of a reservation."""

    stock_id: UUID
    units: int
    due: int | None
    made: int
    status: str = "active"


def minute(number: int | None) -> datetime | None:
    """A moment of the test's own time."""
    return None if number is None else START + timedelta(minutes=number)


units = st.integers(1, 4)
minutes = st.none() | st.integers(0, 10)
keys = st.none() | st.sampled_from(["k1", "k2"])


class Inventory(RuleBasedStateMachine):
    """Rules call the service in a transaction of their own and compare it with the model."""

    url: ClassVar[URL]

    items = Bundle("items")
    reservations = Bundle("reservations")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.engine = create_async_engine(self.url, pool_size=1, max_overflow=0)
        self.stock: dict[UUID, Item] = {}
        self.ledger: dict[UUID, Reservation] = {}
        self.requests: dict[str, tuple[Any, list[UUID]]] = {}
        self.reserving = 0  # requests, in their order
        self.prefix = uuid4().hex  # the keys of this run

    def teardown(self) -> None:
        self.runner.run(self.engine.dispose())
        self.runner.close()

    def call(self, action: Callable[[InventoryService], Awaitable[T]]) -> T:
        """Do it in a transaction, committed."""

        async def in_transaction() -> T:
            async with (
                AsyncSession(self.engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                return await action(InventoryService(session))

        return self.runner.run(in_transaction())

    def reserved(self, stock_id: UUID) -> int:
        """Units held, by the model."""
        active = (row for row in self.ledger.values() if row.status == "active")
        return sum(row.units for row in active if row.stock_id == stock_id)

    @initialize(target=items, quantities=st.tuples(st.integers(4, 8), st.integers(0, 8)))
    def open_with_two_items(self, quantities: tuple[int, int]) -> Any:
        async def clear() -> None:
            async with self.engine.begin() as connection:
                await connection.execute(delete(InventoryItem))

        self.runner.run(clear())
        return multiple(*(self.add_item(quantity) for quantity in quantities))

    def add_item(self, quantity: int) -> UUID:
        """An item, in the database and in the model."""

        async def add() -> UUID:
            async with (
                AsyncSession(self.engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                item = InventoryItem(
                    product_id=UNKNOWN, size_id=UNKNOWN, quantity=quantity, status="in_stock"
                )
                session.add(item)
            return item.id

        stock_id = self.runner.run(add())
        self.stock[stock_id] = Item(quantity)
        return stock_id

    @rule(
        target=reservations,
        lines=st.lists(st.tuples(items, units), min_size=1, max_size=3),
        due=minutes,
        key=keys,
    )
    def reserve(self, lines: list[tuple[UUID, int]], due: int | None, key: str | None) -> Any:
        def attempt() -> list[StockReservation]:
            return self.call(
                lambda service: service.reserve_many(
                    lines,
                    reserved_by="model",
                    expires_at=minute(due),
                    idempotency_key=key and f"{self.prefix}-{key}",
                )
            )

        if key in self.requests:
            request, ids = self.requests[key]
            if request != (lines, due):
                with pytest.raises(IdempotencyConflict):
                    attempt()
            else:
                assert [row.id for row in attempt()] == ids
            return multiple()

        self.reserving += 1
        with self.refused_if_foreseen(lines) as refusal:
            rows = attempt()
        if refusal:
            return multiple()
        for row, (stock_id, quantity) in zip(rows, lines, strict=True):
            assert (row.stock_id, row.reserved_quantity, row.status) == (
                stock_id,
                quantity,
                "active",
            )
            self.ledger[row.id] = Reservation(stock_id, quantity, due, self.reserving)
        ids = [row.id for row in rows]
        if key is not None:
            self.requests[key] = ((lines, due), ids)
        return multiple(*ids)

    @contextmanager
    def refused_if_foreseen(self, lines: list[tuple[UUID, int]]) -> Iterator[bool]:
        """Expect the refusal that the model foresees, if it foresees one."""
        requested: dict[UUID, int] = {}
        for stock_id, quantity in lines:
            requested[stock_id] = requested.get(stock_id, 0) + quantity
        for stock_id in sorted(requested):
            available = self.stock[stock_id].quantity - self.reserved(stock_id)
            if available < requested[stock_id]:
                with pytest.raises(InsufficientStock) as lacking:
                    yield True
                numbers = (lacking.value.stock_id, lacking.value.available, lacking.value.requested)
                assert numbers == (stock_id, available, requested[stock_id])
                return
        yield False

    @rule(reservation_id=reservations)
    def release(self, reservation_id: UUID) -> None:
        reservation = self.ledger[reservation_id]
        if reservation.status == "fulfilled":
            with pytest.raises(ReservationNotActive):
                self.call(lambda service: service.release(reservation_id))
            return
        if reservation.status == "active":
            reservation.status = "released"
        released = self.call(lambda service: service.release(reservation_id))
        assert released.status == reservation.status

    @rule(stock_id=items, quantity=units)
    def release_units(self, stock_id: UUID, quantity: int) -> None:
        """Newest first; a part that is given back becomes a reservation of its own."""
        if quantity > self.reserved(stock_id):
            with pytest.raises(InsufficientReserved) as lacking:
                self.call(lambda service: service.release_units(stock_id, quantity))
            assert lacking.value.reserved == self.reserved(stock_id)
            return
        self.call(lambda service: service.release_units(stock_id, quantity))
        left = quantity
        for reservation in self.newest_first(stock_id):
            given = min(reservation.units, left)
            left -= given
            if given == reservation.units:
                reservation.status = "released"
            elif given:
                reservation.units -= given
                part = replace(reservation, units=given, status="released")
                self.ledger[self.unknown_reservation()] = part

    def newest_first(self, stock_id: UUID) -> list[Reservation]:
        """An item's active reservations; those of one request in order of their ids."""
        active = [
            (-row.made, reservation_id, row)
            for reservation_id, row in self.ledger.items()
            if row.stock_id == stock_id and row.status == "active"
        ]
        return [row for _, _, row in sorted(active, key=lambda entry: entry[:2])]

    def unknown_reservation(self) -> UUID:
        """The one reservation of which the model does not know yet."""

        async def read() -> list[UUID]:
            async with AsyncSession(self.engine) as session:
                return list(await session.scalars(select(StockReservation.id)))

        [unknown] = set(self.runner.run(read())) - set(self.ledger)
        return unknown

    @rule(reservation_id=reservations)
    def fulfil(self, reservation_id: UUID) -> None:
        reservation = self.ledger[reservation_id]
        if reservation.status in {"released", "expired"}:
            with pytest.raises(ReservationNotActive):
                self.call(lambda service: service.fulfil(reservation_id))
            return
        if reservation.status == "active":
            reservation.status = "fulfilled"
            self.stock[reservation.stock_id].quantity -= reservation.units
        fulfilled = self.call(lambda service: service.fulfil(reservation_id))
        assert fulfilled.status == "fulfilled"

    @rule(line=st.tuples(items, units))
    def name_what_is_not_there(self, line: tuple[UUID, int]) -> None:
        with pytest.raises(StockNotFound):
            self.call(lambda service: service.reserve_many([line, (UNKNOWN, 1)], reserved_by="x"))
        with pytest.raises(ReservationNotFound):
            self.call(lambda service: service.release(UNKNOWN))
        with pytest.raises(ReservationNotFound):
            self.call(lambda service: service.fulfil(UNKNOWN))

    @rule(now=st.integers(0, 10), limit=st.integers(1, 3))
    def expire(self, now: int, limit: int) -> None:
        due = {
            reservation_id: row.due
            for reservation_id, row in self.ledger.items()
            if row.status == "active" and row.due is not None and row.due <= now
        }
        first = sorted(due, key=lambda reservation_id: (due[reservation_id], reservation_id))[
            :limit
        ]
        for reservation_id in first:
            self.ledger[reservation_id].status = "expired"
        expired = self.call(lambda service: service.expire_due(minute(now), limit))
        assert {row.id for row in expired} == set(first)

    @rule(stock_id=items, status=st.sampled_from(["in_stock", "listed_stockx", "sold"]))
    def change_status(self, stock_id: UUID, status: str) -> None:
        item = self.stock[stock_id]
        item.changes += item.status != status
        item.status = status
        changed = self.call(lambda service: service.change_status(stock_id, status))
        assert (changed.status, len(changed.status_history or [])) == (status, item.changes)

    @invariant()
    def the_database_is_as_the_model(self) -> None:
        async def read() -> tuple[list[InventoryItem], list[StockReservation]]:
            async with AsyncSession(self.engine) as session:
                items = await session.scalars(select(InventoryItem))
                rows = await session.scalars(select(StockReservation))
                return list(items), list(rows)

        items, rows = self.runner.run(read())
        assert {
            item.id: (item.quantity, item.reserved_quantity, item.status) for item in items
        } == {
            stock_id: (item.quantity, self.reserved(stock_id), item.status)
            for stock_id, item in self.stock.items()
        }
        assert {row.id: (row.reserved_quantity, row.status) for row in rows} == {
            reservation_id: (row.units, row.status) for reservation_id, row in self.ledger.items()
        }


@on_one_driver("psycopg")
def test_the_service_behaves_as_its_model(shop_url: URL) -> None:
    """Random sequences of every operation, shrunk to the shortest one that differs."""
    Inventory.url = shop_url
    run_state_machine_as_test(
        Inventory,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=set(Phase) - {Phase.explain},  # minutes, for a failure that shrinking explains
        ),
    )
