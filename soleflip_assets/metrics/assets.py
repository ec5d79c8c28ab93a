"""The materialized view as a Dagster asset, and what a refresh of it shows."""

import time
from datetime import UTC

import dagster as dg
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.shown import OWNERS, outcome_metadata, sql_metadata
from soleflip_assets.checks.validations import build_asset_checks
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployment import Deployment
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.assets import column_lineage, column_schema, key_of, table_metadata
from soleflip_assets.ground.database import query_one, run_statement
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.tables import STOCK, STOCK_METRICS_VIEW
from soleflip_assets.metrics import pg_cron
from soleflip_assets.metrics.figures import figures_metadata
from soleflip_assets.metrics.freshness import Freshness
from soleflip_assets.metrics.mode import VIEW_STEP, Mode, current_mode, deploy_view
from soleflip_assets.running.limits import REPEATED_TAG

REFRESH_POOL = "stock_metrics_refresh"

# pg_cron and the schedule start in the same minute: its refresh may be still at it when it is looked for.
PG_CRON_LATE_AFTER_SECONDS = 60


class RefreshConfig(dg.Config):
    """How ``inventory/stock_metrics_view`` is materialized.

    Attributes:
        deploy: make or mend the view and its function first. The hourly refresh does not: what somebody
            changed by hand is reported by the checks and mended by a deployment, not silently by the hour.
        refresh: False where pg_cron does it: then the refresh that it did is recorded.
    """

    deploy: bool = True
    refresh: bool = True


@dg.asset(
    key=key_of(STOCK_METRICS_VIEW),
    deps=[key_of(STOCK)],
    group_name="inventory",
    kinds={"postgres", "view"},
    owners=OWNERS,
    description=STOCK_METRICS_VIEW.description,
    metadata={**table_metadata(STOCK_METRICS_VIEW), **sql_metadata(Mode.MATERIALIZED.files)},
    # Two refreshes never overlap: in Dagster the second run waits in the queue for the pool (of one, see
    # dagster.yaml), in PostgreSQL for the function's advisory lock, whoever called it.
    pool=REFRESH_POOL,
)
def stock_metrics_view(
    context: dg.AssetExecutionContext,
    config: RefreshConfig,
    database: Database,
    deployment: Deployment,
) -> dg.MaterializeResult[None]:
    """Make the view if it is not there, then refresh it."""
    outcomes = []
    if config.deploy:
        outcomes = deploy_view(deployment.deployer(context.log.info))
    with database.connect() as connection:
        if ledger.deployed_at(connection) is None:
            raise dg.Failure(
                "There is no view to refresh yet: deploy Phase 2 with `soleflip deploy`.",
                allow_retries=False,
            )
        mode = current_mode(connection)
        done = _was_done_before(context, connection)
    if done:
        context.log.info("Skipped: the run that this one repeats died after it had refreshed.")
    elif config.refresh:
        _refresh(database)
    with database.connect() as connection:
        row = query_one(connection, "metrics/last_refresh.sql")
    if not config.refresh:
        row = _refreshed_by_pg_cron(database, row)
    with database.connect() as connection:
        shown = figures_metadata(connection)
    rows, replaced_age = f"{row['total_records']:,} rows", row["replaced_age_seconds"]
    if mode is Mode.LIVE:
        replaced_age = 0.0
        context.log.info(f"{rows} as of now: {mode.refresh}")
    else:
        context.log.info(f"refreshed {rows} in {row['refresh_seconds']:.2f} s")
    return dg.MaterializeResult(
        # The version is the definition's. With one for each refresh, the UI would call the deployment report
        # out of date from the first hour on.
        data_version=dg.DataVersion(VIEW_STEP.checksum),
        metadata={
            **shown,
            "dagster/row_count": row["total_records"],
            "dagster/size_bytes": row["bytes"],
            "last_refresh": dg.MetadataValue.timestamp(row["last_refresh"].astimezone(UTC)),
            "refresh_seconds": _rounded(row["refresh_seconds"]),
            # Of the figures that it replaced: those that it made are always new.
            "replaced_age_seconds": _rounded(replaced_age),
            **outcome_metadata(outcomes),
            "dagster/column_schema": column_schema(STOCK_METRICS_VIEW),
            "dagster/column_lineage": column_lineage(STOCK_METRICS_VIEW),
        },
    )


def _was_done_before(context: dg.AssetExecutionContext, connection: Connection) -> bool:
    """Whether this run repeats one that died, or heard no answer, after it had refreshed."""
    if REPEATED_TAG not in context.run.tags or context.run.root_run_id is None:
        return False
    first = context.instance.get_run_record_by_id(context.run.root_run_id)
    if first is None:
        return False
    asked_seconds_ago = time.time() - first.create_timestamp.timestamp()
    row = query_one(connection, "metrics/last_refresh.sql")
    return bool(row["age_seconds"] < asked_seconds_ago)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _refresh(database: Database) -> None:
    """Refresh, in a transaction that has an end whoever else is at it.

    Raises:
        dagster.Failure: another session held the lock for too long.
    """
    try:
        with database.limited(
            lock=deadlines.REFRESH_LOCK, statement=deadlines.REFRESH
        ) as connection:
            run_statement(connection, "metrics/refresh.sql")
    except DBAPIError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        raise dg.Failure(
            f"The refresh gave up after {deadlines.REFRESH_LOCK.seconds} s of waiting for a lock that "
            "another session holds: the metrics are as old as before. See `soleflip status`.",
            allow_retries=False,
        ) from error


def _refreshed_by_pg_cron(database: Database, row: RowMapping) -> RowMapping:
    """The refresh that pg_cron did, or is doing at this moment; the one before it if none comes.

    Raises:
        dagster.Failure: even that is older than the readers of the view rely on.
    """
    deadline = time.monotonic() + PG_CRON_LATE_AFTER_SECONDS
    with database.connect() as connection:
        while row["age_seconds"] > PG_CRON_LATE_AFTER_SECONDS and time.monotonic() < deadline:
            time.sleep(1)
            row = query_one(connection, "metrics/last_refresh.sql")
    if row["age_seconds"] > Freshness.from_environment().error.total_seconds():
        job = pg_cron.job(database.engine)
        said = (
            f"its last run {job['status']}: {job['message']}"
            if job and job["status"]
            else "it did not run"
        )
        raise dg.Failure(
            f"pg_cron has not refreshed the metrics for {row['age_seconds'] / 60:.0f} minutes ({said}); mend "
            "that, or give the refresh back to the schedule with `soleflip refresh --remove-pg-cron`.",
            allow_retries=False,
        )
    return row


assets = [stock_metrics_view]
checks = [build_asset_checks(key_of(STOCK_METRICS_VIEW))]
