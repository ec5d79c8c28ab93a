"""Each job works with its role's privileges and no more; each role is refused what is not its own.

On a server of their own: roles are the whole server's, and the other tests know of none.
"""

import json
import os
import re
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
from soleflip_assets.dumps.dump import take_dump
from soleflip_assets.dumps.restore import restore
from soleflip_assets.ground.database import query_one, run_file
from soleflip_assets.ground.resource import OwnerDatabase
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DATABASE_URL, FILES, HOME, OWNER_DATABASE_URL
from soleflip_assets.history.install import install
from soleflip_assets.history.log import STOCK_EVENT
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.monitoring.jobs import MONITORS
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import make_month
from soleflip_assets.phase2.revert import revert
from tests.conftest import Databases, connect, running_databases
from tests.integration.attempts import ALLOWED, ATTEMPTS, STATEMENTS
from tests.integration.phase2.deployment import ignore, run_deployment
from tests.integration.phase2.test_retirement import make_ready

# Of a resource that has another one.
pytestmark = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")

ROLES = ("owner", "orchestrator", "application", "reader")
# Besides them: who owned the tables before, and who is in no role.
OTHERS = ("former_owner", "stranger")
REFUSED = "42501"

Config = Mapping[str, Any]


def _op(name: str, **config: Any) -> Config:
    return {"ops": {name: {"config": config}}}


INCREMENTAL = _op("switch_mode", mode="INCREMENTAL", dry_run=False)
MATERIALIZED = _op("switch_mode", mode="MATERIALIZED", dry_run=False)
REVERT = _op("undo_phase2", dry_run=False)
DROP_LEGACY = _op("retire_legacy_tables", dry_run=False)
DROP_BACKUPS = _op("retire_backup_tables", dry_run=False)
RESYNC = _op("carry_again", dry_run=False)
REMOVE_LOG = _op("remove_log", dry_run=False)
PRUNE_LOG = _op("prune_log", dry_run=False, keep_months=0)

# A life of the platform, in which every job has its turn.
BEFORE = ["preflight_phase2", "deploy_phase2"]
BY_THE_CLOCK = [
    "verify_phase2",
    "refresh_stock_metrics",
    "compare_stock_metrics",
    "expire_reservations",
    "watch_daily",
    "watch_weekly",
    "housekeeping",
    "make_history_months",
]
# Once there is a history.
OF_THE_WAREHOUSE = [
    "load_warehouse",
    "rebuild_warehouse",
    "compare_warehouse",
    "build_marts",
    "send_weekly_figures",
]
# They work on tables that are no part of Phase 2, as their owner: tests/integration/partitioning.
OF_OTHER_TABLES = ["partition_table", "keep_partitions"]
BY_THE_OWNER: list[tuple[str, Config]] = [
    ("preflight_phase2", {}),
    ("deploy_phase2", {}),
    ("switch_metrics_mode", INCREMENTAL),
    ("resync_stock", RESYNC),
    ("remove_history", REMOVE_LOG),
    ("install_history", {}),
    ("prune_history", PRUNE_LOG),
    ("enforce_reservation_bounds", {}),
    ("restore_drill", {}),
    ("drop_legacy_tables", DROP_LEGACY),
    ("drop_backup_tables", DROP_BACKUPS),
    ("revert_phase2", REVERT),
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
    for databases in running_databases(
        request.param, shared_preload_libraries="pg_stat_statements"
    ):
        with connect(databases.server.url("postgres")) as connection:
            run_file(connection, "roles/10_roles.sql")
            for role in ROLES:
                connection.execute(text(f"CREATE ROLE {role}_login LOGIN IN ROLE soleflip_{role}"))
            connection.execute(text("ALTER ROLE owner_login SET role = soleflip_owner"))
            for name in OTHERS:
                connection.execute(text(f"CREATE ROLE {name}_login LOGIN"))
        yield databases


# As an application's own login has made them.
OWNED_BY_A_LOGIN = """
DO $$
DECLARE
  owned regclass;
BEGIN
  ALTER SCHEMA inventory OWNER TO former_owner_login;
  FOR owned IN
    SELECT oid FROM pg_class WHERE relnamespace = 'inventory'::regnamespace AND relkind = 'r'
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO former_owner_login', owned);
  END LOOP;
END $$
"""


def _hardened(url: URL) -> Logins:
    """The roles' files run on it, and what everybody may do taken away, as docs/roles.md says."""
    with connect(url) as connection:
        connection.execute(text(OWNED_BY_A_LOGIN))
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
        connection.execute(text(f"GRANT CONNECT ON DATABASE {url.database} TO former_owner_login"))
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
    with Deployer(create_database_engine(logins.url("owner")), ignore) as deployer:
        install(deployer)
        # One that a prune would let go.
        month = Month.of(datetime.now(UTC)) + -1
        make_month(deployer.connection, STOCK_EVENT, month)
    return logins.administrator


@pytest.fixture
def deployed(server: Databases, deployed_by_owner: URL) -> Logins:
    """A shop after Phase 2, deployed by the owner's login."""
    return _closed(server.copy(deployed_by_owner))


@pytest.fixture(scope="module")
def attacked(server: Databases, deployed_by_owner: URL) -> Logins:
    """One database for all attempts, of which none changes it; with a stranger who has got in."""
    logins = _closed(server.copy(deployed_by_owner))
    with Deployer(create_database_engine(logins.url("owner")), ignore) as deployer:
        switch(deployer, Mode.INCREMENTAL)
    with connect(logins.administrator) as connection:
        database = logins.administrator.database
        connection.execute(text(f"GRANT CONNECT ON DATABASE {database} TO stranger_login"))
    return logins


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME, str(tmp_path))
    return tmp_path


def _run(
    instance: dg.DagsterInstance, job: str, config: Config | None = None
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        run_config=config or {},
        instance=instance,
        raise_on_error=False,
        partition_key=Month.of(datetime.now(UTC)).first_day.isoformat()
        if "months" in job
        else None,
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

    owners = {name for name, _ in BY_THE_OWNER}
    assert jobs == {*BY_THE_CLOCK, *OF_THE_WAREHOUSE, *OF_OTHER_TABLES, *owners}


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
    succeed(orchestrator, owner, "revert_phase2", REVERT)
    succeed(orchestrator, owner, "deploy_phase2")
    succeed(orchestrator, nowhere, "verify_phase2")
    _two_months_pass(legacy)
    for job, config in BY_THE_OWNER[3:-1]:
        succeed(orchestrator, owner, job, config)
    for job in [*BY_THE_CLOCK, *OF_THE_WAREHOUSE]:
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
    """With every gate open and the dump there: it is not the platform's own rules that refuse it."""
    make_ready(deployed.administrator, datetime.now(UTC))
    folder = Path(os.environ[HOME])
    monkeypatch.chdir(folder)
    (folder / "a.dump").touch()
    _two_months_pass(deployed)
    if job == "drop_backup_tables":
        with connect(deployed.administrator) as connection:
            ledger.finish(connection, ledger.start(connection, "drop_legacy_tables", ""), {})
    if job == "install_history":
        # Else there is nothing to do, which is refused to nobody.
        with connect(deployed.administrator) as connection:
            connection.execute(text("DROP TRIGGER soleflip_log_update ON inventory.stock"))
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
        for mode in (Mode.INCREMENTAL, Mode.LIVE, Mode.MATERIALIZED):
            switch(deployer, mode)
            seen = []
            for url in (deployed.url("orchestrator"), deployed.administrator):
                with connect(url) as connection:
                    looks = {monitor.name: monitor.look(connection) for monitor in MONITORS}
                    seen.append(
                        {name: (look.passed, {*look.observed}) for name, look in looks.items()}
                    )
                    plans = looks["headline_queries_use_indexes"].observed
                    assert "insufficient privilege" not in str(plans["slowest_statements"])
            assert seen[0] == seen[1]


NEW_ITEM = STATEMENTS["add stock"]
TRIGGER = (
    "CREATE TRIGGER mine AFTER UPDATE ON pg_temp.mine FOR EACH ROW"
    " EXECUTE FUNCTION inventory_ops.lifecycle_to_stock()"
)


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


def test_attempts_are_at_least_a_hundred_and_those_of_the_security_page() -> None:
    page = (FILES / "docs" / "security.md").read_text()
    section = page.partition("## What a login tried")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)[1:]
    assert {name: tuple(by.split(", ")) for name, by in rows} == ATTEMPTS
    assert {*ATTEMPTS} <= {*STATEMENTS}
    assert sum(map(len, ATTEMPTS.values())) >= 100


@pytest.mark.parametrize("who", [*ROLES, "former owner", "stranger"])
def test_each_is_refused_what_is_not_theirs(attacked: Logins, who: str) -> None:
    """For want of privilege, and not for another fault of the statement."""
    with _transaction(attacked.url(who.replace(" ", "_"))) as connection:
        answers = {
            name: _refusal(connection, STATEMENTS[name])
            for name, by in ATTEMPTS.items()
            if who in by
        }
    assert answers
    assert {name: code for name, code in answers.items() if code != REFUSED} == {}


@pytest.mark.parametrize("who", ALLOWED)
def test_each_may_do_what_is_theirs(attacked: Logins, who: str) -> None:
    """So that what is refused is refused for a reason."""
    with _transaction(attacked.url(who.replace(" ", "_"))) as connection:
        answers = {name: _refusal(connection, STATEMENTS[name]) for name in ALLOWED[who]}
    assert answers == dict.fromkeys(ALLOWED[who])


def test_orchestrator_may_not_turn_a_trigger_function_to_its_own_ends(deployed: Logins) -> None:
    """On a table of its own, which it may make to look for drift, a trigger would write as the owner."""
    with _transaction(deployed.url("orchestrator")) as connection:
        connection.execute(text("CREATE TEMPORARY TABLE mine (stock_id uuid)"))

        assert _refusal(connection, TRIGGER) == REFUSED


def test_who_has_no_role_is_not_let_in(deployed: Logins) -> None:
    with pytest.raises(DBAPIError, match="permission denied for database"):
        connect(deployed.url("stranger"))


def test_former_owner_writes_on_and_owns_nothing(legacy: Logins) -> None:
    """Handing over takes away nothing that an application does that logged in as the owner."""
    with _transaction(legacy.url("former_owner")) as connection:
        assert _refusal(connection, NEW_ITEM) is None
        assert _refusal(connection, "DELETE FROM inventory.stock") is None
        assert _refusal(connection, STATEMENTS["change a table"]) == REFUSED
    run_deployment(legacy.url("owner"))
    with _transaction(legacy.url("former_owner")) as connection:
        assert _refusal(connection, "UPDATE inventory.stock SET quantity = 7") is None


def test_what_an_earlier_version_gave_the_former_owner_is_taken_back(deployed: Logins) -> None:
    """Until somebody does, the right to put triggers on the tables is a finding."""
    with connect(deployed.administrator) as connection:
        connection.execute(text("GRANT ALL ON inventory.stock TO former_owner_login"))
        connection.execute(text("GRANT TRIGGER ON inventory.stock_reservation TO PUBLIC"))
        found = query_one(connection, "monitoring/no_foreign_code.sql")
        assert found["examples"] == [
            "everybody may put a trigger on inventory.stock_reservation",
            "former_owner_login may put a trigger on inventory.stock",
        ]
        run_file(connection, "roles/20_ownership.sql")
        assert query_one(connection, "monitoring/no_foreign_code.sql")["passed"]
    with _transaction(deployed.url("former_owner")) as connection:
        for name in ("make a trigger", "empty a table"):
            assert _refusal(connection, STATEMENTS[name]) == REFUSED
        assert _refusal(connection, STATEMENTS["change a quantity"]) is None


FOREIGN = {
    "trigger mine of inventory.stock calls mine() of former_owner_login": (
        "CREATE TRIGGER mine AFTER UPDATE ON inventory.stock FOR EACH ROW EXECUTE FUNCTION public.mine()"
    ),
    "constraint mine on table inventory.stock of inventory.stock calls cheap(integer)"
    " of former_owner_login": (
        "ALTER TABLE inventory.stock ADD CONSTRAINT mine CHECK (public.cheap(quantity))"
    ),
    "index inventory.mine of inventory.stock calls cheap(integer) of former_owner_login": (
        "CREATE INDEX mine ON inventory.stock (public.cheap(quantity))"
    ),
    "rule mine on inventory.stock_reservation": (
        "CREATE RULE mine AS ON DELETE TO inventory.stock_reservation DO INSTEAD NOTHING"
    ),
    "policy mine on inventory.stock": "CREATE POLICY mine ON inventory.stock USING (true)",
    "row security without a policy on inventory.stock_reservation": (
        "ALTER TABLE inventory.stock_reservation ENABLE ROW LEVEL SECURITY"
    ),
    "everybody may execute inventory_ops.give_way()": (
        "GRANT EXECUTE ON FUNCTION inventory_ops.give_way() TO PUBLIC"
    ),
    "everybody may execute inventory.refresh_stock_metrics()": (
        "GRANT EXECUTE ON FUNCTION inventory.refresh_stock_metrics() TO PUBLIC"
    ),
    "inventory_ops.ledger is UNLOGGED: a crash empties it": (
        "ALTER TABLE inventory_ops.ledger SET UNLOGGED"
    ),
    "inventory_ops.stock_change is UNLOGGED: a crash empties it": (
        "ALTER TABLE inventory_ops.stock_change SET UNLOGGED"
    ),
    "inventory.stock_metrics_backup is UNLOGGED: a crash empties it": (
        "ALTER TABLE inventory.stock_metrics_backup SET UNLOGGED"
    ),
    "trigger mine on inventory.stock_lifecycle is a copy of one of ours": (
        "CREATE TRIGGER mine AFTER UPDATE ON inventory.stock_lifecycle FOR EACH ROW"
        " EXECUTE FUNCTION inventory_ops.lifecycle_to_stock()"
    ),
    "trigger soleflip_again on inventory.stock is a copy of one of ours": (
        "CREATE TRIGGER soleflip_again AFTER UPDATE OR DELETE ON inventory.stock FOR EACH ROW"
        " EXECUTE FUNCTION inventory_ops.stock_to_legacy()"
    ),
    "trigger soleflip_lifecycle_to_stock on inventory.stock_metrics is a copy of one of ours": (
        "CREATE TRIGGER soleflip_lifecycle_to_stock AFTER UPDATE ON inventory.stock_metrics"
        " FOR EACH ROW EXECUTE FUNCTION inventory_ops.lifecycle_to_stock()"
    ),
    "trigger soleflip_record_deletion on inventory.product is a copy of one of ours": (
        "CREATE TRIGGER soleflip_record_deletion AFTER DELETE ON inventory.product"
        " REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT"
        " EXECUTE FUNCTION inventory_ops.record_stock_deletion()"
    ),
}


def test_code_of_somebody_else_on_our_tables_is_found(deployed: Logins) -> None:
    """Each kind by itself, and as the orchestrator sees it; a trigger of the owner's own is none."""
    with connect(deployed.administrator) as connection:
        for signature, returns, body in (
            ("mine()", "trigger LANGUAGE plpgsql", "BEGIN RETURN NULL; END"),
            ("cheap(integer)", "boolean LANGUAGE sql IMMUTABLE", "SELECT true"),
            ("ours()", "trigger LANGUAGE plpgsql", "BEGIN RETURN NULL; END"),
        ):
            owner = "soleflip_owner" if signature == "ours()" else "former_owner_login"
            connection.execute(
                text(f"CREATE FUNCTION public.{signature} RETURNS {returns} AS '{body}'")
            )
            connection.execute(text(f"ALTER FUNCTION public.{signature} OWNER TO {owner}"))
        connection.execute(
            text(
                "CREATE TRIGGER ours AFTER UPDATE ON inventory.stock FOR EACH ROW"
                " EXECUTE FUNCTION public.ours()"
            )
        )
        assert query_one(connection, "monitoring/no_foreign_code.sql")["passed"]
    with _transaction(deployed.administrator) as connection:
        for finding, statement in FOREIGN.items():
            nested = connection.begin_nested()
            connection.exec_driver_sql(statement)
            connection.exec_driver_sql("SET LOCAL ROLE soleflip_orchestrator")
            found = query_one(connection, "monitoring/no_foreign_code.sql")
            assert (found["passed"], found["examples"]) == (False, [finding])
            nested.rollback()


def _privileges(url: URL) -> list[str]:
    """Who may do what, but for the owner: a line for each grantee, kind of object and set of privileges."""
    with connect(url) as connection:
        return list(connection.execute(text(PRIVILEGES)).scalars())


PRIVILEGES = """
WITH own AS (
  SELECT 'tables' AS kind, oid::regclass::text AS object, relowner AS owner, relacl AS acl FROM pg_class
  WHERE relnamespace IN (to_regnamespace('inventory'), to_regnamespace('inventory_ops'))
  UNION ALL
  SELECT 'columns', attrelid::regclass || '.' || attname, relowner, attacl
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
  WHERE relnamespace = to_regnamespace('inventory') AND NOT attisdropped
  UNION ALL
  SELECT 'functions', oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner))
  FROM pg_proc WHERE pronamespace IN (to_regnamespace('inventory'), to_regnamespace('inventory_ops'))
  UNION ALL
  SELECT 'schemas', nspname, nspowner, nspacl FROM pg_namespace WHERE nspname LIKE 'inventory%'
  UNION ALL
  SELECT 'tables to come', defaclnamespace::regnamespace::text, defaclrole, defaclacl FROM pg_default_acl
),
granted AS (
  SELECT grantee, kind, object, string_agg(privilege_type, ', ' ORDER BY privilege_type) AS privileges
  FROM own, aclexplode(acl) WHERE grantee <> owner GROUP BY 1, 2, 3, privilege_type = 'MAINTAIN'
)
SELECT format('%s may %s %s: %s', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
  privileges, kind, string_agg(object, ', ' ORDER BY object))
FROM granted GROUP BY grantee, kind, privileges ORDER BY 1
"""


def _listed(state: str, server: Databases) -> list[str]:
    """What privileges.txt says of a state; MAINTAIN came with PostgreSQL 17."""
    listed = Path(__file__).with_name("privileges.txt").read_text()
    lines = listed.partition(f"[{state}]\n")[2].partition("\n\n")[0].splitlines()
    known = (server.server.data / "PG_VERSION").read_text().strip() >= "17"
    return [line for line in lines if known or " may MAINTAIN " not in line]


def test_privileges_are_those_listed_after_all_that_makes_objects(
    legacy: Logins, server: Databases, tmp_path: Path
) -> None:
    """And nobody but the owner is given a function by default, as PostgreSQL does."""
    owner = create_database_engine(legacy.url("owner"))

    def expect(state: str) -> None:
        assert _privileges(legacy.administrator) == _listed(state, server), state

    expect("before")
    run_deployment(legacy.url("owner"))
    expect("deployed")
    with connect(legacy.administrator) as connection:
        for function in ("refresh_stock_metrics()", "backfill_stock(uuid, integer, text, boolean)"):
            schema = "inventory" if "refresh" in function else "inventory_ops"
            connection.execute(text(f"GRANT EXECUTE ON FUNCTION {schema}.{function} TO PUBLIC"))
    run_deployment(legacy.url("owner"))
    expect("deployed")
    with Deployer(owner, ignore) as deployer:
        switch(deployer, Mode.INCREMENTAL)
        expect("incremental")
        for mode in (Mode.LIVE, Mode.MATERIALIZED):
            switch(deployer, mode)
            expect("deployed")
    dump = take_dump(owner, tmp_path)
    restored = restore(legacy.url("owner"), dump.path, ignore, replace=False).database
    assert _privileges(legacy.administrator.set(database=restored)) == _listed("deployed", server)
    with Deployer(owner, ignore) as deployer:
        revert(deployer)
    expect("reverted")


def test_log_is_read_by_readers_and_written_by_its_functions_alone(deployed: Logins) -> None:
    granted = [
        line
        for line in _privileges(deployed.administrator)
        if re.search(r"_event|archived_month|make_month|log_|overflow", line)
    ]
    assert {line.partition(" tables")[0].partition(" functions")[0] for line in granted} == {
        "soleflip_orchestrator may EXECUTE",
        "soleflip_orchestrator may SELECT",
        "soleflip_reader may SELECT",
    }
    (functions,) = (line for line in granted if " EXECUTE " in line)
    assert {name for name in re.findall(r"inventory_ops\.(\w+)", functions) if "metrics" not in name} == {
        "fingerprint", "log_differences", "make_month", "move_overflow", "system_identifier",
    }  # fmt: skip


MIGRATION = """
ALTER TABLE inventory.stock ADD vendor text;
CREATE INDEX stock_vendor ON inventory.stock (vendor);
ALTER TABLE inventory.stock_reservation ALTER reservation_reason TYPE varchar(500);
CREATE TABLE inventory.vendor (id serial PRIMARY KEY, stock_id uuid REFERENCES inventory.stock);
CREATE TABLE public.order_line (id serial PRIMARY KEY);
UPDATE public.alembic_version SET version_num = '2';
"""
APPLICATIONS_WORK = [
    "UPDATE inventory.stock SET vendor = 'somebody'",
    "INSERT INTO inventory.vendor DEFAULT VALUES",
    "INSERT INTO public.order_line DEFAULT VALUES",
]


def test_application_migrates_after_the_hand_over(legacy: Logins) -> None:
    """By a login of its own, as docs/roles.md says; what that makes, the application's login may write."""
    with connect(legacy.administrator) as connection:
        connection.execute(text("GRANT CREATE ON SCHEMA public TO former_owner_login"))
        connection.execute(text("CREATE TABLE public.alembic_version (version_num text)"))
        connection.execute(text("ALTER TABLE public.alembic_version OWNER TO former_owner_login"))
        page = (FILES / "docs" / "roles.md").read_text()
        block = page.partition("## Migrations of the application")[2].partition("```sql\n")[2]
        for statement in (
            block.partition("\n```")[0].replace("shop", "former_owner_login").split(";")
        ):
            if statement.strip():
                connection.exec_driver_sql(statement)
        database = legacy.administrator.database
        migrator = "former_owner_login_migrations"
        connection.execute(text(f"GRANT CONNECT ON DATABASE {database} TO {migrator}"))
    run_deployment(legacy.url("owner"))
    with _transaction(legacy.url("former_owner")) as connection:
        assert _refusal(connection, MIGRATION.split(";", maxsplit=1)[0]) == REFUSED
    with connect(legacy.administrator.set(username=migrator)) as connection:
        for statement in MIGRATION.split(";")[:-1]:
            connection.exec_driver_sql(statement)
    with connect(legacy.url("former_owner")) as connection:
        for statement in APPLICATIONS_WORK:
            connection.exec_driver_sql(statement)
    with connect(legacy.url("reader")) as connection:
        connection.exec_driver_sql("SELECT * FROM inventory.vendor")
    run_deployment(legacy.url("owner"))
    with connect(legacy.administrator) as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {migrator}")
        connection.exec_driver_sql(f"DROP ROLE {migrator}")


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
