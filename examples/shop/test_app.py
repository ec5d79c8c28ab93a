"""The shop's tests: server processes, on a database with Phase 2 that SHOP_DATABASE_URL names.

Each test makes an item of its own, so they share the database with whoever else is there.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from soleflip_assets.inventory import InventoryItem, StockReservation

URL = os.environ["SHOP_DATABASE_URL"]
SERVERS = 2
PATIENCE = 120  # seconds: the servers have to start, on a machine that may be busy


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """The URL of several server processes that accept on one socket."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        command = [sys.executable, "-m", "uvicorn", "--factory", "app:from_environment"]
        number = listening.fileno()
        for _ in range(SERVERS):
            server = stack.enter_context(
                subprocess.Popen(
                    [*command, "--fd", str(number), "--log-level", "warning"],
                    pass_fds=[number],
                    cwd=Path(__file__).parent,
                )
            )
            stack.callback(server.terminate)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def client(shop: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop, timeout=PATIENCE) as client:
        yield client


def new_item(quantity: int) -> str:
    """An item in the database."""

    async def add() -> UUID:
        engine = create_async_engine(URL)
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            item = InventoryItem(product_id=uuid4(), size_id=uuid4(), quantity=quantity)
            session.add(item)
        await engine.dispose()
        return item.id

    return str(asyncio.run(add()))


def in_the_books(stock_id: str) -> tuple[int, int]:
    """Units of an item that it says are reserved, and that its active reservations hold."""
    held = (
        select(func.sum(StockReservation.reserved_quantity))
        .where(StockReservation.stock_id == InventoryItem.id, StockReservation.status == "active")
        .scalar_subquery()
    )
    statement = select(InventoryItem.reserved_quantity, func.coalesce(held, 0)).where(
        InventoryItem.id == UUID(stock_id)
    )

    async def look() -> tuple[int, int]:
        engine = create_async_engine(URL)
        async with AsyncSession(engine) as session:
            reserved, units = (await session.execute(statement)).one()
        await engine.dispose()
        return reserved or 0, units

    return asyncio.run(look())


def order(stock_id: str, quantity: int = 1, order_id: str = "") -> dict[str, object]:
    return {"order_id": order_id or str(uuid4()), "stock_id": stock_id, "quantity": quantity}


def test_an_order_is_reserved_once_and_sold(client: httpx.Client) -> None:
    stock_id = new_item(3)
    cart = order(stock_id, 2)
    first, again = (client.post("/reservations", json=cart) for _ in range(2))
    assert (first.status_code, first.json()) == (201, again.json())
    assert client.get(f"/stock/{stock_id}").json()["available"] == 1

    sold = client.post(f"/reservations/{first.json()['id']}/sale")
    assert sold.json() == {"id": first.json()["id"], "status": "fulfilled", "units": 2}
    assert client.delete(f"/reservations/{first.json()['id']}").status_code == 409
    assert in_the_books(stock_id) == (0, 0)


def test_pairs_are_given_back_by_reservation_and_by_item(client: httpx.Client) -> None:
    stock_id = new_item(5)
    reservation = client.post("/reservations", json=order(stock_id, 2)).json()["id"]
    client.post("/reservations", json=order(stock_id, 3))
    assert client.delete(f"/reservations/{reservation}").json()["status"] == "released"
    answer = client.post(f"/stock/{stock_id}/release", json={"quantity": 2})
    assert (answer.status_code, answer.json()["available"]) == (200, 4)
    assert in_the_books(stock_id) == (1, 1)


def test_every_error_is_an_answer(client: httpx.Client) -> None:
    stock_id = new_item(1)
    order_id = str(uuid4())
    client.post("/reservations", json=order(stock_id, order_id=order_id))
    refused = {
        "InsufficientStock": client.post("/reservations", json=order(stock_id)),
        "InsufficientReserved": client.post(f"/stock/{stock_id}/release", json={"quantity": 2}),
        "IdempotencyConflict": client.post("/reservations", json=order(stock_id, 2, order_id)),
        "InvalidQuantity": client.post("/reservations", json=order(stock_id, 0)),
        "StockNotFound": client.get(f"/stock/{uuid4()}"),
        "ReservationNotFound": client.post(f"/reservations/{uuid4()}/sale"),
    }
    answers = {name: (got.status_code, got.json()["error"]) for name, got in refused.items()}
    status = dict(zip(refused, (409, 409, 409, 422, 404, 404), strict=True))
    assert answers == {name: (status[name], name) for name in refused}


def test_the_summary_is_in_whole_cents(client: httpx.Client) -> None:
    summary = client.get("/summary").json()
    assert summary["units"] >= summary["available"]
    for amount in ("value", "expected_profit"):
        assert re.fullmatch(r"\d+\.\d\d", summary[amount])


def test_the_last_pairs_are_sold_once_to_many_buyers_of_several_servers(shop: str) -> None:
    """Every buyer asks twice, as one does whose first answer was lost."""
    pairs, buyers = 12, 48
    stock_id = new_item(pairs)

    def buy(_number: int) -> tuple[int, int]:
        cart = order(stock_id)
        with httpx.Client(base_url=shop, timeout=PATIENCE) as client:
            first, again = (client.post("/reservations", json=cart) for _ in range(2))
        if first.status_code == 201:
            assert first.json() == again.json()
        return first.status_code, again.status_code

    with ThreadPoolExecutor(buyers) as crowd:
        answers = Counter(crowd.map(buy, range(buyers)))
    assert answers == {(201, 201): pairs, (409, 409): buyers - pairs}
    assert in_the_books(stock_id) == (pairs, pairs)
