"""The tables of tables.py as Dagster's assets: keys, and what the UI shows of them.

Not here: which columns there are.
"""

import dagster as dg

from soleflip_assets.ground.tables import Table


def key_of(table: Table) -> dg.AssetKey:
    """The asset that models a table."""
    return dg.AssetKey(["inventory", table.name])


def table_metadata(table: Table) -> dict[str, object]:
    """What the UI shows of a table before anything has run."""
    return {
        "dagster/table_name": f"inventory.{table.name}",
        "dagster/column_schema": column_schema(table),
        "dagster/column_lineage": column_lineage(table),
    }


def column_schema(table: Table) -> dg.TableSchema:
    """Columns, types and descriptions for the UI."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                column.text,
                dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in table.columns
        ]
    )


def column_lineage(table: Table) -> dg.TableColumnLineage:
    """Which columns of which assets each column is filled from."""
    return dg.TableColumnLineage(
        deps_by_column={
            column.name: [
                dg.TableColumnDep(dg.AssetKey(["inventory", named]), source)
                for named, _, source in (name.partition(".") for name in column.sources)
            ]
            for column in table.columns
            if column.sources
        }
    )
