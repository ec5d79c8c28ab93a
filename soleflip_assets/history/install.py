"""Installing the log beside a shop that goes on, and removing it.

First the triggers, then the baseline: a row that has no event since the triggers are there is as it was
before them, and its baseline gets a number and a time from before them. So no write is lost between the two
or counted twice, and nobody's row is locked. Where triggers were missing for a while, the log begins anew:
all rows have gone, then a baseline of those that are there. Here: the order. Not here: what the files of
sql/history do.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import RowMapping

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import State as ObjectState
from soleflip_assets.deploying.changes import outcome_of
from soleflip_assets.deploying.deployer import OPERATIONS, Deployer
from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.history.log import (
    FUNCTIONS,
    TABLES,
    TRIGGERS,
    HistoryError,
    make_log_months,
    move_overflow,
    state_of,
)
from soleflip_assets.months.leaving import ARCHIVE_RECORD
from soleflip_assets.months.partitions import MAKE_MONTH

REMOVE = SqlFile("history/remove.sql")
BASELINE = "history_baseline"

# The shop's tables, each with where its part of the reserved numbers begins.
_BASELINES = {"stock": 1, "reservations": 1_000_000_000}

# 50 ms at most; nobody waits for it.
_BATCH = 5_000


def install(deployer: Deployer) -> bool:
    """Log every write to stock and reservations from now on. Readers and writers go on; it may be run again.

    Args:
        deployer: the owner, who makes it and records it.

    Returns:
        Whether there was anything to do.

    Raises:
        HistoryError: a table of the shop is not as the log needs it.
        DeploymentError: a lock could not be acquired.
    """
    connection = deployer.connection
    _require_fit(deployer)
    outcomes = [deployer.apply(file) for file in (*OPERATIONS, MAKE_MONTH, ARCHIVE_RECORD, TABLES)]
    made = make_log_months(connection)
    outcomes.append(deployer.apply(FUNCTIONS))
    begun = _begun(deployer)
    outcomes.append(deployer.apply(TRIGGERS))
    written = _write_baseline(deployer, begun)
    move_overflow(connection)
    deployer.grant()
    return bool(made) or written or any(outcome.applied for outcome in outcomes)


def remove(deployer: Deployer) -> bool:
    """Stop logging; the events stay.

    Returns:
        Whether it was installed.
    """
    state = state_of(deployer.connection)
    if not state.installed and not state.triggers:
        deployer.log("The log is not installed here: there is nothing to remove.")
        return False
    deployer.execute(REMOVE)
    deployer.log(
        "Nothing is logged any more. The events stay; to drop them, too: DROP TABLE "
        "inventory_ops.stock_event, inventory_ops.stock_event_overflow, inventory_ops.reservation_event, "
        "inventory_ops.reservation_event_overflow."
    )
    return True


def _require_fit(deployer: Deployer) -> None:
    unfit = query_file(deployer.connection, "history/unfit_columns.sql")
    if unfit:
        listed = "; ".join(
            f"{row['name']} is {row['type']}, not {' or '.join(row['wanted'])}" for row in unfit
        )
        raise HistoryError(
            f"The log cannot take these columns as they are ({listed}): change their types, or run "
            "without the log. Nothing was changed."
        )


def _begun(deployer: Deployer) -> Mapping[str, Any]:
    """The baseline that is being written; a new one where triggers were missing until now.

    Returns:
        Its number in the ledger, whether it is finished, and where it resumes.
    """
    entries = deployer.entries
    triggers, baseline = entries.get(TRIGGERS.name), entries.get(BASELINE)
    if triggers and baseline and not _is_interrupted(deployer, triggers):
        return {
            "id": baseline["id"],
            "finished": baseline["finished_at"] is not None,
            **baseline["details"],
        }
    row = query_one(deployer.connection, "history/begin_baseline.sql")
    details = {
        "first_event": row["first_event"],
        "begun_at": row["begun_at"].isoformat(),
        **{
            name: {"after": None, "looked_at": 0, "written": 0, "done": False}
            for name in _BASELINES
        },
    }
    number = ledger.start(deployer.connection, BASELINE, TRIGGERS.checksum, details)
    return {"id": number, "finished": False, **details}


def _is_interrupted(deployer: Deployer, entry: RowMapping) -> bool:
    outcome = outcome_of(deployer.connection, TRIGGERS, entry)
    return (
        entry["finished_at"] is None
        or bool(outcome.names(ObjectState.MISSING))
        or bool(outcome.names(ObjectState.ALTERED))
    )


def _write_baseline(deployer: Deployer, begun: Mapping[str, Any]) -> bool:
    if begun["finished"]:
        return False
    known = {
        "first_event": begun["first_event"],
        "begun_at": datetime.fromisoformat(begun["begun_at"]),
    }
    deployer.in_transaction(
        lambda: query_file(deployer.connection, "history/close_earlier.sql", **known)
    )
    totals = {}
    for name in _BASELINES:
        progress = dict(begun[name])
        while not progress["done"]:
            progress = deployer.in_transaction(
                partial(_batch, deployer, begun["id"], known, name, progress)
            )
        totals[name] = progress["written"]
    ledger.finish(deployer.connection, begun["id"], {})
    deployer.log(
        f"baseline: {totals['stock']:,} stock rows, {totals['reservations']:,} reservations; "
        "what was written meanwhile has events of its own"
    )
    return True


def _batch(
    deployer: Deployer,
    number: int,
    known: Mapping[str, Any],
    name: str,
    progress: Mapping[str, Any],
) -> dict[str, Any]:
    """One batch and its record, in one transaction."""
    row = query_one(
        deployer.connection,
        f"history/baseline_of_{name}.sql",
        **known,
        next_event=known["first_event"] + _BASELINES[name] + progress["looked_at"],
        after_id=progress["after"],
        batch=_BATCH,
    )
    done = {
        "after": str(row["last_id"]) if row["last_id"] else progress["after"],
        "looked_at": progress["looked_at"] + row["looked_at"],
        "written": progress["written"] + row["written"],
        "done": row["looked_at"] < _BATCH,
    }
    ledger.save_progress(deployer.connection, number, {name: done})
    return done
