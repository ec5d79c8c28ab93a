"""The two ways of keeping ``inventory.stock_metrics_view``, and switching from one to the other.

``materialized`` is the seed's: each refresh computes every row anew. ``incremental`` is a read model of its
own, fed by a queue of changes: each refresh computes the rows that changed. Who reads the view, and who
calls ``inventory.refresh_stock_metrics()``, need not know which it is. Here: which files make which way, and
in which order one takes the place of the other. Not here: what they do, which is in sql/incremental and
sql/materialized.
"""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.changes import Outcome, outcome_of
from soleflip_assets.deploying.dependents import dependents, left_behind, readers
from soleflip_assets.deploying.deployer import (
    Deployer,
    DeploymentError,
)
from soleflip_assets.ground.database import query_file, query_one, run_statement
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

_VIEW = f"inventory.{STOCK_METRICS_VIEW.name}"
_BEHIND_THE_VIEW = "inventory_ops.stock_metrics_read_model"


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
    outcomes = [*deployer.apply_operations()]
    outcomes += _deploy_mode(deployer, current_mode(deployer.connection))
    outcomes.append(deployer.remove_orphans())
    deployer.grant()
    return outcomes


def _deploy_mode(deployer: Deployer, mode: Mode) -> list[Outcome]:
    if _is_to_be_made_again(deployer.connection):
        _refuse_if_something_would_go(deployer, [_VIEW])
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
        DeploymentError: the view is not deployed, something that others have added to it or built on it
            would be lost, or the new one is not proven equal to what its query gives. The old one stays then,
            and nothing of the new one is left.
    """
    switches = current_mode(deployer.connection) is not mode
    if switches:
        _refuse_if_not_deployed(deployer)
        deployer.apply_operations()
        _refuse_if_something_would_go(deployer, [_VIEW, _BEHIND_THE_VIEW])
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


def _refuse_if_something_would_go(deployer: Deployer, replaced: Sequence[str]) -> None:
    """What reads the view is carried along, with its privileges and comments; all else of others would go."""
    connection = deployer.connection
    if found := [*left_behind(connection, [_VIEW]), *added_to(connection, replaced)]:
        raise DeploymentError(
            "The view is replaced by another one, and this would be lost; drop it first, and make it again "
            f"afterwards: {'; '.join(found)}."
        )
    if carried := readers(connection, [_VIEW]):
        deployer.log(f"carried along: {', '.join(map(str, carried))}")


def lost_with_the_view(connection: Connection) -> list[str]:
    """What others would lose when the next deployment makes the view again; nothing where it stays.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
    """
    if not _is_to_be_made_again(connection):
        return []
    return [
        *dependents(connection, [_VIEW], mentioning=False, views=False),
        *added_to(connection, [_VIEW]),
    ]


def _is_to_be_made_again(connection: Connection) -> bool:
    """Whether the view was deployed, and is not as its file makes it any more."""
    file = current_mode(connection).files[-1]
    entry = ledger.entries(connection).get(file.name)
    outcome = outcome_of(connection, file, entry, ledger.made_objects(connection))
    return any(
        one.has_to_be_dropped and one.object.name == STOCK_METRICS_VIEW.name
        for one in outcome.found
    )


def added_to_view(connection: Connection) -> list[str]:
    """What others have added to the view and to what is behind it: indexes, statistics, options, triggers."""
    return added_to(connection, [_VIEW, _BEHIND_THE_VIEW])


def added_to(connection: Connection, relations: Sequence[str]) -> list[str]:
    """The same of some of them.

    Args:
        connection: SoleFlip's database.
        relations: the view, or what is behind it, or both; one that does not exist has nothing.
    """
    rows = query_file(connection, "metrics/added.sql", relations=[*relations])
    return [row["added"] for row in rows]
