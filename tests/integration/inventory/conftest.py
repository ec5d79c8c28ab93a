"""A shop to reserve in: a database with Phase 2 deployed, an async engine on it, items to make.

Every test runs on both drivers. psycopg meets the enum in ``inventory``, where the sample has it; asyncpg,
the application's driver, in ``public``, where production has it. test_drivers.py crosses them.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID, uuid4

import pytest
from sqlalchemy import NullPool, event, func, select, text, update
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)

from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.inventory import InventoryItem, InventoryService, StockReservation
from soleflip_assets.metrics.mode import Mode
from tests.conftest import REFRESHED, Databases

Driver = Literal["psycopg", "asyncpg"]

# A test that waits for itself fails instead of hanging.
_LIMITS: dict[Driver, dict[str, Any]] = {
    "psycopg": {"options": "-c lock_timeout=20s"},
    "asyncpg": {"server_settings": {"lock_timeout": "20s"}},
}


@dataclass(frozen=True)
class Shop:
    """The database of one test."""

    engine: AsyncEngine

    def session(self) -> AsyncSession:
        """A session on a connection of its own, whose objects stay readable after a commit."""
        return AsyncSession(self.engine, expire_on_commit=False)

    async def item(self, quantity: int, **columns: Any) -> UUID:
        """A new, committed item."""
        required = {"product_id": uuid4(), "size_id": uuid4(), "status": "in_stock"}
        item = InventoryItem(quantity=quantity, **(required | columns))
        async with self.session() as session, session.begin():
            session.add(item)
        return item.id

    async def set(self, stock_id: UUID, **columns: Any) -> None:
        """Write columns as something other than the service would."""
        async with self.engine.begin() as connection:
            await connection.execute(
                update(InventoryItem).where(InventoryItem.id == stock_id).values(**columns)
            )

    async def load(self, stock_id: UUID) -> InventoryItem:
        """The item as any other session sees it."""
        async with self.session() as session:
            return await session.get_one(InventoryItem, stock_id)

    async def reserve(self, stock_id: UUID, quantity: int, **arguments: Any) -> StockReservation:
        """Reserve in a transaction of its own."""
        async with self.session() as session, session.begin():
            service = InventoryService(session)
            return await service.reserve(
                stock_id, quantity, **({"reserved_by": "test"} | arguments)
            )

    async def reservations(self, *stock_ids: UUID) -> list[StockReservation]:
        """The ledger rows of items."""
        statement = select(StockReservation).where(StockReservation.stock_id.in_(stock_ids))
        async with self.session() as session:
            return list((await session.scalars(statement)).all())

    async def out_of_balance(self) -> list[Any]:
        """The items that break the invariant at this moment, seen in one snapshot."""
        async with self.engine.connect() as connection:
            return await _out_of_balance(connection)


async def _out_of_balance(connection: AsyncConnection) -> list[Any]:
    active = (
        select(func.coalesce(func.sum(StockReservation.reserved_quantity), 0))
        .where(StockReservation.stock_id == InventoryItem.id, StockReservation.status == "active")
        .scalar_subquery()
    )
    reserved = func.coalesce(InventoryItem.reserved_quantity, 0)
    statement = select(InventoryItem.id, InventoryItem.quantity, reserved, active).where(
        (reserved != active) | ~reserved.between(0, InventoryItem.quantity)
    )
    return list((await connection.execute(statement)).all())


@contextmanager
def sent_statements(shop: Shop) -> Iterator[list[str]]:
    """The statements sent within the block."""
    sent: list[str] = []

    def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(shop.engine.sync_engine, "before_cursor_execute", remember)
    yield sent
    event.remove(shop.engine.sync_engine, "before_cursor_execute", remember)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


in_either_mode = pytest.mark.parametrize("mode", REFRESHED, indirect=True)


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> Mode:
    """How the view is kept; both ways for a test that is marked with ``in_either_mode``."""
    return getattr(request, "param", Mode.MATERIALIZED)


def on_one_driver(driver: Driver) -> pytest.MarkDecorator:
    """For a test that takes many seconds: the other long one runs on the other driver."""
    return pytest.mark.parametrize("driver", [driver], indirect=True)


@pytest.fixture(params=get_args(Driver))
def driver(request: pytest.FixtureRequest) -> Driver:
    """What the test's sessions speak to PostgreSQL with."""
    driver: Driver = request.param
    return driver


@pytest.fixture
def enum_schema(driver: Driver) -> str:
    """Where the type of ``stock.detailed_status`` is."""
    return {"psycopg": "inventory", "asyncpg": "public"}[driver]


@pytest.fixture
def database_url(databases: Databases, mode: Mode, enum_schema: str) -> URL:
    """A database with Phase 2 and the sample shop of 1,172 items, none reserved."""
    url = databases.deployed("production", mode)
    if enum_schema != "inventory":
        with create_database_engine(url).begin() as connection:
            connection.execute(
                text(f"ALTER TYPE inventory.inventory_status SET SCHEMA {enum_schema}")
            )
    return url


@pytest.fixture
def shop_url(database_url: URL, driver: Driver) -> URL:
    """That database, by the test's driver."""
    return database_url.set(drivername=f"postgresql+{driver}")


@pytest.fixture
async def shop(anyio_backend: str, shop_url: URL, driver: Driver) -> AsyncIterator[Shop]:
    """The shop of one test."""
    engine = create_async_engine(shop_url, poolclass=NullPool, connect_args=_LIMITS[driver])
    yield Shop(engine)
    await engine.dispose()


@pytest.fixture
async def session(shop: Shop) -> AsyncIterator[AsyncSession]:
    """A session on the shop."""
    async with shop.session() as session:
        yield session


@pytest.fixture
def service(session: AsyncSession) -> InventoryService:
    """The service in that session."""
    return InventoryService(session)
