"""What a database holds, in forms that can be compared.

:func:`physical` sees any write at all; :func:`logical` is the same for two databases that went different ways
to the same end; :func:`contents` is the rows alone, :func:`definitions` the objects alone.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from tests.conftest import connect

State = dict[str, list[tuple[Any, ...]]]

_TABLES = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace::regnamespace::text LIKE :schema AND relkind = ANY(:kinds)
"""

_OURS = "relnamespace::regnamespace::text LIKE 'inventory%'"

_PHYSICAL = {
    "relations": f"""
        SELECT oid::regclass::text, oid, relkind, relfilenode, reltoastrelid, relacl::text
        FROM pg_class WHERE {_OURS}""",
    "columns": f"""
        SELECT attrelid::regclass::text, attnum, pg_attribute.xmin::text
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE {_OURS}""",
    "indexes": f"""
        SELECT indexrelid::regclass::text, pg_index.xmin::text
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE {_OURS}""",
    "functions": """
        SELECT oid::regprocedure::text, oid, xmin::text
        FROM pg_proc WHERE pronamespace::regnamespace::text LIKE 'inventory%'""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, oid, xmin::text FROM pg_trigger WHERE NOT tgisinternal""",
    "comments": """
        SELECT classoid, objoid, objsubid, xmin::text FROM pg_description WHERE objoid > 16383""",
}

_LOGICAL = {
    "relations": f"""
        SELECT oid::regclass::text, relkind, obj_description(oid, 'pg_class')
        FROM pg_class WHERE {_OURS} AND relkind <> 't'""",
    "columns": f"""
        SELECT attrelid::regclass::text, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
          pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE {_OURS} AND relkind IN ('r', 'm') AND attnum > 0""",
    "indexes": f"""
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid, indisready
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE {_OURS}""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace::regnamespace::text LIKE 'inventory%'""",
    "functions": """
        SELECT oid::regprocedure::text, pg_get_functiondef(oid), obj_description(oid, 'pg_proc')
        FROM pg_proc WHERE pronamespace::regnamespace::text LIKE 'inventory%'""",
    "triggers": """
        SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled
        FROM pg_trigger WHERE NOT tgisinternal""",
    "views": "SELECT oid::regclass::text, pg_get_viewdef(oid) FROM pg_class WHERE relkind = 'm'",
    "backups": "SELECT backup, source, rows, content FROM inventory_ops.backup",
    "baseline": "SELECT stock_id FROM inventory_ops.stock_baseline",
    "steps done": """
        SELECT step, checksum FROM inventory_ops.ledger GROUP BY step, checksum
        HAVING (array_agg(finished_at IS NOT NULL ORDER BY id DESC))[1]""",
}

# What in it are rows.
_ROWS = {"backups", "baseline"}


def physical(url: URL) -> State:
    """Every row version and catalog entry of our schemas: equal only if nothing was written."""
    with connect(url) as connection:
        rows = _tables(connection, "inventory%", "rm", "ctid::text, xmin::text, t::text")
        return rows | _queried(connection, _PHYSICAL)


def logical(url: URL) -> State:
    """Definitions and contents of our schemas without numbers and times that no two databases share."""
    with connect(url) as connection:
        views = _tables(connection, "inventory", "m", "(to_jsonb(t) - 'last_calculated_at')::text")
        return _tables(connection, "inventory", "r") | views | _queried(connection, _LOGICAL)


def definitions(url: URL) -> State:
    """Definitions of our schemas, and the steps done."""
    with connect(url) as connection:
        return _queried(
            connection, {name: _LOGICAL[name] for name in _LOGICAL if name not in _ROWS}
        )


def contents(url: URL) -> State:
    """The rows of all tables of schema inventory, as text."""
    with connect(url) as connection:
        return _tables(connection, "inventory", "r")


def _tables(connection: Connection, schema: str, kinds: str, columns: str = "t::text") -> State:
    tables = (
        connection.execute(text(_TABLES), {"schema": schema, "kinds": [*kinds]}).scalars().all()
    )
    return _queried(connection, {table: f"SELECT {columns} FROM {table} AS t" for table in tables})


def _queried(connection: Connection, queries: Mapping[str, str]) -> State:
    return {
        name: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
        for name, query in queries.items()
    }
