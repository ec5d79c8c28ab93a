"""`soleflip bench` says how long it will take, resumes, and ends with a verdict."""

from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.results import Measured, Results, Section, now
from benchmarks.run import conclude_bench, expected


def test_what_was_measured_is_said_with_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    conclude_bench(1_172, [], report=Path("benchmarks/results/1172.md"))

    said = capsys.readouterr().out
    assert said.startswith("✓ Every section was measured, in a shop of 1,172 rows. Took ")
    assert "report  benchmarks/results/1172.md" in said


@pytest.mark.parametrize(
    ("failed", "behind", "told"),
    [
        (["dump", "marts"], [], "2 sections failed, as told above: dump, marts."),
        ([], ["refresh_ms"], "1 figure of a shop of 20,000 rows fell behind"),
    ],
)
def test_what_failed_is_said_and_exits_with_1(
    failed: list[str], behind: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        conclude_bench(20_000, failed, behind=behind)

    assert ended.value.code == 1
    assert f"soleflip: {told}" in capsys.readouterr().err


def kept(**seconds: float) -> Results:
    section = Section("a title", "in words", {})
    measured = {name: Measured(section, now(), took, 0.1) for name, took in seconds.items()}
    return Results(1_172, "a machine", measured)


def test_how_long_it_will_take_is_said_by_what_was_kept() -> None:
    told = expected(kept(dump=90.0, refresh=150.0), ["refresh", "dump", "marts"])

    assert told == (
        "3 sections at 1,172 rows; about 4 min by the last run; not measured at this size before: marts."
    )


@pytest.mark.parametrize(
    ("when", "fresh"), [(now(), True), ("2026-03-10 12:00 UTC", False), (None, False)]
)
def test_only_what_was_measured_lately_is_left_out(when: str | None, *, fresh: bool) -> None:
    results = kept()
    if when:
        results.sections["dump"] = Measured(Section("Dump", "in words", {}), when, 1.0, 0.1)

    assert results.fresh("dump", timedelta(days=1)) is fresh
