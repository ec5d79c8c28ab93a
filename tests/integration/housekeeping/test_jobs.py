"""The job housekeeping, as the schedule and the command line run it, on a real instance and real dumps."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.definitions import defs
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.dumps.dump import Dump, take_dump
from soleflip_assets.dumps.manifest import manifest_path
from soleflip_assets.dumps.restore import drill
from soleflip_assets.ground import settings
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DATABASE_URL, HOME
from tests.conftest import Databases, connect

DAY = 86_400
CHECK = dg.AssetCheckKey(dg.AssetKey("view"), "rows")


@pytest.fixture(scope="module")
def url(databases: Databases) -> URL:
    return databases.deployed("production")


@pytest.fixture
def home(url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder; nothing but the newest dump and report is kept for its age."""
    monkeypatch.setenv(DATABASE_URL, url.render_as_string(hide_password=False))
    monkeypatch.setenv(HOME, str(tmp_path))
    monkeypatch.setenv(settings.DUMPS, "1")
    monkeypatch.setenv(settings.REPORTS, "1")
    monkeypatch.setenv(settings.FILES_DAYS, "7")
    (tmp_path / "dumps").mkdir()
    (tmp_path / "reports").mkdir()
    return tmp_path


@pytest.fixture(autouse=True)
def _forget_the_ledger(url: URL) -> Iterator[None]:
    """Each test records dumps and drills of its own."""
    yield
    with connect(url) as connection:
        connection.exec_driver_sql(
            "DELETE FROM inventory_ops.ledger WHERE step IN ('database_dump', 'restore_drill')"
        )


def keep_house(instance: dg.DagsterInstance, *, dry_run: bool = False) -> dict[str, dict[str, Any]]:
    """Run the job.

    Returns:
        What each op reports.
    """
    ops = ("prune_event_log", "delete_old_files")
    done = defs.resolve_job_def("housekeeping").execute_in_process(
        instance=instance,
        run_config={"ops": {op: {"config": {"dry_run": dry_run}} for op in ops}},
    )
    outputs = (event for event in done.all_events if event.is_successful_output)
    return {
        str(event.step_key): {
            name: value.value for name, value in event.step_output_data.metadata.items()
        }
        for event in outputs
    }


def record_dump(url: URL, folder: Path, *, drilled: bool = False) -> Dump:
    """Take a dump and record it as a deployment does; prove it, if asked."""
    engine = create_database_engine(url)
    with (
        Deployer(engine, log=lambda _: None) as deployer,
        deployer.recorded("database_dump", checksum="") as details,
    ):
        dump = take_dump(engine, folder)
        details.update({"path": str(dump.path), "sha256": dump.sha256})
    if drilled:
        drill(engine, lambda _: None)
    return dump


def past_deployment(url: URL) -> None:
    """Let what the ledger holds of dumps be of a deployment that was reverted."""
    with connect(url) as connection:
        connection.exec_driver_sql(
            "UPDATE inventory_ops.ledger SET reverted_at = now() "
            "WHERE step IN ('database_dump', 'restore_drill') AND reverted_at IS NULL"
        )


def make_old(*files: Path, days: int = 500) -> None:
    """Let files have been written some days ago."""
    for file in files:
        os.utime(file, (time.time() - days * DAY,) * 2)


def old_copy(dump: Dump, name: str) -> Path:
    """A dump of which the ledger knows nothing, with its manifest."""
    copy = dump.path.with_name(f"{name}.dump")
    copy.write_bytes(dump.path.read_bytes() + b" ")
    held = manifest_path(dump.path).read_text().replace(dump.sha256, "0" * 64)
    manifest_path(copy).write_text(held)
    make_old(copy)
    return copy


def test_last_proven_dump_stays_whatever_the_limits(
    instance: dg.DagsterInstance, url: URL, home: Path
) -> None:
    """Of an old deployment, long reverted, and not among the newest: it is the one that is known to work."""
    folder = home / "dumps"
    older = record_dump(url, folder, drilled=True)
    older.path.rename(folder / "older.dump")
    manifest_path(older.path).rename(folder / "older.manifest.json")
    past_deployment(url)
    with connect(url) as connection:
        connection.exec_driver_sql("UPDATE inventory.stock SET notes = 'later'")
    proven = record_dump(url, folder, drilled=True)
    past_deployment(url)
    unneeded = old_copy(proven, "unneeded")
    newest = old_copy(proven, "newest")
    make_old(folder / "older.dump", proven.path, unneeded)
    make_old(newest, days=400)

    keep_house(instance)

    assert {*folder.glob("*.dump")} == {proven.path, newest}
    assert {*folder.glob("*.json")} == {manifest_path(proven.path), manifest_path(newest)}


def test_dump_of_the_current_deployment_stays(
    instance: dg.DagsterInstance, url: URL, home: Path
) -> None:
    """Proven or not: the gates, the drill and the report ask for it."""
    current = record_dump(url, home / "dumps")
    newest = old_copy(current, "newest")
    make_old(current.path)
    make_old(newest, days=400)

    assert keep_house(instance)["delete_old_files"]["files_deleted"] == 0
    assert current.path.exists()


def test_what_cannot_be_judged_is_left_alone_and_said(
    instance: dg.DagsterInstance, url: URL, home: Path
) -> None:
    """A dump without its manifest, a manifest without its dump, and a dump of another database."""
    folder = home / "dumps"
    dump = record_dump(url, folder)
    nameless, alone, foreign = (old_copy(dump, name) for name in ("nameless", "alone", "foreign"))
    manifest_path(nameless).unlink()
    alone.unlink()
    make_old(manifest_path(alone))
    ours, theirs = f'"database": "{url.database}"', '"database": "another"'
    manifest_path(foreign).write_text(manifest_path(foreign).read_text().replace(ours, theirs))
    left = {*folder.iterdir()}
    unfinished = folder / "dead.unfinished"
    unfinished.write_text("half a dump" * 1000)
    make_old(unfinished, days=2)

    told = keep_house(instance)["delete_old_files"]

    assert {*folder.iterdir()} == left
    assert told["dumps_left_alone"] == 3
    assert told["files_deleted"] == 1
    assert told["megabytes_freed"] == 0.011


def test_no_dump_goes_where_no_ledger_says_what_is_needed(
    instance: dg.DagsterInstance, databases: Databases, url: URL, home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """After a restore of the dump in the database's place, say."""
    dump = record_dump(url, home / "dumps")
    legacy = databases.legacy("production")
    ours, theirs = f'"database": "{url.database}"', f'"database": "{legacy.database}"'
    for path in (old_copy(dump, "a"), old_copy(dump, "b"), dump.path):
        manifest_path(path).write_text(manifest_path(path).read_text().replace(ours, theirs))
        make_old(path)
    monkeypatch.setenv(DATABASE_URL, legacy.render_as_string(hide_password=False))

    told = keep_house(instance)["delete_old_files"]

    assert (told["files_deleted"], told["dumps_left_alone"]) == (0, 3)


def test_reports_go_by_age_and_count(instance: dg.DagsterInstance, home: Path) -> None:
    reports = [home / "reports" / f"phase2_{number}.md" for number in range(3)]
    for number, report in enumerate(reports):
        report.write_text("# Phase 2" * 1000)
        make_old(report, days=500 - number)
    young = home / "reports" / "phase2_young.md"
    young.write_text("# Phase 2")
    make_old(young, days=6)

    assert keep_house(instance, dry_run=True)["delete_old_files"]["files_deleted"] == 3
    assert all(report.exists() for report in reports)
    told = keep_house(instance)["delete_old_files"]

    assert [*(home / "reports").iterdir()] == [young]
    assert (told["files_deleted"], told["megabytes_freed"]) == (3, 0.027)


@pytest.fixture(scope="module")
def asset_runs(instance: dg.DagsterInstance) -> list[str]:
    """Three runs that materialize an asset and check it."""

    @dg.asset(key=CHECK.asset_key)
    def view(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        context.log.info("refreshed")
        return dg.MaterializeResult(metadata={"rows": 1})

    @dg.asset_check(asset=view)
    def rows() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    job = dg.define_asset_job("job", selection=dg.AssetSelection.all())
    loaded = dg.Definitions(
        assets=[view], asset_checks=[rows], jobs=[job], executor=dg.in_process_executor
    )
    return [
        loaded.resolve_job_def("job").execute_in_process(instance=instance).run_id for _ in range(3)
    ]


def known(instance: dg.DagsterInstance) -> list[Any]:
    """What Dagster itself says of the asset, its check and their history."""
    store = instance.event_log_storage
    return [
        instance.get_latest_materialization_event(CHECK.asset_key),
        [r.storage_id for r in instance.fetch_materializations(CHECK.asset_key, limit=9).records],
        [record.id for record in store.get_asset_check_execution_history(CHECK, limit=9)],
        store.get_asset_check_summary_records([CHECK]),
        instance.get_latest_data_version_record(CHECK.asset_key),
    ]


def events_of(instance: dg.DagsterInstance, run_id: str) -> list[int]:
    return [
        record.storage_id for record in instance.get_records_for_run(run_id, limit=1000).records
    ]


def test_log_of_old_runs_goes_and_dagster_knows_what_it_knew(
    instance: dg.DagsterInstance,
    asset_runs: list[str],
    home: Path,
    dagster_database: psycopg.Connection[Any],
) -> None:
    """Every asset's latest materialization, every check's last evaluation, the plots; a run in progress."""
    old, active, young = asset_runs
    dagster_database.execute(
        "UPDATE runs SET end_time = end_time - 31 * 86400 WHERE run_id = ANY (%s)", [[old, active]]
    )
    dagster_database.execute("UPDATE runs SET status = 'STARTED' WHERE run_id = %s", [active])
    before, stats = known(instance), instance.get_run_stats(old)
    events = {run_id: events_of(instance, run_id) for run_id in asset_runs}

    announced = keep_house(instance, dry_run=True)["prune_event_log"]
    assert {run_id: events_of(instance, run_id) for run_id in asset_runs} == events
    told = keep_house(instance)["prune_event_log"]

    assert told["events_deleted"] == announced["events_deleted"]
    assert told["events_deleted"] == len(events[old]) - len(events_of(instance, old)) > 10
    assert told["runs_deleted"] == 0
    assert known(instance) == before
    assert [events_of(instance, run_id) for run_id in (active, young)] == [
        events[active],
        events[young],
    ]
    left = instance.get_run_stats(old)
    assert (left.start_time, left.end_time) == (stats.start_time, stats.end_time)
    assert keep_house(instance)["prune_event_log"]["events_deleted"] == 0
    vacuumed = dagster_database.execute(
        "SELECT last_vacuum IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'event_logs'"
    ).fetchone()
    assert vacuumed == (True,)


def test_what_runs_wrote_to_their_terminals_goes_with_their_log(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only folders of runs, never by way of a link, and nothing in a dry run."""
    monkeypatch.setenv(settings.LOG_DAYS, "10")
    storage = Path(instance.storage_directory())
    old, young, linked = (f"{digit * 8}-1111-4111-8111-{digit * 12}" for digit in "abc")
    for name in (old, young, "another"):
        (storage / name / "compute_logs").mkdir(parents=True)
        (storage / name / "compute_logs" / "1.err").write_text("x" * 1000)
    (storage / linked).symlink_to(home)
    for name in (old, "another"):
        os.utime(storage / name, (time.time() - 11 * DAY,) * 2)
    os.utime(storage / linked, (time.time() - 11 * DAY,) * 2, follow_symlinks=False)

    would = keep_house(instance, dry_run=True)["delete_old_files"]
    assert (storage / old).exists()
    did = keep_house(instance)["delete_old_files"]

    assert (would["files_deleted"], did["files_deleted"]) == (1, 1)
    assert did["megabytes_freed"] >= 0.001
    assert not (storage / old).exists()
    assert all((storage / name).exists() for name in (young, linked, "another"))
    assert (home / "dumps").exists()
    (storage / linked).unlink()


def test_what_sensors_record_without_a_run_does_not_grow_for_ever(
    home: Path, instance: dg.DagsterInstance, dagster_database: psycopg.Connection[Any]
) -> None:
    """The page of the health alone is 576 events a day. The newest of each kind stays, however old it is."""
    page = dg.AssetKey(["a", "page"])
    for number in range(5):
        instance.report_runless_asset_event(dg.AssetMaterialization(page))
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=page, check_name="well", passed=number % 2 == 0, metadata={}
            )
        )
    of_the_page = [page.to_string()]
    dagster_database.execute(
        "UPDATE event_logs SET timestamp = timestamp - interval '40 days' WHERE run_id = ''"
    )

    would = keep_house(instance, dry_run=True)["prune_event_log"]["events_deleted"]
    assert keep_house(instance)["prune_event_log"]["events_deleted"] == would >= 8

    left = dagster_database.execute(
        "SELECT dagster_event_type, count(*) FROM event_logs WHERE run_id = '' AND id IN ("
        " SELECT max(id) FROM event_logs WHERE run_id = '' GROUP BY dagster_event_type) GROUP BY 1"
    ).fetchall()
    assert len(left) == 2
    assert instance.get_latest_materialization_event(page) is not None
    key = dg.AssetCheckKey(page, "well")
    assert instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key].event
    evaluations = dagster_database.execute(
        "SELECT count(*) FROM asset_check_executions WHERE asset_key = %s", of_the_page
    ).fetchone()
    assert evaluations == (1,)
    assert keep_house(instance)["prune_event_log"]["events_deleted"] == 0
