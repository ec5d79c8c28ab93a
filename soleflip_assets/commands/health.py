"""Whether a process of production is alive, and ready: what ``soleflip health`` says.

Run every half a minute beside each process, so that it must cost little: nothing here imports Dagster, which
takes a second to load. Alive means that the process itself answers or beats; one that does not should be
restarted. Ready means that it can also do its work, for which others have to be alive. Not here: whether the
data is well, which is ``soleflip status``.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from psycopg.errors import UndefinedTable
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, ProgrammingError

from soleflip_assets.ground.deadlines import PROBE
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DAGSTER_STORAGE_URL, DATABASE_URL, Settings
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.ground.urls import EXAMPLE, hide_secret

COMPONENTS = ("code-server", "webserver", "daemon", "database")

# Without these no schedule ticks, no run starts, and none that died is noticed or repeated.
DAEMONS = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING", "EVENT_LOG_CONSUMER")

_TIMEOUT_SECONDS = PROBE.number
_PING = "/api.DagsterApi/Ping"
# An empty PingRequest: the only message of Dagster's that this has to know.
_PING_REQUEST = b""

_LOCATIONS = """
{
  workspaceOrError {
    __typename
    ... on Workspace { locationEntries { loadStatus locationOrLoadError { __typename } } }
  }
}
"""


class UnhealthyError(Exception):
    """A process is not alive, or not ready; the message is one sentence."""


def require_health(component: str, *, ready: bool, port: int | None, tolerance: int | None) -> None:
    """Look at one component.

    Args:
        component: one of ``COMPONENTS``.
        ready: whether it must also be able to do its work.
        port: where it listens, if not where the environment says.
        tolerance: from so many seconds without a heartbeat on the daemon counts as dead; None means what
            the settings say.

    Raises:
        UnhealthyError: it is not alive, or not ready.
        ConfigurationError: a URL in the environment is missing or wrong.
    """
    match component:
        case "code-server":
            _require_code_server(port)
            if ready:
                _require_database(DATABASE_URL)
        case "webserver":
            _require_webserver(port)
            if ready:
                _require_loaded_code(port)
        case "daemon":
            _require_heartbeats(tolerance or Settings.from_environment().heartbeat_tolerance)
            if ready:
                _require_code_server(None)
        case _:
            _require_database(DAGSTER_STORAGE_URL)
            if Settings.from_environment().database_url is not None:
                _require_database(DATABASE_URL)


def _require_code_server(port: int | None) -> None:
    """The process that holds the code answers: the one that listens hands the question on to it.

    The standard gRPC health service is answered by the one that listens, whatever became of the other.
    """
    settings = Settings.from_environment()
    address = f"{settings.code_server_host}:{port or settings.code_server_port}"
    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary(_PING)(_PING_REQUEST, timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise UnhealthyError(
                f"the code server at {address} does not answer ({error.code().name})"
            ) from None


def _require_webserver(port: int | None) -> None:
    _get(port, "/server_info")


def _require_loaded_code(port: int | None) -> None:
    answer = json.loads(_get(port, "/graphql", {"query": _LOCATIONS}))
    workspace = (answer.get("data") or {}).get("workspaceOrError") or {}
    entries = workspace.get("locationEntries") or []
    loaded = [
        entry["loadStatus"] == "LOADED"
        and (entry["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation"
        for entry in entries
    ]
    if not loaded or not all(loaded):
        raise UnhealthyError("the webserver has not loaded the code: is the code server alive")
    _require_database(DAGSTER_STORAGE_URL)


def _get(port: int | None, path: str, body: dict[str, Any] | None = None) -> bytes:
    settings = Settings.from_environment()
    # Who listens everywhere listens there, too; by the name 0.0.0.0 it does not answer.
    host = "127.0.0.1" if settings.webserver_host == "0.0.0.0" else settings.webserver_host  # noqa: S104
    url = f"http://{host}:{port or settings.webserver_port}"
    request = urllib.request.Request(  # noqa: S310 our own address
        url + path,
        data=json.dumps(body).encode() if body else None,
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            content: bytes = response.read()
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise UnhealthyError(f"the webserver at {url} does not answer ({reason})") from None
    return content


def _require_heartbeats(tolerance: int) -> None:
    (statement,) = SqlFile("monitoring/daemon_heartbeats.sql").statements
    with _connected(DAGSTER_STORAGE_URL) as connection:
        try:
            rows = connection.exec_driver_sql(statement).all()
        except ProgrammingError as error:
            if not isinstance(error.orig, UndefinedTable):
                raise
            rows = []
    beats = {row.daemon: row.beaten_at for row in rows}
    for daemon in DAEMONS:
        if daemon not in beats:
            raise UnhealthyError(f"the daemon {daemon} has never run")
        # One in the future is no sign of life either: the clock was set back, and the next would be then.
        age = abs(time.time() - beats[daemon])
        if age > tolerance:
            raise UnhealthyError(
                f"the daemon {daemon} has been silent for {age:.0f} s, of which {tolerance} are tolerated"
            )


def _require_database(variable: str) -> None:
    with _connected(variable):
        pass


@contextmanager
def _connected(variable: str) -> Iterator[Connection]:
    """A session on a database; a database that is away is one sentence."""
    url = _url(variable)
    seconds = str(_TIMEOUT_SECONDS)
    engine = create_database_engine(
        url.update_query_dict({"connect_timeout": seconds}),
        "soleflip health",
        statement_timeout=f"{seconds}s",
    )
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        reason = hide_secret(" ".join(str(error.orig).split()), url.password)
        raise UnhealthyError(f"the database of {variable} does not answer ({reason})") from None


def _url(variable: str) -> URL:
    settings = Settings.from_environment()
    url = {
        DATABASE_URL: settings.database_url,
        DAGSTER_STORAGE_URL: settings.dagster_storage_url,
    }[variable]
    if url is None:
        raise ConfigurationError(
            f"{variable} is not set, and health asks servers of your own, not the embedded one: write it as "
            f"{EXAMPLE}, or ask `soleflip status`."
        )
    return url
