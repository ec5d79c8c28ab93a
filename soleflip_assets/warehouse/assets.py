"""The tables of the warehouse as assets of Dagster, loaded together by one step.

An increment belongs to no month, so the assets are not partitioned; ``rebuild_warehouse`` takes months by its
configuration. Not here: how they are loaded.
"""

import re
from collections.abc import Iterator, Sequence

import dagster as dg
from pydantic import Field

from soleflip_assets.checks.shown import OWNERS
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.resource import Database
from soleflip_assets.ground.tables import STOCK
from soleflip_assets.warehouse.checks import asset_key
from soleflip_assets.warehouse.opening import open_work
from soleflip_assets.warehouse.tables import LOGS, SHOP_TABLES, Log, ShopTable

POOL = "warehouse"
RAW = "raw"

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class LoadConfig(dg.Config):
    """What is loaded.

    Attributes:
        again: load months again, not only what is new.
        months: which, as ``YYYY-MM``; all that the shop's log has where none is named.
    """

    again: bool = False
    months: list[str] = Field(default_factory=list)


def _spec(table: Log | ShopTable) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(table.name),
        deps=[key_of(STOCK)] if isinstance(table, Log) else [],
        group_name="warehouse",
        kinds={"iceberg", "parquet"},
        owners=OWNERS,
        description=table.description,
        metadata={
            "dagster/table_name": f"{RAW}.{table.name}",
            "dagster/column_schema": dg.TableSchema(
                columns=[dg.TableColumn(name, kind) for name, kind in table.columns.items()]
            ),
        },
    )


TABLES: Sequence[Log | ShopTable] = (*LOGS, *SHOP_TABLES)
SPECS = [_spec(table) for table in TABLES]


@dg.multi_asset(name="warehouse", specs=SPECS, pool=POOL)
def warehouse_tables(
    context: dg.AssetExecutionContext, config: LoadConfig, database: Database
) -> Iterator[dg.MaterializeResult[None]]:
    """Load what is new, or months again."""
    if wrong := [month for month in config.months if not _MONTH.fullmatch(month)]:
        raise ConfigurationError(f"{wrong[0]!r} is no month: write it as 2026-11.")
    work = open_work(database)
    tell = context.log.info
    loads = work.rebuild(tell, config.months) if config.again else work.load(tell)
    for loaded in loads:
        size = work.size(f"{RAW}.{loaded.name}")
        yield dg.MaterializeResult(
            asset_key=asset_key(loaded.name),
            metadata={
                "dagster/row_count": size.rows,
                "dagster/size_bytes": size.bytes,
                "rows_written": loaded.rows,
                "seconds": round(loaded.seconds, 3),
                "files": size.files,
                **({"snapshot": loaded.snapshot} if loaded.snapshot else {}),
            },
        )
