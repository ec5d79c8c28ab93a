"""Small shops that Hypothesis draws: a log as triggers would have written it, reservations, orders, names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import strategies as st

from soleflip_assets.marts.catalogue import MARTS
from soleflip_assets.warehouse.arrow import schema_of
from soleflip_assets.warehouse.tables import LOAD_STATE, LOGS, SHOP_TABLES

Row = dict[str, Any]

BEGAN = datetime(2026, 1, 20, 9, 30, tzinfo=UTC)

SCHEMAS: Mapping[str, pa.Schema] = {
    **{log.name: schema_of(log.columns) for log in LOGS},
    **{table.name: schema_of(table.columns) for table in SHOP_TABLES},
    "load_state": schema_of(LOAD_STATE),
}

NAMES: Mapping[str, list[Row]] = {
    "brand": [{"id": "b1", "name": "Nike"}, {"id": "b2", "name": "adidas"}],
    "category": [{"id": "c1", "name": "Sneakers"}],
    "product": [
        {"id": "p1", "sku": "S1", "name": "Dunk", "brand_id": "b1", "category_id": "c1"},
        {"id": "p2", "sku": "S2", "name": "Samba", "brand_id": "b2", "category_id": None},
        {"id": "p3", "sku": "S3", "name": "Nobody's", "brand_id": None, "category_id": "c1"},
    ],
    "size": [
        {"id": "s1", "value": "42", "standardized_value": Decimal("42.0")},
        {"id": "s2", "value": "43.5", "standardized_value": Decimal("43.5")},
    ],
    "supplier": [{"id": "u1", "name": "BSTN"}],
    "platform": [{"id": "f1", "name": "StockX"}, {"id": "f2", "name": "eBay"}],
}


@dataclass
class SmallShop:
    """All that the marts read, as rows.

    Attributes:
        tables: by name.
        loaded_at: as of when.
    """

    tables: dict[str, list[Row]]
    loaded_at: datetime

    @property
    def arrow(self) -> dict[str, pa.Table]:
        """The tables as Arrow has them, with all columns."""
        return {
            name: pa.Table.from_pylist(self.tables.get(name, []), schema)
            for name, schema in SCHEMAS.items()
        }


def answers(shop: SmallShop) -> dict[str, list[Row]]:
    """What DuckDB answers to each mart, as rows."""
    return {name: table.to_pylist() for name, table in answered(shop).items()}


def answered(shop: SmallShop) -> dict[str, pa.Table]:
    """What DuckDB answers to each mart, in memory."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in shop.arrow.items():
            connection.register(name, table)
        found = {}
        for mart in MARTS:
            rows = connection.sql(mart.select).to_arrow_table()
            connection.register(mart.name, rows)
            found[mart.name] = rows
        return found


_PRICES = st.sampled_from([None, Decimal("10.00"), Decimal("99.99"), Decimal("180.55")])
_STATUS = st.sampled_from(["in_stock", "listed_stockx", "reserved", "sold"])
_GAPS = st.integers(1, 40 * 24 * 60)
# Before the load: on both sides of each limit.
_DAYS_BEFORE = st.sampled_from([None, 0, 29, 30, 31, 60, 61, 90, 91, 121, 180, 181, 400])
_SOLD_BEFORE = st.sampled_from([None, 0, 6, 7, 8, 29, 30, 31, 59, 60, 61, 365, 500])


@st.composite
def _listings(draw: st.DrawFn) -> str | None:
    """As PostgreSQL writes jsonb: the shorter key first."""
    if draw(st.booleans()):
        return draw(st.sampled_from([None, "[]"]))
    listings = []
    for platform in draw(st.lists(st.sampled_from(["stockx", "alias", "ebay"]), max_size=3)):
        listing: Row = {"status": draw(st.sampled_from(["active", "expired"]))}
        if draw(st.booleans()):
            listing["metadata"] = {"note": "a {brace} or two"}
        listing["platform"] = platform
        ask = draw(st.sampled_from([None, 150, 149.5, 10**300]))
        if ask is not None:
            listing["ask_price"] = ask
        moment = draw(st.sampled_from(["listed_at", "timestamp", None]))
        if moment:
            day = BEGAN - timedelta(days=draw(st.integers(0, 200)))
            # Nobody checks what a listing says.
            wrong = st.sampled_from([*[None] * 5, "2025-11-31T10:00", "2026-13-01", "0000-00-00"])
            listing[moment] = draw(wrong) or day.isoformat()
        listings.append(dict(sorted(listing.items(), key=lambda pair: (len(pair[0]), pair[0]))))
    return json.dumps(listings)


@st.composite
def _content(draw: st.DrawFn, loaded_at: datetime) -> Row:
    """What a row of stock may say."""
    bought, delivered = draw(_DAYS_BEFORE), draw(_DAYS_BEFORE)
    return {
        "product_id": draw(st.sampled_from(["p1", "p2", "p3", "gone"])),
        "size_id": draw(st.sampled_from(["s1", "s2", "gone"])),
        "supplier_id": draw(st.sampled_from(["u1", None])),
        "supplier": draw(st.sampled_from(["BSTN", "A person", None])),
        "quantity": draw(st.integers(0, 3)),
        "reserved_quantity": 0,
        "gross_purchase_price": draw(_PRICES),
        "purchase_price": None,
        "roi_percentage": draw(st.sampled_from([None, Decimal("-12.50"), Decimal("33.33")])),
        "status": draw(_STATUS),
        "location": None,
        "purchase_date": None if bought is None else loaded_at - timedelta(days=bought),
        "delivery_date": None if delivered is None else loaded_at - timedelta(days=delivered),
        "listed_on_platforms": draw(_listings()),
    }


@st.composite
def _log(draw: st.DrawFn, loaded_at: datetime) -> list[Row]:
    """A log: each row begins with a baseline or an insert, and nothing happens to one that is gone."""
    events: list[Row] = []
    now, there = BEGAN, {}
    for row in ("x1", "x2") if draw(st.booleans()) else ():
        there[row] = draw(_content(loaded_at))
        events.append(_event(len(events), now, "baseline", row, there[row]))
    for _ in range(draw(st.integers(0, 12))):
        now += timedelta(minutes=draw(_GAPS))
        if now > loaded_at:
            break
        row = draw(st.sampled_from(["x1", "x2", "x3"]))
        wish = draw(st.integers(0, 11))
        if wish == 0:
            events.append(_event(len(events), now, "truncate", None, {}))
            if draw(st.booleans()):
                there.clear()
            # Else the log begins anew: the rows that are there follow at the same moment.
            for kept, content in there.items():
                events.append(_event(len(events), now, "baseline", kept, content))
        elif row not in there:
            there[row] = draw(_content(loaded_at))
            events.append(_event(len(events), now, "insert", row, there[row]))
        elif wish == 1:
            del there[row]
            events.append(_event(len(events), now, "delete", row, {}))
        else:
            new = there[row] | draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "status": _STATUS,
                        "quantity": st.integers(0, 3),
                        "gross_purchase_price": _PRICES,
                        "listed_on_platforms": _listings(),
                    },
                )
            )
            changed = [name for name in new if new[name] != there[row][name]]
            there[row] = new
            events.append(
                _event(len(events), now, "update", row, new, changed=[*changed, "updated_at"])
            )
    return events


def _event(
    number: int,
    at: datetime,
    kind: str,
    row: str | None,
    content: Row,
    *,
    changed: list[str] | None = None,
) -> Row:
    event = {
        "event_id": number + 1,
        "occurred_at": at,
        "kind": kind,
        "stock_id": row,
        "changed": None if changed is None else ",".join(changed),
        **content,
    }
    if changed is not None and "listed_on_platforms" not in changed:
        event["listed_on_platforms"] = None
    return event


@st.composite
def _reservations(draw: st.DrawFn) -> list[Row]:
    events: list[Row] = []
    now = BEGAN
    there: dict[str, Row] = {}
    for _ in range(draw(st.integers(0, 10))):
        now += timedelta(minutes=draw(_GAPS))
        row = draw(st.sampled_from(["r1", "r2", "r3"]))
        wish = draw(st.integers(0, 9))
        kind = "update"
        if wish == 0:
            there.clear()
            kind = "truncate"
        elif row not in there:
            if any(event["reservation_id"] == row for event in events):
                continue  # an id is not given twice
            made = now - timedelta(days=draw(st.sampled_from([0, 50])))
            kind = "baseline" if made != now else "insert"
            there[row] = {
                "status": draw(st.sampled_from(["pending", "active"])),
                "created_at": made,
            }
        elif wish == 1:
            del there[row]
            kind = "delete"
        elif there[row]["status"] in {"pending", "active"}:
            status = st.sampled_from(["active", "released", "fulfilled", "expired"])
            there[row] = there[row] | {"status": draw(status)}
        content = there.get(row, {}) if kind not in {"truncate", "delete"} else {}
        events.append(
            {
                "event_id": len(events) + 1,
                "occurred_at": now,
                "kind": kind,
                "reservation_id": None if kind == "truncate" else row,
                "changed": "status,updated_at" if kind == "update" else None,
                **content,
            }
        )
    return events


@st.composite
def _orders(draw: st.DrawFn, loaded_at: datetime) -> list[Row]:
    orders = []
    for number in range(draw(st.integers(0, 6))):
        ago = draw(_SOLD_BEFORE)
        sold = None if ago is None else loaded_at - timedelta(days=ago, minutes=number)
        paid = draw(st.sampled_from([None, True, False]))
        orders.append(
            {
                "id": f"o{number}",
                "stock_id": draw(st.sampled_from(["x1", "x2", "x3", "before the log"])),
                "platform_id": draw(st.sampled_from(["f1", "f2", None])),
                "status": draw(
                    st.sampled_from(
                        ["completed", "COMPLETED", "CANCELED", "did_not_ship", "refunded"]
                    )
                ),
                "sold_at": sold,
                "gross_sale": draw(st.sampled_from([None, Decimal("120.00"), Decimal("200.10")])),
                "net_proceeds": draw(st.sampled_from([None, Decimal("108.00"), Decimal("180.09")])),
                "net_profit": draw(st.sampled_from([None, Decimal("-5.00"), Decimal("40.40")])),
                "platform_fee": draw(st.sampled_from([None, Decimal("12.00")])),
                "shipping_cost": draw(st.sampled_from([None, Decimal("5.90")])),
                "buyer_destination_country": draw(st.sampled_from([None, "Germany", "France"])),
                "payout_received": paid,
                "payout_date": (sold or loaded_at) + timedelta(days=5) if paid else None,
            }
        )
    return orders


@st.composite
def small_shops(draw: st.DrawFn) -> SmallShop:
    """A shop with a log of at most fourteen events, some reservations and orders."""
    loaded_at = BEGAN + timedelta(days=draw(st.sampled_from([0, 5, 40, 100, 300])))
    state = {
        "loaded_at": loaded_at,
        "log_began_at": BEGAN,
        "database": "soleflip",
        "system_identifier": "1",
    }
    tables = {
        **NAMES,
        "stock_event": draw(_log(loaded_at)),
        "reservation_event": draw(_reservations()),
        "sales_order": draw(_orders(loaded_at)),
        "load_state": [state],
    }
    return SmallShop(tables, loaded_at)


def busy_shop() -> SmallShop:
    """A shop with something in every picture: on both sides of each limit, with names that want escaping."""
    loaded_at = BEGAN + timedelta(days=300)
    ages = [0, 29, 30, 31, 60, 61, 90, 91, 180, 181, 400, None]
    events: list[Row] = []
    for number, age in enumerate(ages):
        since = None if age is None else loaded_at - timedelta(days=age)
        content: Row = {
            "product_id": f"p{number % 4 + 1}",
            "size_id": f"s{number % 2 + 1}",
            "supplier_id": "u1" if number % 2 else None,
            "supplier": "A person",
            "quantity": number % 3 + 1,
            "gross_purchase_price": Decimal(100 + number),
            "roi_percentage": Decimal(number),
            "status": "in_stock",
            "purchase_date": since,
            "delivery_date": since,
            "listed_on_platforms": '[{"status": "active", "platform": "stockx", "ask_price": 150}]'
            if age
            else "[]",
        }
        kept, sold = f"kept{number}", f"sold{number}"
        events.append(_event(len(events), BEGAN, "baseline", kept, content))
        events.append(_event(len(events), BEGAN, "insert", sold, content))
        asked = content | {
            "listed_on_platforms": content["listed_on_platforms"].replace("150", f"{140 + number}")
        }
        at = loaded_at - timedelta(days=20 + number)
        changed = ["listed_on_platforms"]
        events.append(_event(len(events), at, "update", sold, asked, changed=changed))
        gone = asked | {"status": "sold", "quantity": 0}
        at = loaded_at - timedelta(days=number)
        events.append(_event(len(events), at, "update", sold, gone, changed=["quantity", "status"]))
    words = ["completed", "CANCELED", "AUTHFAILED", "did_not_ship", "refunded", "Returned", "void"]
    orders = [
        {
            "id": f"o{number}",
            "stock_id": f"sold{number % len(ages)}",
            "platform_id": f"f{number % 2 + 1}",
            "status": words[number % len(words)] if number % 3 == 0 else "completed",
            "sold_at": loaded_at - timedelta(days=ago),
            "gross_sale": Decimal(150 + number),
            "net_proceeds": Decimal(130 - number * 3),
            "net_profit": None if number % 4 else Decimal(30),
            "platform_fee": Decimal(20),
            "shipping_cost": Decimal("5.90"),
            "buyer_destination_country": ["Germany", "France", None][number % 3],
            "payout_received": number % 2 == 0,
            "payout_date": loaded_at - timedelta(days=ago - 5),
        }
        for number, ago in enumerate(
            [0, 6, 7, 8, 29, 30, 31, 59, 60, 61, 90, 200, 365, 366, 400, 20]
        )
    ]
    reservations = [
        {
            "event_id": 2 * number + step,
            "occurred_at": BEGAN + timedelta(days=20 * number + step),
            "kind": "update" if step else "insert",
            "reservation_id": f"r{number}",
            "changed": "status" if step else None,
            "status": ["released", "fulfilled", "expired"][number % 3] if step else "active",
            "created_at": BEGAN + timedelta(days=20 * number),
        }
        for number in range(9)
        for step in (0, 1)
    ]
    names = dict(NAMES) | {
        "product": [
            *NAMES["product"],
            {
                "id": "p4",
                "sku": "S4",
                "name": "<b>Bold & Co</b>",
                "brand_id": "b1",
                "category_id": "c1",
            },
        ]
    }
    state = {"loaded_at": loaded_at, "log_began_at": BEGAN, "database": "soleflip"}
    events.sort(key=lambda event: (event["occurred_at"], event["event_id"]))
    tables = {
        **names,
        "stock_event": events,
        "reservation_event": reservations,
        "sales_order": orders,
        "load_state": [state],
    }
    return SmallShop(tables, loaded_at)
