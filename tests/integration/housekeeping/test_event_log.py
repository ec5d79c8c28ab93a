"""Pruning Dagster's event log: exactly what nobody needs goes, whatever ran, and whoever dies."""

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

import dagster as dg
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from soleflip_assets.alerts.state import Observation, State
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.housekeeping import event_log
from soleflip_assets.housekeeping.event_log import prune
from soleflip_assets.housekeeping.retention import Retention
from tests.conftest import Databases

DAY = 86_400.0
RETENTION = Retention(
    log=timedelta(days=30), runs=timedelta(days=400), files=timedelta(days=1), dumps=1, reports=1
)
UNFINISHED = {"QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"}
FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}
PLOTTED = {
    "ASSET_MATERIALIZATION",
    "ASSET_OBSERVATION",
    "ASSET_CHECK_EVALUATION",
    "STEP_FAILURE",
    "PIPELINE_ENQUEUED",
    "PIPELINE_STARTING",
    "PIPELINE_START",
    "PIPELINE_SUCCESS",
    "PIPELINE_FAILURE",
    "PIPELINE_CANCELED",
}

VIEW, STOCK = dg.AssetKey("view"), dg.AssetKey("stock")
CHECKS = [dg.AssetCheckKey(VIEW, "rows"), dg.AssetCheckKey(STOCK, "prices")]


class Event(NamedTuple):
    """A row of event_logs."""

    id: int
    run_id: str
    type: str | None
    asset: str | None


class Evaluation(NamedTuple):
    """A row of asset_check_executions."""

    id: int
    run_id: str
    key: tuple[str, str]
    status: str


class Rows(NamedTuple):
    """What Dagster's storage holds of runs; ``runs`` gives each one's status and age in seconds."""

    runs: dict[str, tuple[str, float]]
    events: set[Event]
    evaluations: set[Evaluation]
    tagged: set[str]


@pytest.fixture(scope="module")
def runs(instance: dg.DagsterInstance) -> list[str]:
    """Runs of every kind, the oldest first: of assets, checks and observations, failed and not."""

    @dg.asset(key=STOCK)
    def stock(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        context.log.info("counted")
        context.log_event(dg.AssetObservation(VIEW, metadata={"seen": 1}))
        return dg.MaterializeResult(metadata={"rows": 1})

    @dg.asset(key=VIEW)
    def view() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"rows": 1}, tags={"kind": "view"})

    @dg.asset(key=VIEW)
    def broken_view() -> None:
        raise ValueError("no")

    @dg.asset_check(asset=VIEW)
    def rows() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True, metadata={"rows": 1})

    @dg.asset_check(asset=STOCK)
    def prices() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    @dg.asset_check(name="rows", asset=VIEW)
    def broken_rows() -> dg.AssetCheckResult:
        raise ValueError("no")

    def job(*definitions: Any) -> str:
        loaded = dg.Definitions(
            assets=[found for found in definitions if isinstance(found, dg.AssetsDefinition)
                    and not isinstance(found, dg.AssetChecksDefinition)],
            asset_checks=[f for f in definitions if isinstance(f, dg.AssetChecksDefinition)],
            jobs=[dg.define_asset_job("everything", selection=dg.AssetSelection.all())],
            executor=dg.in_process_executor,
        )  # fmt: skip
        done = loaded.resolve_job_def("everything").execute_in_process(
            instance=instance, raise_on_error=False, tags={"by": "test"}
        )
        return done.run_id

    return [
        job(stock, prices),
        job(view, rows),
        job(stock),
        job(view, rows),
        job(broken_view),
        job(view, broken_rows),
        job(rows),
    ]


@pytest.fixture(scope="module")
def engine(storage: str) -> Any:
    return create_database_engine(make_url(storage))


@pytest.fixture
def transaction(engine: Any) -> Iterator[Connection]:
    """A transaction on Dagster's storage that is rolled back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def read(connection: Connection, now: float) -> Rows:
    """All rows that pruning could touch."""
    runs = connection.execute(text("SELECT run_id, status, end_time, update_timestamp FROM runs"))
    events = text("SELECT id, run_id, dagster_event_type, asset_key FROM event_logs")
    evaluations = text("""
        SELECT id, run_id, asset_key, check_name, execution_status FROM asset_check_executions
    """)
    tagged = connection.execute(text("SELECT DISTINCT run_id FROM run_tags")).scalars()
    return Rows(
        {row[0]: (row[1], now - row[2]) for row in runs},
        {Event(*row) for row in connection.execute(events)},
        {Evaluation(r[0], r[1], (r[2], r[3]), r[4]) for r in connection.execute(evaluations)},
        set(tagged),
    )


def age(connection: Connection, now: float, ages: dict[str, tuple[str, float]]) -> None:
    """Let runs have ended some seconds ago, with a status."""
    statement = text("UPDATE runs SET status = :status, end_time = :ended WHERE run_id = :run_id")
    for run_id, (status, seconds) in ages.items():
        connection.execute(statement, {"run_id": run_id, "status": status, "ended": now - seconds})


def newest(rows: Iterable[tuple[Any, int]]) -> set[int]:
    """The greatest id of each key."""
    found: dict[Any, int] = {}
    for key, row_id in rows:
        found[key] = max(row_id, found.get(key, 0))
    return set(found.values())


def expected(before: Rows, alerts: State | None) -> Rows:
    """What has to be left, told in another way than in SQL."""
    state = newest(((e.asset, e.type), e.id) for e in before.events if e.asset)
    verdicts = newest((e.key, e.id) for e in before.evaluations)
    verdicts |= newest((e.key, e.id) for e in before.evaluations if e.status != "PLANNED")
    needed = {e.run_id for e in before.events if e.id in state}
    needed |= {e.run_id for e in before.evaluations if e.id in verdicts}
    if alerts:
        needed |= {e.run_id for e in before.events if e.id > alerts.after}
        needed |= {alert.run_id for alert in alerts.alerts.values()}

    def old(run_id: str, kept: timedelta) -> bool:
        status, seconds = before.runs[run_id]
        return status in FINISHED and seconds > kept.total_seconds()

    gone = {r for r in before.runs if old(r, RETENTION.runs) and r not in needed}
    return Rows(
        {run_id: run for run_id, run in before.runs.items() if run_id not in gone},
        {
            e
            for e in before.events
            if e.run_id not in gone
            and (not old(e.run_id, RETENTION.log) or e.type in PLOTTED or e.id in state)
        },
        {e for e in before.evaluations if e.run_id not in gone},
        before.tagged - gone,
    )


def an_alert(run_id: str) -> Observation:
    return Observation("job:everything", failing=True, at=0, run_id=run_id)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_exactly_what_nobody_needs_goes(
    data: st.DataObject, transaction: Connection, runs: Sequence[str]
) -> None:
    """For any ages and states of the runs, whatever the alerts have read and point at."""
    now = time.time()
    fate = st.tuples(
        st.sampled_from(sorted(UNFINISHED | FINISHED)), st.sampled_from([DAY, 50 * DAY, 500 * DAY])
    )
    ages = {run_id: data.draw(fate) for run_id in runs}
    age(transaction, now, ages)
    before = read(transaction, now)
    alerts = None
    if data.draw(st.booleans()):
        ids = sorted(found.id for found in before.events)
        alerts = State(began=0, after=data.draw(st.sampled_from([0, ids[len(ids) // 2], ids[-1]])))
        alerts.observe(an_alert(data.draw(st.sampled_from(runs))))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_log, "EVENTS_OF_BATCH", data.draw(st.sampled_from([3, 5000])))
        patch.setattr(event_log, "RUNS_OF_BATCH", data.draw(st.sampled_from([1, 200])))
        pruned = prune(transaction, RETENTION, alerts, now)

    after = read(transaction, now)
    assert after == expected(before, alerts)
    assert pruned.runs == len(before.runs) - len(after.runs)
    assert pruned.log_events + pruned.run_events == len(before.events) - len(after.events)
    orphans = text("""
        SELECT count(*) FROM asset_event_tags WHERE event_id NOT IN (SELECT id FROM event_logs)
    """)
    assert transaction.execute(orphans).scalar_one() == 0
    transaction.rollback()


def test_run_that_an_alert_points_at_stays(transaction: Connection, runs: Sequence[str]) -> None:
    """Its link leads to the error, for as long as the alert is open."""
    now = time.time()
    age(transaction, now, dict.fromkeys(runs, ("SUCCESS", 500 * DAY)))
    after = max(found.id for found in read(transaction, now).events)
    pointed_at = State(began=0, after=after)
    pointed_at.observe(an_alert(runs[1]))

    for alerts, gone in ((pointed_at, False), (State(began=0, after=after), True)):
        savepoint = transaction.begin_nested()
        prune(transaction, RETENTION, alerts, now)
        assert (runs[1] not in read(transaction, now).runs) is gone
        savepoint.rollback()


def test_newest_event_of_each_partition_stays(transaction: Connection, runs: Sequence[str]) -> None:
    """By it the UI knows the partition's state, whatever ran for another one since."""
    now = time.time()
    age(transaction, now, dict.fromkeys(runs, ("SUCCESS", 50 * DAY)))
    planned = [
        found
        for found in sorted(read(transaction, now).events)
        if found.type == "ASSET_MATERIALIZATION_PLANNED" and found.asset == VIEW.to_string()
    ]
    march, *_, last = planned
    transaction.execute(
        text("UPDATE event_logs SET partition = 'march' WHERE id = :id"), {"id": march.id}
    )

    prune(transaction, RETENTION, None, now)

    assert {march, last} <= read(transaction, now).events
    assert read(transaction, now).events.isdisjoint(planned[1:-1])
    assert len(planned) > 2


def test_who_dies_between_two_batches_is_resumed(
    storage: str, runs: Sequence[str], monkeypatch: pytest.MonkeyPatch, databases: Databases
) -> None:
    """Each batch is committed: what is left is neither more nor less than without the death."""
    monkeypatch.setattr(event_log, "RUNS_OF_BATCH", 1)
    leave(storage)
    engine = create_database_engine(databases.copy(make_url(storage)))
    now = time.time()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        age(connection, now, dict.fromkeys(runs, ("SUCCESS", 500 * DAY)))
        before = read(connection, now)

    # Among the logs, then among the runs.
    for events_of_batch, statements in ((7, 3), (5000, 2)):
        monkeypatch.setattr(event_log, "EVENTS_OF_BATCH", events_of_batch)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            killed_after(connection, statements)
            with pytest.raises(OperationalError):
                prune(connection, RETENTION, None, now)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        died = read(connection, now)
        prune(connection, RETENTION, None, now)
        after = read(connection, now)

    assert len(after.runs) < len(died.runs) < len(before.runs)
    assert after == expected(before, None)


def leave(storage: str) -> None:
    """End the connections that Dagster's instance keeps, which nobody needs once the runs are made."""
    sessions = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
    url = make_url(storage).set(drivername="postgresql")
    with psycopg.connect(url.set(database="postgres").render_as_string()) as connection:
        connection.execute(sessions, [url.database])


def killed_after(connection: Connection, statements: int) -> None:
    """Let the server end the session after some statements, as its death would."""
    seen = itertools.count(1)

    @event.listens_for(connection, "before_cursor_execute")
    def end(_connection: Any, cursor: Any, *_: Any) -> None:
        if next(seen) > statements:
            with suppress(psycopg.Error):
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
