"""What the page of operations/health shows: a verdict in a sentence, numbers to plot, the rest as tables.

Here: words. Not here: looking (look.py), or when (sensor.py).
"""

from datetime import datetime
from typing import Any

import dagster as dg

from soleflip_assets.alerts.state import Severity
from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.health.look import Clockwork, Fault, Health

_LONGEST_LIST = 3
_FIGURES = {
    "units": "Units",
    "units_available": "of them available",
    "units_reserved": "of them reserved",
    "units_without_price": "of them without a price",
    "value_at_cost_eur": "Value at cost, EUR with VAT",
    "expected_profit_eur": "Expected profit, EUR",
}


def verdict(health: Health) -> str:
    """Whether all is well, in a sentence."""
    if not health.faults:
        return (
            "Nothing is wrong." if health.deployed else "Nothing is wrong; Phase 2 is not deployed."
        )
    named = [fault.what for fault in health.faults[:_LONGEST_LIST]]
    more = len(health.faults) - len(named)
    count = "One thing is" if len(health.faults) == 1 else f"{len(health.faults)} things are"
    return f"{count} wrong: {'; '.join(named)}" + (f"; and {more} more." if more else ".")


def metadata(health: Health) -> dict[str, Any]:
    """What a materialization of operations/health shows."""
    errors = sum(fault.severity is Severity.ERROR for fault in health.faults)
    numbers: dict[str, Any] = {
        "errors": errors,
        "warnings": len(health.faults) - errors,
        "dead_daemons": len(health.dead_daemons),
    }
    if health.metrics_age_seconds is not None:
        numbers["metrics_age_minutes"] = round(health.metrics_age_seconds / 60, 1)
    return {
        "verdict": verdict(health),
        **numbers,
        **health.figures,
        "details": dg.MetadataValue.md(details(health)),
    }


def details(health: Health) -> str:
    """All of it, as Markdown."""
    parts = [f"## {verdict(health)}", f"Looked at {_moment(health.at)}."]
    if health.faults:
        parts.append(
            markdown_table(
                ("What is wrong", "Severity", "Since", "Do first", ""),
                (_fault(fault, health.at) for fault in health.faults),
            )
        )
    parts += ["## What runs by the clock", _clockworks(health)]
    if health.figures:
        rows = [
            (title, f"{health.figures[name]:,}")
            for name, title in _FIGURES.items()
            if name in health.figures
        ]
        parts += [
            "## The stock, as of the last refresh",
            markdown_table(("", "Figure"), rows, numbers=[1]),
        ]
    if health.metrics_age_seconds is not None:
        minutes = health.metrics_age_seconds / 60
        parts.append(f"The metrics were refreshed {minutes:,.0f} minutes ago.")
    return "\n\n".join(parts)


def _fault(fault: Fault, now: datetime) -> tuple[str, ...]:
    what = f"[{fault.what}]({fault.page})" if fault.page else fault.what
    since = f"{_moment(fault.since)} ({_ago(fault.since, now)})" if fault.since else ""
    return what, fault.severity.name, since, fault.first, f"[runbook]({fault.steps})"


def _clockworks(health: Health) -> str:
    def row(one: Clockwork) -> tuple[str, ...]:
        last = f"{_ago(one.last, health.at)}: {one.result}" if one.last else "not yet"
        following = _moment(one.next) if one.next else "**stopped**"
        return one.name, following, last

    return markdown_table(("Name", "Next tick", "Last tick"), map(row, health.clockworks))


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _ago(moment: datetime, now: datetime) -> str:
    minutes = (now - moment).total_seconds() / 60
    if minutes < 1:
        return "just now"
    if minutes < 120:  # noqa: PLR2004 minutes say more than one hour
        return f"{minutes:.0f} min ago"
    hours = minutes / 60
    return f"{hours:.0f} h ago" if hours < 48 else f"{hours / 24:.0f} days ago"  # noqa: PLR2004 likewise
