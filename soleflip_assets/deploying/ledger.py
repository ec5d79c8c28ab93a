"""The ledger: what was deployed, when, by whom, from which text. State lives here and in no one's memory.

Beside the steps it keeps which version made each object, and by which statement. So an object that an older
version made is told from one that somebody altered, and what no file defines any more is known to be ours.
In a table, not in the objects' comments, which document them and which anybody may change. Here: reading
and writing both. Not here: what follows from them, which is changes.py's.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, RowMapping

from soleflip_assets import __version__
from soleflip_assets.deploying.catalog import (
    DatabaseObject,
    live_definitions,
    object_defined_by,
    objects_defined_by,
)
from soleflip_assets.ground.database import (
    execute_statement,
    query_file,
    query_one,
    roll_back_block,
    run_file,
    run_statement,
)
from soleflip_assets.ground.sql_files import sql_files

VERSION = __version__

# The step that adds the new columns: from its first entry on, what is in them is this project's doing.
EXPANSION = "40_stock_columns"

# What is told where it was begun and the last step is not there.
UNFINISHED = (
    "a deployment or its way back has begun and not ended, so there is nothing to verify yet: "
    "`soleflip deploy` resumes a deployment, `soleflip revert` the way back"
)

# What was found of Phase 2 when a deployment began, made by hand.
ADOPTION = "adoption"

# What makes the table of made objects.
RECORD = "ledger/made_object_table.sql"

# The one released version that kept no record of its objects: sql/released holds its statements instead.
_UNRECORDED = "0.1.0"


@dataclass(frozen=True)
class Made:
    """An object that a deployment made.

    Attributes:
        object: as it was made.
        step: by which step.
        version: of which version of this code.
    """

    object: DatabaseObject
    step: str
    version: str


def exists(connection: Connection) -> bool:
    """Whether there is a ledger."""
    return bool(query_one(connection, "ledger/exists.sql")["ledger_exists"])


def newest_version(connection: Connection) -> str | None:
    """The newest version that ever began a step here, taken back or not; None before the first one."""
    if not exists(connection):
        return None
    versions = [row["version"] for row in query_file(connection, "ledger/versions.sql")]
    return max(versions, key=_comparable, default=None)


def newer_version(connection: Connection) -> str | None:
    """The newest version that ever began a step here, if it is newer than this code; else None."""
    newest = newest_version(connection)
    return newest if newest and _comparable(newest) > _comparable(VERSION) else None


def _comparable(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def entries(connection: Connection) -> dict[str, RowMapping]:
    """The newest entry of each step of the current deployment; none before the first one."""
    if not exists(connection):
        return {}
    return {row["step"]: row for row in query_file(connection, "ledger/steps.sql")}


def has_begun(connection: Connection) -> bool:
    """Whether a deployment has begun to change stock; also one that was not taken back to its first step."""
    return EXPANSION in entries(connection)


def is_at_work(connection: Connection) -> bool:
    """Whether somebody deploys, takes back or switches at this moment."""
    return bool(query_one(connection, "ledger/deployer_at_work.sql")["at_work"])


def adopted(known: Mapping[str, RowMapping], step: str) -> list[str]:
    """What of a step was made by hand before the deployment, each object with what becomes of it."""
    if ADOPTION not in known:
        return []
    parts = known[ADOPTION]["details"]["parts"]
    return [
        f"{part['name']}: {part['verdict']}"
        for part in parts
        if part["step"] == step and not part["aside"]
    ]


def deployed_at(connection: Connection) -> datetime | None:
    """When Phase 2 was first deployed to its last step; None if it is not, or is being taken back.

    To mend it later does not begin the deployment anew.
    """
    if not exists(connection):
        return None
    moment: datetime | None = query_one(connection, "ledger/deployed_at.sql")["deployed_at"]
    return moment


def retired(connection: Connection, step: str) -> RowMapping | None:
    """When a retirement step was carried out, and by whom; None if it was not.

    Where Phase 2 was applied and the tables were dropped by hand, they are retired as found: ``found`` says
    so, and the time is when a deployment found them gone; None before the first one.

    Args:
        connection: SoleFlip's database.
        step: ``drop_legacy_tables`` or ``drop_backup_tables``.
    """
    if exists(connection):
        if recorded := query_file(connection, "retirement/retired.sql", step=step):
            return recorded[0]
        # From here on a table that is gone without an entry is a fault.
        if EXPANSION in entries(connection):
            return None
    return next(iter(query_file(connection, "retirement/found_dropped.sql", step=step)), None)


def told_retired(row: RowMapping) -> str:
    """How and when tables were retired, for a sentence: ``were dropped on 2026-01-05 09:00 UTC``."""
    moment = row["retired_at"]
    when = f" on {moment:%Y-%m-%d %H:%M %Z}" if moment else ""
    if not row["found"]:
        return f"were dropped{when}"
    return f"were found dropped{when}, by hand before this project deployed; by whom and when is not known"


def start(
    connection: Connection, step: str, checksum: str, details: Mapping[str, Any] | None = None
) -> int:
    """Record that a step begins.

    Args:
        connection: SoleFlip's database.
        step: its name.
        checksum: of its text.
        details: where it resumes.

    Returns:
        The entry's number, for :func:`save_progress` and :func:`finish`.
    """
    row = query_one(
        connection,
        "ledger/start_step.sql",
        step=step,
        checksum=checksum,
        version=VERSION,
        details=json.dumps(details or {}),
    )
    return int(row["id"])


def save_progress(connection: Connection, entry: int, details: Mapping[str, Any]) -> None:
    """Record how far a step has come, in the caller's transaction."""
    run_statement(connection, "ledger/save_progress.sql", id=entry, details=json.dumps(details))


def finish(connection: Connection, entry: int, details: Mapping[str, Any]) -> None:
    """Record that a step is done; what is in ``details`` is added to what was saved before."""
    run_statement(connection, "ledger/finish_step.sql", id=entry, details=json.dumps(details))


def made_objects(connection: Connection) -> dict[str, Made]:
    """What deployments made here and nobody took back since, by kind and name."""
    found = query_one(connection, "ledger/exists.sql")
    if not found["ledger_exists"]:
        return {}
    if not found["record_exists"]:
        return _made_unrecorded()
    made = {}
    for row in query_file(connection, "ledger/made_objects.sql"):
        if defined := object_defined_by(row["statement"]):
            made[row["object"]] = Made(defined, row["step"], row["version"])
    return made


def begin_record(connection: Connection) -> None:
    """Make the table of made objects where there is none, with what an older version made unrecorded."""
    if query_one(connection, "ledger/exists.sql")["record_exists"]:
        return
    known = [*made_objects(connection).values()]
    live = live_definitions(connection, [made.object for made in known])
    found = [made for made, definition in zip(known, live, strict=True) if definition is not None]
    # With its rows or not at all: without them nobody would know later what that version made.
    execute_statement(connection, "BEGIN")
    try:
        run_file(connection, RECORD)
        _record(connection, found)
        execute_statement(connection, "COMMIT")
    except BaseException:
        roll_back_block(connection)
        raise


def record_made(
    connection: Connection, step: str, objects: Iterable[DatabaseObject], made: Mapping[str, Made]
) -> None:
    """Record that a step has made objects; one that was made from the same statement stays as recorded.

    Args:
        connection: SoleFlip's database.
        step: its name.
        objects: what it makes.
        made: what was recorded before.
    """
    new = [
        Made(defined, step, VERSION)
        for defined in objects
        if not (known := made.get(str(defined))) or known.object.statement != defined.statement
    ]
    _record(connection, new)


def forget_missing(connection: Connection) -> None:
    """Forget the objects that are not there any more: whatever gets such a name later is not ours."""
    known = made_objects(connection)
    live = live_definitions(connection, [made.object for made in known.values()])
    gone = [name for name, definition in zip(known, live, strict=True) if definition is None]
    if gone:
        run_statement(connection, "ledger/forget_objects.sql", objects=gone)


def _record(connection: Connection, made: Sequence[Made]) -> None:
    """All in one statement; of two with one name, as of an object made twice in a step, the last."""
    last = {str(one.object): one for one in made}
    if last:
        run_statement(
            connection,
            "ledger/record_objects.sql",
            objects=[*last],
            statements=[one.object.statement for one in last.values()],
            steps=[one.step for one in last.values()],
            versions=[one.version for one in last.values()],
        )


@cache
def _made_unrecorded() -> dict[str, Made]:
    return {
        str(defined): Made(defined, file.name, _UNRECORDED)
        for file in sql_files(f"released/{_UNRECORDED}")
        for defined in objects_defined_by(file.statements)
    }
