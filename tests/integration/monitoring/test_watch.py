"""The sensor `watch`: what it ends, records and refuses to overlook."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import dagster as dg
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.alerts.events import read_runs
from soleflip_assets.alerts.state import State
from soleflip_assets.checks.monitors import monitor_of_file
from soleflip_assets.commands import status
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.monitoring import watch as watching
from soleflip_assets.phase2.revert import revert
from soleflip_assets.running.process import Process
from soleflip_assets.running.slow import slow_runs
from tests.conftest import Databases, connect


class Watch:
    """The sensor, tick by tick, with its cursor as the daemon keeps it."""

    def __init__(self, instance: dg.DagsterInstance, url: URL) -> None:
        self.instance = instance
        self.url = url
        self.cursor: str | None = None

    def tick(self) -> str:
        """Look once; what it says."""
        database = Database(url=self.url.render_as_string(hide_password=False))
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"database": database}
        )
        answer: Any = watching.watch(context)
        self.cursor = context.cursor
        return str(answer.skip_message)


def evaluations(storage: psycopg.Connection[Any]) -> int:
    """How many evaluations of checks were recorded."""
    row = storage.execute(
        "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_CHECK_EVALUATION'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_records_without_a_run_what_changed_and_no_more(
    instance: dg.DagsterInstance, databases: Databases, dagster_database: psycopg.Connection[Any]
) -> None:
    """One evaluation of each check, and none at the next look, which finds the same."""
    watch = Watch(instance, databases.deployed("production"))
    assert watch.tick() == "nothing failing, 0 runs ended."
    recorded = evaluations(dagster_database)
    assert recorded == len(watching.WATCHED)
    watch.tick()
    assert evaluations(dagster_database) == recorded
    assert instance.get_runs_count() == 0


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction is old at once."""
    monitor = monitor_of_file("no_transaction_holds_back", lambda _: {"old_seconds": 0.0})
    monkeypatch.setattr(watching, "WATCHED", [*watching.WATCHED[:-1], monitor])


def test_open_transaction_is_told_with_what_ends_it(
    instance: dg.DagsterInstance, databases: Databases, old: None
) -> None:
    url = databases.deployed("production")
    watch = Watch(instance, url)
    watch.tick()
    with create_database_engine(url).connect() as connection:
        connection.exec_driver_sql("SELECT pg_current_xact_id()")
        assert "no_transaction_holds_back failing" in watch.tick()
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with connect(url) as another:
            found = watching.WATCHED[-1].look(another)
        assert f"SELECT pg_terminate_backend({pid})" in str(found.observed["examples"])
    assert "nothing failing" in watch.tick()


def test_prepared_transaction_is_told_with_what_ends_it(databases_15_prepared: URL) -> None:
    """D8: no session shows it."""
    monitor = monitor_of_file("no_transaction_holds_back", lambda _: {"old_seconds": 0.0})
    with create_database_engine(databases_15_prepared).connect() as connection:
        connection.exec_driver_sql("SELECT pg_current_xact_id()")
        connection.exec_driver_sql("PREPARE TRANSACTION 'forgotten'")
    with connect(databases_15_prepared) as connection:
        found = monitor.look(connection)
        assert not found.passed
        assert "ROLLBACK PREPARED 'forgotten'" in str(found.observed["examples"])
        connection.exec_driver_sql("ROLLBACK PREPARED 'forgotten'")
        assert monitor.look(connection).passed


def test_switch_left_half_way_is_told(instance: dg.DagsterInstance, databases: Databases) -> None:
    """D7: it died after its triggers; nothing drains what they queue."""
    url = databases.deployed("production")
    watch = Watch(instance, url)
    watch.tick()

    def die(sentence: str) -> None:
        if sentence.startswith("20_"):
            raise KeyboardInterrupt

    with Deployer(create_database_engine(url), log=die) as deployer:
        with pytest.raises(KeyboardInterrupt):
            switch(deployer, Mode.INCREMENTAL)
        assert "nothing failing" in watch.tick()  # Whoever deploys may still be at it.
    assert "mode_is_whole failing" in watch.tick()
    with Deployer(create_database_engine(url), log=lambda _: None) as deployer:
        switch(deployer, Mode.MATERIALIZED)
    assert "nothing failing" in watch.tick()


def test_older_copy_in_the_databases_place_is_an_error_and_a_revert_is_none(
    instance: dg.DagsterInstance, databases: Databases
) -> None:
    """A failover to a copy from before the deployment must not switch its own alarm off."""
    watch = Watch(instance, databases.deployed("production"))
    watch.tick()
    deployed, watch.url = watch.url, databases.legacy("production")
    for _ in range(2):
        with pytest.raises(watching.UndeployedError, match="nobody reverted it"):
            watch.tick()
    watch.url = deployed
    assert "nothing failing" in watch.tick()
    with Deployer(create_database_engine(deployed), log=lambda _: None) as deployer:
        revert(deployer)
    assert "not deployed" in watch.tick()


def test_locked_view_fails_the_tick_within_seconds(
    instance: dg.DagsterInstance, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What watches must not hang on what it watches: the alerts tell of the failed tick."""
    monkeypatch.setattr(deadlines, "WATCH_LOCK", replace(deadlines.WATCH_LOCK, number=1))
    watch = Watch(instance, databases.deployed("production"))
    watch.tick()
    with create_database_engine(watch.url).begin() as connection:
        connection.exec_driver_sql("LOCK TABLE inventory_ops.stock_change")
        with pytest.raises(DBAPIError, match="lock timeout"):
            watch.tick()


def test_run_whose_process_is_gone_is_ended(
    instance: dg.DagsterInstance, databases: Databases
) -> None:
    """That of a process that lives goes on, and so does that of another machine, of which nobody can tell."""
    dead = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = Process.numbered(dead.pid)
    dead.communicate(b"\n")

    @dg.job
    def work() -> None:
        """Nothing."""

    lost, alive, elsewhere = (
        instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED, tags=owner.tags)
        for owner in (process, Process.this(), replace(process, host="another"))
    )
    watch = Watch(instance, databases.legacy("production"))

    watch.tick()

    statuses = {
        name: found.status
        for name, run in (("lost", lost), ("alive", alive), ("elsewhere", elsewhere))
        if (found := instance.get_run_by_id(run.run_id))
    }
    assert statuses == {
        "lost": dg.DagsterRunStatus.FAILURE,
        "alive": dg.DagsterRunStatus.STARTED,
        "elsewhere": dg.DagsterRunStatus.STARTED,
    }
    for run in (alive, elsewhere):
        instance.delete_run(run.run_id)


def test_run_that_repeats_one_whose_process_is_gone_goes_on(
    instance: dg.DagsterInstance, databases: Databases
) -> None:
    """It has the tags of that one until it starts itself."""
    dead = replace(Process.this(), start="long ago")

    @dg.job
    def work() -> None:
        """Nothing."""

    first = instance.create_run_for_job(work, status=dg.DagsterRunStatus.FAILURE, tags=dead.tags)
    queued, died = (
        instance.create_run_for_job(
            work,
            status=dg.DagsterRunStatus.STARTED,
            tags=owner.tags,
            parent_run_id=first.run_id,
            root_run_id=first.run_id,
        )
        for owner in (dead, replace(dead, start="later"))
    )
    Watch(instance, databases.legacy("production")).tick()
    statuses = [
        found.status for run in (queued, died) if (found := instance.get_run_by_id(run.run_id))
    ]
    assert statuses == [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE]
    instance.delete_run(queued.run_id)


def test_process_number_that_somebody_else_has_now_is_another_process() -> None:
    this = Process.this()
    assert not this.is_gone
    assert replace(this, start=f"{this.start}0").is_gone
    assert Process.from_tags({**this.tags, "other": "tag"}) == this
    assert Process.from_tags({"other": "tag"}) is None
    assert str(os.getpid()) in str(this)


def test_status_tells_what_the_watch_would(databases: Databases, old: None) -> None:
    """And does not hang on what somebody locks."""
    url = databases.deployed("production")
    with (
        create_database_engine(url).connect() as holder,
        status.looking_engine(url).connect() as us,
    ):
        assert status._look(us, watching.Memory(deployed=1)).dead == []
        us.rollback()
        holder.exec_driver_sql("LOCK TABLE inventory_ops.stock_change")
        holder.exec_driver_sql("SELECT pg_current_xact_id()")
        (locked,) = status._look(us, watching.Memory(deployed=1)).dead
        assert "lock timeout" in locked
    with create_database_engine(databases.legacy("production")).connect() as older:
        (undeployed,) = status._look(older, watching.Memory(deployed=1)).dead
        assert "nobody reverted it" in undeployed


def test_status_says_what_to_do_first_about_what_fails(databases: Databases) -> None:
    url = databases.deployed("production")
    with connect(url) as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER soleflip_queue_left BEFORE UPDATE ON inventory.stock FOR EACH ROW "
            "EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        )
    with status.looking_engine(url).connect() as us:
        (failing,) = status._look(us, watching.Memory(deployed=1)).dead
    assert failing.startswith("mode_is_whole: A switch of modes died")
    assert failing.endswith(": `soleflip metrics --mode materialized`")


def test_run_that_waits_or_goes_on_for_too_long_is_named(instance: dg.DagsterInstance) -> None:
    """After ten minutes in the queue; at work, after half of what it may take."""

    @dg.job(tags={"dagster/max_runtime": "7200"})
    def work() -> None:
        """Nothing."""

    runs = [
        instance.create_run_for_job(work, status=status, tags=work.run_tags)
        for status in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED)
    ]
    now = time.time()
    assert slow_runs(instance, now) == {"queued": [], "started": []}
    found = slow_runs(instance, now + 45 * 60)
    assert [phrase.split()[0] for phrase in found["queued"]] == ["work"]
    assert not found["started"]
    assert "work (run" in slow_runs(instance, now + 65 * 60)["started"][0]
    state = State(began=now, after=0)
    (told,) = read_runs(instance, state, now + 45 * 60)
    assert (told.subject, told.failing) == ("runs:queued", True)
    state.observe(told)
    assert list(read_runs(instance, state, now + 46 * 60)) == []
    for run in runs:
        instance.delete_run(run.run_id)
    (over,) = read_runs(instance, state, now + 47 * 60)
    assert not over.failing


def test_status_tells_of_a_way_back_that_died_but_not_while_it_goes_on(
    databases: Databases,
) -> None:
    """As `soleflip verify` does; it was silent, and no check of the sensor's failed."""
    with connect(databases.deployed("production")) as shop:
        shop.execute(
            text("UPDATE inventory_ops.ledger SET reverted_at = now() WHERE step LIKE '81%'")
        )
        assert status._look(shop, watching.Memory()).dead == [ledger.UNFINISHED]
        shop.execute(text("SELECT pg_advisory_lock(hashtextextended('soleflip deployment', 0))"))
        assert status._look(shop, watching.Memory()).dead == []
