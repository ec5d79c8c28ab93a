"""What a verdict and a refusal say of the checks of a run."""

import dagster as dg
import pytest

from soleflip_assets.commands.narration import numbers_of, refusals
from soleflip_assets.commands.runs import JobRun
from soleflip_assets.ground.settings import RUNBOOK_URL

STOCK = dg.AssetKey(["inventory", "stock"])


@pytest.fixture(autouse=True)
def runbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNBOOK_URL, "runbook")


def check(
    name: str, *, passed: bool, severity: str = "ERROR", **seen: int
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=STOCK,
        check_name=name,
        passed=passed,
        metadata={word: dg.MetadataValue.int(number) for word, number in seen.items()},
        severity=dg.AssetCheckSeverity(severity),
        description=None if passed else "It means something.",
    )


def checked(*checks: dg.AssetCheckEvaluation) -> str:
    return JobRun("1", True, [*checks], [], None).checked  # type: ignore[arg-type]


def test_verdict_counts_a_check_that_only_warns() -> None:
    """It fails no run; whoever reads the verdict alone learns of it."""
    good, warning = check("good", passed=True), check("old", passed=False, severity="WARN")
    assert checked(good, good) == "2 checks passed"
    assert checked(good, warning) == "1 of 2 checks did not pass (old)"
    assert [*refusals([good, warning])] == []


def test_one_failed_check_says_what_it_means_and_where_to_read() -> None:
    (told,) = refusals([check("good", passed=True), check("bad", passed=False)])
    assert told == "bad failed: It means something; see runbook#bad."


def test_several_failed_checks_are_one_sentence() -> None:
    (told,) = refusals([check("bad", passed=False), check("worse", passed=False)])
    assert told.startswith("2 of 2 checks failed (bad, worse): ")
    assert told.endswith("runbook#bad.")


def test_numbers_are_read_as_words() -> None:
    assert (
        numbers_of(check("good", passed=True, set_aside=34, total=1172))
        == "set aside 34, total 1,172"
    )
