"""What the stock amounts to, as people ask for it: units, money, and what is worth a look.

Here: from rows to the numbers and tables that an asset's page shows. Not here: what is added up, which is
sql/metrics/figures.sql's, or which rows are shown, which is sql/metrics/worth_a_look.sql's.
"""

from typing import Any

import dagster as dg
from sqlalchemy import Connection, RowMapping

from soleflip_assets.checks.shown import markdown_table
from soleflip_assets.ground.database import query_file

# Names are those of the statement; each becomes a number that the UI plots.
FIGURES = (
    "units",
    "units_available",
    "units_reserved",
    "units_without_price",
    "value_at_cost_eur",
    "expected_profit_eur",
)
# Narrow enough for the page of an asset, which does not scroll.
_HEADING = ("Status", "Units", "Available", "Value, EUR")
_KINDS = {
    "few left": "Few left",
    "worth most": "Worth most",
    "longest on the shelf": "Longest on the shelf",
}


def figures(connection: Connection) -> dict[str, Any]:
    """What stock amounts to, as of the last refresh: each of FIGURES, EUR with VAT.

    Args:
        connection: a database that Phase 2 is deployed in.
    """
    total, *_ = query_file(connection, "metrics/figures.sql")
    return {name: total[name] for name in FIGURES}


def figures_metadata(connection: Connection) -> dict[str, Any]:
    """The figures as numbers, by status as a table, and what is worth a look; for a materialization.

    Args:
        connection: a database that Phase 2 is deployed in.
    """
    total, *by_status = query_file(connection, "metrics/figures.sql")
    return {
        **{name: total[name] for name in FIGURES},
        "by_status": dg.MetadataValue.md(_by_status([*by_status, total])),
        "worth_a_look": dg.MetadataValue.md(
            _worth_a_look(query_file(connection, "metrics/worth_a_look.sql"))
        ),
    }


def _by_status(rows: list[RowMapping]) -> str:
    return markdown_table(
        _HEADING,
        (
            (
                "**all**" if row["is_total"] else row["status"] or "gone since",
                f"{row['units']:,}",
                f"{row['units_available']:,}",
                f"{row['value_at_cost_eur']:,.0f}",
            )
            for row in rows
        ),
        numbers=range(1, len(_HEADING)),
    )


def _worth_a_look(rows: list[RowMapping]) -> str:
    parts = []
    for kind, title in _KINDS.items():
        table = markdown_table(
            (
                "Stock row",
                "Status",
                "Location",
                "Units",
                "Available",
                "Value at cost, EUR",
                "Days on the shelf",
            ),
            (
                (
                    f"`{row['stock_id']}`",
                    row["status"],
                    row["location"],
                    row["units"],
                    row["available"],
                    "" if row["value"] is None else f"{row['value']:,.2f}",
                    row["days"],
                )
                for row in rows
                if row["kind"] == kind
            ),
            numbers=range(3, 7),
        )
        parts.append(f"### {title}\n\n{table}")
    return "\n\n".join(parts)
