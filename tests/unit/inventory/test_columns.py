"""The columns of stock and its side tables are described once; whoever repeats them says the same.

The library keeps models of its own, so that it imports nothing of the platform; the schema before Phase 2 is
a file of its own, so that it can be run by hand.
"""

from typing import Any

import pglast
import pytest
from pglast.stream import RawStream
from sqlalchemy.dialects import postgresql

from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.ground.tables import (
    LEGACY_TABLES,
    STOCK,
    STOCK_BEFORE,
    STOCK_METRICS_VIEW,
    Column,
)
from soleflip_assets.inventory.models import Base, InventoryItem, StockMetricsView

_TYPES = {
    "timestamptz": "timestamp with time zone",
    "varchar": "character varying",
    "int": "integer",
}


def spelled(type_: str) -> str:
    """A type as ``format_type`` prints it."""
    word, _, rest = type_.lower().replace(", ", ",").partition("(")
    return _TYPES.get(word, word) + (f"({rest}" if rest else "")


def described(columns: Any) -> list[tuple[str, str, bool]]:
    return [(column.name, column.type, column.nullable) for column in columns]


@pytest.mark.parametrize(
    ("model", "columns"),
    [(InventoryItem, STOCK.columns), (StockMetricsView, STOCK_METRICS_VIEW.columns)],
    ids=["stock", "view"],
)
def test_library_models_what_is_described(model: type[Base], columns: list[Column]) -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    modelled = [
        (column.name, spelled(column.type.compile(dialect)), bool(column.nullable))
        for column in model.__table__.columns
    ]

    assert modelled == described(columns)


def created(statement: str) -> tuple[str, list[tuple[str, str, bool]]]:
    """The table that a CREATE TABLE makes, with its columns."""
    parsed: Any = pglast.parse_sql(statement)
    table = parsed[0].stmt
    columns = []
    for column in table.tableElts:
        if not hasattr(column, "colname"):
            continue
        kinds = {constraint.contype.name for constraint in column.constraints or ()}
        nullable = kinds.isdisjoint({"CONSTR_NOTNULL", "CONSTR_PRIMARY"})
        columns.append((column.colname, spelled(RawStream()(column.typeName)), nullable))
    return table.relation.relname, columns


def test_schema_before_phase_2_is_what_is_described() -> None:
    statements = SqlFile("legacy/01_schema.sql").statements
    made = dict(created(text) for text in statements if text.startswith("CREATE TABLE"))

    assert made["stock"] == described(STOCK_BEFORE)
    for table in LEGACY_TABLES:
        assert made[table.name] == described(table.columns)


def test_columns_that_a_deployment_adds_are_what_is_described() -> None:
    (statement, *_) = SqlFile("phase2/40_stock_columns.sql").statements
    parsed: Any = pglast.parse_sql(statement)[0].stmt
    added = [
        (one.def_.colname, spelled(RawStream()(one.def_.typeName)), True) for one in parsed.cmds
    ]

    assert added == described(STOCK.columns[len(STOCK_BEFORE) :])
