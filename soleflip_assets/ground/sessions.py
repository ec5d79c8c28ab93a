"""Every session of ours on a database: how it is opened, and the settings that our statements rely on.

A server, a database or a role may have settings that change what a statement means or end it half-way. Ours
are set in one place for psycopg, sync and async, and for PostgreSQL's programs. Behind a pooler that shares
its sessions they hold for a transaction at a time, so that nothing of ours stays there. Here: engines and
sessions, without Dagster, which `soleflip health` cannot wait for. Not here: statements (database.py), or
asyncio (async_sessions.py).
"""

import json
import select
from collections.abc import Mapping
from functools import cache
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import Connection, Engine, NullPool, TextClause, create_engine, event, text
from sqlalchemy.engine import URL, ExceptionContext

from soleflip_assets.ground.bounded import BoundedConnection
from soleflip_assets.ground.deadlines import CLIENT_GONE, CONNECTION_PARAMETERS, LOCK, STATEMENT
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.ground.urls import libpq_parameters, url_from

SETTINGS: Mapping[str, str] = {
    # How values read: ours are read and written in these forms, and definitions are compared as text.
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmloption": "content",
    "quote_all_identifiers": "off",
    # What a statement means.
    "search_path": "public, pg_temp",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "check_function_bodies": "on",
    # Hidden rows would be counted as missing: with this, reading past a policy is an error.
    "row_security": "off",
    # What a transaction is. Batches and checks rely on seeing what others have committed meanwhile.
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "synchronous_commit": "on",
    # Where new objects go and how they are kept.
    "default_tablespace": "",
    "default_table_access_method": "heap",
    # What ends. A dump holds its snapshot, idle, for as long as pg_dump takes, and a deployer its lock.
    "statement_timeout": STATEMENT.milliseconds,
    "lock_timeout": LOCK.milliseconds,
    "client_connection_check_interval": CLIENT_GONE.milliseconds,
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}

_CONNECTING = {"client_encoding": "UTF8", **CONNECTION_PARAMETERS}

# A pooler that has no session free lets a client wait for two minutes.
_PROBE_SECONDS = 2.0
_PROBES = 3
# On a busy machine one look in ten found our session given back to us by chance, three times in a row.
_LOOKS = 5
_KNOWS_TRANSACTIONS = 170_000
_SHARED = "soleflip shared session"
_POOLED = "soleflip pooled session"
_BEGIN = "BEGIN"
_WRAPPED = "soleflip wrapped statement"


def create_database_engine(url: URL, application_name: str = "soleflip", **settings: str) -> Engine:
    """An engine without a pool: a job opens few connections and must leave none behind.

    Args:
        url: a ``postgresql://`` URL, whichever driver it names.
        application_name: what ``pg_stat_activity`` shows, unless the URL says otherwise.
        settings: of its sessions, besides SETTINGS.
    """
    engine = create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    attend(engine, url, application_name, settings)
    event.listen(engine, "do_connect", _bounded)
    return engine


def attend(engine: Engine, url: URL, application_name: str, settings: Mapping[str, str]) -> None:
    """Make all sessions of an engine ours.

    Args:
        engine: has none yet.
        url: that it leads to.
        application_name: what ``pg_stat_activity`` shows, unless the URL says otherwise.
        settings: besides SETTINGS.
    """
    _Sessions(url, application_name, settings).attend(engine)


def _bounded(
    _dialect: Any, _record: Any, _arguments: Any, keywords: dict[str, Any]
) -> BoundedConnection:
    return BoundedConnection.connect(**keywords)


def require_own_session(connection: Connection) -> None:
    """Make sure that a session stays ours from one transaction to the next.

    Raises:
        ConfigurationError: a pooler lends it to others in between.
    """
    if connection.info.get(_SHARED):
        raise ConfigurationError(
            "The URL leads to a pooler that shares sessions by transaction, and this work needs one of its "
            "own (for its lock, and for CREATE INDEX CONCURRENTLY): set SOLEFLIP_OWNER_DATABASE_URL to the "
            "direct URL of the server."
        )


def resolved_url(connection: Connection) -> URL:
    """Where a session leads, with all that libpq looked up for it: one server, user, password, database."""
    driver = _driver(connection)
    info = driver.info
    parameters = info.get_parameters()
    # These choose between servers, or say where to look things up. Both are done.
    for name in (
        "service",
        "servicefile",
        "target_session_attrs",
        "load_balance_hosts",
        "passfile",
    ):
        parameters.pop(name, None)
    parameters |= {
        "host": info.host,
        "port": str(info.port),
        "user": info.user,
        "dbname": info.dbname,
    }
    # A default that libpq 16 and newer fills in, and older programs do not know.
    if parameters.get("sslcertmode") == "allow":
        del parameters["sslcertmode"]
    if "hostaddr" in parameters:
        parameters["hostaddr"] = info.hostaddr
    if info.password:
        parameters["password"] = info.password
    return url_from(parameters)


def startup_options(connection: Connection) -> str:
    """Our settings as the options with which PostgreSQL's own programs start a session.

    None where a pooler is in between, which refuses options: the programs set what they need most themselves.
    """
    if connection.info.get(_POOLED):
        return ""
    known = {
        name: value
        for name, value in SETTINGS.items()
        if name != "transaction_timeout"
        or _driver(connection).info.server_version >= _KNOWS_TRANSACTIONS
    }
    # A backslash keeps a space within a value.
    return " ".join(
        f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in known.items()
    )


def connection_parameters(url: URL, application_name: str) -> dict[str, str]:
    """What a session is opened with: what the URL says, and what it leaves open."""
    return {**_CONNECTING, "application_name": application_name, **libpq_parameters(url)} | {
        "client_encoding": "UTF8"
    }


class _Sessions:
    """What an engine does with each session of its own.

    Args:
        url: where to.
        application_name: unless the URL says otherwise.
        settings: besides SETTINGS.
    """

    def __init__(self, url: URL, application_name: str, settings: Mapping[str, str]) -> None:
        self._parameters = connection_parameters(url, application_name)
        self._settings = json.dumps({**SETTINGS, **settings})

    def attend(self, engine: Engine) -> None:
        """Have each session opened as the URL says in libpq's reading, and set to work."""
        event.listen(engine, "do_connect", self._name)
        event.listen(engine, "engine_connect", self._settle)
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "handle_error", self._undo)
        event.listen(engine, "checkin", self._leave)

    def _name(self, _dialect: Any, _record: Any, _arguments: Any, keywords: dict[str, Any]) -> None:
        keywords.clear()
        keywords.update(self._parameters)

    def _settle(self, connection: Connection) -> None:
        try:
            self._make_ours(connection)
        except BaseException:
            connection.close()
            raise

    def _make_ours(self, connection: Connection) -> None:
        """Apply the settings for as long as the session is ours, and find out whether it is."""
        pid, direct = self._apply(connection)
        connection.commit()
        if direct:
            return
        # Statements that one session of a pooler was taught are unknown to the next one.
        _driver(connection).prepare_threshold = None
        if self._is_shared(connection, pid):
            connection.info[_SHARED] = True
            return
        connection.info[_POOLED] = True
        self._apply(connection, own=True)
        connection.commit()

    def _apply(self, connection: Connection, *, own: bool = False) -> tuple[int, bool]:
        """Set them, for the session if it is ours and else for the transaction.

        Returns:
            The number of the server's process, and whether that is what the client was told.
        """
        announced = _driver(connection).info.backend_pid
        values = {"settings": self._settings, "announced_pid": announced, "own": own}
        row = connection.execute(_apply_settings(), values).one()
        return row.pid, row.direct

    def _begin(self, connection: Connection) -> None:
        if connection.info.get(_SHARED) and not _driver(connection).autocommit:
            self._apply(connection)

    def _before(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        """Make a transaction of a statement that would be one by itself, so that it has the settings."""
        driver = _driver(connection)
        if not connection.info.get(_SHARED) or not driver.autocommit:
            return
        idle = driver.info.transaction_status == TransactionStatus.IDLE
        if idle and not statement.startswith(_BEGIN):
            driver.execute("BEGIN")
            self._apply(connection)
            connection.info[_WRAPPED] = True

    def _after(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if connection.info.pop(_WRAPPED, False):
            _driver(connection).execute("COMMIT")
        elif connection.info.get(_SHARED) and statement.startswith(_BEGIN):
            self._apply(connection)

    def _undo(self, context: ExceptionContext) -> None:
        connection = context.connection
        if connection is None or connection.closed or connection.invalidated:
            return
        try:
            info = connection.info
        except NotImplementedError:
            # SQLAlchemy's first look at a server, on no connection of a pool: it takes this for an answer.
            return
        if info.pop(_WRAPPED, False) and not context.is_disconnect:
            _driver(connection).execute("ROLLBACK")

    def _leave(self, driver: Any, record: Any) -> None:
        """Leave a pooler's session as it was, though the pooler should see to that itself."""
        if driver is not None and record.info.get(_POOLED):
            driver.cursor().execute("RESET ALL")
            driver.commit()

    def _is_shared(self, connection: Connection, pid: int) -> bool:
        """Whether the pooler lends our session to others while we have no transaction.

        Others open transactions, one after the other, and keep them open: a pooler that shares gives one of
        them the session that we had, or us another one. One that has none left to give within two seconds,
        or lets no more clients in, counts as sharing: nothing was learned of it.
        """
        others: list[psycopg.Connection[Any]] = []
        try:
            for _ in range(_PROBES):
                try:
                    others.append(psycopg.connect(make_conninfo(**self._parameters)))
                except psycopg.OperationalError:
                    # Where it has broken, so has ours, which then says so.
                    connection.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()")
                    connection.rollback()
                    return True
                if _pid_in_transaction(others[-1]) in (None, pid):
                    return True
                for _ in range(_LOOKS):
                    ours = connection.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()").scalar()
                    connection.rollback()
                    if ours != pid:
                        return True
            return False
        finally:
            for other in others:
                other.close()


@cache
def _apply_settings() -> TextClause:
    (statement,) = SqlFile("session/settings.sql").statements
    return text(statement)


def _driver(connection: Connection) -> Any:
    """Psycopg's own connection, sync or async."""
    return connection.connection.driver_connection


def _pid_in_transaction(connection: psycopg.Connection[Any]) -> int | None:
    """Open a transaction and say which process of the server has it; None if none has in time."""
    connection.pgconn.send_query(b"BEGIN; SELECT pg_catalog.pg_backend_pid()")
    if not select.select([connection.pgconn.socket], [], [], _PROBE_SECONDS)[0]:
        return None
    pid = None
    while (result := connection.pgconn.get_result()) is not None:
        if result.status == ExecStatus.TUPLES_OK:
            pid = int(result.get_value(0, 0) or 0)
    return pid
