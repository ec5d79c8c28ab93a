"""What is drawn of each mart: a chart, the table of the same figures, and what both say in a sentence.

Here: which rows, in which order, in which words. Not here: what charts look like (charts.py), the page that
they stand in (dashboard.py), or where the figures come from, which is sql/marts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, overload

import pyarrow as pa
import pyarrow.compute as pc

from soleflip_assets.marts import words
from soleflip_assets.marts.charts import Chart, drawn

Row = Mapping[str, Any]
Rows = Sequence[Row]

# More bars than this nobody compares, more months than this nobody reads.
_BARS = 10
_MONTHS = 24
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_WEEKS = 104
# A log that is younger is drawn day by day.
_DAYS = 21
_BRANDS = 3

_NOTHING = "Nothing is known yet."
# As likely as that nothing was sold is that the shop keeps its orders elsewhere, or nowhere.
_NO_SALE = "No sale is known."


class _Rows(Sequence[Row]):
    """The rows of a mart: each as a mapping, for who wants them all.

    That takes ten seconds for a million: where there is a row for each item, Arrow is asked for the few.

    Args:
        table: that holds them.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @cached_property
    def _all(self) -> list[Row]:
        rows: list[Row] = self._table.to_pylist()
        return rows

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> Row | Rows:
        return self._all[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._all)

    def largest(self, name: str, count: int) -> list[Row]:
        """The rows with the largest values of a column, the largest first; of equal ones the first."""
        values = self._table[name]
        # Its sort is stable, and what is not known comes last.
        places = pc.sort_indices(values, [("", "descending")])
        known = min(count, len(values) - values.null_count)
        rows: list[Row] = self._table.take(places[:known]).to_pylist()
        return rows

    def total(self, name: str) -> Any:
        """The sum of a column; None where nothing is known of it."""
        return pc.sum(self._table[name]).as_py()


@dataclass(frozen=True)
class Picture:
    """A chart and its table.

    Attributes:
        mart: whose.
        title: what it shows.
        says: the figures in a sentence: for who cannot see it, and for who has no time.
        chart: what is drawn.
        header: of the table.
        rows: of the table, in words.
    """

    mart: str
    title: str
    says: str
    chart: Chart
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def svg(self) -> str:
        """The chart as one SVG element; empty where there is nothing to draw: the sentence says why."""
        if self.chart.is_empty:
            return ""
        return drawn(self.chart, self.mart.replace("_", "-"), self.title, self.says)


@dataclass(frozen=True)
class Column:
    """A column of a picture's table.

    Attributes:
        header: its name for people.
        name: in the mart.
        shown: how a value is written.
    """

    header: str
    name: str
    shown: Callable[[Any], str]


def _table(columns: Sequence[Column], rows: Rows) -> tuple[list[str], list[list[str]]]:
    header = [column.header for column in columns]
    return header, [[column.shown(row[column.name]) for column in columns] for row in rows]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _values(rows: Rows, name: str) -> list[float | None]:
    return [_number(row[name]) for row in rows]


def _top(rows: Rows, name: str, count: int = _BARS) -> Rows:
    """The largest, the largest first; what is unknown is not among them."""
    known = [row for row in rows if row[name] is not None]
    return sorted(known, key=lambda row: (-row[name], str(row)))[:count]


def _lying(rows: Rows, label: str, name: str, series: str, axis: Callable[[float], str]) -> Chart:
    """Bars from left to right, the first row on top."""
    drawn_up = list(reversed(rows))
    return Chart(
        "lying", [str(row[label]) for row in drawn_up], [(series, _values(drawn_up, name))], axis
    )


def _first_and_last(
    what: str, rows: Rows, label: str, name: str, shown: Callable[[Any], str]
) -> str:
    """``Half of it took from 12 days (Puma) to 26 days (adidas).``."""
    if not rows:
        return _NOTHING
    first, last = (f"{shown(row[name])} ({row[label]})" for row in (rows[0], rows[-1]))
    return f"{what} {first}." if len(rows) == 1 else f"{what} from {first} to {last}."


def _value_by_day(rows: Rows) -> Picture:
    by_day = {row["day"]: row for row in rows}
    first = min((row["day"] for row in rows if row["value"] is not None), default=None)
    last = max(by_day, default=None)
    is_young = first is not None and last - first < _DAY * _DAYS
    step = _DAY if is_young else _WEEK
    shown = [last - step * number for number in range(_WEEKS, -1, -1)] if last else []
    drawn_up = [by_day[day] for day in shown if day in by_day]
    if is_young:
        drawn_up = [row for row in drawn_up if row["value"] is not None]
    columns = [
        Column("Day", "day", words.day),
        Column("Value", "value", words.euros),
        Column("Units", "units", words.count),
        Column("Units without a price", "units_without_price", words.count),
        Column("Expected profit", "expected_profit", words.euros),
    ]
    header, table = _table(columns, drawn_up[::-1])
    chart = Chart(
        "line",
        [_date_below(row["day"], step) for row in drawn_up],
        [
            ("Cost, with VAT", _values(drawn_up, "value")),
            ("Expected profit", _values(drawn_up, "expected_profit")),
        ],
        words.euros_of_axis,
    )
    says = _then_and_now(drawn_up)
    return Picture("value_by_day", "What lies in the shop", says, chart, header, table)


def _then_and_now(days: Rows) -> str:
    """What it was worth on the first day that is known, and on the last one."""
    known = [row for row in days if row["value"] is not None]
    if not known:
        return _NOTHING
    then, now = known[0], known[-1]
    is_now = f"{words.euros(now['value'])} in {words.count(now['units'])} units on {words.day(now['day'])}"
    if then is now:
        return f"{is_now}, the first day of the log: there is no trend yet."
    return f"{is_now}; {words.euros(then['value'])} on {words.day(then['day'])}."


def _date_below(day: date, step: timedelta) -> str:
    """Below the axis: the day where each is drawn, else the month that begins within a week."""
    if step == _DAY:
        return words.day(day)[:-5]
    return words.month(day) if (day - _WEEK).month != day.month else ""


def _age(rows: Rows) -> Picture:
    rows = sorted(rows, key=lambda row: row["place"])
    shown = [row for row in rows if row["bucket"] != words.UNKNOWN or row["items"]]
    columns = [
        Column("Since delivery", "bucket", words.text),
        Column("Cost", "value", words.euros),
        Column("Items", "items", words.count),
        Column("Units", "units", words.count),
        Column("Units without a price", "units_without_price", words.count),
    ]
    header, table = _table(columns, shown)
    whole = sum(row["value"] for row in rows)
    over = sum(row["value"] for row in rows if row["bucket"] == "over 180 days")
    says = (
        f"{words.euros(over)} of {words.euros(whole)}, {words.percent(over * 100 / whole)}, "
        "has been lying for more than 180 days."
        if whole
        else "Nothing is on hand."
    )
    labels = [row["bucket"].replace(" days", "").replace(" to ", "-") for row in shown]
    chart = Chart("bar", labels, [("Cost", _values(shown, "value"))], words.euros_of_axis)
    return Picture("age", "How long it has been lying, in days", says, chart, header, table)


def _dead_stock(rows: _Rows) -> Picture:
    top = rows.largest("value", _BARS)
    columns = [
        Column("Product", "product", words.text),
        Column("Size", "size", words.text),
        Column("Cost", "value", words.euros),
        Column("Units", "units", words.count),
        Column("Lies for", "days", words.days),
        Column("Where", "location", words.text),
        Column("Status", "status", words.text),
    ]
    header, table = _table(columns, top)
    value = rows.total("value") or Decimal(0)
    says = (
        f"{words.count(len(rows))} items, {words.euros(value)}, have been lying for more than 180 days; "
        "the dearest are these."
        if len(rows)
        else "Nothing is known to have been lying for more than 180 days."
    )
    named = [row | {"name": f"{row['product']}, {row['size']}"} for row in map(dict, top)]
    chart = _lying(named, "name", "value", "Cost", words.euros_of_axis)
    return Picture("dead_stock", "The dearest that nobody buys", says, chart, header, table)


def _days_to_sell(rows: Rows) -> Picture:
    known = sorted(
        (row for row in rows if row["median_days"] is not None),
        key=lambda row: (row["median_days"], row["brand"]),
    )
    columns = [
        Column("Brand", "brand", words.text),
        Column("Half sold within", "median_days", words.days),
        Column("A quarter within", "quick_quarter", words.days),
        Column("Three quarters within", "slow_quarter", words.days),
        Column("Sold", "sold", words.count),
        Column("Sold, day unknown", "sold_undated", words.count),
    ]
    header, table = _table(columns, known)
    says = _first_and_last("Half of what was sold took", known, "brand", "median_days", words.days)
    chart = _lying(known[:_BARS], "brand", "median_days", "Days", words.count)
    return Picture("days_to_sell", "Days from delivery to sale", says, chart, header, table)


def _status_duration(rows: Rows) -> Picture:
    ordered = sorted(rows, key=lambda row: (-(row["median_days"] or 0), row["status"]))
    columns = [
        Column("Status", "status", words.text),
        Column("Half leave within", "median_days", words.days),
        Column("On average", "mean_days", words.days),
        Column("Stays", "stays", words.count),
        Column("Measured", "ended", words.count),
        Column("Go on", "going_on", words.count),
        Column("Began before the log", "began_before_log", words.count),
    ]
    header, table = _table(columns, ordered)
    measured = [row for row in ordered if row["median_days"] is not None]
    says = _first_and_last(
        "Half leave a status within", measured, "status", "median_days", words.days
    )
    chart = _lying(measured[:_BARS], "status", "median_days", "Days", words.count)
    return Picture("status_duration", "Days in each status", says, chart, header, table)


def _sell_through_by_month(rows: Rows) -> Picture:
    months = sorted(rows, key=lambda row: row["month"])[-_MONTHS:]
    columns = [
        Column("Bought in", "month", words.month),
        Column("Items", "bought", words.count),
        Column("Sold in 30 days", "sold_within_30", words.percent),
        Column("In 60 days", "sold_within_60", words.percent),
        Column("In 90 days", "sold_within_90", words.percent),
        Column("By now", "sold_percent", words.percent),
        Column("On hand", "on_hand", words.count),
    ]
    header, table = _table(columns, months[::-1])
    known = [row for row in months if row["sold_within_90"] is not None]
    says = (
        f"Of what was bought in {words.month(known[-1]['month'])}, "
        f"{words.percent(known[-1]['sold_within_90'])} was sold within 90 days."
        if known
        else "No month is old enough to tell."
    )
    chart = Chart(
        "line",
        [words.month(row["month"]) for row in months],
        [(f"In {days} days", _values(months, f"sold_within_{days}")) for days in (30, 60, 90)],
        words.percent_of_axis,
    )
    return Picture(
        "sell_through_by_month",
        "How much of a month's purchases is sold",
        says,
        chart,
        header,
        table,
    )


def _sell_through_by_supplier(rows: Rows) -> Picture:
    ordered = sorted(rows, key=lambda row: (-row["sold_percent"], row["supplier"]))
    columns = [
        Column("Supplier", "supplier", words.text),
        Column("Sold", "sold_percent", words.percent),
        Column("Bought", "bought", words.count),
        Column("On hand", "on_hand", words.count),
        Column("Half sold within", "median_days", words.days),
        Column("Unsold, cost", "unsold_value", words.euros),
    ]
    header, table = _table(columns, ordered)
    says = _first_and_last("Sold by now:", ordered, "supplier", "sold_percent", words.percent)
    chart = _lying(ordered[:14], "supplier", "sold_percent", "Sold", words.percent_of_axis)
    return Picture(
        "sell_through_by_supplier",
        "Whose goods sell: share sold by now",
        says,
        chart,
        header,
        table,
    )


def _size_curve(rows: Rows) -> Picture:
    sold: dict[str, int] = defaultdict(int)
    for row in rows:
        sold[row["brand"]] += row["sold"]
    brands = sorted(sold, key=lambda brand: (-sold[brand], brand))[:_BRANDS]
    ordered = sorted(
        (row for row in rows if row["brand"] in brands),
        key=lambda row: (brands.index(row["brand"]), row["size_number"] or 0, row["size"]),
    )
    columns = [
        Column("Brand", "brand", words.text),
        Column("Size", "size", words.text),
        Column("Share of sold", "share_of_sold", words.percent),
        Column("Bought", "bought", words.count),
        Column("Sold", "sold", words.count),
        Column("On hand", "on_hand", words.count),
        Column("Half sold within", "median_days", words.days),
    ]
    header, table = _table(columns, ordered)
    sizes = sorted({(row["size_number"] or 0, row["size"]) for row in ordered})
    found = {(row["brand"], row["size"]): row for row in ordered}
    series = [
        (
            brand,
            [
                _number(found[brand, size]["share_of_sold"]) if (brand, size) in found else None
                for _, size in sizes
            ],
        )
        for brand in brands
    ]
    best = _top(ordered, "share_of_sold", 1)
    says = (
        f"Most wanted: {best[0]['brand']} in {best[0]['size']}, "
        f"{words.percent(best[0]['share_of_sold'])} of what the brand sells."
        if best
        else _NO_SALE
    )
    chart = Chart("line", [size for _, size in sizes], series, words.percent_of_axis)
    return Picture("size_curve", "Which sizes sell, by brand", says, chart, header, table)


def _expected_roi(rows: Rows) -> Picture:
    brands = sorted(
        (row for row in rows if row["grouped_by"] == "brand" and row["roi"] is not None),
        key=lambda row: (-row["roi"], row["name"]),
    )
    ordered = sorted(rows, key=lambda row: (row["grouped_by"], -(row["roi"] or 0), row["name"]))
    columns = [
        Column("By", "grouped_by", words.text),
        Column("Name", "name", words.text),
        Column("ROI", "roi", words.percent),
        Column("Expected profit", "expected_profit", words.euros),
        Column("Cost", "cost", words.euros),
        Column("Units", "units", words.count),
        Column("Units unknown", "units_unknown", words.count),
    ]
    header, table = _table(columns, ordered)
    says = _first_and_last("Expected:", brands, "name", "roi", words.percent)
    chart = _lying(brands[:_BARS], "name", "roi", "ROI", words.percent_of_axis)
    return Picture("expected_roi", "ROI expected of what is on hand", says, chart, header, table)


def _listing_coverage(rows: Rows) -> Picture:
    ordered = sorted(rows, key=lambda row: (row["platform"] == "nowhere", -row["items"]))
    columns = [
        Column("Listed", "platform", words.text),
        Column("Items", "items", words.count),
        Column("Units", "units", words.count),
        Column("Share of items", "share_of_items", words.percent),
        Column("Half listed for", "median_days", words.days),
        Column("Over 90 days", "over_90_days", words.count),
        Column("Undated", "undated", words.count),
    ]
    header, table = _table(columns, ordered)
    nowhere = next((row for row in ordered if row["platform"] == "nowhere"), None)
    says = (
        f"{words.count(nowhere['items'])} items, {words.percent(nowhere['share_of_items'])} of what is on "
        "hand, are offered nowhere."
        if nowhere
        else "All that is on hand is offered somewhere."
        if ordered
        else "Nothing is on hand."
    )
    chart = _lying(ordered, "platform", "items", "Items", words.count)
    return Picture("listing_coverage", "Where it is offered", says, chart, header, table)


def _reservation_funnel(rows: Rows) -> Picture:
    months = sorted(rows, key=lambda row: row["month"])[-_MONTHS:]
    columns = [
        Column("Made in", "month", words.month),
        Column("Made", "made", words.count),
        Column("Held stock", "activated", words.count),
        Column("Sold", "fulfilled", words.count),
        Column("Given back", "released", words.count),
        Column("Ran out", "expired", words.count),
        Column("Open", "still_open", words.count),
        Column("Deleted open", "gone", words.count),
        Column("Sold of ended", "fulfilled_percent", words.percent),
        Column("Half end within, hours", "median_hours", words.count),
    ]
    header, table = _table(columns, months[::-1])
    made, sold = (sum(row[name] for row in months) for name in ("made", "fulfilled"))
    says = (
        f"Of {words.count(made)} reservations, {words.count(sold)} ended in a sale."
        if made
        else "Nothing was reserved yet."
    )
    chart = Chart(
        "stacked",
        [words.month(row["month"]) for row in months],
        [
            ("Sold", _values(months, "fulfilled")),
            ("Given back", _values(months, "released")),
            ("Ran out", _values(months, "expired")),
        ],
        words.count,
    )
    return Picture("reservation_funnel", "What becomes of reservations", says, chart, header, table)


def _price_changes(rows: Rows) -> Picture:
    months = sorted({row["month"] for row in rows})[-_MONTHS:]
    ordered = sorted(
        (row for row in rows if row["month"] in months),
        key=lambda row: (row["month"], row["price"]),
    )
    columns = [
        Column("Month", "month", words.month),
        Column("Price", "price", words.text),
        Column("Changes", "changes", words.count),
        Column("Raised", "raised", words.count),
        Column("Lowered", "lowered", words.count),
        Column("Half by", "median_percent", words.change),
    ]
    header, table = _table(columns, ordered[::-1])
    asking = {row["month"]: row for row in ordered if row["price"] == "asking"}
    raised, lowered = (sum(row[name] for row in asking.values()) for name in ("raised", "lowered"))
    says = (
        f"Asking prices were lowered {words.count(lowered)} times and raised {words.count(raised)} times."
        if months
        else "No change of an asking price is known."
    )
    chart = Chart(
        "stacked",
        [words.month(month) for month in months],
        [
            (label, [float(asking[month][name]) if month in asking else 0.0 for month in months])
            for label, name in (("Lowered", "lowered"), ("Raised", "raised"))
        ],
        words.count,
    )
    return Picture("price_changes", "Asking prices that were changed", says, chart, header, table)


def _sales_by_day(rows: Rows) -> Picture:
    last = max((row["day"] for row in rows), default=None)
    weeks: dict[date, dict[str, Decimal]] = {}
    if last:
        weeks = {last - _WEEK * week: defaultdict(Decimal) for week in range(25, -1, -1)}
        for row in rows:
            end = last - _WEEK * ((last - row["day"]).days // 7)
            if end in weeks:
                weeks[end][row["platform"]] += row["gross_sale"] or 0
    platforms = sorted(
        {name for week in weeks.values() for name in week},
        key=lambda name: (-sum(week[name] for week in weeks.values()), name),
    )
    header = ["Week that ended", "All", *platforms]
    table = [
        [
            words.day(end),
            words.euros(sum(week.values())),
            *(words.euros(week[name]) for name in platforms),
        ]
        for end, week in reversed(weeks.items())
    ]
    says = (
        f"{words.euros(sum(weeks[last].values()))} in the week that ended on {words.day(last)}."
        if last
        else _NO_SALE
    )
    chart = Chart(
        "stacked",
        [words.day(end)[:-5] for end in weeks],
        [(name, [float(week[name]) for week in weeks.values()]) for name in platforms],
        words.euros_of_axis,
    )
    return Picture("sales_by_day", "Half a year of sales, week by week", says, chart, header, table)


def _profit_by_product(rows: Rows) -> Picture:
    ranked = _top(rows, "profit", len(rows))
    half = _BARS // 2 + 1
    shown = ranked if len(ranked) <= 2 * half else [*ranked[:half], *ranked[-half:]]
    columns = [
        Column("Product", "product", words.text),
        Column("Profit", "profit", words.euros),
        Column("Orders", "orders", words.count),
        Column("An order", "profit_per_order", words.cents),
        Column("ROI", "roi", words.percent),
        Column("Half sold within", "median_days", words.days),
        Column("Orders without profit", "orders_without_profit", words.count),
    ]
    header, table = _table(columns, shown)
    says = (
        f"Best: {ranked[0]['product']}, {words.euros(ranked[0]['profit'])}. "
        f"Worst: {ranked[-1]['product']}, {words.euros(ranked[-1]['profit'])}."
        if ranked
        else "No profit is known."
    )
    chart = _lying(shown, "product", "profit", "Profit", words.euros_of_axis)
    return Picture("profit_by_product", "Best and worst products", says, chart, header, table)


def _platforms(rows: Rows) -> Picture:
    ordered = sorted(rows, key=lambda row: (-row["orders"], row["platform"]))
    columns = [
        Column("Platform", "platform", words.text),
        Column("Orders", "orders", words.count),
        Column("Sales", "gross_sale", words.euros),
        Column("Fee", "fee_percent", words.percent),
        Column("Profit", "profit", words.euros),
        Column("Margin", "margin", words.percent),
        Column("ROI", "roi", words.percent),
        Column("Half paid within", "median_payout_days", words.days),
        Column("Orders, 30 days", "orders_30_days", words.count),
        Column("Sales, 30 days", "gross_30_days", words.euros),
        Column("Sales, 7 days", "gross_7_days", words.euros),
    ]
    header, table = _table(columns, ordered)
    best = _top(ordered, "margin", 1)
    says = (
        f"{best[0]['platform']} leaves the most: {words.percent(best[0]['margin'])} of the price is profit."
        if best
        else "No profit is known."
    )
    chart = Chart(
        "bar",
        [row["platform"] for row in ordered],
        [
            ("Fee", _values(ordered, "fee_percent")),
            ("Margin", _values(ordered, "margin")),
            ("ROI", _values(ordered, "roi")),
        ],
        words.percent_of_axis,
    )
    return Picture("platforms", "Platforms side by side", says, chart, header, table)


def _payouts(rows: Rows) -> Picture:
    of_platform: dict[str, dict[str, Any]] = {}
    for row in rows:
        sums = of_platform.setdefault(
            row["platform"],
            {
                "platform": row["platform"],
                "waiting": 0,
                "waiting_amount": Decimal(0),
                "not_recorded": 0,
            },
        )
        sums["waiting"] += row["waiting"]
        sums["waiting_amount"] += row["waiting_amount"] or 0
        sums["not_recorded"] += row["not_recorded"]
    ordered = sorted(of_platform.values(), key=lambda row: -row["waiting_amount"])
    columns = [
        Column("Platform", "platform", words.text),
        Column("To come", "waiting_amount", words.euros),
        Column("Orders", "waiting", words.count),
        Column("Not recorded", "not_recorded", words.count),
    ]
    header, table = _table(columns, ordered)
    whole = sum((row["waiting_amount"] for row in ordered), Decimal(0))
    says = f"{words.euros(whole)} of proceeds is still to come." if ordered else _NO_SALE
    chart = _lying(ordered, "platform", "waiting_amount", "To come", words.euros_of_axis)
    return Picture("payouts", "What platforms still owe", says, chart, header, table)


def _months(rows: Rows) -> Picture:
    months = sorted(rows, key=lambda row: row["month"])[-_MONTHS:]
    columns = [
        Column("Month", "month", words.month),
        Column("Sales", "gross_sale", words.euros),
        Column("Profit", "profit", words.euros),
        Column("Against the month before", "growth", words.change),
        Column("Against the year before", "growth_of_year", words.change),
        Column("Orders", "orders", words.count),
        Column("An order", "average_order", words.euros),
        Column("Margin", "margin", words.percent),
        Column("ROI", "roi", words.percent),
    ]
    header, table = _table(columns, months[::-1])
    says = _NO_SALE
    if months:
        before = words.euros(months[-2]["gross_sale"]) if len(months) > 1 else "nothing is known"
        says = (
            f"{words.euros(months[-1]['gross_sale'])} so far in {words.month(months[-1]['month'])}; "
            f"{before} in the month before."
        )
    chart = Chart(
        "bar",
        [words.month(row["month"]) for row in months],
        [("Sales", _values(months, "gross_sale")), ("Profit", _values(months, "profit"))],
        words.euros_of_axis,
    )
    return Picture("months", "Sales and profit, month by month", says, chart, header, table)


def _countries(rows: Rows) -> Picture:
    ordered = sorted(rows, key=lambda row: (-row["orders"], row["country"]))
    columns = [
        Column("Country", "country", words.text),
        Column("Orders", "orders", words.count),
        Column("Share", "share_of_orders", words.percent),
        Column("Sales", "gross_sale", words.euros),
        Column("Profit", "profit", words.euros),
        Column("Margin", "margin", words.percent),
    ]
    header, table = _table(columns, ordered)
    says = (
        f"{ordered[0]['country']} takes {words.percent(ordered[0]['share_of_orders'])} of all orders."
        if ordered
        else _NO_SALE
    )
    chart = _lying(ordered[:_BARS], "country", "orders", "Orders", words.count)
    return Picture("countries", "Where the pairs go", says, chart, header, table)


_PICTURES: Mapping[str, Callable[[_Rows], Picture]] = {
    "value_by_day": _value_by_day,
    "months": _months,
    "sales_by_day": _sales_by_day,
    "age": _age,
    "dead_stock": _dead_stock,
    "listing_coverage": _listing_coverage,
    "expected_roi": _expected_roi,
    "days_to_sell": _days_to_sell,
    "status_duration": _status_duration,
    "sell_through_by_month": _sell_through_by_month,
    "sell_through_by_supplier": _sell_through_by_supplier,
    "size_curve": _size_curve,
    "profit_by_product": _profit_by_product,
    "platforms": _platforms,
    "payouts": _payouts,
    "countries": _countries,
    "reservation_funnel": _reservation_funnel,
    "price_changes": _price_changes,
}


def picture(mart: str, rows: pa.Table) -> Picture:
    """Draw a mart.

    Args:
        mart: its name, one of ``PICTURED``.
        rows: all of its rows.
    """
    return _PICTURES[mart](_Rows(rows))
