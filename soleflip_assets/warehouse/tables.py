"""Which tables the warehouse has, with the columns of each.

Here: names and types, as the warehouse keeps them: ids as text, since Spark refuses Parquet's UUID; money as
decimals; times in UTC. Types have Arrow's names. Arrow itself, 26 MB, is not imported: Dagster's definitions
read this. Not here: Arrow's types (arrow.py), how a table is filled (loading.py), or where its files lie
(store.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TEXT = "string"
INTEGER = "int32"
NUMBER = "int64"
TIME = "timestamp[us, tz=UTC]"
FLAG = "bool"
MONEY = "decimal128(10, 2)"
PERCENT = "decimal128(5, 2)"
AMOUNT = "decimal128(18, 2)"
"""Money and percentages of tables that are not ours, whose columns may be wider."""
SIZE = "decimal128(4, 1)"

EVENT_TIME = "occurred_at"
"""The column by whose month, in UTC, a log is partitioned."""


@dataclass(frozen=True)
class Log:
    """A table of events, which only grows: loaded by what was written since.

    Attributes:
        name: in the warehouse and, in schema inventory_ops, in the shop.
        description: for people.
        columns: in order, with their types.
    """

    name: str
    description: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class ShopTable:
    """A table of the application's: loaded whole when it has changed.

    Attributes:
        name: in the warehouse.
        description: for people.
        source: schema and name in the shop, unless ``SOLEFLIP_WAREHOUSE_TABLES`` says another one.
        columns: in order, with their types.
        sources: how a column is called in the shop, where it has another name there.
    """

    name: str
    description: str
    source: str
    columns: Mapping[str, str]
    sources: Mapping[str, str] = field(default_factory=dict)

    def source_of(self, column: str) -> str:
        """What a column is called in the shop."""
        return self.sources.get(column, column)


STOCK_EVENT = Log(
    "stock_event",
    "Every version of every stock row since the log began, one row each.",
    {
        "event_id": NUMBER,
        "occurred_at": TIME,
        "transaction_id": NUMBER,
        "kind": TEXT,
        "stock_id": TEXT,
        "changed": TEXT,
        "product_id": TEXT,
        "size_id": TEXT,
        "supplier_id": TEXT,
        "supplier": TEXT,
        "quantity": INTEGER,
        "reserved_quantity": INTEGER,
        "purchase_price": MONEY,
        "gross_purchase_price": MONEY,
        "roi_percentage": PERCENT,
        "profit_per_shelf_day": MONEY,
        "status": TEXT,
        "detailed_status": TEXT,
        "location": TEXT,
        "purchase_date": TIME,
        "delivery_date": TIME,
        "created_at": TIME,
        "updated_at": TIME,
        "listed_on_platforms": TEXT,
    },
)

RESERVATION_EVENT = Log(
    "reservation_event",
    "Every version of every reservation since the log began, one row each; not who reserved.",
    {
        "event_id": NUMBER,
        "occurred_at": TIME,
        "transaction_id": NUMBER,
        "kind": TEXT,
        "reservation_id": TEXT,
        "stock_id": TEXT,
        "changed": TEXT,
        "reserved_quantity": INTEGER,
        "status": TEXT,
        "reserved_until": TIME,
        "reservation_reason": TEXT,
        "created_at": TIME,
        "updated_at": TIME,
    },
)

LOGS: Sequence[Log] = (STOCK_EVENT, RESERVATION_EVENT)

# Orders first: a product that an order names is then at least as new as the order.
SHOP_TABLES: Sequence[ShopTable] = (
    ShopTable(
        "sales_order",
        "The application's orders: what was sold, where, for how much.",
        "sales.order",
        {
            "id": TEXT,
            "stock_id": TEXT,
            "platform_id": TEXT,
            "status": TEXT,
            "sold_at": TIME,
            "gross_sale": AMOUNT,
            "net_proceeds": AMOUNT,
            "gross_profit": AMOUNT,
            "net_profit": AMOUNT,
            "roi": AMOUNT,
            "platform_fee": AMOUNT,
            "shipping_cost": AMOUNT,
            "buyer_destination_country": TEXT,
            "payout_received": FLAG,
            "payout_date": TIME,
            "shelf_life_days": INTEGER,
            "created_at": TIME,
            "updated_at": TIME,
        },
        sources={"stock_id": "inventory_item_id"},
    ),
    ShopTable(
        "product",
        "The products of the catalogue.",
        "catalog.product",
        {
            "id": TEXT,
            "sku": TEXT,
            "name": TEXT,
            "brand_id": TEXT,
            "category_id": TEXT,
            "retail_price": AMOUNT,
        },
    ),
    ShopTable("brand", "The brands of the catalogue.", "catalog.brand", {"id": TEXT, "name": TEXT}),
    ShopTable(
        "category",
        "The categories of the catalogue.",
        "catalog.category",
        {"id": TEXT, "name": TEXT},
    ),
    ShopTable(
        "size",
        "The sizes of the catalogue.",
        "catalog.sizes",
        {
            "id": TEXT,
            "value": TEXT,
            "standardized_value": SIZE,
            "region": TEXT,
        },
    ),
    ShopTable(
        "supplier",
        "Whom stock was bought from.",
        "supplier.profile",
        {"id": TEXT, "name": TEXT},
    ),
    ShopTable(
        "platform",
        "Where stock is sold, and for which fee.",
        "platform.marketplace",
        {"id": TEXT, "name": TEXT, "fee_percentage": AMOUNT},
    ),
)

LOAD_STATE = {
    "loaded_at": TIME,
    "log_began_at": TIME,
    "database": TEXT,
    "system_identifier": TEXT,
}
"""The one row that says as of when the tables hold what they hold."""
