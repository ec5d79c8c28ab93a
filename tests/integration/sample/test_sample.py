"""The sample data keeps its promises, as PostgreSQL sees them.

The properties are SELECTs that count the rows which break a promise; the shares prove that there were
rows which could have.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import Sample
from soleflip_assets.sample.sample import PRODUCTION_ROWS, create_legacy_schema, fill
from tests.conftest import Databases, connect

SIDE_TABLES = ("stock_financial", "stock_lifecycle", "stock_metrics", "stock_reservation")
TABLES = ("product", "size", "stock", *SIDE_TABLES)

# More than one batch, and a last one that is not full.
BUSY_ROWS = 6_000

STOCK = {
    "the product is known": "product_id NOT IN (SELECT id FROM inventory.product)",
    "the size is known": "size_id NOT IN (SELECT id FROM inventory.size)",
    "quantity is 0 to 12": "quantity NOT BETWEEN 0 AND 12",
    "only what is sold is out of stock": "(quantity = 0) <> (status = 'sold')",
    "gross is net plus VAT": "gross_purchase_price <> purchase_price + vat_amount",
    "VAT is its rate of the net price": "vat_amount <> round(purchase_price * vat_rate / 100, 2)",
    "a price is known with all its parts or not at all":
        "num_nulls(purchase_price, gross_purchase_price, vat_amount, vat_rate) NOT IN (0, 4)",
    "VAT is charged by companies only": "(vat_rate = 19) <> (supplier_id IS NOT NULL)",
    "prices are plausible": "purchase_price NOT BETWEEN 25 AND 350",
    "no ROI without a price": "purchase_price IS NULL AND roi_percentage IS NOT NULL",
    "ROI is -40 to 180": "roi_percentage NOT BETWEEN -40 AND 180",
    "profit per day is the profit over the days":
        "abs(profit_per_shelf_day * shelf_life_days - gross_purchase_price * roi_percentage / 100)"
        " > 0.005 * shelf_life_days + 0.005",
    "profit per day has its sign from the ROI": "sign(profit_per_shelf_day) = -sign(roi_percentage)"
        " AND profit_per_shelf_day <> 0",
    "delivery comes after purchase": "delivery_date <= purchase_date",
    "created before updated": "created_at > updated_at",
    "bought before recorded": "purchase_date > created_at",
    "delivered before the last change": "delivery_date > updated_at",
    "dates are in 2024 and 2025, before the deployment":
        "least(purchase_date, created_at) < '2024-01-01T00:00Z'"
        " OR greatest(updated_at, delivery_date) >= '2025-11-29T00:00Z'",
    "shelf life starts with the delivery": "(shelf_life_days IS NULL) <> (delivery_date IS NULL)",
    "shelf life is not negative": "shelf_life_days < 0",
    "incoming is what was not delivered": "(detailed_status = 'incoming') <> (delivery_date IS NULL)",
    "the detailed status fits the status":
        "(status, detailed_status::text) NOT IN (('in_stock', 'available'), ('in_stock', 'incoming'),"
        " ('in_stock', 'cancelled'), ('listed_stockx', 'available'), ('listed_alias', 'available'),"
        " ('listed_alias', 'consigned'), ('reserved', 'available'), ('reserved', 'need_shipping'),"
        " ('sold', 'sale_completed'), ('sold', 'packed'), ('sold', 'outgoing'))",
    "listed on StockX has its flag": "(status = 'listed_stockx') <> listed_stockx",
    "listed on Alias has its flag": "(status = 'listed_alias') <> listed_alias",
    "a supplier with a profile has a name": "supplier_id IS NOT NULL AND supplier IS NULL",
    "external ids are an object": "jsonb_typeof(external_ids) <> 'object'",
}  # fmt: skip

FINANCIAL = {
    "exactly one row for each": "(SELECT count(*) FROM inventory.stock_financial f"
        " WHERE f.stock_id = stock.id) <> 1",
    "it says what stock says": """NOT EXISTS (
        SELECT FROM inventory.stock_financial f WHERE f.stock_id = stock.id
           AND f.purchase_price = coalesce(stock.purchase_price, 0)
           AND f.gross_purchase_price = coalesce(stock.gross_purchase_price, 0)
           AND f.vat_amount = coalesce(stock.vat_amount, 0)
           AND f.profit_per_shelf_day IS NOT DISTINCT FROM stock.profit_per_shelf_day
           AND f.roi IS NOT DISTINCT FROM stock.roi_percentage)""",
}  # fmt: skip

METRICS = {
    "exactly one row for each": "(SELECT count(*) FROM inventory.stock_metrics m"
        " WHERE m.stock_id = stock.id) <> 1",
    "reserved is the sum of the active reservations": """
        (SELECT m.reserved_quantity FROM inventory.stock_metrics m WHERE m.stock_id = stock.id)
        <> coalesce((SELECT sum(r.reserved_quantity) FROM inventory.stock_reservation r
                      WHERE r.stock_id = stock.id AND r.status = 'active'), 0)""",
    "what the view will compute": """NOT EXISTS (
        SELECT FROM inventory.stock_metrics m WHERE m.stock_id = stock.id
           AND m.reserved_quantity BETWEEN 0 AND stock.quantity
           AND m.available_quantity = stock.quantity - m.reserved_quantity
           AND m.total_cost IS NOT DISTINCT FROM stock.gross_purchase_price
           AND m.expected_profit IS NOT DISTINCT FROM
               CASE WHEN stock.roi_percentage > 0 THEN
                 round(stock.gross_purchase_price * (stock.roi_percentage / 100), 2) END)""",
    "what is reserved has a reservation": "status = 'reserved' AND NOT EXISTS ("
        "SELECT FROM inventory.stock_reservation r WHERE r.stock_id = stock.id AND r.status = 'active')",
    "reservations are of at least one unit": "EXISTS (SELECT FROM inventory.stock_reservation r"
        " WHERE r.stock_id = stock.id AND r.reserved_quantity < 1)",
}  # fmt: skip

NEWEST = """(SELECT l.* FROM inventory.stock_lifecycle l WHERE l.stock_id = stock.id
             ORDER BY l.updated_at DESC LIMIT 1) l"""

LIFECYCLE = {
    "at least one row for each": "NOT EXISTS (SELECT FROM inventory.stock_lifecycle l"
        " WHERE l.stock_id = stock.id)",
    "several rows differ in updated_at": "(SELECT count(*) <> count(DISTINCT l.updated_at)"
        " FROM inventory.stock_lifecycle l WHERE l.stock_id = stock.id)",
    "shelf life is stock's": "EXISTS (SELECT FROM inventory.stock_lifecycle l WHERE l.stock_id ="
        " stock.id AND l.shelf_life_days IS DISTINCT FROM stock.shelf_life_days)",
    "NULL where nothing has happened": f"""delivery_date IS NULL <>
        (SELECT l.status_history IS NULL AND l.listed_on_platforms IS NULL FROM {NEWEST})""",
    "the history ends in the status": f"""status <>
        (SELECT l.status_history -> -1 ->> 'to_status' FROM {NEWEST})""",
    "the history starts with the delivery": f"""delivery_date <>
        (SELECT (l.status_history -> 0 ->> 'changed_at')::timestamptz FROM {NEWEST})""",
    "the history is chained, oldest first": f"""EXISTS (
        SELECT FROM {NEWEST},
               jsonb_array_elements(l.status_history) WITH ORDINALITY AS this (change, place),
               jsonb_array_elements(l.status_history) WITH ORDINALITY AS next (change, place)
         WHERE next.place = this.place + 1
           AND (this.change ->> 'to_status' <> next.change ->> 'from_status'
             OR (this.change ->> 'changed_at')::timestamptz
                > (next.change ->> 'changed_at')::timestamptz))""",
    "the flags are the active listings": f"""
        (SELECT ARRAY[l.listed_on_platforms @> '[{{"platform": "stockx", "status": "active"}}]',
                      l.listed_on_platforms @> '[{{"platform": "alias", "status": "active"}}]',
                      l.listed_on_platforms @> '[{{"platform": "kleinanzeigen", "status": "active"}}]']
           FROM {NEWEST} WHERE l.listed_on_platforms IS NOT NULL)
        <> ARRAY[listed_stockx, listed_alias, listed_local]""",
    "listing ids are the external ids": f"""EXISTS (
        SELECT FROM {NEWEST}, jsonb_array_elements(l.listed_on_platforms) AS listing
         WHERE external_ids ->> (listing ->> 'platform' || '_listing_id')
               IS DISTINCT FROM listing ->> 'listing_id')""",
    "moments are ISO 8601 with an offset": f"""EXISTS (
        SELECT FROM {NEWEST},
               jsonb_path_query(l.status_history || l.listed_on_platforms,
                                '$[*].keyvalue() ? (@.key like_regex "_at$").value') AS moment
         WHERE moment #>> '{{}}' !~ '^\\d{{4}}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[+-]\\d\\d:\\d\\d$')""",
}  # fmt: skip

# What share of the stock rows fulfils this, in percent: at least and at most.
SHARES = {
    "status = 'in_stock'": (50, 65),
    "status = 'listed_stockx'": (10, 20),
    "status = 'listed_alias'": (5, 12),
    "status = 'reserved'": (5, 10),
    "status = 'sold'": (10, 20),
    "detailed_status = 'incoming'": (0.3, 3),
    "quantity BETWEEN 1 AND 3": (70, 85),
    "quantity > 3": (2, 12),
    "purchase_price IS NULL": (1, 3.5),
    "vat_rate = 19": (80, 92),
    "vat_rate = 0": (8, 16),
    "roi_percentage < 0": (8, 18),
    "purchase_price IS NOT NULL AND roi_percentage IS NULL": (5, 11),
    "supplier IS NULL": (4, 11),
    "supplier_id IS NULL": (10, 20),
    "notes IS NOT NULL": (10, 20),
    "listed_local": (13, 24),
}

BUSY_SHARES = {
    "EXISTS (SELECT FROM inventory.stock_metrics m"
    " WHERE m.stock_id = stock.id AND m.reserved_quantity > 0)": (17, 23),
    "(SELECT count(*) FROM inventory.stock_lifecycle l WHERE l.stock_id = stock.id) = 1": (97, 99),
    "(SELECT count(*) FROM inventory.stock_lifecycle l WHERE l.stock_id = stock.id) = 3": (0.5, 2),
    "(SELECT count(*) FROM inventory.stock_reservation r"
    " WHERE r.stock_id = stock.id AND r.status = 'active') > 1": (1, 10),
    **{
        "EXISTS (SELECT FROM inventory.stock_reservation r"
        f" WHERE r.stock_id = stock.id AND r.status = '{status}')": (0.5, 4)
        for status in ("pending", "released", "fulfilled", "expired")
    },
}


def value(connection: Connection, query: str) -> Any:
    return connection.exec_driver_sql(query).scalar_one()


def contents(connection: Connection) -> dict[str, str]:
    """A hash of every row of every table, in the order in which they lie there."""
    return {
        table: value(
            connection,
            f"SELECT md5(coalesce(string_agg(row::text, chr(10) ORDER BY ctid), ''))"
            f" FROM inventory.{table} AS row",
        )
        for table in TABLES
    }


def filled(url: URL, sample: Sample, rows: int = PRODUCTION_ROWS, seed: int = 2025) -> Connection:
    with create_database_engine(url).begin() as connection:
        create_legacy_schema(connection)
        fill(connection, sample, rows, seed)
    return connect(url)


@pytest.fixture(scope="module")
def production(databases: Databases) -> Iterator[Connection]:
    with filled(databases.empty(), "production") as connection:
        yield connection


@pytest.fixture(scope="module")
def busy(databases: Databases) -> Iterator[Connection]:
    with filled(databases.empty(), "busy", BUSY_ROWS) as connection:
        yield connection


def count(connection: Connection, condition: str = "true") -> int:
    return int(value(connection, f"SELECT count(*) FROM inventory.stock WHERE {condition}"))


def test_production_is_the_shape_the_deployment_met(production: Connection) -> None:
    """1,172 stock rows, nothing in the tables that Phase 2 folds in, no reservation."""
    assert count(production) == PRODUCTION_ROWS == 1172
    for table in SIDE_TABLES:
        assert value(production, f"SELECT count(*) FROM inventory.{table}") == 0


def test_busy_has_exactly_the_rows_asked_for(busy: Connection) -> None:
    """Also across batches, of which the last is not full."""
    assert count(busy) == BUSY_ROWS


@pytest.mark.parametrize("broken", STOCK.values(), ids=STOCK.keys())
def test_stock_is_plausible(production: Connection, busy: Connection, broken: str) -> None:
    """No row of inventory.stock contradicts itself, in either sample."""
    assert count(production, broken) == 0
    assert count(busy, broken) == 0


@pytest.mark.parametrize(
    "broken",
    [*FINANCIAL.values(), *METRICS.values(), *LIFECYCLE.values()],
    ids=[
        f"{table}: {promise}"
        for table, promises in (
            ("financial", FINANCIAL),
            ("metrics", METRICS),
            ("lifecycle", LIFECYCLE),
        )
        for promise in promises
    ],
)
def test_the_side_tables_agree_with_stock(busy: Connection, broken: str) -> None:
    """What busy puts into the legacy tables is what an application would have kept there."""
    assert count(busy, broken) == 0


@pytest.mark.parametrize(("condition", "share"), [*SHARES.items(), *BUSY_SHARES.items()])
def test_every_kind_of_row_has_its_share(
    busy: Connection, condition: str, share: tuple[float, float]
) -> None:
    """No promise above is kept for lack of rows that could break it."""
    least, most = share
    assert least <= 100 * count(busy, condition) / BUSY_ROWS <= most


@pytest.mark.parametrize("condition", SHARES)
def test_production_has_every_kind_of_stock_too(production: Connection, condition: str) -> None:
    """1,172 rows are enough to meet each of them."""
    assert count(production, condition) > 0


@pytest.mark.parametrize("table", ["product", "size"])
def test_all_of_the_catalogue_is_in_use(production: Connection, table: str) -> None:
    """The pictures show many products and sizes, not a few."""
    used = value(production, f"SELECT count(DISTINCT {table}_id) FROM inventory.stock")
    assert used == value(production, f"SELECT count(*) FROM inventory.{table}")


def test_the_same_seed_gives_the_same_bytes(databases: Databases) -> None:
    """Every table, side tables included, row for row in the same order."""
    with (
        filled(databases.empty(), "busy", 300) as first,
        filled(databases.empty(), "busy", 300) as again,
    ):
        assert contents(first) == contents(again)


def test_another_seed_gives_another_shop(databases: Databases) -> None:
    """The catalogue stays; what happened to it does not."""
    with (
        filled(databases.empty(), "busy", 300) as one,
        filled(databases.empty(), "busy", 300, seed=7) as other,
    ):
        ours, theirs = contents(one), contents(other)
    same = {table for table in TABLES if ours[table] == theirs[table]}
    assert same == {"product", "size"}


def test_busy_is_production_with_the_side_tables_filled(
    databases: Databases, busy: Connection
) -> None:
    """Whoever compares the two samples compares the side tables alone."""
    with filled(databases.empty(), "production", BUSY_ROWS) as production:
        ours, theirs = contents(busy), contents(production)
    same = {table for table in TABLES if ours[table] == theirs[table]}
    assert same == {"product", "size", "stock"}


def test_newest_lifecycle_rows_lie_anywhere(busy: Connection) -> None:
    """Of several lifecycle rows neither the first nor the last one stored is always the newest."""
    places = """
        SELECT count(*) FILTER (WHERE newest = first) || ' ' || count(*) FILTER (WHERE newest = last)
          FROM (SELECT min(ctid) AS first, max(ctid) AS last,
                       (array_agg(ctid ORDER BY updated_at DESC))[1] AS newest
                  FROM inventory.stock_lifecycle GROUP BY stock_id HAVING count(*) > 1) AS several"""
    first, last = map(int, value(busy, places).split())
    assert first > 10
    assert last > 10


def test_fill_belongs_to_the_callers_transaction(databases: Databases) -> None:
    """COPY goes past SQLAlchemy; a rollback takes the rows back all the same, and a commit keeps them."""
    engine = create_database_engine(databases.empty())
    with engine.begin() as connection:
        create_legacy_schema(connection)
    with engine.connect() as connection:
        fill(connection, "production", 10)
        connection.rollback()
        assert count(connection) == 0
        connection.rollback()
        fill(connection, "production", 10)
        connection.commit()
    with engine.connect() as connection:
        assert count(connection) == 10


def test_a_filled_schema_is_not_filled_twice(databases: Databases) -> None:
    """Rather an error than a shop with every product twice."""
    with (
        filled(databases.empty(), "production", 10) as connection,
        pytest.raises(psycopg.errors.UniqueViolation),
    ):
        fill(connection, "production", 10)
