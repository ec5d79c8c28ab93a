"""A dump is a backup: it comes back whole and proves it, and one that is not whole is refused."""

import json
import multiprocessing
import resource
import shutil
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from soleflip_assets.commands.cli import main
from soleflip_assets.definitions import defs
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.dumps import client_programs, restore
from soleflip_assets.dumps.dump import Dump, sha256_of, take_dump
from soleflip_assets.dumps.manifest import Contents, manifest_path, read_manifest
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DATABASE_URL, HOME
from soleflip_assets.history.log import make_log_months
from soleflip_assets.months.month import Month
from soleflip_assets.partitioning.jobs import keep_table
from soleflip_assets.partitioning.keeping import kept
from soleflip_assets.partitioning.record import managed_tables
from soleflip_assets.partitioning.session import partitioner
from soleflip_assets.phase2.assets import DUMP_STEP
from tests.conftest import Databases, connect
from tests.integration.ground.pooler import pooler
from tests.integration.history.conftest import with_log
from tests.integration.partitioning.tables import EVENT_STORE, SURROUNDINGS, execute, to_partitions
from tests.integration.phase2.deployment import await_row, ignore, run_deployment
from tests.integration.phase2.state import State, contents, logical

pytestmark = pytest.mark.both_versions

# Forked from a process that has imported this already.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])

DAGSTERS_OWN_WARNING = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")


@pytest.fixture(scope="module")
def shop(databases: Databases) -> URL:
    """A busy shop that the tests of this file leave as it is."""
    return databases.deployed("busy")


@pytest.fixture(scope="module")
def shops_dump(shop: URL, tmp_path_factory: pytest.TempPathFactory) -> Dump:
    """Its dump."""
    return take_dump(create_database_engine(shop), tmp_path_factory.mktemp("dumps"))


@pytest.fixture
def copy(shops_dump: Dump, tmp_path: Path) -> Path:
    """A copy of its dump, with the manifest, to be altered."""
    shutil.copy(manifest_path(shops_dump.path), tmp_path)
    return Path(shutil.copy(shops_dump.path, tmp_path))


@pytest.fixture
def dump(deployed: URL, tmp_path: Path) -> Dump:
    """A dump of the busy shop."""
    return take_dump(create_database_engine(deployed), tmp_path / "dumps")


LATER_WRITES = """
UPDATE inventory.stock SET notes = 'seen';
INSERT INTO inventory_ops.stock_event_overflow (occurred_at, transaction_id, kind)
VALUES ('2051-01-01', pg_current_xact_id(), 'update');
INSERT INTO inventory_ops.archived_month (relation, month, path, row_count, bytes, sha256)
VALUES ('logging.event_store', '2020-01-01', '/a', 1, 1, 'a');
INSERT INTO logging.event_store (event_type, timestamp) VALUES ('x', '9999-01-01');
"""
EVENTS_OF_A_WRITE = """
SELECT (SELECT count(*) FROM inventory_ops.stock_event WHERE kind = 'update'),
  (SELECT count(*) FROM inventory.stock)
"""


def refuse(*_: object) -> None:
    raise AssertionError("nothing is archived here")


def row_of(connection: Connection, query: str) -> tuple[Any, ...]:
    return tuple(connection.exec_driver_sql(query).one())


def everything(url: URL) -> State:
    """But for the words of the triggers: after a restore PostgreSQL prints a comparison of rows in others."""
    state = logical(url)
    return state | {"triggers": [(table,) for table, *_ in state["triggers"]]}


def run_restore(url: URL, path: Path, *, replace: bool = False) -> restore.Restored:
    return restore.restore(url, path, ignore, replace=replace)


def all_databases(url: URL) -> set[str]:
    with connect(url.set(database="postgres")) as connection:
        return {*connection.exec_driver_sql("SELECT datname FROM pg_database").scalars()}


def alter(path: Path, change: Callable[[bytearray], object]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def alter_manifest(path: Path, **changes: Any) -> None:
    held = json.loads(manifest_path(path).read_text())
    manifest_path(path).write_text(json.dumps(held | changes))


def set_table(path: Path, name: str, rows: int, content: str) -> None:
    held = json.loads(manifest_path(path).read_text())
    held["contents"]["tables"][name] = [rows, content]
    manifest_path(path).write_text(json.dumps(held))


def test_only_its_owner_reads_a_dump_and_its_manifest(dump: Dump) -> None:
    files = [dump.path, manifest_path(dump.path)]

    assert {*dump.path.parent.iterdir()} == {*files}
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


def test_restored_beside_is_the_same(databases_of_each_version: Databases, tmp_path: Path) -> None:
    url = databases_of_each_version.deployed("busy")
    expected = everything(url)
    dump = take_dump(create_database_engine(url), tmp_path)

    restored = run_restore(url, dump.path)

    assert restored.replaced is None
    assert restored.database != url.database
    assert everything(url.set(database=restored.database)) == expected == everything(url)


def test_log_and_tables_in_partitions_come_back_and_go_on(
    databases: Databases, tmp_path: Path
) -> None:
    """With months, rows in no month, the record of archives; the copy is logged and kept in months."""
    url = with_log(databases.deployed("busy"))
    with connect(url) as connection:
        execute(connection, SURROUNDINGS + EVENT_STORE)
    to_partitions(url, "logging.event_store", "timestamp", "60d")
    with connect(url) as connection:
        execute(connection, LATER_WRITES)
    dump = take_dump(create_database_engine(url), tmp_path)

    copy = url.set(database=run_restore(url, dump.path).database)

    assert everything(copy) == everything(url)
    with connect(copy) as connection:
        before = row_of(connection, EVENTS_OF_A_WRITE)
        connection.exec_driver_sql("UPDATE inventory.stock SET quantity = quantity + 1")
        assert row_of(connection, EVENTS_OF_A_WRITE)[0] == before[0] + before[1]
        assert row_of(
            connection, "SELECT missing, wrong, phantom FROM inventory_ops.log_differences()"
        ) == (0, 0, 0)
        assert make_log_months(connection, (Month.of(datetime.now(UTC)) + 3).begin)
    later = (Month.of(datetime.now(UTC)) + 9).begin
    with partitioner(create_database_engine(copy)) as connection:
        (managed,) = managed_tables(connection)
        keep_table(connection, managed, later, refuse, ignore)
        found = kept(connection, managed)
    assert found.last_month == Month.of(later) + 3
    assert (found.missing_months, found.rows_in_rest) == ([], 1)


def test_programs_newer_than_the_server_restore_too(
    databases_15: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only the embedded ones are installed: those of 18 set a parameter that 15 does not know."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    url = databases_15.deployed("busy")
    expected = everything(url)
    dump = take_dump(create_database_engine(url), tmp_path)

    restored = run_restore(url, dump.path)

    assert everything(url.set(database=restored.database)) == expected


def test_older_servers_dump_is_restored_on_a_newer_server(
    databases: Databases, databases_15: Databases, tmp_path: Path
) -> None:
    """As in an upgrade. The servers print the same views and constraints in different words."""
    url = databases_15.deployed("busy")
    dump = take_dump(create_database_engine(url), tmp_path)

    restored = run_restore(databases.server.url(str(url.database)), dump.path)

    newer = databases.server.url(restored.database)
    assert contents(newer) == contents(url)
    for kind in ("views", "indexes", "triggers", "functions"):
        assert len(everything(newer)[kind]) == len(everything(url)[kind])


def test_restore_that_is_killed_half_way_is_begun_anew(deployed: URL, dump: Dump) -> None:
    """Its process cannot drop what it made, and pg_restore may be filling it still."""
    before, expected = all_databases(deployed), everything(deployed)
    killed = _PROCESSES.Process(target=run_restore, args=(deployed, dump.path))
    killed.start()
    with connect(deployed.set(database="postgres")) as connection:
        await_row(
            connection,
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname LIKE :like",
            like=f"{deployed.database}_restoring_%",
        )
    killed.kill()
    killed.join()
    (left,) = all_databases(deployed) - before
    told: list[str] = []

    restored = restore.restore(deployed, dump.path, told.append, replace=False)

    assert f"{left} was left unfinished by a restore that died: it is dropped" in told
    assert all_databases(deployed) == before | {restored.database}
    assert everything(deployed.set(database=restored.database)) == expected


def test_replaced_database_is_that_of_the_dump(deployed: URL, dump: Dump) -> None:
    """And the one that it replaced is kept, with what was written after the dump."""
    before = contents(deployed)
    with connect(deployed) as connection:
        connection.exec_driver_sql("UPDATE inventory.stock SET quantity = quantity + 1")
    after = contents(deployed)

    restored = run_restore(deployed, dump.path, replace=True)

    assert restored.database == deployed.database
    assert contents(deployed) == before
    assert contents(deployed.set(database=restored.replaced)) == after


def test_restored_through_a_pooler_it_is_that_of_the_dump(deployed: URL, dump: Dump) -> None:
    """It keeps sessions of ours open on the copy, which could not be renamed then."""
    with pooler(deployed, "session") as url:
        restored = restore.restore(url, dump.path, ignore, replace=False)
    assert contents(deployed.set(database=restored.database)) == contents(deployed)


def test_database_that_is_gone_is_brought_back(deployed: URL, dump: Dump) -> None:
    before = everything(deployed)
    with connect(deployed.set(database="postgres")) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {deployed.database}")

    restored = run_restore(deployed, dump.path, replace=True)

    assert (restored.database, restored.replaced) == (deployed.database, None)
    assert everything(deployed) == before


def test_database_in_use_is_not_replaced(deployed: URL, dump: Dump) -> None:
    """Who is connected is named, and nothing is restored in vain."""
    before = all_databases(deployed)
    with create_database_engine(deployed, application_name="till 3").connect() as till:
        pid = till.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with pytest.raises(
            DeploymentError,
            match=rf"1 sessions .*: postgres \(till 3, local, server process {pid}\)\. Stop them",
        ):
            run_restore(deployed, dump.path, replace=True)

    assert all_databases(deployed) == before


def test_who_connects_while_it_is_restored_keeps_the_database(
    deployed: URL, dump: Dump, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proven copy stays, and its name is told."""
    late = create_database_engine(deployed, application_name="late")
    fill = restore._fill
    late_comers: list[Connection] = []

    def fill_and_connect(*arguments: Any) -> None:
        fill(*arguments)
        late_comers.append(late.connect())

    monkeypatch.setattr(restore, "_fill", fill_and_connect)
    with pytest.raises(DeploymentError, match=r"late.*The proven copy stays as \w+") as told:
        run_restore(deployed, dump.path, replace=True)
    late_comers[0].close()

    copy = str(told.value).removesuffix(".").rpartition(" ")[2]
    assert everything(deployed.set(database=copy)) == everything(deployed)


def truncate(content: bytearray, share: float) -> None:
    del content[int(len(content) * share) :]


def flip(content: bytearray, share: float) -> None:
    content[int((len(content) - 1) * share)] ^= 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999, 1.0])
@pytest.mark.parametrize("harm", [truncate, flip])
def test_altered_dump_is_refused(
    shop: URL, copy: Path, harm: Callable[[bytearray, float], None], share: float
) -> None:
    before = all_databases(shop)
    if harm is truncate and share == 1:
        alter(copy, lambda content: content.append(0))
    else:
        alter(copy, lambda content: harm(content, share))

    with pytest.raises(DeploymentError, match=r"has \d.* bytes and its manifest|SHA-256"):
        run_restore(shop, copy, replace=True)

    assert all_databases(shop) == before


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("harm", [truncate, flip])
def test_altered_dump_with_a_manifest_to_match_is_refused(
    shop: URL, copy: Path, harm: Callable[[bytearray, float], None], share: float
) -> None:
    """The archive is read through, which a listing of it is not."""
    before = all_databases(shop)
    alter(copy, lambda content: harm(content, share))
    alter_manifest(copy, bytes=copy.stat().st_size, sha256=sha256_of(copy))

    with pytest.raises(DeploymentError, match=r"pg_restore failed|not what the manifest says"):
        run_restore(shop, copy)

    assert all_databases(shop) == before


def wrong_rows(path: Path) -> None:
    set_table(
        path, "inventory.stock", 1173, read_manifest(path).contents.tables["inventory.stock"][1]
    )


def wrong_content(path: Path) -> None:
    set_table(path, "inventory.stock", 1172, "0")


def table_too_many(path: Path) -> None:
    set_table(path, "inventory.gone", 0, "0")


def guard_too_many(path: Path) -> None:
    held = json.loads(manifest_path(path).read_text())
    held["contents"]["guards"].append("inventory.stock: index gone btree (id)")
    manifest_path(path).write_text(json.dumps(held))


def guard_missing(path: Path) -> None:
    held = json.loads(manifest_path(path).read_text())
    held["contents"]["guards"] = [
        one for one in held["contents"]["guards"] if "idx_stock_value" not in one
    ]
    manifest_path(path).write_text(json.dumps(held))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (wrong_rows, r"table inventory\.stock has 1,172 rows instead of 1,173"),
        (wrong_content, r"table inventory\.stock has other content"),
        (table_too_many, r"table inventory\.gone is missing"),
        (guard_too_many, r"missing: inventory\.stock: index gone btree \(id\)"),
        (guard_missing, r"not in the manifest: inventory\.stock: index idx_stock_value btree"),
        (lambda path: manifest_path(path).unlink(), "has no manifest"),
        (lambda path: manifest_path(path).write_text("{"), "is not the manifest of a dump"),
        (lambda path: manifest_path(path).write_text("[]"), "is not the manifest of a dump"),
        (lambda path: manifest_path(path).write_text('{"format": 1}'), "is not the manifest of a dump"),
        (lambda path: manifest_path(path).write_text('{"format": 3}'), "another version of soleflip"),
        (lambda path: alter_manifest(path, sha256="0"), "SHA-256"),
        (lambda path: path.unlink(), "There is no file"),
    ],
)  # fmt: skip
def test_wrong_manifest_is_refused(
    shop: URL, copy: Path, harm: Callable[[Path], object], said: str
) -> None:
    """And what was restored in the meantime is dropped again."""
    before = all_databases(shop)
    harm(copy)

    with pytest.raises(DeploymentError, match=said):
        run_restore(shop, copy)

    assert all_databases(shop) == before


def test_manifest_of_another_dump_is_refused(
    shop: URL, copy: Path, databases: Databases, tmp_path: Path
) -> None:
    other = take_dump(create_database_engine(databases.legacy("production")), tmp_path / "other")
    shutil.copy(manifest_path(other.path), manifest_path(copy))

    with pytest.raises(DeploymentError, match="bytes and its manifest says"):
        run_restore(shop, copy)


def test_differences_name_what_is_different() -> None:
    held = Contents({"a": (1, "x"), "b": (2, "y"), "c": (3, "z")}, ["index i", "index j"])
    found = Contents({"a": (1, "x"), "b": (3, "y"), "d": (3, "z")}, ["index i", "trigger t"])

    assert held.differences(held) == []
    assert held.differences(found) == [
        "table b has 3 rows instead of 2",
        "table c is missing",
        "table d is not in the manifest",
        "missing: index j",
        "not in the manifest: trigger t",
    ]


def test_manifest_is_of_the_snapshot_that_was_dumped(deployed: URL, tmp_path: Path) -> None:
    """Whatever is written while the dump is taken: both say the same."""
    stop, written = threading.Event(), threading.Event()

    def write() -> None:
        with connect(deployed) as connection:
            while not stop.is_set():
                connection.exec_driver_sql(
                    "UPDATE inventory.stock SET quantity = quantity + 1 WHERE id = "
                    "(SELECT id FROM inventory.stock LIMIT 1)"
                )
                written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(10)
        dump = take_dump(create_database_engine(deployed), tmp_path)
    finally:
        stop.set()
        writer.join()

    assert run_restore(deployed, dump.path).manifest.contents.tables["inventory.stock"][0] == 1172


def test_checks_that_postgresql_prints_in_other_words_are_no_difference(
    deployed: URL, tmp_path: Path
) -> None:
    """It prints x IN ('a', 'b') on a varchar differently once it has read its own print."""
    with connect(deployed) as connection:
        connection.exec_driver_sql(
            "ALTER TABLE inventory.stock ADD CONSTRAINT known CHECK (location IN ('a', 'b')) NOT VALID"
        )
        connection.exec_driver_sql(
            "CREATE INDEX shelves ON inventory.stock (lower(location)) WHERE location IN ('a', 'b')"
        )
    dump = take_dump(create_database_engine(deployed), tmp_path)

    assert run_restore(deployed, dump.path)


def test_columns_in_another_order_and_a_log_of_the_schema_are_no_difference(
    deployed: URL, tmp_path: Path
) -> None:
    """A child's columns come back with its parent's first; event triggers log no refresh."""
    with connect(deployed) as connection:
        connection.exec_driver_sql(
            """
            CREATE TABLE public.parent (b integer, a text);
            CREATE TABLE public.child (own text, a text, b integer);
            ALTER TABLE public.child INHERIT public.parent;
            INSERT INTO public.child VALUES ('own', 'a', 1), ('own, too', NULL, 2);
            CREATE TABLE public.schema_log (command text);
            CREATE FUNCTION public.log_schema() RETURNS event_trigger LANGUAGE plpgsql AS $$
              BEGIN INSERT INTO public.schema_log VALUES (tg_tag); END
            $$;
            CREATE EVENT TRIGGER log_schema ON ddl_command_end EXECUTE FUNCTION public.log_schema();
            """
        )
    dump = take_dump(create_database_engine(deployed), tmp_path)

    assert run_restore(deployed, dump.path)


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What ulimit -f does, with the signal ignored: a write beyond 50 kB fails as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    monkeypatch.setattr(subprocess, "Popen", partial(subprocess.Popen, restore_signals=False))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
def test_full_disk_leaves_no_half_a_dump(deployed: URL, tmp_path: Path) -> None:
    """A clear error and no file; the next try succeeds."""
    engine = create_database_engine(deployed)
    with pytest.raises(
        DeploymentError, match=r"pg_dump failed .*too large.*mend that and deploy again"
    ):
        take_dump(engine, tmp_path)
    assert [*tmp_path.iterdir()] == []

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert soft < hard or hard == resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert run_restore(deployed, take_dump(engine, tmp_path).path)


def record_dump(url: URL, dump: Dump) -> None:
    engine = create_database_engine(url)
    with Deployer(engine, ignore) as deployer, deployer.recorded(DUMP_STEP, "") as details:
        details |= {"path": str(dump.path), "sha256": dump.sha256}


def test_drill_proves_the_latest_dump_and_leaves_no_trace_but_its_record(
    deployed: URL, dump: Dump
) -> None:
    before = all_databases(deployed)
    record_dump(deployed, dump)

    restore.drill(create_database_engine(deployed), ignore)

    assert all_databases(deployed) == before
    with connect(deployed) as connection:
        (details,) = connection.execute(
            text(
                "SELECT details FROM inventory_ops.ledger "
                "WHERE step = 'restore_drill' AND finished_at IS NOT NULL"
            )
        ).scalars()
    assert details["sha256"] == dump.sha256
    assert details["rows"] == dump.rows


def test_drill_that_fails_is_not_recorded_as_passed(deployed: URL, dump: Dump) -> None:
    before = all_databases(deployed)
    record_dump(deployed, dump)
    wrong_content(dump.path)

    with pytest.raises(DeploymentError, match="other content"):
        restore.drill(create_database_engine(deployed), ignore)

    assert all_databases(deployed) == before
    with connect(deployed) as connection:
        finished = connection.exec_driver_sql(
            "SELECT finished_at FROM inventory_ops.ledger WHERE step = 'restore_drill'"
        ).scalars()
        assert [*finished] == [None]


def test_drill_clears_away_the_scratch_database_of_one_that_died(deployed: URL, dump: Dump) -> None:
    before = all_databases(deployed)
    record_dump(deployed, dump)
    with connect(deployed.set(database="postgres")) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {deployed.database}_restore_drill")

    restore.drill(create_database_engine(deployed), ignore)

    assert all_databases(deployed) == before


def test_owner_without_superuser_drills_if_it_may_create_databases(
    databases: Databases, tmp_path: Path
) -> None:
    admin = databases.legacy("production")
    url = admin.set(username="drill_owner")
    with connect(admin) as connection:
        connection.exec_driver_sql("CREATE ROLE drill_owner LOGIN")
        connection.exec_driver_sql(f"ALTER DATABASE {admin.database} OWNER TO drill_owner")
        connection.exec_driver_sql("ALTER SCHEMA inventory OWNER TO drill_owner")
        connection.exec_driver_sql("ALTER TYPE inventory.inventory_status OWNER TO drill_owner")
        tables = connection.exec_driver_sql(
            "SELECT oid::regclass::text FROM pg_class "
            "WHERE relnamespace = 'inventory'::regnamespace AND relkind = 'r'"
        )
        for table in tables.scalars().all():
            connection.exec_driver_sql(f"ALTER TABLE {table} OWNER TO drill_owner")
    run_deployment(url)
    engine = create_database_engine(url)
    record_dump(url, take_dump(engine, tmp_path))

    with pytest.raises(DeploymentError, match=r"drill_owner may not create .* CREATEDB"):
        restore.drill(engine, ignore)
    with connect(admin) as connection:
        connection.exec_driver_sql("ALTER ROLE drill_owner CREATEDB")

    assert restore.drill(engine, ignore).manifest.contents.tables["inventory.stock"][0] == 1172


def test_drill_without_a_dump_says_so(deployed: URL) -> None:
    with pytest.raises(DeploymentError, match="knows of no dump"):
        restore.drill(create_database_engine(deployed), ignore)


def test_program_older_than_the_server_is_refused(
    deployed: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_programs, "_major_version", lambda _: 14)

    with pytest.raises(DeploymentError, match="install PostgreSQL 18's client programs"):
        take_dump(create_database_engine(deployed), tmp_path)
    assert [*tmp_path.iterdir()] == []


@pytest.fixture
def environment(deployed: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = deployed.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv(DATABASE_URL, url)
    monkeypatch.setenv(HOME, str(tmp_path))


@pytest.mark.usefixtures("environment")
def test_command_line_restores_and_refuses(deployed: URL, dump: Dump) -> None:
    done = CliRunner().invoke(main, ["restore", str(dump.path), "--replace"])
    assert done.exit_code == 0, done.output
    assert f" rows in the database {deployed.database}; the old one is" in done.output

    alter(dump.path, lambda content: flip(content, 0.5))
    refused = CliRunner().invoke(main, ["restore", str(dump.path)])
    assert refused.exit_code == 1
    assert "SHA-256" in refused.output


@pytest.mark.usefixtures("environment")
@DAGSTERS_OWN_WARNING
def test_job_drills(deployed: URL, dump: Dump) -> None:
    record_dump(deployed, dump)
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("restore_drill").execute_in_process(instance=instance)

    assert result.success
    assert result.output_for_node("restore_latest_dump") == dump.sha256
