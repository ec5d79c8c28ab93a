"""Sending what is due: every target by itself, so that one that is down holds up nobody else.

Here: trying, and recording what was taken. Not here: what is due, which is the state's to say.
"""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from soleflip_assets.alerts.message import compose
from soleflip_assets.alerts.state import LastMessage, News, Reach, State
from soleflip_assets.alerts.targets import Target

# A tick is cut off after 60 s, and with it the record of what it sent. A send takes 10 s at most.
_NO_NEW_SEND_AFTER_SECONDS = 20


def deliver(
    state: State,
    targets: Sequence[Target],
    now: float,
    unfinished: Collection[str],
    log: Callable[[str], None],
) -> int:
    """Send what is due to each target, and record in the state what was taken.

    Args:
        state: changed in place.
        targets: all of them.
        now: the time.
        unfinished: the runs that still go on.
        log: told of each target that did not take its message.

    Returns:
        How many messages were taken.
    """
    due = {
        target: news
        for target in targets
        if state.targets.get(target.name, Reach()).retry_at <= now
        if (news := state.news(target.name, target.accepts, now, unfinished))
    }
    if not due:
        return 0
    with ThreadPoolExecutor(len(due)) as pool:
        attempts = {target: pool.submit(_send, target, news) for target, news in due.items()}
    delivered = 0
    for target, attempt in attempts.items():
        taken, complaint = attempt.result()
        for told in taken:
            state.told(target.name, told, now)
            state.last_message = LastMessage(at=now, title=compose(told).title)
        delivered += len(taken)
        if complaint:
            reach = state.targets.setdefault(target.name, Reach())
            reach.failed(now)
            log(f"{target.name} {complaint}; next try in {reach.retry_at - now:.0f} s")
        else:
            state.targets.pop(target.name, None)
    return delivered


def _send(target: Target, due: Sequence[News]) -> tuple[list[News], str]:
    """Send until one is refused.

    Returns:
        What was taken, and what went wrong (or ""): never the error's own words, which may hold the URL.
    """
    taken: list[News] = []
    deadline = time.monotonic() + _NO_NEW_SEND_AFTER_SECONDS
    for news in due:
        if time.monotonic() > deadline:
            break
        message = compose(news)
        try:
            accepted = target.send(message.title, message.body, message.severity)
        except Exception as error:  # noqa: BLE001 one target's fault must not undo the others' record
            return taken, f"could not be sent to ({type(error).__name__})"
        if not accepted:
            return taken, "did not take a message"
        taken.append(news)
    return taken, ""
