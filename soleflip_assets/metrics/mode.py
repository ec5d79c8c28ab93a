"""The three ways of keeping ``inventory.stock_metrics_view``, and switching from one to another.

``materialized`` is the seed's: each refresh computes every row anew. ``incremental`` is a read model of its
own, fed by a queue of changes: each refresh computes the rows that changed. ``live`` is a view of stock: each
query computes what it reads, and a refresh has nothing to do. Who reads the view, and who calls
``inventory.refresh_stock_metrics()``, need not know which it is. Here: which files make which way, and in
which order one takes the place of another. Not here: what they do, which is in sql/materialized,
sql/incremental and sql/live.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import objects_defined_by
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
(LIVE_VIEW,) = sql_files("live")

_REFRESH = SqlFile("phase2/80_refresh_stock_metrics.sql")
# The last step of a deployment: with it, Phase 2 is deployed.
VIEW_STEP = SqlFile("phase2/81_stock_metrics_view.sql")
# Of what a switch does, each does this, whatever the ledger says; all else is applied where it is not yet.
_DONE_ANEW = {MATERIALIZED_VIEW, FILL}


@dataclass(frozen=True)
class _Way:
    """A way of keeping the view.

    Attributes:
        files: what a deployment makes again where somebody changed it, in this order.
        switch: what a switch to it does, in this order.
        makes_view: the steps after which the view is kept so.
        refresh: what a refresh does, as part of a sentence.
    """

    files: Sequence[SqlFile]
    switch: Sequence[SqlFile]
    makes_view: Sequence[SqlFile]
    refresh: str


_WAYS = {
    "materialized": _Way(
        [_REFRESH, VIEW_STEP],
        # It is filled beside the one that it replaces. What proves it equal, but for what was written
        # meanwhile, belongs to the read model and its queue, which go afterwards.
        [READ_MODEL, CHANGE_QUEUE, MATERIALIZED_VIEW, VIEW_STEP],
        [VIEW_STEP, MATERIALIZED_VIEW],
        "each refresh recomputes all rows",
    ),
    "incremental": _Way(
        [_REFRESH, READ_MODEL, CHANGE_QUEUE, INDEXES, VIEW_OF_READ_MODEL],
        # It is filled once changes are queued: what is written meanwhile is in the queue.
        [READ_MODEL, CHANGE_QUEUE, FILL, INDEXES, VIEW_OF_READ_MODEL],
        [VIEW_OF_READ_MODEL],
        "each refresh computes the rows that changed",
    ),
    "live": _Way(
        [_REFRESH, LIVE_VIEW],
        [LIVE_VIEW],
        [LIVE_VIEW],
        "the view reads inventory.stock itself, and there is nothing to refresh",
    ),
}

_VIEW = f"inventory.{STOCK_METRICS_VIEW.name}"
_BEHIND_THE_VIEW = "inventory_ops.stock_metrics_read_model"


class Mode(StrEnum):
    """How the view is kept."""

    MATERIALIZED = "materialized"
    INCREMENTAL = "incremental"
    LIVE = "live"

    @property
    def files(self) -> Sequence[SqlFile]:
        """The files that define the view and what keeps it, in the order of their deployment."""
        return _WAYS[self].files

    @property
    def has_read_model(self) -> bool:
        """Whether a table and a queue of changes keep it."""
        return READ_MODEL in self.files

    @property
    def indexes(self) -> set[str]:
        """The names of the indexes that are made with it."""
        made = (one for file in self.files for one in objects_defined_by(file.statements))
        return {one.name for one in made if one.kind == "index"}

    @property
    def refresh(self) -> str:
        """What a refresh does, as part of a sentence."""
        return _WAYS[self].refresh


def current_mode(connection: Connection) -> Mode:
    """How the view is kept, by what the catalog shows; ``materialized`` before it is deployed."""
    if not ledger.exists(connection):
        return Mode.MATERIALIZED
    found = query_one(connection, "metrics/mode.sql")["mode"]
    return Mode(found) if found else _mode_made_last(connection)


def _mode_made_last(connection: Connection) -> Mode:
    """Of a view that somebody dropped or defined otherwise: by the step of the ledger that made it last."""
    entries = ledger.entries(connection)
    made = {
        entries[file.name]["id"]: mode
        for mode in Mode
        for file in _WAYS[mode].makes_view
        if file.name in entries and entries[file.name]["finished_at"]
    }
    return made[max(made)] if made else Mode.MATERIALIZED


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
    if not mode.has_read_model:
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
        try:
            for file in _WAYS[mode].switch:
                if file in _DONE_ANEW:
                    deployer.execute(file)
                else:
                    deployer.apply(file)
        except Exception:
            # Its triggers would queue changes that nobody takes. What a killed process leaves, the check
            # mode_is_whole tells of.
            connection = deployer.connection
            if not connection.invalidated and not current_mode(connection).has_read_model:
                _drop_read_model(deployer)
            raise
        # The other view has gone with its indexes.
        ledger.forget_missing(deployer.connection)
        deployer.grant()
    if not mode.has_read_model:
        _drop_read_model(deployer)
    return switches


def _drop_read_model(deployer: Deployer) -> None:
    """What is left of it in a mode without; also after a switch that died."""
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
