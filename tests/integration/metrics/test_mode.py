"""Switching the view from one mode to another, and everything that goes on unchanged in each."""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from uuid import UUID

import dagster as dg
import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.validations import VALIDATIONS, validation_spec, validations_of
from soleflip_assets.commands.status import advice_on_mode
from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.database import query_one
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW
from soleflip_assets.metrics.mode import Mode, current_mode, switch
from soleflip_assets.monitoring.jobs import MONITORS
from soleflip_assets.phase2.preflight import run_preflight
from soleflip_assets.phase2.report import write_report
from soleflip_assets.phase2.revert import revert
from soleflip_assets.phase2.steps import deploy
from tests.conftest import REFRESHED, Databases, connect
from tests.integration.metrics.conftest import switch_to
from tests.integration.metrics.reading import (
    an_item,
    differences,
    queued,
    refresh,
    set_quantity,
    shown,
)
from tests.integration.phase2.deployment import await_row
from tests.integration.phase2.state import logical, physical

OTHER = {Mode.MATERIALIZED: Mode.INCREMENTAL, Mode.INCREMENTAL: Mode.MATERIALIZED}
# From the first, each mode from each other one.
MATERIALIZED, INCREMENTAL, LIVE = Mode
WALK = (INCREMENTAL, LIVE, MATERIALIZED, LIVE, INCREMENTAL, MATERIALIZED)
SWITCHES = (
    (INCREMENTAL, MATERIALIZED),
    (MATERIALIZED, INCREMENTAL),
    (INCREMENTAL, LIVE),
    (LIVE, MATERIALIZED),
)
BYPASS = "SET session_replication_role = replica"


def run_deployment(url: URL) -> list[str]:
    """The steps that a deployment applies."""
    with Deployer(create_database_engine(url), log=lambda _: None) as deployer:
        return [str(outcome) for outcome in deploy(deployer) if outcome.applied]


def mode_of(url: URL) -> Mode:
    with connect(url) as connection:
        return current_mode(connection)


def failing(connection: Connection) -> set[str]:
    """The validations and monitors that fail."""
    validations = {v.name for v in VALIDATIONS if not v.ask(connection).passed}
    return validations | {m.name for m in MONITORS if not m.look(connection).passed}


def drifted(connection: Connection) -> bool:
    (monitor,) = (m for m in MONITORS if m.name == "stock_metrics_view_schema_as_deployed")
    return not monitor.look(connection).passed


def failing_of_view(connection: Connection) -> set[str]:
    """The validations of the view that fail."""
    return {
        v.name for v in validations_of(key_of(STOCK_METRICS_VIEW)) if not v.ask(connection).passed
    }


def columns(connection: Connection) -> list[tuple[str, str]]:
    statement = text("""
        SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = 'inventory.stock_metrics_view'::regclass AND attnum > 0 ORDER BY attnum
    """)
    return [(row[0], row[1]) for row in connection.execute(statement)]


@contextmanager
def writing(url: URL, ids: list[UUID]) -> Iterator[Event]:
    """Writers and a reader beside the block; the event says that they are at it.

    None of them may fail, and the reader finds nine columns and all rows at any time.
    """
    busy, stop = Event(), Event()

    def write() -> None:
        with connect(url) as connection:
            for number in range(1_000_000):
                if stop.is_set():
                    return
                set_quantity(connection, ids[number % len(ids)], 50 + number % 50)
                busy.set()

    def read() -> None:
        # psycopg prepares it after five times: the plan outlives the view that it was made for.
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as reader:
            while not stop.is_set():
                statement = "SELECT count(*), count(total_cost) FROM inventory.stock_metrics_view"
                assert reader.execute(statement).fetchone() is not None

    with ThreadPoolExecutor() as pool:
        threads: list[Future[None]] = [pool.submit(write), pool.submit(read)]
        try:
            assert busy.wait(10)
            yield busy
        finally:
            stop.set()
        for thread in threads:
            thread.result()


def whole(connection: Connection) -> bool:
    """Whether all of the mode is there and nothing of another one."""
    (monitor,) = (m for m in MONITORS if m.name == "mode_is_whole")
    return monitor.look(connection).passed


def test_switches_from_each_to_each_and_leaves_nothing_behind(
    databases_of_each_version: Databases,
) -> None:
    url = databases_of_each_version.deployed("busy")
    before = logical(url)
    with connect(url) as connection:
        contract = columns(connection)

    assert len(contract) == len(STOCK_METRICS_VIEW.columns) == 9
    for number, mode in enumerate(WALK):
        assert switch_to(url, mode)
        assert not switch_to(url, mode)
        with connect(url) as connection:
            assert current_mode(connection) is mode
            assert columns(connection) == contract
            assert differences(connection) == []
            # Once in each mode: all checks take a second. Of the first mode, each other test says it.
            assert number > 1 or failing(connection) == set()
            with pytest.raises(DBAPIError, match=r"cannot (update|change|lock rows in) "):
                connection.execute(
                    text("UPDATE inventory.stock_metrics_view SET total_quantity = 0")
                )

    after = logical(url)
    assert after.pop("steps done") != before.pop("steps done")
    assert after == before


@pytest.mark.parametrize("mode", Mode)
def test_deployment_changes_nothing_in_any_mode(deployed: URL, mode: Mode) -> None:
    switch_to(deployed, Mode.INCREMENTAL)
    switch_to(deployed, mode)
    before = physical(deployed)

    assert run_deployment(deployed) == []

    assert physical(deployed) == before
    assert mode_of(deployed) is mode


def test_switches_under_writers_lose_nothing_and_readers_go_on(deployed: URL) -> None:
    with connect(deployed) as connection:
        ids = list(connection.execute(text("SELECT id FROM inventory.stock LIMIT 40")).scalars())
        for mode in WALK:
            with writing(deployed, ids):
                assert switch_to(deployed, mode)
            refresh(connection)

            assert differences(connection) == [], mode
        assert failing(connection) == set()


_PRIVILEGES = text("""
    SELECT has_table_privilege('clerk', 'inventory.stock_metrics_view', 'SELECT WITH GRANT OPTION'),
      has_table_privilege('auditor', 'inventory.stock_metrics_view', 'SELECT'),
      has_column_privilege('auditor', 'inventory.stock_metrics_view', 'stock_id', 'SELECT')
""")


@contextmanager
def readers_of_the_view(connection: Connection) -> Iterator[None]:
    """Two who may read it, one of them a column only."""
    for role, grant in {
        "clerk": "GRANT SELECT ON inventory.stock_metrics_view TO clerk WITH GRANT OPTION",
        "auditor": "GRANT SELECT (stock_id) ON inventory.stock_metrics_view TO auditor",
    }.items():
        connection.execute(text(f"DROP ROLE IF EXISTS {role}"))
        connection.execute(text(f"CREATE ROLE {role}"))
        connection.execute(text(grant))
    yield
    for role in ("clerk", "auditor"):
        connection.execute(text(f"DROP OWNED BY {role}"))


def test_privileges_stay(deployed: URL) -> None:
    with connect(deployed) as connection, readers_of_the_view(connection):
        for mode in WALK:
            switch_to(deployed, mode)

            assert tuple(connection.execute(_PRIVILEGES).one()) == (True, False, True), mode


@pytest.mark.parametrize("mode", Mode)
def test_privileges_stay_where_a_view_is_mended(deployed: URL, mode: Mode) -> None:
    """Of a column that only the view made by hand had, none can stay."""
    switch_to(deployed, mode)
    kind = "MATERIALIZED VIEW" if mode is Mode.MATERIALIZED else "VIEW"
    by_hand = f"""
        CREATE TABLE inventory_ops.kept AS TABLE inventory.stock_metrics_view;
        DROP {kind} inventory.stock_metrics_view;
        CREATE {kind} inventory.stock_metrics_view AS SELECT *, 1 AS mine FROM inventory_ops.kept;
    """
    with connect(deployed) as connection:
        connection.exec_driver_sql(by_hand)
        with readers_of_the_view(connection):
            connection.execute(text("GRANT SELECT (mine) ON inventory.stock_metrics_view TO clerk"))
            assert run_deployment(deployed)

            assert tuple(connection.execute(_PRIVILEGES).one()) == (True, False, True)
            assert "mine" not in dict(columns(connection))


# What a shop has built on the view: views on each other and on a materialized one, with all they can have.
DASHBOARD = """
    CREATE SCHEMA dashboard;
    CREATE ROLE painter;
    GRANT ALL ON SCHEMA dashboard TO painter;
    GRANT SELECT ON inventory.stock_metrics_view TO painter;
    CREATE VIEW dashboard.available WITH (security_barrier) AS
      SELECT stock_id, available_quantity, 'a "b" inventory.stock_metrics_view'::text COLLATE "C" AS label
      FROM inventory.stock_metrics_view;
    COMMENT ON VIEW dashboard.available IS 'what is left';
    COMMENT ON COLUMN dashboard.available.stock_id IS 'whose';
    ALTER VIEW dashboard.available OWNER TO painter;
    GRANT SELECT ON dashboard.available TO PUBLIC;
    GRANT SELECT (stock_id) ON dashboard.available TO onlooker WITH GRANT OPTION;
    CREATE VIEW dashboard.total WITH (security_invoker) AS
      SELECT sum(available_quantity) FROM dashboard.available;
    CREATE VIEW dashboard.counted AS SELECT count(*) FROM inventory.stock_metrics_view;
    CREATE VIEW dashboard.empty AS SELECT FROM inventory.stock_metrics_view;
    CREATE MATERIALIZED VIEW dashboard.costs WITH (fillfactor = 70, autovacuum_enabled = false) AS
      SELECT stock_id, total_cost, total_quantity FROM inventory.stock_metrics_view WHERE total_cost > 0;
    CREATE UNIQUE INDEX "costs by ID" ON dashboard.costs (stock_id);
    CREATE INDEX costs_high ON dashboard.costs ((total_cost * 2)) WITH (fillfactor = 60)
      WHERE total_cost > 100;
    COMMENT ON INDEX dashboard.costs_high IS 'dear';
    ALTER MATERIALIZED VIEW dashboard.costs CLUSTER ON "costs by ID";
    CREATE STATISTICS dashboard.both ON total_cost, total_quantity FROM dashboard.costs;
    COMMENT ON STATISTICS dashboard.both IS 'go together';
    ALTER MATERIALIZED VIEW dashboard.costs ALTER COLUMN total_cost SET STATISTICS 500;
    ALTER MATERIALIZED VIEW dashboard.costs ALTER COLUMN total_cost SET (n_distinct = -0.5);
    COMMENT ON MATERIALIZED VIEW dashboard.costs IS 'what it cost';
    COMMENT ON COLUMN dashboard.costs.total_cost IS 'euros';
    ALTER MATERIALIZED VIEW dashboard.costs OWNER TO painter;
    GRANT SELECT ON dashboard.costs TO onlooker;
    CREATE MATERIALIZED VIEW dashboard.not_yet AS SELECT stock_id FROM dashboard.costs WITH NO DATA;
    CREATE VIEW dashboard.mixed AS
      SELECT total.sum, costs.total_cost FROM dashboard.total CROSS JOIN dashboard.costs;
    CREATE FUNCTION dashboard.ignore() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER ignored INSTEAD OF INSERT ON dashboard.mixed
      FOR EACH ROW EXECUTE FUNCTION dashboard.ignore();
    ALTER DEFAULT PRIVILEGES IN SCHEMA dashboard GRANT SELECT ON TABLES TO PUBLIC;
"""

_DASHBOARD_IS = """
    SELECT c.relname, c.relkind, c.relispopulated, pg_get_userbyid(c.relowner),
      coalesce(c.relacl, acldefault('r', c.relowner))::text,
      c.reloptions, obj_description(c.oid, 'pg_class'), pg_get_viewdef(c.oid), c.reltuples >= -1,
      ARRAY(SELECT pg_get_indexdef(i.indexrelid) || i.indisclustered
              || coalesce(obj_description(i.indexrelid), '')
            FROM pg_index i WHERE i.indrelid = c.oid ORDER BY 1),
      ARRAY(SELECT (a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation, a.attacl,
                    nullif(a.attstattarget, -1),
                    (SELECT array_agg(o) FROM unnest(a.attoptions) o WHERE starts_with(o, 'n_dist')),
                    col_description(c.oid, a.attnum))::text
            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum),
      ARRAY(SELECT pg_get_statisticsobjdef(s.oid) || obj_description(s.oid, 'pg_statistic_ext')
            FROM pg_statistic_ext s WHERE s.stxrelid = c.oid ORDER BY 1),
      ARRAY(SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = c.oid)
    FROM pg_class c
    WHERE c.relnamespace = 'dashboard'::regnamespace AND c.relkind IN ('v', 'm') ORDER BY 1
"""


def dashboard(connection: Connection) -> list[tuple[object, ...]]:
    """All that can be known of it, and what it shows."""
    names = ("available", "total", "counted", "costs", "mixed")
    shown = [
        tuple(
            connection.exec_driver_sql(
                f"SELECT '{name}', count(*), min(hashtext(t::text)) FROM dashboard.{name} AS t"
            ).one()
        )
        for name in names
    ]
    return [*(tuple(row) for row in connection.exec_driver_sql(_DASHBOARD_IS)), *shown]


@contextmanager
def dashboard_of(connection: Connection) -> Iterator[None]:
    """A dashboard, which two roles of the whole server belong to."""
    connection.exec_driver_sql("CREATE ROLE onlooker")
    try:
        connection.exec_driver_sql(DASHBOARD)
        yield
    finally:
        connection.exec_driver_sql(
            "DROP OWNED BY painter, onlooker CASCADE; DROP ROLE painter, onlooker"
        )


def test_dashboard_is_carried_along(databases_of_each_version: Databases) -> None:
    """O3: each of its views is as it was, with owner, privileges, options, comments, indexes, triggers."""
    url = databases_of_each_version.deployed("busy")
    with connect(url) as connection, dashboard_of(connection):
        before = dashboard(connection)
        for number, mode in enumerate(WALK):
            switch_to(url, mode)

            assert current_mode(connection) is mode
            assert dashboard(connection) == before, mode
            set_quantity(connection, an_item(connection), 71_000 + number)
            refresh(connection)
            connection.exec_driver_sql("REFRESH MATERIALIZED VIEW dashboard.costs")
            changed = dashboard(connection)
            assert changed != before, "it reads the view that is there now"
            before = changed


@pytest.mark.parametrize("mode", Mode)
def test_dashboard_is_carried_along_where_a_deployment_mends_the_view(
    deployed: URL, mode: Mode
) -> None:
    switch_to(deployed, mode)
    kind = "MATERIALIZED VIEW" if mode is Mode.MATERIALIZED else "VIEW"
    with connect(deployed) as connection:
        connection.exec_driver_sql(f"""
            CREATE TABLE inventory_ops.kept AS TABLE inventory.stock_metrics_view;
            DROP {kind} inventory.stock_metrics_view;
            CREATE {kind} inventory.stock_metrics_view AS SELECT * FROM inventory_ops.kept;
        """)
        with dashboard_of(connection):
            before = dashboard(connection)

            assert run_deployment(deployed)

            assert dashboard(connection) == before
            assert current_mode(connection) is mode


@pytest.mark.parametrize(("kept", "mode"), SWITCHES)
def test_switch_that_fails_leaves_the_dashboard(deployed: URL, kept: Mode, mode: Mode) -> None:
    """Its materialized view divides by zero when it is made again: nothing has changed then."""
    switch_to(deployed, kept)
    with connect(deployed) as connection, dashboard_of(connection):
        connection.exec_driver_sql("""
            CREATE TABLE dashboard.divisor AS SELECT 1 AS by;
            CREATE MATERIALIZED VIEW dashboard.share AS
            SELECT 1 / (SELECT by FROM dashboard.divisor) AS share FROM inventory.stock_metrics_view;
            UPDATE dashboard.divisor SET by = 0;
        """)
        before = dashboard(connection)

        with pytest.raises(DBAPIError, match="division by zero"):
            switch_to(deployed, mode)

        assert dashboard(connection) == before
        assert current_mode(connection) is kept
        assert whole(connection)


LOST = {
    "index": ("CREATE INDEX mine ON {what} (total_cost)", "INDEX mine ON"),
    "options of an index": (
        "ALTER INDEX {schema}.idx_stock_metrics_view_available SET (fillfactor = 50)",
        "options of index idx_stock_metrics_view_available: fillfactor=50",
    ),
    "options": ("ALTER {kind} {what} SET (autovacuum_enabled = off)", "autovacuum_enabled=off"),
    "statistics": (
        "CREATE STATISTICS mine ON total_cost, total_quantity FROM {what}",
        "CREATE STATISTICS public.mine",
    ),
    "settings of a column": (
        "ALTER {kind} {what} ALTER total_cost SET STATISTICS 300",
        "settings of column total_cost",
    ),
    "function that uses it": (
        """CREATE FUNCTION mine() RETURNS bigint
        BEGIN ATOMIC SELECT count(*) FROM inventory.stock_metrics_view; END""",
        "function mine",
    ),
    "column of its row type": (
        "CREATE TABLE mine (kept inventory.stock_metrics_view)",
        "table mine",
    ),
    "function that uses a view that is made again": (
        """CREATE MATERIALIZED VIEW m AS SELECT stock_id FROM inventory.stock_metrics_view;
        CREATE FUNCTION mine() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM m; END""",
        "function mine",
    ),
    "rule": (
        """CREATE TABLE mine (id uuid);
        CREATE RULE also AS ON INSERT TO mine DO ALSO SELECT * FROM inventory.stock_metrics_view""",
        "table mine",
    ),
}  # fmt: skip
_BEHIND = {
    Mode.INCREMENTAL: ("TABLE", "inventory_ops", "inventory_ops.stock_metrics_read_model"),
    Mode.MATERIALIZED: ("MATERIALIZED VIEW", "inventory", "inventory.stock_metrics_view"),
}


@pytest.mark.parametrize("mode", REFRESHED)
@pytest.mark.parametrize("lost", LOST)
def test_what_a_switch_would_lose_is_refused_with_the_list(
    deployed: URL, mode: Mode, lost: str
) -> None:
    """O1: nothing of the shop's is dropped in silence."""
    switch_to(deployed, OTHER[mode])
    statement, named = LOST[lost]
    kind, schema, what = _BEHIND[OTHER[mode]]
    with connect(deployed) as connection:
        connection.exec_driver_sql(statement.format(kind=kind, schema=schema, what=what))

        with pytest.raises(DeploymentError, match=rf"would be lost.*{re.escape(named)}"):
            switch_to(deployed, mode)

        assert current_mode(connection) is OTHER[mode]
        assert whole(connection)


def test_what_mending_would_lose_is_refused_with_the_list(deployed: URL) -> None:
    """O1: of a view that was altered by hand, before the deployment and by it; without that, it is mended."""
    added = ("index", "options", "statistics", "settings of a column", "function that uses it")
    with connect(deployed) as connection:
        connection.exec_driver_sql("""
            CREATE TABLE inventory_ops.kept AS TABLE inventory.stock_metrics_view;
            DROP MATERIALIZED VIEW inventory.stock_metrics_view;
            CREATE MATERIALIZED VIEW inventory.stock_metrics_view AS
            SELECT *, 1 AS mine FROM inventory_ops.kept;
        """)
        kind, schema, what = _BEHIND[Mode.MATERIALIZED]
        for one in added:
            connection.exec_driver_sql(LOST[one][0].format(kind=kind, schema=schema, what=what))

        with pytest.raises(DeploymentError, match="would be lost") as refused:
            run_deployment(deployed)
        (finding,) = (
            one
            for one in run_preflight(connection, Path()).findings
            if one.question.name == "view_replaceable"
        )

        for told in (str(refused.value), str(finding)):
            assert [one for one in added if LOST[one][1] not in told] == []
        assert finding.stops
        assert "mine" in dict(columns(connection))
        connection.exec_driver_sql("""
            DROP FUNCTION mine; DROP STATISTICS mine; DROP INDEX inventory.mine;
            ALTER MATERIALIZED VIEW inventory.stock_metrics_view RESET (autovacuum_enabled);
            ALTER MATERIALIZED VIEW inventory.stock_metrics_view ALTER total_cost SET STATISTICS -1;
        """)
        assert run_deployment(deployed)
        assert "mine" not in dict(columns(connection))


_ADDED_TO_A_VIEW = {
    "options": (
        "ALTER VIEW inventory.stock_metrics_view SET (security_barrier = true)",
        "security_barrier=true",
    ),
    "trigger": (
        """CREATE FUNCTION said() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER mine INSTEAD OF INSERT ON inventory.stock_metrics_view
        FOR EACH ROW EXECUTE FUNCTION said()""",
        "mine",
    ),
    "column default": (
        "ALTER VIEW inventory.stock_metrics_view ALTER total_cost SET DEFAULT 7",
        "total_cost",
    ),
    "function that uses it": LOST["function that uses it"],
    "column of its row type": LOST["column of its row type"],
    "rule": LOST["rule"],
}


@pytest.mark.parametrize("mode", [Mode.INCREMENTAL, Mode.LIVE])
@pytest.mark.parametrize("lost", _ADDED_TO_A_VIEW)
def test_what_mending_a_plain_view_would_lose_is_refused_with_the_list(
    deployed: URL, mode: Mode, lost: str
) -> None:
    """O1: the shop has added a column, for which the view has to be made again, and something else."""
    switch_to(deployed, mode)
    statement, named = _ADDED_TO_A_VIEW[lost]
    with connect(deployed) as connection:
        definition = connection.exec_driver_sql(
            "SELECT pg_get_viewdef('inventory.stock_metrics_view'::regclass)"
        ).scalar_one()
        connection.exec_driver_sql(
            "CREATE OR REPLACE VIEW inventory.stock_metrics_view AS "
            f"SELECT *, 1 AS mine FROM ({definition.rstrip(';')}) AS before"
        )
        connection.exec_driver_sql(statement)

        with pytest.raises(DeploymentError, match=rf"would be lost.*{re.escape(named)}"):
            run_deployment(deployed)
        (finding,) = (
            one
            for one in run_preflight(connection, Path()).findings
            if one.question.name == "view_replaceable"
        )

        assert finding.stops
        assert named in str(finding)
        assert "mine" in dict(columns(connection))
        assert current_mode(connection) is mode


@pytest.mark.parametrize("mode", REFRESHED)
def test_comments_of_the_shop_stay(deployed: URL, mode: Mode) -> None:
    switch_to(deployed, OTHER[mode])
    kinds = {Mode.MATERIALIZED: "MATERIALIZED VIEW", Mode.INCREMENTAL: "VIEW"}
    schemas = {Mode.MATERIALIZED: "inventory", Mode.INCREMENTAL: "inventory_ops"}
    with connect(deployed) as connection:
        connection.exec_driver_sql(f"""
            COMMENT ON {kinds[OTHER[mode]]} inventory.stock_metrics_view IS 'mine';
            COMMENT ON COLUMN inventory.stock_metrics_view.total_cost IS 'it''s in euros';
            COMMENT ON INDEX {schemas[OTHER[mode]]}.idx_stock_metrics_view_available IS 'for the till';
        """)

        switch_to(deployed, mode)

        comments = connection.exec_driver_sql(f"""
            SELECT obj_description('inventory.stock_metrics_view'::regclass),
              col_description('inventory.stock_metrics_view'::regclass, 5),
              obj_description('{schemas[mode]}.idx_stock_metrics_view_available'::regclass)
        """)
        assert tuple(comments.one()) == ("mine", "it's in euros", "for the till")


def test_what_was_revoked_stays_revoked(deployed: URL) -> None:
    """O1: whatever default privileges give to a view that is made anew."""
    with connect(deployed) as connection:
        connection.exec_driver_sql("""
            ALTER DEFAULT PRIVILEGES IN SCHEMA inventory GRANT SELECT ON TABLES TO PUBLIC;
            ALTER DEFAULT PRIVILEGES IN SCHEMA inventory_ops GRANT SELECT ON TABLES TO PUBLIC;
            REVOKE ALL ON inventory.stock_metrics_view FROM PUBLIC;
        """)
        for mode in WALK:
            switch_to(deployed, mode)

            granted = connection.exec_driver_sql("""
                SELECT count(*) FROM pg_class, aclexplode(relacl) AS privilege
                WHERE pg_class.oid = 'inventory.stock_metrics_view'::regclass AND privilege.grantee = 0
            """)
            assert granted.scalar_one() == 0, mode


def test_view_that_was_dropped_by_hand_stops_neither_a_switch_nor_a_revert(
    databases: Databases,
) -> None:
    """O2, in incremental mode."""
    for take_back in (False, True):
        url = databases.deployed("busy", Mode.INCREMENTAL)
        with connect(url) as connection:
            connection.exec_driver_sql("DROP VIEW inventory.stock_metrics_view")
        if take_back:
            with Deployer(create_database_engine(url), log=lambda _: None) as deployer:
                assert revert(deployer)
            continue
        assert switch_to(url, Mode.MATERIALIZED)
        with connect(url) as connection:
            assert failing(connection) == set()


def test_switch_without_a_deployment_says_what_to_do(databases: Databases) -> None:
    with pytest.raises(DeploymentError, match="deploy Phase 2 with `soleflip deploy`"):
        switch_to(databases.legacy("production"), Mode.INCREMENTAL)


def test_read_model_that_is_not_equal_does_not_take_the_views_place(deployed: URL) -> None:
    """A writer whose triggers are switched off gets between filling and swapping."""

    def bypass(sentence: str) -> None:
        if sentence.startswith("30_fill"):
            with connect(deployed) as connection:
                connection.execute(text(BYPASS))
                set_quantity(connection, an_item(connection), 71)

    refused = pytest.raises(DBAPIError, match="differs from what its query gives in 1 rows")
    with Deployer(create_database_engine(deployed), log=bypass) as deployer, refused:
        switch(deployer, Mode.INCREMENTAL)

    assert mode_of(deployed) is Mode.MATERIALIZED
    with connect(deployed) as connection:
        assert whole(connection)
    assert switch_to(deployed, Mode.INCREMENTAL)


def test_read_model_is_not_filled_with_what_was_queued_before_it(deployed: URL) -> None:
    """A row is changed while a trigger that announces deletions is not in force yet, and deleted then."""
    gone: list[UUID] = []

    def change_and_delete(sentence: str) -> None:
        if sentence.startswith("20_change_queue"):
            with connect(deployed) as connection:
                gone.append(an_item(connection))
                set_quantity(connection, gone[0], 71)
                assert queued(connection) == gone
                connection.execute(text(BYPASS))
                connection.execute(
                    text("DELETE FROM inventory.stock WHERE id = :id"), {"id": gone[0]}
                )

    with Deployer(create_database_engine(deployed), log=change_and_delete) as deployer:
        assert switch(deployer, Mode.INCREMENTAL)

    with connect(deployed) as connection:
        assert shown(connection, gone[0]) is None
        assert differences(connection) == []


def test_materialized_view_that_is_not_equal_does_not_take_the_views_place(
    incremental: URL, shop: Connection
) -> None:
    """A writer whose triggers are switched off gets between filling and proving."""
    waiting = """
        SELECT pid FROM pg_locks
        WHERE relation = 'inventory_ops.metrics_refresh'::regclass AND NOT granted
    """
    item = an_item(shop)
    before = logical(incremental)
    with ThreadPoolExecutor() as pool, create_database_engine(incremental).connect() as holder:
        # It stands where it records that it has filled the new view.
        holder.execute(text("LOCK TABLE inventory_ops.metrics_refresh IN SHARE MODE"))
        switching = pool.submit(switch_to, incremental, Mode.MATERIALIZED)
        await_row(shop, waiting)
        holder.execute(text(BYPASS))
        set_quantity(holder, item, 71)
        holder.commit()
        with pytest.raises(DBAPIError, match="differs from what its query gives in 1 rows"):
            switching.result()

    assert mode_of(incremental) is Mode.INCREMENTAL
    after = logical(incremental)
    assert after.pop("inventory.stock") != before.pop("inventory.stock")
    assert after == before
    assert query_one(shop, "metrics/compare.sql")["wrong"] == 1
    assert switch_to(incremental, Mode.MATERIALIZED)
    assert shown(shop, item) == 71


class DeathError(BaseException):
    """Stands for the death of the process: nothing catches it."""


@pytest.mark.parametrize(("kept", "mode"), SWITCHES)
def test_switch_that_died_is_resumed(deployed: URL, kept: Mode, mode: Mode) -> None:
    """It dies after each of its steps in turn; writers and refreshes go on meanwhile."""
    switch_to(deployed, kept)
    for step in ("10_", "20_", "30_", "40_"):

        def die(sentence: str, step: str = step) -> None:
            if sentence.startswith(step):
                raise DeathError

        with Deployer(create_database_engine(deployed), log=die) as deployer, suppress(DeathError):
            switch(deployer, mode)
        with connect(deployed) as connection:
            set_quantity(connection, an_item(connection), 71)
            refresh(connection)
            assert differences(connection) == []

    switch_to(deployed, mode)
    assert mode_of(deployed) is mode
    assert run_deployment(deployed) == []
    with connect(deployed) as connection:
        assert failing(connection) == set()


def test_deployment_cleans_up_after_a_switch_that_is_not_resumed(deployed: URL) -> None:
    before = logical(deployed)
    with connect(deployed) as connection:
        connection.execute(text("CREATE TABLE inventory_ops.stock_metrics_read_model (x int)"))

    run_deployment(deployed)

    after = logical(deployed)
    assert after.pop("steps done") != before.pop("steps done")
    assert after == before


TAMPERINGS = {
    "trigger dropped": "DROP TRIGGER soleflip_queue_update ON inventory.stock",
    "trigger disabled": "ALTER TABLE inventory.stock DISABLE TRIGGER soleflip_queue_update",
    "trigger function": """
        CREATE OR REPLACE FUNCTION inventory_ops.queue_updated_stock() RETURNS trigger
        LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'
        """,
    "view dropped": "DROP VIEW inventory.stock_metrics_view",
    "view redefined": """
        DROP VIEW inventory.stock_metrics_view;
        CREATE VIEW inventory.stock_metrics_view AS SELECT stock_id, 1 AS total_quantity
        FROM inventory_ops.stock_metrics_read_model
        """,
    "index dropped": "DROP INDEX inventory_ops.idx_stock_metrics_view_available",
    "drain": """
        CREATE OR REPLACE FUNCTION inventory_ops.drain_stock_changes(begun timestamptz) RETURNS void
        LANGUAGE plpgsql AS 'BEGIN DELETE FROM inventory_ops.stock_change; END'
        """,
}


@pytest.mark.parametrize("change", TAMPERINGS.values(), ids=TAMPERINGS)
def test_drift_is_noticed_and_a_deployment_mends_it_with_what_was_lost_meanwhile(
    incremental: URL, change: str
) -> None:
    with connect(incremental) as connection:
        connection.execute(text(change))
        set_quantity(connection, an_item(connection), 71)
        assert drifted(connection)

        run_deployment(incremental)
        refresh(connection)

        assert current_mode(connection) is Mode.INCREMENTAL
        assert differences(connection) == []
        assert failing_of_view(connection) == set()
        assert not drifted(connection)


def test_revert_and_a_deployment_after_it_begin_anew(incremental: URL) -> None:
    with Deployer(create_database_engine(incremental), log=lambda _: None) as deployer:
        assert revert(deployer)
    with connect(incremental) as connection:
        assert connection.scalar(text("SELECT to_regclass('inventory.stock_metrics_view')")) is None
        left = text("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'soleflip_queue_%'")
        assert connection.scalar(left) == 0

    run_deployment(incremental)

    assert mode_of(incremental) is Mode.MATERIALIZED


def test_time_of_the_refresh_is_read_only_where_it_is_asked_for(shop: Connection) -> None:
    lookup = "EXPLAIN SELECT total_quantity FROM inventory.stock_metrics_view WHERE available_quantity > 0"
    plan = "\n".join(shop.execute(text(lookup)).scalars())

    assert "stock_metrics_read_model" in plan
    assert "stock_metrics_refreshed" not in plan


def test_report_is_written_in_incremental_mode(shop: Connection, tmp_path: Path) -> None:
    report = write_report(shop, tmp_path, run_id="00000000").read_text(encoding="utf-8")

    assert "idx_stock_metrics_view_stock_id" in report
    assert query_one(shop, "report/view.sql")["bytes"] > 0


# What bypassed triggers leave behind, and what the comparison calls it.
BYPASSES = {
    "wrong": "UPDATE inventory.stock SET quantity = quantity + 1 WHERE id = :id",
    "phantom": "DELETE FROM inventory.stock WHERE id = :id",
    "missing": """
        INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)
        SELECT gen_random_uuid(), product_id, size_id, 1, 'in_stock' FROM inventory.stock WHERE id = :id
        """,
}


@pytest.mark.parametrize(("kind", "statement"), BYPASSES.items())
def test_bypassed_triggers_are_found_repaired_and_reported(
    incremental: URL, shop: Connection, kind: str, statement: str
) -> None:
    item = an_item(shop)
    with connect(incremental) as loader:
        loader.execute(text(BYPASS))
        loader.execute(text(statement), {"id": item})
    refresh(shop)
    assert len(differences(shop)) > 0

    found = query_one(shop, "metrics/compare.sql")

    assert {name: found[name] for name in BYPASSES} == {**dict.fromkeys(BYPASSES, 0), kind: 1}
    assert differences(shop) == []
    assert failing_of_view(shop) == set()
    assert not query_one(shop, "monitoring/triggers_not_bypassed.sql")["passed"]
    assert query_one(shop, "metrics/compare.sql")[kind] == 0
    assert query_one(shop, "monitoring/triggers_not_bypassed.sql")["passed"]


def test_rows_loaded_with_triggers_disabled_are_repaired(shop: Connection) -> None:
    """As pg_restore --disable-triggers does, which enables them afterwards."""
    for change in (
        "ALTER TABLE inventory.stock DISABLE TRIGGER ALL",
        "UPDATE inventory.stock SET quantity = quantity + 1",
        "ALTER TABLE inventory.stock ENABLE TRIGGER ALL",
    ):
        shop.execute(text(change))
    refresh(shop)
    assert len(differences(shop)) > 0

    assert query_one(shop, "metrics/compare.sql")["wrong"] == shop.scalar(
        text("SELECT count(*) FROM inventory.stock")
    )
    assert differences(shop) == []


def test_what_is_queued_is_no_finding_of_the_comparison(shop: Connection) -> None:
    set_quantity(shop, an_item(shop), 71)
    shop.execute(text("DELETE FROM inventory.stock WHERE status = 'sold'"))

    found = query_one(shop, "metrics/compare.sql")

    assert [found[name] for name in BYPASSES] == [0, 0, 0]
    assert differences(shop) == []


def test_comparison_does_not_believe_what_is_queued(shop: Connection) -> None:
    """What the entry says was overwritten since, and nothing announced that."""
    item = an_item(shop)
    set_quantity(shop, item, 70)
    shop.execute(text(BYPASS))
    set_quantity(shop, item, 71)

    query_one(shop, "metrics/compare.sql")

    assert shown(shop, item) == 71
    assert differences(shop) == []


def test_view_is_as_old_as_its_oldest_queued_change(shop: Connection) -> None:
    fresh = {"warn_seconds": 60, "error_seconds": 120}
    shop.execute(
        text("UPDATE inventory_ops.metrics_refresh SET started_at = now() - interval '1 day'")
    )
    shop.execute(
        text(
            "UPDATE inventory_ops.stock_metrics_refreshed SET last_calculated_at = now() - interval '1 day'"
        )
    )
    assert query_one(shop, "monitoring/view_is_fresh.sql", **fresh)["age_seconds"] == 0

    set_quantity(shop, an_item(shop), 71)
    shop.execute(
        text("UPDATE inventory_ops.stock_change SET queued_at = now() - interval '90 seconds'")
    )
    seen = query_one(shop, "monitoring/view_is_fresh.sql", **fresh)
    assert (seen["passed"], seen["severity"], seen["queued_changes"]) == (False, "WARN", 1)
    assert 90 <= seen["age_seconds"] < 120

    refresh(shop)
    assert query_one(shop, "monitoring/view_is_fresh.sql", **fresh)["passed"]


def test_change_committed_after_a_refresh_is_not_older_than_that(incremental: URL) -> None:
    """A transaction that was open for long is no refresh that was missed."""
    with connect(incremental) as shop, create_database_engine(incremental).connect() as writer:
        set_quantity(writer, an_item(shop), 71)
        writer.execute(
            text("UPDATE inventory_ops.stock_change SET queued_at = now() - interval '1 day'")
        )
        refresh(shop)
        writer.commit()

        seen = query_one(shop, "monitoring/view_is_fresh.sql", warn_seconds=60, error_seconds=120)
        assert seen["queued_changes"] == 1
        assert seen["age_seconds"] < 60


def test_switch_is_advised_where_a_refresh_is_slow(deployed: URL) -> None:
    with connect(deployed) as connection:
        assert advice_on_mode(connection) == []
        connection.execute(
            text(
                "UPDATE inventory_ops.metrics_refresh SET finished_at = started_at + interval '31 s'"
            )
        )
        assert "a refresh takes 31 s: `soleflip metrics --mode incremental`" in "".join(
            advice_on_mode(connection)
        )
        switch_to(deployed, Mode.INCREMENTAL)
        assert advice_on_mode(connection) == []


IRRELEVANT = {
    "another column": "UPDATE inventory.stock SET notes = 'counted', status = 'sold'",
    "the same value": "UPDATE inventory.stock SET quantity = quantity",
    "no row": "UPDATE inventory.stock SET quantity = 1 WHERE false",
}


@pytest.mark.parametrize("statement", IRRELEVANT.values(), ids=IRRELEVANT)
def test_what_changes_no_metric_is_not_queued(shop: Connection, statement: str) -> None:
    shop.execute(text(statement))

    assert queued(shop) == []


def test_refresh_without_a_change_writes_no_row(shop: Connection) -> None:
    rows = text(
        "SELECT ctid::text, xmin::text FROM inventory_ops.stock_metrics_read_model ORDER BY 1"
    )
    item = an_item(shop)
    set_quantity(shop, item, 71)
    refresh(shop)
    before = shop.execute(rows).all()
    set_quantity_back_and_forth = text("UPDATE inventory.stock SET quantity = :n WHERE id = :id")
    for quantity in (5, 71):
        shop.execute(set_quantity_back_and_forth, {"id": item, "n": quantity})

    refresh(shop)

    assert shop.execute(rows).all() == before
    assert shown(shop, item) == 71


def test_stock_is_not_read_where_the_queue_says_it_all(incremental: URL, shop: Connection) -> None:
    """Reading it would double the time and, after a checkpoint, what a refresh writes to the log."""
    first, second = shop.execute(text("SELECT id FROM inventory.stock LIMIT 2")).scalars()
    set_quantity(shop, first, 70)
    assert rows_of_stock_that_a_refresh_fetches(incremental) == 0

    set_quantity(shop, second, 70)
    set_quantity(shop, second, 71)
    assert rows_of_stock_that_a_refresh_fetches(incremental) == 1
    assert differences(shop) == []


def rows_of_stock_that_a_refresh_fetches(url: URL) -> int:
    with create_database_engine(url).begin() as connection:
        refresh(connection)
        return int(connection.execute(text(FETCHED)).scalar_one())


FETCHED = """
SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
WHERE relid = 'inventory.stock'::regclass
"""


def plans_of_a_refresh(url: URL) -> list[str]:
    """The plans of all that a refresh executes in a new session, which compiles all that it may."""
    plans: list[str] = []
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: plans.append(str(notice.message_primary)))
        connection.execute("LOAD 'auto_explain'")
        for parameter, value in {
            "auto_explain.log_analyze": "on",
            "auto_explain.log_level": "notice",
            "auto_explain.log_min_duration": "0",
            "auto_explain.log_nested_statements": "on",
            "jit_above_cost": "0",
        }.items():
            connection.execute("SELECT set_config(%s, %s, false)", (parameter, value))
        connection.execute("SELECT inventory.refresh_stock_metrics()")
    return plans


DRAIN = "Merge on stock_metrics_read_model"


def test_nothing_is_compiled_for_a_refresh(databases_15: Databases) -> None:
    """The planner believes that every row may change: compiling for that took longer than the refresh."""
    url = databases_15.deployed("production", Mode.INCREMENTAL)
    with connect(url) as shop:
        set_quantity(shop, an_item(shop), 71)

    plans = plans_of_a_refresh(url)

    (drain,) = (plan for plan in plans if DRAIN in plan)
    assert "JIT:" not in drain
    assert any("JIT:" in plan for plan in plans)


def test_drain_of_an_empty_queue_is_not_even_planned(incremental: URL) -> None:
    """Each hourly refresh is a new session: it would plan the drain first."""
    plans = plans_of_a_refresh(incremental)

    assert any("stock_metrics_refreshed" in plan for plan in plans)
    assert not any(DRAIN in plan for plan in plans)


CHECKS_OF_THE_VIEW = [
    *(validation_spec(validation).key for validation in validations_of(key_of(STOCK_METRICS_VIEW))),
    *(monitor.spec.key for monitor in MONITORS if monitor.asset_key == key_of(STOCK_METRICS_VIEW)),
]


# Dagster's own use of its deprecated attribute, where a resource is torn down.
@pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")
def test_jobs_switch_compare_and_refresh(deployed: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command line and the UI start them; a refresh and its checks are the same in each mode."""
    monkeypatch.setenv("SOLEFLIP_DATABASE_URL", deployed.render_as_string(hide_password=False))
    monkeypatch.setenv("SOLEFLIP_HOME", "/nowhere")
    from soleflip_assets.definitions import defs  # noqa: PLC0415 it reads the environment

    def run(job: str, config: dict[str, object] | None = None) -> dg.ExecuteInProcessResult:
        with dg.DagsterInstance.ephemeral() as instance:
            return defs.resolve_job_def(job).execute_in_process(
                run_config=config, instance=instance
            )

    assert run("compare_stock_metrics").success
    for mode in (Mode.INCREMENTAL, Mode.LIVE, Mode.MATERIALIZED):
        asked: dict[str, object] = {"mode": mode.name}
        config: dict[str, object] = {"ops": {"switch_mode": {"config": asked}}}
        before = mode_of(deployed)
        assert run("switch_metrics_mode", config).output_for_node("switch_mode") is False
        assert mode_of(deployed) is before, "a launch of the UI changed it without being told to"
        asked["dry_run"] = False
        assert run("switch_metrics_mode", config).output_for_node("switch_mode") is True
        assert mode_of(deployed) is mode
        refreshed = run("refresh_stock_metrics")
        assert refreshed.success
        checks = {check.check_name: check for check in refreshed.get_asset_check_evaluations()}
        # U1: one that did not speak would read "not evaluated" until the next day, were it red or green.
        assert {*checks} == {key.name for key in CHECKS_OF_THE_VIEW}
        assert len(checks) == 10
        assert all(check.passed for check in checks.values())
        assert run("compare_stock_metrics").success
