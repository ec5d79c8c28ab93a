"""What the shop has made on the view is there after a switch and after mending, or the switch is refused."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.metrics.mode import Mode, current_mode
from soleflip_assets.phase2.preflight import run_preflight
from tests.conftest import REFRESHED, Databases, connect
from tests.integration.metrics.conftest import (
    OTHER,
    SWITCHES,
    WALK,
    deploy_again,
    switch_to,
)
from tests.integration.metrics.reading import (
    an_item,
    columns,
    refresh,
    set_quantity,
    whole,
)

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
            assert deploy_again(deployed)

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

            assert deploy_again(deployed)

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
            deploy_again(deployed)
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
        assert deploy_again(deployed)
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
            deploy_again(deployed)
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
