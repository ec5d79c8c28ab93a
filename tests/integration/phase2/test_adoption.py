"""A database that holds Phase 2 already, made by hand: each state ends in what our deployment makes."""

from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from soleflip_assets.checks.question import ask_all
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.definitions import defs
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.changes import Action
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DATABASE_URL, HOME, Sample
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.metrics.mode import Mode, current_mode, switch
from soleflip_assets.phase2.adoption import state_of
from soleflip_assets.phase2.preflight import Finding, run_preflight
from soleflip_assets.phase2.revert import revert
from soleflip_assets.phase2.steps import deploy, deploy_backup
from soleflip_assets.sample.sample import create_legacy_schema, fill
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import ignore, run_deployment
from tests.integration.phase2.shop import open_shop
from tests.integration.phase2.state import State, logical
from tests.integration.phase2.test_crashes import dies_around_a_record

BY_HAND = SqlFile("sample/20_applied_by_hand.sql").statements
STATES: list[Sample] = ["applied", "legacy_dropped", "backups_dropped"]
# From here on the script's data are in the new columns.
COLUMNS_THERE, DATA_THERE = 6, 10
FIRST = "(SELECT id FROM inventory.stock WHERE quantity > 2 ORDER BY id LIMIT 1)"

# As the application writes it today: into stock alone.
RESERVES = (
    """UPDATE inventory.stock SET reserved_quantity = coalesce(reserved_quantity, 0) + 1
       WHERE id = :id AND quantity - coalesce(reserved_quantity, 0) >= 1""",
    """UPDATE inventory.stock SET reserved_quantity = reserved_quantity - 1
       WHERE id = :id AND reserved_quantity > 0""",
    """UPDATE inventory.stock SET listed_on_platforms = coalesce(listed_on_platforms, '[]')
         || jsonb_build_array(CAST(:n AS integer)) WHERE id = :id""",
)


def apply_by_hand(url: URL, statements: int = len(BY_HAND)) -> None:
    with create_database_engine(url).begin() as connection:
        for statement in BY_HAND[:statements]:
            execute_statement(connection, statement)


def require_valid(url: URL) -> None:
    with connect(url) as connection:
        wrong = {
            question.name: answer.observed
            for question, answer in ask_all(connection, VALIDATIONS)
            if not answer.passed
        }
    assert wrong == {}


def stopping(connection: Connection, prefer: str | None = None) -> dict[str, Finding]:
    found = run_preflight(connection, Path(), prefer)
    return {finding.question.name: finding for finding in found.stopping}


def comparable(state: State) -> State:
    """Without what the two ways differ in by nature: what was found, and what only one of them wrote."""
    steps = [row for row in state["steps done"] if row[0] not in {"adoption", "preference"}]
    # What the synchronisation adds has an id and a time of its own.
    legacy = {f"inventory.stock_{name}" for name in ("lifecycle", "metrics")}
    return {name: rows for name, rows in state.items() if name not in legacy} | {
        "steps done": steps
    }


@pytest.fixture(scope="module")
def before(databases: Databases) -> URL:
    """A small busy shop before Phase 2; one lifecycle row each, since the script takes any of several."""
    return small_shop(databases)


def small_shop(databases: Databases) -> URL:
    url = databases.empty()
    with create_database_engine(url).begin() as connection:
        create_legacy_schema(connection)
        fill(connection, "busy", rows=80)
        execute_statement(
            connection,
            "DELETE FROM inventory.stock_lifecycle AS older USING inventory.stock_lifecycle AS newer "
            "WHERE newer.stock_id = older.stock_id AND newer.updated_at > older.updated_at",
        )
    return url


@pytest.fixture(scope="module")
def fresh(databases: Databases, before: URL) -> State:
    """What a deployment of ours ends in."""
    url = databases.copy(before)
    run_deployment(url)
    return comparable(logical(url))


@pytest.mark.parametrize("statements", range(1, len(BY_HAND) + 1))
def test_every_prefix_of_the_script_ends_in_ours(
    databases: Databases, before: URL, fresh: State, statements: int
) -> None:
    """Object by object and row by row. Between the columns and their data the sides contradict each other."""
    url = databases.copy(before)
    apply_by_hand(url, statements)
    unfilled = COLUMNS_THERE <= statements < DATA_THERE
    with connect(url) as connection:
        assert state_of(connection).startswith(
            "applied by hand" if statements >= 4 else "before Phase 2, with objects"
        )
        assert set(stopping(connection)) == ({"sides_agree"} if unfilled else set())
        assert stopping(connection, "legacy") == {}

    with Deployer(create_database_engine(url), ignore) as deployer:
        outcomes = deploy(deployer, "legacy" if unfilled else None)

    assert any(outcome.action is Action.ADOPT for outcome in outcomes)
    assert comparable(logical(url)) == fresh


@pytest.mark.parametrize("sample", STATES)
def test_state_is_adopted_under_traffic(databases: Databases, sample: Sample) -> None:
    """Nothing that was written is lost, all validations pass, and there is nothing to do a second time."""
    url = databases.legacy(sample)
    with connect(url) as connection:
        assert stopping(connection) == {}
        found = state_of(connection)
    with open_shop(url, [RESERVES]) as traffic:
        run_deployment(url)
    require_valid(url)
    with connect(url) as connection:
        assert state_of(connection) == f"deployed by this project; before that {found}"
        retired = ledger.retired(connection, "drop_legacy_tables")
        assert (retired is None) == (sample == "applied")
        assert retired is None or "were found dropped" in ledger.told_retired(retired)
    assert traffic.committed > 0
    assert not any(outcome.applied for outcome in run_deployment(url))


def live(connection: Connection) -> list[tuple[object, ...]]:
    rows = connection.execute(
        text(
            "SELECT id, reserved_quantity, listed_on_platforms, status_history, shelf_life_days "
            "FROM inventory.stock ORDER BY id"
        )
    )
    return [tuple(row) for row in rows]


def test_nothing_live_is_changed(databases: Databases) -> None:
    url = databases.legacy("applied")
    with connect(url) as connection:
        before = live(connection)
    run_deployment(url)
    with connect(url) as connection:
        assert live(connection) == before


CONTRADICTIONS = {
    "reserved_quantity": "UPDATE inventory.stock SET reserved_quantity = 0 WHERE id = {first};"
    "UPDATE inventory.stock_metrics SET reserved_quantity = 2 WHERE stock_id = {first}",
    "listed_on_platforms": "UPDATE inventory.stock SET listed_on_platforms = '[1]' WHERE id = {first};"
    "UPDATE inventory.stock_lifecycle SET listed_on_platforms = '[2]' WHERE stock_id = {first}",
    "status_history": "UPDATE inventory.stock SET status_history = '[1]' WHERE id = {first};"
    "UPDATE inventory.stock_lifecycle SET status_history = '[2]' WHERE stock_id = {first}",
}


def execute(url: URL, statements: str) -> None:
    with create_database_engine(url).begin() as connection:
        for statement in statements.format(first=FIRST).split(";"):
            execute_statement(connection, statement)


@pytest.mark.parametrize("prefer", ["stock", "legacy"])
def test_contradictions_stop_until_told_and_then_one_side_counts(
    databases: Databases, before: URL, prefer: str
) -> None:
    """In every fact at once; both sides say the same after."""
    url = databases.copy(before)
    apply_by_hand(url)
    for statements in CONTRADICTIONS.values():
        execute(url, statements)
    with connect(url) as connection:
        (finding,) = stopping(connection).values()
        assert finding.question.name == "sides_agree"
        assert all(fact in str(finding) for fact in CONTRADICTIONS)
        assert stopping(connection, prefer) == {}

    with Deployer(create_database_engine(url), ignore) as deployer:
        deploy(deployer, prefer)

    require_valid(url)
    with connect(url) as connection:
        row = connection.exec_driver_sql(
            "SELECT reserved_quantity, listed_on_platforms, status_history "
            f"FROM inventory.stock WHERE id = {FIRST}"
        ).one()
    assert tuple(row) == ((0, [1], [1]) if prefer == "stock" else (2, [2], [2]))


@pytest.mark.parametrize("unknown", ["stock", "legacy"])
def test_what_one_side_does_not_know_is_no_contradiction(
    databases: Databases, before: URL, unknown: str
) -> None:
    """NULL, or a row that is not there: the other one counts."""
    url = databases.copy(before)
    apply_by_hand(url)
    execute(url, "; ".join(CONTRADICTIONS.values()))
    if unknown == "stock":
        execute(
            url,
            "UPDATE inventory.stock SET reserved_quantity = NULL, listed_on_platforms = NULL, "
            "status_history = NULL WHERE id = {first}",
        )
    else:
        execute(
            url,
            "DELETE FROM inventory.stock_metrics WHERE stock_id = {first};"
            "DELETE FROM inventory.stock_lifecycle WHERE stock_id = {first}",
        )
    with connect(url) as connection:
        assert stopping(connection) == {}

    run_deployment(url)

    require_valid(url)
    with connect(url) as connection:
        row = connection.exec_driver_sql(
            "SELECT reserved_quantity, listed_on_platforms, status_history "
            f"FROM inventory.stock WHERE id = {FIRST}"
        ).one()
    assert tuple(row) == ((2, [2], [2]) if unknown == "stock" else (0, [1], [1]))


def test_backups_that_cannot_be_adopted_are_moved_and_told(
    databases: Databases, before: URL
) -> None:
    url = databases.copy(before)
    apply_by_hand(url)
    execute(
        url,
        "ALTER TABLE inventory.stock_financial_backup DROP COLUMN roi;"
        "INSERT INTO inventory.stock_metrics_backup SELECT * FROM inventory.stock_metrics_backup LIMIT 1",
    )
    with connect(url) as connection:
        (finding,) = (
            one
            for one in run_preflight(connection, Path()).findings
            if one.question.name == "backups_unobstructed"
        )
        assert "its columns are not those of stock_financial" in str(finding)
        assert "id is there twice, or is NULL" in str(finding)
    told: list[str] = []

    run_deployment(url, told.append)

    require_valid(url)
    assert any("inventory_ops.stock_financial_backup_by_hand" in line for line in told)
    with connect(url) as connection:
        doubled = connection.exec_driver_sql(
            "SELECT count(*) - count(DISTINCT id) FROM inventory_ops.stock_metrics_backup_by_hand"
        )
        assert doubled.scalar_one() == 1


def test_tables_that_an_unfinished_drop_left_are_set_aside(databases: Databases) -> None:
    """Of the legacy tables and of the backups: all three or none."""
    url = databases.legacy("applied")
    execute(
        url,
        "DROP TABLE inventory.stock_financial CASCADE; DROP TABLE inventory.stock_metrics_backup",
    )
    with connect(url) as connection:
        assert stopping(connection) == {}

    run_deployment(url)

    require_valid(url)
    with connect(url) as connection:
        names = connection.exec_driver_sql(
            "SELECT relname FROM pg_class WHERE relnamespace = 'inventory_ops'::regnamespace "
            "AND relkind = 'r' AND relname ~ '_(left_over|by_hand)$' ORDER BY relname"
        )
        assert [*names.scalars()] == [
            "stock_financial_backup_by_hand",
            "stock_lifecycle_backup_by_hand",
            "stock_lifecycle_left_over",
            "stock_metrics_left_over",
        ]


def test_revert_makes_the_legacy_tables_again(databases: Databases) -> None:
    url = databases.legacy("legacy_dropped")
    run_deployment(url)
    with connect(url) as connection:
        held = {str(row[0]): row[1] for row in live(connection) if row[1]}
    with Deployer(create_database_engine(url), ignore) as deployer:
        with pytest.raises(DeploymentError, match=r"were found dropped.*--remake-legacy"):
            revert(deployer)
        assert revert(deployer, remake_legacy=True)

    with connect(url) as connection:
        assert state_of(connection) == "before Phase 2"
        rows = connection.exec_driver_sql(
            "SELECT stock_id::text, reserved_quantity FROM inventory.stock_metrics "
            "WHERE reserved_quantity <> 0"
        )
        assert dict(tuple(row) for row in rows) == held
        assert stopping(connection) == {}
    run_deployment(url)
    require_valid(url)


def test_legacy_tables_that_cannot_refer_to_stock_are_refused_with_the_way_on(
    databases: Databases,
) -> None:
    """A foreign key cannot refer to a deferrable primary key; with a unique index beside it, it can."""
    url = databases.legacy("legacy_dropped")
    run_deployment(url)
    with connect(url) as connection:
        name = connection.exec_driver_sql(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'inventory.stock'::regclass AND contype = 'p'"
        ).scalar_one()
        connection.exec_driver_sql(
            f"ALTER TABLE inventory.stock DROP CONSTRAINT {name} CASCADE, ADD PRIMARY KEY (id) DEFERRABLE"
        )
    with Deployer(create_database_engine(url), ignore) as deployer:
        with pytest.raises(DeploymentError, match="stock is deferrable") as refusal:
            revert(deployer, remake_legacy=True)
        deployer.connection.exec_driver_sql(str(refusal.value).split("`")[1])
        assert revert(deployer, remake_legacy=True)


def test_nothing_of_ours_is_adopted(before: URL, databases: Databases) -> None:
    """Of a deployment onto the state before the ledger has no adoption, however often it was ended."""
    url = databases.copy(before)
    for backup in ("stock_financial_backup", "stock_lifecycle_backup"):
        with Deployer(create_database_engine(url), ignore) as deployer:
            deploy_backup(deployer, backup)
    run_deployment(url)

    with connect(url) as connection:
        assert ledger.ADOPTION not in ledger.entries(connection)
        assert state_of(connection) == "deployed by this project"


@pytest.mark.parametrize("sample", ["applied", "backups_dropped"])
def test_adoption_on_the_oldest_server(databases_15: Databases, sample: Sample) -> None:
    url = databases_15.legacy(sample)
    run_deployment(url)
    require_valid(url)


def test_bare_backups_become_what_a_deployment_makes_on_the_oldest_server(
    databases_15: Databases,
) -> None:
    shop = small_shop(databases_15)
    by_hand, fresh = databases_15.copy(shop), databases_15.copy(shop)
    apply_by_hand(by_hand)

    for url in (by_hand, fresh):
        run_deployment(url)

    assert comparable(logical(by_hand)) == comparable(logical(fresh))


def test_deployment_that_dies_goes_on_from_what_was_found(
    databases: Databases, before: URL, fresh: State
) -> None:
    """Around the record of each step; the 0 of a column that was there stays live all along."""
    url = databases.copy(before)
    apply_by_hand(url)
    crashes = 0
    while dies_around_a_record(url, 3, ("before", "after")[crashes % 2]):
        crashes += 1

    assert crashes >= 5
    assert comparable(logical(url)) == fresh


def test_view_that_was_dropped_by_hand_is_no_obstacle(databases: Databases) -> None:
    """In incremental mode, to a switch back and to a revert."""
    for take_back in (lambda deployer: switch(deployer, Mode.MATERIALIZED), revert):
        url = databases.deployed("production", Mode.INCREMENTAL)
        execute(url, "DROP VIEW inventory.stock_metrics_view")
        with Deployer(create_database_engine(url), ignore) as deployer:
            assert take_back(deployer)
            assert current_mode(deployer.connection) is Mode.MATERIALIZED


DAGSTERS_OWN_WARNING = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")


@DAGSTERS_OWN_WARNING
@pytest.mark.parametrize("shop", ["empty", "backups_dropped"])
def test_job_deploys_and_reports(
    databases: Databases,
    before: URL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shop: str,
) -> None:
    """A shop without a stock row, and one without a single table to back up."""
    if shop == "empty":
        url = databases.copy(before)
        execute(url, "TRUNCATE inventory.stock CASCADE")
    else:
        url = databases.legacy("backups_dropped")
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv(DATABASE_URL, plain)
    monkeypatch.setenv(HOME, str(tmp_path))

    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("deploy_phase2").execute_in_process(
            instance=instance,
            run_config={"resources": {"preference": {"config": {"prefer": "stock"}}}},
        )

    assert done.success
    (report,) = (tmp_path / "reports").iterdir()
    text_of_report = report.read_text(encoding="utf-8")
    assert ("## Adopted" in text_of_report) == (shop == "backups_dropped")
    assert ("they were found dropped on" in text_of_report) == (shop == "backups_dropped")
