"""The warehouse's work on the environment's own databases: what jobs, checks and commands do.

Here: which warehouse and which shop, and what is recorded of them. Not here: how any of it is done. Whoever
imports this waits seconds for its packages: Dagster's definitions come to it by opening.py.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Self

from soleflip_assets.checks.question import Answer
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.settings import Settings
from soleflip_assets.metrics.freshness import Freshness
from soleflip_assets.warehouse import comparing, loading, upkeep
from soleflip_assets.warehouse.loading import Loaded
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.state import LogState
from soleflip_assets.warehouse.store import RAW, Warehouse
from soleflip_assets.warehouse.tables import LOGS
from soleflip_assets.warehouse.upkeep import Kept

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """What a table takes.

    Attributes:
        name: the table's, with its namespace.
        rows: in it.
        files: that hold them.
        bytes: their size.
        loaded_at: as of when a log's table holds what it holds, by the shop's clock.
        pending: the months that a log's table still lacks.
    """

    name: str
    rows: int
    files: int
    bytes: int
    loaded_at: datetime | None = None
    pending: tuple[str, ...] = ()


class Work:
    """Loading, comparing and keeping.

    Args:
        warehouse: that is worked on.
        shop: whose history it holds.
    """

    def __init__(self, warehouse: Warehouse, shop: Shop) -> None:
        self.warehouse = warehouse
        self.shop = shop

    @classmethod
    def on(cls, database: Database) -> Self:
        """The environment's warehouse, loaded from a database.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        places = Settings.from_environment().warehouse_places
        return cls(Warehouse.from_environment(), Shop(database.location, places))

    def load(self, tell: Tell) -> Iterator[Loaded]:
        """Bring every table up to now."""
        return loading.load(self.warehouse, self.shop, tell)

    def rebuild(self, tell: Tell, months: Collection[str]) -> Iterator[Loaded]:
        """Load months again; all of them where none is named."""
        return loading.rebuild(self.warehouse, self.shop, tell, months or None)

    def size(self, name: str) -> Size:
        """What a table takes, by its name with the namespace."""
        return size(self.warehouse, name)

    def keep(self, tell: Tell) -> Iterator[Kept]:
        """Compact, expire and delete."""
        return upkeep.keep(self.warehouse, Settings.from_environment().keep_warehouse_days, tell)

    def comparison(self) -> "Comparison":
        """The warehouse beside the shop, as both are now."""
        return Comparison(self)

    def repair(self, tell: Tell, comparison: "Comparison") -> Iterator[Loaded]:
        """Load again what a comparison found to differ."""
        return comparing.repair(self.warehouse, self.shop, comparison.months, tell)


class Comparison:
    """The warehouse beside the shop; what several checks ask is asked once.

    Args:
        work: on which.
    """

    def __init__(self, work: Work) -> None:
        self._work = work

    @cached_property
    def months(self) -> dict[str, list[comparing.Month] | None]:
        """The months of each log."""
        return {
            log.name: comparing.months_of(self._work.warehouse, self._work.shop, log)
            for log in LOGS
        }

    def answer(self, check: str, log: str) -> Answer:
        """What comes of a check.

        Args:
            check: its name.
            log: the name of the log that it is about.
        """
        match check:
            case "rows_match":
                return comparing.rows_match(self.months[log])
            case "sums_match":
                return comparing.sums_match(self.months[log])
            case "versions_do_not_overlap":
                return comparing.versions_do_not_overlap(self._work.warehouse)
            case "last_version_is_stock":
                return comparing.last_version_is_stock(self._work.warehouse, self._work.shop)
            case "load_is_fresh":
                freshness = Freshness.from_environment()
                return comparing.load_is_fresh(
                    self._work.warehouse, freshness.warn, freshness.error
                )
        raise LookupError(f"there is no check {check}")


def size(warehouse: Warehouse, name: str) -> Size:
    """What a table takes.

    Args:
        warehouse: that holds it.
        name: with its namespace.
    """
    table = warehouse.find(name)
    files = table.files if table else []
    is_log = name in {f"{RAW}.{log.name}" for log in LOGS}
    state = LogState.of(table.properties) if table and is_log else None
    return Size(
        name,
        sum(file.rows for file in files),
        len(files),
        sum(file.bytes for file in files),
        state.loaded_at if state else None,
        state.pending if state else (),
    )


def sizes(warehouse: Warehouse) -> list[Size]:
    """What each table takes."""
    return [size(warehouse, name) for name in warehouse.tables]
