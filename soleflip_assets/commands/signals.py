"""Ctrl-C, SIGTERM and a closed terminal: a command ends with one sentence and 128 + the signal's number.

Dagster takes the handlers over while a run goes on, the same one for Ctrl-C and SIGTERM; which of them it was
is known by the pipe to which Python writes the numbers. Here: that. Not here: `soleflip up`.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

_SOON = 0.01
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heeded() -> list[signal.Signals]:
    """The signals that ask for the end; under `nohup` a closed terminal does not."""
    return [
        number
        for number in ENDING
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]


class Interrupted(BaseException):
    """Somebody asked for the end."""


@contextmanager
def ended_by_signals(tell: Callable[[str], None]) -> Iterator[None]:
    """Turn the block's interruption into a sentence and an exit code.

    Args:
        tell: gets the sentence.

    Raises:
        SystemExit: a signal ended the block: 130 for Ctrl-C, 143 for SIGTERM, 129 for a closed terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread may set handlers.
        return
    read, write = os.pipe()
    for end in (read, write):
        os.set_blocking(end, False)
    before = {number: signal.getsignal(number) for number in heeded()}
    wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in before:
        signal.signal(number, _interrupt)
    hook, sys.unraisablehook = sys.unraisablehook, partial(_send_again, sys.unraisablehook, read)
    try:
        yield
    except BaseException:
        # Whatever the interruption was turned into on its way here.
        if received := _received(read):
            _end(received, tell)
        raise
    finally:
        sys.unraisablehook = hook
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted


def _send_again(
    hook: "Callable[[sys.UnraisableHookArgs], object]", read: int, lost: "sys.UnraisableHookArgs"
) -> None:
    """Send a signal once more whose exception Python dropped, as it does in the midst of clearing up.

    A command that was told to end went on, after a traceback.

    Args:
        hook: for all other exceptions that were dropped.
        read: where the numbers of signals are read.
        lost: what was dropped.
    """
    number = 0 if isinstance(lost.exc_value, Exception) else _received(read)
    if not number:
        hook(lost)
        return
    # Not here: it would be dropped again.
    threading.Timer(_SOON, os.kill, [os.getpid(), number]).start()


def _received(read: int) -> int:
    """The first of the signals that ask for the end; 0 if there was none."""
    with suppress(BlockingIOError):
        return next((number for number in os.read(read, 1024) if number in ENDING), 0)
    return 0


def _end(number: int, tell: Callable[[str], None]) -> None:
    received = signal.Signals(number)
    name = {signal.SIGINT: "Ctrl-C", signal.SIGHUP: "the closed terminal"}.get(
        received, received.name
    )
    tell(
        f"soleflip: ended by {name}. What was committed stays; run the same command again, and it resumes."
    )
    sys.exit(128 + number)
