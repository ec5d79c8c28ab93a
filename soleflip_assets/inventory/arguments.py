"""What is refused before any SQL is sent.

Here: one function per kind of argument; each returns the value in the form the database takes it
in, or raises ``InvalidArgument`` with what to pass instead. Not here: whether a row exists or stock
suffices.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session

from soleflip_assets.inventory.errors import InvalidArgument, InvalidQuantity

INT4_MAX = 2**31 - 1

LONGEST_KEY = 200
LONGEST_PLATFORM = 50
LONGEST_REASON = 1_000
LONGEST_RESERVED_BY = 100  # varchar(100)
LONGEST_STATUS = 50  # varchar(50)

_MOST_EXPENSIVE = Decimal("99999999.99")  # numeric(10, 2), as every price of stock
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def checked_session(session: object) -> AsyncSession:
    """A session to work in.

    Raises:
        InvalidArgument: it is not one of SQLAlchemy's asynchronous sessions.
    """
    if not isinstance(session, AsyncSession | async_scoped_session):
        raise InvalidArgument("session", session, "a sqlalchemy.ext.asyncio.AsyncSession")
    return cast("AsyncSession", session)


def checked_id(name: str, value: object) -> UUID:
    """A primary key.

    Raises:
        InvalidArgument: it is not a ``uuid.UUID``.
    """
    if not isinstance(value, UUID):
        raise InvalidArgument(name, value, "a uuid.UUID")
    return value


def checked_quantity(value: object) -> int:
    """A number of units to reserve.

    Raises:
        InvalidQuantity: it is not an int (a bool is none) from 1 to 2,147,483,647.
    """
    if not _is_int(value, 1, INT4_MAX):
        raise InvalidQuantity("quantity", value, f"a whole number from 1 to {INT4_MAX}")
    return cast("int", value)


def checked_count(name: str, value: object, least: int) -> int:
    """A threshold or a limit.

    Raises:
        InvalidArgument: it is not an int from ``least`` to 2,147,483,647.
    """
    if not _is_int(value, least, INT4_MAX):
        raise InvalidArgument(name, value, f"a whole number from {least} to {INT4_MAX}")
    return cast("int", value)


def checked_text(name: str, value: object, longest: int) -> str:
    """A text that PostgreSQL can store and that says something.

    Raises:
        InvalidArgument: it is no str, blank, longer than ``longest`` characters, or holds a NUL or
            a lone surrogate.
    """
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise InvalidArgument(name, value, f"a text of 1 to {longest} characters")
    if "\x00" in value or not _is_unicode(value):
        raise InvalidArgument(name, value, "a text without NUL and lone surrogates")
    return value


def checked_optional_text(name: str, value: object, longest: int) -> str | None:
    """A text as of ``checked_text``, or None."""
    return None if value is None else checked_text(name, value, longest)


def checked_moment(name: str, value: object) -> datetime:
    """A point in time, in UTC.

    Raises:
        InvalidArgument: it is not a datetime with a time zone.
    """
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidArgument(name, value, "a datetime with a time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidArgument(name, value, "a datetime within the years 1 to 9999 UTC") from None


def checked_optional_moment(name: str, value: object) -> datetime | None:
    """A point in time as of ``checked_moment``, or None."""
    return None if value is None else checked_moment(name, value)


def checked_price(name: str, value: object) -> Decimal:
    """An amount of money in EUR.

    Raises:
        InvalidArgument: it is no number from 0 to 99,999,999.99 with at most two decimal places.
    """
    expected = f"an amount from 0 to {_MOST_EXPENSIVE} with at most two decimal places"
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float):
        raise InvalidArgument(name, value, expected)
    try:
        price = Decimal(str(value))
        if not 0 <= price <= _MOST_EXPENSIVE or price != round(price, 2):
            raise InvalidArgument(name, value, expected)
    except InvalidOperation:  # a NaN cannot be compared
        raise InvalidArgument(name, value, expected) from None
    return price


def checked_json_object(name: str, value: object) -> dict[str, Any]:
    """An object that ``jsonb`` can hold.

    Raises:
        InvalidArgument: it is no dict with str keys, or holds what JSON or PostgreSQL cannot.
    """
    expected = "a dict of what JSON holds, without NaN, NUL and lone surrogates"
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InvalidArgument(name, value, expected)
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise InvalidArgument(name, value, expected) from None
    if _ESCAPED_NUL.search(text) or not _is_unicode(text):
        raise InvalidArgument(name, value, expected)
    return value


def _is_int(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
