"""Months in UTC, whatever a calendar does to the clocks of people."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soleflip_assets.months.month import Month

months = st.builds(Month, st.integers(1990, 2100), st.integers(1, 12))


@given(months, st.integers(-500, 500))
def test_adding_and_subtracting_are_each_others_opposite(month: Month, number: int) -> None:
    assert (month + number) - month == number
    assert (month + number) + -number == month


@given(months, months)
def test_months_are_in_order_of_their_first_moments(one: Month, other: Month) -> None:
    assert (one < other) == (one.begin < other.begin)


@given(months)
def test_end_is_the_begin_of_the_next(month: Month) -> None:
    assert month.end == (month + 1).begin
    assert month.end.utcoffset() == timedelta(0)
    assert Month.of(month.begin) == month
    assert Month.of(month.end - timedelta(microseconds=1)) == month


@given(months)
def test_is_read_as_it_is_written(month: Month) -> None:
    assert Month.parse(str(month)) == Month.parse(month.suffix) == month
    assert Month.parse(month.first_day.isoformat()) == month


def test_moment_elsewhere_is_in_the_month_that_it_is_in_utc() -> None:
    auckland = timezone(timedelta(hours=13))
    assert Month.of(datetime(2026, 4, 1, 0, 30, tzinfo=auckland)) == Month(2026, 3)
    assert Month.of(datetime(2026, 3, 31, 23, 30, tzinfo=UTC)) == Month(2026, 3)
    assert Month.of(date(2026, 3, 31)) == Month(2026, 3)


def test_moment_without_a_time_zone_is_in_no_month() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Month.of(datetime(2026, 3, 31))  # noqa: DTZ001 that is the point


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "202600", "March"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no month"):
        Month.parse(text)


def test_stretch_includes_both_ends_and_may_be_empty() -> None:
    assert list(Month(2025, 12).to(Month(2026, 2))) == [
        Month(2025, 12),
        Month(2026, 1),
        Month(2026, 2),
    ]
    assert list(Month(2026, 2).to(Month(2026, 1))) == []
