"""What went wrong, for people: the error that says a setting is wrong, and the words of nested errors."""

import re
from collections.abc import Iterator
from typing import Any

# `package.module.Class: ` of Python, and `(package.module.Class) ` of SQLAlchemy: a person needs neither.
_CLASS = re.compile(
    r"^(?:[A-Za-z_]\w*(?:\.\w+)*(?:Error|Exception|Failure|\.\w+): )?(?:\((?:\w+\.)+\w+\) )?"
)
_OURS = ("soleflip_assets.", "dagster._core.definitions.events.Failure")
_CHECK_FAILED = "DagsterAssetCheckFailedError"
# psycopg's own class is of what libpq says: no connection, or one that broke. The others the server says.
_NO_CONNECTION = re.compile(
    r"psycopg\.(OperationalError|errors\.(AdminShutdown|CannotConnectNow|Connection\w+|CrashShutdown|"
    r"SqlclientUnableToEstablishSqlconnection|TooManyConnections)): "
)


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


def is_of_the_connection(error: Any) -> bool:
    """Whether SoleFlip's database did not answer: it says nothing of what was asked.

    Args:
        error: as Dagster keeps it.
    """
    return any(_NO_CONNECTION.match(one.message) for one in _chain(error))


def _chain(error: Any) -> Iterator[Any]:
    """An error, then what caused it, and so on."""
    while error:
        yield error
        error = error.cause
