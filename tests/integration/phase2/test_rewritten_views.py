"""Views on the legacy tables read stock before these go, with the same rows; or they stay, and say why."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.deploying.rewriting import substituted
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2.retirement import LEGACY_RETIREMENT, GateClosedError, retire
from tests.conftest import Databases, connect
from tests.integration.phase2.test_retirement import IN_15_DAYS, closed, make_ready, tables

# As in production, with what else there may be: views on views, a materialized one, other people's.
REPORTS = """
CREATE SCHEMA analytics;
CREATE ROLE analyst;
GRANT USAGE, CREATE ON SCHEMA analytics TO analyst;
GRANT USAGE ON SCHEMA inventory TO analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA inventory TO analyst;
CREATE VIEW analytics.inventory_status_summary AS
SELECT stock.status, count(*) AS items, sum(stock.quantity) AS units,
  sum(financial.gross_purchase_price) AS value, avg(financial.roi) AS roi
FROM inventory.stock
LEFT JOIN inventory.stock_financial AS financial ON financial.stock_id = stock.id
GROUP BY stock.status;
CREATE VIEW analytics.supplier_performance_summary WITH (security_barrier) AS
SELECT stock.supplier, count(stock.id) AS items,
  avg(stock_financial.profit_per_shelf_day) AS profit_per_shelf_day,
  sum(m.expected_profit) AS expected, 'inventory.stock_metrics'::text AS source
FROM inventory.stock
LEFT JOIN inventory.stock_financial ON stock_financial.stock_id = stock.id
JOIN ONLY inventory.stock_metrics AS m ON m.stock_id = stock.id
GROUP BY stock.supplier;
COMMENT ON VIEW analytics.supplier_performance_summary IS 'for purchasing';
ALTER VIEW analytics.supplier_performance_summary OWNER TO analyst;
GRANT SELECT ON analytics.supplier_performance_summary TO PUBLIC;
CREATE VIEW analytics.best AS SELECT * FROM analytics.supplier_performance_summary WHERE items > 3;
CREATE MATERIALIZED VIEW analytics.prices AS
  SELECT stock_financial.stock_id, stock_financial.purchase_price, stock_financial.vat_amount
  FROM inventory.stock_financial;
CREATE UNIQUE INDEX prices_key ON analytics.prices (stock_id);
COMMENT ON MATERIALIZED VIEW analytics.prices IS 'paid';
ALTER MATERIALIZED VIEW analytics.prices OWNER TO analyst;
GRANT SELECT ON analytics.prices TO PUBLIC;
CREATE VIEW analytics.dear AS SELECT stock_id FROM analytics.prices WHERE purchase_price > 100;
CREATE VIEW analytics."Left ""o""ver" AS
  WITH stock_metrics AS (
    SELECT stock_id, available_quantity FROM inventory.stock_metrics WHERE reserved_quantity > 0
  )
  SELECT stock_metrics.stock_id, stock_metrics.available_quantity, "Metrics, all".total_cost
  FROM stock_metrics JOIN inventory.stock_metrics AS "Metrics, all" USING (stock_id)
  UNION ALL SELECT stock_id, available_quantity, NULL FROM inventory.stock_metrics
  WHERE EXISTS (
    SELECT FROM inventory.stock_financial f WHERE f.stock_id = stock_metrics.stock_id AND f.roi > 10
  );
"""
RIGHT = [
    "best", "dear", "inventory_status_summary", 'Left "o"ver', "prices", "supplier_performance_summary",
]  # fmt: skip


@pytest.fixture
def shop(databases_of_each_version: Databases) -> Iterator[URL]:
    """A busy shop whose gates will be open in 15 days, with reports."""
    url = databases_of_each_version.deployed("busy")
    make_ready(url, IN_15_DAYS)
    with reports(url):
        yield url


@contextmanager
def reports(url: URL) -> Iterator[None]:
    with connect(url) as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS analytics CASCADE")
        connection.exec_driver_sql(REPORTS)
        try:
            yield
        finally:
            connection.exec_driver_sql("DROP OWNED BY analyst CASCADE; DROP ROLE analyst")


def run(url: URL, **options: bool) -> tuple[bool, str]:
    """Whether the tables were dropped, and all that was said."""
    said: list[str] = []
    with Deployer(create_database_engine(url), said.append) as deployer:
        try:
            dropped = retire(
                deployer, LEGACY_RETIREMENT, now=IN_15_DAYS, **{"dry_run": True, **options}
            )
        except GateClosedError as error:
            return False, "\n".join([*said, str(error)])
    return dropped, "\n".join(said)


def rows(connection: Connection, view: str) -> list[str]:
    quoted = view.replace('"', '""')
    shown = connection.exec_driver_sql(f'SELECT t::text FROM analytics."{quoted}" AS t')
    return sorted(shown.scalars())


_KNOWN = """
    SELECT c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relacl::text, c.reloptions,
      obj_description(c.oid),
      ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = c.oid),
      ARRAY(SELECT (attname, format_type(atttypid, atttypmod), attcollation)::text
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 ORDER BY attnum)
    FROM pg_class c WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind IN ('v', 'm') ORDER BY 1
"""


def known(connection: Connection) -> list[Any]:
    """All of the reports but their queries."""
    return [tuple(row) for row in connection.exec_driver_sql(_KNOWN)]


def definitions(connection: Connection) -> dict[str, str]:
    found = connection.exec_driver_sql(
        "SELECT relname, pg_get_viewdef(oid) FROM pg_class "
        "WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('v', 'm')"
    )
    return {row[0]: row[1] for row in found}


def test_views_are_printed_and_nothing_is_changed(shop: URL) -> None:
    with connect(shop) as connection:
        before = definitions(connection)

        dropped, said = run(shop)

        assert not dropped
        assert definitions(connection) == before
    assert "view analytics.inventory_status_summary gives the same" in said
    assert "CREATE OR REPLACE VIEW analytics.inventory_status_summary AS" in said
    assert "CREATE MATERIALIZED VIEW analytics.prices AS" in said
    assert "soleflip drop-legacy --rewrite-views" in said
    assert "no_dependents" in closed(shop)


def test_views_are_rewritten_and_the_tables_go(shop: URL) -> None:
    """With owner, privileges, options, comments, indexes; and they show what they have shown."""
    with connect(shop) as connection:
        before = known(connection), {view: rows(connection, view) for view in RIGHT}

        run(shop, rewrite_views=True)
        assert closed(shop) == {}
        assert "stock_financial" in tables(shop), "a dry run drops nothing"
        dropped, said = run(shop, dry_run=False)

        assert dropped, said
        assert "stock_financial" not in tables(shop)
        assert (known(connection), {view: rows(connection, view) for view in RIGHT}) == before
        connection.exec_driver_sql("UPDATE inventory.stock SET purchase_price = 7777")
        connection.exec_driver_sql("REFRESH MATERIALIZED VIEW analytics.prices")
        assert rows(connection, "prices") != before[1]["prices"], "it reads stock now"


def test_rewriting_and_dropping_is_one_command(shop: URL) -> None:
    assert run(shop, rewrite_views=True, dry_run=False)[0]


REFUSED = {
    "own ids": (
        "CREATE VIEW analytics.mine AS SELECT id, stock_id FROM inventory.stock_metrics",
        "it reads inventory.stock_metrics.id, of which nothing will be left",
    ),
    "dates": (
        "CREATE VIEW analytics.mine AS SELECT max(updated_at) FROM inventory.stock_financial",
        "it reads inventory.stock_financial.updated_at",
    ),
    "rows that are set aside": (
        "CREATE VIEW analytics.mine AS SELECT stock_id, listed_on_platforms FROM inventory.stock_lifecycle",
        "rows",
    ),
    "column of the shop's": (
        """ALTER TABLE inventory.stock_metrics ADD tenant integer DEFAULT 7;
        CREATE VIEW analytics.mine AS SELECT m.stock_id, m.tenant FROM inventory.stock_metrics m""",
        "does not exist",
    ),
    "whole rows": (
        "CREATE VIEW analytics.mine AS SELECT to_jsonb(m) AS all FROM inventory.stock_metrics m",
        "rows",
    ),
    "its name": (
        """CREATE VIEW analytics.mine AS
        SELECT pg_relation_size('inventory.stock_metrics'::regclass) AS bytes, count(*)
        FROM inventory.stock_metrics""",
        "it names the table itself",
    ),
    "sample of it": (
        "CREATE VIEW analytics.mine AS SELECT stock_id FROM inventory.stock_metrics TABLESAMPLE SYSTEM (100)",
        "syntax error",
    ),
    "its owner may not read stock": (
        """CREATE ROLE tenant;
        GRANT USAGE, CREATE ON SCHEMA analytics TO tenant;
        GRANT USAGE ON SCHEMA inventory TO tenant;
        GRANT SELECT ON inventory.stock_metrics TO tenant;
        CREATE VIEW analytics.mine AS SELECT stock_id FROM inventory.stock_metrics;
        ALTER VIEW analytics.mine OWNER TO tenant""",
        "permission denied for table stock",
    ),
}  # fmt: skip


@pytest.mark.parametrize("refused", REFUSED)
def test_view_that_would_show_other_rows_stays_and_says_why(shop: URL, refused: str) -> None:
    """The others are rewritten; the tables stay as long as it is there."""
    statement, said = REFUSED[refused]
    with connect(shop) as connection:
        try:
            connection.exec_driver_sql(statement)
            before = definitions(connection)["mine"]

            dropped, told = run(shop, rewrite_views=True, dry_run=False)

            assert not dropped
            assert "view analytics.mine cannot be rewritten: " in told
            assert said in told.partition("analytics.mine cannot be rewritten: ")[2].split("\n")[0]
            assert definitions(connection)["mine"] == before
            assert "view analytics.mine" in closed(shop)["no_dependents"]
            assert "analytics.best" not in closed(shop)["no_dependents"]
            assert "stock_metrics" in tables(shop)
        finally:
            connection.exec_driver_sql(
                "DO $$ BEGIN DROP OWNED BY tenant; DROP ROLE tenant; "
                "EXCEPTION WHEN undefined_object THEN NULL; END $$"
            )


def test_what_belongs_to_others_is_left_alone(shop: URL) -> None:
    """As an owner who is no superuser: another one's view stays and is told of, his own is rewritten."""
    with connect(shop) as connection:
        connection.exec_driver_sql(f"""
            CREATE ROLE retirer LOGIN;
            GRANT analyst TO retirer;
            GRANT ALL ON DATABASE {shop.database} TO retirer;
            CREATE VIEW analytics.mine AS SELECT stock_id FROM inventory.stock_metrics;
        """)
        for kind, names in {
            "SCHEMA": "inventory inventory_ops analytics",
            "TABLE": " ".join(
                connection.exec_driver_sql(
                    "SELECT string_agg(oid::regclass::text, ' ') FROM pg_class "
                    "WHERE relnamespace::regnamespace::text LIKE 'inventory%%' AND relkind IN ('r', 'm')"
                ).scalars()
            ),
            "ROUTINE": " ".join(
                connection.exec_driver_sql(
                    "SELECT string_agg(oid::regproc::text, ' ') FROM pg_proc "
                    "WHERE pronamespace::regnamespace::text LIKE 'inventory%%'"
                ).scalars()
            ),
        }.items():
            for name in names.split():
                connection.exec_driver_sql(f"ALTER {kind} {name} OWNER TO retirer")
        before = definitions(connection)
        try:
            dropped, said = run(shop.set(username="retirer"), rewrite_views=True)

            assert not dropped
            refusal = "it belongs to postgres, of which this user is no member"
            assert f"analytics.mine cannot be rewritten: {refusal}" in said
            after = definitions(connection)
            assert after["mine"] == before["mine"]
            summary = "supplier_performance_summary"
            assert "inventory.stock_metrics m" not in after[summary] != before[summary]
        finally:
            connection.exec_driver_sql(
                "REASSIGN OWNED BY retirer TO postgres; DROP OWNED BY retirer"
            )
            connection.exec_driver_sql("DROP ROLE retirer")


@pytest.mark.parametrize("sample_rows", ["none", "those with a reservation"])
def test_rows_that_the_table_has_not_are_not_shown(databases: Databases, sample_rows: str) -> None:
    """In production the tables are empty, and the new version adds rows only where it must."""
    url = databases.deployed("production")
    make_ready(url, IN_15_DAYS)
    with connect(url) as connection, reports(url):
        if sample_rows != "none":
            connection.exec_driver_sql(
                "UPDATE inventory.stock SET reserved_quantity = 1 WHERE quantity > 1; "
                "SELECT inventory.refresh_stock_metrics()"
            )
        views = ['Left "o"ver', "inventory_status_summary", "best"]
        before = {view: rows(connection, view) for view in views}

        dropped, said = run(url, rewrite_views=True, dry_run=False)

        assert dropped, said
        assert {view: rows(connection, view) for view in views} == before


# What a view may be made of: each is right on stock, so each is rewritten.
_FINANCIAL = ["purchase_price", "gross_purchase_price", "vat_amount", "profit_per_shelf_day", "roi"]
_METRICS = ["available_quantity", "reserved_quantity", "total_cost", "expected_profit"]


def drawn(choose: random.Random) -> str:
    """A query on one legacy table or two, with or without stock, grouped or not, one in another."""
    (first, facts), (second, others) = choose.sample(
        [("stock_financial", _FINANCIAL), ("stock_metrics", _METRICS)], 2
    )
    alias = choose.choice([first, "f", '"F f"', "inventory"])
    said = f" AS {alias}" if alias != first else ""
    source = f"inventory.{first}{said}"
    columns = [f"{alias}.{fact}" for fact in choose.sample(facts, choose.randint(1, 3))]
    match choose.randrange(5):
        case 0:
            source += f" JOIN inventory.stock AS s ON s.id = {alias}.stock_id"
            columns.append("s.status")
        case 1:
            source = f"inventory.stock AS s LEFT JOIN {source} ON s.id = {alias}.stock_id"
            columns.append("s.status")
        case 2:
            source += f" JOIN inventory.{second} AS b USING (stock_id)"
            columns += [f"b.{fact}" for fact in choose.sample(others, 2)]
        case 3:
            columns.append(
                f"(SELECT max(b.{others[0]}) FROM inventory.{second} AS b "
                f"WHERE b.stock_id = {alias}.stock_id)"
            )
        case _:
            pass
    condition = choose.choice(
        ["true", f"{alias}.{facts[0]} > 1", f"{alias}.stock_id IN (SELECT id FROM inventory.stock)"]
    )
    source += f" WHERE {condition}"
    shown = ", ".join(f"{one} AS c{at}" for at, one in enumerate(columns))
    match choose.randrange(4):
        case 0:
            return f"SELECT {shown} FROM {source}"
        case 1:
            sums = ", ".join(
                f"sum(hashtext({one}::text)) AS c{at}" for at, one in enumerate(columns)
            )
            return f"SELECT {sums}, count(*) AS n FROM {source}"
        case 2:
            most = ", ".join(f"max({one}) AS c{at}" for at, one in enumerate(columns))
            return f"SELECT {alias}.stock_id, {most} FROM {source} GROUP BY {alias}.stock_id"
        case _:
            place = "row_number() OVER (ORDER BY w) AS place"
            return f"WITH w AS (SELECT {shown} FROM {source}) SELECT {place}, w.* FROM w"


def test_whatever_reads_only_what_stock_holds_is_rewritten(
    databases_of_each_version: Databases,
) -> None:
    """Sixty queries, drawn."""
    url = databases_of_each_version.deployed("busy")
    make_ready(url, IN_15_DAYS)
    choose = random.Random(20261126)
    with connect(url) as connection:
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS analytics")
        # Live traffic has been at it since.
        connection.exec_driver_sql(
            "UPDATE inventory.stock SET purchase_price = 5, roi_percentage = NULL, reserved_quantity = 0 "
            "WHERE id IN (SELECT id FROM inventory.stock ORDER BY id LIMIT 100); "
            "SELECT inventory.refresh_stock_metrics()"
        )
        for number in range(60):
            kind = choose.choice(["VIEW", "VIEW", "MATERIALIZED VIEW"])
            connection.exec_driver_sql(f"CREATE {kind} analytics.drawn_{number} AS {drawn(choose)}")
        names = [f"drawn_{number}" for number in range(60)]
        before = {view: rows(connection, view) for view in names}

        dropped, said = run(url, rewrite_views=True, dry_run=False)

        assert dropped, [line for line in said.splitlines() if "cannot" in line]
        assert {view: rows(connection, view) for view in names} == before
        assert all("stock_financial AS" not in one for one in definitions(connection).values())


REPLACED = {
    "FROM inventory.t": "FROM (Q) t",
    "FROM inventory.t x": "FROM (Q) x",
    'FROM inventory.t "X"': 'FROM (Q) "X"',
    "FROM inventory.t \u00fc": "FROM (Q) \u00fc",
    "FROM (inventory.t\n LEFT JOIN inventory.t u ON true)": "FROM ((Q) t\n LEFT JOIN (Q) u ON true)",
    "FROM ONLY inventory.t": "FROM (Q) t",
    "FROM inventory.t WHERE true": "FROM (Q) t WHERE true",
    "SELECT 'inventory.t' FROM inventory.t": "SELECT 'inventory.t' FROM (Q) t",
    "SELECT E'it''s \\\\ inventory.t'": "SELECT E'it''s \\\\ inventory.t'",
    'SELECT "a""inventory.t" FROM inventory.tt': 'SELECT "a""inventory.t" FROM inventory.tt',
    "SELECT NULL::inventory.t, x.inventory.t": "SELECT NULL::inventory.t, x.inventory.t",
    "SELECT inventory.t(1)": "SELECT inventory.t(1)",
}


@pytest.mark.parametrize("query", REPLACED)
def test_only_what_is_read_is_replaced(query: str) -> None:
    assert substituted(query, {"inventory.t": "Q"}) == REPLACED[query]
