"""What is wrong, and who has been told: the state machine behind the alerts.

One :class:`Alert` for each thing that is wrong, and in it, target by target, what that target was told. What
a target is still to be told follows from the two, so there is no queue that could grow while a target is
down: a check that failed and recovered a hundred times meanwhile is one message when the target is back. It
is bounded, too: by the number of alerts that are kept apart, and by what is kept of each.

One fault is told once, however many things fail by it. Each failure says what went wrong; what goes wrong in
the same way at the same time is one fault. It is told of who did not answer, where that is why, otherwise of
the first that failed. The others are its consequences: named in its message, without one of their own. It is
over when all that look often are well again; the rest is forgotten then, and told if it fails again.

The state is the cursor of the ``alerts`` sensor, as JSON. Not a table in SoleFlip's database, which is gone
just when there is something to tell; not a file, which a second machine would not see. Dagster stores the
cursor at the end of a tick, together with the tick's result: a message is sent first and recorded after, and
a process that dies between the two sends it again. It holds no address of a target, only a name made from
a hash. Here: deciding. Not here: where observations come from (events.py), what a message says (message.py),
how it is sent (delivery.py). Times are seconds since the epoch.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Self

from pydantic import BaseModel

from soleflip_assets.ground.errors import CODE, DATABASE, STORAGE

HOUR = 3600.0
# From one message to the next, while it goes on failing; the last one again and again.
REMINDERS = (1 * HOUR, 6 * HOUR, 24 * HOUR)

# From a failed attempt to the next: doubled each time, up to the longest.
FIRST_RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 900.0

# What fails and recovers three times within eight hours flaps, so that what is looked at hourly can, too.
# That is said once, and nothing more until it has stayed one way for three hours.
CHANGES_THAT_FLAP = 6
FLAPPING_WITHIN_SECONDS = 8 * HOUR
CALM_SECONDS = 3 * HOUR

# Of a time so far ahead is what was remembered before the clock was set back: machines differ by less.
SET_BACK_SECONDS = 5.0

# A message that a target refuses is given up after this long, and the other targets are told.
GIVEN_UP_AFTER_SECONDS = 24 * HOUR

# Of more messages at once, those of a kind are made one. After so many in an hour, ten minutes pass before
# the next, and what is due then comes together.
MOST_MESSAGES_AT_ONCE = 5
MOST_MESSAGES_AN_HOUR = 10
PAUSE_SECONDS = 600.0

# What fails with the same words as something that failed so long before at most, fails with it.
TOGETHER_SECONDS = 600.0

# What a shop has of checks, jobs, schedules and sensors is below a hundred. Of more failing at once one alert
# tells, and warnings leave room for errors. With what is kept of each, the state is 200 kB at most.
MOST_ALERTS = 100
MOST_WARNINGS = 50
LONGEST_TEXT = 500
TOO_MANY = "alerts:too_many"

# What everything asks, and what it means that it does not answer: told of itself, whoever asked.
SILENT = {
    DATABASE: "SoleFlip's database does not answer: nothing is refreshed, checked or watched.",
    STORAGE: "Dagster's storage does not answer: nothing is decided, started or remembered.",
    CODE: "The process that holds the code does not answer: nothing is decided, started or watched.",
}
# Named in a message as having failed with what it tells of.
MOST_NAMED = 20

# All checks of a run make one message, so the run's end is awaited; but not for ever.
LONGEST_WAIT_FOR_RUN_SECONDS = 600.0


class Severity(IntEnum):
    """How bad; chooses the channel."""

    WARN = 1
    ERROR = 2


class Kind(StrEnum):
    """What a message tells of its alerts."""

    FAILING = "failing"
    REMINDER = "still failing"
    RECOVERED = "recovered"
    FLAPPING = "flapping"


@dataclass(frozen=True)
class Observation:
    """Something was seen, failing or well.

    Attributes:
        subject: what, as ``check:inventory/stock:view_records`` or ``job:refresh_stock_metrics``.
        failing: whether it is wrong.
        at: when.
        severity: how bad, where it fails.
        run_id: the run in which it was seen; empty if there is none.
        detail: the numbers, or the error's own words.
        meaning: what it means, in a sentence.
        lasting: False for what nobody repeats, and nobody is reminded of: a run that a person started.
        because: subjects: where one of them fails, this does only for that reason.
        fault: what went wrong: the same for all that fail by it; empty where only this can fail so.
        often: whether it is seen again within a minute or so, failing or well.
    """

    subject: str
    failing: bool
    at: float
    severity: Severity = Severity.ERROR
    run_id: str = ""
    detail: str = ""
    meaning: str = ""
    lasting: bool = True
    because: Sequence[str] = ()
    fault: str = ""
    often: bool = False


class Told(BaseModel):
    """What a target was last told of an alert."""

    severity: Severity
    at: float
    reminders: int = 0
    recovered: bool = False
    flapping: bool = False


class Alert(BaseModel):
    """Something that is wrong, or was until ``recovered_at`` and not every target knows.

    Attributes:
        changes: when it began to fail and when it recovered, the last times.
        flapping: whether it did so too often, and has not been calm since.
        told: by target, what that was told last.
        refused: by target, since when that refuses what it is to be told.
        because: the subject for whose sake alone it fails; empty if it does by itself.
        with_it: the first subjects that fail for its sake alone.
        missed: those of them that nobody has seen well when it was over.
        fault: what went wrong when it was last seen failing.
        often: whether it is seen again soon.
        well_at: since when it is seen well, though not all of its consequences are.
    """

    subject: str
    severity: Severity
    since: float
    failures: int
    seen_at: float
    run_id: str
    detail: str
    meaning: str
    lasting: bool
    recovered_at: float | None = None
    changes: list[float] = []
    flapping: bool = False
    told: dict[str, Told] = {}
    refused: dict[str, float] = {}
    because: str = ""
    with_it: list[str] = []
    missed: list[str] = []
    fault: str = ""
    often: bool = False
    well_at: float | None = None

    @classmethod
    def of(cls, seen: Observation) -> Self:
        """What was seen failing for the first time."""
        return cls(
            subject=seen.subject,
            severity=seen.severity,
            since=seen.at,
            failures=1,
            seen_at=seen.at,
            run_id=seen.run_id,
            detail=seen.detail[:LONGEST_TEXT],
            meaning=seen.meaning[:LONGEST_TEXT],
            lasting=seen.lasting,
            changes=[seen.at],
            fault=seen.fault,
            often=seen.often,
        )

    def again(self, seen: Observation) -> None:
        """It was seen failing once more."""
        if self.recovered_at is not None:
            self._changed(seen.at)
            if not self.is_flapping(seen.at):
                # Who knows of the recovery is told anew; who does not, never learns that there was one.
                self.told = {name: told for name, told in self.told.items() if not told.recovered}
            self.recovered_at = None
            self.since = seen.at
            self.failures = 0
            self.with_it, self.missed = [], []
            self.severity = seen.severity
        self.severity = max(self.severity, seen.severity)
        self.failures += 1
        self.fault, self.often, self.well_at = seen.fault, seen.often, None
        self.seen(seen)

    def recover(self, at: float) -> None:
        """It is over."""
        self._changed(at)
        self.recovered_at, self.detail = at, ""

    def forget_the_future(self, now: float) -> None:
        """See :meth:`State.forget_the_future`; what a message says of when it failed stays as it was."""
        self.seen_at = _past(self.seen_at, now)
        if self.recovered_at is not None:
            self.recovered_at = _past(self.recovered_at, now)
        self.changes = [_past(at, now) for at in self.changes]
        self.refused = {name: _past(at, now) for name, at in self.refused.items()}
        for told in self.told.values():
            told.at = _past(told.at, now)

    def is_flapping(self, now: float) -> bool:
        """Whether it fails and recovers again and again."""
        return self.flapping and now < self.changes[-1] + CALM_SECONDS

    def _changed(self, at: float) -> None:
        was_flapping = self.is_flapping(at)
        self.changes = [*self.changes, at][-CHANGES_THAT_FLAP:]
        if was_flapping:
            return
        often = len(self.changes) == CHANGES_THAT_FLAP
        self.flapping = often and at - self.changes[0] <= FLAPPING_WITHIN_SECONDS
        if self.flapping:
            for told in self.told.values():
                told.flapping = False

    def seen(self, seen: Observation) -> None:
        """Keep what was last said of it."""
        self.seen_at, self.run_id = seen.at, seen.run_id
        self.detail = seen.detail[:LONGEST_TEXT]
        self.meaning = seen.meaning[:LONGEST_TEXT] or self.meaning

    def due(self, target: str, accepts: Callable[[Severity], bool], now: float) -> Kind | None:
        """What a target is to be told now."""
        told = self.told.get(target)
        if self.is_flapping(now):
            known = told is not None and told.flapping
            return Kind.FLAPPING if accepts(self.severity) and not known else None
        if told is not None and self.recovered_at is not None:
            return None if told.recovered else Kind.RECOVERED
        if not accepts(self.severity):
            return None
        if told is None or told.recovered or told.severity < self.severity:
            return Kind.FAILING
        wait = REMINDERS[min(told.reminders, len(REMINDERS) - 1)]
        return Kind.REMINDER if self.lasting and now >= told.at + wait else None

    def tell(self, target: str, kind: Kind, now: float) -> None:
        """Record that a target has been told."""
        before = self.told.get(target)
        reminded = before.reminders + 1 if before and kind is Kind.REMINDER else 0
        self.told[target] = Told(
            severity=self.severity,
            at=now,
            reminders=reminded,
            recovered=self.recovered_at is not None,
            flapping=kind is Kind.FLAPPING,
        )
        self.refused.pop(target, None)

    def is_calm(self, now: float) -> bool:
        """Whether nothing more is to be remembered of it once everybody knows that it recovered."""
        return not self.changes or now >= self.changes[-1] + CALM_SECONDS

    def settled(self, unfinished: Iterable[str], now: float) -> bool:
        """Whether all that its run has to say is known."""
        return self.run_id not in unfinished or now > self.seen_at + LONGEST_WAIT_FOR_RUN_SECONDS


class Reach(BaseModel):
    """How a target has answered: when what it refused is tried again."""

    failures: int = 0
    retry_at: float = 0.0

    def failed(self, now: float) -> None:
        """It did not take a message."""
        wait = min(FIRST_RETRY_SECONDS * 2 ** min(self.failures, 16), LONGEST_RETRY_SECONDS)
        self.failures += 1
        self.retry_at = now + wait


class LastMessage(BaseModel):
    """The message that was delivered last, for ``soleflip status``."""

    at: float
    title: str


@dataclass(frozen=True)
class News:
    """What one message tells: one kind of thing about alerts of one run.

    Attributes:
        kind: what.
        run_id: the run; empty where there is none, or where it is of several.
        alerts: the alerts, the worst first.
    """

    kind: Kind
    run_id: str
    alerts: Sequence[Alert] = field(default_factory=list)


# What makes one message: whether it was refused before, of which kind it is, and of which run.
_Group = tuple[bool, Kind, str]


class State(BaseModel):
    """All that has to be remembered from tick to tick.

    Attributes:
        began: when the alerts began to look; what was before is history.
        after: the event log's id up to which every event was looked at.
        ticks: by schedule or sensor, the time of the last tick that was looked at.
        alerts: by subject.
        targets: by name, how those have answered that refuse something.
        sent: by target, when the last messages were taken.
        more: failing subjects that are not kept apart, since the last moment in which all were.
        heartbeat_due: whether a good refresh was not yet reported to the outside monitor.
        last_message: what was delivered last.
    """

    began: float
    after: int
    ticks: dict[str, float] = {}
    alerts: dict[str, Alert] = {}
    targets: dict[str, Reach] = {}
    sent: dict[str, list[float]] = {}
    more: int = 0
    heartbeat_due: bool = False
    last_message: LastMessage | None = None

    @classmethod
    def from_cursor(cls, cursor: str) -> Self:
        """Read what :meth:`to_cursor` wrote.

        Raises:
            pydantic.ValidationError: somebody wrote something else there.
        """
        return cls.model_validate_json(cursor)

    def to_cursor(self) -> str:
        """As JSON."""
        return self.model_dump_json(exclude_defaults=True)

    def forget_the_future(self, now: float) -> None:
        """Where the clock was set back, let nothing wait until it has caught up.

        Args:
            now: the time.
        """
        self.began = _past(self.began, now)
        self.ticks = {subject: _past(at, now) for subject, at in self.ticks.items()}
        self.sent = {name: [_past(at, now) for at in sent] for name, sent in self.sent.items()}
        for reach in self.targets.values():
            reach.retry_at = min(reach.retry_at, now + LONGEST_RETRY_SECONDS)
        for alert in self.alerts.values():
            alert.forget_the_future(now)

    def observe(self, seen: Observation) -> None:
        """Take note of what was seen."""
        if seen.failing:
            self._failing(seen)
        elif self.is_failing(seen.subject):
            alert = self.alerts[seen.subject]
            alert.well_at = seen.at
            self._end(alert)
            if alert.recovered_at is not None:
                alert.seen(seen)

    def _failing(self, seen: Observation) -> None:
        if not self._is_of_before(seen):
            if seen.fault in SILENT:
                self._note(_of_itself(seen))
        elif seen.often:
            # It says soon how it is now.
            return
        self._note(seen)

    def _note(self, seen: Observation) -> None:
        alert = self.alerts.get(seen.subject)
        causes = [*seen.because, *self._same(seen)]
        if alert is not None:
            if alert.because and alert.fault == seen.fault:
                causes.insert(0, alert.because)
            alert.again(seen)
        elif self._has_room(seen):
            alert = self.alerts[seen.subject] = Alert.of(seen)
        if alert is not None and not alert.told:
            self._attribute(alert, causes)

    def _is_of_before(self, seen: Observation) -> bool:
        """Whether it began before its fault was over, and ended after."""
        return bool(seen.fault) and any(
            seen.at <= alert.recovered_at
            for alert in self.alerts.values()
            if alert.recovered_at is not None and alert.fault == seen.fault
        )

    def _same(self, seen: Observation) -> Iterator[str]:
        """What fails by the same fault, before it."""
        if seen.fault in SILENT:
            yield seen.fault
        elif seen.fault:
            for alert in self.alerts.values():
                together = alert.lasting and seen.at - alert.seen_at <= TOGETHER_SECONDS
                if alert.fault == seen.fault and together and not alert.because:
                    yield alert.subject

    def _attribute(self, alert: Alert, causes: Iterable[str]) -> None:
        """Find out for whose sake alone something fails of which nobody was told."""
        alert.because = ""
        for cause in filter(self.is_failing, causes):
            root = self.alerts.get(self.alerts[cause].because) or self.alerts[cause]
            if root is alert:
                continue
            alert.because = root.subject
            if alert.subject not in root.with_it and len(root.with_it) < MOST_NAMED:
                root.with_it.append(alert.subject)
            return

    def _end(self, alert: Alert) -> None:
        """It is seen well: it is over, unless others that look often still fail by it."""
        root, at = self.alerts.get(alert.because), alert.well_at
        consequences = [one for one in self.alerts.values() if one.because == alert.subject]
        # Who looks often and was not seen for long was switched off, or is no more.
        if at is None or any(
            one.often and at - one.seen_at <= TOGETHER_SECONDS for one in consequences
        ):
            return
        alert.recover(at)
        alert.missed = [one.subject for one in consequences if one.fault]
        for one in [*consequences, *([alert] if root else [])]:
            one.because = ""
            if not one.told:
                del self.alerts[one.subject]
        if root is not None:
            self._end(root)

    def _due(
        self, alert: Alert, target: str, accepts: Callable[[Severity], bool], now: float
    ) -> Kind | None:
        """What a target is to be told of an alert now; nothing where the cause tells it."""
        cause = self.alerts.get(alert.because)
        if cause is not None and cause.severity >= alert.severity and accepts(cause.severity):
            return None
        return alert.due(target, accepts, now)

    def _has_room(self, seen: Observation) -> bool:
        """Whether one more is kept apart; if not, one alert tells how many more there are."""
        most = MOST_ALERTS if seen.severity is Severity.ERROR else MOST_WARNINGS
        if len(self.alerts) < most:
            return True
        self.more += 1
        about_more = Observation(
            TOO_MANY,
            failing=True,
            at=seen.at,
            severity=seen.severity,
            detail=f"{self.more:,} more, the last of them {seen.subject}",
            meaning="More fails at once than is told one by one: it has one cause, most likely.",
        )
        known = self.alerts.get(TOO_MANY)
        if known is None:
            self.alerts[TOO_MANY] = Alert.of(about_more)
        else:
            known.again(about_more)
        return False

    def is_failing(self, subject: str) -> bool:
        """Whether an alert is open on it."""
        alert = self.alerts.get(subject)
        return alert is not None and alert.recovered_at is None

    @property
    def faults(self) -> list[Alert]:
        """What fails now, without its consequences."""
        return [
            alert
            for alert in self.alerts.values()
            if alert.recovered_at is None and not alert.because
        ]

    def news(
        self,
        target: str,
        accepts: Callable[[Severity], bool],
        now: float,
        unfinished: Iterable[str] = (),
        *,
        again: bool = True,
    ) -> list[News]:
        """The messages that a target is to get now, oldest first; what it refused before comes last.

        Args:
            target: its name.
            accepts: which severities it is for.
            now: the time.
            unfinished: the runs that still go on; their alerts wait.
            again: also what it refused before.
        """
        if self._is_enough(target, now):
            return []
        groups: dict[_Group, list[Alert]] = {}
        for alert in sorted(self.alerts.values(), key=lambda alert: alert.seen_at):
            kind = self._due(alert, target, accepts, now)
            refused = target in alert.refused
            if alert.subject == subject_of(target) or (refused and not again):
                continue
            if kind and alert.settled(unfinished, now):
                run_id = "" if kind is Kind.REMINDER else alert.run_id
                groups.setdefault((refused, kind, run_id), []).append(alert)
        if len(groups) > MOST_MESSAGES_AT_ONCE:
            groups = _one_of_each_kind(groups)
        return [
            News(kind, run_id, sorted(alerts, key=lambda alert: -alert.severity))
            for (_, kind, run_id), alerts in sorted(groups.items(), key=lambda group: group[0][0])
        ]

    def _is_enough(self, target: str, now: float) -> bool:
        """Whether a target had so many messages of late that the next ones wait, to come together."""
        sent = self.sent.get(target, [])
        return (
            len(sent) == MOST_MESSAGES_AN_HOUR
            and sent[0] > now - HOUR
            and now < sent[-1] + PAUSE_SECONDS
        )

    def told(self, target: str, news: News, now: float) -> None:
        """Record a delivery."""
        for alert in news.alerts:
            alert.tell(target, news.kind, now)

    def took(self, target: str, now: float) -> None:
        """Record that a target took a message, which it may do only so often."""
        self.sent[target] = [*self.sent.get(target, []), now][-MOST_MESSAGES_AN_HOUR:]

    def refused(self, target: str, news: News, title: str, now: float) -> None:
        """Record that a target did not take a message; after a day it is given up, and the others are told.

        Args:
            target: its name.
            news: what it was to be told.
            title: of the message.
            now: the time.
        """
        for alert in news.alerts:
            alert.refused.setdefault(target, now)
        if min(alert.refused[target] for alert in news.alerts) > now - GIVEN_UP_AFTER_SECONDS:
            return
        self.told(target, news, now)
        self.observe(
            Observation(
                subject_of(target),
                failing=True,
                at=now,
                detail=f"given up after a day: {title}",
                meaning="It does not take what it is sent, so who reads it does not know of this.",
            )
        )

    def forget(self, accepting: Mapping[str, Callable[[Severity], bool]], now: float) -> None:
        """Drop what is over and known to everybody, and targets that are no more with what fails of them.

        Args:
            accepting: the severities that each target is for, by its name.
            now: the time.
        """
        self.targets = {name: reach for name, reach in self.targets.items() if name in accepting}
        self.sent = {name: sent for name, sent in self.sent.items() if name in accepting}
        if self.more and len(self.alerts) < MOST_WARNINGS:
            self.more = 0
            self.observe(Observation(TOO_MANY, failing=False, at=now))
        gone = {name for name in self.alerts if name.startswith(subject_of(""))} - {
            subject_of(name) for name in accepting
        }
        self.alerts = {
            subject: alert
            for subject, alert in self.alerts.items()
            if subject not in gone
            if (alert.lasting and alert.recovered_at is None)
            or (alert.lasting and alert.told and not alert.is_calm(now))
            or any(self._due(alert, name, accepts, now) for name, accepts in accepting.items())
        }


def _past(at: float, now: float) -> float:
    return at if at <= now + SET_BACK_SECONDS else now


def _of_itself(seen: Observation) -> Observation:
    """That who was asked did not answer, whoever has asked."""
    meaning = SILENT[seen.fault]
    return replace(seen, subject=seen.fault, meaning=meaning, lasting=True, often=False)


def subject_of(target: str) -> str:
    """What an alert of a target itself is called; that one is not told of it."""
    return f"target:{target}"


def _one_of_each_kind(groups: Mapping[_Group, list[Alert]]) -> dict[_Group, list[Alert]]:
    merged: dict[_Group, list[Alert]] = {}
    for (refused, kind, _), alerts in groups.items():
        merged.setdefault((refused, kind, ""), []).extend(alerts)
    return merged
