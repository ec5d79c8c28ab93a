"""Query plans: which node reads the table, by which index, and how long it took.

Here: asking PostgreSQL and reading its answer. Not here: which queries, and what is a good plan.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from soleflip_assets.ground.sql_files import SqlFile


@dataclass(frozen=True)
class Plan:
    """The plan of a query that was executed.

    Attributes:
        node: the node that reads the table, as ``Index Scan using idx_stock_value`` or
            ``Seq Scan on stock``.
        index: the index that it reads; None if it reads none.
        milliseconds: execution time.
        rows: rows returned.
    """

    node: str
    index: str | None
    milliseconds: float
    rows: int


def explain(connection: Connection, file: SqlFile) -> Plan:
    """Execute the query of a file of sql/ and say how PostgreSQL did it."""
    (statement,) = file.statements
    answer = connection.exec_driver_sql(
        f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", execution_options={"no_parameters": True}
    ).scalar_one()
    plan = answer[0]["Plan"]
    reader = _reader(plan)
    return Plan(
        _describe(reader),
        reader.get("Index Name"),
        answer[0]["Execution Time"],
        int(plan["Actual Rows"]),
    )


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _reader(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node that names an index, else the one that names a table, else the topmost."""
    nodes = list(_nodes(plan))
    for name in ("Index Name", "Relation Name"):
        for node in nodes:
            if name in node:
                return node
    return plan


def _describe(node: Mapping[str, Any]) -> str:
    if "Index Name" in node:
        return f"{node['Node Type']} using {node['Index Name']}"
    if "Relation Name" in node:
        return f"{node['Node Type']} on {node['Relation Name']}"
    return str(node["Node Type"])
