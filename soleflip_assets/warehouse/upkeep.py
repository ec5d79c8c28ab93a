"""Keeping the warehouse small: many small files become few, old snapshots expire, stray files go.

Here: what may go. Not here: when (jobs.py). A dead load leaves files that no commit names; a repaired month
leaves those that older snapshots name, until they expire.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyarrow import fs

from soleflip_assets.warehouse.store import StoredTable, Warehouse, file_system, place

# An hourly load adds one a month: a day's are worth a rewrite, which takes a fifth of a second.
_MANY_FILES = 8
# Files of this size are read as fast as larger ones.
_LARGE_BYTES = 32 * 1024 * 1024

# Somebody may be writing it, to commit it in a moment.
_STRAY_AFTER = timedelta(days=1)
_OURS = re.compile(r"/(data|metadata)/.*\.(parquet|avro|metadata\.json)$")


@dataclass(frozen=True)
class Kept:
    """What upkeep did to one table.

    Attributes:
        name: the table's.
        files_compacted: small files that became fewer.
        snapshots_expired: older states that can no longer be read.
        files_deleted: that nothing names any more.
        bytes_freed: their size.
    """

    name: str
    files_compacted: int
    snapshots_expired: int
    files_deleted: int
    bytes_freed: int


def keep(
    warehouse: Warehouse, days: int, tell: Callable[[str], None], *, now: datetime | None = None
) -> Iterator[Kept]:
    """Compact, expire and delete, table by table, while nobody loads.

    Args:
        warehouse: whose tables.
        days: how long a former state can be read.
        tell: gets a sentence where somebody loads.
        now: what the age is counted to.
    """
    now = now or datetime.now(UTC)
    with warehouse.held(tell), warehouse.held(tell, "marts"):
        for name in warehouse.tables:
            compacted = _compacted(warehouse, name)
            yield Kept(
                name,
                compacted,
                _expire(warehouse, name, now - timedelta(days=days)),
                *_delete_strays(_opened(warehouse, name), now - _STRAY_AFTER),
            )


def _opened(warehouse: Warehouse, name: str) -> StoredTable:
    table = warehouse.find(name)
    assert table is not None
    return table


def _compacted(warehouse: Warehouse, name: str) -> int:
    table = _opened(warehouse, name)
    last, before = warehouse.last_load, table.snapshot_id
    compacted = _compact(table)
    # It holds the same rows, so whoever reads what the last load left may read these files.
    if compacted and last and last.snapshots.get(name) == before:
        warehouse.finish_load(last.at, [table])
    return compacted


def _compact(table: StoredTable) -> int:
    """Rewrite each month of many small files; the rows stay the same, and so does what the commit says."""
    small = defaultdict(list)
    for file in table.files:
        if file.bytes < _LARGE_BYTES:
            small[file.month].append(file)
    compacted = 0
    for files in small.values():
        if len(files) < _MANY_FILES:
            continue
        added = [file for rows in table.batches(files) for file in table.write(rows)]
        table.commit(add=added, remove=files, properties=table.properties)
        compacted += len(files)
    return compacted


def _expire(warehouse: Warehouse, name: str, before: datetime) -> int:
    """Let go of older states, but not of the newest, or of what the last load left, which is read."""
    table, last = _opened(warehouse, name), warehouse.last_load
    stays = {table.snapshot_id, last.snapshots.get(name) if last else None}
    expired = [
        snapshot.snapshot_id
        for snapshot in table.iceberg.metadata.snapshots
        if snapshot.timestamp_ms < before.timestamp() * 1000 and snapshot.snapshot_id not in stays
    ]
    if expired:
        table.iceberg.maintenance.expire_snapshots().by_ids(expired).commit()
    return len(expired)


def _delete_strays(table: StoredTable, before: datetime) -> tuple[int, int]:
    location = table.iceberg.location()
    files = file_system(table.iceberg.io, location)
    named = {place(path) for path in _named(table)}
    deleted = freed = 0
    for found in files.get_file_info(fs.FileSelector(place(location), recursive=True)):
        if found.type != fs.FileType.File or found.path in named or found.mtime > before:
            continue
        if _OURS.search(found.path):
            files.delete_file(found.path)
            deleted, freed = deleted + 1, freed + found.size
    return deleted, freed


def _named(table: StoredTable) -> Iterator[str]:
    """Every file that a snapshot that can still be read is made of."""
    iceberg = table.iceberg
    yield iceberg.metadata_location
    for entry in iceberg.metadata.metadata_log:
        yield entry.metadata_file
    for snapshot in iceberg.metadata.snapshots:
        yield snapshot.manifest_list
        for manifest in snapshot.manifests(iceberg.io):
            yield manifest.manifest_path
            for item in manifest.fetch_manifest_entry(iceberg.io, discard_deleted=False):
                yield item.data_file.file_path
