"""Carrying stock rows again to wherever they differ, after somebody wrote past the triggers.

By the rules of the synchronisation: a fact that stock does not know it takes from the newest legacy row that
does; then the legacy row that counts is given what stock says. So it is for rows that are right in stock.
Where the legacy row is right, an ordinary UPDATE of stock says so first. Of reservations, what the ledger
says is held; nothing is ever freed. A legacy row without its stock row is named and left. Then the read
model, where there is one, is compared and repaired.

A scan finds the rows that differ; only they are locked, in batches that give way to the shop. Here: the loop,
and what it found. Not here: what is compared or written (sql/resync).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Connection

from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground.database import query_file, query_one, run_statement
from soleflip_assets.ground.private_files import private_folder, write_private_file
from soleflip_assets.ground.retrying import LockedOutError, retrying
from soleflip_assets.metrics.mode import current_mode

# A row takes about a millisecond; writers of the rows of a batch wait until its commit.
_BATCH = 100
_LEDGER = "stock_reservation"
_OF_WHICH_ROW = "stock_id"


@dataclass(frozen=True)
class Difference:
    """A fact of which stock and another table say different things.

    Attributes:
        stock_id: of which stock row.
        place: the other table, of inventory.
        fact: which column.
        in_stock: what stock says, as JSON; None for NULL.
        elsewhere: what the other table says; None also where it has no row.
        curable: whether it can be cured without asking a person.
    """

    stock_id: str
    place: str
    fact: str
    in_stock: str | None
    elsewhere: str | None
    curable: bool

    @property
    def is_orphan(self) -> bool:
        """Whether the other table has rows of it, and stock has none."""
        return self.fact == _OF_WHICH_ROW

    @property
    def change(self) -> tuple[str, str, str]:
        """Which table is to be changed by the rules, what it says, and what it is to say."""
        before, after = self.in_stock, self.elsewhere
        # Only what stock does not know, and what the ledger says is reserved, goes to stock.
        place = "stock"
        if self.in_stock is not None and self.place != _LEDGER:
            place, before, after = self.place, self.elsewhere, self.in_stock
        return place, before or "NULL", after or "NULL"

    def __str__(self) -> str:
        """One line."""
        if self.is_orphan:
            return f"{self.place} speaks of {self.stock_id}, and stock has no such row"
        place, before, after = self.change
        if self.curable:
            return f"{self.stock_id} {place}.{self.fact} {before} → {after}"
        if self.place == _LEDGER:
            return f"stock {self.stock_id} holds {before} units, and its active reservations are {after}"
        return f"stock {self.stock_id}: {place}.{self.fact} is still {before}, not {after}"


@dataclass
class Resynced:
    """What came of it.

    Attributes:
        cured: what was written, or would be.
        left: what a person has to decide.
        read_model: how many rows of the read model were repaired, or would be; None where there is none.
    """

    cured: list[Difference] = field(default_factory=list)
    left: list[Difference] = field(default_factory=list)
    read_model: int | None = None

    @property
    def rows(self) -> int:
        """Of how many stock rows something was cured."""
        return len({one.stock_id for one in self.cured})


def resync(deployer: Deployer, ids: Sequence[str] = (), *, dry_run: bool = False) -> Resynced:
    """Carry stock rows again to wherever they differ. Safe to run again.

    Args:
        deployer: keeps deployments away meanwhile, and works as the owner.
        ids: of the stock rows; all if none are named.
        dry_run: only say what differs.

    Raises:
        DeploymentError: Phase 2 is not deployed, an id is of no stock row, or a row stayed locked.
    """
    connection = deployer.connection
    if ledger.deployed_at(connection) is None:
        raise DeploymentError(
            "Phase 2 is not deployed here, so there is nothing to keep in step: run `soleflip deploy`."
        )
    asked = list(ids) or None
    _require_known(connection, asked)
    with_legacy = not ledger.retired(connection, "drop_legacy_tables")
    found = _differences(connection, asked, with_legacy=with_legacy)
    result = Resynced()
    if with_legacy and not asked:
        result.left = [Difference(**row) for row in query_file(connection, "resync/orphaned.sql")]
    if dry_run:
        result.cured = [one for one in found if one.curable]
        result.left += [one for one in found if not one.curable]
    else:
        _cure(deployer, sorted({one.stock_id for one in found}), result, with_legacy=with_legacy)
    if current_mode(connection).has_read_model:
        result.read_model = _repair_read_model(connection, dry_run=dry_run)
    return result


def _require_known(connection: Connection, ids: Sequence[str] | None) -> None:
    unknown = query_file(connection, "resync/unknown.sql", ids=ids) if ids else []
    if unknown:
        names = ", ".join(row["stock_id"] for row in unknown)
        raise DeploymentError(
            f"No stock row has the id {names}: look it up in inventory.stock. Nothing was changed."
        )


def _differences(
    connection: Connection, ids: Sequence[str] | None, *, with_legacy: bool
) -> list[Difference]:
    """Of some stock rows, or of all; without the legacy tables only what the ledger of reservations says."""
    files = ["resync/differing.sql"] if with_legacy else []
    if _has_ledger(connection):
        files.append("resync/held.sql")
    return [Difference(**row) for file in files for row in query_file(connection, file, ids=ids)]


def _has_ledger(connection: Connection) -> bool:
    """Whether the shop has a ledger of reservations: one that reserves in stock alone needs none."""
    return bool(query_one(connection, "inventory/can_reserve.sql")["can_reserve"])


def _cure(deployer: Deployer, ids: Sequence[str], result: Resynced, *, with_legacy: bool) -> None:
    """Batch by batch, each compared anew under its locks, written and compared again in one transaction."""
    with deployer.engine.connect() as connection:
        with connection.begin():
            run_statement(connection, "backfill/session.sql")
        for start in range(0, len(ids), _BATCH):
            batch = list(ids[start : start + _BATCH])

            def tried(_attempt: int, batch: list[str] = batch) -> None:
                with connection.begin():
                    run_statement(connection, "resync/lock.sql", ids=batch)
                    before = _differences(connection, batch, with_legacy=with_legacy)
                    for file in _steps(connection, with_legacy=with_legacy):
                        run_statement(connection, f"resync/{file}.sql", ids=batch)
                    after = _differences(connection, batch, with_legacy=with_legacy)
                still = {(one.stock_id, one.place, one.fact) for one in after}
                result.cured += [
                    one for one in before if (one.stock_id, one.place, one.fact) not in still
                ]
                result.left += [replace(one, curable=False) for one in after]

            try:
                retrying(tried)
            except LockedOutError as error:
                raise DeploymentError(
                    f"One of the stock rows {batch[0]} to {batch[-1]} stayed locked through "
                    f"{error.attempts} tries: end the long transaction that pg_stat_activity shows, then "
                    "run this again; what was carried stays."
                ) from error
            if start:
                deployer.log(
                    f"{start + len(batch):,} of {len(ids):,} stock rows that differed are done"
                )


def _steps(connection: Connection, *, with_legacy: bool) -> list[str]:
    """What is written, in order."""
    hold = ["hold"] if _has_ledger(connection) else []
    return ["take", *hold, "give"] if with_legacy else hold


def _repair_read_model(connection: Connection, *, dry_run: bool) -> int:
    """Let the read model say what stock says.

    Returns:
        In how many rows it said something else that no change in the queue announced.
    """
    if dry_run:
        return int(query_one(connection, "resync/read_model.sql")["differing"])
    found = query_one(connection, "metrics/compare.sql")
    return int(found["missing"] + found["wrong"] + found["phantom"])


def write_record(result: Resynced, folder: Path, run_id: str) -> Path:
    """Write down what was changed, with what was there before: nothing that was overwritten is lost.

    Args:
        result: of a resync.
        folder: where to; made if it is not there.
        run_id: of the Dagster run; names the file.
    """
    path = private_folder(folder) / f"resync_{run_id[:8]}.md"
    rows = [[one.stock_id, one.fact, *one.change] for one in result.cured]
    left = "".join(f"- {one}\n" for one in result.left)
    write_private_file(
        path,
        f"# Stock rows carried again\n\n{markdown_table(['Stock', 'Fact', 'Table', 'Before', 'After'], rows)}"
        f"\n\n## Left for a person\n\n{left or 'Nothing.'}\n",
    )
    return path
