"""What benchmarks found is kept by section and judged by bounds; nothing passes unmeasured."""

from pathlib import Path

import pytest

from benchmarks.results import MILLION, Measured, Results, Section, judge

BOUNDS = """
[must.faster]
what = "times as fast"
at_least = 10

[must.smaller]
what = "times the size"
at_most = 2
"""


@pytest.fixture
def bounds(tmp_path: Path) -> Path:
    path = tmp_path / "bounds.toml"
    path.write_text(BOUNDS)
    return path


def measured(title: str, **values: float) -> Measured:
    return Measured(Section(title, f"{title} in words", values), "2026-03-10 12:00 UTC", 1.0, 0.1)


def test_run_of_one_section_keeps_the_others(tmp_path: Path) -> None:
    first = Results.at(1_172, tmp_path)
    first.sections = {"queries": measured("Queries", a=1), "refresh": measured("Refresh", b=2)}
    first.write(tmp_path)

    second = Results.at(1_172, tmp_path)
    second.machine = "another machine"
    second.sections |= {"refresh": measured("Refresh", b=3)}
    written = second.write(tmp_path).read_text()

    assert Results.kept(tmp_path / "1172.json").values == {"a": 1, "b": 3}
    assert "Queries in words" in written
    assert "another machine" in written


def test_bounds_are_told_at_the_size_they_are_for(tmp_path: Path) -> None:
    for rows in (1_172, MILLION):
        results = Results(rows, "a machine", {"queries": measured("Queries", a=1)})
        assert ("## Must reach" in results.write(tmp_path).read_text()) is (rows == MILLION)


@pytest.mark.parametrize(
    ("values", "verdicts"),
    [
        ({"faster": 10, "smaller": 2}, ["reached", "reached"]),
        ({"faster": 9.9, "smaller": 2.1}, ["**missed**", "**missed**"]),
        ({}, ["not measured", "not measured"]),
    ],
)
def test_figure_is_held_against_its_bound(
    bounds: Path, values: dict[str, float], verdicts: list[str]
) -> None:
    assert [bound.verdict for bound in judge(values, "must", bounds).values()] == verdicts


@pytest.mark.parametrize(
    ("values", "held"),
    [
        ({"faster": 5, "smaller": 4}, True),
        ({"faster": 4.9, "smaller": 4.1}, False),
        ({}, False),
    ],
)
def test_ci_fails_where_a_figure_has_fallen_behind_by_half_or_is_gone(
    bounds: Path, values: dict[str, float], *, held: bool
) -> None:
    judged = judge(values, "must", bounds).values()
    assert [bound.held(tolerance=2) for bound in judged] == [held, held]
