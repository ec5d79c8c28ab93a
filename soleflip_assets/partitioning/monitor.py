"""The monitor of the tables in partitions: are they, and are their months there.

Here: what is looked at, and what counts as wrong. Not here: when it is looked at (monitoring/jobs.py).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from sqlalchemy import Connection

from soleflip_assets.checks.monitors import Monitor
from soleflip_assets.checks.question import Answer
from soleflip_assets.checks.shown import OWNERS
from soleflip_assets.months.month import Month
from soleflip_assets.partitioning.conversion import own_checks
from soleflip_assets.partitioning.keeping import Kept, covers, kept, overdue, shown
from soleflip_assets.partitioning.names import plain
from soleflip_assets.partitioning.record import managed_tables

TABLES = dg.AssetSpec(
    ["operations", "partitioned_tables"],
    description="The shop's tables that `soleflip partition` keeps in partitions by month.",
    group_name="operations",
    kinds={"postgres", "table"},
    owners=OWNERS,
)

# The daily job has had two turns.
_LATE = timedelta(days=2)


def _look(connection: Connection) -> Answer:
    now = datetime.now(UTC)
    found = [kept(connection, managed) for managed in managed_tables(connection)]
    errors = [sentence for one in found for sentence in _errors(connection, one, now)]
    warnings = [sentence for one in found for sentence in _warnings(one, now)]
    return Answer(
        passed=not (errors or warnings),
        observed={
            "severity": "ERROR" if errors else "WARN",
            "partitioned_tables": len(found),
            "bytes": sum(one.bytes for one in found),
            "rows_in_rest": sum(one.rows_in_rest for one in found),
            "examples": errors + warnings,
            **({"tables": [_row(one, now) for one in found]} if found else {}),
        },
    )


def _row(found: Kept, now: datetime) -> dict[str, Any]:
    return {name: value for name, value in shown(found, now).items() if name != "column"}


def _errors(connection: Connection, found: Kept, now: datetime) -> Iterator[str]:
    managed, name = found.managed, plain(found.managed.table)
    if not managed.exists:
        yield f"{name} is gone"
    elif not managed.partitioned and managed.converted_at:
        yield f"{name} is no longer partitioned"
    elif not managed.partitioned:
        for row in own_checks(connection, managed.table):
            yield f"{name}: its conversion died, and {row['name']} will refuse writes from that month on"
    elif not covers(found, Month.of(now)):
        yield f"{name} has no partition for {Month.of(now)}"
    elif not covers(found, Month.of(now) + 1):
        yield f"{name} has no partition for {Month.of(now) + 1}"
    for month in found.missing_months:
        yield f"{name} has no partition for {month}, which is between others"


def _warnings(found: Kept, now: datetime) -> Iterator[str]:
    name = plain(found.managed.table)
    if found.rows_in_rest:
        yield f"{name}: {found.rows_in_rest} rows are in no month"
    for part in overdue(found.managed, found.partitions, now - _LATE):
        yield f"{part.table.name} should have left after {found.managed.keep}"
    for table in found.detached:
        yield f"{table.name} was taken out and is not dropped"


MONITOR = Monitor(
    "partitions_kept",
    TABLES.key,
    description="Each table in partitions has its months, none is missing, and none is kept for too long.",
    meaning="The daily job keep_partitions has not run, or failed: rows go into the partition of the rest.",
    look=_look,
)
