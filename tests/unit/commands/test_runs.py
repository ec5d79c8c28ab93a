"""What a verdict and a refusal say of the checks of a run."""

from collections.abc import Iterator
from uuid import uuid4

import dagster as dg
import pytest

from soleflip_assets.commands.narration import Narrator, numbers_of, refusals
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


def test_checks_of_an_asset_are_counted_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A failed one has a line of its own; those of another asset, which was made before, are in nobody's."""
    specs = [dg.AssetCheckSpec(name, asset=STOCK) for name in ("good", "better", "old")]
    specs.append(dg.AssetCheckSpec("other", asset="made_before"))

    @dg.multi_asset(
        specs=[dg.AssetSpec("made_before"), dg.AssetSpec(STOCK)], check_specs=specs, name="made"
    )
    def made() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        yield dg.MaterializeResult(asset_key="made_before")
        yield dg.MaterializeResult(asset_key=STOCK, metadata={"dagster/row_count": 1172})
        for spec in specs:
            yield dg.AssetCheckResult(
                check_name=spec.name,
                asset_key=spec.asset_key,
                passed=spec.name != "old",
                severity=dg.AssetCheckSeverity.WARN,
            )

    narrator, run_id = Narrator(), str(uuid4())
    job = dg.Definitions(assets=[made], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_event_listener(run_id, narrator.hear)
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        job.execute_in_process(instance=instance, run_id=run_id, run_config=quiet)
    narrator.end()
    assert capsys.readouterr().err.splitlines() == [
        "✓ made_before",
        "✓ inventory/stock: 1,172 rows, 2 checks passed",
        "  ✗ old",
        "  ✓ 1 check passed",
    ]
