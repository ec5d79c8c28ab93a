"""What a message says: what failed, the numbers, since when, what it means, what to do first, which run.

Plain text, which every service shows. Here: words. Not here: whether and to whom they are sent.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from soleflip_assets.alerts.state import Alert, Kind, News, Severity
from soleflip_assets.ground import runbook
from soleflip_assets.ground.errors import CODE, DATABASE, STORAGE
from soleflip_assets.ground.settings import Settings

# The code location's name, as workspace.yaml has it.
LOCATION = "soleflip"

# Sections of the runbook for what has none of its own name.
_SECTIONS = {
    "check:phase2/preflight": "preflight",
    "job": "a-run-failed",
    "schedule": "a-tick-failed",
    "sensor": "a-tick-failed",
    "runs": "runs-take-too-long",
    "stopped": "a-schedule-or-sensor-is-stopped",
    "target": "a-target-takes-no-alerts",
    "alerts": "too-many-alerts",
    DATABASE: "the-database-does-not-answer",
    STORAGE: "dagsters-storage-does-not-answer",
    CODE: "the-code-server-does-not-answer",
}


@dataclass(frozen=True)
class Message:
    """A message.

    Attributes:
        title: one line.
        body: the rest.
        severity: the worst of what fails; None for a recovery.
    """

    title: str
    body: str
    severity: Severity | None


@dataclass(frozen=True)
class Limits:
    """How long a message may be, in characters.

    Attributes:
        title: its title.
        body: the rest.
    """

    title: int = 250
    body: int = 32_000


def compose(news: News, limits: Limits | None = None) -> Message:
    """Put news into words.

    Args:
        news: what to tell.
        limits: how long it may be. What is left out is counted; the worst stays.
    """
    limits = limits or Limits()
    flapping = news.kind is Kind.FLAPPING
    recovered = all(alert.recovered_at is not None for alert in news.alerts) and not flapping
    severity = None if recovered else max(alert.severity for alert in news.alerts)
    label = "recovered" if severity is None else severity.name
    title = _shortened(f"[SoleFlip] {label}: {_summary(news)}", limits.title)
    return Message(title, _body(news, limits.body), severity)


def _body(news: News, room: int) -> str:
    """A paragraph for each alert, as many as there is room for, and where to look on."""
    link = f"Run: {_ui_url()}/runs/{news.run_id}" if news.run_id else f"UI: {_ui_url()}"
    paragraphs = ["\n".join(_paragraph(alert, news.kind)) for alert in news.alerts]
    whole = "\n\n".join([*paragraphs, link])
    if len(whole) <= room:
        return whole
    left = room - len(link) - len(_left_out(len(paragraphs))) - 2 * len("\n\n")
    kept: list[str] = []
    for paragraph in paragraphs:
        left -= len(paragraph) + len("\n\n")
        if left < 0:
            break
        kept.append(paragraph)
    if not kept:
        # One alone is too long: its first line says what fails.
        kept = [_shortened(paragraphs[0], max(left + len(paragraphs[0]), room // 2))]
    missing = len(paragraphs) - len(kept)
    return _shortened("\n\n".join([*kept, *([_left_out(missing)] if missing else []), link]), room)


def _left_out(number: int) -> str:
    return f"… and {number:,} more that have no room here."


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _summary(news: News) -> str:
    first, *others = [_name(alert) for alert in news.alerts]
    named = f"{first} and {len(others)} more" if others else first
    if news.kind is Kind.FAILING and all(alert.recovered_at for alert in news.alerts):
        return f"{named} failed and recovered"
    if news.kind is Kind.FAILING and all(map(_is_stopped, news.alerts)):
        return f"{named} stopped"
    return f"{named} {news.kind.value}"


def _is_stopped(alert: Alert) -> bool:
    return alert.subject.startswith("stopped:")


def _paragraph(alert: Alert, kind: Kind) -> list[str]:
    mark = "✗" if alert.recovered_at is None else "✓"
    lines = [f"{mark} {told(alert)}: {alert.severity.name}, {_since(alert)}"]
    if kind is Kind.FLAPPING:
        lines.append("  It fails and recovers again and again. The next message comes when it has")
        lines.append("  stayed one way for three hours.")
    if alert.detail:
        lines.append(f"  {alert.detail}")
    if alert.with_it:
        lines.append(f"  With it: {', '.join(map(told_of, alert.with_it))}")
    if alert.recovered_at is not None and alert.missed:
        lines.append(f"  Not seen well since: {', '.join(map(told_of, alert.missed))}")
        lines.append("  They come at their next time. Who cannot wait launches the job.")
    if alert.recovered_at is None:
        section = runbook_section(alert)
        lines.append(f"  {alert.meaning}")
        # A check's own description ends with it.
        if (step := runbook.first_step(section)) and step not in alert.meaning:
            lines.append(f"  First: {step}")
        lines.append(f"  More: {runbook.address(section)}")
        if page := page_of(alert):
            lines.append(f"  Look: {_ui_url()}{page}")
    return lines


def page_of(alert: Alert) -> str:
    """The path of the page of the UI that shows an alert; empty where only its run's page does."""
    kind, _, rest = alert.subject.partition(":")
    if kind == "check":
        asset, _, name = rest.partition(":")
        return f"/assets/{asset}?view=checks&checkDetail={name}"
    if kind in ("schedule", "sensor"):
        return f"/locations/{LOCATION}/{kind}s/{rest}"
    return {"stopped": "/automation", "runs": "/runs"}.get(kind, "")


def _since(alert: Alert) -> str:
    times = f", seen {alert.failures} times" if alert.failures > 1 else ""
    if alert.recovered_at is None:
        return f"since {_time(alert.since)}{times}"
    return f"from {_time(alert.since)} to {_time(alert.recovered_at)}{times}"


def _name(alert: Alert) -> str:
    """The last part of the subject: the check's, job's, schedule's or sensor's own name."""
    return alert.subject.rpartition(":")[2]


def told(alert: Alert) -> str:
    """What an alert is about, in a few words."""
    return told_of(alert.subject)


def told_of(subject: str) -> str:
    """What a subject is, in a few words."""
    kind, _, rest = subject.partition(":")
    if kind == "check":
        asset, _, name = rest.partition(":")
        return f"check {name} of {asset}"
    return {
        "job": f"job {rest}",
        "schedule": f"ticks of the schedule {rest}",
        "sensor": f"ticks of the sensor {rest}",
        "stopped": f"{rest} is stopped",
        "target": f"messages to {rest}",
        "alerts": "more than can be told one by one",
        "runs": f"runs {rest} for too long",
        DATABASE: "SoleFlip's database",
        STORAGE: "Dagster's storage",
        CODE: "the code server",
    }[kind]


def runbook_section(alert: Alert) -> str:
    """The section on an alert: by what it is a check of, else by its kind; a check's own otherwise."""
    kind, _, rest = alert.subject.partition(":")
    asset = f"{kind}:{rest.rpartition(':')[0]}"
    return _SECTIONS.get(asset) or _SECTIONS.get(kind) or _name(alert)


def _ui_url() -> str:
    return Settings.from_environment().ui_url.rstrip("/")


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
