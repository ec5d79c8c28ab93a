"""A connection that never waits for ever for an answer.

Keepalives and ``tcp_user_timeout`` notice a dead network and a dead machine, not a proxy that keeps the
connection and no longer forwards: its kernel answers. So whoever waits long for a statement asks the server,
over another connection, whether it still works on it. Here: that, and which connections of this process are
open. Not here: how long a statement may take, which is PostgreSQL's ``statement_timeout``.
"""

import time
from collections.abc import Callable
from typing import Any, Self, TypeVar
from weakref import WeakSet

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from soleflip_assets.ground import deadlines
from soleflip_assets.ground.sql_files import SqlFile

_Result = TypeVar("_Result")
_OPEN: "WeakSet[BoundedConnection]" = WeakSet()


class BoundedConnection(psycopg.Connection[Any]):
    """A connection of psycopg that gives up a statement that nobody works on any more.

    Raises:
        psycopg.OperationalError: from any statement: the server is done with it and the answer never came, or
            nobody there has answered for five minutes. The connection is closed then.
    """

    probe_after: float = deadlines.ANSWER_PROBE.number
    lost_after: float = deadlines.ANSWER_LOST.number * 60
    _open_another: Callable[[], "psycopg.Connection[Any]"]

    @classmethod
    def connect(cls, conninfo: str = "", **parameters: Any) -> Self:
        """As psycopg's own."""
        connection = super().connect(conninfo, **parameters)
        connection._open_another = lambda: _Probe.connect(conninfo, **parameters)  # noqa: SLF001
        _OPEN.add(connection)
        return connection

    def wait(
        self, gen: PQGen[_Result], interval: float = 0.1, timeout: float | None = None
    ) -> _Result:
        """Wait for the server, and look after it when it is silent."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        silence = _Silence(self)
        while True:
            try:
                return super().wait(gen, interval, self.probe_after)
            except errors._WaitTimeout:  # noqa: SLF001 what the parameter `timeout` raises
                silence.look()
            except BaseException as error:
                # psycopg cancels the statement on Ctrl-C only; Dagster's interruption is another class.
                if not isinstance(error, Exception | KeyboardInterrupt) and _is_busy(self):
                    self.cancel_safe(timeout=deadlines.WATCH.number)
                raise


class _Probe(psycopg.Connection[Any]):
    """A connection that waits no longer than a connection takes to be made."""

    def wait(
        self, gen: PQGen[_Result], interval: float = 0.1, timeout: float | None = None
    ) -> _Result:
        return super().wait(gen, interval, timeout or deadlines.CONNECT.number)


class _Silence:
    """What is known of a server since it fell silent."""

    def __init__(self, connection: BoundedConnection) -> None:
        self._connection = connection
        self._answered = time.monotonic()
        self._done_before = False

    def look(self) -> None:
        """Ask once; close the connection when it is certain that no answer will come."""
        try:
            state = self._state()
        except psycopg.Error:
            silent = time.monotonic() - self._answered
            if silent >= self._connection.lost_after:
                self._give_up(f"nobody there has answered for {silent:.0f} s")
            return
        self._answered = time.monotonic()
        # Twice: the first time the answer may be on its way.
        if state == "done" and self._done_before:
            self._give_up("the server is done with the statement, and its answer never came")
        self._done_before = state == "done"

    def _state(self) -> str:
        """``done``, ``working`` or ``unknown``: behind a pooler nobody knows our session by its number."""
        (statement,) = SqlFile("monitoring/session_state.sql").statements
        with self._connection._open_another() as probe:  # noqa: SLF001 this module's own
            probe.autocommit = True
            pid = self._connection.info.backend_pid
            row = probe.execute(
                statement.replace(":pid", "%(pid)s").encode(), {"pid": pid}
            ).fetchone()
        if row is None:
            return "unknown"
        return str(row["state"] if isinstance(row, dict) else row[0])

    def _give_up(self, why: str) -> None:
        self._connection.pgconn.finish()
        raise psycopg.OperationalError(
            f"The connection to the database was given up: {why}. Is a proxy or firewall in between?"
        )


def _is_busy(connection: psycopg.Connection[Any]) -> bool:
    return connection.pgconn.transaction_status == TransactionStatus.ACTIVE


def open_backends() -> list[int]:
    """The process numbers, on the server, of this process's connections that wait for an answer."""
    return [connection.info.backend_pid for connection in list(_OPEN) if _is_busy(connection)]
