"""`soleflip bench` ends with a verdict."""

from pathlib import Path

import pytest

from benchmarks.run import conclude_bench


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
