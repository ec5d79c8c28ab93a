"""The alerts sensor on Dagster's own PostgreSQL storage, sending to a real HTTP server."""

import logging
import tracemalloc
from typing import Any

import dagster as dg
import psycopg
import pytest

from soleflip_assets.alerts.events import BATCH, read_events
from tests.integration.alerts.conftest import Daemon, Evaluate
from tests.integration.alerts.sink import Sink, running_sink

# One of Apprise's many plugins imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def test_failure_and_recovery_of_a_check_arrive_once_each_with_the_numbers(
    daemon: Daemon, sink: Sink, evaluate: Evaluate
) -> None:
    evaluate(passed=False, consistent=1171, inconsistent=1)
    daemon.tick()
    evaluate(passed=False, consistent=1171, inconsistent=1)
    daemon.tick()
    evaluate(passed=True, consistent=1172, inconsistent=0)
    daemon.tick()
    daemon.tick()

    assert sink.titles == [
        "[SoleFlip] ERROR: prices failing",
        "[SoleFlip] recovered: prices recovered",
    ]
    assert "consistent 1,171, inconsistent 1" in sink.messages[0]["message"]
    assert "Prices differ." in sink.messages[0]["message"]


def test_what_happened_before_it_began_is_not_told(
    instance: dg.DagsterInstance, daemon: Daemon, sink: Sink, evaluate: Evaluate
) -> None:
    evaluate(passed=False)
    late = Daemon(instance, daemon.clock)
    late.tick()
    late.tick()

    assert sink.titles == []


def test_sink_that_answers_500_for_a_while_gets_it_later_and_once(
    daemon: Daemon, sink: Sink, evaluate: Evaluate
) -> None:
    sink.status = 500
    evaluate(passed=False)
    reasons = [daemon.tick() for _ in range(3)]
    sink.status = 200
    for _ in range(3):
        daemon.tick()

    assert "not reached: json#" in reasons[0]
    assert sink.titles == ["[SoleFlip] ERROR: prices failing"]
    assert sink.refused == 3


def test_target_that_refuses_is_left_alone_for_longer_and_longer(
    daemon: Daemon, sink: Sink, evaluate: Evaluate
) -> None:
    sink.status = 500
    evaluate(passed=False)
    for _ in range(30):
        daemon.tick(10)

    assert sink.refused == 5  # after 10, 20, 50, 110 and 230 of 300 s


def test_target_that_is_down_does_not_keep_the_message_from_the_others(
    daemon: Daemon, sink: Sink, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_sink() as broken:
        broken.status = 500
        monkeypatch.setenv("SOLEFLIP_ALERT_URLS", f"{broken.url()},{sink.url()}")
        evaluate(passed=False)
        daemon.tick()
        assert (len(sink.messages), len(broken.messages)) == (1, 0)

        broken.status = 200
        daemon.tick()
        daemon.tick()
        assert (len(sink.messages), len(broken.messages)) == (1, 1)


def test_daemon_that_dies_before_it_looks_tells_it_after_its_restart(
    instance: dg.DagsterInstance, daemon: Daemon, sink: Sink, evaluate: Evaluate
) -> None:
    evaluate(passed=False)
    restarted = Daemon(instance, daemon.clock)
    restarted.cursor = daemon.cursor
    restarted.tick()
    restarted.tick()

    assert len(sink.messages) == 1


def test_daemon_that_dies_between_sending_and_recording_sends_again(
    daemon: Daemon, sink: Sink, evaluate: Evaluate
) -> None:
    """At least once: the one case in which a message comes twice."""
    evaluate(passed=False)
    daemon.tick(stored=False)
    daemon.tick()
    daemon.tick()

    assert len(sink.messages) == 2


def test_severity_chooses_the_channel(
    daemon: Daemon, sink: Sink, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = f"warn={sink.url('warn')},error={sink.url('error')},{sink.url('all')}"
    monkeypatch.setenv("SOLEFLIP_ALERT_URLS", urls)
    evaluate(passed=False)
    daemon.tick()

    assert sorted(message["path"] for message in sink.messages) == ["/all", "/error"]
    assert {message["type"] for message in sink.messages} == {"failure"}


def test_no_secret_reaches_the_cursor_the_ticks_reason_or_the_log(
    daemon: Daemon,
    sink: Sink,
    evaluate: Evaluate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SOLEFLIP_ALERT_URLS", sink.url("xoxb-hunter2"))
    sink.status = 500
    evaluate(passed=False)
    reasons = [daemon.tick()]
    sink.status = 200
    reasons += [daemon.tick(), daemon.tick()]

    assert len(sink.messages) == 1
    written = f"{reasons}{daemon.cursor}{caplog.text}"
    assert "hunter2" not in written
    assert f":{sink.port}" not in written


def test_ten_thousand_queued_events_are_caught_up_with_in_bounded_ticks_and_flat_memory(
    daemon: Daemon,
    sink: Sink,
    evaluate: Evaluate,
    dagster_database: psycopg.Connection[Any],
) -> None:
    evaluate(passed=False)
    dagster_database.execute(
        """
        INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, asset_key)
        SELECT run_id, event, dagster_event_type, timestamp, asset_key
        FROM (SELECT * FROM event_logs ORDER BY id DESC LIMIT 1) AS newest, generate_series(1, 9999)
        """
    )
    last = dagster_database.execute("SELECT max(id) FROM event_logs").fetchone()
    assert last is not None

    tracemalloc.start()
    peaks = []
    while daemon.state.after < last[0]:
        tracemalloc.reset_peak()
        daemon.tick()
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()

    assert len(peaks) == -(-10_000 // BATCH)
    assert peaks[-1] < 1.5 * peaks[1]
    assert daemon.state.alerts["check:inventory/stock:prices"].failures == 10_000
    assert len(sink.messages) == 1


def test_small_batches_leave_nothing_out_and_keep_the_order(
    instance: dg.DagsterInstance, daemon: Daemon, evaluate: Evaluate
) -> None:
    """A kind of which there are many must not be overtaken by one of which there are few."""
    for number in range(3):
        evaluate(passed=False, check=f"check_{number}")
    _run(instance, fails=True)
    evaluate(passed=True, check="check_0")
    _run(instance, fails=False)

    after, subjects = daemon.state.after, []
    while (batch := read_events(instance, after, daemon.clock.now + 60, limit=1)).observations:
        subjects += [(seen.subject.rpartition(":")[2], seen.failing) for seen in batch.observations]
        after = batch.after

    assert subjects == [
        ("check_0", True),
        ("check_1", True),
        ("check_2", True),
        ("shop", True),
        ("check_0", False),
        ("shop", False),
    ]


def test_event_that_an_older_one_may_still_be_behind_is_left_for_later(
    daemon: Daemon, sink: Sink, evaluate: Evaluate
) -> None:
    """Ids are drawn before rows are committed."""
    evaluate(passed=False)
    daemon.tick(0)
    assert sink.messages == []

    daemon.tick()
    assert len(sink.messages) == 1


def _run(instance: dg.DagsterInstance, *, fails: bool, scheduled: bool = False) -> str:
    @dg.op
    def work() -> None:
        if fails:
            raise dg.Failure("The shop is closed.")

    @dg.job
    def shop() -> None:
        work()

    tags = {"dagster/schedule_name": "hourly"} if scheduled else {}
    result = shop.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    return result.run_id


def test_failed_run_is_told_with_its_reason_and_its_recovery(
    instance: dg.DagsterInstance, daemon: Daemon, sink: Sink
) -> None:
    run_id = _run(instance, fails=True, scheduled=True)
    daemon.tick()
    _run(instance, fails=False)
    daemon.tick()

    assert sink.titles == ["[SoleFlip] ERROR: shop failing", "[SoleFlip] recovered: shop recovered"]
    assert "The shop is closed." in sink.messages[0]["message"]
    assert f"/runs/{run_id}" in sink.messages[0]["message"]


def test_run_whose_process_was_killed_is_told_and_what_comes_after_it(
    instance: dg.DagsterInstance, daemon: Daemon, sink: Sink, evaluate: Evaluate
) -> None:
    """Whoever finds the process gone ends the run, and knows no error of it."""
    run = instance.create_run_for_job(dg.JobDefinition(graph_def=dg.GraphDefinition("shop")))
    instance.report_run_failed(run, "Run execution process unexpectedly exited.")
    daemon.tick()
    evaluate(passed=False)
    daemon.tick()

    assert sink.titles == ["[SoleFlip] ERROR: shop failing", "[SoleFlip] ERROR: prices failing"]
    assert "Run execution process unexpectedly exited." in sink.messages[0]["message"]


def test_nobody_is_reminded_of_a_failed_run_that_a_person_started(
    instance: dg.DagsterInstance, daemon: Daemon, sink: Sink
) -> None:
    _run(instance, fails=True)
    for _ in range(5):
        daemon.tick(24 * 3600)

    assert len(sink.messages) == 1


def test_run_that_failed_by_its_checks_is_told_by_them_alone(
    instance: dg.DagsterInstance, daemon: Daemon, sink: Sink
) -> None:
    """One fault, told once: the run did its work, and what it checked is wrong."""

    @dg.asset
    def shelf() -> None:
        """Something to check."""

    def check(name: str) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=shelf, name=name, blocking=True)
        def checked() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=False, metadata={"empty": 3})

        return checked

    dg.materialize([shelf, check("full"), check("tidy")], instance=instance, raise_on_error=False)
    daemon.tick()

    assert len(sink.messages) == 1
    assert sink.titles[0].endswith("and 1 more failing")
    assert "job " not in sink.messages[0]["message"]
    assert "check full of shelf" in sink.messages[0]["message"]
    assert "check tidy of shelf" in sink.messages[0]["message"]


def test_heartbeat_is_sent_after_a_good_refresh_and_only_then(
    instance: dg.DagsterInstance, daemon: Daemon, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.job(name="refresh_stock_metrics")
    def refresh() -> None:
        """As far as the alerts can see."""

    monkeypatch.setenv("SOLEFLIP_HEARTBEAT_URL", f"http://127.0.0.1:{sink.port}/alive")
    _run(instance, fails=False)
    daemon.tick()
    assert sink.pings == 0

    refresh.execute_in_process(instance=instance)
    sink.status = 500
    daemon.tick()
    sink.status = 200
    for _ in range(3):
        daemon.tick()
    assert sink.pings == 2  # refused, then taken
