"""What ``soleflip history status`` says. Not here: what counts as wrong (checks.py)."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.ground.amounts import told_bytes
from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.history.log import LOGS, TRIGGER_COUNT, events_of, state_of
from soleflip_assets.months.partitions import list_months


@dataclass(frozen=True)
class MonthLine:
    """A month of a log.

    Attributes:
        log: which log.
        month: as 2026-03, or the bounds where they are no month.
        bytes: its room on disk, or of its file.
        rows: its events.
        archived: its file; None while it is in the log.
    """

    log: str
    month: str
    bytes: int
    rows: int
    archived: str | None


@dataclass(frozen=True)
class HistoryStatus:
    """The state of the log.

    Attributes:
        installed: whether somebody installed it and nobody removed it since.
        died: whether somebody began to install it, and neither came to the end nor is at it.
        triggers: how many of its triggers are there and enabled.
        overflow: events that wait for a month.
        months: oldest first.
    """

    installed: bool
    died: bool
    triggers: int
    overflow: int
    months: list[MonthLine]

    @property
    def fault(self) -> str:
        """Why not every write is logged although somebody wants it; empty where nothing is wrong."""
        if self.died:
            return "an installation has begun and not ended: `soleflip history install` resumes it"
        if self.installed and self.triggers != TRIGGER_COUNT:
            return (
                f"only {self.triggers} of {TRIGGER_COUNT} triggers are there and enabled: "
                "`soleflip history install` makes them again"
            )
        return ""

    @property
    def well(self) -> bool:
        """Whether every write is logged, or none should be."""
        return not self.fault

    @property
    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"well": self.well, **asdict(self)}

    @property
    def lines(self) -> list[str]:
        """For a terminal."""
        if self.installed:
            logged = self.fault or "every write is logged"
        else:
            logged = self.fault or "not installed: `soleflip history install`"
        return [
            f"{'✓' if self.well else '✗'} {logged}",
            *([f"✗ {self.overflow:,} events wait for a month"] if self.overflow else []),
            *(
                f"  {one.month} {one.log}: {one.rows:,} events, {told_bytes(one.bytes)}"
                + (f", archived in {one.archived}" if one.archived else "")
                for one in self.months
            ),
        ]


def history_status(connection: Connection) -> HistoryStatus:
    """Look."""
    # Who is at work is asked first, so that an installation that ends meanwhile has not died.
    at_work = ledger.is_at_work(connection)
    state = state_of(connection)
    died = state.begun and not (state.installed or at_work)
    if not state.has_tables:
        return HistoryStatus(state.installed, died, state.triggers, 0, [])
    months = []
    for log in LOGS:
        months += [
            MonthLine(log.name, f"{row['month']:%Y-%m}", row["bytes"], row["rows"], row["path"])
            for row in query_file(connection, "months/archived.sql", relation=log.plain)
            if row["dropped_at"]
        ]
        months += [
            MonthLine(
                log.name,
                str(one.month or one.bounds),
                one.bytes,
                events_of(connection, log, one.month)["rows"] if one.month else one.estimated_rows,
                None,
            )
            for one in list_months(connection, log)
        ]
    waiting = query_one(connection, "monitoring/history_overflow_empty.sql")["events"]
    return HistoryStatus(state.installed, died, state.triggers, waiting, months)
