"""The deployment in order: which files of sql/phase2 make which part of it, done or only foreseen.

Here: the order. Not here: how a file is applied (deployer.py) or what Dagster shows (assets.py).
"""

from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.changes import Action, Outcome, outcome_of, removal
from soleflip_assets.deploying.deployer import OPERATIONS, Deployer
from soleflip_assets.ground.sql_files import SqlFile, sql_files
from soleflip_assets.metrics.mode import current_mode, deploy_view
from soleflip_assets.phase2.adoption import Found, adopt, found_in
from soleflip_assets.phase2.backfill import STEP as BACKFILL
from soleflip_assets.phase2.backfill import Preference, Progress, backfill

PHASE2_FILES = sql_files("phase2")


def step_files(*prefixes: str) -> list[SqlFile]:
    """The files of sql/phase2 whose names start with one of the prefixes, in deployment order."""
    return [file for file in PHASE2_FILES if file.name.startswith(prefixes)]


BACKUP_FILES = {file.name.partition("_")[2]: file for file in step_files("2")}
SYNCHRONISATION = step_files("50_", "55_", "60_")
EXPAND = [*step_files("30_", "40_"), *SYNCHRONISATION]
INDEXES = step_files("70_", "71_", "72_")
STOCK_FILES = [*EXPAND, *INDEXES]
VIEW_FILES = step_files("80_", "81_")
PREFERENCE = "preference"


def deploy_backup(deployer: Deployer, backup: str) -> list[Outcome]:
    """Copy one legacy table, once, or adopt a copy made by hand; never after the table was retired.

    Args:
        deployer: makes the copy, and records it.
        backup: the backup's name, for instance ``stock_lifecycle_backup``.
    """
    operations = deployer.apply_operations()
    adopt(deployer)
    copies = [] if _legacy_is_retired(deployer.connection) else [BACKUP_FILES[backup]]
    outcomes = [deployer.apply(one) for one in copies]
    deployer.grant()
    return [*operations, *outcomes]


def deploy_stock(deployer: Deployer, prefer: str | None = None) -> tuple[list[Outcome], Progress]:
    """Expand stock, keep old and new in step, backfill, and index what the backfill wrote.

    The indexes come last: built before the backfill, they would be written twice. Once the old tables are
    retired there is nothing to keep in step, and nothing to copy.

    Args:
        deployer: does it, and records it.
        prefer: the side that counts where both say something, ``stock`` or ``legacy``; None: as told before,
            else ``stock``.
    """
    retired = _legacy_is_retired(deployer.connection)
    ended = SYNCHRONISATION if retired else []
    operations = deployer.apply_operations()
    found = adopt(deployer)
    expanded = [deployer.apply(file) for file in EXPAND if file not in ended]
    preference = _preference(deployer, prefer, found)
    progress = Progress() if retired else backfill(deployer, preference)
    indexed = [deployer.apply(file) for file in INDEXES]
    deployer.grant()
    return [*operations, *expanded, *indexed], progress


def preferred(connection: Connection) -> str | None:
    """The side that a deployment was told to prefer; None if it was not."""
    entry = ledger.entries(connection).get(PREFERENCE)
    return entry["details"].get("prefer") if entry else None


def _preference(deployer: Deployer, prefer: str | None, found: Found) -> Preference:
    """What was told is kept: a deployment that is resumed goes by it, too."""
    if prefer and prefer != preferred(deployer.connection):
        with deployer.recorded(PREFERENCE, checksum="") as details:
            details["prefer"] = prefer
    side = preferred(deployer.connection) or "stock"
    return Preference(side, reserved_is_live="reserved_quantity" in found.columns)


def _legacy_is_retired(connection: Connection) -> bool:
    return ledger.retired(connection, "drop_legacy_tables") is not None


def deploy(deployer: Deployer, prefer: str | None = None) -> list[Outcome]:
    """All of it, without the dump.

    Args:
        deployer: does it, and records it.
        prefer: the side that counts where both say something, ``stock`` or ``legacy``.
    """
    outcomes = [outcome for backup in BACKUP_FILES for outcome in deploy_backup(deployer, backup)]
    outcomes += deploy_stock(deployer, prefer)[0]
    return [*outcomes, *deploy_view(deployer)]


def foresee(connection: Connection) -> list[Outcome]:
    """What a deployment would do, step by step; it is only looked.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
    """
    entries = ledger.entries(connection)
    made = ledger.made_objects(connection)
    found = found_in(connection)
    retired = _legacy_is_retired(connection)
    ended = [*BACKUP_FILES.values(), *SYNCHRONISATION] if retired else []
    before = [*OPERATIONS, *BACKUP_FILES.values(), *EXPAND]
    after = [*INDEXES, *current_mode(connection).files]

    def look(files: list[SqlFile]) -> list[Outcome]:
        return [
            outcome_of(connection, file, entries.get(file.name), made, found.of_step(file.name))
            for file in files
            if file not in ended
        ]

    backfilled = entries.get(BACKFILL)
    is_done = backfilled is not None and backfilled["finished_at"] is not None
    steps = [
        *look(before),
        Outcome(BACKFILL, Action.NOTHING if is_done or retired else Action.APPLY),
        *look(after),
    ]
    return [*steps, removal(connection, steps)]
