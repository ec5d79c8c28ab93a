"""Whether a process of production is alive, and ready: what ``soleflip health`` says.

Run every half a minute beside each process, so that it must cost little: nothing here imports Dagster, which
takes a second to load. Alive means that the process itself answers or beats; one that does not should be
restarted. Ready means that it can also do its work, for which others have to be alive. Not here: whether the
data is well, which is ``soleflip status``.
"""

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

import grpc
import psycopg
from sqlalchemy.engine import URL

from soleflip_assets.ground.deadlines import PROBE
from soleflip_assets.ground.settings import DAGSTER_STORAGE_URL, DATABASE_URL, parse_postgres_url
from soleflip_assets.ground.sql_files import SqlFile

COMPONENTS = ("code-server", "webserver", "daemon", "database")

# Without these no schedule ticks, no run starts, and none that died is noticed.
DAEMONS = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING")

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


def require_health(component: str, *, ready: bool, port: int | None, tolerance: int) -> None:
    """Look at one component.

    Args:
        component: one of ``COMPONENTS``.
        ready: whether it must also be able to do its work.
        port: where it listens, if not where the environment says.
        tolerance: from so many seconds without a heartbeat on the daemon counts as dead.

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
            _require_heartbeats(tolerance)
            if ready:
                _require_code_server(None)
        case _:
            _require_database(DAGSTER_STORAGE_URL)
            if DATABASE_URL in os.environ:
                _require_database(DATABASE_URL)


def _require_code_server(port: int | None) -> None:
    """The process that holds the code answers: the one that listens hands the question on to it.

    The standard gRPC health service is answered by the one that listens, whatever became of the other.
    """
    host = os.environ.get("DAGSTER_CODE_SERVER_HOST", "127.0.0.1")
    require_code_server(f"{host}:{port or os.environ.get('DAGSTER_CODE_SERVER_PORT', '4000')}")


def require_code_server(address: str) -> None:
    """Ask a code server whether it is there.

    Args:
        address: as gRPC writes it.

    Raises:
        UnhealthyError: it does not answer.
    """
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
    host = os.environ.get("DAGSTER_WEBSERVER_HOST", "127.0.0.1")
    url = f"http://{host}:{port or os.environ.get('DAGSTER_WEBSERVER_PORT', '3000')}"
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
    url = _url(DAGSTER_STORAGE_URL)
    try:
        with _connect(url) as connection:
            beats = dict(connection.execute(statement.encode()).fetchall())
    except psycopg.errors.UndefinedTable:
        beats = {}
    except psycopg.Error as error:
        raise _away(DAGSTER_STORAGE_URL, url, error) from None
    for daemon in DAEMONS:
        if daemon not in beats:
            raise UnhealthyError(f"the daemon {daemon} has never run")
        age = time.time() - beats[daemon]
        if age > tolerance:
            raise UnhealthyError(
                f"the daemon {daemon} has been silent for {age:.0f} s, of which {tolerance} are tolerated"
            )


def _require_database(variable: str) -> None:
    url = _url(variable)
    try:
        _connect(url).close()
    except psycopg.Error as error:
        raise _away(variable, url, error) from None


def _connect(url: URL) -> psycopg.Connection[Any]:
    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(
        conninfo,
        connect_timeout=_TIMEOUT_SECONDS,
        application_name="soleflip health",
        options=f"-c statement_timeout={_TIMEOUT_SECONDS}s",
    )


def _url(variable: str) -> URL:
    return parse_postgres_url(variable, os.environ.get(variable, ""))


def _away(variable: str, url: URL, error: psycopg.Error) -> UnhealthyError:
    reason = " ".join(str(error).split()).replace(str(url.password or "\0"), "***")
    return UnhealthyError(f"the database of {variable} does not answer ({reason})")
