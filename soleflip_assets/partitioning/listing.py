"""How the tables in partitions are shown on a terminal. Not here: what is shown (keeping.py)."""

from collections.abc import Mapping, Sequence
from typing import Any

_MEGABYTE = 2**20


def lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line each, aligned, below a line of headings.

    Args:
        found: rows of ``keeping.shown``.
    """
    if not found:
        return ["No table is kept in partitions: see `soleflip partition --help`."]
    header = (
        "table",
        "by",
        "MB",
        "rows",
        "months",
        "from",
        "to",
        "next month",
        "keep",
        "in no month",
    )
    rows = [
        (
            row["table"],
            row["column"],
            f"{row['bytes'] / _MEGABYTE:,.1f}",
            f"{row['rows']:,}",
            str(row["months"]) if row["state"] == "partitioned" else row["state"],
            row["first_month"] or "-",
            row["last_month"] or "-",
            "there" if row["next_month"] else "MISSING",
            _keep(row),
            f"{row['rows_in_rest']:,}",
        )
        for row in found
    ]
    widths = [max(len(cells[number]) for cells in (header, *rows)) for number in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in (header, *rows)
    ]


def _keep(row: Mapping[str, Any]) -> str:
    if not row["keep"]:
        return "all"
    return f"{row['keep']}, archived" if row["archive"] else str(row["keep"])
