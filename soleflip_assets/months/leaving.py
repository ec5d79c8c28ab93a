"""A month that leaves its table: archived, detached, compared once more, dropped.

It is written to Parquet and read back while it is still part of the table; only then is it detached, and
dropped only where it is then what the file holds. Who dies in between leaves the month, or its file and the
month; done again, it resumes. Here: the order, the record of it, and where files lie. Not here: which months
leave (history/, partitioning/).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.ground.database import (
    execute_statement,
    query_file,
    query_one,
    roll_back_block,
)
from soleflip_assets.ground.retrying import retrying
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.months.archive import (
    Archive,
    Digest,
    archive_table,
    digest_of_file,
    digest_of_table,
)
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import (
    TableName,
    begin_with_lock_timeout,
    detach_month,
    list_months,
)

# The step that makes inventory_ops.archived_month; who uses this applies it first.
ARCHIVE_RECORD = SqlFile("months/months_20_archive.sql")

# Nobody uses what is detached but who looks at it by its own name.
_LOCK_TIMEOUT = "500ms"


@dataclass(frozen=True)
class Leaving:
    """A month that is to leave.

    Attributes:
        parent: the table that it is part of, or was.
        month: which.
        table: where its rows are.
    """

    parent: TableName
    month: Month
    table: TableName

    def __str__(self) -> str:
        return f"{self.table.name} ({self.month})"


def half_way(connection: Connection, parent: TableName) -> list[Leaving]:
    """The months at which somebody died: detached and not dropped, or being detached."""
    rows = query_file(connection, "months/left_behind.sql", relation=parent.plain, name=parent.name)
    detached = [TableName(parent.schema, row["name"]) for row in rows]
    pending = [one.table for one in list_months(connection, parent) if one.detach_pending]
    return [
        Leaving(parent, Month.parse(table.name.rpartition("_")[2]), table)
        for table in [*detached, *pending]
    ]


def let_go(connection: Connection, leaving: Leaving, key: Sequence[str], path: Path) -> Archive:
    """Archive a month and drop it; nobody who reads or writes the others waits.

    Args:
        connection: the owner's, one that runs each statement by itself, outside of any transaction.
        leaving: the month.
        key: columns that order its rows, no two alike.
        path: of the file.

    Raises:
        ArchiveError: the file does not hold what it should; the month stays.
        ConfigurationError: there is no Parquet, or no room for the file.
        LockedOutError: somebody holds the month, or the table, for too long.
    """
    archive = _recorded(connection, leaving) or archive_month(connection, leaving, key, path)
    detach_month(connection, leaving.parent, leaving.table)
    # From here on nobody can write to it. What came since, from a clock that stood wrong, is archived now.
    if digest_of_table(connection, leaving.table, key) != archive.digest:
        archive = archive_month(connection, leaving, key, path)
    drop_archived(connection, leaving)
    return archive


def archive_path(connection: Connection, folder: Path, leaving: Leaving) -> Path:
    """Where a month's file is to lie: by database and schema, whatever these are called.

    A month that left before and was made again gets a file beside the one that holds what left then.

    Args:
        connection: the database.
        folder: of all archives.
        leaving: the month.
    """
    database = str(query_one(connection, "monitoring/server.sql")["database"])
    name = leaving.table.name.removesuffix("_detached")
    usual = folder / _safe(database) / _safe(leaving.table.schema) / f"{_safe(name)}.parquet"
    for row in query_file(connection, "months/archived.sql", relation=leaving.parent.plain):
        if row["month"] != leaving.month.first_day:
            continue
        if row["dropped_at"] is not None:
            numbered = (usual.with_stem(f"{usual.stem}_{number}") for number in count(2))
            return next(path for path in chain([usual], numbered) if not path.exists())
        # Of one that has not left yet, the file may be written again.
        recorded = Path(row["path"])
        return recorded if recorded.parent == usual.parent else usual
    return usual


def _safe(name: str) -> str:
    """A name of the database's as one of a file, no two alike."""
    return "".join(
        letter if letter.isalnum() or letter in "-_" else f"%{ord(letter):X}%" for letter in name
    )


def _recorded(connection: Connection, leaving: Leaving) -> Archive | None:
    """The archive that somebody finished who died later, if its file is still what was proven."""
    for row in query_file(connection, "months/archived.sql", relation=leaving.parent.plain):
        path, digest = Path(row["path"]), Digest(row["rows"], row["sha256"])
        if (
            row["month"] == leaving.month.first_day
            and row["dropped_at"] is None
            and path.is_file()
            and digest_of_file(path) == digest
        ):
            return Archive(path, path.stat().st_size, digest)
    return None


def archive_month(
    connection: Connection, leaving: Leaving, key: Sequence[str], path: Path
) -> Archive:
    """Write a month to a file, prove that, and record it.

    Raises:
        ArchiveError: the file does not hold what it should.
        ConfigurationError: there is no Parquet, or no room for the file.
    """
    archive = archive_table(connection, leaving.table, key, path)
    query_one(
        connection,
        "months/record_archive.sql",
        relation=leaving.parent.plain,
        month=leaving.month.first_day,
        file=str(archive.path),
        rows=archive.digest.rows,
        bytes=archive.bytes,
        sha256=archive.digest.sha256,
    )
    return archive


def drop_archived(connection: Connection, leaving: Leaving) -> None:
    """Drop a month that was archived and detached, in one transaction with the record of it; never CASCADE.

    Raises:
        LockedOutError: somebody holds it for too long.
    """
    retrying(lambda _: _drop(connection, leaving))


def _drop(connection: Connection, leaving: Leaving) -> None:
    begin_with_lock_timeout(connection, _LOCK_TIMEOUT)
    try:
        drop = sql.SQL("DROP TABLE {}").format(leaving.table.identifier)
        execute_statement(connection, drop.as_string())
        query_one(
            connection,
            "months/record_drop.sql",
            relation=leaving.parent.plain,
            month=leaving.month.first_day,
        )
        execute_statement(connection, "COMMIT")
    except BaseException:
        roll_back_block(connection)
        raise
