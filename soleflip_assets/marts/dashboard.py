"""The picture on the wall: one HTML file that holds all of it, and needs no network, no server and no script.

Here: which pictures, in which order, and the day's figures beside them. Not here: what is drawn
(pictures.py), or when it is made (assets.py). The page itself is dashboard.html.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Self

import jinja2
import pyarrow as pa

from soleflip_assets import __version__
from soleflip_assets.marts import words
from soleflip_assets.marts.catalogue import SECTIONS, TODAY, Mart, mart
from soleflip_assets.marts.pictures import Picture, picture


@dataclass(frozen=True)
class Line:
    """A line beside a figure.

    Attributes:
        text: what it says.
        tone: ``up`` or ``down`` where that is good or bad.
    """

    text: str
    tone: str = ""


@dataclass(frozen=True)
class Figure:
    """One of the day's figures.

    Attributes:
        name: what it is.
        value: in words.
        beside: what else is to be said of it.
    """

    name: str
    value: str
    beside: Sequence[Line]


@dataclass(frozen=True)
class _Shown:
    mart: Mart
    picture: Picture
    svg: str


@dataclass(frozen=True)
class _Section:
    title: str
    shown: Sequence[_Shown]

    @property
    def name(self) -> str:
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class Today:
    """The day's figures.

    Attributes:
        row: of the mart.
    """

    row: Mapping[str, Any]

    @classmethod
    def of(cls, rows: pa.Table) -> Self:
        """From the mart, which has one row."""
        (row,) = rows.to_pylist()
        return cls(row)

    @property
    def day(self) -> str:
        """Of which they are."""
        return words.day(self.row["loaded_at"])

    @property
    def figures(self) -> list[Figure]:
        """In words, the most important first."""
        row = self.row
        return [
            Figure(
                "On hand, at cost",
                words.euros(row["value"]),
                [
                    Line(f"{words.count(row['units'])} units, {words.count(row['items'])} items"),
                    *_without_price(row["units_without_price"]),
                ],
            ),
            Figure(
                "Lying over 180 days",
                words.euros(row["dead_value"]),
                [Line(_share(row["dead_value"], row["value"], row["dead_items"]))],
            ),
            *self._sales,
            Figure("Bought in 30 days", words.count(row["bought_30_days"]), [Line("items")]),
        ]

    @property
    def _sales(self) -> list[Figure]:
        """What was sold; where no sale is known, that is said once."""
        row = self.row
        if row["orders_30_days"] is None:
            return [Figure("Sold in 30 days", words.UNKNOWN, [Line("no sale is known here")])]
        return [
            Figure(
                "Sold in 30 days",
                words.euros(row["gross_30_days"]),
                [
                    Line(f"{words.count(row['orders_30_days'])} orders"),
                    _against(row["gross_30_days"], row["gross_before"]),
                ],
            ),
            Figure(
                "Profit in 30 days",
                words.euros(row["profit_30_days"]),
                [_against(row["profit_30_days"], row["profit_before"])],
            ),
            Figure(
                "Still to be paid out",
                words.euros(row["unpaid"]),
                [Line(f"{words.count(row['unpaid_orders'])} orders")],
            ),
        ]


def page(read: Callable[[str], pa.Table]) -> str:
    """The dashboard as HTML.

    Args:
        read: gives the rows of a mart by its name.
    """
    today = Today.of(read(TODAY))
    sections = [
        _Section(title, [_shown(name, read(name)) for name in names])
        for title, names in SECTIONS.items()
    ]
    return _template().render(
        day=today.day,
        moment=words.moment(today.row["loaded_at"]),
        since=_since(today.row["log_began_at"]),
        figures=today.figures,
        today_unknown=mart(TODAY).unknown,
        sections=sections,
        version=__version__,
        database=words.text(today.row["database"]),
    )


def _without_price(units: int | None) -> list[Line]:
    return [Line(f"and {words.count(units)} of unknown price")] if units else []


def _share(part: Any, whole: Any, items: Any) -> str:
    counted = f"{words.count(items)} items"
    return f"{words.percent(part * 100 / whole)}, {counted}" if part and whole else counted


def _against(now: Any, before: Any) -> Line:
    if now is None or before is None or before <= 0:
        return Line("30 days before: " + words.euros(before))
    growth = (now / before - 1) * 100
    tone = "up" if growth > 0 else "down" if growth < 0 else ""
    return Line(f"{words.change(growth)} against the 30 days before", tone)


def _since(log_began_at: datetime | None) -> str:
    if log_began_at is None:
        return "The log has no event yet: what concerns stock is unknown."
    return f"The log knows since {words.day(log_began_at)}."


def _shown(name: str, rows: pa.Table) -> _Shown:
    found = picture(name, rows)
    return _Shown(mart(name), found, found.svg)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("soleflip_assets.marts", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("dashboard.html")
