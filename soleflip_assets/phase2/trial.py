"""The trial: what the shop's own triggers make of the writes of Phase 2, and event triggers of its objects.

Each write at which code of the shop's is called is made on a stock row of each status, in a transaction that
is rolled back, and so is an object of each kind. The triggers of stock meet the columns that it will have:
one that copies whole rows into a table with columns of its own goes wrong with the first of them, and with it
every such write of the shop, ours or not. Here: which was refused or discarded. Not here: what follows from
that, which sql/preflight/writes_arrive.sql and objects_can_be_made.sql say.
"""

import re
from collections.abc import Sequence
from functools import partial

import psycopg
from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import DBAPIError

from soleflip_assets.deploying import ledger
from soleflip_assets.ground.database import (
    execute_statement,
    query_file,
    query_one,
    run_file,
    undone,
)
from soleflip_assets.ground.retrying import retrying
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.ground.tables import STOCK

_COLUMNS = SqlFile(f"phase2/{ledger.EXPANSION}.sql")
_ATTEMPTS = 5
# Classes of SQLSTATE: connection, serialization, resources, locks, deadlines, disks, faults of the server.
_SAY_NOTHING_OF_THE_DATA = frozenset({"08", "40", "53", "55", "57", "58", "XX"})
# Somebody's foreign key holds the legacy row that was to be tried: it is no code of the shop's.
_HELD = frozenset({"23001", "23503"})


def refused_writes(connection: Connection) -> list[str]:
    """Try what Phase 2 writes; keep nothing.

    Args:
        connection: SoleFlip's database, as who deploys.

    Returns:
        Each write that a trigger of the shop's refused or discarded, as a sentence with the row; of the
        shop's own writes those that go through today, and would not with the columns to come.

    Raises:
        LockedOutError: a trigger waited in vain for a lock that somebody holds.
        sqlalchemy.exc.DBAPIError: it could not be tried; that says nothing of the triggers.
    """
    if ledger.retired(connection, "drop_legacy_tables"):
        return []
    writes = query_file(connection, "trial/triggers.sql")
    if not writes:
        return []
    ours = [write for write in writes if write["ours"]]
    of_stock = [write for write in writes if write["relation"] == STOCK.name]
    lacking = query_one(connection, "trial/lacks_columns.sql")["lacking"]
    found = []
    for known in query_file(connection, "trial/statuses.sql"):
        status = known["status"]
        found += retrying(partial(_tried, connection, ours, status), attempts=_ATTEMPTS)
        if of_stock and lacking:
            found += _spoilt(connection, of_stock, status)
    return found


def refused_objects(connection: Connection) -> list[str]:
    """Try to make, change and drop what Phase 2 makes, where event triggers are called; keep nothing.

    Args:
        connection: SoleFlip's database, as who deploys.

    Returns:
        The first statement that was refused, as a sentence; nothing if none was.

    Raises:
        sqlalchemy.exc.DBAPIError: it could not be tried; that says nothing of the event triggers.
    """
    triggers = query_file(connection, "trial/event_triggers.sql")
    if not triggers:
        return []
    with undone(connection):
        run_file(connection, "trial/session.sql")
        for statement in SqlFile("trial/objects.sql").statements:
            try:
                execute_statement(connection, statement)
            except DBAPIError as error:
                if not is_refusal(error) or not _context(error):
                    raise
                what = re.search(r"^[A-Z ]+(?= )", statement, re.MULTILINE)
                names = ", ".join(f"event trigger {trigger['name']}" for trigger in triggers)
                return [f"{what[0] if what else statement}: {names} refused it: {words_of(error)}"]
    return []


def is_refusal(error: DBAPIError) -> bool:
    """Whether a statement was refused for what it writes, by a trigger or a constraint."""
    state = error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None
    return state is not None and state[:2] not in _SAY_NOTHING_OF_THE_DATA


def words_of(error: DBAPIError) -> str:
    """What PostgreSQL said, on one line; without values, which it tells as detail."""
    assert isinstance(error.orig, psycopg.Error)
    return error.orig.diag.message_primary or str(error.orig).strip()


def _tried(
    connection: Connection, writes: Sequence[RowMapping], status: str | None, _attempt: int
) -> list[str]:
    """All writes on a row of a status, which nobody else waits for longer than they take."""
    with undone(connection):
        run_file(connection, "trial/session.sql")
        return [*_refused(connection, writes, status).values()]


def _spoilt(connection: Connection, writes: Sequence[RowMapping], status: str | None) -> list[str]:
    """What of the shop's writes goes through today and would not once stock has the columns to come.

    To add these locks out everybody, so it is done for an instant. Where others hold stock just then, or this
    user may not change it, nothing is found.
    """
    try:
        found = _as_the_shop(connection, writes, status, "trial/brief.sql", _COLUMNS.path)
        today = _as_the_shop(connection, writes, status) if found else {}
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return []
    return [sentence for command, sentence in found.items() if command not in today]


def _as_the_shop(
    connection: Connection, writes: Sequence[RowMapping], status: str | None, *before: str
) -> dict[tuple[str, str], str]:
    with undone(connection):
        for path in ("trial/session.sql", "trial/shops_path.sql", *before):
            run_file(connection, path)
        return _refused(connection, writes, status)


def _refused(
    connection: Connection, writes: Sequence[RowMapping], status: str | None
) -> dict[tuple[str, str], str]:
    """What does not arrive, by table and command; on another row of the status another time."""
    return {
        (write["relation"], write["command"]): outcome
        for row in query_file(connection, "trial/row.sql", status=status)
        for write in writes
        if (outcome := _outcome(connection, write, row))
    }


def _outcome(connection: Connection, write: RowMapping, row: RowMapping) -> str | None:
    """What became of one write; None if it arrived, or was none that a trigger had to do with."""
    path = f"trial/{write['command']}_{write['relation']}.sql"
    where = f"the {write['what']} stock row {row['id']} (status {row['status']})"
    try:
        with undone(connection):
            seen = query_one(connection, path, id=row["id"])
    except DBAPIError as error:
        if not is_refusal(error):
            raise
        names = _raised_by(write, error)
        return f"{write['relation']}: {names} refused {where}: {words_of(error)}" if names else None
    if seen["arrived"] < seen["tried"]:
        return f"{write['relation']}: {', '.join(write['discarding'])} discarded {where}"
    return None


def _raised_by(write: RowMapping, error: DBAPIError) -> str:
    """What an error came out of; none where the statement itself was wrong.

    Then the table is not as expected, or has a constraint, which other expectations tell.
    """
    assert isinstance(error.orig, psycopg.Error)
    if error.orig.sqlstate in _HELD:
        return ""
    context = _context(error)
    called = [
        name
        for name, function in zip(write["names"], write["functions"], strict=True)
        if f"{function}()" in context
    ]
    return ", ".join(called or write["names"]) if context else ""


def _context(error: DBAPIError) -> str:
    """In which function PostgreSQL was; empty where the statement itself is at fault."""
    assert isinstance(error.orig, psycopg.Error)
    return error.orig.diag.context or ""
