"""What is refused before any SQL is sent: here there is no database to send it to."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

from soleflip_assets.inventory import (
    InvalidArgument,
    InvalidQuantity,
    InventoryError,
    InventoryItem,
    InventoryRepository,
    InventoryService,
    LowStockPosition,
)
from soleflip_assets.inventory.arguments import (
    checked_json_object,
    checked_moment,
    checked_price,
    checked_text,
)

Call = Callable[[InventoryService], Coroutine[Any, Any, Any]]

ID = uuid4()
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 that is the point


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def service() -> InventoryService:
    return InventoryService(
        AsyncSession(create_async_engine("postgresql+psycopg:///?host=/nowhere"))
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    "quantity", [0, -1, 1.0, 1.5, Decimal(1), True, False, "1", None, 2**31, float("nan"), 10**40]
)
async def test_a_quantity_that_cannot_be_reserved(service: InventoryService, quantity: Any) -> None:
    with pytest.raises(InvalidQuantity, match="whole number from 1 to 2147483647") as refused:
        await service.reserve(ID, quantity, reserved_by="test")
    assert refused.value.value is quantity
    with pytest.raises(InvalidQuantity):
        await service.reserve_many([(uuid4(), 1), (ID, cast("int", quantity))], reserved_by="test")


@pytest.mark.anyio
async def test_a_sum_of_lines_that_no_item_can_hold(service: InventoryService) -> None:
    with pytest.raises(InvalidQuantity):
        await service.reserve_many([(ID, 2**31 - 1), (ID, 1)], reserved_by="test")


_REFUSED: dict[str, tuple[str, Call]] = {
    "id as text": ("stock_id", lambda s: s.reserve(str(ID), 1, reserved_by="x")),  # type: ignore[arg-type]
    "id of a reservation": ("reservation_id", lambda s: s.release("1")),  # type: ignore[arg-type]
    "id to fulfil": ("reservation_id", lambda s: s.fulfil(None)),  # type: ignore[arg-type]
    "id of details": ("stock_id", lambda s: s.details(1)),  # type: ignore[arg-type]
    "id of metrics": ("stock_id", lambda s: s.metrics("x")),  # type: ignore[arg-type]
    "naive expiry": ("expires_at", lambda s: s.reserve(ID, 1, reserved_by="x", expires_at=NAIVE)),
    "naive now": ("now", lambda s: s.expire_due(NAIVE)),
    "no limit": ("limit", lambda s: s.expire_due(limit=0)),
    "long reserved_by": ("reserved_by", lambda s: s.reserve(ID, 1, reserved_by="x" * 101)),
    "blank reserved_by": ("reserved_by", lambda s: s.reserve(ID, 1, reserved_by=" ")),
    "NUL": ("reserved_by", lambda s: s.reserve(ID, 1, reserved_by="a\x00b")),
    "surrogate": ("reason", lambda s: s.reserve(ID, 1, reserved_by="x", reason="\ud800")),
    "long reason": ("reason", lambda s: s.release(ID, "x" * 1001)),
    "long key": (
        "idempotency_key",
        lambda s: s.reserve(ID, 1, reserved_by="x", idempotency_key="k" * 201),
    ),
    "no lines": ("lines", lambda s: s.reserve_many([], reserved_by="x")),
    "long status": ("new_status", lambda s: s.change_status(ID, "x" * 51)),
    "empty status": ("new_status", lambda s: s.change_status(ID, "")),
    "threshold": ("threshold", lambda s: s.low_stock(-1)),
    "page size": ("limit", lambda s: s.low_stock(limit=0)),
    "page position": (
        "after.stock_id",
        lambda s: s.low_stock(after=LowStockPosition(1, "x")),  # type: ignore[arg-type]
    ),
    "page position as text": ("after", lambda s: s.low_stock(after="")),  # type: ignore[arg-type]
    "page position as a tuple": ("after", lambda s: s.low_stock(after=(1, ID))),  # type: ignore[arg-type]
    "platform": ("platform", lambda s: s.listed_on("")),
    "text for lines": ("lines", lambda s: s.reserve_many("ab", reserved_by="x")),  # type: ignore[arg-type]
    "number for lines": ("lines", lambda s: s.reserve_many(1, reserved_by="x")),  # type: ignore[arg-type]
    "ids for lines": ("lines", lambda s: s.reserve_many([ID], reserved_by="x")),  # type: ignore[list-item]
    "item of units": ("stock_id", lambda s: s.release_units("x", 1)),  # type: ignore[arg-type]
    "units": ("quantity", lambda s: s.release_units(ID, 0)),
    "holder of units": ("reserved_by", lambda s: s.release_units(ID, 1, reserved_by="")),
    "reason of units": ("reason", lambda s: s.release_units(ID, 1, reason="x" * 1001)),
}


@pytest.mark.anyio
@pytest.mark.parametrize("refused", _REFUSED)
async def test_an_argument_that_could_never_be_right(
    service: InventoryService, refused: str
) -> None:
    argument, call = _REFUSED[refused]
    with pytest.raises(InvalidArgument, match=f"^{argument} is .*: pass ") as error:
        await call(service)
    assert error.value.argument == argument
    assert isinstance(error.value, InventoryError)
    assert isinstance(error.value, ValueError)
    assert len(str(error.value)) < 250


@pytest.mark.anyio
async def test_with_good_arguments_the_sql_would_have_been_sent(service: InventoryService) -> None:
    """So the tests above prove that nothing was sent, not that nothing works."""
    with pytest.raises(OperationalError):
        await service.reserve(ID, 1, reserved_by="test")


@pytest.mark.parametrize("session", [Session(), async_sessionmaker(), None])
@pytest.mark.parametrize("uses", [InventoryService, InventoryRepository])
def test_a_session_that_is_not_asynchronous(uses: Any, session: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"pass a sqlalchemy\.ext\.asyncio\.AsyncSession"):
        uses(session)


def test_a_moment_comes_out_in_utc() -> None:
    there = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert checked_moment("now", there) == datetime(2026, 1, 1, tzinfo=UTC)
    assert checked_moment("now", there).tzinfo is UTC
    with pytest.raises(InvalidArgument, match="years 1 to 9999"):
        checked_moment("now", datetime.min.replace(tzinfo=timezone(timedelta(hours=1))))


def test_the_longest_texts_are_taken() -> None:
    assert checked_text("reserved_by", "ü" * 100, 100) == "ü" * 100


@pytest.mark.parametrize(
    "price", [-1, Decimal("-0.01"), 1e8, 0.001, float("nan"), float("inf"), True, "9"]
)
def test_a_price_that_is_none(price: Any) -> None:
    with pytest.raises(InvalidArgument, match="ask_price"):
        checked_price("ask_price", price)


@pytest.mark.parametrize("price", [0, 199, 199.99, Decimal("99999999.99"), Decimal("5.000")])
def test_a_price(price: Any) -> None:
    assert checked_price("ask_price", price) == Decimal(str(price))
    assert Decimal(repr(float(checked_price("ask_price", price)))) == Decimal(str(price))


@pytest.mark.parametrize(
    "value",
    [
        [],
        None,
        {1: 2},
        {"a": float("nan")},
        {"a": {1, 2}},
        {"a": "\x00"},
        {"a\x00": 1},
        {"a": ["\udfff"]},
    ],
)
def test_metadata_that_jsonb_cannot_hold(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="metadata"):
        checked_json_object("metadata", value)


@pytest.mark.parametrize(
    "value", [{}, {"a": [1, "ü", None, {"b": 1.5}]}, {"a": r"\u0000"}, {"a": "\\"}]
)
def test_metadata(value: Any) -> None:
    assert checked_json_object("metadata", value) == value


def test_a_listing_and_a_status_change_are_checked_too() -> None:
    item = InventoryItem(quantity=1)
    with pytest.raises(InvalidArgument, match="listed_at"):
        item.add_platform_listing("stockx", "1", NAIVE)
    with pytest.raises(InvalidArgument, match="listing_id"):
        item.add_platform_listing("stockx", "")
    with pytest.raises(InvalidArgument, match="new_status"):
        item.add_status_change("in_stock", "x" * 51)
    assert item.listed_on_platforms is None
    assert item.status_history is None
