"""One request, however often it is sent and whatever becomes of its answers."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import NullPool, func, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from soleflip_assets.inventory import (
    IdempotencyConflict,
    InsufficientStock,
    InventoryService,
    StockNotFound,
    StockReservation,
)
from soleflip_assets.inventory.models import ReservationKey
from tests.integration.inventory.conftest import Shop

pytestmark = pytest.mark.anyio

_SOCKET = ".s.PGSQL.5432"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@contextlib.asynccontextmanager
async def losing_answers_to_commit(url: URL) -> AsyncIterator[URL]:
    """A way to the server on which COMMIT arrives, is done, and then the connection breaks."""

    async def relay(client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        server, request = await asyncio.open_unix_connection(f"{url.query['host']}/{_SOCKET}")
        committing = asyncio.Event()

        async def to_server() -> None:
            while data := await client.read(65536):
                if b"COMMIT" in data:
                    committing.set()
                request.write(data)
                await request.drain()
            request.close()

        async def to_client() -> None:
            while (data := await server.read(65536)) and not committing.is_set():
                answer.write(data)
                await answer.drain()
            assert not committing.is_set() or b"COMMIT" in data
            answer.close()

        # The side that is cut off may fail to say goodbye.
        await asyncio.gather(to_server(), to_client(), return_exceptions=True)
        request.close()

    with tempfile.TemporaryDirectory() as folder:
        proxy = await asyncio.start_unix_server(relay, Path(folder) / _SOCKET)
        async with proxy:
            yield url.update_query_dict({"host": folder})


async def test_a_retry_after_a_lost_answer_is_the_same_reservation(
    shop: Shop, shop_url: URL
) -> None:
    stock_id = await shop.item(5)
    request: dict[str, Any] = {"reserved_by": "order-1", "idempotency_key": "order-1"}
    async with losing_answers_to_commit(shop_url) as lossy:
        engine = create_async_engine(lossy, poolclass=NullPool)
        with pytest.raises(DBAPIError):  # psycopg: OperationalError
            async with AsyncSession(engine) as session, session.begin():
                lost = (await InventoryService(session).reserve(stock_id, 2, **request)).id
        await engine.dispose()

    for _ in range(2):
        assert (await shop.reserve(stock_id, 2, **request)).id == lost
    [row] = await shop.reservations(stock_id)
    assert (row.id, row.reserved_quantity, row.status) == (lost, 2, "active")
    assert (await shop.load(stock_id)).reserved_quantity == 2


@pytest.mark.parametrize(
    ("changed", "differing"),
    [
        ({"quantity": 2}, ("lines",)),
        ({"stock_id": uuid4()}, ("lines",)),
        ({"reserved_by": "order-2"}, ("reserved_by",)),
        ({"reason": "other", "expires_at": None}, ("reason", "expires_at")),
        ({"expires_at": NOW + timedelta(microseconds=1)}, ("expires_at",)),
    ],
)
async def test_the_same_key_with_other_arguments_is_a_conflict(
    shop: Shop, changed: dict[str, Any], differing: tuple[str, ...]
) -> None:
    request: dict[str, Any] = {
        "stock_id": await shop.item(5),
        "quantity": 1,
        "reserved_by": "order-1",
        "reason": "cart",
        "expires_at": NOW,
        "idempotency_key": "k",
    }
    first = await shop.reserve(**request)
    with pytest.raises(IdempotencyConflict) as conflict:
        await shop.reserve(**(request | changed))
    assert (conflict.value.idempotency_key, conflict.value.differing) == ("k", differing)
    assert [row.id for row in await shop.reservations(request["stock_id"])] == [first.id]


async def test_the_same_moment_in_another_time_zone_is_the_same_request(shop: Shop) -> None:
    stock_id = await shop.item(5)
    there = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    first = await shop.reserve(stock_id, 1, expires_at=NOW, idempotency_key="k")
    again = await shop.reserve(stock_id, 1, expires_at=there, idempotency_key="k")
    assert again.id == first.id


async def test_a_retry_tells_what_has_become_of_the_reservation(shop: Shop) -> None:
    stock_id = await shop.item(1)
    first = await shop.reserve(stock_id, 1, idempotency_key="k")
    async with shop.session() as session, session.begin():
        await InventoryService(session).fulfil(first.id)
    again = await shop.reserve(stock_id, 1, idempotency_key="k")
    assert (again.id, again.status) == (first.id, "fulfilled")
    assert (await shop.load(stock_id)).quantity == 0


async def test_a_retry_after_the_item_was_deleted(shop: Shop) -> None:
    stock_id = await shop.item(1)
    await shop.reserve(stock_id, 1, idempotency_key="k")
    async with shop.session() as session, session.begin():
        await session.delete(await shop.load(stock_id))
    with pytest.raises(StockNotFound):
        await shop.reserve(stock_id, 1, idempotency_key="k")


async def test_a_retry_of_reserve_many_answers_in_the_order_of_its_lines(shop: Shop) -> None:
    first, second = await shop.item(5), await shop.item(5)
    lines = [(second, 1), (first, 2), (second, 3)]
    answers = []
    for _ in range(2):
        async with shop.session() as session, session.begin():
            answers.append(
                await InventoryService(session).reserve_many(
                    lines, reserved_by="cart", idempotency_key="k"
                )
            )
    ids = [[row.id for row in answer] for answer in answers]
    assert ids[0] == ids[1]
    assert [(row.stock_id, row.reserved_quantity) for row in answers[1]] == lines
    assert len(await shop.reservations(first, second)) == 3


async def test_a_refused_request_leaves_no_key_and_may_succeed_later(shop: Shop) -> None:
    stock_id = await shop.item(1)
    async with shop.session() as session:
        with pytest.raises(InsufficientStock):
            await InventoryService(session).reserve(
                stock_id, 2, reserved_by="test", idempotency_key="k"
            )
        await session.commit()
        assert await session.scalar(select(func.count()).select_from(ReservationKey)) == 0
    await shop.set(stock_id, quantity=2)
    await shop.reserve(stock_id, 2, idempotency_key="k")


_END: dict[str, Callable[[AsyncSession], Awaitable[None]]] = {
    "commit": AsyncSession.commit,
    "rollback": AsyncSession.rollback,
}


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_the_second_of_two_identical_requests_waits_for_the_first(
    shop: Shop, end: str
) -> None:
    """Committed, the first one's reservation is the answer; rolled back, it was never there."""
    stock_id = await shop.item(5)
    async with shop.session() as session:
        first = await InventoryService(session).reserve(
            stock_id, 1, reserved_by="test", idempotency_key="k"
        )
        second = asyncio.create_task(shop.reserve(stock_id, 1, idempotency_key="k"))
        await _somebody_waits(shop)
        first_id = first.id
        await _END[end](session)
    same = (await second).id == first_id
    assert same is (end == "commit")
    assert len(await shop.reservations(stock_id)) == 1
    assert await shop.out_of_balance() == []


async def _somebody_waits(shop: Shop) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(10), shop.engine.connect() as connection:
        while await connection.scalar(waiting) == 0:  # noqa: ASYNC110 PostgreSQL has no event for it
            await asyncio.sleep(0.005)


async def test_a_crowd_with_one_key_is_one_reservation(shop: Shop) -> None:
    stock_id = await shop.item(5)
    crowd = [shop.reserve(stock_id, 1, idempotency_key="k") for _ in range(20)]
    answers: list[StockReservation] = await asyncio.gather(*crowd)
    ids: set[UUID] = {answer.id for answer in answers}
    assert len(ids) == len(await shop.reservations(stock_id)) == 1
    assert (await shop.load(stock_id)).reserved_quantity == 1
