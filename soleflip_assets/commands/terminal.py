"""What every command says alike: progress, numbers, a verdict at its end, an error as one sentence.

Progress and refusals go to standard error; what was asked for (numbers, a verdict, JSON) to standard output.
A line is out as soon as it is said. Nothing here imports Dagster, which takes a second to load: ``soleflip
health`` runs every half a minute. Here: the voice of the command line. Not here: what a command does, or what
is told of a run (narration.py).
"""

import errno
import io
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import click

from soleflip_assets.ground.errors import ConfigurationError, told_of_a_server

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CTRL_C = 130
EXIT_SIGTERM = 143

# The help and docs/commands.md say the same; tests/e2e/test_terminal.py sees each.
EXIT_CODES: Mapping[int, str] = {
    EXIT_DONE: "done, and proven",
    EXIT_FAILED: "a check failed, the work did, or it was refused",
    EXIT_USAGE: "wrong usage or configuration; nothing was begun",
    EXIT_CTRL_C: "ended by Ctrl-C; what was committed stays",
    EXIT_SIGTERM: "ended by SIGTERM, likewise",
}

# Of a long list so many are shown; --verbose shows all.
_MOST = 5
_WIDEST = 100
_GIVEN = "soleflip.given"
_LABEL = re.compile(r" *[✓✗!] |  \S+ {2,}")
_FALLBACK = (80, 24)


@dataclass
class _Voice:
    """How much the command of this process says.

    Attributes:
        quiet: only what is wrong.
        verbose: all of it.
        began: when the command did, by the monotonic clock.
        terminals: which of standard output and standard error was a terminal then: while a step runs, Dagster
            has both go through a pipe.
        unwritten: why standard output took no more; None while it does.
    """

    quiet: bool = False
    verbose: bool = False
    began: float = field(default_factory=time.monotonic)
    terminals: tuple[bool, bool] = (False, False)
    unwritten: OSError | None = None


_voice = _Voice()


def begin() -> None:
    """Start anew, as a new process would: neither quiet nor verbose, and the time counts from here."""
    _make_usable()
    _voice.unwritten = None
    _voice.quiet = _voice.verbose = False
    _voice.began = time.monotonic()
    _voice.terminals = (sys.stdout.isatty(), sys.stderr.isatty())


def _make_usable() -> None:
    """Open in place of what was closed, whose number a file of ours would get, what takes and gives nothing.

    A letter that the terminal's encoding lacks, such as a mark, is shown as a question mark.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest that is free: this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 it stays open
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def is_verbose() -> bool:
    """Whether all is to be shown."""
    return _voice.verbose


def how_much() -> list[click.Option]:
    """The two options that every command takes: ``--quiet`` and ``--verbose``."""
    return [
        _option("-q", "--quiet", "Say nothing but what is wrong.", "verbose"),
        _option("-v", "--verbose", "Show every step and check, and all of a long list.", "quiet"),
    ]


def _option(short: str, long: str, text: str, other: str) -> click.Option:
    return click.Option(
        [short, long], is_flag=True, expose_value=False, callback=_set(other), help=text
    )


def _set(other: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    check = excluding(other)

    def set_voice(context: click.Context, option: click.Parameter, value: bool) -> bool:
        if check(context, option, value):
            setattr(_voice, str(option.name), True)
        return value

    return set_voice


def excluding(*others: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    """The callback of a flag that excludes other flags of its command.

    Args:
        others: their names, as the function has them.
    """

    def refuse_both(context: click.Context, option: click.Parameter, value: bool) -> bool:
        given = context.meta.setdefault(_GIVEN, set())
        if value:
            given.add(option.name)
        if value and (both := given.intersection(others)):
            names = " and ".join(_as_written(name) for name in (*both, str(option.name)))
            raise UsageRefusal(f"{names} exclude each other: leave one of them out.")
        return value

    return refuse_both


def _as_written(name: str) -> str:
    return "--" + name.replace("_", "-")


class UsageRefusal(click.UsageError):
    """Wrong usage in our own words: a whole sentence, with the fix."""


def examples(*lines: tuple[str, str]) -> str:
    """An epilogue of commands with what each is for; the mark keeps click from wrapping it.

    What does not fit beside its command, in 80 columns, comes below it.
    """
    width = max(len(command) for command, _ in lines)
    beside = all(width + len(purpose) + 4 <= _FALLBACK[0] for _, purpose in lines)
    shown = (
        f"  {command:{width}}  {purpose}" if beside else f"  {command}\n      {purpose}"
        for command, purpose in lines
    )
    return "\n".join(["\b", "Examples:", *shown])


def tell(line: str) -> None:
    """Say how the work goes, on standard error; not when quiet."""
    if not _voice.quiet:
        _print(line, err=True)


def say(line: str) -> None:
    """Say what came of it, on standard output; not when quiet."""
    if not _voice.quiet:
        _print(line, err=False)


def complain(line: str) -> None:
    """Say what is wrong, on standard error, always."""
    _print(line, err=True)


def _print(line: str, *, err: bool) -> None:
    """A line, wrapped where a terminal would break it in the middle of a word, and then indented."""
    is_terminal = _voice.terminals[err]
    if is_terminal:
        line = "\n".join(_wrapped(part, width()) for part in line.splitlines())
    _put(_coloured(line) if is_terminal else line, err=err, color=is_terminal)


def show(text: str) -> None:
    """Put out what was asked for as it stands, such as JSON, also when quiet."""
    _put(text, err=False)


def _put(text: str, *, err: bool, color: bool | None = None) -> None:
    """Write; where nobody takes it any more, the work goes on, and the command's end says so."""
    try:
        click.echo(text, err=err, color=color)
    except OSError as error:
        if not err:
            _voice.unwritten = error
        # What is left in a buffer would be tried again, and fail again, when Python ends.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, (sys.stderr if err else sys.stdout).fileno())
        os.close(nothing)


def require_written() -> None:
    """End the command with 1 where standard output did not take all of it; silently where its reader left."""
    if _voice.unwritten is None:
        return
    if _voice.unwritten.errno != errno.EPIPE:
        fail(
            f"standard output could not be written ({_voice.unwritten.strerror}), so what is there is not "
            "all: send it elsewhere, and run this again."
        )
    sys.exit(EXIT_FAILED)


def _wrapped(line: str, columns: int) -> str:
    indent = " " * (len(line) - len(line.lstrip()))
    # Under the text, not under the mark or the word before it.
    label = _LABEL.match(line)
    hang = " " * len(label[0]) if label else indent or "    "
    return textwrap.fill(
        line.strip(),
        columns,
        initial_indent=indent,
        subsequent_indent=hang,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _coloured(line: str) -> str:
    """Marks in green, red and yellow."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return line
    for mark, colour in (("✓", "green"), ("✗", "red"), ("!", "yellow"), ("soleflip:", "red")):
        if line.lstrip().startswith(f"{mark} "):
            return line.replace(mark, click.style(mark, fg=colour), 1)
    return line


def width() -> int:
    """The columns of the terminal, at most 100; 80 where there is none and COLUMNS is not set."""
    return max(40, min(shutil.get_terminal_size(_FALLBACK).columns, _WIDEST))


def mark(well: bool) -> str:
    """The sign before a line: well, or not."""
    return "✓" if well else "✗"


def duration(seconds: float) -> str:
    """A length of time as people read it: ``0.4 s``, ``18 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 10:  # noqa: PLR2004 below, tenths matter
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest if not hours else 0, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its word: ``1 row``, ``1,172 rows``."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def listed(items: Sequence[object], most: int = _MOST) -> str:
    """A list for a sentence: the first few, and how many more ``--verbose`` shows."""
    shown = items if is_verbose() else items[:most]
    left = len(items) - len(shown)
    names = ", ".join(map(str, shown))
    return f"{names} and {left:,} more (--verbose lists them)" if left else names


def lines_of(items: Sequence[str], most: int = _MOST) -> list[str]:
    """A long list, a line each: the first few, and a last one that says how many ``--verbose`` adds."""
    shown = list(items if is_verbose() else items[:most])
    left = len(items) - len(shown)
    return [*shown, *([f"… and {left:,} more: --verbose lists them"] if left else [])]


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """The lines of a table in columns; numbers stand to the right, with their thousands set apart."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    right = [bool(rows) and isinstance(cell, int | float) for cell in (rows[0] if rows else header)]
    return [
        "  ".join(
            cell.rjust(size) if to_right else cell.ljust(size)
            for cell, size, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [header, *cells]
    ]


def conclude(
    done: str,
    *,
    run: str = "",
    report: object = "",
    then: str = "",
    out: Callable[[str], None] = say,
) -> None:
    """The verdict of a command that did what it should: the last thing it says.

    Args:
        done: what was done or would be, as a sentence with its end.
        run: where the run is seen.
        report: where a report or file is.
        then: what to do next, as a command or sentence.
        out: says it; ``tell`` where standard output is for JSON.
    """
    out(f"✓ {done} Took {elapsed()}.")
    for name, value in (("report", report), ("run", run), ("next", then)):
        if value:
            out(f"  {name:6}  {value}")


def elapsed() -> str:
    """How long the command has taken so far."""
    return duration(time.monotonic() - _voice.began)


def fail(*sentences: str) -> NoReturn:
    """End the command with 1: what failed or was refused, a sentence each, with the remedy."""
    for sentence in sentences:
        complain(f"soleflip: {sentence}")
    sys.exit(EXIT_FAILED)


def refuse(reason: str) -> NoReturn:
    """End the command because of how it was called or what it was given: one sentence, and 2."""
    complain(f"soleflip: {reason}")
    sys.exit(EXIT_USAGE)


@contextmanager
def configuration_errors() -> Iterator[None]:
    """A wrong setting is one sentence and exit code 2."""
    try:
        yield
    except ConfigurationError as error:
        refuse(str(error))


@contextmanager
def server_errors() -> Iterator[None]:
    """What a server says outside a run's steps, as of a full disk, is one sentence and 1."""
    try:
        yield
    except Exception as error:
        told = told_of_a_server(error)
        if told is None:
            raise
        fail(told)
