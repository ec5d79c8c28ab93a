"""A shop's HTTP interface to SoleFlip's inventory: reserve, sell, release, look.

Every request is one transaction, begun again after a deadlock; every error of the inventory is an answer.
To try it, on psycopg or asyncpg:

    SHOP_DATABASE_URL=postgresql+asyncpg://… uvicorn --factory app:from_environment
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from soleflip_assets.inventory import (
    IdempotencyConflict,
    InsufficientReserved,
    InsufficientStock,
    InvalidArgument,
    InventoryError,
    InventoryItem,
    InventoryService,
    ReservationNotActive,
    ReservationNotFound,
    StockNotFound,
    StockReservation,
    in_transaction,
)

# An error that is not named is a fault of the shop's: 500.
STATUS: dict[type[InventoryError], int] = {
    InvalidArgument: 422,
    StockNotFound: 404,
    ReservationNotFound: 404,
    InsufficientStock: 409,
    InsufficientReserved: 409,
    ReservationNotActive: 409,
    IdempotencyConflict: 409,
}


class Order(BaseModel):
    """What a customer asks for. An order that is sent again is the same reservation."""

    order_id: str
    stock_id: UUID
    quantity: int = 1


class Units(BaseModel):
    """Units to give back."""

    quantity: int


class Reservation(BaseModel):
    """Units held for an order."""

    id: UUID
    status: str
    units: int


class Item(BaseModel):
    """An item."""

    id: UUID
    status: str
    available: int
    listed_on: list[str]


class Summary(BaseModel):
    """The inventory; amounts in EUR."""

    units: int
    available: int
    value: Decimal
    expected_profit: Decimal


def _sessions(request: Request) -> async_sessionmaker[AsyncSession]:
    sessions: async_sessionmaker[AsyncSession] = request.app.state.sessions
    return sessions


Sessions = Annotated[async_sessionmaker[AsyncSession], Depends(_sessions)]


def from_environment() -> FastAPI:
    """The application on the database that SHOP_DATABASE_URL names."""
    return create_app(os.environ["SHOP_DATABASE_URL"])


def create_app(database_url: str) -> FastAPI:
    """The application.

    Args:
        database_url: begins with ``postgresql+asyncpg://`` or ``postgresql+psycopg://``.
    """
    engine = create_async_engine(database_url)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(title="Shop", lifespan=lifespan)
    app.state.sessions = async_sessionmaker(engine)
    app.add_exception_handler(InventoryError, _answer)
    app.post("/reservations", status_code=201)(reserve)
    app.post("/reservations/{reservation_id}/sale")(sell)
    app.delete("/reservations/{reservation_id}")(release)
    app.post("/stock/{stock_id}/release")(release_units)
    app.get("/stock/{stock_id}")(item)
    app.get("/summary")(summary)
    return app


async def _answer(_request: Request, error: Exception) -> JSONResponse:
    """An error of the inventory as an answer."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status)


async def reserve(order: Order, sessions: Sessions) -> Reservation:
    """Hold pairs for a customer."""

    async def work(session: AsyncSession) -> Reservation:
        return _shown(
            await InventoryService(session).reserve(
                order.stock_id,
                order.quantity,
                reserved_by=order.order_id,
                idempotency_key=order.order_id,
            )
        )

    return await in_transaction(sessions, work)


async def sell(reservation_id: UUID, sessions: Sessions) -> Reservation:
    """Take a reservation's pairs out of stock."""

    async def work(session: AsyncSession) -> Reservation:
        return _shown(await InventoryService(session).fulfil(reservation_id))

    return await in_transaction(sessions, work)


async def release(reservation_id: UUID, sessions: Sessions) -> Reservation:
    """Give a reservation's pairs back."""

    async def work(session: AsyncSession) -> Reservation:
        return _shown(await InventoryService(session).release(reservation_id, reason="cancelled"))

    return await in_transaction(sessions, work)


async def release_units(stock_id: UUID, units: Units, sessions: Sessions) -> Item:
    """Give some pairs of an item back, whoever reserved them."""

    async def work(session: AsyncSession) -> Item:
        return _item(await InventoryService(session).release_units(stock_id, units.quantity))

    return await in_transaction(sessions, work)


async def item(stock_id: UUID, sessions: Sessions) -> Item:
    """What is available of an item, and where it is listed."""
    async with sessions() as session:
        return _item((await InventoryService(session).details(stock_id)).item)


async def summary(sessions: Sessions) -> Summary:
    """What the inventory comes to."""
    async with sessions() as session:
        total = (await InventoryService(session).summary()).total
    return Summary(
        units=total.units,
        available=total.available,
        value=total.value,
        expected_profit=total.expected_profit,
    )


def _shown(reservation: StockReservation) -> Reservation:
    return Reservation(
        id=reservation.id, status=reservation.status, units=reservation.reserved_quantity
    )


def _item(item: InventoryItem) -> Item:
    active = [listing.platform for listing in item.listings if listing.status == "active"]
    return Item(id=item.id, status=item.status, available=item.available_quantity, listed_on=active)
