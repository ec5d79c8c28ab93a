"""The sample shop: the schema before Phase 2 and rows that look like SoleFlip's.

Data flows one way: a seeded generator draws an item, functions write it as lines of PostgreSQL's text
format, COPY streams the lines. Text, not binary: that saves the server a tenth of its work and costs
Python more. Not here: what the shop deals in, which is catalogue.py's; what may happen to an item, which
is stories.py's; when a database is to be filled, which is up to the caller.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import islice
from random import Random
from typing import Any, NamedTuple, TypeVar, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.ground.database import run_file
from soleflip_assets.ground.settings import Sample
from soleflip_assets.ground.tables import LEGACY_TABLES, STOCK_BEFORE
from soleflip_assets.sample.catalogue import PRODUCTS, SIZES, SUPPLIERS, Product, Size, Supplier
from soleflip_assets.sample.stories import INCOMING, NULL, STORIES, Story

PRODUCTION_ROWS = 1172

T = TypeVar("T")

# Time is counted in minutes since the first day: integers are cheaper to draw, to add and, with two
# small tables, to write than datetimes, and an item has about ten moments.
_FIRST_DAY = date(2024, 1, 1)
_DAY_OF_DEPLOYMENT = date(2025, 11, 29)
_DAY = 24 * 60
_END = (_DAY_OF_DEPLOYMENT - _FIRST_DAY).days * _DAY
_DATES = [(_FIRST_DAY + timedelta(days=day)).isoformat() for day in range(_END // _DAY + 60)]
_TIMES = [f"T{minute // 60:02d}:{minute % 60:02d}:00+00:00" for minute in range(_DAY)]

# Items held in memory; lines sent at a time, few enough for the server to work while we draw more.
_BATCH = 5_000
_PIECE = 100

# Shares of all items.
_UNKNOWN_PRICE = 0.02
_UNKNOWN_ROI = 0.08
_RESERVED_AT_RANDOM = 0.16
_CLOSED_RESERVATION = 0.08
_PENDING_RESERVATION = 0.02
_SEVERAL_LIFECYCLE_ROWS = 0.02

# A pick from these is a weighted one.
_STORIES = [story for story in STORIES for _ in range(story.weight)]

# Most customers wear 41 to 45.
_SIZES = (*SIZES, *SIZES[8:15] * 4)

_QUANTITIES = (1,) * 60 + (2,) * 22 + (3,) * 10 + (4, 4, 5, 5, 6, 8, 10, 12)

_NOTES = (None,) * 17 + ("box lid damaged", "extra laces included", "receipt on file")

_LOCATIONS = tuple(f"{shelf}-{place:02d}" for shelf in "ABCDEF" for place in range(1, 25))

_RESERVATION_REASONS = ("customer hold", "pending payment", "bid accepted", "local pickup")

_RESERVED_BY = ("anna", "jonas", "mehmet", "stockx-sync")

_CLOSED = ("released", "fulfilled", "expired")

NAMES = "sample/05_names.sql"
"""What both samples of the real shop have around stock: catalogue, suppliers, platforms, orders."""

_APPLIED = (
    NAMES,
    "sample/10_surroundings.sql",
    "sample/20_applied_by_hand.sql",
    "sample/30_in_use.sql",
)
_LEGACY_DROPPED = (*_APPLIED, "sample/40_legacy_tables_dropped.sql")
# What was done to the shop since, by hand.
_SINCE: Mapping[Sample, Sequence[str]] = {
    "applied": _APPLIED,
    "legacy_dropped": _LEGACY_DROPPED,
    "backups_dropped": (*_LEGACY_DROPPED, "sample/50_backups_dropped.sql"),
}

_COLUMNS = {
    "product": "id brand model colorway style_code retail_price",
    "size": "id eu_size us_size",
    "stock": " ".join(column.name for column in STOCK_BEFORE),
    **{table.name: " ".join(column.name for column in table.columns) for table in LEGACY_TABLES},
    "stock_reservation": "id stock_id reserved_quantity reserved_until reservation_reason status"
    " reserved_by created_at updated_at",
}


class _Price(NamedTuple):
    """What was paid for an item: cents, and the VAT rate in whole percent."""

    net: int
    vat: int
    gross: int
    rate: int


class _Item(NamedTuple):
    """One row of inventory.stock and all that the side tables say about it.

    Moments are minutes since the first day, money is in cents, the ROI in hundredths of a percent.
    """

    id: str
    product: Product
    size: Size
    supplier: Supplier
    story: Story
    quantity: int
    reserved: int
    price: _Price | None
    roi: int | None
    profit: int | None
    purchased: int
    created: int
    delivered: int | None
    moments: tuple[int, ...]
    updated: int
    shelf_life_days: int | None
    listing_number: int
    location: str | None
    notes: str | None


def create_legacy_schema(connection: Connection) -> None:
    """Create the schema as it stood before Phase 2, without rows.

    Raises:
        sqlalchemy.exc.ProgrammingError: it is there already.
    """
    run_file(connection, "legacy/01_schema.sql")


def fill(
    connection: Connection, sample: Sample, rows: int = PRODUCTION_ROWS, seed: int = 2025
) -> None:
    """Fill an empty legacy schema, in the caller's transaction.

    The same arguments give the same bytes. Both samples hold the same products, sizes and stock;
    ``busy`` adds the rows of the three legacy tables and of stock_reservation. The others are what the shop
    is today: with what stands around stock, Phase 2 applied by hand and in use (``applied``), then without
    the legacy tables (``legacy_dropped``), then without the backups (``backups_dropped``). Memory stays flat
    however many rows there are. Statistics are the caller's business: VACUUM ANALYZE, which is what
    a benchmark wants, cannot run inside a transaction.

    Args:
        connection: on a database that ``create_legacy_schema`` has prepared.
        sample: which tables to fill.
        rows: of inventory.stock.
        seed: another one gives another shop of the same kind.

    Raises:
        psycopg.errors.UniqueViolation: the schema is not empty.
    """
    if not connection.in_transaction():
        # COPY goes past SQLAlchemy, which would otherwise have nothing to commit.
        connection.begin()
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor:
        _copy(cursor, "product", map(_product_line, PRODUCTS))
        _copy(cursor, "size", map(_size_line, SIZES))
        # Two generators: what the side tables draw must not change the stock.
        random, side_random = Random(f"stock {seed}"), Random(f"side tables {seed}")  # noqa: S311
        items = (_draw_item(random) for _ in range(rows))
        while batch := list(islice(items, _BATCH)):
            _copy(cursor, "stock", map(_stock_line, batch))
            if sample == "busy":
                _copy_side_tables(cursor, batch, side_random)
    for path in _SINCE.get(sample, ()):
        run_file(connection, path)


def _copy_side_tables(cursor: psycopg.Cursor[Any], items: list[_Item], random: Random) -> None:
    _copy(cursor, "stock_financial", (_financial_line(item, random) for item in items))
    _copy(cursor, "stock_metrics", (_metrics_line(item, random) for item in items))
    _copy(cursor, "stock_lifecycle", _flatten(_lifecycle_lines(item, random) for item in items))
    _copy(cursor, "stock_reservation", _flatten(_reservation_lines(item, random) for item in items))


def _flatten(lines: Iterable[list[str]]) -> Iterator[str]:
    return (line for group in lines for line in group)


def _copy(cursor: psycopg.Cursor[Any], table: str, lines: Iterable[str]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier("inventory", table),
        sql.SQL(", ").join(map(sql.Identifier, _COLUMNS[table].split())),
    )
    lines = iter(lines)
    with cursor.copy(statement) as copy:
        while piece := "".join(islice(lines, _PIECE)):
            copy.write(piece)


def _pick(random: Random, choices: Sequence[T]) -> T:
    """Random.choice at a third of its price: the bias of multiplying is of no matter here."""
    return choices[int(random.random() * len(choices))]


def _uuid(random: Random) -> str:
    """A version 4 UUID, which is what the application draws."""
    digits = random.randbytes(16).hex()
    return f"{digits[:12]}4{digits[13:16]}a{digits[17:]}"


def _draw_item(random: Random) -> _Item:
    product = _pick(random, PRODUCTS)
    purchased = int(random.random() * (_END - _DAY))
    created = purchased + int(random.random() * _DAY)
    arrival = purchased + 2 * _DAY + int(random.random() * 10 * _DAY)
    delivered = arrival if arrival < _END else None
    story = INCOMING if delivered is None else _pick(random, _STORIES)
    moments = _draw_moments(random, delivered, story)
    shelf_life_days = _shelf_life_days(story, moments)
    supplier = _pick(random, SUPPLIERS)
    price = _draw_price(random, product, supplier)
    roi = _draw_roi(random) if price else None
    quantity = 0 if story.status == "sold" else _pick(random, _QUANTITIES)
    return _Item(
        id=_uuid(random),
        product=product,
        size=_pick(random, _SIZES),
        supplier=supplier,
        story=story,
        quantity=quantity,
        reserved=_draw_reserved(random, story, quantity),
        price=price,
        roi=roi,
        profit=_rounded(price.gross * roi, 10_000) if price and roi is not None else None,
        purchased=purchased,
        created=created,
        delivered=delivered,
        moments=moments,
        updated=moments[-1] if moments else created,
        shelf_life_days=shelf_life_days,
        listing_number=10_000_000 + int(random.random() * 90_000_000),
        location=_pick(random, _LOCATIONS) if quantity and delivered is not None else None,
        notes=_pick(random, _NOTES),
    )


def _draw_moments(random: Random, delivered: int | None, story: Story) -> tuple[int, ...]:
    """When the delivery came and each step was made, oldest first; empty before the delivery."""
    if delivered is None:
        return ()
    moments = [delivered]
    for _ in story.steps:
        # Half of what is left, so that there is always something left for the next one.
        moments.append(moments[-1] + int(random.random() * (_END - moments[-1]) / 2))
    return tuple(moments)


def _draw_price(random: Random, product: Product, supplier: Supplier) -> _Price | None:
    """Between an outlet's price and a release nobody could buy; unknown for one item in fifty."""
    if random.random() < _UNKNOWN_PRICE:
        return None
    net = int(product.retail_price * (45 + random.random() * 60))
    # The margin scheme: a private person charges no VAT.
    rate = 19 if supplier.has_profile else 0
    vat = _rounded(net * rate, 100)
    return _Price(net, vat, net + vat, rate)


def _draw_roi(random: Random) -> int | None:
    """From -40 to 180 percent, an eighth of them a loss; sometimes unknown."""
    if random.random() < _UNKNOWN_ROI:
        return None
    return int(random.triangular(-4_000, 18_000, 1_500))


def _draw_reserved(random: Random, story: Story, quantity: int) -> int:
    """Units held by active reservations: of a fifth of all items, with every reserved one among them."""
    if quantity and (story.status == "reserved" or random.random() < _RESERVED_AT_RANDOM):
        return 1 + int(random.random() * quantity)
    return 0


def _shelf_life_days(story: Story, moments: tuple[int, ...]) -> int | None:
    if not moments:
        return None
    left = moments[-1] if story.status == "sold" else _END
    return (left - moments[0]) // _DAY


def _product_line(product: Product) -> str:
    return (
        f"{product.id}\t{product.brand}\t{product.model}\t{product.colorway}\t{product.style_code}"
        f"\t{product.retail_price}\n"
    )


def _size_line(size: Size) -> str:
    return f"{size.id}\t{size.eu}\t{size.us}\n"


def _stock_line(item: _Item) -> str:
    story, supplier = item.story, item.supplier
    net, vat, gross, rate = item.price or (None, None, None, None)
    return (
        f"{item.id}\t{item.product.id}\t{item.size.id}\t{_text(supplier.id)}\t{item.quantity}"
        f"\t{_money(net)}\t{_moment(item.purchased)}\t{_text(supplier.name)}\t{story.status}"
        f"\t{_text(item.notes)}\t{story.external_ids % {'number': item.listing_number}}"
        f"\t{_moment(item.delivered)}\t{_money(gross)}\t{_money(vat)}\t{_text(rate)}"
        f"\t{_text(item.shelf_life_days)}\t{_profit_per_shelf_day(item)}\t{_money(item.roi)}"
        f"\t{_text(item.location)}\t{story.flags}\t{story.detailed_status}"
        f"\t{_moment(item.created)}\t{_moment(item.updated)}\n"
    )


def _financial_line(item: _Item, random: Random) -> str:
    # The legacy table knew no NULL price.
    net, vat, gross, _ = item.price or (0, 0, 0, 0)
    return (
        f"{_uuid(random)}\t{item.id}\t{_money(net)}\t{_money(gross)}\t{_money(vat)}"
        f"\t{_profit_per_shelf_day(item)}\t{_money(item.roi)}"
        f"\t{_moment(item.created)}\t{_moment(item.updated)}\n"
    )


def _metrics_line(item: _Item, random: Random) -> str:
    updated = _moment(item.updated)
    expected_profit = item.profit if item.roi and item.roi > 0 else None
    return (
        f"{_uuid(random)}\t{item.id}\t{item.quantity - item.reserved}\t{item.reserved}"
        f"\t{_money(item.price.gross if item.price else None)}\t{_money(expected_profit)}"
        f"\t{updated}\t{_moment(item.created)}\t{updated}\n"
    )


def _lifecycle_lines(item: _Item, random: Random) -> list[str]:
    """One line, or for one delivered item in fifty also one or two that are out of date."""
    listings, history = _listed_on_platforms(item), _status_history(item)
    lines = [_lifecycle_line(item, random, listings, history, item.updated)]
    if item.moments and random.random() < _SEVERAL_LIFECYCLE_ROWS:
        # Written while the pair was still on its way, hence older than the delivery.
        older = range(item.created, item.created + _pick(random, (1, 2)))
        lines += [_lifecycle_line(item, random, "[]", "[]", moment) for moment in older]
        # Whoever keeps the first or the last row it meets is to be wrong half of the time.
        random.shuffle(lines)
    return lines


def _lifecycle_line(item: _Item, random: Random, listings: str, history: str, updated: int) -> str:
    return (
        f"{_uuid(random)}\t{item.id}\t{_text(item.shelf_life_days)}\t{listings}\t{history}"
        f"\t{_moment(item.created)}\t{_moment(updated)}\n"
    )


def _listed_on_platforms(item: _Item) -> str:
    """As JSON; NULL before the delivery, and an empty array where the pair was never listed."""
    if not item.moments:
        return NULL
    return item.story.listed_on_platforms % {
        "number": item.listing_number,
        "at": _moment(item.moments[item.story.listed_at]),
        "ask": item.product.retail_price + item.listing_number % 100,
    }


def _status_history(item: _Item) -> str:
    """As JSON; NULL before the delivery."""
    return item.story.status_history % tuple(map(_moment, item.moments)) if item.moments else NULL


def _reservation_lines(item: _Item, random: Random) -> list[str]:
    wanted = []
    if item.reserved:
        first = 1 + int(random.random() * item.reserved)
        wanted += [(first, "active"), (item.reserved - first, "active")]
    if item.reserved < item.quantity and random.random() < _PENDING_RESERVATION:
        wanted.append((1, "pending"))
    if item.moments and random.random() < _CLOSED_RESERVATION:
        wanted.append((1, _pick(random, _CLOSED)))
    return [_reservation_line(item, random, units, status) for units, status in wanted if units]


def _reservation_line(item: _Item, random: Random, units: int, status: str) -> str:
    """An open one came with the item's last change and has no end; a closed one ended with it.

    With an end, all open ones would be overdue by now, and the sweep would expire them in front of whoever
    looks at the sample.
    """
    created: int = item.created
    until: int | None = item.updated
    if status not in _CLOSED:
        created, until = item.updated, None
    return (
        f"{_uuid(random)}\t{item.id}\t{units}\t{_moment(until)}"
        f"\t{_pick(random, _RESERVATION_REASONS)}\t{status}\t{_pick(random, _RESERVED_BY)}"
        f"\t{_moment(created)}\t{_moment(item.updated)}\n"
    )


def _profit_per_shelf_day(item: _Item) -> str:
    """NULL without a profit or on the day of the delivery."""
    if item.profit is None or not item.shelf_life_days:
        return NULL
    return _money(_rounded(item.profit, item.shelf_life_days))


def _rounded(dividend: int, divisor: int) -> int:
    """The quotient rounded half up."""
    return (2 * dividend + divisor) // (2 * divisor)


@cache  # a shop knows few prices, and each is written three times
def _money(cents: int | None) -> str:
    return NULL if cents is None else f"{cents / 100:.2f}"


def _moment(minute: int | None) -> str:
    """ISO 8601 with an offset, which JSON and timestamptz both understand."""
    if minute is None:
        return NULL
    day, minute_of_day = divmod(minute, _DAY)
    return _DATES[day] + _TIMES[minute_of_day]


def _text(value: object) -> str:
    """Nothing in the sample holds a tab, a line break or a backslash, so nothing needs escaping."""
    return NULL if value is None else str(value)
