"""The tables as they are stored: Iceberg, in a folder or an object store, their catalog in PostgreSQL.

Here: reading one, and committing to one. Not here: which tables there are (tables.py), what is written into
them (loading.py, and the marts), or how they are asked (engine.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self, cast
from uuid import uuid4

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.conversions import from_bytes
from pyiceberg.exceptions import CommitFailedException, NoSuchNamespaceError, NoSuchTableError
from pyiceberg.io import PY_IO_IMPL, FileIO, load_file_io
from pyiceberg.io.pyarrow import PyArrowFileIO, _dataframe_to_data_files, schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.transforms import MonthTransform
from pyiceberg.types import PrimitiveType
from pyiceberg.utils.config import Config
from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.ground import deadlines
from soleflip_assets.ground.database import query_one, run_file, run_statement
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import create_database_engine, require_own_session
from soleflip_assets.ground.settings import DAGSTER_STORAGE_URL, Settings
from soleflip_assets.warehouse.files import IMPLEMENTATION

RAW = "raw"
"""The namespace of what is loaded from the shop."""

_NAME = "soleflip"
_SCHEMA = "warehouse"
_MONTH = "month"
_EPOCH_YEAR = 1970
_BATCH_ROWS = 250_000

# Of the namespace of what is loaded: when the last load was, and the snapshot of each table that it left.
_LOADED_AT = "soleflip.loaded_at"
_SNAPSHOT_OF = "soleflip.snapshot."

_PROPERTIES = {
    "format-version": "2",
    # pyiceberg tries a refused commit again on top of the other one: two loads would both be accepted.
    "commit.retry.num-retries": "0",
    # An hourly load adds a manifest each time, and whoever plans a query reads all of them.
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    # DuckDB gives each processor a row group; pyiceberg would put a million rows into one.
    "write.parquet.row-group-limit": "131072",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


class WarehouseError(Exception):
    """Something in the warehouse is not as the work needs it; one sentence that says what to do."""


class _Catalog(SqlCatalog):
    """pyiceberg's catalog of tables, on sessions of ours and in a schema of its own.

    Args:
        url: the database.
        properties: where tables go, and how files are reached.
    """

    def __init__(self, url: URL, **properties: str) -> None:
        # Not SqlCatalog's own: it opens an engine without our settings, deadlines and TLS, and wants the
        # password among the properties, which go to each table's files.
        MetastoreCatalog.__init__(self, _NAME, **properties)
        self.engine = self._opens = create_database_engine(url, search_path=f"{_SCHEMA}, pg_temp")
        with self._opens.begin() as connection:
            if not query_one(connection, "warehouse/has_catalog.sql")["there"]:
                run_file(connection, "warehouse/catalog.sql")
        self._init_catalog()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Keep one connection for the length of the block; else each look opens one, in 10 ms at best."""
        if self.engine is not self._opens:
            yield
            return
        with self._opens.connect() as connection:
            # SQLAlchemy's sessions, which are all that it is asked for, take either.
            self.engine = cast("Engine", connection)
            try:
                yield
            finally:
                self.engine = self._opens


@dataclass(frozen=True)
class StoredFile:
    """One Parquet file of a table.

    Attributes:
        path: or URI.
        month: ``YYYY-MM`` of what is in it; empty where the table is not partitioned.
        rows: in it.
        bytes: its size.
        file: as pyiceberg knows it.
    """

    path: str
    month: str
    rows: int
    bytes: int
    file: DataFile


@dataclass(frozen=True)
class LastLoad:
    """What the last load left that was finished: which snapshots belong together.

    A load commits table by table. Whoever reads several of them while it does so, or after it died, reads
    what belongs together, by this.

    Attributes:
        at: as of when the tables hold what they hold, by the shop's clock.
        snapshots: Iceberg's number of a table's snapshot, by the table's name.
    """

    at: datetime
    snapshots: Mapping[str, int]


class StoredTable:
    """One table, as of one snapshot of it.

    Args:
        table: pyiceberg's.
        as_of: the number of the snapshot; None for the newest, on which alone can be committed.
    """

    def __init__(self, table: Table, as_of: int | None = None) -> None:
        self._table = table
        self._as_of = as_of

    @property
    def _snapshot(self) -> Snapshot | None:
        if self._as_of is not None:
            return self._table.snapshot_by_id(self._as_of)
        return self._table.current_snapshot()

    @property
    def snapshot_id(self) -> int | None:
        """Iceberg's number of the snapshot; None where nothing was committed yet."""
        return self._snapshot.snapshot_id if self._snapshot else None

    @property
    def properties(self) -> Mapping[str, str]:
        """What the commit was told to say of itself."""
        snapshot = self._snapshot
        if snapshot is None or snapshot.summary is None:
            return {}
        said = snapshot.summary.additional_properties
        return {name: value for name, value in said.items() if name.startswith(f"{_NAME}.")}

    @property
    def schema(self) -> pa.Schema:
        """The columns as Arrow has them, and text as others write it (pyiceberg: a large one)."""
        found = schema_to_pyarrow(self._table.schema(), include_field_ids=False)
        return pa.schema(
            {
                field.name: pa.string() if field.type == pa.large_string() else field.type
                for field in found
            }.items()
        )

    @property
    def iceberg(self) -> Table:
        """As pyiceberg has it, for upkeep."""
        return self._table

    @property
    def files(self) -> list[StoredFile]:
        """The files that hold what the table holds."""
        scan = self._table.scan(snapshot_id=self._as_of)
        return [_stored(task.file) for task in scan.plan_files()]

    def earliest(self, column: str) -> Any:
        """The least value of a column, as the files say of themselves; None where there is no row."""
        field = self._table.schema().find_field(column)
        assert isinstance(field.field_type, PrimitiveType)
        bounds = [
            from_bytes(field.field_type, found)
            for stored in self.files
            if (found := stored.file.lower_bounds.get(field.field_id)) is not None
        ]
        return min(bounds, default=None)

    def batches(self, files: Sequence[StoredFile]) -> Iterator[pa.Table]:
        """What files hold, a few hundred thousand rows at a time."""
        found = dataset(self._table.io, [file.path for file in files], self.schema)
        rows: list[pa.RecordBatch] = []
        for batch in found.to_batches():
            rows.append(batch)
            if sum(part.num_rows for part in rows) >= _BATCH_ROWS:
                yield pa.Table.from_batches(rows, self.schema)
                rows = []
        if rows:
            yield pa.Table.from_batches(rows, self.schema)

    def read(self) -> pa.Table:
        """All of it, in memory."""
        found: pa.Table = self._table.scan(snapshot_id=self._as_of).to_arrow()
        return found

    def write(self, rows: pa.Table) -> list[DataFile]:
        """Write files, one for each month of the rows; they belong to nothing until they are committed."""
        return list(_dataframe_to_data_files(self._table.metadata, rows, self._table.io))

    def commit(
        self,
        *,
        add: Sequence[DataFile] = (),
        remove: Sequence[StoredFile] = (),
        properties: Mapping[str, str],
    ) -> None:
        """Take files in and out, and keep properties, in one commit: all of it or nothing.

        Raises:
            WarehouseError: somebody else has committed since the table was opened.
        """
        transaction = self._table.transaction()
        update = transaction.update_snapshot(snapshot_properties=dict(properties))
        try:
            with update.overwrite() if remove else update.merge_append() as snapshot:
                for stored in remove:
                    snapshot.delete_data_file(stored.file)
                for file in add:
                    snapshot.append_data_file(file)
            transaction.commit_transaction()
        except CommitFailedException as error:
            raise WarehouseError(
                f"Somebody else wrote to {'.'.join(self._table.name())} meanwhile; nothing of this was "
                "written. Run it again."
            ) from error


class Warehouse:
    """The stored tables.

    Args:
        folder: the path of a folder, or the URI of an object store, that holds the files.
        catalog: the database that knows the tables: Dagster's storage.
    """

    def __init__(self, folder: str, catalog: URL) -> None:
        self.folder = folder
        self._url = catalog
        # How an object store is reached is pyiceberg's to know: its variables, or ~/.pyiceberg.yaml.
        known = Config().get_catalog_config(_NAME) or {}
        self._catalog = _Catalog(
            catalog,
            **{name: str(value) for name, value in known.items()}
            | {"warehouse": folder, PY_IO_IMPL: IMPLEMENTATION},
        )

    @classmethod
    def from_environment(cls) -> Self:
        """The one that the environment names.

        Raises:
            ConfigurationError: it names none, or one that cannot be reached.
        """
        settings = Settings.from_environment()
        if settings.dagster_storage_url is None:
            raise ConfigurationError(
                f"{DAGSTER_STORAGE_URL} is not set: the warehouse's catalog lies in Dagster's storage."
            )
        return cls(settings.warehouse_folder, settings.dagster_storage_url)

    @property
    def tables(self) -> list[str]:
        """The tables there are, as ``namespace.table``."""
        return sorted(
            ".".join(table)
            for namespace in self._catalog.list_namespaces()
            for table in self._catalog.list_tables(namespace)
        )

    @property
    def last_load(self) -> LastLoad | None:
        """What the last load left that was finished; None where none was."""
        try:
            said = self._catalog.load_namespace_properties(RAW)
        except NoSuchNamespaceError:
            return None
        if _LOADED_AT not in said:
            return None
        snapshots = {
            f"{RAW}.{key.removeprefix(_SNAPSHOT_OF)}": int(number)
            for key, number in said.items()
            if key.startswith(_SNAPSHOT_OF)
        }
        return LastLoad(datetime.fromisoformat(said[_LOADED_AT]), snapshots)

    def finish_load(self, at: datetime, tables: Iterable[StoredTable]) -> None:
        """Say that tables, as they are now, belong together: who opens an engine reads them so, all at once.

        Args:
            at: as of when they hold what they hold.
            tables: all that are loaded.
        """
        snapshots = {
            f"{_SNAPSHOT_OF}{table.iceberg.name()[-1]}": str(table.snapshot_id) for table in tables
        }
        self._catalog.update_namespace_properties(
            RAW, updates={_LOADED_AT: at.isoformat(), **snapshots}
        )

    def find(self, name: str, load: LastLoad | None = None) -> StoredTable | None:
        """A table by its name, ``raw.brand``; None where there is none yet.

        Args:
            name: with its namespace.
            load: that left it as it is wanted; where it left none that is still there, the newest is given.
        """
        with suppress(NoSuchTableError):
            table = self._catalog.load_table(name)
            left = load.snapshots.get(name) if load else None
            is_there = left is not None and table.snapshot_by_id(left) is not None
            return StoredTable(table, left if is_there else None)
        return None

    def read(self, name: str) -> pa.Table:
        """All of a table, in memory.

        Raises:
            WarehouseError: there is no such table.
        """
        if (table := self.find(name)) is None:
            raise WarehouseError(
                f"The warehouse has no table {name} yet: run `soleflip warehouse load`."
            )
        return table.read()

    def replace(
        self, name: str, rows: pa.Table, properties: Mapping[str, str] | None = None
    ) -> StoredTable:
        """Let a table hold these rows and no others; readers see the old ones until all of them are there.

        Args:
            name: ``marts.value_by_day``; made if it is not there, and anew if its columns are others.
            rows: what it is to hold.
            properties: what the commit says of itself.
        """
        table = self.find(name)
        if table is not None and table.schema != rows.schema:
            self._catalog.purge_table(name)
            table = None
        table = table or self.create(name, rows.schema)
        files = table.write(rows) if rows.num_rows else []
        table.commit(add=files, remove=table.files, properties=properties or {})
        return table

    def dataset(self, paths: Sequence[str], schema: pa.Schema) -> Any:
        """Files as one dataset of Arrow, wherever they lie; nothing is read yet.

        Args:
            paths: or URIs.
            schema: of all of them.
        """
        return dataset(load_file_io(dict(self._catalog.properties), paths[0]), paths, schema)

    def create(
        self, name: str, schema: pa.Schema, *, by_month_of: str | None = None
    ) -> StoredTable:
        """Make a table.

        Args:
            name: ``raw.stock_event``.
            schema: its columns.
            by_month_of: the column by whose months, in UTC, it is partitioned.
        """
        namespace, _, short = name.partition(".")
        self._catalog.create_namespace_if_not_exists(namespace)
        # A folder of its own each time: what was set aside under this name keeps its files.
        location = f"{self.folder}/{namespace}/{short}-{uuid4().hex[:8]}"
        with self._catalog.create_table_transaction(
            name, schema, location=location, properties=_PROPERTIES
        ) as transaction:
            if by_month_of:
                with transaction.update_spec() as spec:
                    spec.add_field(by_month_of, MonthTransform(), _MONTH)
        return StoredTable(self._catalog.load_table(name))

    def set_aside(self, name: str) -> str:
        """Take a table's name away from it; its rows stay, under the name that is returned."""
        aside = f"{name}_aside_{uuid4().hex[:8]}"
        self._catalog.rename_table(name, aside)
        return aside

    def connected(self) -> AbstractContextManager[None]:
        """Keep one connection to the catalog, for what asks it often."""
        return self._catalog.connected()

    @contextmanager
    def held(self, tell: Callable[[str], None], what: str = "warehouse") -> Iterator[None]:
        """Write alone, for the length of the block. Two that commit at once would refuse each other's work.

        Args:
            tell: gets a sentence where somebody else is at it.
            what: is written: ``warehouse``, what is loaded, or ``marts``, what is made of it, which may be
                done side by side.

        Raises:
            WarehouseError: somebody else has been at it for longer than that takes.
        """
        held = f"soleflip {what}"
        engine = create_database_engine(
            self._url, lock_timeout=deadlines.WAREHOUSE_LOCK.milliseconds
        )
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            require_own_session(connection)
            if not query_one(connection, "warehouse/try_hold.sql", what=held)["held"]:
                tell(f"somebody else writes the {what}: waiting until that is done")
                try:
                    run_statement(connection, "warehouse/hold.sql", what=held)
                except DBAPIError as error:
                    raise WarehouseError(
                        f"Somebody else has been writing the {what} for {deadlines.WAREHOUSE_LOCK.number} "
                        f"{deadlines.WAREHOUSE_LOCK.unit}: see its run in the UI, and try again."
                    ) from error
            with self.connected():
                yield


def dataset(io: FileIO, paths: Sequence[str], schema: pa.Schema) -> Any:
    """Files as one dataset of Arrow; nothing is read yet.

    Args:
        io: how they are reached.
        paths: or URIs.
        schema: of all of them.
    """
    return ds.dataset(
        [place(path) for path in paths],
        schema=schema,
        format="parquet",
        filesystem=file_system(io, paths[0]),
    )


def place(path: str) -> str:
    """A path or URI as its file system takes it."""
    found: str = PyArrowFileIO.parse_location(path)[2]
    return found


def file_system(io: FileIO, path: str) -> Any:
    """Arrow's file system that a path or URI lies on."""
    assert isinstance(io, PyArrowFileIO)
    scheme, host, _ = PyArrowFileIO.parse_location(path)
    return io.fs_by_scheme(scheme, host)


def _stored(file: DataFile) -> StoredFile:
    return StoredFile(
        path=file.file_path,
        month=_month(file.partition[0]) if len(file.partition) else "",
        rows=file.record_count,
        bytes=file.file_size_in_bytes,
        file=file,
    )


def _month(number: Any) -> str:
    """``YYYY-MM`` of Iceberg's months since 1970."""
    return f"{date(_EPOCH_YEAR + number // 12, number % 12 + 1, 1):%Y-%m}"
