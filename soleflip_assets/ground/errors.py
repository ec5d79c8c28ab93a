"""What went wrong: the error that says a setting is wrong; words of nested errors, and the fault behind."""

import re
from collections.abc import Iterator
from typing import Any

# `package.module.Class: ` of Python, and `(package.module.Class) ` of SQLAlchemy: a person needs neither.
_CLASS = re.compile(
    r"^(?:[A-Za-z_]\w*(?:\.\w+)*(?:Error|Exception|Failure|\.\w+): )?(?:\((?:\w+\.)+\w+\) )?"
)
_OURS = ("soleflip_assets.", "dagster._core.definitions.events.Failure")
_CHECK_FAILED = "DagsterAssetCheckFailedError"
# What ends all chains of a code server that is away or late: a dump, whose first line says nothing.
_OF_THE_TRANSPORT = "grpc."
_NUMBER = re.compile(r"\b(?:0x)?[0-9a-f]*\d[0-9a-f]*\b", re.IGNORECASE)

# What everything asks, and how Dagster records that one of them did not answer.
DATABASE, STORAGE, CODE = "database", "storage", "code server"
_WHO = {DATABASE: "SoleFlip's database", STORAGE: "Dagster's storage"}
# A driver's own class is of what libpq says: no connection, or one that broke. The others the server says.
_BROKEN = (
    r"\.(OperationalError|errors\.(AdminShutdown|CannotConnectNow|Connection\w+|CrashShutdown|"
    r"ProtocolViolation|Sqlclient\w+|Sqlserver\w+|TooManyConnections)): "
)
_FOLLOWS = r"sqlalchemy\.exc\.PendingRollbackError: "
_SILENT = {
    # SoleFlip's is asked by psycopg 3, Dagster's own by psycopg 2.
    # What SQLAlchemy says from then on to all that share the connection.
    DATABASE: re.compile(rf"psycopg{_BROKEN}|{_FOLLOWS}"),
    STORAGE: re.compile(rf"psycopg2{_BROKEN}"),
    CODE: re.compile(
        r"\S+\.(DagsterUserCodeUnreachableError: Could not|DagsterCodeLocationLoadError)"
    ),
}


class ConfigurationError(Exception):
    """A setting, or what it points at, is wrong; the message is one sentence that names the fix.

    The command line prints it and exits with 2. It never holds a password.
    """


def innermost(error: Any) -> str:
    """The first line of the error that caused all others, without the name of its class.

    Where one of ours is among them, the sentence of the outermost of ours, which says what caused it.

    Args:
        error: as Dagster keeps it, with ``message`` and ``cause``.
    """
    lines = [one.message.strip().partition("\n")[0] for one in _chain(error)]
    lines = [line for line in lines if not line.startswith(_OF_THE_TRANSPORT)] or lines
    ours = (line for line in lines if line.startswith(_OURS))
    return _CLASS.sub("", next(ours, lines[-1]))


def is_ours(error: Any) -> bool:
    """Whether one of ours is among what caused it, or it is a sentence that a step ended itself with.

    Args:
        error: as Dagster keeps it.
    """
    return any(one.message.startswith(_OURS) for one in _chain(error))


def is_of_a_check(error: Any) -> bool:
    """Whether Dagster raised it because a blocking check failed: the check says why, this says nothing.

    Args:
        error: as Dagster keeps it.
    """
    return any(_CHECK_FAILED in one.message for one in _chain(error))


def fault_of(error: Any) -> str:
    """What went wrong, the same for all that fail by it: who did not answer, else the innermost words.

    Args:
        error: as Dagster keeps it.

    Returns:
        ``database``, ``storage`` or ``code server``, of which it says nothing what was asked; otherwise a
        sentence in which numbers are left out.
    """
    for one in _chain(error):
        for party, silent in _SILENT.items():
            if silent.match(one.message):
                return party
    return _NUMBER.sub("…", innermost(error))


def follows_a_broken_connection(error: Any) -> bool:
    """Whether it only says that a connection broke before, which somebody else has told.

    Args:
        error: as Dagster keeps it.
    """
    return any(re.match(_FOLLOWS, one.message) for one in _chain(error))


def told_of_a_server(error: BaseException) -> str | None:
    """What a person is told of an error that a server or its driver raised because of how the server is.

    Args:
        error: as it was raised, outside of a run's steps.

    Returns:
        A sentence; None where it is another error, such as one of our own code.
    """
    cause: BaseException | None = error
    while cause is not None:
        classes = [f"{one.__module__}.{one.__qualname__}: " for one in type(cause).__mro__]
        for party in (DATABASE, STORAGE):
            if any(map(_SILENT[party].match, classes)):
                said = str(cause).strip().partition("\n")[0]
                broke = _SILENT[party].match(classes[0])
                return told_broken(party, said) if broke else _told_refused(party, said)
        cause = getattr(cause, "orig", None) or cause.__cause__
    return None


def told_broken(party: str, said: str) -> str:
    """What a person is told of a connection that broke.

    Args:
        party: ``database`` or ``storage``.
        said: what the driver or the server said, a line.
    """
    return (
        f"the connection to {_WHO[party]} broke ({said.rstrip('.')}): see that the server runs, then run "
        "the same command again, and it resumes."
    )


def _told_refused(party: str, said: str) -> str:
    return (
        f"{_WHO[party]} refused a statement ({said.rstrip('.')}): mend that, then run the same command "
        "again, and it resumes."
    )


def _chain(error: Any) -> Iterator[Any]:
    """An error, then what caused it, and so on."""
    while error:
        yield error
        error = error.cause
