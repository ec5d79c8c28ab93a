"""Each job works with its role's privileges and no more; each role is refused what is not its own.

On a server of their own: roles are the whole server's, and the other tests know of none.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.definitions import defs
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.database import (
    OwnerDatabase,
    create_database_engine,
    query_one,
    run_file,
)
from soleflip_assets.ground.settings import DATABASE_URL, HOME, OWNER_DATABASE_URL
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.monitoring.jobs import MONITORS
from tests.conftest import Databases, connect, open_folder, programs_of
from tests.integration.phase2.deployment import ignore, run_deployment
from tests.integration.phase2.test_retirement import make_ready

# Of a resource that has another one.
pytestmark = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")

ROLES = ("owner", "orchestrator", "application", "reader")
REFUSED = "42501"

Config = Mapping[str, Any]


def _op(name: str, **config: Any) -> Config:
    return {"ops": {name: {"config": config}}}


INCREMENTAL = _op("keep_metrics", mode="INCREMENTAL")
MATERIALIZED = _op("keep_metrics", mode="MATERIALIZED")
DROP_LEGACY = _op("retire_legacy_tables", dry_run=False)
DROP_BACKUPS = _op("retire_backup_tables", dry_run=False)

# A life of the platform, in which every job has its turn.
BEFORE = ["check_phase2", "deploy_phase2"]
BY_THE_CLOCK = [
    "verify_phase2",
    "refresh_stock_metrics",
    "compare_stock_metrics",
    "expire_reservations",
    "watch_daily",
    "watch_weekly",
    "housekeeping",
]
BY_THE_OWNER: list[tuple[str, Config]] = [
    ("check_phase2", {}),
    ("deploy_phase2", {}),
    ("switch_metrics_mode", INCREMENTAL),
    ("enforce_reservation_bounds", {}),
    ("restore_drill", {}),
    ("drop_legacy_tables", DROP_LEGACY),
    ("drop_backup_tables", DROP_BACKUPS),
    ("revert_phase2", {}),
]


@dataclass(frozen=True)
class Logins:
    """A database, and how to log in to it: one user in each role, one in none, and the administrator."""

    administrator: URL

    def url(self, role: str) -> URL:
        return self.administrator.set(username=f"{role}_login")


@pytest.fixture(scope="module", params=["18", "15"])
def server(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """A server on which the four roles have been made, with a login in each."""
    parameters = {
        "fsync": "off",
        "shared_preload_libraries": "pg_stat_statements",
    }
    with (
        open_folder() as folder,
        PostgresServer(
            folder / "data", programs_of(request.param), parameters
        ).running() as running,
    ):
        databases = Databases(running)
        with connect(running.url("postgres")) as connection:
            run_file(connection, "roles/10_roles.sql")
            for role in ROLES:
                connection.execute(text(f"CREATE ROLE {role}_login LOGIN IN ROLE soleflip_{role}"))
            connection.execute(text("ALTER ROLE owner_login SET role = soleflip_owner"))
            connection.execute(text("CREATE ROLE nobody_login LOGIN"))
        yield databases
        running.stop("immediate")


def _hardened(url: URL) -> Logins:
    """The roles' files run on it, and what everybody may do taken away, as docs/roles.md says."""
    with connect(url) as connection:
        for file in ("10_roles", "20_ownership", "30_privileges"):
            run_file(connection, f"roles/{file}.sql")
    return _closed(url)


def _closed(url: URL) -> Logins:
    """The database's own privileges, which no copy of it takes along."""
    with connect(url) as connection:
        run_file(connection, "roles/10_roles.sql")
        connection.execute(
            text(f"REVOKE CONNECT, TEMPORARY ON DATABASE {url.database} FROM PUBLIC")
        )
        connection.execute(text(f"ALTER DATABASE {url.database} OWNER TO soleflip_owner"))
    return Logins(url)


@pytest.fixture
def legacy(server: Databases) -> Logins:
    """A shop before Phase 2."""
    return _hardened(server.legacy("busy"))


@pytest.fixture(scope="module")
def deployed_by_owner(server: Databases) -> URL:
    """What ``deployed`` is copied from."""
    logins = _hardened(server.legacy("busy"))
    run_deployment(logins.url("owner"))
    return logins.administrator


@pytest.fixture
def deployed(server: Databases, deployed_by_owner: URL) -> Logins:
    """A shop after Phase 2, deployed by the owner's login."""
    return _closed(server.copy(deployed_by_owner))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME, str(tmp_path))
    return tmp_path


def _run(
    instance: dg.DagsterInstance, job: str, config: Config | None = None
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        run_config=config or {}, instance=instance, raise_on_error=False
    )


def _work_as(monkeypatch: pytest.MonkeyPatch, everyday: URL, owner: URL | None) -> None:
    monkeypatch.setenv(DATABASE_URL, everyday.render_as_string(hide_password=False))
    if owner is None:
        monkeypatch.delenv(OWNER_DATABASE_URL, raising=False)
    else:
        monkeypatch.setenv(OWNER_DATABASE_URL, owner.render_as_string(hide_password=False))


def _why(result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(
        str(event.event_specific_data) for event in result.all_events if event.is_failure
    )


def _two_months_pass(logins: Logins) -> None:
    """As if all had happened two months ago, and nobody had written to the legacy tables since."""
    with connect(logins.administrator) as connection:
        connection.execute(text("DELETE FROM inventory_ops.legacy_write"))
        connection.execute(
            text(
                "UPDATE inventory_ops.ledger SET started_at = started_at - interval '60 days',"
                " finished_at = finished_at - interval '60 days'"
            )
        )


def _overdue(logins: Logins) -> None:
    """A reservation that the next sweep has to expire, made by the application."""
    reserve = """
        WITH held AS (
          UPDATE inventory.stock SET reserved_quantity = reserved_quantity + 1
          WHERE id = (SELECT id FROM inventory.stock WHERE quantity > reserved_quantity ORDER BY id LIMIT 1)
          RETURNING id
        )
        INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, reserved_until, status)
        SELECT id, 1, now() - interval '1 minute', 'active' FROM held
    """
    with connect(logins.url("application")) as connection:
        assert connection.execute(text(reserve)).rowcount == 1


def test_no_job_is_forgotten() -> None:
    jobs = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}

    assert jobs == {*BY_THE_CLOCK, *(name for name, _ in BY_THE_OWNER)}


def test_every_job_succeeds_with_its_role(
    legacy: Logins, home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock with the orchestrator's URL alone: the owner's leads nowhere then."""
    orchestrator, owner = legacy.url("orchestrator"), legacy.url("owner")
    nowhere = owner.set(database="nowhere")

    def succeed(everyday: URL, as_owner: URL, job: str, config: Config | None = None) -> None:
        _work_as(monkeypatch, everyday, as_owner)
        result = _run(instance, job, config)
        failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
        assert result.success, f"{job}: {_why(result)}"
        assert {check.check_name for check in failed} <= {"view_is_fresh", "vacuum_keeps_up"}, job

    for job in BEFORE:
        succeed(orchestrator, owner, job)
    for mode in (INCREMENTAL, MATERIALIZED):
        _overdue(legacy)
        for job in BY_THE_CLOCK:
            succeed(orchestrator, nowhere, job)
        succeed(orchestrator, owner, "switch_metrics_mode", mode)
    succeed(orchestrator, owner, "revert_phase2")
    succeed(orchestrator, owner, "deploy_phase2")
    succeed(orchestrator, nowhere, "verify_phase2")
    _two_months_pass(legacy)
    for job, config in BY_THE_OWNER[3:-1]:
        succeed(orchestrator, owner, job, config)
    for job in BY_THE_CLOCK:
        succeed(orchestrator, nowhere, job)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("job", "config"), BY_THE_OWNER, ids=lambda value: str(value)[:24])
def test_owners_job_is_refused_to_the_orchestrator(
    job: str,
    config: Config,
    deployed: Logins,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With every gate open: it is not the platform's own rules that refuse it."""
    make_ready(deployed.administrator, datetime.now(UTC))
    _two_months_pass(deployed)
    if job == "drop_backup_tables":
        with connect(deployed.administrator) as connection:
            ledger.finish(connection, ledger.start(connection, "drop_legacy_tables", ""), {})
    _work_as(monkeypatch, deployed.url("orchestrator"), None)

    result = _run(instance, job, config)

    assert not result.success
    said = _why(result) + json.dumps(
        [str(check.metadata) for check in result.get_asset_check_evaluations() if not check.passed]
    )
    assert "permission denied" in said or "must be owner" in said or "ownership of" in said, said


def test_monitors_see_the_same_as_the_orchestrator_and_as_the_administrator(
    deployed: Logins,
) -> None:
    """Statements of others, statistics of columns, definitions: what is hidden would look like no finding."""
    with connect(deployed.administrator) as connection:
        connection.execute(text("CREATE EXTENSION pg_stat_statements"))
    with Deployer(create_database_engine(deployed.url("owner")), ignore) as deployer:
        for mode in (Mode.INCREMENTAL, Mode.MATERIALIZED):
            switch(deployer, mode)
            seen = []
            for url in (deployed.url("orchestrator"), deployed.administrator):
                with connect(url) as connection:
                    looks = {monitor.name: monitor.look(connection) for monitor in MONITORS}
                    seen.append(
                        {name: (look.passed, {*look.observed}) for name, look in looks.items()}
                    )
                    plans = looks["headline_queries_use_indexes"].texts
                    assert "insufficient privilege" not in plans["slowest_statements"]
            assert seen[0] == seen[1]


# What a role must not do, in its own words; each with a role that may, where there is one.
ITEM = "(SELECT id FROM inventory.stock ORDER BY id LIMIT 1)"
NEW_ITEM = (
    "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)"
    " VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'in_stock')"
)
REFRESH = "SELECT inventory.refresh_stock_metrics()"
COMPARE = "SELECT inventory_ops.compare_stock_metrics()"
TRIGGER = (
    "CREATE TRIGGER mine AFTER UPDATE ON pg_temp.mine FOR EACH ROW"
    " EXECUTE FUNCTION inventory_ops.lifecycle_to_stock()"
)
SCHEMA_CHANGES = {
    "make a table": "CREATE TABLE inventory.mine ()",
    "make a schema": "CREATE SCHEMA mine",
    "change a table": "ALTER TABLE inventory.stock ADD mine integer",
    "make an index": "CREATE INDEX ON inventory.stock (status)",
    "empty a table": "TRUNCATE inventory.stock_reservation",
    "drop the view": "DROP VIEW inventory.stock_metrics_view",
    "drop a legacy table": "DROP TABLE inventory.stock_metrics",
    "switch triggers off": "ALTER TABLE inventory.stock DISABLE TRIGGER USER",
    "make a trigger": "CREATE TRIGGER mine AFTER UPDATE ON inventory.stock FOR EACH ROW"
    " EXECUTE FUNCTION inventory_ops.lifecycle_to_stock()",
    "change the refresh": "ALTER FUNCTION inventory.refresh_stock_metrics() SECURITY INVOKER",
    "become the owner": "SET ROLE soleflip_owner",
    "make a role": "CREATE ROLE mine",
}
RECORD_CHANGES = {
    "write the ledger": "UPDATE inventory_ops.ledger SET reverted_at = now()",
    "forge a ledger entry": "INSERT INTO inventory_ops.ledger (step, checksum, version) VALUES ('', '', '')",
    "write a backup": "DELETE FROM inventory.stock_metrics_backup",
    "record a deletion": f"INSERT INTO inventory_ops.stock_deletion (stock_id) VALUES ({ITEM})",
    "empty the queue": "DELETE FROM inventory_ops.stock_change",
    "backfill": "SELECT inventory_ops.backfill_stock(NULL, 1)",
    "back up": "SELECT inventory_ops.back_up('inventory.stock')",
}
STOCK_CHANGES = {
    "add stock": NEW_ITEM,
    "remove stock": f"DELETE FROM inventory.stock WHERE id = {ITEM}",
    "change a quantity": f"UPDATE inventory.stock SET quantity = 0 WHERE id = {ITEM}",
    "change a price": f"UPDATE inventory.stock SET purchase_price = 0 WHERE id = {ITEM}",
    "reserve": f"INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status)"
    f" VALUES ({ITEM}, 1, 'active')",
    "lengthen a reservation": "UPDATE inventory.stock_reservation SET reserved_until = now()",
    "write a legacy table": "UPDATE inventory.stock_metrics SET reserved_quantity = 0",
    "write a key": "INSERT INTO inventory_ops.reservation_key VALUES ('', '{}', '{}')",
}
READING = {
    "read stock": "SELECT id FROM inventory.stock LIMIT 1",
    "read the view": "SELECT stock_id FROM inventory.stock_metrics_view LIMIT 1",
}
FORBIDDEN = {
    "orchestrator": SCHEMA_CHANGES | RECORD_CHANGES | STOCK_CHANGES,
    "application": SCHEMA_CHANGES
    | RECORD_CHANGES
    | {
        "refresh": REFRESH,
        "compare": COMPARE,
        "read the ledger": "SELECT step FROM inventory_ops.ledger",
        "change a key": "UPDATE inventory_ops.reservation_key SET request = '{}'",
        "make a temporary table": "CREATE TEMPORARY TABLE mine ()",
        "vouch for a validation": "UPDATE inventory_ops.validation SET passed = true",
    },
    "reader": SCHEMA_CHANGES
    | RECORD_CHANGES
    | STOCK_CHANGES
    | {"refresh": REFRESH, "hold": "UPDATE inventory.stock SET reserved_quantity = 0"},
}
ALLOWED = {
    "orchestrator": READING | {"refresh": REFRESH},
    "application": READING | {name: STOCK_CHANGES[name] for name in STOCK_CHANGES},
    "reader": READING | {"read the ledger": "SELECT step FROM inventory_ops.ledger"},
}


def _refusal(connection: Connection, statement: str) -> str | None:
    """The SQLSTATE that a statement is answered with; nothing of it stays."""
    transaction = connection.begin_nested()
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as error:
        return str(getattr(error.orig, "sqlstate", ""))
    finally:
        transaction.rollback()
    return None


@contextmanager
def _transaction(url: URL) -> Iterator[Connection]:
    with create_database_engine(url).connect() as connection:
        yield connection
        connection.rollback()


def test_each_role_may_do_what_is_its_own_and_nothing_else(deployed: Logins) -> None:
    """Each forbidden statement is refused for want of privilege, and not for another fault of it."""
    with Deployer(create_database_engine(deployed.url("owner")), ignore) as deployer:
        switch(deployer, Mode.INCREMENTAL)
    for role in ("orchestrator", "application", "reader"):
        with _transaction(deployed.url(role)) as connection:
            answers = {name: _refusal(connection, text_) for name, text_ in FORBIDDEN[role].items()}
            assert {name: code for name, code in answers.items() if code != REFUSED} == {}, role
            answers = {name: _refusal(connection, text_) for name, text_ in ALLOWED[role].items()}
            assert answers == dict.fromkeys(ALLOWED[role]), role


def test_orchestrator_may_not_turn_a_trigger_function_to_its_own_ends(deployed: Logins) -> None:
    """On a table of its own, which it may make to look for drift, a trigger would write as the owner."""
    with _transaction(deployed.url("orchestrator")) as connection:
        connection.execute(text("CREATE TEMPORARY TABLE mine (stock_id uuid)"))

        assert _refusal(connection, TRIGGER) == REFUSED


def test_who_has_no_role_is_not_let_in(deployed: Logins) -> None:
    with pytest.raises(DBAPIError, match="permission denied for database"):
        connect(deployed.url("nobody"))


def test_former_owner_writes_on_and_owns_nothing(server: Databases) -> None:
    """Handing over takes away nothing that an application does that logged in as the owner."""
    url = server.legacy("production")
    with connect(url) as connection:
        connection.execute(text("DROP ROLE IF EXISTS shop"))
        connection.execute(text("CREATE ROLE shop LOGIN"))
        for table in ("stock", "stock_financial", "stock_lifecycle", "stock_metrics"):
            connection.execute(text(f"ALTER TABLE inventory.{table} OWNER TO shop"))
        connection.execute(text("ALTER SCHEMA inventory OWNER TO shop"))
        for file in ("10_roles", "20_ownership", "30_privileges"):
            run_file(connection, f"roles/{file}.sql")
    with _transaction(url.set(username="shop")) as connection:
        assert _refusal(connection, NEW_ITEM) is None
        assert _refusal(connection, "DELETE FROM inventory.stock") is None
        assert _refusal(connection, "ALTER TABLE inventory.stock ADD mine integer") == REFUSED
    run_deployment(url.set(username="owner_login"))
    with _transaction(url.set(username="shop")) as connection:
        assert _refusal(connection, "UPDATE inventory.stock SET quantity = 7") is None


def test_everything_made_belongs_to_the_owners_role(deployed: Logins) -> None:
    """So that the person who deployed may leave; and the next deployment finds its privileges sufficient."""
    others = text("""
        SELECT oid::regclass::text FROM pg_class
        WHERE relnamespace IN ('inventory'::regnamespace, 'inventory_ops'::regnamespace)
          AND relowner <> 'soleflip_owner'::regrole
        UNION ALL
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace IN ('inventory'::regnamespace, 'inventory_ops'::regnamespace)
          AND proowner <> 'soleflip_owner'::regrole
    """)
    with connect(deployed.url("owner")) as connection:
        assert connection.execute(others).scalars().all() == []
        assert query_one(connection, "preflight/privileges_sufficient.sql")["passed"]
    with connect(deployed.url("orchestrator")) as connection:
        assert not query_one(connection, "preflight/privileges_sufficient.sql")["passed"]


def test_owners_url_is_not_in_what_dagster_knows_of_the_resource(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(DATABASE_URL, "postgresql://clock@db/soleflip")
    monkeypatch.setenv(OWNER_DATABASE_URL, "postgresql://owner:hunter2@db/soleflip")
    owner = OwnerDatabase(url="postgresql://clock@db/soleflip")

    assert owner.engine.url.username == "owner"
    assert "hunter2" not in repr(owner)
