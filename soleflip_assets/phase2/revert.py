"""The way back: the schema as it was before Phase 2, with everything that was written since.

The synchronisation has kept the legacy tables up to date all along, so there is nothing to copy, but to be
proven. Here: when it may be done, and in which order. Not here: what each step does (sql/revert), or how a
statement gets its lock (deployer.py).
"""

from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.dependents import dependents, readers
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.deploying.rewriting import Rewriting, StandIn, missing, rewrite
from soleflip_assets.ground.database import execute_statement, query_file, query_one
from soleflip_assets.ground.sql_files import SqlFile, sql_files
from soleflip_assets.ground.tables import LEGACY_TABLES, STOCK, STOCK_BEFORE, STOCK_METRICS_VIEW
from soleflip_assets.metrics.mode import Mode, added_to_view, switch
from soleflip_assets.phase2.adoption import legacy_statements
from soleflip_assets.phase2.backfill import Preference, backfill
from soleflip_assets.phase2.steps import BACKUP_FILES, STOCK_FILES, SYNCHRONISATION, VIEW_FILES

CARRY_BACK, *STEPS = sql_files("revert")

# What a deployment leaves in SoleFlip's own schema.
_CHANGES = {file.name for file in [*BACKUP_FILES.values(), *STOCK_FILES, *VIEW_FILES]}
_FINANCIAL_FROM_STOCK = SqlFile("legacy/02_financial_from_stock.sql")
_VIEW = f"inventory.{STOCK_METRICS_VIEW.name}"
_STOCK = f"inventory.{STOCK.name}"
_NEW_COLUMNS = [column.name for column in STOCK.columns[len(STOCK_BEFORE) :]]


def revert(deployer: Deployer, *, dry_run: bool = False, remake_legacy: bool = False) -> bool:
    """Take Phase 2 back. A revert that died is resumed.

    Nothing is dropped before it is proven that the legacy tables hold what the new columns hold. The backups,
    the dump and the ledger stay; a later deployment starts anew.

    Args:
        deployer: who takes it back.
        dry_run: only say whether something stands in the way.
        remake_legacy: where the legacy tables are retired, make them again from what stock holds.

    Returns:
        Whether anything was taken back.

    Raises:
        DeploymentError: something cannot be taken back without loss; the message lists it. Nothing was
            dropped then.
    """
    if not deployer.entries.keys() & _CHANGES:
        deployer.log("Phase 2 is not deployed here: there is nothing to revert.")
        return False
    retired = ledger.retired(deployer.connection, "drop_legacy_tables")
    if retired and not remake_legacy:
        raise DeploymentError(
            f"The legacy tables {ledger.told_retired(retired)}, so there is nothing to go back to: "
            "make them again from what stock holds with `soleflip revert --remake-legacy`, or restore "
            "the dump beside the database with `soleflip restore`."
        )
    if (
        retired
        and not query_one(deployer.connection, "retirement/can_refer_to_stock.sql")["can_refer"]
    ):
        raise DeploymentError(
            "The primary key of stock is deferrable, and no foreign key of a legacy table can refer to it: "
            "run `CREATE UNIQUE INDEX CONCURRENTLY stock_id ON inventory.stock (id)` first. "
            "Nothing was changed."
        )
    if not dry_run:
        deployer.apply_operations()
    _refuse_if_something_would_go(deployer)
    if dry_run:
        deployer.log(
            "Nothing of others would be lost, and the legacy tables are there: it can be taken back. Nothing "
            "was changed, this is a dry run: run `soleflip revert`, or launch this with dry_run set to false."
        )
        return False
    if query_file(deployer.connection, "report/columns.sql"):
        if remake_legacy:
            _remake_legacy(deployer)
        _carry_back(deployer)
        _rewrite_views(deployer)
    switch(deployer, Mode.MATERIALIZED)
    for step in STEPS:
        deployer.execute(step)
    return True


def _remake_legacy(deployer: Deployer) -> None:
    """Make retired tables again, empty; keep them in step from then on; then fill them from stock."""
    if ledger.retired(deployer.connection, "drop_legacy_tables"):
        deployer.in_transaction(lambda: _create_legacy(deployer))
        deployer.log("the legacy tables are there again: stock is carried into them")
    elif "made_again" not in deployer.entries:
        return
    for file in SYNCHRONISATION:
        deployer.apply(file)
    backfill(deployer, Preference(reserved_is_live=True), anew=True)
    deployer.execute(_FINANCIAL_FROM_STOCK)


def _create_legacy(deployer: Deployer) -> None:
    for table in LEGACY_TABLES:
        for statement in legacy_statements(table):
            execute_statement(deployer.connection, statement)
    query_file(deployer.connection, "retirement/made_again.sql")
    # With it, a revert that died is known to have begun this.
    with deployer.recorded("made_again", checksum=""):
        pass


def _refuse_if_something_would_go(deployer: Deployer) -> None:
    """Views can be rewritten, which is proven once the legacy tables hold everything; all else would go."""
    connection = deployer.connection
    # A dry run of what an older version deployed leaves the views to the revert itself.
    can_rewrite = query_one(connection, "catalog/can_rewrite.sql")["can_rewrite"]
    found = [
        *dependents(connection, [_VIEW], ours=["refresh_stock_metrics"], views=False),
        *dependents(connection, [_STOCK], _NEW_COLUMNS, views=False),
        *added_to_view(connection),
        *(
            row["added"]
            for row in query_file(connection, "carry/added_to_columns.sql", columns=_NEW_COLUMNS)
        ),
        *(
            f"{reader}: {obstacle}"
            for stand_in, columns in (_stand_ins(connection) if can_rewrite else [])
            for reader in readers(connection, [stand_in.relation], columns)
            if (obstacle := reader.obstacle or missing(reader, [stand_in]))
        ),
    ]
    if found:
        raise DeploymentError(
            "Others have built on what would be dropped; move or drop these first, they are not taken along "
            f"by CASCADE: {'; '.join(found)}."
        )


def _stand_ins(connection: Connection) -> list[tuple[StandIn, list[str]]]:
    """What views read in place of what goes, each with the columns that it is about; none means all."""
    present, legacy = SqlFile("carry/in_place_of_view.sql").statements
    stock = query_one(connection, "carry/in_place_of_stock.sql")["query"]
    return [
        (StandIn(_VIEW, [legacy], ["last_calculated_at"], present), []),
        (StandIn(_STOCK, [stock], []), _NEW_COLUMNS),
    ]


def _rewrite_views(deployer: Deployer) -> None:
    """Let views of others read the legacy tables again, all of them or none."""

    def attempt() -> list[Rewriting]:
        found = [
            one
            for stand_in, columns in _stand_ins(deployer.connection)
            for one in rewrite(deployer.connection, [stand_in], columns)
        ]
        if refused := [str(one) for one in found if one.obstacle]:
            raise DeploymentError(
                "Views of others would not show the same rows without Phase 2; move or drop these first: "
                f"{'; '.join(refused)}"
            )
        return found

    for one in deployer.in_transaction(attempt):
        deployer.log(f"{one.reader} reads the legacy tables again, the same {one.rows:,} rows")


def _carry_back(deployer: Deployer) -> None:
    """Create the legacy rows that are missing, and prove that nothing else is."""
    backfill = deployer.entries.get("backfill")
    backfilled = backfill is not None and backfill["finished_at"] is not None
    missing = query_one(deployer.connection, "carry/not_carried.sql", backfilled=backfilled)
    deployer.log(
        f"stock rows without the legacy row that they need: {missing['missing_lifecycle']:,} in "
        f"stock_lifecycle, {missing['missing_metrics']:,} in stock_metrics"
    )
    deployer.execute(CARRY_BACK)
    left = query_one(deployer.connection, "carry/not_carried.sql", backfilled=backfilled)
    if left["missing_lifecycle"] or left["missing_metrics"] or left["differing"]:
        raise DeploymentError(
            f"{left['differing']:,} stock rows hold something else than their legacy rows, although writes "
            "to one are carried to the other: a trigger was bypassed. Decide which side is right and write "
            f"it to the other, then revert again: {'; '.join(left['examples'] or ['none'])}."
        )
