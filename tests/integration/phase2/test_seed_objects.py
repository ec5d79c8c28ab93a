"""The database objects are those of the deployment summary, to the letter, on every supported server.

The summary's SQL, run as it stands on a database of its own, is what they are compared with: PostgreSQL
prints both in the same way.
"""

import re
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.settings import Sample
from soleflip_assets.ground.tables import LEGACY_TABLES
from tests.conftest import Databases, connect

pytestmark = pytest.mark.both_versions

SEED = Path(__file__).with_name("seed.sql").read_text(encoding="utf-8")

COLUMNS = """
SELECT attnum, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = CAST(:relation AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""

INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition, indisvalid, indisready
FROM pg_index WHERE indrelid = CAST(:relation AS regclass) ORDER BY 1
"""

VIEW_INDEXES = {
    "inventory.idx_stock_metrics_view_available": (
        "CREATE INDEX idx_stock_metrics_view_available ON inventory.stock_metrics_view "
        "USING btree (available_quantity) WHERE (available_quantity > 0)"
    ),
    "inventory.idx_stock_metrics_view_stock_id": (
        "CREATE UNIQUE INDEX idx_stock_metrics_view_stock_id ON inventory.stock_metrics_view "
        "USING btree (stock_id)"
    ),
}


@pytest.fixture(params=["production", "busy"])
def sample(request: pytest.FixtureRequest) -> Sample:
    found: Sample = request.param
    return found


@pytest.fixture
def deployed(databases_of_each_version: Databases, sample: Sample) -> URL:
    return databases_of_each_version.deployed(sample)


@pytest.fixture
def seeded(databases_of_each_version: Databases) -> URL:
    """A database to which the seed's statements were done and nothing else."""
    url = databases_of_each_version.legacy("production")
    with connect(url) as connection:
        for statement in SEED.split(";\n"):
            if not re.fullmatch(r"(\s|--.*)*", statement):
                execute_statement(connection, statement)
    return url


def ask(connection: Connection, query: str, relation: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text(query), {"relation": relation})]


def test_columns_and_indexes_of_stock(seeded: URL, deployed: URL) -> None:
    with connect(seeded) as expected, connect(deployed) as found:
        for query in (COLUMNS, INDEXES):
            assert ask(found, query, "inventory.stock") == ask(expected, query, "inventory.stock")
        assert [row[:2] for row in ask(found, COLUMNS, "inventory.stock")[25:]] == [
            (26, "listed_on_platforms"),
            (27, "status_history"),
            (28, "reserved_quantity"),
        ]
        comments = found.execute(
            text(
                "SELECT col_description('inventory.stock'::regclass, n) FROM generate_series(26, 28) AS n"
            )
        )
        assert [*comments.scalars()] == re.findall(r"\w  +-- (.*)", SEED)


def test_view(seeded: URL, deployed: URL, sample: Sample) -> None:
    view = "inventory.stock_metrics_view"
    definition = text(f"SELECT pg_get_viewdef('{view}'::regclass)")
    kind = text(f"SELECT relkind, relispopulated FROM pg_class WHERE oid = '{view}'::regclass")
    rows = text(f"SELECT to_jsonb(v) - 'last_calculated_at' FROM {view} AS v ORDER BY stock_id")
    with connect(seeded) as expected, connect(deployed) as found:
        assert ask(found, COLUMNS, view) == ask(expected, COLUMNS, view)
        assert found.execute(definition).scalar_one() == expected.execute(definition).scalar_one()
        assert tuple(found.execute(kind).one()) == ("m", True)
        if sample == "production":
            assert found.execute(rows).scalars().all() == expected.execute(rows).scalars().all()
        indexes = {row[0]: row[1] for row in ask(found, INDEXES, view) if row[2] and row[3]}
        assert indexes == VIEW_INDEXES


def test_refresh_function(deployed: URL) -> None:
    with connect(deployed) as connection:
        row = connection.execute(
            text(
                "SELECT pg_get_function_arguments(f), pg_get_function_result(f), "
                "obj_description(f, 'pg_proc') "
                "FROM (SELECT 'inventory.refresh_stock_metrics()'::regprocedure) AS refresh (f)"
            )
        ).one()
        assert tuple(row[:2]) == ("", "void")
        assert "stock_metrics_view" in row[2]

        refreshed = text("SELECT max(last_calculated_at) FROM inventory.stock_metrics_view")
        before = connection.execute(refreshed).scalar_one()
        connection.execute(text("SELECT inventory.refresh_stock_metrics()"))
        assert connection.execute(refreshed).scalar_one() > before


@pytest.mark.parametrize("table", [table.name for table in LEGACY_TABLES])
def test_backup_is_a_full_copy_with_constraints_and_indexes(deployed: URL, table: str) -> None:
    """Foreign keys apart: ON DELETE CASCADE would empty the backup as the shop sells."""
    source, backup = f"inventory.{table}", f"inventory.{table}_backup"

    def shapes(connection: Connection, relation: str) -> list[str]:
        definitions = [str(row[1]) for row in ask(connection, INDEXES, relation)]
        # Their names differ, which in a schema they have to.
        return sorted(re.sub(r" \w+ ON \S+", " ON it", definition) for definition in definitions)

    constraints = """
        SELECT pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = CAST(:relation AS regclass) AND contype <> 'f' ORDER BY 1"""
    with connect(deployed) as connection:
        assert ask(connection, COLUMNS, backup) == ask(connection, COLUMNS, source)
        assert ask(connection, constraints, backup) == ask(connection, constraints, source)
        assert ("PRIMARY KEY (id)",) in ask(connection, constraints, backup)
        assert shapes(connection, backup) == shapes(connection, source)
        assert len(shapes(connection, backup)) == 2
        rows = [
            connection.execute(text(f"SELECT t::text FROM {relation} AS t ORDER BY id"))
            .scalars()
            .all()
            for relation in (source, backup)
        ]
        assert rows[0] == rows[1]


def test_all_validations_pass(deployed: URL) -> None:
    with connect(deployed) as connection:
        answers = {one.name: one.ask(connection) for one in VALIDATIONS}
    assert answers
    assert {name: one.observed for name, one in answers.items() if not one.passed} == {}
