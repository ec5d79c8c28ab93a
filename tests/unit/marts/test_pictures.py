"""Every picture can be drawn, of a shop that sells and of one that nobody knows anything of."""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from soleflip_assets.marts.catalogue import PICTURED
from soleflip_assets.marts.charts import Chart, drawn
from soleflip_assets.marts.dashboard import Today, page
from soleflip_assets.marts.pictures import picture
from soleflip_assets.marts.weekly import text
from soleflip_assets.marts.words import count
from tests.integration.marts.shops import BEGAN, NAMES, SmallShop, answered, busy_shop
from tests.integration.marts.test_marts import NOTHING_KNOWN

every_picture = pytest.mark.parametrize("name", PICTURED)


@pytest.fixture(scope="module")
def busy() -> Mapping[str, pa.Table]:
    return answered(busy_shop())


@pytest.fixture(scope="module")
def unknown() -> Mapping[str, pa.Table]:
    return answered(NOTHING_KNOWN)


@every_picture
def test_picture_shows_what_its_table_says(name: str, busy: Mapping[str, pa.Table]) -> None:
    shown = picture(name, busy[name])
    assert shown.rows
    assert all(len(row) == len(shown.header) for row in shown.rows)
    assert not shown.chart.is_empty
    assert shown.says.endswith(".")
    assert re.search(r"\d", shown.says)
    assert shown.svg.count("<svg") == 1
    assert "<script" not in shown.svg


@every_picture
def test_picture_of_nothing_known_says_so(name: str, unknown: Mapping[str, pa.Table]) -> None:
    shown = picture(name, unknown[name])
    assert shown.svg == "" or not shown.chart.is_empty
    assert shown.says
    assert "€0 on" not in shown.says


def test_gap_is_not_drawn_as_zero() -> None:
    known, gap = (
        drawn(Chart("line", ["a", "b", "c"], [("x", values)], count), "x", "X", "x")
        for values in ([5.0, 6.0, 7.0], [None, 6.0, 7.0])
    )
    paths = [re.findall(r'<path d="([^"]*)" class="line reactive', svg) for svg in (known, gap)]
    assert [len(re.findall(r"[\d.]+", "".join(path))) // 2 for path in paths] == [3, 2]


def test_point_without_a_neighbour_is_a_dot() -> None:
    """A line needs two points: of one the axis would stay empty."""
    line, alone, beside_a_gap = (
        drawn(Chart("line", ["a", "b", "c"], [("x", values)], count), "x", "X", "x")
        for values in ([5.0, 6.0, 7.0], [None, 6.0, None], [5.0, 6.0, None])
    )
    assert [svg.count("<circle") for svg in (line, alone, beside_a_gap)] == [0, 1, 0]


@pytest.fixture(scope="module")
def first_day() -> Mapping[str, pa.Table]:
    """A shop without orders on the day on which its log began, as the sample `busy` is at its start."""
    shop = busy_shop()
    began = [event for event in shop.tables["stock_event"] if event["occurred_at"] == BEGAN]
    state = shop.tables["load_state"][0] | {"loaded_at": BEGAN}
    tables = {**NAMES, "stock_event": began, "reservation_event": [], "sales_order": []}
    return answered(SmallShop(tables | {"load_state": [state]}, BEGAN))


def test_first_day_is_a_point_with_its_date_and_no_trend(
    first_day: Mapping[str, pa.Table],
) -> None:
    shown = picture("value_by_day", first_day["value_by_day"])
    assert shown.chart.labels == ["20 Jan"]
    assert "on 20 Jan 2026, the first day of the log: there is no trend yet." in shown.says
    assert shown.svg.count("<circle") == 2


def test_young_log_is_drawn_day_by_day(busy: Mapping[str, pa.Table]) -> None:
    last = max(row["day"] for row in busy["value_by_day"].to_pylist())
    days = [
        {"day": last - timedelta(days=ago), "value": None if ago > 2 else Decimal(ago), "units": 1}
        | {"units_without_price": 0, "expected_profit": None}
        for ago in range(30)
    ]
    shown = picture("value_by_day", pa.Table.from_pylist(days))
    assert list(shown.chart.series[0][1]) == [2.0, 1.0, 0.0]


def test_where_no_sale_is_known_that_is_said_and_no_zero(
    first_day: Mapping[str, pa.Table],
) -> None:
    """Pairs of that shop are sold; where its orders are, nobody told the warehouse."""
    told = text(Today.of(first_day["today"]).figures, "x")
    assert "Sold in 30 days: unknown (no sale is known here)" in told
    assert told.count("unknown") == 1
    sales = ("months", "sales_by_day", "profit_by_product", "platforms", "payouts", "countries")
    for name in sales:
        says = picture(name, first_day[name]).says
        assert re.fullmatch(r"No (sale|profit) is known\.", says), (name, says)


def test_page_has_no_axis_and_no_table_without_figures(
    first_day: Mapping[str, pa.Table],
) -> None:
    """The sentence says that nothing is known; an empty picture below it says nothing more."""
    shown = page(first_day.__getitem__)
    assert "nothing known yet" not in shown
    assert shown.count("<svg") == sum(
        not picture(name, first_day[name]).chart.is_empty for name in PICTURED
    )
    assert "<tbody>\n              </tbody>" not in shown


@every_picture
def test_sentence_reads_well_on_the_first_day(name: str, first_day: Mapping[str, pa.Table]) -> None:
    says = picture(name, first_day[name]).says
    assert says[0].isupper() or says[0] in "€0123456789"
    assert says.endswith(".")
    assert not re.search(r"\w nothing is known|None", says)


def test_picture_escapes_what_it_shows() -> None:
    svg = drawn(Chart("lying", ["<b>&</b>"], [("x", [1.0])], count), "x", "<i>", "a & b")
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert "&lt;i&gt;" in svg


def test_week_is_told_in_a_few_lines(
    busy: Mapping[str, pa.Table], unknown: Mapping[str, pa.Table]
) -> None:
    told = text(Today.of(busy["today"]).figures, "http://127.0.0.1:3000/assets/marts/dashboard")
    assert re.search(r"^On hand, at cost: €\d[\d,]* \(\d+ units, \d+ items\)$", told, re.MULTILINE)
    assert told.endswith("All pictures: http://127.0.0.1:3000/assets/marts/dashboard")
    assert len(told) < 800
    assert "On hand, at cost: unknown" in text(Today.of(unknown["today"]).figures, "x")
