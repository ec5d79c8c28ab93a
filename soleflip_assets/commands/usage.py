"""Wrong usage in one sentence: what is wrong, and what to write instead.

Click says it in four lines, and in its own words. Here: the words. Not here: what a command accepts.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from soleflip_assets.commands.terminal import EXIT_CTRL_C, UsageRefusal, refuse


@contextmanager
def usage_in_sentences(
    context: click.Context | None = None, path: str = "soleflip"
) -> Iterator[None]:
    """Let wrong usage end the command with one sentence and 2; Ctrl-C with its own code.

    Args:
        context: of the group whose command is run; None while the group itself is read.
        path: how the group, or a command that is none of its, is written.
    """
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.ClickException as error:
        invoked = context.invoked_subcommand if context else None
        known = getattr(error, "ctx", None)
        # Click leaves it out where a value lacks, or is one too many.
        where = known.command_path if known else " ".join(filter(None, [path, invoked]))
        refuse(sentence(error, where))
    except KeyboardInterrupt:
        sys.exit(EXIT_CTRL_C)


def sentence(error: click.ClickException, path: str) -> str:
    """What is wrong with a command line, and what to write instead.

    Args:
        error: click's.
        path: the command, as it is written.
    """
    look = f"see `{path} --help`"
    name = path.removeprefix("soleflip ")
    match error:
        case UsageRefusal():
            return error.format_message()
        case click.NoSuchOption():
            return (
                f"{name} has no option {error.option_name}: {_instead(error.possibilities, look)}."
            )
        case click.exceptions.NoSuchCommand():
            return (
                f"there is no command {error.command_name}: {_instead(error.possibilities, look)}."
            )
        case click.MissingParameter():
            return f"{name} needs {_name(error)}: write {_expected(error.param)}."
        case click.BadParameter():
            value = re.match(r"'?(.*?)'? is not", error.message)
            said = f"cannot be {value[1] or 'empty'}" if value else error.message.rstrip(".")
            return f"{_name(error)} {said}: write {_expected(error.param)}."
        case _:
            # What click sets in lines.
            said = " ".join(error.format_message().split()).rstrip(".")
            return f"{said[:1].lower()}{said[1:]}: {look}."


def _instead(possibilities: "list[str] | None", look: str) -> str:
    if not possibilities:
        return look
    return f"write {' or '.join(possibilities)}, or {look}"


def _name(error: click.BadParameter) -> str:
    """An option as it is written; an argument by its name."""
    if isinstance(error.param, click.Option):
        return max(error.param.opts, key=len)
    return f"the {error.param.name}".replace("_ids", " id") if error.param else "it"


def _expected(parameter: click.Parameter | None) -> str:
    """What may be written there."""
    kind = parameter.type if parameter else None
    match kind:
        case click.IntRange(min=low, max=high) if high is not None:
            return f"a whole number from {low} to {high}"
        case click.IntRange(min=low):
            return f"a whole number from {low} on"
        case click.Choice():
            return f"one of {', '.join(map(str, kind.choices))}"
        case click.types.UUIDParameterType():
            return "a UUID, as inventory.stock.id is one"
        case _:
            return "a value"
