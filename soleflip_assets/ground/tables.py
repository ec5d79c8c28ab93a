"""The tables and columns that Phase 2 meets and makes, in words: the contract of shared names and types.

Here: names, types, descriptions, and which column came from which. Not here: SQL, or what a column is for in
the application. The UI's column schemas (assets.py), the preflight's expected types and the sample read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: its name.
        type: as PostgreSQL's ``format_type`` prints it.
        description: what it holds, with its unit.
        nullable: whether it may be NULL.
        sources: the columns that it is filled from, as ``table.column`` of schema inventory.
        default: what it holds where a row does not say, as PostgreSQL prints it; None if nothing is promised.
    """

    name: str
    type: str
    description: str
    nullable: bool = True
    sources: Sequence[str] = ()
    default: str | None = None

    @property
    def text(self) -> str:
        """The description with the sources, for the UI: its free edition draws no column lineage."""
        if not self.sources:
            return self.description
        names = ", ".join(f"`{source}`" for source in self.sources)
        return f"{self.description}. From {names}."


@dataclass(frozen=True)
class Table:
    """A table or materialized view of schema inventory."""

    name: str
    description: str
    columns: Sequence[Column]
    kind: str = field(default="table")


_ID = Column("id", "uuid", "Primary key", nullable=False)
_STOCK_ID = Column("stock_id", "uuid", "The stock row, inventory.stock.id", nullable=False)
_TIMES = (
    Column(
        "created_at",
        "timestamp with time zone",
        "When the application made it",
        nullable=False,
        default="now()",
    ),
    Column(
        "updated_at",
        "timestamp with time zone",
        "When the application changed it",
        nullable=False,
        default="now()",
    ),
)

STOCK_FINANCIAL = Table(
    "stock_financial",
    "Legacy: prices of a stock row a second time. Wholly redundant with stock.",
    (
        _ID,
        _STOCK_ID,
        Column("purchase_price", "numeric(10,2)", "Net of VAT, EUR", nullable=False),
        Column("gross_purchase_price", "numeric(10,2)", "With VAT, EUR", nullable=False),
        Column("vat_amount", "numeric(10,2)", "EUR", nullable=False),
        Column("profit_per_shelf_day", "numeric(10,2)", "EUR per day"),
        Column("roi", "numeric(5,2)", "Return on investment, percent"),
        *_TIMES,
    ),
)

STOCK_LIFECYCLE = Table(
    "stock_lifecycle",
    "Legacy: where a stock row was listed and what states it went through.",
    (
        _ID,
        _STOCK_ID,
        Column("shelf_life_days", "integer", "Days"),
        Column("listed_on_platforms", "jsonb", "Array of listings, by platform"),
        Column("status_history", "jsonb", "Array of status changes, oldest first"),
        *_TIMES,
    ),
)

STOCK_METRICS = Table(
    "stock_metrics",
    "Legacy: stored metrics of a stock row; only reserved_quantity cannot be computed.",
    (
        _ID,
        _STOCK_ID,
        Column("available_quantity", "integer", "Units not reserved", nullable=False),
        Column("reserved_quantity", "integer", "Units reserved", nullable=False),
        Column("total_cost", "numeric(12,2)", "The price of one unit, EUR with VAT"),
        Column("expected_profit", "numeric(15,2)", "Of one unit, EUR"),
        Column(
            "last_calculated_at", "timestamp with time zone", "When it was computed", nullable=False
        ),
        *_TIMES,
    ),
)

LEGACY_TABLES: Sequence[Table] = (STOCK_FINANCIAL, STOCK_LIFECYCLE, STOCK_METRICS)


def backup_of(table: Table) -> Table:
    """The backup of a legacy table: the same columns, filled from it."""
    return Table(
        f"{table.name}_backup",
        f"What {table.name} held when Phase 2 was deployed, with its constraints and indexes.",
        [
            Column(
                column.name,
                column.type,
                column.description,
                column.nullable,
                sources=[f"{table.name}.{column.name}"],
            )
            for column in table.columns
        ],
    )


STOCK_BEFORE: Sequence[Column] = (
    _ID,
    Column("product_id", "uuid", "The product, catalog.product.id", nullable=False),
    Column("size_id", "uuid", "The size", nullable=False),
    Column("supplier_id", "uuid", "The supplier, supplier.profile.id"),
    Column("quantity", "integer", "Units there are, reserved ones included", nullable=False),
    Column("purchase_price", "numeric(10,2)", "Per unit, net of VAT, EUR"),
    Column("purchase_date", "timestamp with time zone", "When it was bought"),
    Column("supplier", "character varying(100)", "The supplier as free text"),
    Column(
        "status",
        "character varying(50)",
        "in_stock, listed_stockx, listed_alias, reserved, sold, …",
        nullable=False,
    ),
    Column("notes", "text", "Free text"),
    Column("external_ids", "jsonb", "Ids in other systems, by name"),
    Column("delivery_date", "timestamp with time zone", "When it arrived"),
    Column("gross_purchase_price", "numeric(10,2)", "Per unit, with VAT, EUR"),
    Column("vat_amount", "numeric(10,2)", "EUR"),
    Column("vat_rate", "numeric(5,2)", "Percent; 19.00 is usual"),
    Column("shelf_life_days", "integer", "Days"),
    Column("profit_per_shelf_day", "numeric(10,2)", "EUR per day"),
    Column("roi_percentage", "numeric(5,2)", "Return on investment, percent; can be negative"),
    Column("location", "character varying(50)", "Where it lies"),
    Column("listed_stockx", "boolean", "Listed on StockX"),
    Column("listed_alias", "boolean", "Listed on Alias"),
    Column("listed_local", "boolean", "Listed locally"),
    Column("detailed_status", "inventory.inventory_status", "Step of the fulfilment"),
    *_TIMES,
)

STOCK = Table(
    "stock",
    "Every pair SoleFlip owns, with what was in three side tables before Phase 2.",
    (
        *STOCK_BEFORE,
        Column(
            "listed_on_platforms",
            "jsonb",
            "Platform listing history (StockX, eBay, etc.)",
            sources=["stock_lifecycle.listed_on_platforms"],
        ),
        Column(
            "status_history",
            "jsonb",
            "Historical status changes with timestamps",
            sources=["stock_lifecycle.status_history"],
        ),
        Column(
            "reserved_quantity",
            "integer",
            "Currently reserved units",
            sources=["stock_metrics.reserved_quantity"],
            default="0",
        ),
    ),
)

STOCK_METRICS_VIEW = Table(
    "stock_metrics_view",
    "Metrics of every stock row, computed at the last refresh, and what all of it amounts to. Replaces "
    "stock_metrics. Money is EUR with VAT; total_cost and expected_profit are those of one unit, and the "
    "value at cost is units times price.",
    (
        Column("stock_id", "uuid", "The stock row", sources=["stock.id"]),
        Column("total_quantity", "integer", "Units there are", sources=["stock.quantity"]),
        Column(
            "available_quantity",
            "integer",
            "Units not reserved",
            sources=["stock.quantity", "stock.reserved_quantity"],
        ),
        Column(
            "reserved_quantity", "integer", "Units reserved", sources=["stock.reserved_quantity"]
        ),
        Column(
            "total_cost",
            "numeric(10,2)",
            "The price of one unit, EUR with VAT: times total_quantity it is the value of the row",
            sources=["stock.gross_purchase_price"],
        ),
        Column(
            "expected_profit",
            "numeric",
            "Of one unit, EUR; NULL where the return is not positive or not known",
            sources=["stock.gross_purchase_price", "stock.roi_percentage"],
        ),
        Column("last_calculated_at", "timestamp with time zone", "When the refresh began"),
        Column(
            "created_at",
            "timestamp with time zone",
            "Of the stock row",
            sources=["stock.created_at"],
        ),
        Column(
            "updated_at",
            "timestamp with time zone",
            "Of the stock row",
            sources=["stock.updated_at"],
        ),
    ),
    kind="materialized view",
)
