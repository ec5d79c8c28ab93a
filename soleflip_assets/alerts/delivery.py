"""Sending what is due: every target by itself, so that one that is down holds up nobody else.

Here: trying, and recording what was taken. Not here: what is due, which is the state's to say.
"""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from soleflip_assets.alerts.bounded import NoAnswerError
from soleflip_assets.alerts.message import Message, compose
from soleflip_assets.alerts.state import (
    LastMessage,
    News,
    Observation,
    Reach,
    State,
    subject_of,
)
from soleflip_assets.alerts.targets import Target
from soleflip_assets.ground.deadlines import NO_NEW_SEND

# A tick is cut off after 60 s, and with it the record of what it sent. A send takes 10 s at most.
_NO_NEW_SEND_AFTER_SECONDS: float = NO_NEW_SEND.number


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
        if (
            news := state.news(
                target.name,
                target.accepts,
                now,
                unfinished,
                again=state.targets.get(target.name, Reach()).retry_at <= now,
            )
        )
    }
    if not due:
        return 0
    with ThreadPoolExecutor(len(due)) as pool:
        attempts = {target: pool.submit(_send, target, news) for target, news in due.items()}
    delivered = 0
    for target, attempt in attempts.items():
        sent = attempt.result()
        for taken in sent.taken:
            state.told(target.name, taken, now)
            state.took(target.name, now)
            state.last_message = LastMessage(at=now, title=_message(target, taken).title)
        for refused in sent.refused:
            state.refused(target.name, refused, _message(target, refused).title, now)
        delivered += len(sent.taken)
        if sent.refused:
            reach = state.targets.setdefault(target.name, Reach())
            reach.failed(now)
            log(f"{target.name} {sent.complaint}; next try in {reach.retry_at - now:.0f} s")
        elif all(target.name not in alert.refused for alert in state.alerts.values()):
            # It has taken what it refused before, too.
            state.targets.pop(target.name, None)
            state.observe(Observation(subject_of(target.name), failing=False, at=now))
    return delivered


@dataclass
class _Sent:
    """How a target has answered.

    Attributes:
        taken: what it has taken.
        refused: what it has not.
        complaint: why not: never in the error's own words, which may hold the URL.
    """

    taken: list[News] = field(default_factory=list)
    refused: list[News] = field(default_factory=list)
    complaint: str = ""


def _message(target: Target, news: News) -> Message:
    return compose(news, target.limits)


def _send(target: Target, due: Sequence[News]) -> _Sent:
    """Send one after the other; one that is refused holds up no other, one that is not answered ends it."""
    sent = _Sent()
    deadline = time.monotonic() + _NO_NEW_SEND_AFTER_SECONDS
    for news in due:
        if time.monotonic() > deadline:
            break
        message = _message(target, news)
        try:
            accepted = target.send(message.title, message.body, message.severity)
        except NoAnswerError:
            sent.refused.append(news)
            sent.complaint = "does not answer"
            break
        except Exception as error:  # noqa: BLE001 one target's fault must not undo the others' record
            accepted, complaint = False, f"could not be sent to ({type(error).__name__})"
        else:
            complaint = "did not take a message"
        if accepted:
            sent.taken.append(news)
        else:
            sent.refused.append(news)
            sent.complaint = complaint
    return sent
