"""The marts once more, in plain Python, row by row and day by day: what the SQL is compared with.

Written from the headers of sql/marts, not from the SQL. Slow and simple on purpose.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from statistics import median, quantiles
from typing import Any

from tests.integration.marts.shops import Row, SmallShop

CALLED_OFF = {"CANCELED", "AUTHFAILED", "did_not_ship", "refunded", "Returned", "void"}
CENT = Decimal("0.01")


def expected(shop: SmallShop) -> dict[str, list[Row]]:
    """All marts of a shop."""
    return {
        name: made(Known(shop))
        for name, made in globals().items()
        if callable(made) and getattr(made, "is_mart", False)
    }


def mart(made: Callable[["Known"], list[Row]]) -> Callable[["Known"], list[Row]]:
    made.is_mart = True  # type: ignore[attr-defined]
    return made


class Known:
    """A shop, and what follows from it that several marts want."""

    def __init__(self, shop: SmallShop) -> None:
        self.tables = shop.tables
        self.loaded_at = shop.loaded_at
        self.today = shop.loaded_at.date()
        self.events = shop.tables["stock_event"]
        self.sales = [
            order
            for order in shop.tables["sales_order"]
            if order["sold_at"] and order["status"] not in CALLED_OFF
        ]
        self.items = [self._item(row) for row in self._rows()]
        self.sold = [self._sold(order) for order in self.sales]

    def named(self, table: str, id_: str | None, column: str = "name") -> Any:
        return next((row[column] for row in self.tables[table] if row["id"] == id_), None)

    def _rows(self) -> list[str]:
        return sorted({event["stock_id"] for event in self.events if event["stock_id"]})

    def of(self, row: str) -> list[Row]:
        """What happened to one row, an emptied table included."""
        happened: list[Row] = []
        for event in self.events:
            if event["stock_id"] == row or (event["kind"] == "truncate" and happened):
                happened.append(event)
        return happened

    def _item(self, row: str) -> Row:
        happened = self.of(row)
        last = [event for event in happened if event["kind"] not in {"delete", "truncate"}][-1]
        deleted = happened[-1]["kind"] in {"delete", "truncate"}
        sales = [order["sold_at"] for order in self.sales if order["stock_id"] == row]
        became = [
            event["occurred_at"]
            for event in happened
            if event["kind"] == "update"
            and event["status"] == "sold"
            and "status" in event["changed"].split(",")
        ]
        empty = deleted or not last["quantity"]
        sold = last["status"] == "sold" or (bool(sales) and empty)
        sold_at = (
            max(sales) if sales else max(became) if became and last["status"] == "sold" else None
        )
        listed = [
            event["listed_on_platforms"]
            for event in happened
            if event["kind"] in {"baseline", "insert"}
            or (event["changed"] and "listed_on_platforms" in event["changed"].split(","))
        ]
        since = last["delivery_date"] or last["purchase_date"]
        product = last["product_id"]
        brand = self.named("product", product, "brand_id")
        return {
            "row": row,
            "state": "sold" if sold else "gone" if empty else "on hand",
            "deleted": deleted,
            "status": last["status"],
            "product": self.named("product", product) or "unknown",
            "sku": self.named("product", product, "sku") or "unknown",
            "brand": self.named("brand", brand) or "unknown",
            "category": self.named("category", self.named("product", product, "category_id"))
            or "unknown",
            "size": self.named("size", last["size_id"], "value") or "unknown",
            "size_number": self.named("size", last["size_id"], "standardized_value"),
            "supplier": self.named("supplier", last["supplier_id"])
            or last["supplier"]
            or "unknown",
            "quantity": last["quantity"],
            "price": last["gross_purchase_price"],
            "roi": last["roi_percentage"],
            "location": last.get("location"),
            "bought": last["purchase_date"].date() if last["purchase_date"] else None,
            "since": since.date() if since else None,
            "sold_at": sold_at if sold else None,
            "days": (sold_at.date() - since.date()).days if sold and sold_at and since else None,
            "listings": json.loads(listed[-1] or "[]"),
        }

    def _sold(self, order: Row) -> Row:
        item: Row = next((item for item in self.items if item["row"] == order["stock_id"]), {})
        cost, day = item.get("price"), order["sold_at"].date()
        profit = order["net_profit"]
        if profit is None and order["net_proceeds"] is not None and cost is not None:
            profit = order["net_proceeds"] - cost
        since = item.get("since")
        return {
            **order,
            **{name: item.get(name, "unknown") for name in ("product", "sku", "brand", "category")},
            "day": day,
            "month": day.replace(day=1),
            "platform": self.named("platform", order["platform_id"]) or "unknown",
            "country": order["buyer_destination_country"] or "unknown",
            "cost": cost,
            "profit": profit,
            "days": (day - since).days if since else None,
            "payout_days": (order["payout_date"].date() - day).days
            if order["payout_received"]
            else None,
        }

    def on_hand(self) -> list[Row]:
        return [item for item in self.items if item["state"] == "on hand"]

    def days(self) -> list[date]:
        began = [self.events[0]["occurred_at"].date()] if self.events else []
        first = min([*began, *(sale["day"] for sale in self.sold)], default=self.today)
        return [first + timedelta(days=day) for day in range((self.today - first).days + 1)]


def total(values: Iterable[Any]) -> Any:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def middle(values: Iterable[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return float(median(known)) if known else None


def quarter(values: Iterable[Any], which: int) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return float(known[0]) if known else None
    return float(quantiles(known, n=4, method="inclusive")[which - 1])


def share(part: Any, whole: Any) -> float | None:
    return float(part) * 100 / float(whole) if part is not None and whole else None


def of_both(rows: list[Row], part: str, whole: str) -> float | None:
    both = [row for row in rows if row[part] is not None and row[whole] is not None]
    return share(total(row[part] for row in both), total(row[whole] for row in both))


def grouped(rows: Iterable[Row], *by: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in by)].append(row)
    return groups


def cost(item: Row) -> Any:
    return None if item["price"] is None else item["quantity"] * item["price"]


def units(items: Iterable[Row]) -> int:
    return sum(item["quantity"] for item in items)


def unpriced(items: Iterable[Row]) -> int:
    return sum(item["quantity"] for item in items if item["price"] is None)


@mart
def value_by_day(known: Known) -> list[Row]:
    rows = []
    began = known.events[0]["occurred_at"].date() if known.events else None
    for day in known.days():
        if began is None or day < began:
            rows.append(
                dict.fromkeys(("items", "units", "units_without_price", "value"))
                | {"day": day, "expected_profit": None}
            )
            continue
        there: dict[str, Row] = {}
        for event in known.events:
            if event["occurred_at"].date() > day:
                break
            if event["kind"] == "truncate":
                there.clear()
            elif event["kind"] == "delete":
                del there[event["stock_id"]]
            else:
                there[event["stock_id"]] = event
        lying = [
            {
                "quantity": event["quantity"],
                "price": event["gross_purchase_price"],
                "roi": event["roi_percentage"],
            }
            for event in there.values()
            if event["status"] != "sold" and event["quantity"]
        ]
        rows.append(
            {
                "day": day,
                "items": len(lying),
                "units": units(lying),
                "units_without_price": unpriced(lying),
                "value": total(map(cost, lying)) or 0,
                "expected_profit": total(map(hoped, lying)) or 0,
            }
        )
    return rows


def hoped(item: Row) -> Any:
    if item["price"] is None or item["roi"] is None:
        return None
    return (item["quantity"] * item["price"] * item["roi"] / 100).quantize(CENT, ROUND_HALF_UP)


@mart
def age(known: Known) -> list[Row]:
    names = [
        "0 to 30 days",
        "31 to 60 days",
        "61 to 90 days",
        "91 to 180 days",
        "over 180 days",
        "unknown",
    ]
    limits = [30, 60, 90, 180]
    buckets: dict[str, list[Row]] = {name: [] for name in names}
    for item in known.on_hand():
        if item["since"] is None:
            buckets["unknown"].append(item)
            continue
        lain = (known.today - item["since"]).days
        buckets[names[sum(lain > limit for limit in limits)]].append(item)
    return [
        {
            "place": place,
            "bucket": name,
            "items": len(items),
            "units": units(items),
            "units_without_price": unpriced(items),
            "value": total(map(cost, items)) or 0,
        }
        for place, (name, items) in enumerate(buckets.items(), 1)
    ]


@mart
def dead_stock(known: Known) -> list[Row]:
    return [
        {
            "stock_id": item["row"],
            **{
                name: item[name]
                for name in ("product", "brand", "size", "supplier", "status", "location")
            },
            "days": (known.today - item["since"]).days,
            "units": item["quantity"],
            "value": cost(item),
        }
        for item in known.on_hand()
        if item["since"] and (known.today - item["since"]).days > 180
    ]


@mart
def days_to_sell(known: Known) -> list[Row]:
    sold = [item for item in known.items if item["state"] == "sold"]
    return [
        {
            "brand": brand,
            "sold": len(items),
            "sold_undated": sum(item["days"] is None for item in items),
            "quick_quarter": quarter((item["days"] for item in items), 1),
            "median_days": middle(item["days"] for item in items),
            "slow_quarter": quarter((item["days"] for item in items), 3),
        }
        for (brand,), items in grouped(sold, "brand").items()
    ]


@mart
def status_duration(known: Known) -> list[Row]:
    stays: list[Row] = []
    for row in {event["stock_id"] for event in known.events if event["stock_id"]}:
        current: Row | None = None
        for event in known.of(row):
            status = event.get("status")
            if current and current["status"] == status:
                continue
            if current:
                current["ended"] = event["occurred_at"]
            current = (
                {
                    "status": status,
                    "began": event["occurred_at"],
                    "kind": event["kind"],
                    "ended": None,
                }
                if status
                else None
            )
            if current:
                stays.append(current)
    return [
        {
            "status": status,
            "stays": len(found),
            "ended": len(
                lasted := [
                    (stay["ended"].date() - stay["began"].date()).days
                    for stay in found
                    if stay["ended"] and stay["kind"] != "baseline"
                ]
            ),
            "going_on": sum(stay["ended"] is None for stay in found),
            "began_before_log": sum(stay["kind"] == "baseline" for stay in found),
            "median_days": middle(lasted),
            "mean_days": sum(lasted) / len(lasted) if lasted else None,
        }
        for (status,), found in grouped(stays, "status").items()
    ]


@mart
def sell_through_by_month(known: Known) -> list[Row]:
    bought = [
        item | {"month": item["bought"].replace(day=1)} for item in known.items if item["bought"]
    ]
    rows = []
    for (month,), items in grouped(bought, "month").items():
        undated = sum(item["state"] == "sold" and item["sold_at"] is None for item in items)
        row = {
            "month": month,
            "bought": len(items),
            "sold": sum(item["state"] == "sold" for item in items),
            "on_hand": sum(item["state"] == "on hand" for item in items),
            "sold_undated": undated,
        }
        for days in (30, 60, 90):
            within = [
                item
                for item in items
                if item["sold_at"] and (item["sold_at"].date() - item["bought"]).days <= days
            ]
            over = undated == 0 and month + timedelta(days=31 + days) <= known.today
            row[f"sold_within_{days}"] = share(len(within), len(items)) if over else None
        rows.append(row | {"sold_percent": share(row["sold"], row["bought"])})
    return rows


@mart
def sell_through_by_supplier(known: Known) -> list[Row]:
    rows = []
    for (supplier,), items in grouped(known.items, "supplier").items():
        unsold = [item for item in items if item["state"] == "on hand"]
        sold = [item for item in items if item["state"] == "sold"]
        rows.append(
            {
                "supplier": supplier,
                "bought": len(items),
                "sold": len(sold),
                "on_hand": len(unsold),
                "sold_percent": share(len(sold), len(items)),
                "median_days": middle(item["days"] for item in items),
                "unsold_units": units(unsold),
                "unsold_without_price": unpriced(unsold),
                "unsold_value": total(map(cost, unsold)) or 0,
            }
        )
    return rows


@mart
def size_curve(known: Known) -> list[Row]:
    sold: dict[str, int] = defaultdict(int)
    for item in known.items:
        sold[item["brand"]] += item["state"] == "sold"
    return [
        {
            "brand": brand,
            "size": size,
            "size_number": items[0]["size_number"],
            "bought": len(items),
            "sold": sum(item["state"] == "sold" for item in items),
            "on_hand": sum(item["state"] == "on hand" for item in items),
            "share_of_sold": share(sum(item["state"] == "sold" for item in items), sold[brand]),
            "median_days": middle(item["days"] for item in items),
        }
        for (brand, size), items in grouped(known.items, "brand", "size").items()
    ]


@mart
def expected_roi(known: Known) -> list[Row]:
    rows = []
    for by in ("brand", "size", "supplier"):
        for (name,), items in grouped(known.on_hand(), by).items():
            both = [item for item in items if item["price"] is not None and item["roi"] is not None]
            paid, profit = total(map(cost, both)), total(map(hoped, both))
            rows.append(
                {
                    "grouped_by": by,
                    "name": name,
                    "units": units(items),
                    "units_unknown": units(items) - units(both),
                    "cost": paid,
                    "expected_profit": profit,
                    "roi": share(profit, paid),
                }
            )
    return rows


def _day(moment: str) -> list[date]:
    """Which day a listing names, of a month that is one; the 31st of November is the 1st of December."""
    year, month, day = map(int, moment[:10].split("-"))
    return (
        [date(year, month, 1) + timedelta(days=day - 1)]
        if year and 0 < month < 13 and 0 < day < 32
        else []
    )


@mart
def listing_coverage(known: Known) -> list[Row]:
    offered: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
    for item in known.on_hand():
        days: dict[str, list[int]] = {}
        for listing in item["listings"]:
            if listing["status"] != "active":
                continue
            dated = days.setdefault(listing["platform"], [])
            if moment := listing.get("listed_at") or listing.get("timestamp"):
                dated += [(known.today - day).days for day in _day(moment)]
        if item["status"].startswith("listed_"):
            days.setdefault(item["status"].removeprefix("listed_"), [])
        for platform, dated in days.items():
            offered[platform].append((item["quantity"], max(dated, default=None)))
        if not days:
            offered["nowhere"].append((item["quantity"], None))
    return [
        {
            "platform": platform,
            "items": len(found),
            "units": sum(quantity for quantity, _ in found),
            "share_of_items": share(len(found), len(known.on_hand())),
            "undated": sum(days is None for _, days in found) if platform != "nowhere" else 0,
            "median_days": middle(days for _, days in found),
            "over_90_days": sum(days is not None and days > 90 for _, days in found),
        }
        for platform, found in offered.items()
    ]


@mart
def reservation_funnel(known: Known) -> list[Row]:
    told: dict[str, Row] = {}
    for event in known.tables["reservation_event"]:
        if event["kind"] == "truncate":
            gone = list(told.values())
        elif event["kind"] == "delete":
            gone = [told[event["reservation_id"]]]
        else:
            gone = []
            found = told.setdefault(
                event["reservation_id"],
                {"activated": False, "gone": False, "ended": None, "made": None},
            )
            found["status"], found["created"] = event["status"], event["created_at"]
            found["activated"] |= event["status"] in {"active", "fulfilled"}
            if event["kind"] == "insert":
                found["made"] = event["occurred_at"]
            if event["status"] in {"fulfilled", "released", "expired"} and not found["ended"]:
                found["ended"] = event["occurred_at"]
        for one in gone:
            one["gone"] |= one["status"] in {"pending", "active"}
    rows = [one | {"month": one["created"].date().replace(day=1)} for one in told.values()]
    return [
        {
            "month": month,
            "made": len(made),
            "activated": sum(one["activated"] for one in made),
            **{
                status: sum(one["status"] == status for one in made)
                for status in ("fulfilled", "released", "expired")
            },
            "still_open": sum(
                one["status"] in {"pending", "active"} and not one["gone"] for one in made
            ),
            "gone": sum(one["gone"] for one in made),
            "median_hours": middle(
                hours(one["made"], one["ended"]) for one in made if one["made"] and one["ended"]
            ),
            "fulfilled_percent": share(
                sum(one["status"] == "fulfilled" for one in made),
                sum(one["status"] in {"fulfilled", "released", "expired"} for one in made),
            ),
        }
        for (month,), made in grouped(rows, "month").items()
    ]


def hours(made: datetime, ended: datetime) -> int:
    """By the clock on the wall: from ten to ten, whatever the minutes are."""
    return (ended.date() - made.date()).days * 24 + ended.hour - made.hour


@mart
def price_changes(known: Known) -> list[Row]:
    changes: list[Row] = []
    for row in {event["stock_id"] for event in known.events if event["stock_id"]}:
        before: dict[str, Any] = {}
        for event in known.of(row):
            if event["kind"] in {"delete", "truncate"}:
                continue
            named = (event["changed"] or "").split(",")
            for price, column in (
                ("purchase", "gross_purchase_price"),
                ("asking", "listed_on_platforms"),
            ):
                if event["kind"] == "update" and column not in named:
                    continue
                value = event[column] if price == "purchase" else asked(event[column])
                old = before.get(price)
                if (
                    event["kind"] == "update"
                    and value is not None
                    and old is not None
                    and value != old
                ):
                    month = event["occurred_at"].date().replace(day=1)
                    changes.append({"month": month, "price": price, "old": old, "new": value})
                before[price] = value
    return [
        {
            "month": month,
            "price": price,
            "changes": len(found),
            "raised": sum(one["new"] > one["old"] for one in found),
            "lowered": sum(one["new"] < one["old"] for one in found),
            "median_percent": middle(
                float(one["new"] - one["old"]) * 100 / float(one["old"]) for one in found
            ),
        }
        for (month, price), found in grouped(changes, "month", "price").items()
    ]


def asked(listings: str | None) -> Decimal | None:
    """Of the first listing that says so, in what could be a price."""
    asks = (listing.get("ask_price") for listing in json.loads(listings or "[]"))
    return next((Decimal(str(ask)) for ask in asks if ask is not None and ask < 10**8), None)


def money(sales: list[Row]) -> Row:
    return {
        "orders": len(sales),
        "gross_sale": total(sale["gross_sale"] for sale in sales),
        "profit": total(sale["profit"] for sale in sales),
    }


@mart
def sales_by_day(known: Known) -> list[Row]:
    return [
        {
            "day": day,
            "brand": brand,
            "category": category,
            "platform": platform,
            **money(sales),
            **{
                name: total(sale[name] for sale in sales)
                for name in ("platform_fee", "shipping_cost", "net_proceeds")
            },
            "orders_without_profit": sum(sale["profit"] is None for sale in sales),
            "roi": of_both(sales, "profit", "cost"),
        }
        for (day, brand, category, platform), sales in grouped(
            known.sold, "day", "brand", "category", "platform"
        ).items()
    ]


@mart
def profit_by_product(known: Known) -> list[Row]:
    return [
        {
            "sku": sku,
            "product": product,
            "brand": sales[0]["brand"],
            **money(sales),
            "orders_without_profit": sum(sale["profit"] is None for sale in sales),
            "profit_per_order": float(total(sale["profit"] for sale in sales))
            / sum(sale["profit"] is not None for sale in sales)
            if total(sale["profit"] for sale in sales) is not None
            else None,
            "roi": of_both(sales, "profit", "cost"),
            "median_days": middle(sale["days"] for sale in sales),
        }
        for (sku, product), sales in grouped(known.sold, "sku", "product").items()
    ]


@mart
def platforms(known: Known) -> list[Row]:
    rows = []
    for (platform,), sales in grouped(known.sold, "platform").items():
        unpaid = [sale for sale in sales if sale["payout_received"] is False]
        row = {
            "platform": platform,
            **money(sales),
            "fee_percent": of_both(sales, "platform_fee", "gross_sale"),
            "margin": of_both(sales, "profit", "gross_sale"),
            "roi": of_both(sales, "profit", "cost"),
            "median_payout_days": middle(sale["payout_days"] for sale in sales),
            "unpaid_orders": len(unpaid),
            "unpaid": total(sale["net_proceeds"] for sale in unpaid),
        }
        for days in (7, 30):
            late = [sale for sale in sales if sale["day"] > known.today - timedelta(days=days)]
            row[f"orders_{days}_days"] = len(late)
            row[f"gross_{days}_days"] = total(sale["gross_sale"] for sale in late)
        rows.append(row)
    return rows


@mart
def payouts(known: Known) -> list[Row]:
    return [
        {
            "month": month,
            "platform": platform,
            "orders": len(sales),
            "paid": sum(sale["payout_received"] is True for sale in sales),
            "waiting": sum(sale["payout_received"] is False for sale in sales),
            "not_recorded": sum(sale["payout_received"] is None for sale in sales),
            "paid_amount": total(s["net_proceeds"] for s in sales if s["payout_received"] is True),
            "waiting_amount": total(
                s["net_proceeds"] for s in sales if s["payout_received"] is False
            ),
            "median_days": middle(sale["payout_days"] for sale in sales),
        }
        for (month, platform), sales in grouped(known.sold, "month", "platform").items()
    ]


@mart
def months(known: Known) -> list[Row]:
    if not known.sold:
        return []
    by_month = grouped(known.sold, "month")
    first = min(sale["month"] for sale in known.sold)
    every = sorted({day.replace(day=1) for day in known.days() if day >= first})
    rows: list[Row] = []
    for place, month in enumerate(every):
        sales = by_month.get((month,), [])
        gross = total(sale["gross_sale"] for sale in sales) if sales else 0
        priced = sum(sale["gross_sale"] is not None for sale in sales)

        def growth(back: int, place: int = place, gross: Any = gross) -> float | None:
            before = rows[place - back]["gross_sale"] if place >= back else None
            return (
                (float(gross) / float(before) - 1) * 100 if before and gross is not None else None
            )

        rows.append(
            {
                "month": month,
                "orders": len(sales),
                "gross_sale": gross,
                "average_order": float(gross) / priced if priced else None,
                "profit": total(sale["profit"] for sale in sales) if sales else 0,
                "margin": of_both(sales, "profit", "gross_sale"),
                "roi": of_both(sales, "profit", "cost"),
                "median_days": middle(sale["days"] for sale in sales),
                "growth": growth(1),
                "growth_of_year": growth(12),
            }
        )
    return rows


@mart
def countries(known: Known) -> list[Row]:
    return [
        {
            "country": country,
            **money(sales),
            "share_of_orders": share(len(sales), len(known.sold)),
            "margin": of_both(sales, "profit", "gross_sale"),
        }
        for (country,), sales in grouped(known.sold, "country").items()
    ]


@mart
def today(known: Known) -> list[Row]:
    def late(days: int, until: int = 0) -> list[Row]:
        return [
            sale
            for sale in known.sold
            if known.today - timedelta(days=days)
            < sale["day"]
            <= known.today - timedelta(days=until)
            or (not until and sale["day"] > known.today)
        ]

    lying = known.on_hand()
    dead = [item for item in lying if item["since"] and (known.today - item["since"]).days > 180]
    recorded = [sale for sale in known.sold if sale["payout_received"] is not None]
    unpaid = [sale for sale in recorded if sale["payout_received"] is False]
    counts = {
        "items": len(lying),
        "units": units(lying),
        "units_without_price": unpriced(lying),
        "dead_items": len(dead),
        "bought_30_days": sum(
            item["bought"] is not None and item["bought"] > known.today - timedelta(days=30)
            for item in known.items
        ),
    }
    return [
        {
            "loaded_at": known.loaded_at,
            "database": "soleflip",
            "log_began_at": known.events[0]["occurred_at"] if known.events else None,
            **(counts if known.items else dict.fromkeys(counts)),
            "value": _known_sum(known.items, lying, map(cost, lying)),
            "dead_value": _known_sum(known.items, dead, map(cost, dead)),
            "orders_30_days": len(late(30)) if known.sold else None,
            **{
                f"{name}_{word}": _known_sum(known.sold, sales, (sale[column] for sale in sales))
                for word, sales in {"30_days": late(30), "before": late(60, 30)}.items()
                for name, column in {"gross": "gross_sale", "profit": "profit"}.items()
            },
            "unpaid_orders": len(unpaid) if recorded else None,
            "unpaid": _known_sum(recorded, unpaid, (sale["net_proceeds"] for sale in unpaid)),
        }
    ]


def _known_sum(known: list[Row], summed: list[Row], values: Iterable[Any]) -> Any:
    """Zero where something is known, and none of it is to be summed."""
    return Decimal(0) if known and not summed else total(values)
