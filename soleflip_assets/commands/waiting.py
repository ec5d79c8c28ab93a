"""Telling what a command waits for, and for whom, while it waits.

Runs of commands wait for locks of the database only: places in Dagster's pools are given to runs in the
queue. Here: looking, every few seconds, and a line for it. Not here: when the wait ends
(ground/deadlines.py).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import RowMapping
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.commands.terminal import duration
from soleflip_assets.ground.bounded import open_backends
from soleflip_assets.ground.database import query_file
from soleflip_assets.ground.deadlines import TELL_WAIT
from soleflip_assets.ground.sessions import create_database_engine

Tell = Callable[[str], None]

_LOOK_SECONDS = 1.0


@contextmanager
def waiting_told(url: URL, tell: Tell, step: Callable[[], str] = str) -> Iterator[None]:
    """For the length of the block, tell every few seconds for whom a statement of this process waits.

    Args:
        url: the database; another one of its server will do, where no name of a table is needed.
        tell: gets a line each time; nothing where all work.
        step: gives the step at work, for the line.
    """
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(url, tell, step, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(url: URL, tell: Tell, step: Callable[[], str], done: threading.Event) -> None:
    """Look every second: a deployment's waits are short, and many. Tell every five."""
    began: float | None = None
    seen = told = time.monotonic()
    while not done.wait(_LOOK_SECONDS):
        now = time.monotonic()
        if waits := _waits(url):
            seen = now
            began = began if began is not None else now - _LOOK_SECONDS
            if now - max(told, began) >= TELL_WAIT.number and not done.is_set():
                told = now
                for wait in waits:
                    tell(f"  {_sentence(wait, step(), now - began)}")
        elif now - seen > TELL_WAIT.number:
            # Not the pause between two tries.
            began = None


def _sentence(wait: RowMapping, step: str, seconds: float) -> str:
    """Which step waits, since when, for what, for whom, since when that one is at it, and with what."""
    what = f"a lock of {wait['relation']}" if wait["relation"] else "a lock in the database"
    told = f"waiting, {duration(seconds)} by now, for {what}"
    if step:
        told = f"{step}: {told}"
    if not wait["pid"]:
        return f"{told}, held by a prepared transaction (see pg_prepared_xacts)"
    query = f": {wait['query']}" if wait["query"] else ""
    return (
        f"{told}, held by session {wait['pid']} ({wait['user_name']}, {wait['application']}, "
        f"{wait['state']}) for {duration(wait['seconds'])}{query}"
    )


def _waits(url: URL) -> list[RowMapping]:
    """Who holds what statements of ours need; nobody where all work."""
    backends = open_backends()
    if not backends:
        return []
    try:
        with create_database_engine(url, "soleflip waiting").connect() as connection:
            return query_file(connection, "monitoring/waiting_for.sql", pids=backends)
    except DBAPIError:
        # The statement itself meets the same fault, and tells of it.
        return []
