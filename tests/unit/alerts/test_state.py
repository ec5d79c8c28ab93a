"""The state machine of the alerts, with the time in the test's hand."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soleflip_assets.alerts.message import compose
from soleflip_assets.alerts.state import (
    CALM_SECONDS,
    HOUR,
    MOST_NAMED,
    TOO_MANY,
    Kind,
    News,
    Observation,
    Severity,
    State,
    subject_of,
)
from soleflip_assets.ground.errors import CODE, DATABASE, STORAGE

CHECK = "check:inventory/stock:financial_data_consistent"
OTHER = "check:inventory/stock:stock_records_kept"


def anything(_: Severity) -> bool:
    return True


def errors(severity: Severity) -> bool:
    return severity is Severity.ERROR


def failing(
    subject: str = CHECK,
    at: float = 0,
    run_id: str = "run",
    severity: Severity = Severity.ERROR,
    lasting: bool = True,
) -> Observation:
    return Observation(
        subject, failing=True, at=at, severity=severity, run_id=run_id, lasting=lasting
    )


def well(subject: str = CHECK, at: float = 0, run_id: str = "next run") -> Observation:
    return Observation(subject, failing=False, at=at, run_id=run_id)


def new_state() -> State:
    return State(began=0, after=0)


@dataclass
class Inbox:
    """A target that takes what it is sent while it is up."""

    name: str = "sink"
    accepts: Callable[[Severity], bool] = anything
    up: bool = True
    got: list[tuple[float, Kind, list[str]]] = field(default_factory=list)

    @property
    def subjects(self) -> list[str]:
        """Of what it was told, in order."""
        return [subject for _, _, subjects in self.got for subject in subjects]

    def collect(self, state: State, now: float, unfinished: tuple[str, ...] = ()) -> list[News]:
        """One tick: take what is due; the state goes through its cursor, as between two ticks."""
        due = state.news(self.name, self.accepts, now, unfinished) if self.up else []
        for news in due:
            state.told(self.name, news, now)
            self.got.append((now, news.kind, [alert.subject for alert in news.alerts]))
        state.forget({self.name: self.accepts}, now)
        assert State.from_cursor(state.to_cursor()) == state
        return due


def test_tells_once_that_a_check_fails_however_often_it_is_seen() -> None:
    state, inbox = new_state(), Inbox()

    for minute in range(5):
        state.observe(failing(at=minute * 60, run_id=f"run {minute}"))
        inbox.collect(state, minute * 60)

    assert inbox.got == [(0, Kind.FAILING, [CHECK])]
    assert state.alerts[CHECK].failures == 5


def test_reminds_after_1_hour_then_6_then_daily() -> None:
    state, inbox = new_state(), Inbox()
    state.observe(failing())

    for minute in range(0, 60 * 24 * 4, 5):
        inbox.collect(state, minute * 60)

    assert [(at / HOUR, kind) for at, kind, _ in inbox.got] == [
        (0, Kind.FAILING),
        (1, Kind.REMINDER),
        (7, Kind.REMINDER),
        (31, Kind.REMINDER),
        (55, Kind.REMINDER),
        (79, Kind.REMINDER),
    ]


def test_tells_the_recovery_once_and_then_forgets() -> None:
    state, inbox = new_state(), Inbox()
    state.observe(failing())
    inbox.collect(state, 10)
    state.observe(well(at=20))
    state.observe(well(at=21))

    inbox.collect(state, 30)
    inbox.collect(state, 30 + 48 * HOUR)

    assert [kind for _, kind, _ in inbox.got] == [Kind.FAILING, Kind.RECOVERED]
    assert not state.alerts


def test_what_was_never_wrong_is_no_news() -> None:
    state, inbox = new_state(), Inbox()
    state.observe(well())

    assert inbox.collect(state, 10) == []
    assert not state.alerts


def test_several_checks_of_one_run_are_one_message_and_the_worst_comes_first() -> None:
    state, inbox = new_state(), Inbox()
    state.observe(failing(OTHER, severity=Severity.WARN))
    state.observe(failing(CHECK))
    state.observe(failing("job:verify_phase2"))

    (news,) = inbox.collect(state, 10)

    assert [alert.subject for alert in news.alerts] == [CHECK, "job:verify_phase2", OTHER]


def test_checks_of_different_runs_are_different_messages() -> None:
    state, inbox = new_state(), Inbox()
    state.observe(failing(CHECK, run_id="a"))
    state.observe(failing(OTHER, run_id="b"))

    assert [news.run_id for news in inbox.collect(state, 10)] == ["a", "b"]


def test_waits_for_the_run_to_end_so_that_its_later_checks_are_in_the_same_message() -> None:
    state, inbox = new_state(), Inbox()
    state.observe(failing(CHECK))
    assert inbox.collect(state, 10, unfinished=("run",)) == []
    state.observe(failing(OTHER, at=20))

    assert len(inbox.collect(state, 30)) == 1
    assert inbox.got[0][2] == [CHECK, OTHER]


def test_does_not_wait_for_ever_for_a_run_that_hangs() -> None:
    state, inbox = new_state(), Inbox()
    state.observe(failing())

    assert inbox.collect(state, 601, unfinished=("run",))


def test_target_that_was_down_gets_one_message_however_often_it_flapped() -> None:
    state, inbox = new_state(), Inbox(up=False)
    for minute in range(0, 100, 2):
        state.observe(failing(at=minute * 60))
        inbox.collect(state, minute * 60)
        state.observe(well(at=minute * 60 + 60))
        inbox.collect(state, minute * 60 + 60)
    inbox.up = True

    (news,) = inbox.collect(state, 6000)

    assert news.kind is Kind.FLAPPING
    assert news.alerts[0].recovered_at is not None
    assert inbox.collect(state, 6000 + CALM_SECONDS) == []
    assert not state.alerts


def test_target_that_is_down_holds_up_no_other() -> None:
    state, up, down = new_state(), Inbox("up"), Inbox("down", up=False)
    state.observe(failing())
    for inbox in (up, down):
        due = state.news(inbox.name, inbox.accepts, 10) if inbox.up else []
        for news in due:
            state.told(inbox.name, news, 10)
    state.forget({"up": anything, "down": anything}, 10)

    assert state.news("up", anything, 20) == []
    assert len(state.news("down", anything, 20)) == 1


def test_target_that_knows_of_the_recovery_is_told_anew_while_another_still_is_down() -> None:
    state, up = new_state(), Inbox("up")
    down = {"up": anything, "down": anything}
    for seen in (failing(at=0), well(at=60), failing(at=120)):
        state.observe(seen)
        for news in state.news("up", anything, seen.at):
            state.told("up", news, seen.at)
            up.got.append((seen.at, news.kind, []))
        state.forget(down, seen.at)
        assert CHECK in state.alerts

    assert [kind for _, kind, _ in up.got] == [Kind.FAILING, Kind.RECOVERED, Kind.FAILING]
    assert [news.kind for news in state.news("down", anything, 180)] == [Kind.FAILING]


def test_severity_chooses_the_channel() -> None:
    state = new_state()
    state.observe(failing(severity=Severity.WARN))

    assert state.news("errors", errors, 10) == []
    assert len(state.news("all", anything, 10)) == 1


def test_growing_worse_is_told_to_all_but_the_recovery_only_to_those_who_knew() -> None:
    state, everybody, pager = new_state(), Inbox("everybody"), Inbox("pager", errors)
    for seen in (
        failing(at=0, severity=Severity.WARN),
        failing(at=60, severity=Severity.ERROR),
        well(at=120),
    ):
        state.observe(seen)
        for inbox in (everybody, pager):
            for news in state.news(inbox.name, inbox.accepts, seen.at):
                state.told(inbox.name, news, seen.at)
                inbox.got.append((seen.at, news.kind, []))

    assert [kind for _, kind, _ in everybody.got] == [Kind.FAILING, Kind.FAILING, Kind.RECOVERED]
    assert [kind for _, kind, _ in pager.got] == [Kind.FAILING, Kind.RECOVERED]


def test_nobody_is_reminded_of_a_run_that_a_person_started() -> None:
    state, inbox = new_state(), Inbox()
    state.observe(failing("job:restore_drill", lasting=False))

    inbox.collect(state, 10)
    inbox.collect(state, 48 * HOUR)

    assert [kind for _, kind, _ in inbox.got] == [Kind.FAILING]
    assert not state.alerts


def test_target_that_is_new_is_told_what_is_failing_already() -> None:
    state = new_state()
    state.observe(failing())
    Inbox("old").collect(state, 10)

    assert len(state.news("new", anything, 20)) == 1


@pytest.mark.parametrize(("attempts", "wait"), [(1, 10), (2, 20), (4, 80), (7, 640), (30, 900)])
def test_waits_longer_after_each_failed_attempt_up_to_a_quarter_of_an_hour(
    attempts: int, wait: float
) -> None:
    from soleflip_assets.alerts.state import Reach  # noqa: PLC0415

    reach = Reach()
    for _ in range(attempts):
        reach.failed(now=1000)

    assert reach.retry_at == 1000 + wait


def test_state_does_not_grow_with_the_number_of_events() -> None:
    state = new_state()
    for number in range(10_000):
        state.observe(failing(at=number, run_id=f"run {number}"))

    assert len(state.to_cursor()) < 1000


def test_flapping_is_said_once_and_then_what_it_came_to() -> None:
    """As a check that is looked at hourly. Two failures are told one by one; the third makes it flap."""
    state, inbox = new_state(), Inbox()
    for hour in range(30):
        state.observe(failing(at=hour * HOUR) if hour % 2 == 0 else well(at=hour * HOUR))
        inbox.collect(state, hour * HOUR)
    for hour in range(30, 40):
        inbox.collect(state, hour * HOUR)

    assert [(at / HOUR, kind) for at, kind, _ in inbox.got] == [
        (0, Kind.FAILING),
        (1, Kind.RECOVERED),
        (2, Kind.FAILING),
        (3, Kind.RECOVERED),
        (4, Kind.FAILING),
        (5, Kind.FLAPPING),
    ]
    assert not state.alerts, "it has recovered when it was told to flap, and stayed so"


def test_what_still_fails_when_it_flaps_no_more_is_told_and_flaps_anew_later() -> None:
    state, inbox = new_state(), Inbox()
    for start in (0, 6 * HOUR):
        for number in range(9):
            now = start + number * 60
            state.observe(failing(at=now) if number % 2 == 0 else well(at=now))
            inbox.collect(state, now)
        inbox.collect(state, start + 8 * 60 + CALM_SECONDS)

    kinds = [kind for _, kind, _ in inbox.got]
    assert kinds.count(Kind.FLAPPING) == 2
    assert kinds[-1] in {Kind.FAILING, Kind.REMINDER}


def test_thousand_failing_checks_are_few_messages_and_a_bounded_state() -> None:
    """Each in a run of its own, one every ten seconds; then all recover."""
    state, inbox = new_state(), Inbox()
    text, messages = "x" * 5000, 0
    for number in range(1000):
        state.observe(
            Observation(
                f"check:a:{number}",
                failing=True,
                at=number * 10,
                run_id=f"run {number}",
                detail=text,
                meaning=text,
            )
        )
        for news in state.news("sink", anything, number * 10):
            state.told("sink", news, number * 10)
            state.took("sink", number * 10)
            messages += 1
    assert len(state.to_cursor()) < 200_000
    assert messages < 30
    assert state.alerts[TOO_MANY].detail.startswith("900 more")

    for number in range(1000):
        state.observe(well(f"check:a:{number}", at=20_000 + number))
    for minute in range(400, 900, 10):
        inbox.collect(state, minute * 60)
    assert not state.alerts


def test_warnings_leave_room_for_errors() -> None:
    state = new_state()
    for number in range(1000):
        state.observe(failing(f"check:a:{number}", severity=Severity.WARN))
    state.observe(failing(CHECK))

    assert CHECK in state.alerts


def test_message_that_is_refused_comes_last_and_only_when_it_is_time() -> None:
    state = new_state()
    state.observe(failing(OTHER, run_id="a"))
    (news,) = state.news("sink", anything, 10)
    state.refused("sink", news, "title", 10)
    state.observe(failing(CHECK, at=20, run_id="b"))

    assert [news.run_id for news in state.news("sink", anything, 20)] == ["b", "a"]
    assert [news.run_id for news in state.news("sink", anything, 20, again=False)] == ["b"]
    assert [news.run_id for news in state.news("other", anything, 20, again=False)] == ["a", "b"]


def test_message_that_is_refused_for_a_day_is_given_up_and_the_others_are_told() -> None:
    state, other = new_state(), Inbox("other")
    state.observe(failing())
    for hour in range(24):
        for news in state.news("sink", anything, hour * HOUR):
            state.refused("sink", news, "[SoleFlip] ERROR: x", hour * HOUR)
        other.collect(state, hour * HOUR)
    assert subject_of("sink") not in state.alerts
    (news,) = state.news("sink", anything, 24 * HOUR)
    state.refused("sink", news, "[SoleFlip] ERROR: x", 24 * HOUR)

    assert state.news("sink", anything, 24 * HOUR) == []
    (told,) = state.news("other", anything, 24 * HOUR)
    assert [alert.subject for alert in told.alerts] == ["target:sink"]
    assert told.alerts[0].detail == "given up after a day: [SoleFlip] ERROR: x"

    state.forget({"sink": anything, "other": anything}, 24 * HOUR)
    assert subject_of("sink") in state.alerts
    state.forget({"other": anything}, 24 * HOUR)
    assert [*state.alerts] == [CHECK], "a target that is no more fails no more"


STEP = st.tuples(
    st.sampled_from(["fail", "warn", "recover", "down", "up", "wait"]),
    st.sampled_from([CHECK, OTHER]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_whoever_is_reached_in_the_end_knows_what_is_and_was_never_told_it_twice(
    steps: list[tuple[str, str]],
) -> None:
    """At least once, and once: against a model of what a reader of the messages believes.

    In the end is when all has been calm for long: of what flaps nobody is told each change.
    """
    state, inbox, now = new_state(), Inbox(), 0.0
    truth: dict[str, bool] = {}
    ever_failed: set[str] = set()
    believed: dict[str, bool] = {}
    told_of: set[str] = set()

    def tick() -> None:
        for news in inbox.collect(state, now):
            for alert in news.alerts:
                told_of.add(alert.subject)
                fails = alert.recovered_at is None
                if news.kind is Kind.RECOVERED:
                    assert believed[alert.subject], "a recovery of what was not known to fail"
                elif news.kind is Kind.REMINDER:
                    assert believed[alert.subject], "a reminder of what was not known to fail"
                believed[alert.subject] = fails

    for action, subject in steps:
        now += 2 * HOUR if action == "wait" else 10
        match action:
            case "fail" | "warn":
                severity = Severity.ERROR if action == "fail" else Severity.WARN
                state.observe(failing(subject, at=now, severity=severity))
                truth[subject] = True
                ever_failed.add(subject)
            case "recover":
                state.observe(well(subject, at=now))
                truth[subject] = False
            case "down" | "up":
                inbox.up = action == "up"
        tick()

    inbox.up = True
    now += CALM_SECONDS + 10
    tick()
    assert told_of == ever_failed
    assert {subject for subject, fails in believed.items() if fails} == {
        subject for subject, fails in truth.items() if fails
    }
    assert inbox.collect(state, now + 1) == []


def test_clock_that_is_set_back_silences_nothing() -> None:
    """What was remembered of a time to come counts as of now, and what fails anew is told at once."""
    state, inbox = new_state(), Inbox()
    later, now = 10 * HOUR, 9 * HOUR
    state.ticks["sensor:watch"] = later
    state.sent["sink"] = [later] * 10
    state.observe(failing(at=later))
    state.forget_the_future(now)
    assert state.ticks == {"sensor:watch": now}
    assert state.news(inbox.name, anything, now) == []
    assert state.news(inbox.name, anything, now + 601)


def test_clock_of_another_machine_may_differ_by_seconds() -> None:
    state = new_state()
    state.ticks["sensor:watch"] = HOUR + 3
    state.forget_the_future(HOUR)
    assert state.ticks == {"sensor:watch": HOUR + 3}


STALE = "check:inventory/stock_metrics_view:view_is_fresh"
REFRESH = "job:refresh_stock_metrics"


def stale(at: float, severity: Severity = Severity.ERROR) -> Observation:
    return Observation(STALE, failing=True, at=at, severity=severity, because=(REFRESH,))


def silent(subject: str, at: float, fault: str = DATABASE) -> Observation:
    """A failed tick: of a sensor, which looks again soon, or a schedule."""
    often = subject.startswith("sensor:")
    return Observation(subject, failing=True, at=at, fault=fault, often=often)


def test_what_is_too_old_because_its_job_fails_is_told_with_that_alone() -> None:
    state, sink = new_state(), Inbox()
    state.observe(failing(REFRESH))
    sink.collect(state, 0)
    for hour in (2, 3, 4):
        state.observe(stale(hour * HOUR))
        sink.collect(state, hour * HOUR)
    assert sink.subjects == [REFRESH, REFRESH]  # the second one reminds

    state.observe(well(REFRESH, 5 * HOUR))
    state.observe(well(STALE, 5 * HOUR + 30))
    sink.collect(state, 5 * HOUR + 60)
    assert sink.subjects == [REFRESH] * 3
    assert STALE not in state.alerts


def test_what_is_too_old_although_its_job_is_well_again_is_told() -> None:
    state, sink = new_state(), Inbox()
    state.observe(failing(REFRESH))
    state.observe(stale(1))
    sink.collect(state, 2)
    state.observe(well(REFRESH, 3))
    sink.collect(state, 4)
    state.observe(stale(900))
    sink.collect(state, 901)

    assert sink.subjects == [REFRESH, REFRESH, STALE]


def test_whoever_is_not_told_of_the_cause_is_told_of_what_follows() -> None:
    """Of errors alone, where the cause is a warning."""
    state, sink = new_state(), Inbox("errors", errors)
    state.observe(failing(REFRESH, severity=Severity.WARN))
    state.observe(stale(1, Severity.ERROR))
    sink.collect(state, 2)
    assert sink.subjects == [STALE]

    state.observe(well(REFRESH, 3))
    state.observe(well(STALE, 4))
    sink.collect(state, 5)
    assert sink.subjects == [STALE, STALE]


def test_what_was_told_before_its_cause_was_known_recovers_by_itself() -> None:
    state, sink = new_state(), Inbox()
    state.observe(stale(0))
    sink.collect(state, 1)
    state.observe(failing(REFRESH, at=2))
    state.observe(stale(3))
    state.observe(well(REFRESH, 4))
    sink.collect(state, 5)
    assert state.is_failing(STALE)

    state.observe(well(STALE, 6))
    sink.collect(state, 7)
    assert sink.subjects.count(STALE) == 2


def test_all_that_asks_a_database_that_is_away_is_one_message_and_one_recovery() -> None:
    state, sink = new_state(), Inbox()
    schedules = [f"schedule:{number}" for number in range(30)]
    for at, schedule in enumerate(schedules):
        state.observe(silent(schedule, at))
        sink.collect(state, at)
    assert sink.subjects == [DATABASE]
    assert state.alerts[DATABASE].with_it == schedules[:MOST_NAMED]
    assert state.faults == [state.alerts[DATABASE]]

    state.observe(well(DATABASE, 100))
    sink.collect(state, 101)
    assert sink.subjects == [DATABASE, DATABASE]
    assert state.faults == []


WATCH, WEEKLY = "sensor:watch", "schedule:weekly_watch"
SENSORS = [
    f"sensor:{name}" for name in ("alerts", "watch", "health", "expire_reservations_when_due")
]
WORDS = "canceling statement due to lock timeout"


@pytest.mark.parametrize("party", [DATABASE, STORAGE, CODE])
def test_whoever_does_not_answer_is_told_once_and_is_over_when_all_who_look_often_are_well(
    party: str,
) -> None:
    state, sink = new_state(), Inbox()
    for at, subject in enumerate([*SENSORS, WEEKLY, *SENSORS]):
        state.observe(silent(subject, at, party))
        sink.collect(state, at)
    for at, subject in enumerate([party, *SENSORS], start=100):
        assert state.is_failing(party)
        state.observe(well(subject, at))
        sink.collect(state, at)
    state.observe(silent(WATCH, 100, party))  # began while the others were not yet well
    sink.collect(state, 200)

    assert [(kind, subjects) for _, kind, subjects in sink.got] == [
        (Kind.FAILING, [party]),
        (Kind.RECOVERED, [party]),
    ]
    assert state.alerts[party].with_it == [*SENSORS, WEEKLY]
    assert state.alerts[party].missed == [WEEKLY]


def test_ticks_that_fail_with_the_same_words_at_the_same_time_are_one_fault() -> None:
    """Of schedules, too; told of the first, and over when the sensors among them are well."""
    state, sink = new_state(), Inbox()
    for at, subject in enumerate([WEEKLY, *SENSORS]):
        state.observe(silent(subject, at, WORDS))
        sink.collect(state, at)
    assert state.alerts[WEEKLY].with_it == SENSORS
    for at, subject in enumerate([WEEKLY, *SENSORS], start=100):
        assert state.is_failing(WEEKLY)
        state.observe(well(subject, at))
        sink.collect(state, at)

    assert sink.subjects == [WEEKLY, WEEKLY]
    assert state.faults == []


def test_ticks_that_fail_otherwise_or_much_later_are_faults_of_their_own() -> None:
    state, sink = new_state(), Inbox()
    first, other, late = SENSORS[:3]
    state.observe(silent(first, 0, WORDS))
    state.observe(silent(other, 1, "No module named 'shop'"))
    state.observe(silent(late, 10 * HOUR, WORDS))
    sink.collect(state, 10 * HOUR)

    assert sink.subjects == [first, other, late]


def test_who_fails_on_although_the_fault_is_over_or_for_another_reason_is_told() -> None:
    state, sink = new_state(), Inbox()
    state.observe(silent(WATCH, 0))
    state.observe(silent(WEEKLY, 0))
    sink.collect(state, 1)
    state.observe(silent(WATCH, 30, "Phase 2 was deployed here, is not any more"))
    state.observe(well(DATABASE, 30))
    sink.collect(state, 31)
    state.observe(silent(WEEKLY, 60, WORDS))
    sink.collect(state, 61)

    assert sink.subjects == [DATABASE, DATABASE, WATCH, WEEKLY]


def test_run_that_fails_with_the_database_is_named_and_said_to_be_still_undone() -> None:
    state, sink = new_state(), Inbox()
    for subject in (REFRESH, WATCH):
        state.observe(silent(subject, 0))
    (news,) = sink.collect(state, 1)
    assert "With it: job refresh_stock_metrics, ticks of the sensor watch" in compose(news).body

    state.observe(well(DATABASE, 30))
    state.observe(well(WATCH, 30))
    (news,) = sink.collect(state, 31)
    assert "Not seen well since: job refresh_stock_metrics\n" in compose(news).body


def test_run_that_failed_with_an_outage_and_is_seen_after_it_is_told_alone() -> None:
    """What is seen often says soon how it is; a run may be repeated tomorrow."""
    state, sink = new_state(), Inbox()
    state.observe(silent(WATCH, 0))
    sink.collect(state, 1)
    for subject in (WATCH, DATABASE):
        state.observe(well(subject, 30))
    sink.collect(state, 31)
    state.observe(silent(REFRESH, 20))
    sink.collect(state, 40)

    assert sink.subjects == [DATABASE, DATABASE, REFRESH]


def test_outage_that_comes_and_goes_is_said_to_flap_once() -> None:
    state, sink = new_state(), Inbox()
    for minute in range(0, 60, 2):
        for subject in SENSORS:
            state.observe(silent(subject, minute * 60, CODE))
        sink.collect(state, minute * 60)
        for subject in (*SENSORS, CODE):
            state.observe(well(subject, minute * 60 + 60))
        sink.collect(state, minute * 60 + 60)

    assert [kind for _, kind, _ in sink.got].count(Kind.FLAPPING) == 1
    assert sink.subjects == [CODE] * 6


def test_clock_that_is_set_back_hides_no_outage() -> None:
    """What fails now began, by the clock, before the last one was over."""
    state, sink = new_state(), Inbox()
    state.observe(silent(WATCH, 10 * HOUR))
    sink.collect(state, 10 * HOUR)
    for subject in (WATCH, DATABASE):
        state.observe(well(subject, 10 * HOUR + 30))
    sink.collect(state, 10 * HOUR + 31)
    state.forget_the_future(9 * HOUR)
    state.observe(silent(WATCH, 9 * HOUR + 20))
    sink.collect(state, 9 * HOUR + 21)

    assert sink.subjects == [DATABASE] * 3


def test_sensor_that_somebody_stops_does_not_keep_a_fault_open() -> None:
    state, sink = new_state(), Inbox()
    for subject in SENSORS:
        state.observe(silent(subject, 0, CODE))
    sink.collect(state, 1)
    for minute in range(12):
        for subject in (*SENSORS[1:], CODE):
            state.observe(well(subject, minute * 60))
        sink.collect(state, minute * 60)

    assert sink.subjects == [CODE, CODE]
