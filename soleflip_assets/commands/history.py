"""``soleflip history``: the log of stock as commands. Not here: how any of it is done (history/)."""

import json
from datetime import UTC, datetime

import click
from sqlalchemy.engine import URL

from soleflip_assets.commands.environment import Environment
from soleflip_assets.commands.status import looking_engine
from soleflip_assets.commands.terminal import conclude, counted, examples, fail, say, show, tell
from soleflip_assets.commands.work import as_owner, run, with_environment
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.log import LOGS, move_overflow
from soleflip_assets.history.report import history_status
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import make_months
from soleflip_assets.sample.trade import remember


@click.group(
    epilog=examples(
        ("soleflip history install", "on a database of your own; `soleflip up` does it on its own"),
        ("soleflip history status", "months, events, what waits"),
        ("soleflip history prune --keep-months 24 --dry-run", "what would be archived and dropped"),
    )
)
def history() -> None:
    """Log what happens to stock, by month.

    A row for each version of a stock row and of a reservation, written by triggers in the writer's own
    transaction, in tables with a partition for each month in UTC. docs/history.md says what is in them.

    Writes: tables and functions in schema inventory_ops, triggers on stock and stock_reservation; when old
    months leave, Parquet files in SOLEFLIP_HOME.

    Exits with 1 when something stands in its way or a step failed; run again, it resumes.
    """


@history.command(
    epilog=examples(("soleflip history install", "while the shop goes on; safe to run again"))
)
@as_owner
@click.pass_obj
def install(environment: Environment) -> None:
    """Log every write from now on.

    Makes the tables with three months ahead, then the triggers, then a baseline of the rows that are there;
    readers and writers go on. Where triggers were dropped or switched off it makes them again, and the log
    begins anew. Needs nothing of Phase 2. The sample also gets the events of two years. Works as the owner
    (SOLEFLIP_OWNER_DATABASE_URL).

    Writes: tables and functions in schema inventory_ops, four triggers each on stock and stock_reservation.

    Exits with 1 when a column has a type that the log cannot take, or a step failed; run again, it resumes.
    """
    done = run("install_history")
    _tell_the_past(environment.settings.owner_database_url or environment.database_url)
    new = done.output("install_log")
    conclude(
        "Every write to stock is logged from now on."
        if new
        else "It was installed already, and is whole.",
        run=done.link,
        then="`soleflip history status` shows the months",
    )


def _tell_the_past(url: URL) -> None:
    """Let the sample's log say what happened before it began, in months of its own; no other shop has one."""
    engine = create_database_engine(url)
    with engine.begin() as connection:
        first = remember(connection)
    if first is None:
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for log in LOGS:
            make_months(connection, log, Month.of(first).to(Month.of(datetime.now(UTC))))
        move_overflow(connection)


@history.command(epilog=examples(("soleflip history remove", "install it again at any time")))
@as_owner
def remove() -> None:
    """Stop logging; the events stay.

    Works as the owner (SOLEFLIP_OWNER_DATABASE_URL).

    Writes: drops the triggers and functions of the log.

    Exits with 1 when a step failed; run again, it resumes.
    """
    done = run("remove_history", {"ops": {"remove_log": {"config": {"dry_run": False}}}})
    conclude(
        "Nothing is logged from now on; the events stay."
        if done.output("remove_log")
        else "It was not installed: there was nothing to remove.",
        run=done.link,
    )


@history.command(
    epilog=examples(
        ("soleflip history status", "for a person"),
        ("soleflip history status --json", "installed, complete, overflow, logs with their months"),
    )
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@with_environment
@click.pass_obj
def status(environment: Environment, *, as_json: bool) -> None:
    """Show whether writes are logged, the months, and what waits.

    Writes: nothing.

    Exits with 1 when the log is installed, or half-way, and not every write is logged.
    """
    with looking_engine(environment.database_url).connect() as connection:
        found = history_status(connection)
    if as_json:
        show(json.dumps(found.as_json, indent=2))
    else:
        for line in found.lines:
            say(line)
    if not found.well:
        fail(f"{found.fault}.")
    conclude(
        "The log is well." if found.installed else "Nothing is logged here.",
        out=tell if as_json else say,
    )


@history.command(
    epilog=examples(
        ("soleflip history prune --keep-months 24 --dry-run", "what would leave"),
        ("soleflip history prune --keep-months 24", "archive, prove and drop it"),
    )
)
@click.option(
    "--keep-months",
    type=click.IntRange(0),
    help="How many months stay before the present one (default: SOLEFLIP_KEEP_HISTORY_MONTHS; else all).",
)
@click.option("--dry-run", is_flag=True, help="Only say which months would leave.")
@as_owner
def prune(*, keep_months: int | None, dry_run: bool) -> None:
    """Archive and drop old months.

    Each month is written to a Parquet file, which is read back and compared with the rows; only then is the
    month detached and dropped, while readers and writers go on. Needs the extra `warehouse` (pyarrow). Months
    are counted from the newest one with events. Works as the owner (SOLEFLIP_OWNER_DATABASE_URL).

    Writes: files in SOLEFLIP_HOME/archive; drops partitions of the log.

    Exits with 1 when a file does not hold what it should, or a step failed; run again, it resumes.
    """
    config = {"keep_months": keep_months, "dry_run": dry_run}
    done = run("prune_history", {"ops": {"prune_log": {"config": config}}})
    left = done.output("prune_log") or 0
    conclude(
        f"Nothing was changed; {counted(left, 'month')} would be archived and dropped."
        if dry_run
        else f"Archived, proven and dropped: {counted(left, 'month')}.",
        run=done.link,
    )
