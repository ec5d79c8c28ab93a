"""Trying again after giving way to others: for whatever waits for a lock of a live database.

Here: when a try may be repeated, how often, and the pause between two. Not here: what is tried.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from psycopg import errors
from sqlalchemy.exc import DBAPIError

LOCK_ATTEMPTS = 30

_GAVE_WAY = (errors.LockNotAvailable, errors.DeadlockDetected)

T = TypeVar("T")


class LockedOutError(Exception):
    """A lock was not free in any of the tries.

    Attributes:
        attempts: how many there were.
    """

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        super().__init__(
            f"A lock was not free in {attempts} tries: end the long transaction that pg_stat_activity shows, "
            "then run this again."
        )


def retrying(
    action: Callable[[int], T],
    gave_way: Callable[[int], None] | None = None,
    *,
    attempts: int | None = None,
    longest_pause: float = 3,
) -> T:
    """Do something until no lock stands in its way, with pauses of random length that grow.

    Args:
        action: takes the number of the try, from 1 on; leaves nothing behind when it fails. One that tries
            again itself gives way when it is locked out.
        gave_way: told after each try that was given up, with its number.
        attempts: how many tries; 30 if None.
        longest_pause: in seconds.

    Raises:
        LockedOutError: after the last try.
    """
    attempts = attempts or LOCK_ATTEMPTS
    for attempt in range(1, attempts + 1):
        try:
            return action(attempt)
        except LockedOutError:
            pass
        except DBAPIError as error:
            if not isinstance(error.orig, _GAVE_WAY):
                raise
        if gave_way:
            gave_way(attempt)
        if attempt < attempts:
            time.sleep(random.uniform(0, min(0.1 * 2**attempt, longest_pause)))  # noqa: S311
    raise LockedOutError(attempts)
