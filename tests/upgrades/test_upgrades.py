"""A database that an older version deployed becomes what a fresh deployment makes, while the shop writes."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from soleflip_assets.checks.question import ask_all
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import State, object_defined_by
from soleflip_assets.deploying.changes import REMOVAL, Action, Outcome
from soleflip_assets.deploying.deployer import Deployer, NewerDatabaseError
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import SQL
from soleflip_assets.ground.sql_files import sql_files
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.monitoring.jobs import MONITORS
from soleflip_assets.phase2.retirement import LEGACY_RETIREMENT
from soleflip_assets.phase2.revert import revert
from soleflip_assets.phase2.steps import deploy, foresee
from tests.conftest import REFRESHED, Databases, connect
from tests.integration.phase2.deployment import ignore, run_deployment
from tests.integration.phase2.shop import (
    FINANCIALS,
    LIFECYCLES_AND_METRICS,
    NEW_COLUMNS,
    PRICES,
    PRICES_IN_BOTH,
    QUANTITIES,
    RESERVATIONS,
    open_shop,
)
from tests.integration.phase2.state import State as Contents
from tests.integration.phase2.state import physical

pytestmark = pytest.mark.both_versions

RELEASED = sorted(Path(__file__).parent.glob("*/*.sql"))
# Steps that are no files.
OTHER_STEPS = {"backfill", "database_dump", "restore_drill", REMOVAL}
# Steps whose files are gone. What they made is removed as orphaned.
RETIRED_STEPS: set[str] = set()

# Backups of a deployment that was taken back are kept; no other one has them.
_OURS = "nspname IN ('inventory', 'inventory_ops') AND relname !~ '_backup_\\d+|_backup_\\w+_\\d+$'"
_RELATIONS = f"pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace AND {_OURS}"
OBJECTS = {
    "relations": f"""
        SELECT pg_class.oid::regclass::text, relkind, relacl::text, reloptions::text, relreplident,
          obj_description(pg_class.oid, 'pg_class')
        FROM {_RELATIONS} WHERE relkind <> 't'""",
    # In their order: a column that was dropped and added has another number.
    "columns": f"""
        SELECT attrelid::regclass::text, row_number() OVER (PARTITION BY attrelid ORDER BY attnum), attname,
          format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid),
          col_description(attrelid, attnum)
        FROM pg_attribute JOIN {_RELATIONS} ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relkind IN ('r', 'm', 'v') AND attnum > 0 AND NOT attisdropped""",
    "indexes": f"""
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid, indisready
        FROM pg_index JOIN {_RELATIONS} ON pg_class.oid = indexrelid""",
    "constraints": f"""
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid)
        FROM pg_constraint JOIN {_RELATIONS} ON pg_class.oid = conrelid WHERE contype <> 'n'""",
    "functions": """
        SELECT oid::regprocedure::text, pg_get_functiondef(oid), proacl::text, obj_description(oid, 'pg_proc')
        FROM pg_proc WHERE pronamespace::regnamespace::text IN ('inventory', 'inventory_ops')""",
    "triggers": """
        SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger')
        FROM pg_trigger WHERE NOT tgisinternal""",
    "views": f"""
        SELECT pg_class.oid::regclass::text, pg_get_viewdef(pg_class.oid)
        FROM {_RELATIONS} WHERE relkind IN ('v', 'm')""",
    "schemas": "SELECT nspname, nspacl::text, obj_description(oid) FROM pg_namespace WHERE nspname ~ '^inv'",
    "record": "SELECT object, statement, step FROM inventory_ops.made_object",
}

Writers = Sequence[Sequence[str]]
BOTH_VERSIONS: Writers = [QUANTITIES, [*PRICES, *FINANCIALS], LIFECYCLES_AND_METRICS, NEW_COLUMNS]
# Those whose reservations are in both places, as a monitor expects of them.
WRITERS: dict[str, Writers] = {
    "materialized": [QUANTITIES, PRICES, FINANCIALS, RESERVATIONS],
    "incremental": [QUANTITIES, PRICES, FINANCIALS, RESERVATIONS],
    "reverted": [QUANTITIES, PRICES_IN_BOTH],
    "retired": [QUANTITIES, PRICES, RESERVATIONS],
}


def objects(url: URL) -> Contents:
    """Every object of our schemas in full, but for numbers and times that no two databases share."""
    with connect(url) as connection:
        # Whatever the comparison prints, it prints with its schema.
        execute_statement(connection, "SET search_path = ''")
        return {
            name: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
            for name, query in OBJECTS.items()
        }


def fresh(databases: Databases, state: str) -> Contents:
    """What a deployment of the present version ends in."""
    mode = Mode.INCREMENTAL if state == "incremental" else Mode.MATERIALIZED
    url = databases.deployed("busy", mode)
    if state == "retired":
        with Deployer(create_database_engine(url), ignore) as deployer:
            deployer.execute(LEGACY_RETIREMENT.file)
    return objects(url)


def failing(connection: Connection) -> set[str]:
    """The validations and monitors that fail."""
    return {
        *(asked.name for asked, answer in ask_all(connection, VALIDATIONS) if not answer.passed),
        *(monitor.name for monitor in MONITORS if not monitor.result(connection).passed),
    }


@pytest.fixture
def load(databases_of_each_version: Databases) -> Callable[[Path], URL]:
    """Makes the database of a released version."""

    def _load(file: Path) -> URL:
        url = databases_of_each_version.empty()
        location = url.render_as_string(hide_password=False)
        with psycopg.connect(location, autocommit=True) as connection:
            connection.execute(file.read_bytes())
        return url

    return _load


def _id(file: Path) -> str:
    return f"{file.parent.name}-{file.stem}"


@pytest.mark.parametrize("file", RELEASED, ids=_id)
def test_released_database_becomes_a_fresh_one_while_the_shop_writes(
    databases_of_each_version: Databases, load: Callable[[Path], URL], file: Path
) -> None:
    url = load(file)
    with connect(url) as connection:
        foreseen = [(one.step, one.action) for one in foresee(connection)]

    with open_shop(url, WRITERS[file.stem]) as traffic:
        outcomes = run_deployment(url)

    assert traffic.committed > 0
    done = {one.step: one.action for one in reversed(outcomes)}
    assert {step: action for step, action in foreseen if step != "backfill"} == done
    assert [one.step for one in run_deployment(url) if one.applied] == []
    with connect(url) as connection:
        execute_statement(connection, "SELECT inventory.refresh_stock_metrics()")
        assert failing(connection) == set()
        assert {one.action for one in foresee(connection)} == {Action.NOTHING}
    upgraded, made_anew = objects(url), fresh(databases_of_each_version, file.stem)
    for kind, expected in made_anew.items():
        if file.stem == "retired":
            # A fresh one keeps what it needed before the retirement; an upgrade no longer makes that.
            assert set(upgraded[kind]) <= set(expected), kind
        else:
            assert upgraded[kind] == expected, kind


@pytest.mark.parametrize("file", RELEASED, ids=_id)
def test_no_step_of_a_released_version_was_renamed(load: Callable[[Path], URL], file: Path) -> None:
    """Their names are in ledgers: under another name a step would be applied once more."""
    files = {path.stem for path in SQL.rglob("*.sql") if "released" not in path.parts}
    with connect(load(file)) as connection:
        steps = set(connection.execute(text("SELECT step FROM inventory_ops.ledger")).scalars())

    assert steps <= files | OTHER_STEPS | RETIRED_STEPS


@pytest.mark.parametrize("file", RELEASED, ids=_id)
def test_texts_of_a_version_without_a_record_are_those_that_it_deployed(
    load: Callable[[Path], URL], file: Path
) -> None:
    with connect(load(file)) as connection:
        if ledger.newest_version(connection) != "0.1.0":
            return
        rows = connection.execute(text("SELECT step, checksum FROM inventory_ops.ledger")).all()

    steps = {step for step, _ in rows}
    kept = {(one.name, one.checksum) for one in sql_files("released/0.1.0") if one.name in steps}
    assert len(kept) >= 10
    assert kept <= {(step, checksum) for step, checksum in rows}


# What an older version may have left: each object as its own statement made it, by its own step.
OLDER = {
    "30_stock_baseline": """
        CREATE OR REPLACE FUNCTION inventory_ops.record_stock_deletion()
        RETURNS trigger
        LANGUAGE plpgsql
        AS $function$ BEGIN RETURN NULL; END $function$""",
    "50_synchronisation": """
        CREATE OR REPLACE TRIGGER soleflip_metrics_to_stock
        AFTER INSERT OR UPDATE ON inventory.stock_metrics
        FOR EACH ROW EXECUTE FUNCTION inventory_ops.metrics_to_stock()""",
    "60_backfill_function": """
        CREATE OR REPLACE FUNCTION inventory_ops.backfill_stock(after uuid, size integer, OUT last_id uuid)
        LANGUAGE sql
        AS $function$ SELECT NULL::uuid $function$""",
    "70_idx_stock_reserved": """
        CREATE INDEX CONCURRENTLY idx_stock_reserved
        ON inventory.stock (reserved_quantity)""",
}
OLDER_OF_READ_MODEL = {
    "10_read_model": """
        CREATE OR REPLACE VIEW inventory_ops.stock_metrics_now AS
        SELECT stock.id AS stock_id, 0 AS total_quantity FROM inventory.stock""",
}
ORPHANED = """
    CREATE TABLE IF NOT EXISTS inventory_ops.former (stock_id uuid);
    CREATE OR REPLACE FUNCTION inventory_ops.former_write()
    RETURNS trigger
    LANGUAGE plpgsql
    AS $function$ BEGIN RETURN NEW; END $function$;
    CREATE OR REPLACE TRIGGER soleflip_former_write
    BEFORE UPDATE ON inventory.stock_lifecycle
    FOR EACH ROW EXECUTE FUNCTION inventory_ops.former_write()
"""


# What the older statement cannot put in the place of the present one.
REPLACED = {"backfill_stock", "idx_stock_reserved", "stock_metrics_now"}


def make_as_an_older_version(connection: Connection, step: str, statement: str) -> str:
    """Make an object by another statement than the present one, and record that."""
    statement = statement.strip()
    defined = object_defined_by(statement)
    assert defined is not None
    if defined.name in REPLACED:
        execute_statement(connection, f"DROP {defined.kind} {defined.schema}.{defined.name}")
    execute_statement(connection, statement)
    connection.execute(
        text(
            """INSERT INTO inventory_ops.made_object (object, statement, step, version)
            VALUES (:object, :statement, :step, '0.1.5')
            ON CONFLICT (object) DO UPDATE SET statement = excluded.statement, version = excluded.version"""
        ),
        {"object": str(defined), "statement": statement, "step": step},
    )
    return str(defined)


@pytest.fixture(params=REFRESHED)
def aged(
    request: pytest.FixtureRequest, databases_of_each_version: Databases
) -> Iterator[tuple[URL, Mode, Connection]]:
    """A database as an older version left it: some objects are older, some have no file any more."""
    url = databases_of_each_version.deployed("busy", request.param)
    older = OLDER | (OLDER_OF_READ_MODEL if request.param is Mode.INCREMENTAL else {})
    with connect(url) as connection:
        for step, statement in older.items():
            make_as_an_older_version(connection, step, statement)
        for statement in ORPHANED.split(";\n"):
            make_as_an_older_version(connection, "50_synchronisation", statement)
        yield url, request.param, connection


def test_outdated_and_orphaned_objects_become_fresh_ones_while_both_versions_write(
    aged: tuple[URL, Mode, Connection], databases_of_each_version: Databases
) -> None:
    url, mode, connection = aged
    foreseen = {one.step: one for one in foresee(connection)}

    with open_shop(url, BOTH_VERSIONS) as traffic:
        outcomes = {one.step: one for one in reversed(run_deployment(url))}

    assert traffic.committed > 0
    older = OLDER | (OLDER_OF_READ_MODEL if mode is Mode.INCREMENTAL else {})
    for found in (foreseen, outcomes):
        updated = {one.step for one in found.values() if one.action is Action.UPDATE}
        assert updated == set(older)
        assert found["50_synchronisation"].names(State.ORPHANED) == [
            "trigger soleflip_former_write on inventory.stock_lifecycle"
        ]
        assert sorted(found[REMOVAL].names(State.ORPHANED)) == [
            "function inventory_ops.former_write",
            "table inventory_ops.former",
        ]
        assert {one.action for one in found.values() if one.applied} == {
            Action.UPDATE,
            Action.REMOVE,
        }
    assert objects(url) == fresh(databases_of_each_version, mode.value)


def test_orphan_that_others_built_on_and_table_with_rows_stay(
    aged: tuple[URL, Mode, Connection],
) -> None:
    """Nothing goes by CASCADE, and no table goes with rows that nobody has carried."""
    url, _, connection = aged
    execute_statement(connection, "INSERT INTO inventory_ops.former VALUES (gen_random_uuid())")
    execute_statement(
        connection,
        "CREATE TRIGGER theirs BEFORE UPDATE ON inventory.stock_metrics "
        "FOR EACH ROW EXECUTE FUNCTION inventory_ops.former_write()",
    )
    told: list[str] = []

    outcomes = run_deployment(url, told.append)

    (removed,) = (one for one in outcomes if one.step == REMOVAL)
    assert not removed.applied
    assert any("table inventory_ops.former stays, since it has rows" in line for line in told)
    assert any(
        "function inventory_ops.former_write stays, since others have built on it: trigger theirs"
        in line
        for line in told
    )
    assert connection.execute(text("SELECT count(*) FROM inventory_ops.former")).scalar_one() == 1
    (theirs,) = connection.execute(
        text("SELECT count(*) FROM pg_trigger WHERE tgname = 'theirs'")
    ).one()
    assert theirs == 1


def test_what_is_not_recorded_as_ours_is_never_removed(databases: Databases) -> None:
    url = databases.deployed("busy")
    with connect(url) as connection:
        execute_statement(connection, ORPHANED.split(";\n")[1])

        assert not any(one.applied for one in run_deployment(url))
        assert "inventory_ops.former_write()" in dict.fromkeys(
            row[0] for row in objects(url)["functions"]
        )


WORDS = {
    State.MISSING: ("DROP FUNCTION inventory.refresh_stock_metrics()", None),
    State.ALTERED: (
        "CREATE OR REPLACE FUNCTION inventory.refresh_stock_metrics() RETURNS void LANGUAGE sql AS 'SELECT'",
        None,
    ),
    State.OUTDATED: (
        """CREATE OR REPLACE FUNCTION inventory.refresh_stock_metrics()
        RETURNS void
        LANGUAGE sql
        AS $function$ REFRESH MATERIALIZED VIEW inventory.stock_metrics_view $function$""",
        "80_refresh_stock_metrics",
    ),
    State.ORPHANED: (
        """CREATE OR REPLACE FUNCTION inventory.former_refresh()
        RETURNS void
        LANGUAGE sql
        AS $function$ SELECT $function$""",
        "80_refresh_stock_metrics",
    ),
}


@pytest.mark.parametrize("state", State)
def test_each_of_the_four_is_told_by_its_word(
    databases_of_each_version: Databases, state: State
) -> None:
    """By `deploy --check`, by the monitor, which is red or yellow, and by the deployment."""
    url = databases_of_each_version.deployed("busy")
    statement, step = WORDS[state]
    with connect(url) as connection:
        if step:
            name = make_as_an_older_version(connection, step, statement)
        else:
            name = "function inventory.refresh_stock_metrics"
            execute_statement(connection, statement)

        (foreseen,) = (one for one in foresee(connection) if one.applied)
        monitor = next(
            one for one in MONITORS if one.name == "stock_metrics_view_schema_as_deployed"
        )
        result = monitor.result(connection)

    expected = {
        State.MISSING: Action.MEND,
        State.ALTERED: Action.MEND,
        State.OUTDATED: Action.UPDATE,
        State.ORPHANED: Action.REMOVE,
    }[state]
    assert foreseen.action is expected
    assert foreseen.foreseen.endswith(f": {expected} ({state}: {name})")
    assert not result.passed
    by_hand = state in {State.MISSING, State.ALTERED}
    assert result.severity.value == ("ERROR" if by_hand else "WARN")
    assert f"For instance: {state}: {name}." in str(result.description)
    (outcome,) = (one for one in run_deployment(url) if one.applied)
    assert outcome.names(state) == [name]
    assert str(outcome).endswith(f" ({state}: {name})")


DOINGS: dict[str, Callable[[Deployer], object]] = {
    "deploy": deploy,
    "metrics": lambda deployer: switch(deployer, Mode.INCREMENTAL),
    "revert": revert,
    "drop-legacy": lambda deployer: deployer.execute(LEGACY_RETIREMENT.file),
}


@pytest.mark.parametrize("do", DOINGS.values(), ids=DOINGS)
def test_code_that_is_older_than_the_database_changes_nothing(
    databases: Databases, do: Callable[[Deployer], object]
) -> None:
    url = databases.deployed("busy")
    with connect(url) as connection:
        execute_statement(
            connection,
            "UPDATE inventory_ops.ledger SET version = '10.0.0', reverted_at = NULL WHERE id = 3",
        )
    before = physical(url)

    refused = pytest.raises(
        NewerDatabaseError,
        match=rf"deployed by version 10\.0\.0, and this is version {ledger.VERSION}, which would",
    )
    with refused, Deployer(create_database_engine(url), ignore) as deployer:
        do(deployer)

    assert physical(url) == before
    with connect(url) as connection:
        execute_statement(connection, "SELECT inventory.refresh_stock_metrics()")
        assert all(answer.passed for _, answer in ask_all(connection, VALIDATIONS))
        assert failing(connection) == {
            "stock_schema_as_deployed",
            "stock_metrics_view_schema_as_deployed",
        }


def test_version_that_only_began_a_step_counts_and_is_compared_by_numbers(
    databases: Databases,
) -> None:
    url = databases.deployed("busy")
    with connect(url) as connection:
        assert ledger.newest_version(connection) == ledger.VERSION
        for version in ("0.1.9", "0.1.10"):
            ledger.start(connection, "some_step", checksum="")
            connection.execute(
                text("UPDATE inventory_ops.ledger SET version = :v WHERE step = 'some_step'"),
                {"v": version},
            )
        assert ledger.newer_version(connection) is None
        execute_statement(
            connection,
            "UPDATE inventory_ops.ledger SET version = '0.10.0' WHERE step = 'some_step'",
        )
        assert ledger.newer_version(connection) == "0.10.0"


def test_outcome_says_in_one_line_what_is_to_be_done() -> None:
    assert Outcome("10_x", Action.APPLY).foreseen == "10_x: apply"
    assert str(Outcome("10_x", Action.NOTHING)) == "10_x: nothing to do"
