"""Calling somebody outside who may never answer: each such call has an end, and leaves no second one behind.

A socket's time limit is from one byte to the next: a server that drips, a byte every three seconds, holds a
call for ever. So the call is made by a thread that nobody waits for longer than agreed. Python cannot end a
thread; as long as one goes on, its server is not called again, so there is one for each at most.

Here: waiting. Not here: whom to call.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

_at_it: dict[str, threading.Thread] = {}


class NoAnswerError(Exception):
    """There was no answer in time, or the call before this one still waits for its own."""


def within(seconds: float, name: str, call: Callable[[], Answer]) -> Answer:
    """What a call gives, if it does in time.

    Args:
        seconds: how long to wait.
        name: of whoever is called.
        call: calls.

    Raises:
        NoAnswerError: it does not answer.
        Exception: whatever the call raises.
    """
    before = _at_it.get(name)
    if before is not None and before.is_alive():
        raise NoAnswerError
    answers: list[Answer] = []
    errors: list[Exception] = []

    def ask() -> None:
        try:
            answers.append(call())
        except Exception as error:  # noqa: BLE001 raised again where it is waited for
            errors.append(error)

    # A daemon: a process that ends does not wait for it either.
    thread = threading.Thread(target=ask, name=f"calls {name}", daemon=True)
    _at_it[name] = thread
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise NoAnswerError
    del _at_it[name]
    if errors:
        raise errors[0]
    return answers[0]
