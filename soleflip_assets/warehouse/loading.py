"""Loading: every event once, whatever dies on the way.

A log's table always says of itself what it holds: the events that a snapshot sees, but those of the months
that are pending. A load makes the pending months right, one commit each, and then adds what a new snapshot
sees, in one more. So a full load is a table with every month pending; a repair, one with some; and each may
be killed at any line and resumes from the last commit. What is new in all tables is read in one snapshot of
the shop, and when all of it is committed, the warehouse is told that it belongs together. A table in which
nothing is new is not written. Not here: reading the shop (shop.py), committing (store.py).
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import pyarrow as pa
from pyiceberg.manifest import DataFile

from soleflip_assets.warehouse.arrow import schema_of
from soleflip_assets.warehouse.shop import Found, LogReading, Reading, Shop
from soleflip_assets.warehouse.state import LogState, TableState
from soleflip_assets.warehouse.store import RAW, StoredFile, StoredTable, Warehouse, WarehouseError
from soleflip_assets.warehouse.tables import EVENT_TIME, LOGS, SHOP_TABLES, Log, ShopTable

Tell = Callable[[str], None]

Again = Mapping[str, Collection[str] | None]
"""What is loaded again, by the table's name: months of a log, or None for all that the shop has of it."""

NOTHING: Again = MappingProxyType({})


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


def load(warehouse: Warehouse, shop: Shop, tell: Tell, again: Again = NOTHING) -> Iterator[Loaded]:
    """Bring every table up to now, alone.

    Args:
        warehouse: that is written to.
        shop: that is read.
        tell: gets a line for what takes long or is out of the ordinary.
        again: what is loaded again, whatever is there.

    Raises:
        WarehouseError: there is nothing to load from, or somebody else is at it.
    """
    with warehouse.held(tell), shop.connected():
        logs = [_LogLoad(warehouse, shop, log, tell) for log in LOGS]
        for log in logs:
            log.catch_up(again.get(log.name, ()))
        # In a transaction of its own: the counters must be older than the rows, or what is committed in
        # between is counted and never read.
        with shop.reading() as reading:
            found = [(table, reading.find(table)) for table in SHOP_TABLES]
        for table, there in found:
            if there.no_times:
                tell(
                    f"raw.{table.name}: no time can be read from {', '.join(there.no_times)}: unknown"
                )
        with shop.reading() as reading:
            readings = [reading.of(log) for log in LOGS]
            staged = [log.stage(there) for log, there in zip(logs, readings, strict=True)]
            staged += [
                _staged(warehouse, reading, table, there, again=table.name in again)
                for table, there in found
            ]
        for each in staged:
            yield each.commit()
        warehouse.finish_load(readings[0].taken_at, [each.table for each in staged])


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
    names = [log.name for log in LOGS] + [table.name for table in SHOP_TABLES]
    return load(warehouse, shop, tell, dict.fromkeys(names, months))


@dataclass(frozen=True)
class _Staged:
    """What a load has read of a table and is to commit.

    Attributes:
        loaded: what is told of it; the seconds are those until here.
        table: that is committed to.
        add: files, written already.
        remove: files that go.
        properties: what the commit says of itself; None where nothing is new, and nothing is committed.
    """

    loaded: Loaded
    table: StoredTable
    add: Sequence[DataFile] = ()
    remove: Sequence[StoredFile] = ()
    properties: Mapping[str, str] | None = None

    def commit(self) -> Loaded:
        began = time.monotonic()
        if self.properties is not None:
            self.table.commit(add=self.add, remove=self.remove, properties=self.properties)
        return replace(self.loaded, seconds=self.loaded.seconds + time.monotonic() - began)


class _LogLoad:
    """The load of one log.

    Args:
        warehouse: that is written to, by nobody else meanwhile.
        shop: that is read.
        log: which.
        tell: gets a line for each month, and for what is out of the ordinary.
    """

    _table: StoredTable
    _state: LogState

    def __init__(self, warehouse: Warehouse, shop: Shop, log: Log, tell: Tell) -> None:
        self._warehouse = warehouse
        self._shop = shop
        self._log = log
        self._stored_name = f"{RAW}.{log.name}"
        self._tell = tell
        self._rows = 0
        self._seconds = 0.0

    @property
    def name(self) -> str:
        """The log's."""
        return self._log.name

    def catch_up(self, again: Collection[str] | None) -> None:
        """Make the pending months right.

        Args:
            again: months that are to be loaded again; None for all that the shop has.
        """
        began = time.monotonic()
        with self._shop.reading() as reading:
            self._table, self._state = self._opened(reading.of(self._log), again)
        months = self._state.pending
        for number, month in enumerate(months, 1):
            self._state = self._reload(month, f"{number} of {len(months)}")
        self._seconds = time.monotonic() - began

    def stage(self, found: LogReading) -> _Staged:
        """Write what this snapshot sees and the state's did not; to be committed."""
        began = time.monotonic()
        files = self._write(self._continued(found).since(self._state.snapshot))
        # A snapshot that sees nothing new is as good as the one before.
        is_news = bool(files) or self._state != LogState.of(self._table.properties)
        now = replace(self._state, snapshot=found.snapshot, loaded_at=found.taken_at)
        seconds = self._seconds + time.monotonic() - began
        snapshot = (now if is_news else self._state).snapshot
        loaded = Loaded(self._log.name, self._rows, seconds, snapshot)
        properties = now.properties if is_news else None
        return _Staged(loaded, self._table, files, properties=properties)

    def _opened(
        self, found: LogReading, again: Collection[str] | None
    ) -> tuple[StoredTable, LogState]:
        """The table, and a state that means something in this shop; a new one where there was none."""
        name = self._stored_name
        table = self._warehouse.find(name)
        state = LogState.of(table.properties) if table else None
        if table and state and not state.source.is_same_database(found.source):
            aside = self._warehouse.set_aside(name)
            self._tell(
                f"{name} was loaded from another database, {state.source.database} of server "
                f"{state.source.system_identifier}: loading all of {found.source.database}. What there was "
                f"is now {aside}."
            )
            table = state = None
        if table is None:
            table = self._warehouse.create(
                name, schema_of(self._log.columns), by_month_of=EVENT_TIME
            )
        whole = LogState(found.source, found.snapshot, found.taken_at, tuple(found.months))
        if state is None:
            self._tell(f"{name} is empty: loading all of it")
            wanted = whole
        elif not found.source.can_continue(state.source):
            self._tell(
                f"The log of {found.source.database} is another one than was loaded: its server took over "
                "from another one, was restored, or the history was installed again. Loading all of it again."
            )
            wanted = _with_months(whole, {file.month for file in table.files})
        else:
            wanted = _with_months(state, whole.pending if again is None else again)
        if wanted != state:
            table.commit(properties=wanted.properties)
        return table, wanted

    def _reload(self, month: str, progress: str) -> LogState:
        """Let a month hold what the state's snapshot sees of it."""
        table, state, name = self._table, self._state, self._stored_name
        done = replace(state, pending=tuple(left for left in state.pending if left != month))
        with self._shop.reading() as reading:
            found = self._continued(reading.of(self._log))
            if not found.months or month < found.months[0]:
                self._tell(f"{name} {month}: the shop no longer has it; it stays as it is")
                return done
            files = self._write(found.month(month, state.snapshot))
        held = [file for file in table.files if file.month == month]
        # Where nothing changes, the next commit says so, too.
        if files or held:
            table.commit(add=files, remove=held, properties=done.properties)
        rows = sum(file.record_count for file in files)
        self._tell(f"{name} {month}: {rows:,} rows ({progress} months)")
        return done

    def _continued(self, found: LogReading) -> LogReading:
        """The log, if it is still the one that the state is about.

        Raises:
            WarehouseError: it is another one: the server was replaced while it was read.
        """
        if not found.source.can_continue(self._state.source):
            raise WarehouseError(
                "The server was replaced by another one during the load: run it again."
            )
        return found

    def _write(self, batches: Iterable[pa.Table]) -> list[DataFile]:
        files: list[DataFile] = []
        for batch in batches:
            files += self._table.write(batch)
            self._rows += batch.num_rows
        return files


def _with_months(state: LogState, months: Iterable[str]) -> LogState:
    return replace(state, pending=tuple(sorted({*state.pending, *months})))


def _staged(
    warehouse: Warehouse, reading: Reading, table: ShopTable, found: Found, *, again: bool
) -> _Staged:
    """Write what a table of the application's holds, unless nothing was written to that; to be committed.

    Args:
        warehouse: that is written to, by nobody else meanwhile.
        reading: of the shop.
        table: which.
        found: how it was found, in an earlier transaction.
        again: even then.
    """
    began = time.monotonic()
    name = f"{RAW}.{table.name}"
    stored = warehouse.find(name) or warehouse.create(name, schema_of(table.columns))
    state = TableState.of(stored.properties)
    if not again and state and found.version and state.version == found.version:
        return _Staged(Loaded(table.name, 0, time.monotonic() - began), stored)
    files: list[DataFile] = []
    for batch in reading.rows(table, found):
        files += stored.write(batch)
    rows = sum(file.record_count for file in files)
    loaded = Loaded(table.name, rows, time.monotonic() - began)
    return _Staged(loaded, stored, files, stored.files, TableState(found.version).properties)
