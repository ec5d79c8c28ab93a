"""The two logs as Dagster's assets, with a partition for each month: a materialization says what is in it.

Here: the assets, which also make months and move what met none. Not here: how (log.py), and when (jobs.py).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import Connection

from soleflip_assets.checks.shown import OWNERS, accept_beta, metadata_of, sql_metadata
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.database import query_file
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.tables import STOCK
from soleflip_assets.history.log import (
    FUNCTIONS,
    RESERVATION_EVENT,
    STOCK_EVENT,
    TABLES,
    TRIGGERS,
    events_of,
    make_log_months,
    move_overflow,
    state_of,
)
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import TableName

# No log is older than this project's first version that kept one; the present month is one of them.
MONTHS = dg.MonthlyPartitionsDefinition(start_date="2025-11-01", timezone="UTC", end_offset=1)


def asset_key(log: TableName) -> dg.AssetKey:
    """The asset that is a log."""
    return dg.AssetKey(["history", log.name])


def month_of(connection: Connection, log: TableName, month: Month) -> dict[str, Any]:
    """What a month of a log is: rows, bytes, first and last event, and whether it was archived.

    Args:
        connection: SoleFlip's database.
        log: which log, which is there.
        month: which month, in the log, gone from it, or never made.
    """
    for row in query_file(connection, "months/archived.sql", relation=log.plain):
        if row["month"] == month.first_day and row["dropped_at"]:
            return {
                "dagster/row_count": row["rows"],
                "dagster/size_bytes": row["bytes"],
                "archived": "yes",
                "file": row["path"],
                "dropped": row["dropped_at"],
            }
    row = events_of(connection, log, month)
    return {
        "dagster/row_count": row["rows"],
        "dagster/size_bytes": row["bytes"],
        "first_event": row["first_event"],
        "last_event": row["last_event"],
        "archived": "no" if row["is_there"] else "never made",
    }


def _asset_of(log: TableName, description: str, deps: list[dg.AssetKey]) -> dg.AssetsDefinition:
    with accept_beta():

        @dg.asset(
            key=asset_key(log),
            deps=deps,
            partitions_def=MONTHS,
            backfill_policy=dg.BackfillPolicy.single_run(),
            group_name="history",
            kinds={"postgres", "table"},
            owners=OWNERS,
            description=description,
            metadata={
                "dagster/table_name": log.plain,
                **sql_metadata([TABLES, FUNCTIONS, TRIGGERS]),
            },
        )
        def log_of_months(context: dg.AssetExecutionContext, database: Database) -> None:
            with database.connect() as connection:
                for key, metadata in _months(context, connection, log):
                    context.add_asset_metadata(metadata, partition_key=key)

    return log_of_months


def _months(
    context: dg.AssetExecutionContext, connection: Connection, log: TableName
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each month that was asked for, with its metadata, once the months that should be there are."""
    state = state_of(connection)
    if state.installed:
        made = make_log_months(connection, state.now)
        moved = move_overflow(connection)
        context.log.info(
            f"months made: {', '.join(made) or 'none'}; events moved into them: {moved:,}"
        )
    else:
        context.log.info("The log is not installed here: `soleflip history install`.")
    for key in context.partition_keys:
        if state.has_tables:
            yield key, metadata_of(month_of(connection, log, Month.parse(key)))
        else:
            yield key, metadata_of({"dagster/row_count": 0, "archived": "not installed"})


assets = [
    _asset_of(
        STOCK_EVENT,
        "What each row of stock became, at each write: prices, quantities, status, listings, place.",
        [key_of(STOCK)],
    ),
    _asset_of(RESERVATION_EVENT, "What each reservation became, at each write.", []),
]
