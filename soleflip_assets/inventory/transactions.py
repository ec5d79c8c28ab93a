"""A transaction that is begun again where PostgreSQL asks for that.

Here: which errors are worth another try, and how often. Not here: what the transaction does.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from soleflip_assets.inventory.arguments import checked_count

T = TypeVar("T")

# serialization_failure, deadlock_detected: the transaction was rolled back, and nothing is wrong with it.
_AGAIN = {"40001", "40P01"}
# Seconds; twice as long each time, less a random part, so that two do not meet again.
_SHORTEST_PAUSE = 0.01


async def in_transaction(
    sessions: async_sessionmaker[AsyncSession],
    work: Callable[[AsyncSession], Awaitable[T]],
    *,
    attempts: int = 5,
) -> T:
    """Do work in a transaction and commit; again from the start after a deadlock or serialization failure.

    A broken connection is not tried again: nobody knows whether its commit arrived. The caller may try again
    where the work has an idempotency key.

    Args:
        sessions: makes the session of each attempt.
        work: gets the session. It may run several times, so what it does outside the database must bear that.
        attempts: at most so many; the error of the last one is raised.

    Returns:
        What the work returned, once it is committed.

    Raises:
        InvalidArgument: ``attempts`` is not a positive int.
    """
    for attempt in range(1, checked_count("attempts", attempts, least=1)):
        try:
            return await _once(sessions, work)
        except DBAPIError as error:
            if sqlstate(error) not in _AGAIN:
                raise
        await asyncio.sleep(_SHORTEST_PAUSE * 2**attempt * random.uniform(0.5, 1))  # noqa: S311
    return await _once(sessions, work)


def sqlstate(error: DBAPIError) -> str | None:
    """PostgreSQL's five characters for what went wrong, from either driver; None if it did not say."""
    found: str | None = getattr(error.orig, "sqlstate", None)
    return found


async def _once(
    sessions: async_sessionmaker[AsyncSession], work: Callable[[AsyncSession], Awaitable[T]]
) -> T:
    async with sessions() as session, session.begin():
        return await work(session)
