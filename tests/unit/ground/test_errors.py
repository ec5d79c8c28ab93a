"""Which fault is behind an error, as Dagster records it."""

from dataclasses import dataclass

import psycopg
import psycopg2.errors
import pytest
from sqlalchemy.exc import OperationalError

from soleflip_assets.ground.errors import (
    CODE,
    DATABASE,
    STORAGE,
    fault_of,
    innermost,
    told_of_a_server,
)


@dataclass
class Recorded:
    """As SerializableErrorInfo."""

    message: str
    cause: "Recorded | None" = None


def code_server(said: str) -> Recorded:
    """The three of a chain, outside first."""
    dump = Recorded(
        "grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n"
    )
    unreachable = "dagster._core.errors.DagsterUserCodeUnreachableError: "
    waits = "Unable to reach the user code server for sensor watch. Sensor will resume execution later.\n"
    return Recorded(unreachable + waits, Recorded(unreachable + said, dump))


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Recorded("psycopg.OperationalError: connection refused"), DATABASE),
        (Recorded("psycopg.errors.AdminShutdown: terminating connection"), DATABASE),
        (Recorded("x.YError: z", Recorded("psycopg.errors.ConnectionTimeout: timeout")), DATABASE),
        (Recorded("sqlalchemy.exc.PendingRollbackError: Can't reconnect until"), DATABASE),
        (Recorded("psycopg2.OperationalError: server closed the connection"), STORAGE),
        (code_server("Could not reach user code server. gRPC Error code: UNAVAILABLE\n"), CODE),
        (code_server("Could not reach user code server\n"), CODE),
        (
            Recorded("dagster._core.errors.DagsterCodeLocationLoadError: Failure loading soleflip"),
            CODE,
        ),
        (Recorded("psycopg.errors.LockNotAvailable: after 5000 ms"), "after … ms"),
        (
            Recorded("SyntaxError: invalid syntax (jobs.py, line 3)"),
            "invalid syntax (jobs.py, line …)",
        ),
        (
            code_server(
                "The sensor tick timed out due to taking longer than 60 seconds to execute.\n"
            ),
            "The sensor tick timed out due to taking longer than … seconds to execute.",
        ),
    ],
)
def test_fault_is_the_same_for_all_that_fail_by_it(error: Recorded, fault: str) -> None:
    """Who did not answer; otherwise the innermost words, without numbers."""
    assert fault_of(error) == fault


def test_what_the_transport_dumps_is_not_told() -> None:
    said = "Could not reach user code server. gRPC Error code: UNAVAILABLE"
    assert innermost(code_server(said)) == said


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (
            psycopg.errors.AdminShutdown("terminating connection"),
            "the connection to SoleFlip's database broke (terminating connection):",
        ),
        (
            psycopg2.OperationalError("server closed the connection unexpectedly"),
            "the connection to Dagster's storage broke (server closed the connection unexpectedly):",
        ),
        # What pgbouncer says of its own, that the server shuts down or that it waited too long for a session.
        (
            psycopg.errors.ProtocolViolation("query_wait_timeout"),
            "the connection to SoleFlip's database broke (query_wait_timeout):",
        ),
        # The server answered: it is no broken connection.
        (
            psycopg.errors.DiskFull("could not extend file: No space left on device"),
            "SoleFlip's database refused a statement (could not extend file: No space left on device):",
        ),
        (
            psycopg2.errors.QueryCanceled("statement timeout"),
            "Dagster's storage refused a statement (statement timeout):",
        ),
        # A fault of ours, which nobody mends by running it again.
        (psycopg.errors.UndefinedColumn("no such column"), ""),
    ],
)
def test_broken_connection_is_told_from_what_a_server_answers(raised: Exception, told: str) -> None:
    """As SQLAlchemy raises it, and as Dagster raises it from there."""
    outer = RuntimeError("while storing an event")
    outer.__cause__ = OperationalError("SELECT 1", {}, raised)
    assert (told_of_a_server(outer) or "").startswith(told)
    assert bool(told_of_a_server(outer)) == bool(told)
