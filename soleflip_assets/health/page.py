"""What the page of operations/health shows: a verdict in a sentence, numbers to plot, the rest as lists.

Here: words. Not here: looking (look.py), or when (sensor.py).
"""

from datetime import datetime
from typing import Any

import dagster as dg

from soleflip_assets.alerts.state import Severity
from soleflip_assets.health.look import Clockwork, Fault, Health

_LONGEST_LIST = 3
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def verdict(health: Health) -> str:
    """Whether all is well, in a sentence."""
    if not health.faults:
        return (
            "Nothing is wrong." if health.deployed else "Nothing is wrong; Phase 2 is not deployed."
        )
    named = [fault.name for fault in health.faults[:_LONGEST_LIST]]
    more = len(health.faults) - len(named)
    count = "One thing is" if len(health.faults) == 1 else f"{len(health.faults)} things are"
    return f"{count} wrong: {'; '.join(named)}" + (f"; and {more} more." if more else ".")


def numbers(health: Health) -> dict[str, float]:
    """What can be counted, for the UI to plot."""
    errors = sum(fault.severity is Severity.ERROR for fault in health.faults)
    return {
        "errors": errors,
        "warnings": len(health.faults) - errors,
        "dead_daemons": len(health.dead_daemons),
    }


def metadata(health: Health) -> dict[str, Any]:
    """What a materialization of operations/health shows, which its page shows as it stands."""
    age = health.metrics_age_seconds
    return {
        "verdict": verdict(health),
        **({"what_is_wrong": dg.MetadataValue.md(_faults(health))} if health.faults else {}),
        **numbers(health),
        **({} if age is None else {"metrics_age_minutes": round(age / 60, 1)}),
        **health.figures,
        "clock": dg.MetadataValue.md(_clockworks(health)),
    }


def _faults(health: Health) -> str:
    return "\n".join(_fault(fault, health.at) for fault in health.faults)


def _fault(fault: Fault, now: datetime) -> str:
    what = f"[{fault.what}]({fault.page})" if fault.page else fault.what
    since = f", for {_span((now - fault.since).total_seconds())}" if fault.since else ""
    first = f" First: {fault.first}" if fault.first else ""
    return f"- {what}: {fault.severity.name}{since}.{first} [The runbook]({fault.steps})"


def _clockworks(health: Health) -> str:
    """What is stopped, fails or waits for its time, a line each; then in one line what looks all the time."""
    looking = [one for one in health.clockworks if _looks(one, health.at)]
    lines = [_clockwork(one, health.at) for one in health.clockworks if one not in looking]
    if looking:
        lines.append("looked just now: " + ", ".join(f"`{one.name}`" for one in looking))
    return "\n".join(f"- {line}" for line in lines)


def _looks(one: Clockwork, now: datetime) -> bool:
    """Whether it looks every minute or sooner, has done so, and found it could."""
    if one.next is None or one.last is None or one.result == "failure":
        return False
    return all(abs((moment - now).total_seconds()) < _MINUTE for moment in (one.last, one.next))


def _clockwork(one: Clockwork, now: datetime) -> str:
    following = f"next {_ahead(one.next, now)}" if one.next else "**stopped**"
    last = f"last {_ago(one.last, now)} ({one.result})" if one.last else "not run yet"
    return f"`{one.name}`: {following}, {last}"


def _ago(moment: datetime, now: datetime) -> str:
    seconds = (now - moment).total_seconds()
    return "just now" if seconds < _MINUTE else f"{_span(seconds)} ago"


def _ahead(moment: datetime, now: datetime) -> str:
    seconds = (moment - now).total_seconds()
    return "now" if seconds < _MINUTE else f"in {_span(seconds)}"


def _span(seconds: float) -> str:
    """A length of time in its largest sensible unit."""
    if seconds < _MINUTE:
        return "less than a minute"
    for unit, name in ((2 * _DAY, "days"), (2 * _HOUR, "h")):
        if seconds >= unit:
            return f"{seconds / (unit / 2):.0f} {name}"
    return f"{seconds / _MINUTE:.0f} min"
