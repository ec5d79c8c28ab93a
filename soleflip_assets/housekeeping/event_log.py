"""Pruning Dagster's event log, which Dagster itself never does.

First goes the step-by-step log of a finished run, much later the run with all that is plotted of it. Neither
takes anything by which the UI knows the present state of an asset or a check, or that the alerts have not
read. Dagster's own ``delete_run`` can promise none of that (sql/housekeeping/prune_log.sql says why), so this
is SQL on Dagster's storage. Here: batch after batch. Not here: which rows may go, which is the SQL's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from soleflip_assets.alerts.state import State
from soleflip_assets.ground.database import query_one, run_file
from soleflip_assets.housekeeping.retention import Retention

# A batch is a transaction of a fraction of a second: 5,000 events, or 200 runs of some tens of events each.
EVENTS_OF_BATCH = 5000
RUNS_OF_BATCH = 200

_LAST_ID = 2**63 - 1


@dataclass(frozen=True)
class Pruned:
    """What went.

    Attributes:
        log_events: events of the step-by-step log of old runs.
        runs: runs older than that.
        run_events: the events that were left of them.
        runless_events: what was recorded without a run, as sensors do twice a minute and every five.
    """

    log_events: int
    runs: int
    run_events: int
    runless_events: int


def prune(connection: Connection, retention: Retention, alerts: State | None, now: float) -> Pruned:
    """Delete what is older than it is kept, batch after batch.

    Whoever dies between two batches has done those before; the next run resumes.

    Args:
        connection: Dagster's storage; each batch is a transaction where each statement is one.
        retention: how long things are kept.
        alerts: what the alerts remember; None before they began to look.
        now: in seconds since 1970.
    """
    log = list(_log_batches(connection, now - retention.log.total_seconds()))
    runs = list(_run_batches(connection, now - retention.runs.total_seconds(), alerts))
    runless = list(_runless_batches(connection, now - retention.log.total_seconds(), alerts))
    return Pruned(
        log_events=sum(batch["events"] for batch in log),
        runs=sum(batch["runs"] for batch in runs),
        run_events=sum(batch["events"] for batch in runs),
        runless_events=sum(batch["events"] for batch in runless),
    )


def vacuum(connection: Connection) -> None:
    """Make the room of what was deleted usable again.

    Args:
        connection: Dagster's storage, outside of a transaction.
    """
    run_file(connection, "housekeeping/vacuum.sql")


def bytes_of_event_log(connection: Connection) -> int:
    """The room that runs and events take on disk, in bytes."""
    return int(query_one(connection, "housekeeping/bytes.sql")["bytes"])


def _log_batches(connection: Connection, before: float) -> Iterator[RowMapping]:
    after = 0
    while True:
        batch = query_one(
            connection,
            "housekeeping/prune_log.sql",
            before=before,
            after=after,
            batch=EVENTS_OF_BATCH,
        )
        yield batch
        if batch["events"] < EVENTS_OF_BATCH:
            return
        after = batch["last_id"]


def _run_batches(
    connection: Connection, before: float, alerts: State | None
) -> Iterator[RowMapping]:
    needed: dict[str, Any] = {
        "alerts_after": alerts.after if alerts else _LAST_ID,
        "alert_runs": [alert.run_id for alert in alerts.alerts.values()] if alerts else [],
    }
    while True:
        batch = query_one(
            connection,
            "housekeeping/prune_runs.sql",
            before=before,
            batch=RUNS_OF_BATCH,
            **needed,
        )
        yield batch
        if batch["runs"] < RUNS_OF_BATCH:
            return


def _runless_batches(
    connection: Connection, before: float, alerts: State | None
) -> Iterator[RowMapping]:
    while True:
        batch = query_one(
            connection,
            "housekeeping/prune_runless.sql",
            before=before,
            batch=EVENTS_OF_BATCH,
            alerts_after=alerts.after if alerts else _LAST_ID,
        )
        yield batch
        if batch["events"] < EVENTS_OF_BATCH:
            return
