"""The old tables are dropped when every gate is open and not before; then nothing misses them or lies."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.definitions import defs
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground import retrying
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DATABASE_URL, HOME
from soleflip_assets.phase2.preflight import run_preflight
from soleflip_assets.phase2.retirement import (
    BACKUP_RETIREMENT,
    LEGACY_RETIREMENT,
    GateClosedError,
    Retirement,
    ask_gates,
    retire,
)
from tests.conftest import Databases, connect
from tests.integration.phase2.deaths import STEP_FINISHED, Crash, CrashError
from tests.integration.phase2.deployment import ignore, run_deployment

DAGSTERS_OWN_WARNING = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")

IN_15_DAYS = datetime.now(UTC) + timedelta(days=15)
IN_31_DAYS = datetime.now(UTC) + timedelta(days=31)

DUMP = json.dumps({"path": "a.dump", "sha256": "abc", "bytes": 1, "seconds": 1.0})
_COLUMNS = "(step, checksum, version, started_at, finished_at, details)"
LEDGER = f"INSERT INTO inventory_ops.ledger {_COLUMNS} VALUES "


@pytest.fixture
def ready(deployed: URL) -> URL:
    """A shop in which every gate of the legacy tables will be open in 15 days."""
    make_ready(deployed, IN_15_DAYS)
    return deployed


def make_ready(url: URL, moment: datetime) -> None:
    names = ", ".join(f"('{one.name}', true, '{moment}', '{moment}')" for one in VALIDATIONS)
    execute(
        url,
        LEDGER + f"('database_dump', '', '', now(), now(), '{DUMP}')",
        LEDGER
        + "('restore_drill', '', '', clock_timestamp(), clock_timestamp(), '{\"sha256\": \"abc\"}')",
        f"INSERT INTO inventory_ops.validation (name, passed, since, evaluated_at) VALUES {names}",
    )


def execute(url: URL, *statements: str) -> None:
    with connect(url) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def closed(
    url: URL, retirement: Retirement = LEGACY_RETIREMENT, now: datetime = IN_15_DAYS
) -> dict[str, str]:
    with connect(url) as connection:
        gates = ask_gates(connection, retirement, now)
    return {gate.question.name: str(gate) for gate in gates if not gate.is_open}


def run_retire(
    url: URL,
    retirement: Retirement = LEGACY_RETIREMENT,
    now: datetime = IN_15_DAYS,
    *,
    dry_run: bool = False,
) -> bool:
    with Deployer(create_database_engine(url), ignore) as deployer:
        return retire(deployer, retirement, dry_run=dry_run, now=now)


def tables(url: URL) -> set[str]:
    with connect(url) as connection:
        return {
            *connection.exec_driver_sql(
                "SELECT relname FROM pg_class "
                "WHERE relnamespace = 'inventory'::regnamespace AND relkind = 'r'"
            ).scalars()
        }


def failed_validations(url: URL) -> set[str]:
    with connect(url) as connection:
        return {one.name for one in VALIDATIONS if not one.ask(connection).passed}


def writers(url: URL) -> list[tuple[str, str]]:
    with connect(url) as connection:
        rows = connection.exec_driver_sql(
            "SELECT source, application FROM inventory_ops.legacy_write ORDER BY 1, 2"
        )
        return [(row[0], row[1]) for row in rows]


def test_all_gates_open_when_all_is_as_it_should_be(ready: URL) -> None:
    assert closed(ready) == {}


class Hindrance(NamedTuple):
    """What happened; which gate that closes; what it says."""

    statement: str
    gate: str
    said: str


HINDRANCES = {
    "validation fails": Hindrance(
        "UPDATE inventory_ops.validation SET passed = name <> 'view_records', since = '2026-01-02 03:04Z'",
        "validations_passed_within_a_day", "view_records fails since 2026-01-02 03:04",
    ),
    "validation is old": Hindrance(
        "UPDATE inventory_ops.validation SET evaluated_at = evaluated_at - interval '25 h' "
        "WHERE name = 'view_records'",
        "validations_passed_within_a_day", "view_records was last made",
    ),
    "validation was never made": Hindrance(
        "DELETE FROM inventory_ops.validation WHERE name = 'view_records'",
        "validations_passed_within_a_day", "view_records was never made",
    ),
    "no dump": Hindrance(
        "DELETE FROM inventory_ops.ledger WHERE step = 'database_dump'",
        "restore_drill_passed", "knows of no dump",
    ),
    "no drill": Hindrance(
        "DELETE FROM inventory_ops.ledger WHERE step = 'restore_drill'",
        "restore_drill_passed", "no drill since the dump",
    ),
    "drill that failed": Hindrance(
        "UPDATE inventory_ops.ledger SET finished_at = NULL WHERE step = 'restore_drill'",
        "restore_drill_passed", "no drill since the dump",
    ),
    "drill of another dump": Hindrance(
        "UPDATE inventory_ops.ledger SET details = '{\"sha256\": \"xyz\"}' WHERE step = 'restore_drill'",
        "restore_drill_passed", "no drill since the dump",
    ),
    "drill before the dump": Hindrance(
        "UPDATE inventory_ops.ledger SET started_at = 'yesterday' WHERE step = 'restore_drill'",
        "restore_drill_passed", "no drill since the dump",
    ),
    "reporting view": Hindrance(
        "CREATE VIEW public.margins AS SELECT roi FROM inventory.stock_financial",
        "no_dependents", "view margins: SELECT roi FROM inventory.stock_financial;",
    ),
    "old application": Hindrance(
        "INSERT INTO inventory_ops.legacy_write (source, written_by, application, written_at) "
        f"VALUES ('stock_metrics', 'shop', 'till 3', timestamptz '{IN_15_DAYS}' - interval '6 days')",
        "no_writes_for_7_days", "stock_metrics by shop (till 3) at",
    ),
}  # fmt: skip


@pytest.mark.parametrize("hindrance", HINDRANCES)
def test_gate_closes_and_says_why(ready: URL, hindrance: str) -> None:
    """That gate alone; nothing is dropped then, and the refusal says the same."""
    statement, gate, said = HINDRANCES[hindrance]
    execute(ready, statement)

    found = closed(ready)

    assert set(found) == {gate}
    assert said in found[gate]
    with pytest.raises(GateClosedError) as refused:
        run_retire(ready)
    assert said in str(refused.value)
    assert "inventory.stock_metrics may not be dropped" in str(refused.value)
    assert {"stock_financial", "stock_lifecycle", "stock_metrics"} <= tables(ready)


@pytest.mark.parametrize(("days", "gates"), [(6, 2), (13.9, 1), (14.1, 0)])
def test_time_opens_gates(deployed: URL, days: float, gates: int) -> None:
    """Seven days without a write and fourteen since the deployment, each told with its day."""
    moment = datetime.now(UTC) + timedelta(days=days)
    make_ready(deployed, moment)

    found = closed(deployed, now=moment)

    assert len(found) == gates
    expected = f"until {datetime.now(UTC) + timedelta(days=14):%Y-%m-%d}"
    assert expected in found.get("deployed_14_days", expected)


def test_mending_does_not_begin_the_deployment_anew(ready: URL) -> None:
    execute(ready, "UPDATE inventory_ops.ledger SET finished_at = finished_at - interval '14 days'",
            "DROP MATERIALIZED VIEW inventory.stock_metrics_view")  # fmt: skip
    run_deployment(ready)

    assert "deployed_14_days" not in closed(ready, now=datetime.now(UTC))


def test_deployment_that_was_reverted_does_not_count(ready: URL) -> None:
    """The present one began when its own last step was done, however old an earlier one is."""
    execute(
        ready,
        "INSERT INTO inventory_ops.ledger (step, checksum, version, started_at, finished_at, reverted_at) "
        "SELECT '81_stock_metrics_view', '', '', moment, moment, moment + interval '1 day' "
        "FROM (SELECT now() - interval '100 days' AS moment) AS earlier",
    )

    assert "deployed_14_days" in closed(ready, now=datetime.now(UTC) + timedelta(days=13))
    assert closed(ready) == {}


def test_deployment_counts_from_its_last_step_to_the_first_of_a_revert(deployed: URL) -> None:
    def deployed_at() -> datetime | None:
        with connect(deployed) as connection:
            return ledger.deployed_at(connection)

    assert deployed_at() is not None
    execute(deployed, "UPDATE inventory_ops.ledger SET finished_at = NULL WHERE step LIKE '81%%'")
    assert deployed_at() is None
    execute(deployed, "UPDATE inventory_ops.ledger SET finished_at = now() WHERE step LIKE '81%%'")
    assert deployed_at() is not None
    execute(deployed, LEDGER + "('20_drop_view', '', '', now(), NULL, '{}')")
    assert deployed_at() is None


def test_writes_of_applications_are_remembered(databases: Databases) -> None:
    """Each kind of write to each table, once an hour of each; never what the synchronisation does."""
    url = databases.deployed("busy")
    engine = create_database_engine(url, application_name="old till")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE inventory.stock SET reserved_quantity = 1, status_history = '[]', purchase_price = 1"
        )
        connection.exec_driver_sql(
            "DELETE FROM inventory.stock WHERE id = (SELECT id FROM inventory.stock LIMIT 1)"
        )
    assert writers(url) == []

    other = create_database_engine(url, application_name="new till")
    for statement in (
        "UPDATE inventory.stock_metrics SET total_cost = 1",
        "INSERT INTO inventory.stock_lifecycle (stock_id) SELECT id FROM inventory.stock LIMIT 1",
        "DELETE FROM inventory.stock_financial WHERE id = (SELECT id FROM inventory.stock_financial LIMIT 1)",
    ):
        for application in (engine, engine, other, engine, other):
            with application.begin() as connection:
                connection.exec_driver_sql(statement)

    assert writers(url) == [
        (table, application)
        for table in ("stock_financial", "stock_lifecycle", "stock_metrics")
        for application in ("new till", "old till")
    ]


def test_remembering_makes_nobody_wait(deployed: URL) -> None:
    """Two who begin the hour together do not see each other, and do not queue."""
    engine = create_database_engine(deployed)
    ids = [
        f"(SELECT id FROM inventory.stock_metrics ORDER BY id OFFSET {number} LIMIT 1)"
        for number in (0, 1)
    ]
    with engine.connect() as first, engine.connect() as second:
        first.exec_driver_sql(
            f"UPDATE inventory.stock_metrics SET total_cost = 1 WHERE id = {ids[0]}"
        )
        second.exec_driver_sql("SET lock_timeout = '100ms'")
        second.exec_driver_sql(
            f"UPDATE inventory.stock_metrics SET total_cost = 1 WHERE id = {ids[1]}"
        )
        second.commit()
        first.commit()

    assert len(writers(deployed)) == 2


def test_dry_run_drops_nothing(ready: URL) -> None:
    before = tables(ready)

    assert not run_retire(ready, dry_run=True)

    assert tables(ready) == before


def test_life_goes_on_without_the_legacy_tables(ready: URL) -> None:
    """The shop writes, validations pass and say when, a deployment mends, a second drop does nothing."""
    assert run_retire(ready)

    assert tables(ready).isdisjoint({"stock_financial", "stock_lifecycle", "stock_metrics"})
    execute(
        ready,
        "UPDATE inventory.stock SET reserved_quantity = 1, quantity = 9, status_history = '[]', vat_rate = 1",
        "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, reserved_quantity) "
        "VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 2, 'in_stock', 1)",
        "DELETE FROM inventory.stock WHERE status = 'sold'",
        "DROP INDEX inventory.idx_stock_reserved",
        "REFRESH MATERIALIZED VIEW inventory.stock_metrics_view",
    )
    assert failed_validations(ready) == set()
    with connect(ready) as connection:
        (financial,) = [one for one in VALIDATIONS if one.name == "financial_data_consistent"]
        assert set(financial.ask(connection).observed) == {"retired_at", "retired_by"}
        assert run_preflight(connection, Path()).stopping == []
    assert {one.step for one in run_deployment(ready) if one.applied} == {"70_idx_stock_reserved"}
    assert not run_retire(ready)


def test_table_that_is_gone_without_an_entry_is_a_failure(deployed: URL) -> None:
    execute(
        deployed,
        "DROP TABLE inventory.stock_financial, inventory.stock_lifecycle_backup",
    )

    assert failed_validations(deployed) == {
        "financial_data_consistent",
        "stock_lifecycle_backup_complete",
    }


def test_death_after_the_drop_is_no_unexplained_loss(ready: URL) -> None:
    """The entry is part of the transaction that drops."""
    engine = create_database_engine(ready)
    Crash(engine, STEP_FINISHED, 2)
    with pytest.raises(CrashError), Deployer(engine, ignore) as deployer:
        retire(deployer, LEGACY_RETIREMENT, dry_run=False, now=IN_15_DAYS)

    assert "stock_metrics" not in tables(ready)
    assert failed_validations(ready) == set()
    assert not run_retire(ready)


def test_backups_follow_after_a_month_and_after_the_legacy_tables(ready: URL) -> None:
    assert set(closed(ready, BACKUP_RETIREMENT)) == {"deployed_30_days", "legacy_tables_gone"}
    run_retire(ready)
    assert set(closed(ready, BACKUP_RETIREMENT)) == {"deployed_30_days"}
    execute(ready, "CREATE VIEW public.old AS SELECT id FROM inventory.stock_metrics_backup")
    assert set(closed(ready, BACKUP_RETIREMENT, IN_31_DAYS)) == {"no_dependents"}
    execute(ready, "DROP VIEW public.old")

    assert run_retire(ready, BACKUP_RETIREMENT, IN_31_DAYS)

    assert not [name for name in tables(ready) if name.endswith("_backup")]
    assert failed_validations(ready) == set()
    assert not any(one.applied for one in run_deployment(ready))


def test_reader_that_will_not_go_does_not_stop_the_shop(
    ready: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try that meets it gives stock back at once; in the end the reason is told, nothing dropped."""
    monkeypatch.setattr(retrying, "LOCK_ATTEMPTS", 3)
    tries: list[str] = []

    def write_meanwhile(sentence: str) -> None:
        if "a lock was not acquired" in sentence:
            tries.append(sentence)
            execute(
                ready, "SET lock_timeout = '100ms'", "UPDATE inventory.stock SET notes = 'free'"
            )

    engine = create_database_engine(ready)
    with engine.connect() as reader, Deployer(engine, write_meanwhile) as holder:
        reader.exec_driver_sql("SELECT count(*) FROM inventory.stock_metrics")
        with pytest.raises(DeploymentError, match="could not be acquired in 3 tries"):
            retire(holder, LEGACY_RETIREMENT, dry_run=False, now=IN_15_DAYS)

    assert len(tries) == 3
    assert run_retire(ready)


@pytest.fixture
def environment(ready: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = ready.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv(DATABASE_URL, url)
    monkeypatch.setenv(HOME, str(tmp_path))


def run_job(name: str, *, dry_run: bool | None = None) -> dg.ExecuteInProcessResult:
    op = {
        "drop_legacy_tables": "retire_legacy_tables",
        "drop_backup_tables": "retire_backup_tables",
    }
    config = {} if dry_run is None else {"ops": {op[name]: {"config": {"dry_run": dry_run}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def(name).execute_in_process(
            instance=instance, run_config=config, raise_on_error=False
        )


@pytest.mark.usefixtures("environment")
@DAGSTERS_OWN_WARNING
def test_what_a_verification_finds_is_what_the_gate_knows(ready: URL) -> None:
    """Each validation, whether it passed, and since when it fails."""
    execute(ready, "DELETE FROM inventory_ops.validation")
    assert run_job("verify_phase2").success
    assert "validations_passed_within_a_day" not in closed(ready, now=datetime.now(UTC))

    execute(
        ready,
        "UPDATE inventory.stock SET reserved_quantity = quantity + 1 "
        "WHERE id = (SELECT id FROM inventory.stock LIMIT 1)",
        "SELECT inventory.refresh_stock_metrics()",
    )
    assert not run_job("verify_phase2").success
    gates = closed(ready, now=datetime.now(UTC))
    assert "records_with_reservations fails since" in gates["validations_passed_within_a_day"]


@pytest.mark.usefixtures("environment")
@DAGSTERS_OWN_WARNING
def test_jobs_count_down_drop_and_go_on(ready: URL) -> None:
    """From the countdown on the report to a deployment when all is gone."""
    verified = run_job("watch_daily")
    counted = {one.check_name: one for one in verified.get_asset_check_evaluations()}
    countdown = counted["legacy_tables_retirement"]
    assert countdown.passed
    assert countdown.metadata["state"].value == "waits"
    assert countdown.metadata["days_left"].value in (13.9, 14.0)
    assert str(countdown.metadata["restore_drill_passed"].value).startswith("met: ")
    assert not run_job("drop_legacy_tables", dry_run=False).success

    execute(
        ready,
        "UPDATE inventory_ops.ledger SET started_at = started_at - interval '31 days', "
        "finished_at = finished_at - interval '31 days'",
    )
    assert run_job("drop_legacy_tables").success
    assert "stock_metrics" in tables(ready)
    assert run_job("drop_legacy_tables", dry_run=False).success
    assert run_job("drop_backup_tables", dry_run=False).success
    assert tables(ready).isdisjoint({"stock_metrics", "stock_metrics_backup"})

    deployed = run_job("deploy_phase2")
    assert deployed.success
    states = {
        one.check_name: one.metadata["state"].value
        for one in deployed.get_asset_check_evaluations()
        if one.check_name.endswith("_retirement")
    }
    assert states == {
        "legacy_tables_retirement": "dropped",
        "backup_tables_retirement": "dropped",
    }
