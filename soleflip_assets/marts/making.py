"""The work on the environment's warehouse: computing marts, comparing them, drawing the dashboard.

Here: what assets, jobs and commands ask for. Not here: what Dagster is told of it (assets.py).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from soleflip_assets.marts import dashboard
from soleflip_assets.marts.building import Compared, build, compare, loaded_at, needed, repeated
from soleflip_assets.marts.catalogue import NAMESPACE, PICTURED, TODAY, Mart
from soleflip_assets.marts.pictures import picture
from soleflip_assets.warehouse.engine import open_engine
from soleflip_assets.warehouse.store import Warehouse, WarehouseError

Tell = Callable[[str], None]

# As many as anyone reads in the UI.
_SHOWN_ROWS = 20


@dataclass(frozen=True)
class Made:
    """A mart that was computed.

    Attributes:
        mart: which.
        rows: how many.
        columns: their types, by name.
        says: the figures in a sentence; empty where there is no picture.
        header: of the rows that are shown.
        shown: the first rows, in words.
        repeated: rows of the same as another one, or of nothing known.
        compared: figures beside those that they have to equal.
    """

    mart: Mart
    rows: int
    columns: dict[str, str]
    says: str
    header: Sequence[str]
    shown: Sequence[Sequence[str]]
    repeated: int
    compared: Sequence[Compared]


class Making:
    """The marts of a warehouse.

    Args:
        warehouse: that is read and written.
        tell: gets a sentence where somebody else writes them.
    """

    def __init__(self, warehouse: Warehouse, tell: Tell) -> None:
        self._warehouse = warehouse
        self._tell = tell

    @classmethod
    def from_environment(cls, tell: Tell) -> Self:
        """On the warehouse that the environment names.

        Raises:
            ConfigurationError: it names none, or one that cannot be reached.
        """
        return cls(Warehouse.from_environment(), tell)

    def make(self, asked: Sequence[Mart]) -> Iterator[Made]:
        """Compute marts of what the last load left, each after those that it reads; then compare all of them.

        Args:
            asked: marts; what they read and is of an older load is computed, too.

        Raises:
            WarehouseError: nothing is loaded, or somebody else is at it.
        """
        with self._alone(), open_engine(self._warehouse) as engine:
            if (as_of := loaded_at(engine)) is None:
                raise WarehouseError(
                    "The warehouse is empty: load it with `soleflip warehouse load`."
                )
            marts = needed(self._warehouse, asked, as_of)
            for mart, rows in [*build(self._warehouse, engine, marts, as_of)]:
                if mart not in asked:
                    continue
                says, header, shown = _words(mart, rows)
                yield Made(
                    mart,
                    rows.num_rows,
                    {field.name: str(field.type) for field in rows.schema},
                    says,
                    header,
                    shown,
                    repeated(rows, mart.grain),
                    compare(engine, mart),
                )

    def page(self) -> str:
        """The dashboard as HTML.

        Raises:
            WarehouseError: a mart was not computed yet.
        """
        with self._alone():
            return dashboard.page(lambda name: self._warehouse.read(f"{NAMESPACE}.{name}"))

    def today(self) -> dashboard.Today:
        """The day's figures.

        Raises:
            WarehouseError: they were not computed yet.
        """
        return dashboard.Today.of(self._warehouse.read(f"{NAMESPACE}.{TODAY}"))

    def _alone(self) -> AbstractContextManager[None]:
        """Beside a load, which changes nothing that is read here, but beside nobody who computes them."""
        return self._warehouse.held(self._tell, NAMESPACE)


def _words(mart: Mart, rows: Any) -> tuple[str, Sequence[str], Sequence[Sequence[str]]]:
    if mart.name in PICTURED:
        drawn = picture(mart.name, rows)
        return drawn.says, drawn.header, drawn.rows[:_SHOWN_ROWS]
    first = rows.slice(0, _SHOWN_ROWS).to_pylist()
    return "", rows.schema.names, [[*map(_cell, row.values())] for row in first]


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return "" if value is None else str(value)
