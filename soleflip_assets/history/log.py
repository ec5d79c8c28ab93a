"""The log of stock and reservations: which tables and steps it is made of, its months, whether it is kept.

Here: what is known of it, and making its months. Not here: installing it (install.py), and letting months go
(prune.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from soleflip_assets.deploying import ledger
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import TableName, list_months, make_months

TABLES = SqlFile("history/history_10_tables.sql")
FUNCTIONS = SqlFile("history/history_20_functions.sql")
TRIGGERS = SqlFile("history/history_30_triggers.sql")

STOCK_EVENT = TableName("inventory_ops", "stock_event")
RESERVATION_EVENT = TableName("inventory_ops", "reservation_event")
LOGS = (STOCK_EVENT, RESERVATION_EVENT)

# What orders the events of a month, for its archive.
KEY = ("event_id", "occurred_at")

TRIGGER_COUNT = 8

# Three months without anybody who makes them: a quarter in which somebody reads the alert.
MONTHS_AHEAD = 3

# More at once is a clock that stands wrong, not a shop that slept.
_MOST_AT_ONCE = 24

_OVERFLOW_BATCH = 5_000

Log = Callable[[str], None]


class HistoryError(Exception):
    """The log cannot be installed, kept or pruned; the message says why and what to do."""


@dataclass(frozen=True)
class State:
    """What of the log is there.

    Attributes:
        has_tables: whether there are events.
        installed: whether somebody installed it and nobody removed it since.
        begun: whether somebody began to install it; so it also is where that died, or goes on.
        triggers: how many of its triggers are there and enabled.
        now: the server's clock.
    """

    has_tables: bool
    installed: bool
    begun: bool
    triggers: int
    now: datetime

    @property
    def complete(self) -> bool:
        """Whether every write is logged."""
        return self.installed and self.triggers == TRIGGER_COUNT


def state_of(connection: Connection) -> State:
    """Look."""
    row = query_one(connection, "history/state.sql")
    steps = ledger.entries(connection)
    return State(
        has_tables=row["has_tables"],
        installed=TRIGGERS.name in steps,
        begun=TABLES.name in steps,
        triggers=row["triggers"],
        now=row["now"],
    )


def events_of(connection: Connection, log: TableName, month: Month) -> RowMapping:
    """What is in a month of a log: whether it is there, rows, bytes, first and last event."""
    return query_one(
        connection,
        f"history/month_of_{log.name}.sql",
        begin=month.begin,
        end=month.end,
        partition=str(log.partition(month)),
    )


def months_wanted(found: Sequence[Month], now: datetime) -> list[Month]:
    """The months that a log should have: from its first one, or now, to three ahead.

    Args:
        found: those that it has.
        now: the server's clock.

    Raises:
        HistoryError: so many are missing that the clock must be wrong.
    """
    current = Month.of(now)
    first = min([*found, current])
    wanted = list(first.to(current + MONTHS_AHEAD))
    missing = [month for month in wanted if month not in found]
    if len(missing) > _MOST_AT_ONCE:
        raise HistoryError(
            f"The server's clock says {now:%Y-%m-%d}, for which {len(missing)} months would have to be made. "
            "If it stands wrong, set it right. If it is right, make the months by hand with "
            "inventory_ops.make_month(), a year at a time; what is written meanwhile is in the overflow."
        )
    return missing


def make_log_months(connection: Connection, now: datetime | None = None) -> list[str]:
    """Make the months that the logs should have, then move what met none into its month.

    Args:
        connection: one that runs each statement by itself, of the owner or the orchestrator.
        now: the server's clock, if it is not to be asked.

    Returns:
        The partitions that were made.

    Raises:
        HistoryError: the clock must be wrong.
        LockedOutError: somebody else changed a log for too long.
    """
    now = now or state_of(connection).now
    made = []
    for log in LOGS:
        found = [one.month for one in list_months(connection, log) if one.month]
        made += [
            str(log.partition(month))
            for month in make_months(connection, log, months_wanted(found, now))
        ]
    return made


def move_overflow(connection: Connection) -> int:
    """Move what met no month into its month, where that is there by now, a batch at a time.

    Returns:
        How many events.
    """
    moved = 0
    while batch := query_one(connection, "history/move_overflow.sql", batch=_OVERFLOW_BATCH)[
        "moved"
    ]:
        moved += batch
    return moved
