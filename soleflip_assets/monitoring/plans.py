"""Query plans: whether the planner still answers the headline queries by the index that was built for each.

Reading a whole table is right where it is small or where most of it is wanted. So a plan without the index
is held against the same query with the index, both measured on the live data, and is wrong where it is
much slower. Here: that comparison. Not here: how a plan is read, which is explain.py's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from soleflip_assets.checks.monitors import Monitor
from soleflip_assets.checks.question import Answer
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.database import query_file, query_one, run_statement, undone
from soleflip_assets.ground.explain import Plan, explain
from soleflip_assets.ground.sql_files import SqlFile, sql_files
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW
from soleflip_assets.metrics.mode import Mode, current_mode

# Slower than by the index: this many times, this much, and each time it is measured; else it is noise.
_TIMES_SLOWER = 2.0
_MILLISECONDS_SLOWER = 5.0
_MEASUREMENTS = 3


@dataclass(frozen=True)
class Comparison:
    """A query as the planner answers it, and as it does when it has to use an index.

    Attributes:
        query: its name.
        index: the index that was built for it.
        missing: whether that index should be there and is not, or is invalid.
        chosen: as it is answered.
        by_index: as it is answered where an index is preferred.
    """

    query: str
    index: str
    missing: bool
    chosen: Plan
    by_index: Plan

    @property
    def fault(self) -> str:
        """What is wrong; empty if nothing is."""
        if self.missing:
            return f"{self.query}: {self.index} is missing or invalid"
        slower = self.chosen.milliseconds - self.by_index.milliseconds
        if (
            self.chosen.index is None
            and self.by_index.index is not None
            and slower > _MILLISECONDS_SLOWER
            and self.chosen.milliseconds > _TIMES_SLOWER * self.by_index.milliseconds
        ):
            return (
                f"{self.query}: {self.chosen.node} takes {self.chosen.milliseconds:.1f} ms, "
                f"{self.by_index.node} {self.by_index.milliseconds:.1f} ms"
            )
        return ""


def _compare(connection: Connection, file: SqlFile, not_made: set[str]) -> Comparison:
    """Compare, again and again while it looks wrong."""
    for _ in range(_MEASUREMENTS):
        comparison = _compare_once(connection, file, not_made)
        if not comparison.fault:
            break
    return comparison


def _compare_once(connection: Connection, file: SqlFile, not_made: set[str]) -> Comparison:
    index = file.fields["index"]
    valid = query_one(connection, "monitoring/has_index.sql", index=index)["valid"]
    missing = not valid and index not in not_made
    chosen = explain(connection, file)
    with undone(connection):
        run_statement(connection, "monitoring/prefer_indexes.sql")
        by_index = explain(connection, file)
    return Comparison(file.name, index, missing, chosen, by_index)


def _look(connection: Connection) -> Answer:
    # Those of the view, where it is kept without them.
    not_made = Mode.MATERIALIZED.indexes - current_mode(connection).indexes
    comparisons = [_compare(connection, file, not_made) for file in sql_files("headline_queries")]
    faults = [comparison.fault for comparison in comparisons if comparison.fault]
    observed: dict[str, Any] = {
        "severity": "WARN",
        "faults": len(faults),
        "milliseconds": {
            comparison.query: comparison.chosen.milliseconds for comparison in comparisons
        },
    }
    if faults:
        observed["wrong"] = "; ".join(faults)
    observed["plans"] = [_row(comparison) for comparison in comparisons]
    if query_one(connection, "monitoring/has_statement_statistics.sql")["installed"]:
        statements = query_file(connection, "monitoring/slowest_statements.sql")
        observed["slowest_statements"] = [dict(row) for row in statements]
    return Answer(not faults, observed)


def _row(comparison: Comparison) -> Mapping[str, Any]:
    return {
        "query": comparison.query,
        "plan": comparison.chosen.node,
        "ms": f"{comparison.chosen.milliseconds:.3f}",
        "by index": comparison.by_index.node,
        "ms by index": f"{comparison.by_index.milliseconds:.3f}",
        "verdict": comparison.fault or "right",
    }


MONITOR = Monitor(
    "headline_queries_use_indexes",
    # One of them reads the view, so it cannot be looked at before that is made.
    key_of(STOCK_METRICS_VIEW),
    "The planner answers the headline queries by index, or faster without.",
    "A query of the shop got slow: an index is gone, statistics are old or a planner setting was changed.",
    _look,
)
