"""Computing a mart, and the two checks of every mart.

Here: what is asked of the engine, and what of the answer. Not here: which marts there are (catalogue.py), or
what Dagster records (assets.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from soleflip_assets.marts.catalogue import Mart
from soleflip_assets.warehouse.engine import Engine
from soleflip_assets.warehouse.store import Warehouse


def build(warehouse: Warehouse, engine: Engine, mart: Mart) -> pa.Table:
    """Compute a mart, and put it in the place of what it was.

    Args:
        warehouse: holds it.
        engine: sees what it reads.
        mart: which.

    Returns:
        Its rows, sorted by what one row is of.
    """
    found = engine.query(mart.select)
    rows = found.sort_by([(column, "ascending") for column in mart.grain])
    warehouse.replace(mart.table, rows)
    engine.see(mart.table)
    return rows


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
