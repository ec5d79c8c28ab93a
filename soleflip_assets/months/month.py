"""A month of the calendar in UTC: the bounds of a partition. Not here: any database (partitions.py)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

_MONTHS_OF_YEAR = 12
_WRITTEN = re.compile(r"(\d{4})-?(\d{2})")


@dataclass(frozen=True, order=True)
class Month:
    """A month in UTC; months are ordered, and subtracting one from another gives the months between.

    Attributes:
        year: of the calendar.
        number: 1 to 12.
    """

    year: int
    number: int

    @classmethod
    def of(cls, moment: date) -> Self:
        """The month that a date, or a moment with its time zone, is in.

        Raises:
            ValueError: a moment without a time zone is in no month.
        """
        if isinstance(moment, datetime):
            if moment.tzinfo is None:
                raise ValueError(f"{moment} has no time zone")
            moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2026-03``, ``202603``, or either with more after it, as a partition's key or name ends.

        Raises:
            ValueError: it is no month.
        """
        match = _WRITTEN.match(text)
        if not match or not 1 <= int(match[2]) <= _MONTHS_OF_YEAR:
            raise ValueError(f"{text!r} is no month: write it as 2026-03")
        return cls(int(match[1]), int(match[2]))

    def __add__(self, months: int) -> Self:
        years, number = divmod(self.year * _MONTHS_OF_YEAR + self.number - 1 + months, 12)
        return type(self)(years, number + 1)

    def __sub__(self, other: "Month") -> int:
        return (self.year - other.year) * _MONTHS_OF_YEAR + self.number - other.number

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def suffix(self) -> str:
        """What the name of its partition ends with: ``202603``."""
        return f"{self.year:04}{self.number:02}"

    @property
    def first_day(self) -> date:
        """Its first day, which is also Dagster's key of the partition in the form ``2026-03-01``."""
        return date(self.year, self.number, 1)

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return (self + 1).begin

    def to(self, last: "Month") -> Iterator["Month"]:
        """The months from this one to another, both included."""
        for months in range(last - self + 1):
            yield self + months
