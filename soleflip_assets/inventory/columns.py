"""How a value of a column crosses the driver, the same on psycopg and asyncpg.

Here: types of columns that SQLAlchemy's own do not suffice for. Not here: which column has which type,
which is models.py's.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Dialect, Numeric, TypeDecorator
from sqlalchemy.types import UserDefinedType

E = TypeVar("E", bound=StrEnum)

_CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """An amount of EUR in whole cents, halves away from zero, as PostgreSQL's ``round`` does it."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


class Cents(TypeDecorator[Decimal]):
    """A ``numeric`` that the database computes with any number of digits; it is read in whole cents."""

    impl = Numeric
    cache_ok = True

    def process_result_value(self, value: Decimal | None, _dialect: Dialect) -> Decimal | None:
        """What the database says, in whole cents."""
        return None if value is None else cents(value)


class DatabaseEnum(UserDefinedType[E]):
    """An enum whose values are sent without a cast, so that PostgreSQL tells their type by the column.

    SQLAlchemy's own ENUM is sent by asyncpg with a cast, which names the type with its schema.
    ``inventory_status`` is in ``public`` on some databases and in ``inventory`` on others, and
    ``search_path`` is the application's.

    Args:
        values: the enum in Python.
        name: the type, for DDL only.
    """

    cache_ok = True

    def __init__(self, values: type[E], name: str) -> None:
        self.values = values
        self.name = name

    def get_col_spec(self, **_options: object) -> str:
        """The type's name."""
        return self.name

    def bind_processor(self, _dialect: Dialect) -> Callable[[str | None], str | None]:
        """Send a value, or fail with ValueError on what is none."""
        return lambda value: None if value is None else self.values(value).value

    def result_processor(
        self, _dialect: Dialect, _coltype: object
    ) -> Callable[[str | None], E | None]:
        """Read a value."""
        return lambda value: None if value is None else self.values(value)
