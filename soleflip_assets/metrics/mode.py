"""The two ways of keeping ``inventory.stock_metrics_view``, and switching from one to the other.

``materialized`` is the seed's: each refresh computes every row anew. ``incremental`` is a read model of its
own, fed by a queue of changes: each refresh computes the rows that changed. Who reads the view, and who
calls ``inventory.refresh_stock_metrics()``, need not know which it is. Here: which files make which way, and
in which order one takes the place of the other. Not here: what they do, which is in sql/incremental and
sql/materialized.
"""

from enum import StrEnum

from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.changes import Outcome
from soleflip_assets.deploying.dependents import dependents
from soleflip_assets.deploying.deployer import (
    OPERATIONS,
    OPERATIONS_SCHEMA,
    Deployer,
    DeploymentError,
)
from soleflip_assets.ground.database import query_one, run_statement
from soleflip_assets.ground.sql_files import SqlFile, sql_files
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW

READ_MODEL, CHANGE_QUEUE, FILL, INDEXES, VIEW_OF_READ_MODEL = sql_files("incremental")
MATERIALIZED_VIEW, DROP_READ_MODEL = sql_files("materialized")

# What a deployment makes again where somebody changed it.
_READ_MODEL_STEPS = [READ_MODEL, CHANGE_QUEUE, INDEXES]

_REFRESH = SqlFile("phase2/80_refresh_stock_metrics.sql")
# The last step of a deployment: with it, Phase 2 is deployed.
VIEW_STEP = SqlFile("phase2/81_stock_metrics_view.sql")
_FILES_OF_MODE = {
    "materialized": [_REFRESH, VIEW_STEP],
    "incremental": [_REFRESH, *_READ_MODEL_STEPS, VIEW_OF_READ_MODEL],
}

# Objects of the read model that use stock's new columns.
OURS = ["stock_metrics_now"]


class Mode(StrEnum):
    """How the view is kept."""

    MATERIALIZED = "materialized"
    INCREMENTAL = "incremental"

    @property
    def files(self) -> list[SqlFile]:
        """The files that define the view and what keeps it, in the order of their deployment."""
        return _FILES_OF_MODE[self]


def current_mode(connection: Connection) -> Mode:
    """How the view is kept, by what the catalog shows; ``materialized`` before it is deployed."""
    return Mode(query_one(connection, "metrics/mode.sql")["mode"])


def deploy_view(deployer: Deployer) -> list[Outcome]:
    """Make, or mend, the view in the mode that it is in.

    The last part of a deployment: now nothing uses what no file defines any more.

    Raises:
        DeploymentError: a lock could not be acquired, or an object is not what its statement makes.
    """
    outcomes = [deployer.apply(file) for file in OPERATIONS]
    outcomes += _deploy_mode(deployer, current_mode(deployer.connection))
    outcomes.append(deployer.remove_orphans())
    deployer.grant()
    return outcomes


def _deploy_mode(deployer: Deployer, mode: Mode) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for file in mode.files:
        if file == VIEW_OF_READ_MODEL and any(outcome.applied for outcome in outcomes):
            # Whatever was written while a trigger was missing is not in the queue.
            run_statement(deployer.connection, "metrics/compare.sql")
        outcomes.append(deployer.apply(file))
    _refresh_adopted(deployer)
    if mode is Mode.MATERIALIZED:
        _drop_read_model(deployer)
    return outcomes


def _refresh_adopted(deployer: Deployer) -> None:
    """Of a view that was made by hand nobody knows what its last refresh saw."""
    adoption = deployer.entries.get(ledger.ADOPTION)
    if adoption is None:
        return
    since = adoption["started_at"]
    if not query_one(deployer.connection, "metrics/refreshed_since.sql", since=since)["refreshed"]:
        deployer.in_transaction(lambda: run_statement(deployer.connection, "metrics/refresh.sql"))


def switch(deployer: Deployer, mode: Mode) -> bool:
    """Keep the view in another way. Readers and writers go on; a switch that died is resumed.

    Args:
        deployer: makes the one and drops the other.
        mode: the way to keep it from now on.

    Returns:
        Whether it was kept in another way before.

    Raises:
        DeploymentError: the view is not deployed or others have built on it, or the new one is not proven
            equal to what its query gives. The old one stays then, and nothing of the new one is left.
    """
    switches = current_mode(deployer.connection) is not mode
    if switches:
        _refuse_if_not_deployed(deployer)
        _refuse_if_built_upon(deployer)
        deployer.apply(OPERATIONS_SCHEMA)
        deployer.apply(_REFRESH)
        if mode is Mode.INCREMENTAL:
            try:
                _make_read_model(deployer)
            except Exception:
                # Its triggers would queue changes that nobody takes. What a killed process leaves, the check
                # mode_is_whole tells of.
                if not deployer.connection.invalidated:
                    _drop_read_model(deployer)
                raise
        else:
            deployer.execute(MATERIALIZED_VIEW)
            for file in mode.files:
                deployer.apply(file)
        deployer.grant()
    if mode is Mode.MATERIALIZED:
        _drop_read_model(deployer)
    return switches


def _make_read_model(deployer: Deployer) -> None:
    """Queue changes, then fill the read model, then swap: what is written meanwhile is in the queue."""
    deployer.apply(READ_MODEL)
    deployer.apply(CHANGE_QUEUE)
    deployer.execute(FILL)
    deployer.apply(INDEXES)
    deployer.apply(VIEW_OF_READ_MODEL)
    # The materialized view has gone with its indexes.
    ledger.forget_missing(deployer.connection)


def _drop_read_model(deployer: Deployer) -> None:
    """What is left of it in ``materialized`` mode; also after a switch that died."""
    if query_one(deployer.connection, "metrics/mode.sql")["read_model"]:
        deployer.execute(DROP_READ_MODEL)


def _refuse_if_not_deployed(deployer: Deployer) -> None:
    if ledger.deployed_at(deployer.connection) is None:
        raise DeploymentError(
            "There is no view to keep yet: deploy Phase 2 with `soleflip deploy`."
        )


def _refuse_if_built_upon(deployer: Deployer) -> None:
    """What depends on the view as a whole counts, too: a view that only counts its rows uses no column.

    What only mentions the view, as a function does, finds the other one by its name.
    """
    view = f"inventory.{STOCK_METRICS_VIEW.name}"
    if found := dependents(deployer.connection, [view], mentioning=False):
        raise DeploymentError(
            "Others have built on the view, which is replaced by another one; drop these first and make them "
            f"again afterwards: {'; '.join(found)}."
        )
