"""What a deployment has to do, found out by looking: for each step what is not as this version makes it.

`deploy --check` shows it, the deployer does it, the drift monitors tell of it. Here: comparing, which changes
nothing. Not here: how a change reaches a live database (deployer.py), or the order of steps (steps.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from sqlalchemy import Connection, RowMapping

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import (
    DatabaseObject,
    Deviation,
    State,
    deviation,
    live_definitions,
    objects_defined_by,
)
from soleflip_assets.deploying.ledger import Made
from soleflip_assets.ground.sql_files import SqlFile, sql_files

REMOVAL = "remove_orphans"

# Where the files are whose objects stay in a database.
_STEPS = ("phase2", "incremental", "live", "months", "history")


class Action(StrEnum):
    """What is done to a step."""

    APPLY = "apply"
    """It was never finished."""
    ADOPT = "adopt"
    """Somebody made what it makes, or some of it, by hand: what is equal stays, what is less is completed."""
    UPDATE = "update"
    """An older version, or an older text, was applied."""
    MEND = "mend"
    """Somebody changed what it made."""
    REMOVE = "remove"
    """Drop what no file defines any more."""
    NOTHING = "nothing"
    """It is as this version makes it."""


_DONE = {
    Action.APPLY: "applied",
    Action.ADOPT: "adopted",
    Action.UPDATE: "updated",
    Action.MEND: "mended",
    Action.REMOVE: "removed",
    Action.NOTHING: "nothing to do",
}


@dataclass(frozen=True)
class Outcome:
    """What a step of a deployment comes to, foreseen or done.

    Attributes:
        step: its name.
        action: what is done to it.
        found: the objects that are not as this version makes them, before it is done.
        adopted: what was made by hand, each with how it was found.
    """

    step: str
    action: Action
    found: Sequence[Deviation] = ()
    adopted: Sequence[str] = ()

    @property
    def applied(self) -> bool:
        """Whether there is anything to do."""
        return self.action is not Action.NOTHING

    def names(self, state: State) -> list[str]:
        """The objects found in a state."""
        return [str(found.object) for found in self.found if found.state is state]

    @property
    def foreseen(self) -> str:
        """One line: what a deployment would do."""
        return f"{self.step}: {self.action}{self._found}"

    def __str__(self) -> str:
        """One line: what was done."""
        return f"{self.step}: {_DONE[self.action]}{self._found}"

    @property
    def _found(self) -> str:
        parts = [f"{state}: {', '.join(names)}" for state in State if (names := self.names(state))]
        parts += self.adopted
        text = "; ".join(parts)
        return f" ({text})" if text else ""


def outcome_of(
    connection: Connection,
    file: SqlFile,
    entry: RowMapping | None,
    made: Mapping[str, Made],
    adopted: Sequence[str] = (),
) -> Outcome:
    """What there is to do of one step.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
        file: the step.
        entry: its newest entry in the ledger.
        made: what deployments made here.
        adopted: what of it was made by hand, each with how it was found.
    """
    if entry is None:
        # Anything else under its names is somebody else's; the preflight looks for that.
        return Outcome(file.name, Action.ADOPT if adopted else Action.APPLY, adopted=adopted)
    found = [
        *to_be_made(connection, objects_defined_by(file.statements), made),
        *_orphaned_triggers(connection, file, made),
    ]
    return Outcome(file.name, _action(file, entry, found), found)


def _action(file: SqlFile, entry: RowMapping, found: Sequence[Deviation]) -> Action:
    states = {one.state for one in found}
    if entry["finished_at"] is None:
        return Action.APPLY
    if entry["checksum"] != file.checksum or State.OUTDATED in states:
        return Action.UPDATE
    if states & {State.MISSING, State.ALTERED}:
        return Action.MEND
    return Action.REMOVE if states else Action.NOTHING


def deviations(
    connection: Connection, objects: Sequence[DatabaseObject], made: Mapping[str, Made]
) -> list[Deviation]:
    """Which of some objects are not as their statements make them.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
        objects: which, in the order in which they are made.
        made: what deployments made here.
    """
    found = []
    for wanted, live in zip(objects, live_definitions(connection, objects), strict=True):
        known = made.get(str(wanted))
        if one := deviation(connection, wanted, live, known.object if known else None):
            found.append(one)
    return found


def to_be_made(
    connection: Connection, objects: Sequence[DatabaseObject], made: Mapping[str, Made]
) -> list[Deviation]:
    """The deviations of what a step makes, without the indexes of a view among them, which come with it."""
    found = deviations(connection, objects, made)
    views = {one.object.name for one in found if one.object.kind == "materialized view"}
    return [one for one in found if one.object.kind != "index" or one.object.relation not in views]


def orphans(connection: Connection, made: Mapping[str, Made]) -> list[tuple[str, Deviation]]:
    """What deployments made here that no file defines any more and that is still there, newest first.

    Returns:
        Each with the step that made it.
    """
    defined = _defined_identities()
    undefined = [known for known in [*made.values()][::-1] if known.object.identity not in defined]
    lives = live_definitions(connection, [known.object for known in undefined])
    return [
        (known.step, Deviation(known.object, State.ORPHANED, "", live))
        for known, live in zip(undefined, lives, strict=True)
        if live is not None
    ]


def removal(connection: Connection, swapped: Iterable[Outcome] = ()) -> Outcome:
    """What there is to remove when all steps are as this version makes them.

    Args:
        connection: one that runs each statement by itself, outside of any transaction.
        swapped: the outcomes of steps before, which remove triggers themselves.
    """
    gone = {name for outcome in swapped for name in outcome.names(State.ORPHANED)}
    found = [
        orphan
        for _, orphan in orphans(connection, ledger.made_objects(connection))
        if str(orphan.object) not in gone
    ]
    return Outcome(REMOVAL, Action.REMOVE if found else Action.NOTHING, found)


def units(statements: Sequence[str]) -> Iterator[list[str]]:
    """What is executed and retried together: a block from BEGIN to COMMIT, or a single statement."""
    block: list[str] = []
    for statement in statements:
        block.append(statement)
        if block[0].startswith("BEGIN") and statement != "COMMIT":
            continue
        yield block
        block = []


def _orphaned_triggers(
    connection: Connection, file: SqlFile, made: Mapping[str, Made]
) -> list[Deviation]:
    """Those of a step: they go in the transaction in which what replaces them comes."""
    return [
        orphan
        for step, orphan in orphans(connection, made)
        if step == file.name and orphan.object.kind == "trigger"
    ]


@cache
def _defined_identities() -> frozenset[str]:
    return frozenset(
        defined.identity
        for folder in _STEPS
        for file in sql_files(folder)
        for defined in objects_defined_by(file.statements)
    )
