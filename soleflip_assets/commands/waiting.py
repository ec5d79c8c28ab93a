"""Telling what a command waits for, and for whom, while it waits.

Runs of commands wait for locks of the database only: places in Dagster's pools are given to runs in the
queue. Here: looking, every few seconds, and a line for it. Not here: when the wait ends
(ground/deadlines.py).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.ground.bounded import open_backends
from soleflip_assets.ground.database import query_file
from soleflip_assets.ground.deadlines import TELL_WAIT
from soleflip_assets.ground.sessions import create_database_engine

Tell = Callable[[str], None]


@contextmanager
def waiting_told(url: URL, tell: Tell) -> Iterator[None]:
    """For the length of the block, tell every few seconds for whom a statement of this process waits.

    Args:
        url: the database.
        tell: gets a line each time; nothing where all work.
    """
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(url, tell, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(url: URL, tell: Tell, done: threading.Event) -> None:
    began = time.monotonic()
    while not done.wait(TELL_WAIT.number):
        holders = _holders(url)
        if not holders:
            began = time.monotonic()
        elif not done.is_set():
            seconds = time.monotonic() - began
            tell(
                f"  waiting, {seconds:.0f} s by now, for a lock in the database, held by {holders}"
            )


def _holders(url: URL) -> str:
    """The sessions that hold what statements of ours need."""
    backends = open_backends()
    if not backends:
        return ""
    try:
        with create_database_engine(url, "soleflip waiting").connect() as connection:
            rows = query_file(connection, "monitoring/waiting_for.sql", pids=backends)
    except DBAPIError:
        # The statement itself meets the same fault, and tells of it.
        return ""
    return " and ".join(
        f"session {row['pid']} ({row['user_name']}, {row['application']}, {row['state']}) "
        f"for {row['seconds']:.0f} s"
        if row["pid"]
        else "a prepared transaction (see pg_prepared_xacts)"
        for row in rows
    )
