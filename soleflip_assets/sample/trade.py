"""Two years of trade of the sample shop: what it sold, where, and how long that took.

For the warehouse's pictures: orders, and pairs that were sold and archived, of which stock knows nothing any more. Drawn
by a seed, dated back from today. Not here: what is in stock, which is sample.py's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.ground.database import query_file, run_file
from soleflip_assets.sample.catalogue import PRODUCTS, SIZES, SUPPLIERS, Product, Size

ARCHIVED = 3_600

# Before that, the shop was not there.
_DAYS = 730
# A sold pair stays in stock for so long.
_ARCHIVED_AFTER = timedelta(days=36)
_CALLED_OFF = 0.04
_PERCENT = 100

# Most customers wear 41 to 45: a bell around this place in SIZES.
_USUAL_SIZE, _SPREAD = 11, 3.2
# How much of the year's trade falls into a month, January first.
_SEASON = (0.7, 0.6, 0.75, 0.8, 0.85, 0.8, 0.65, 0.6, 0.85, 0.95, 1.2, 1.3)
_COUNTRIES = (
    *("Germany",) * 42, *("France",) * 14, *("Italy",) * 10, *("Netherlands",) * 9, *("Austria",) * 8,
    *("Poland",) * 6, *("Spain",) * 5, *("United Kingdom",) * 3, *("Switzerland",) * 2, None,
)  # fmt: skip
_CALLED_OFF_WORDS = ("CANCELED", "AUTHFAILED", "cancelled")


@dataclass(frozen=True)
class _Platform:
    """Where a pair is sold: its fee in percent, how many of a hundred sales it makes, how many days until it pays."""

    name: str
    fee: float
    weight: int
    payout_days: int

    @property
    def slug(self) -> str:
        return self.name.lower()


_PLATFORMS = (
    _Platform("StockX", 9.5, 60, 6),
    _Platform("Alias", 8.0, 25, 4),
    _Platform("eBay", 11.0, 15, 12),
)
_PICKED = tuple(platform for platform in _PLATFORMS for _ in range(platform.weight))

_ORDER = (
    "id inventory_item_id platform_id status sold_at gross_sale net_proceeds gross_profit net_profit roi"
    " platform_fee shipping_cost buyer_destination_country payout_received payout_date shelf_life_days"
    " created_at updated_at"
)
_ARCHIVE = (
    "id product_id size_id supplier_id supplier purchase_price gross_purchase_price roi_percentage asked"
    " platform purchase_date delivery_date listed_at lowered_at reserved_at sold_at archived_at"
)

Row = tuple[Any, ...]


def furnish(connection: Connection, now: datetime, seed: int = 2025) -> None:
    """Give a shop that ``fill`` has made the names, orders and archive of two years, in the caller's transaction.

    Args:
        connection: on a database filled with the sample ``production``.
        now: until when it traded.
        seed: another one gives another past of the same kind.
    """
    for path in ("sample/60_up_to_today.sql", "sample/61_trade.sql"):
        run_file(connection, path)
    random = Random(f"trade {seed}")  # noqa: S311
    orders: list[Row] = []
    archive = list(_archived_pairs(random, now, orders))
    for row in query_file(connection, "sample/62_sold_stock.sql"):
        cost = row["gross_purchase_price"]
        product = next(product for product in PRODUCTS if product.id == row["product_id"])
        orders.append(
            _order(
                random, now, product, row["id"], float(cost) if cost is not None else None,
                random.choice(_PICKED), row["delivery_date"], row["sold_at"],
            )
        )  # fmt: skip
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor:
        platforms = [
            (_id("platform", each.slug), each.name, each.slug, each.fee) for each in _PLATFORMS
        ]
        _copy(cursor, ("platform", "marketplace"), "id name slug fee_percentage", platforms)
        _copy(cursor, ("sales", "order"), _ORDER, orders)
        _copy(cursor, ("sample", "archived_stock"), _ARCHIVE, archive)


def remember(connection: Connection) -> None:
    """Tell the log what happened before it began, in the caller's transaction; nothing where that was done.

    Args:
        connection: on a database that ``furnish`` has filled and that has a log.
    """
    if query_file(connection, "sample/71_has_archive.sql")[0]["has_archive"]:
        run_file(connection, "sample/70_history.sql")


def _archived_pairs(random: Random, now: datetime, orders: list[Row]) -> Iterator[Row]:
    """Pairs that were sold and archived; the order of each is added to the orders."""
    while len(orders) < ARCHIVED:
        product = random.choice(PRODUCTS)
        age = _DAYS * random.random() ** 1.15
        bought = now - timedelta(days=age)
        delivered = bought + timedelta(days=2 + random.random() * 8)
        listed = delivered + timedelta(days=0.2 + random.random() * 6)
        # Half of them within six weeks, few after half a year.
        sold = listed + timedelta(days=1 + random.expovariate(1 / (25 + 70 * _appeal(product, "days"))))
        if sold + _ARCHIVED_AFTER > now or random.random() > _SEASON[sold.month - 1]:
            continue
        supplier = random.choice(SUPPLIERS)
        net = round(product.retail_price * (0.45 + random.random() * 0.6), 2)
        gross = round(net * (1.19 if supplier.has_profile else 1), 2)
        platform = random.choice(_PICKED)
        id_ = str(UUID(bytes=random.randbytes(16), version=4))
        order = _order(random, now, product, id_, gross, platform, delivered, sold)
        orders.append(order)
        asked = round(float(order[5]) * (1 + 0.05 * random.random()))
        waited = sold - listed
        yield (
            id_, product.id, _size(random).id, supplier.id, supplier.name, net, gross,
            round(random.triangular(-10, 70, 20), 2), asked, platform.slug, bought, delivered, listed,
            listed + waited * 0.5 if waited.days > 10 else None,
            listed + waited * 0.95 if random.random() < 0.3 else None,
            sold, sold + _ARCHIVED_AFTER,
        )  # fmt: skip


def _size(random: Random) -> Size:
    place = round(random.gauss(_USUAL_SIZE, _SPREAD))
    return SIZES[min(max(place, 0), len(SIZES) - 1)]


def _order(
    random: Random,
    now: datetime,
    product: Product,
    stock_id: str,
    cost: float | None,
    platform: _Platform,
    delivered: datetime,
    sold: datetime,
) -> Row:
    """What a pair brought: more for one that many want, less the longer it lay."""
    days = (sold - delivered).days
    markup = 1.12 + 0.38 * _appeal(product, "price") + random.gauss(0, 0.09) - 0.0008 * days
    gross_sale = round((cost or product.retail_price) * max(markup, 0.7), 2)
    fee, shipping = round(gross_sale * platform.fee / _PERCENT, 2), random.choice((5.9, 6.9, 8.5))
    proceeds = round(gross_sale - fee, 2)
    profit = round(proceeds - shipping - cost, 2) if cost else None
    payout = sold + timedelta(days=platform.payout_days * (0.7 + random.random()))
    called_off = random.random() < _CALLED_OFF
    status = random.choice(_CALLED_OFF_WORDS) if called_off else random.choice(("completed", "COMPLETED"))
    return (
        _id("order", stock_id), stock_id, _id("platform", platform.slug), status, sold, gross_sale, proceeds,
        round(proceeds - cost, 2) if cost else None, profit,
        round(profit / cost * _PERCENT, 2) if cost and profit is not None else None,
        fee, shipping, random.choice(_COUNTRIES), payout <= now and not called_off, payout, days, sold, sold,
    )  # fmt: skip


def _appeal(product: Product, of: str) -> float:
    """From 0 to 1, the same for a product in every sample."""
    return Random(f"{of} {product.style_code}").random()  # noqa: S311


def _id(kind: str, key: str) -> str:
    return str(UUID(bytes=Random(f"{kind} {key}").randbytes(16), version=4))  # noqa: S311


def _copy(cursor: psycopg.Cursor[Any], table: tuple[str, str], columns: str, rows: list[Row]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table), sql.SQL(", ").join(map(sql.Identifier, columns.split()))
    )
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
