"""Figures in words: what is unknown is called so, and is never a zero."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from soleflip_assets.marts import words

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("shown", "value", "expected"),
    [
        (words.euros, Decimal("1234.56"), "€1,235"),
        (words.euros, Decimal("-0.20"), "€0"),
        (words.euros, -12, f"{MINUS}€12"),
        (words.cents, Decimal("1234.5"), "€1,234.50"),
        (words.euros_of_axis, 1_250_000, "€1.2M"),
        (words.euros_of_axis, 250_000, "€250k"),
        (words.euros_of_axis, -800, f"{MINUS}€800"),
        (words.count, 12345, "12,345"),
        (words.percent, 12.34, "12.3%"),
        (words.percent, -0.01, "0.0%"),
        (words.change, 12.34, "+12.3%"),
        (words.change, -4.0, f"{MINUS}4.0%"),
        (words.days, 1, "1 day"),
        (words.days, 22.0, "22 days"),
        (words.day, date(2026, 11, 26), "26 Nov 2026"),
        (words.month, date(2026, 11, 1), "Nov 2026"),
        (words.moment, datetime(2026, 11, 26, 7, 5, tzinfo=UTC), "26 Nov 2026, 07:05 UTC"),
    ],
)
def test_figure_is_written_as_people_read_it(
    shown: Callable[[Any], str], value: Any, expected: str
) -> None:
    assert shown(value) == expected


@pytest.mark.parametrize(
    "shown",
    [words.euros, words.cents, words.count, words.percent, words.change, words.days, words.day,
     words.month, words.moment, words.text],
)  # fmt: skip
def test_unknown_is_called_unknown(shown: Callable[[Any], str]) -> None:
    assert shown(None) == "unknown"
