"""Computing a mart, and the two checks of every mart.

Here: what is asked of the engine, and what of the answer. Not here: which marts there are (catalogue.py), or
what Dagster records (assets.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from soleflip_assets.marts.catalogue import MARTS, READ_BY_PEOPLE, Mart
from soleflip_assets.warehouse.engine import Engine
from soleflip_assets.warehouse.store import StoredTable, Warehouse

_OF_LOAD = "soleflip.loaded_at"


def loaded_at(engine: Engine) -> datetime | None:
    """As of when an engine's tables hold what they hold; None where nothing was loaded."""
    (state,) = engine.query("SELECT load_state.loaded_at AS loaded_at FROM load_state").to_pylist()
    found: datetime | None = state["loaded_at"]
    return found


def build(
    warehouse: Warehouse, engine: Engine, marts: Sequence[Mart], as_of: datetime
) -> Iterator[tuple[Mart, pa.Table]]:
    """Compute marts, each put in the place of what it was; the engine sees all of them in the end.

    Writing takes a third of the time and one processor. So one is written while the next that does not read
    it is computed.

    Args:
        warehouse: holds them.
        engine: sees what they read.
        marts: which, each after those that it reads.
        as_of: when the engine's tables hold what they hold.

    Yields:
        Each with its rows.
    """
    with ThreadPoolExecutor(1) as writer:
        written: dict[str, Future[StoredTable]] = {}
        for mart in marts:
            _see(engine, {name: written.pop(name) for name in mart.reads if name in written})
            rows = computed(engine, mart)
            written[mart.name] = writer.submit(stored, warehouse, mart, rows, as_of)
            yield mart, rows
        _see(engine, written)


def _see(engine: Engine, written: Mapping[str, "Future[StoredTable]"]) -> None:
    for name, table in written.items():
        engine.see(name, table.result())


def computed(engine: Engine, mart: Mart) -> pa.Table:
    """The rows of a mart; where people read them, sorted by what one row is of.

    The others have a row an item or a sale. To sort a million of those takes a second.
    """
    rows = engine.query(mart.select)
    if mart.name not in READ_BY_PEOPLE:
        return rows
    return rows.sort_by([(column, "ascending") for column in mart.grain])


def stored(warehouse: Warehouse, mart: Mart, rows: pa.Table, as_of: datetime) -> StoredTable:
    """Put a mart in the place of what it was.

    Args:
        warehouse: holds it.
        mart: which.
        rows: of it.
        as_of: when what it was made of held what it held.
    """
    return warehouse.replace(mart.table, rows, {_OF_LOAD: as_of.isoformat()})


def needed(warehouse: Warehouse, asked: Sequence[Mart], as_of: datetime) -> list[Mart]:
    """Those that are asked for, and what they read or are compared with where that is of another load.

    Else a mart that is computed alone would be made of two states of the shop, and not add up.

    Args:
        warehouse: holds them.
        asked: marts.
        as_of: when the engine's tables hold what they hold.
    """
    old = {mart.name for mart in MARTS if not _is_of(warehouse, mart, as_of)}
    found: set[str] = set()
    waiting = [*asked]
    while waiting:
        mart = waiting.pop()
        found.add(mart.name)
        beside = {*mart.reads, *mart.compared_with} & old - found
        waiting += [other for other in MARTS if other.name in beside]
    return [mart for mart in MARTS if mart.name in found]


def _is_of(warehouse: Warehouse, mart: Mart, as_of: datetime) -> bool:
    table = warehouse.find(mart.table)
    return table is not None and table.properties.get(_OF_LOAD) == as_of.isoformat()


@dataclass(frozen=True)
class Compared:
    """A figure of a mart beside the one that it has to equal.

    Attributes:
        what: is compared.
        found: in the mart.
        expected: from what it was made of.
    """

    what: str
    found: Any
    expected: Any

    @property
    def equal(self) -> bool:
        """Whether they are the same; a figure that nobody knows equals another one."""
        return bool(self.found == self.expected)


def compare(engine: Engine, mart: Mart) -> list[Compared]:
    """Compare a mart with what it was made of."""
    (statement,) = mart.adds_up.statements
    return [Compared(**row) for row in engine.query(statement).to_pylist()]


def repeated(rows: pa.Table, grain: Sequence[str]) -> int:
    """How many rows are of the same as another one, or of nothing known.

    Args:
        rows: of a mart.
        grain: the columns that one row is of.
    """
    key = rows.select(list(grain))
    different = key.drop_null().group_by(list(grain)).aggregate([]).num_rows
    return int(key.num_rows - different)
