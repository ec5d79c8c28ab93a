"""Letting old months leave the log.

The months to keep are counted from the newest month that has events, or from the clock where that is
earlier: a clock that stands wrong lets nothing go. Here: which months leave. Not here: how one does
(months/leaving.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.database import query_one
from soleflip_assets.history.log import KEY, LOGS, HistoryError, state_of
from soleflip_assets.months.archive import require_parquet
from soleflip_assets.months.leaving import Leaving, archive_path, half_way, let_go
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import TableName, list_months


@dataclass(frozen=True)
class Pruned:
    """What a prune did.

    Attributes:
        months: those that left; in a dry run those that would.
        rows: the events in them.
        bytes: of the files that keep them.
    """

    months: Sequence[str]
    rows: int = 0
    bytes: int = 0


def prune(
    deployer: Deployer,
    keep_months: int | None,
    folder: Path,
    *,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Pruned:
    """Archive and drop the months that are older than they are to be kept.

    Args:
        deployer: the owner; nobody else prunes meanwhile.
        keep_months: how many months stay before the present one; None keeps all.
        folder: of the archives.
        dry_run: only say which would leave.
        now: the clock, if it is not to be the server's.

    Raises:
        ArchiveError: a file does not hold what it should; that month stays.
        ConfigurationError: there is no Parquet, or no room for the file.
        HistoryError: there is no log.
        LockedOutError: somebody holds a month for too long.
    """
    connection = deployer.connection
    state = state_of(connection)
    if not state.has_tables:
        raise HistoryError("There is no log here: install it with `soleflip history install`.")
    leaving = list(_leaving(connection, keep_months, now or state.now))
    months = [str(one) for one in leaving]
    if not leaving:
        why = "everything is kept" if keep_months is None else "no month is old enough"
        deployer.log(f"nothing leaves: {why}")
    if dry_run or not leaving:
        for month in months:
            deployer.log(f"would archive and drop {month}")
        return Pruned(months)
    require_parquet()
    archives = []
    for one in leaving:
        archive = let_go(connection, one, KEY, archive_path(connection, folder, one))
        deployer.log(f"{one} left: {archive.digest.rows:,} events are in {archive.path}")
        archives.append(archive)
    return Pruned(
        months,
        sum(archive.digest.rows for archive in archives),
        sum(archive.bytes for archive in archives),
    )


def _leaving(connection: Connection, keep_months: int | None, now: datetime) -> Iterator[Leaving]:
    """What a prune died at, whatever is kept; then the months that are too old, oldest first."""
    newest = _newest(connection, now)
    for log in LOGS:
        yield from half_way(connection, log)
        for one in list_months(connection, log):
            if keep_months is None or newest is None or one.month is None or one.detach_pending:
                continue
            if newest - one.month > keep_months:
                yield Leaving(log, one.month, one.table)


def _newest(connection: Connection, now: datetime) -> Month | None:
    """The newest month with events of either log, or the present one where that is earlier; None without."""
    months = sorted(
        {one.month for log in LOGS for one in list_months(connection, log) if one.month},
        reverse=True,
    )
    for month in months:
        if any(_has_rows(connection, log.partition(month)) for log in LOGS):
            return min(month, Month.of(now))
    return None


def _has_rows(connection: Connection, table: TableName) -> bool:
    if not query_one(connection, "months/is_partition.sql", table=str(table))["is_partition"]:
        return False
    statement = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table.identifier)
    return bool(connection.exec_driver_sql(statement.as_string()).scalar_one())
