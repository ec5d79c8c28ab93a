"""Loading: every event once, whatever dies on the way.

A log's table always says of itself what it holds: the events that a snapshot sees, but those of the months
that are pending. A load makes the pending months right, one commit each, and then adds what a new snapshot
sees, in one more. So a full load is a table with every month pending; a repair, one with some; and each may
be killed at any line and resumes from the last commit. Not here: reading the shop (shop.py), committing
(store.py).
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
from pyiceberg.manifest import DataFile

from soleflip_assets.warehouse.arrow import schema_of
from soleflip_assets.warehouse.shop import Found, LogReading, Shop
from soleflip_assets.warehouse.state import LogState, TableState
from soleflip_assets.warehouse.store import RAW, StoredTable, Warehouse, WarehouseError
from soleflip_assets.warehouse.tables import EVENT_TIME, LOGS, SHOP_TABLES, Log, ShopTable

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Loaded:
    """What a load did to one table.

    Attributes:
        name: the table's.
        rows: that were written.
        seconds: that it took.
        snapshot: of the shop that a log's table holds now; empty for a table that is loaded whole.
    """

    name: str
    rows: int
    seconds: float
    snapshot: str = ""


def load(warehouse: Warehouse, shop: Shop, tell: Tell) -> Iterator[Loaded]:
    """Bring every table up to now, one after the other, alone.

    Args:
        warehouse: that is written to.
        shop: that is read.
        tell: gets a line for what takes long or is out of the ordinary.

    Raises:
        WarehouseError: there is nothing to load from, or somebody else is at it.
    """
    with warehouse.held(tell):
        for log in LOGS:
            yield LogLoad(warehouse, shop, log, tell).run()
        yield from _load_tables(warehouse, shop, again=False)


def rebuild(
    warehouse: Warehouse, shop: Shop, tell: Tell, months: Collection[str] | None = None
) -> Iterator[Loaded]:
    """Load months again, whatever is there, and everything that is loaded whole.

    Args:
        warehouse: that is written to.
        shop: that is read.
        tell: gets a line for each month.
        months: which, as ``YYYY-MM``; None for all that the shop has.

    Raises:
        WarehouseError: there is nothing to load from, or somebody else is at it.
    """
    with warehouse.held(tell):
        for log in LOGS:
            yield LogLoad(warehouse, shop, log, tell).run(again=months, everything=months is None)
        yield from _load_tables(warehouse, shop, again=True)


def _load_tables(warehouse: Warehouse, shop: Shop, *, again: bool) -> Iterator[Loaded]:
    # In a transaction of its own: the counters must be older than the rows, or what is committed in between
    # is counted and never read.
    with shop.reading() as reading:
        found = {table.name: reading.find(table) for table in SHOP_TABLES}
    for table in SHOP_TABLES:
        yield load_table(warehouse, shop, table, found[table.name], again=again)


class LogLoad:
    """The load of one log.

    Args:
        warehouse: that is written to, by nobody else meanwhile.
        shop: that is read.
        log: which.
        tell: gets a line for each month, and for what is out of the ordinary.
    """

    def __init__(self, warehouse: Warehouse, shop: Shop, log: Log, tell: Tell) -> None:
        self._warehouse = warehouse
        self._shop = shop
        self._log = log
        self._name = f"{RAW}.{log.name}"
        self._tell = tell
        self._rows = 0

    def run(self, again: Collection[str] | None = None, *, everything: bool = False) -> Loaded:
        """Make the pending months right, then add what is new.

        Args:
            again: months that are to be loaded again.
            everything: all of them are.
        """
        began = time.monotonic()
        with self._shop.reading() as reading:
            table, state = self._opened(reading.of(self._log), again or (), everything=everything)
        months = state.pending
        for number, month in enumerate(months, 1):
            state = self._reload(table, state, month, f"{number} of {len(months)}")
        state = self._add(table, state)
        return Loaded(self._log.name, self._rows, time.monotonic() - began, state.snapshot)

    def _opened(
        self, found: LogReading, again: Collection[str], *, everything: bool
    ) -> tuple[StoredTable, LogState]:
        """The table, and a state that means something in this shop; a new one where there was none."""
        table = self._warehouse.find(self._name)
        state = LogState.of(table.properties) if table else None
        if table and state and not state.source.is_same_database(found.source):
            aside = self._warehouse.set_aside(self._name)
            self._tell(
                f"{self._name} was loaded from another database, {state.source.database} of server "
                f"{state.source.system_identifier}: loading all of {found.source.database}. What there was "
                f"is now {aside}."
            )
            table = state = None
        if table is None:
            table = self._warehouse.create(
                self._name, schema_of(self._log.columns), by_month_of=EVENT_TIME
            )
        whole = LogState(found.source, found.snapshot, found.taken_at, tuple(found.months))
        if state is None:
            self._tell(f"{self._name} is empty: loading all of it")
            wanted = whole
        elif not found.source.can_continue(state.source):
            self._tell(
                f"The log of {found.source.database} is another one than was loaded: its server took over "
                "from another one, was restored, or the history was installed again. Loading all of it again."
            )
            wanted = _with_months(whole, {file.month for file in table.files})
        else:
            wanted = _with_months(state, whole.pending if everything else again)
        if wanted != state:
            table.commit(properties=wanted.properties)
        return table, wanted

    def _reload(self, table: StoredTable, state: LogState, month: str, progress: str) -> LogState:
        """Let a month hold what the state's snapshot sees of it."""
        done = replace(state, pending=tuple(left for left in state.pending if left != month))
        with self._shop.reading() as reading:
            found = self._continued(reading.of(self._log), state)
            if not found.months or month < found.months[0]:
                self._tell(f"{self._name} {month}: the shop no longer has it; it stays as it is")
                return done
            files = self._write(table, found.month(month, state.snapshot))
        held = [file for file in table.files if file.month == month]
        # Where nothing changes, the next commit says so, too.
        if files or held:
            table.commit(add=files, remove=held, properties=done.properties)
        rows = sum(file.record_count for file in files)
        self._tell(f"{self._name} {month}: {rows:,} rows ({progress} months)")
        return done

    def _add(self, table: StoredTable, state: LogState) -> LogState:
        """Add what a new snapshot sees and the state's did not."""
        with self._shop.reading() as reading:
            found = self._continued(reading.of(self._log), state)
            files = self._write(table, found.since(state.snapshot))
            now = replace(state, snapshot=found.snapshot, loaded_at=found.taken_at)
        table.commit(add=files, properties=now.properties)
        return now

    def _continued(self, found: LogReading, state: LogState) -> LogReading:
        """The log, if it is still the one that the state is about.

        Raises:
            WarehouseError: it is another one: the server was replaced while it was read.
        """
        if not found.source.can_continue(state.source):
            raise WarehouseError(
                "The server was replaced by another one during the load: run it again."
            )
        return found

    def _write(self, table: StoredTable, batches: Iterable[pa.Table]) -> list[DataFile]:
        files: list[DataFile] = []
        for batch in batches:
            files += table.write(batch)
            self._rows += batch.num_rows
        return files


def _with_months(state: LogState, months: Iterable[str]) -> LogState:
    return replace(state, pending=tuple(sorted({*state.pending, *months})))


def load_table(
    warehouse: Warehouse, shop: Shop, table: ShopTable, found: Found, *, again: bool
) -> Loaded:
    """Let a table hold what the application's holds, unless nothing was written to that.

    Args:
        warehouse: that is written to, by nobody else meanwhile.
        shop: that is read.
        table: which.
        found: how it was found, in an earlier transaction.
        again: even then.
    """
    began = time.monotonic()
    name = f"{RAW}.{table.name}"
    stored = warehouse.find(name) or warehouse.create(name, schema_of(table.columns))
    state = TableState.of(stored.properties)
    if not again and state and found.version and state.version == found.version:
        return Loaded(table.name, 0, time.monotonic() - began)
    files: list[DataFile] = []
    with shop.reading() as reading:
        for batch in reading.rows(table, found):
            files += stored.write(batch)
    stored.commit(add=files, remove=stored.files, properties=TableState(found.version).properties)
    return Loaded(table.name, sum(file.record_count for file in files), time.monotonic() - began)
