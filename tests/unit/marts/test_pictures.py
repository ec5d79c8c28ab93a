"""Every picture can be drawn, of a shop that sells and of one that nobody knows anything of."""

import re
from collections.abc import Mapping

import pyarrow as pa
import pytest

from soleflip_assets.marts.catalogue import PICTURED
from soleflip_assets.marts.charts import Chart, drawn
from soleflip_assets.marts.dashboard import Today
from soleflip_assets.marts.pictures import picture
from soleflip_assets.marts.weekly import text
from soleflip_assets.marts.words import count
from tests.integration.marts.shops import answered, busy_shop
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
    assert shown.svg.startswith("<svg")
    assert shown.says
    assert "€0 on" not in shown.says


def test_gap_is_not_drawn_as_zero() -> None:
    known, gap = (
        drawn(Chart("line", ["a", "b", "c"], [("x", values)], count), "x", "X", "x")
        for values in ([5.0, 6.0, 7.0], [None, 6.0, 7.0])
    )
    paths = [re.findall(r'<path d="([^"]*)" class="line reactive', svg) for svg in (known, gap)]
    assert [len(re.findall(r"[\d.]+", "".join(path))) // 2 for path in paths] == [3, 2]


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
