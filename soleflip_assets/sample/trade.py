"""Two years of trade of the sample shop: what it sold, where, and how long that took.

For the warehouse's pictures: orders, and pairs that were sold and archived, of which stock knows nothing any
more. Drawn by a seed, dated back from now. Not here: what is in stock, which is sample.py's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple, cast
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.ground.database import query_file, query_one, run_file
from soleflip_assets.sample.catalogue import PRODUCTS, SIZES, SUPPLIERS, Product, Size
from soleflip_assets.sample.sample import NAMES

_ARCHIVED = 3_600
# Before that, the shop was not there.
_DAYS = 730
# A sold pair stays in stock for so long.
_ARCHIVED_AFTER = timedelta(days=36)

_CALLED_OFF = 0.04
_RESERVED_BEFORE_SOLD = 0.3
# An asking price is lowered halfway where nobody buys for so long.
_LOWERED_AFTER = timedelta(days=10)

# Most customers wear 41 to 45: a bell around this place in SIZES.
_USUAL_SIZE, _SPREAD = 11, 3.2
# How much of a month's trade is done, January first.
_SEASON = (0.7, 0.6, 0.75, 0.8, 0.85, 0.8, 0.65, 0.6, 0.85, 0.95, 1.2, 1.3)
_COUNTRIES = (
    *("Germany",) * 42, *("France",) * 14, *("Italy",) * 10, *("Netherlands",) * 9, *("Austria",) * 8,
    *("Poland",) * 6, *("Spain",) * 5, *("United Kingdom",) * 3, *("Switzerland",) * 2, None,
)  # fmt: skip
_COMPLETED = ("completed", "COMPLETED")
_CALLED_OFF_WORDS = ("CANCELED", "AUTHFAILED", "cancelled")


@dataclass(frozen=True)
class _Platform:
    """Where pairs are sold.

    Attributes:
        name: for people.
        fee: percent of the price.
        weight: how many of a hundred sales it makes.
        payout_days: until it pays, about.
    """

    name: str
    fee: float
    weight: int
    payout_days: int

    @property
    def slug(self) -> str:
        """As stock.listed_on_platforms calls it."""
        return self.name.lower()

    @property
    def id(self) -> str:
        """As orders call it."""
        return _id("platform", self.slug)


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

_Row = tuple[Any, ...]


class _Sale(NamedTuple):
    """A pair that was sold; what it had cost may be unknown."""

    stock_id: str
    product: Product
    cost: float | None
    platform: _Platform
    delivered: datetime
    sold: datetime


def furnish(connection: Connection, now: datetime, seed: int = 2025) -> None:
    """Give a shop that ``fill`` has made two years of trade, in the caller's transaction.

    Args:
        connection: on a database that was filled with the sample ``production``, a moment ago.
        now: until when it traded.
        seed: another one gives another past of the same kind.
    """
    for path in ("sample/60_up_to_today.sql", NAMES, "sample/61_trade.sql"):
        run_file(connection, path)
    random = Random(f"trade {seed}")  # noqa: S311
    archived = [_archived(random, now) for _ in range(_ARCHIVED)]
    sales = [*(sale for sale, _ in archived), *_sold_lately(connection, random)]
    platforms = [(each.id, each.name, each.slug, each.fee) for each in _PLATFORMS]
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor:
        _copy(cursor, ("platform", "marketplace"), "id name slug fee_percentage", platforms)
        _copy(cursor, ("sales", "order"), _ORDER, (_order(random, now, sale) for sale in sales))
        _copy(cursor, ("sample", "archived_stock"), _ARCHIVE, (row for _, row in archived))


def remember(connection: Connection) -> datetime | None:
    """Tell the log what happened before it began, in the caller's transaction.

    Args:
        connection: on a database that has a log.

    Returns:
        When the first of it happened; None where there was nothing to tell: only the sample has, only once.
    """
    if not query_one(connection, "sample/71_has_archive.sql")["has_archive"]:
        return None
    run_file(connection, "sample/70_history.sql")
    first: datetime = query_one(connection, "sample/72_first_event.sql")["first_event"]
    return first


def _archived(random: Random, now: datetime) -> tuple[_Sale, _Row]:
    """A pair that was sold and archived, and its row of the archive."""
    while True:
        product = random.choice(PRODUCTS)
        bought = now - timedelta(days=_DAYS * random.random() ** 1.15)
        delivered = bought + timedelta(days=2 + random.random() * 8)
        listed = delivered + timedelta(days=0.2 + random.random() * 6)
        # Half of them within six weeks, few after half a year.
        wanted = random.expovariate(1 / (25 + 70 * _appeal(product, "days")))
        sold = listed + timedelta(days=1 + wanted)
        if sold + _ARCHIVED_AFTER <= now and random.random() < _SEASON[sold.month - 1]:
            break
    supplier = random.choice(SUPPLIERS)
    net = round(product.retail_price * (0.45 + random.random() * 0.6), 2)
    gross = round(net * (1.19 if supplier.has_profile else 1), 2)
    platform = random.choice(_PICKED)
    stock_id = str(UUID(bytes=random.randbytes(16), version=4))
    waited = sold - listed
    row = (
        stock_id, product.id, _size(random).id, supplier.id, supplier.name, net, gross,
        round(random.triangular(-10, 70, 20), 2), round(gross * (1.2 + 0.3 * random.random())), platform.slug,
        bought, delivered, listed,
        listed + waited * 0.5 if waited > _LOWERED_AFTER else None,
        listed + waited * 0.95 if random.random() < _RESERVED_BEFORE_SOLD else None,
        sold, sold + _ARCHIVED_AFTER,
    )  # fmt: skip
    return _Sale(stock_id, product, gross, platform, delivered, sold), row


def _sold_lately(connection: Connection, random: Random) -> Iterator[_Sale]:
    """What was sold and is still in stock."""
    products = {product.id: product for product in PRODUCTS}
    for row in query_file(connection, "sample/62_sold_stock.sql"):
        price = row["gross_purchase_price"]
        yield _Sale(
            row["id"],
            products[row["product_id"]],
            None if price is None else float(price),
            random.choice(_PICKED),
            row["delivery_date"],
            row["sold_at"],
        )


def _order(random: Random, now: datetime, sale: _Sale) -> _Row:
    """What a pair brought: more for one that many want, less the longer it lay."""
    cost, platform = sale.cost, sale.platform
    days = (sale.sold - sale.delivered).days
    wanted = 0.38 * _appeal(sale.product, "price")
    markup = 1.12 + wanted + random.gauss(0, 0.09) - 0.0008 * days
    gross_sale = round((cost or sale.product.retail_price) * max(markup, 0.7), 2)
    fee, shipping = round(gross_sale * platform.fee / 100, 2), random.choice((5.9, 6.9, 8.5))
    proceeds = round(gross_sale - fee, 2)
    gross_profit = round(proceeds - cost, 2) if cost else None
    profit = round(proceeds - cost - shipping, 2) if cost else None
    roi = round(profit / cost * 100, 2) if cost and profit is not None else None
    payout = sale.sold + timedelta(days=platform.payout_days * (0.7 + random.random()))
    called_off = random.random() < _CALLED_OFF
    status = random.choice(_CALLED_OFF_WORDS if called_off else _COMPLETED)
    return (
        _id("order", sale.stock_id), sale.stock_id, platform.id, status, sale.sold, gross_sale, proceeds,
        gross_profit, profit, roi, fee, shipping, random.choice(_COUNTRIES), payout <= now and not called_off,
        payout, days, sale.sold, sale.sold,
    )  # fmt: skip


def _size(random: Random) -> Size:
    place = round(random.gauss(_USUAL_SIZE, _SPREAD))
    return SIZES[min(max(place, 0), len(SIZES) - 1)]


def _appeal(product: Product, of: str) -> float:
    """From 0 to 1, the same for a product in every sample."""
    return Random(f"{of} {product.style_code}").random()  # noqa: S311


def _id(kind: str, key: str) -> str:
    return str(UUID(bytes=Random(f"{kind} {key}").randbytes(16), version=4))  # noqa: S311


def _copy(
    cursor: psycopg.Cursor[Any], table: tuple[str, str], columns: str, rows: Iterable[_Row]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table), sql.SQL(", ").join(map(sql.Identifier, columns.split()))
    )
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
