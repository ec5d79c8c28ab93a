"""What every command says alike: examples in its help, an error as one sentence, an exit code.

Nothing here imports Dagster, which takes a second to load: ``soleflip health`` runs every half a minute. Not
here: what a command does.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from soleflip_assets.ground.errors import ConfigurationError

EXIT_FAILED = 1
EXIT_USAGE = 2


def examples(*lines: tuple[str, str]) -> str:
    """An epilogue of commands with what each is for; the mark keeps click from wrapping it."""
    width = max(len(command) for command, _ in lines)
    shown = (f"  {command:{width}}  {purpose}" for command, purpose in lines)
    return "\n".join(["\b", "Examples:", *shown])


def tell(line: str) -> None:
    """Say how the work goes, where it does not get into what is printed for a program."""
    click.echo(line, err=True)


def finish(success: bool, errors: list[str]) -> None:
    """End the command: with 0, or with its errors and 1."""
    if not success:
        for error in errors:
            tell(f"soleflip: {error}")
        sys.exit(EXIT_FAILED)


def refuse(reason: str) -> None:
    """End the command because of how it was called or what it was given: one sentence, and 2."""
    tell(f"soleflip: {reason}")
    sys.exit(EXIT_USAGE)


@contextmanager
def configuration_errors() -> Iterator[None]:
    """A wrong setting is one sentence and exit code 2."""
    try:
        yield
    except ConfigurationError as error:
        refuse(str(error))
