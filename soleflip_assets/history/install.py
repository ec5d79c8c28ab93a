"""Installing the log beside a shop that goes on, and removing it.

The triggers of a table and the snapshot of its baseline are of one moment, in which the table is locked
against writers: what was there is in the baseline, what comes is logged, and nothing is lost between the two
or counted twice. Where triggers were missing for a while, or the installer died before the baseline was
written, there is another such moment: all rows have gone, says the log, and here is what is there. Here: that
order. Not here: what the files of sql/history do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import DatabaseObject, objects_defined_by
from soleflip_assets.deploying.catalog import State as ObjectState
from soleflip_assets.deploying.changes import deviations
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.database import execute_statement, query_file, query_one
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
from soleflip_assets.months.partitions import MAKE_MONTH, TableName

REMOVE = SqlFile("history/remove.sql")


@dataclass(frozen=True)
class Logged:
    """A table of the shop that is logged.

    Attributes:
        table: which.
        rows: what its rows are called.
    """

    table: TableName
    rows: str

    @property
    def step(self) -> str:
        """Its baseline, in the ledger."""
        return f"history_baseline_of_{self.rows}"

    @property
    def triggers(self) -> Sequence[DatabaseObject]:
        """Its triggers."""
        defined = objects_defined_by(TRIGGERS.statements)
        return [one for one in defined if one.relation == self.table.name]


LOGGED = (
    Logged(TableName("inventory", "stock"), "stock"),
    Logged(TableName("inventory", "stock_reservation"), "reservations"),
)


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
    _require_fit(deployer)
    deployer.apply_operations()
    outcomes = [deployer.apply(file) for file in (MAKE_MONTH, ARCHIVE_RECORD, TABLES)]
    made = make_log_months(deployer.connection)
    outcomes.append(deployer.apply(FUNCTIONS))
    begun = [_begin(deployer, logged) for logged in LOGGED]
    outcomes.append(deployer.apply(TRIGGERS))
    moved = move_overflow(deployer.connection)
    deployer.grant()
    return bool(made or moved) or any(begun) or any(outcome.applied for outcome in outcomes)


def remove(deployer: Deployer) -> bool:
    """Stop logging; the events stay.

    Returns:
        Whether it was installed.
    """
    state = state_of(deployer.connection)
    if not (state.begun or state.triggers):
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
            f"The log cannot take these columns as they are ({listed}): change their types, or go without "
            "the log. Nothing was changed."
        )


def _begin(deployer: Deployer, logged: Logged) -> bool:
    """Make a table's triggers and write its baseline, unless it has been logged all the time.

    Returns:
        Whether there was anything to do.
    """
    entry = deployer.entries.get(logged.step)
    if entry and entry["finished_at"] and not _is_interrupted(deployer, logged):
        return False
    number = ledger.start(deployer.connection, logged.step, TRIGGERS.checksum)
    with (
        deployer.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as reading,
    ):
        begun = deployer.in_transaction(lambda: _moment(deployer, logged, reading))
        written = query_one(reading, f"history/baseline_of_{logged.rows}.sql", **begun)["written"]
        ledger.finish(reading, number, {"first_event": begun["first_event"], "baseline": written})
        execute_statement(reading, "COMMIT")
    deployer.log(f"{logged.table.plain}: {written:,} rows in the baseline; every write is logged")
    return True


def _is_interrupted(deployer: Deployer, logged: Logged) -> bool:
    """Whether something was written that no trigger saw; where one is only outdated, another one did."""
    made = ledger.made_objects(deployer.connection)
    found = deviations(deployer.connection, logged.triggers, made)
    return any(one.state in {ObjectState.MISSING, ObjectState.ALTERED} for one in found)


def _moment(deployer: Deployer, logged: Logged, reading: Connection) -> dict[str, Any]:
    """Make the triggers, and let another session have the snapshot, while nobody is writing."""
    lock = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(logged.table.identifier)
    execute_statement(deployer.connection, lock.as_string())
    for trigger in logged.triggers:
        execute_statement(deployer.connection, trigger.statement)
    row = query_one(deployer.connection, "history/begin_baseline.sql")
    execute_statement(reading, "BEGIN ISOLATION LEVEL REPEATABLE READ")
    take = sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(row["snapshot"]))
    execute_statement(reading, take.as_string())
    return {"first_event": row["first_event"], "begun_at": row["begun_at"]}
