"""What went wrong, for people: the error that says a setting is wrong, and the words of nested errors."""

from typing import Any


class ConfigurationError(Exception):
    """A setting, or what it points at, is wrong; the message is one sentence that names the fix.

    The command line prints it and exits with 2. It never holds a password.
    """


def innermost(error: Any) -> str:
    """The first line of the error that caused all others; of one of ours, its sentence alone.

    Args:
        error: as Dagster keeps it, with ``message`` and ``cause``.
    """
    messages = [error.message]
    while error := error.cause:
        messages.append(error.message)
    lines = [message.strip().partition("\n")[0] for message in messages]
    # Our own errors are sentences, to which the name of their class adds nothing.
    ours = (line.partition(": ")[2] for line in lines if line.startswith("soleflip_assets."))
    return str(next(ours, lines[-1]))
