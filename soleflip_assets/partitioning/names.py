"""What a table that is kept in partitions is called, and everything that belongs to it.

Here: names and bounds as text. Not here: any database.
"""

import re
from dataclasses import dataclass

from psycopg import sql

from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import TableName

_CHECK = "soleflip_until_"
_DETACHED = "_detached"
_FIRST = re.compile(r"_until_([0-9]{6})$")
_KEEP = re.compile(r"([1-9][0-9]{0,3})(d|mo)")

# How everything ends that is called after a table, as a regular expression of PostgreSQL.
ENDINGS = "^(rest|soleflip_new|soleflip_key|(until_)?[0-9]{6}(_detached)?)$"


@dataclass(frozen=True)
class Names:
    """The names of what belongs to a table.

    Attributes:
        table: the table's own, before, meanwhile and after.
    """

    table: TableName

    @property
    def made(self) -> TableName:
        """The partitioned table while it is made beside, and the one that goes on the way back."""
        return self._beside("soleflip_new")

    @property
    def rest(self) -> TableName:
        """The partition of what is in no month: too old or too far ahead."""
        return self._beside("rest")

    @property
    def prepared_key(self) -> str:
        """The unique index that becomes the primary key's."""
        return f"{self.table.name}_soleflip_key"

    def first(self, until: Month) -> TableName:
        """The table that was, as the first partition, which ends where a month begins."""
        return self._beside(f"until_{until.suffix}")

    def detached(self, partition: TableName) -> TableName:
        """A partition that was taken out and is not dropped yet, by the last month that it has rows of."""
        first = _FIRST.search(partition.name)
        last = self.table.partition(Month.parse(first[1]) + -1) if first else partition
        return TableName(last.schema, f"{last.name}{_DETACHED}")

    @staticmethod
    def last_month(detached: TableName) -> Month:
        """The last month that a partition which was taken out has rows of."""
        return Month.parse(detached.name.removesuffix(_DETACHED)[-6:])

    @staticmethod
    def check(until: Month) -> str:
        """The CHECK that proves that all rows are before a month."""
        return f"{_CHECK}{until.suffix}"

    def _beside(self, ending: str) -> TableName:
        return TableName(self.table.schema, f"{self.table.name}_{ending}")


def plain(table: TableName) -> str:
    """A table's name for people, without quotes."""
    return f"{table.schema}.{table.name}"


def bound(month: Month) -> str:
    """A month's first moment, as each date and time type reads it in any session."""
    return f"{month}-01 00:00:00+00"


def bound_of(month: Month) -> sql.Literal:
    """The same in a statement: PostgreSQL gives a bare literal the type of the column it is compared with."""
    return sql.Literal(bound(month))


@dataclass(frozen=True)
class Keep:
    """How long a month is kept after its end.

    Attributes:
        number: of days or months.
        unit: ``d`` or ``mo``.
    """

    number: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Keep":
        """Read ``60d`` or ``12mo``.

        Raises:
            ConfigurationError: it is neither.
        """
        match = _KEEP.fullmatch(text)
        if not match:
            raise ConfigurationError(f"{text!r} is no retention: write it as 60d or 12mo.")
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.number}{self.unit}"
