"""The backfill: legacy lifecycle and reservation data into stock, batch by batch, beside live traffic.

Each batch is a transaction of its own that also records how far it came, so the next run resumes after
the last commit, and nothing behind that is touched again. What a batch does is sql/phase2/60; here is
the loop around it.
"""

import time
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground.database import query_one, run_statement
from soleflip_assets.ground.retrying import LockedOutError, retrying
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.phase2.trial import is_refusal, words_of

STEP = "backfill"
_FUNCTION = SqlFile("phase2/60_backfill_function.sql")

# A writer of a row in the batch waits until its commit. On a busy machine a batch may take three times what
# the last one took: with 0.1 s writers waited for up to 214 ms.
_TARGET_SECONDS = 0.05
_FIRST_BATCH = 500
_BATCH_SIZES = (50, 20_000)
_PROGRESS_EVERY_SECONDS = 2.0


@dataclass
class Progress:
    """How far the backfill is.

    Attributes:
        after: the last stock id visited, as text; None before the first.
        visited: rows visited, in all runs together.
        changed: rows that got legacy data, in all runs together.
    """

    after: str | None = None
    visited: int = 0
    changed: int = 0


@dataclass(frozen=True)
class Preference:
    """Which side counts where stock and a legacy row both say something.

    Attributes:
        side: ``stock`` or ``legacy``.
        reserved_is_live: whether a reserved quantity of 0 in stock says something: the column was there.
    """

    side: str = "stock"
    reserved_is_live: bool = False


def backfill(deployer: Deployer, preference: Preference, *, anew: bool = False) -> Progress:
    """Copy what is not copied yet.

    Args:
        deployer: records how far it is.
        preference: which side counts.
        anew: visit all rows once more, since the legacy tables are new.

    Returns:
        The progress at the end.

    Raises:
        DeploymentError: a row stayed locked through all tries, or was refused.
    """
    entry = deployer.entries.get(STEP)
    progress = _resumed(entry["details"]) if entry else Progress()
    if entry and entry["finished_at"]:
        if not anew:
            return progress
        progress = Progress()

    number = ledger.start(deployer.connection, STEP, _FUNCTION.checksum, vars(progress))
    run_statement(deployer.connection, "backfill/analyse.sql")
    remaining = query_one(deployer.connection, "backfill/remaining.sql", after=progress.after)
    _run(deployer, preference, number, progress, total=progress.visited + int(remaining["rows"]))
    ledger.finish(deployer.connection, number, vars(progress))
    deployer.log(f"backfill: {progress.visited:,} rows visited, {progress.changed:,} changed")
    return progress


def _run(
    deployer: Deployer, preference: Preference, number: int, progress: Progress, total: int
) -> None:
    size = _FIRST_BATCH
    begun = told = time.monotonic()
    visited_before = progress.visited
    with deployer.engine.connect() as connection:
        with connection.begin():
            run_statement(connection, "backfill/session.sql")
        while True:
            started = time.monotonic()
            if _batch(connection, preference, number, progress, size) == 0:
                return
            now = time.monotonic()
            size = _adapted(size, now - started)
            if now - told >= _PROGRESS_EVERY_SECONDS:
                told = now
                rate = (progress.visited - visited_before) / (now - begun)
                left = max(total - progress.visited, 0) / rate
                deployer.log(
                    f"backfill: {progress.visited:,} of {total:,} rows, "
                    f"{rate:,.0f} rows/s, {left:,.0f} s left"
                )


def _batch(
    connection: Connection, preference: Preference, number: int, progress: Progress, size: int
) -> int:
    """One batch and its record, in one transaction; a smaller one after each try that met a locked row.

    One that is refused is halved, so that all rows before the one at fault are done and that one is named.

    Returns:
        The number of rows visited; 0 at the end.
    """

    def tried(attempt: int) -> int:
        # Fewer rows are locked while the next try waits for the one that is held.
        smaller = max(size // 2 ** (attempt - 1), min(size, _BATCH_SIZES[0]))
        with connection.begin():
            row = query_one(
                connection,
                "backfill/next_batch.sql",
                after=progress.after,
                size=smaller,
                prefer=preference.side,
                reserved_is_live=preference.reserved_is_live,
            )
            if not row["seen"]:
                return 0
            done = Progress(
                str(row["last_id"]),
                progress.visited + row["seen"],
                progress.changed + row["changed"],
            )
            ledger.save_progress(connection, number, vars(done))
        progress.after, progress.visited, progress.changed = done.after, done.visited, done.changed
        return int(row["seen"])

    try:
        return retrying(tried)
    except LockedOutError as error:
        raise DeploymentError(
            f"A stock row after {progress.after} stayed locked through {error.attempts} tries: end the long "
            "transaction that pg_stat_activity shows, then run this again; it resumes from here."
        ) from error
    except DBAPIError as error:
        if not is_refusal(error):
            raise
        if size > 1:
            return _batch(connection, preference, number, progress, size // 2)
        row = query_one(connection, "backfill/next_row.sql", after=progress.after)
        connection.rollback()
        raise DeploymentError(
            f"Stock row {row['id']} could not be written: {words_of(error)}. A trigger or constraint of the "
            "shop's refused it: let it pass, or disable it, then run this again; it resumes from here."
        ) from error


def _adapted(size: int, seconds: float) -> int:
    """The size of the next batch: towards the target, at most doubled or halved."""
    factor = min(max(_TARGET_SECONDS / max(seconds, 1e-6), 0.5), 2.0)
    return int(min(max(size * factor, _BATCH_SIZES[0]), _BATCH_SIZES[1]))


def _resumed(details: dict[str, object]) -> Progress:
    known = {name: value for name, value in details.items() if name in Progress.__annotations__}
    return Progress(**known)  # type: ignore[arg-type]
