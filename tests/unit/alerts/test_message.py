"""What a message says."""

import re

import pytest

from soleflip_assets.alerts.message import Limits, Message, compose
from soleflip_assets.alerts.state import Kind, Observation, Severity, State

CHECK = "check:inventory/stock:financial_data_consistent"


def composed(*seen: Observation, kind: Kind = Kind.FAILING) -> tuple[str, str]:
    state = State(began=0, after=0)
    for observation in seen:
        state.observe(observation)
        if kind is Kind.RECOVERED and observation.failing:
            (news,) = state.news("sink", lambda _: True, 0)
            state.told("sink", news, 0)
    (news,) = state.news("sink", lambda _: True, 0)
    message = compose(news)
    return message.title, message.body


def test_failure_says_what_the_numbers_since_when_the_meaning_the_runbook_and_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOLEFLIP_UI_URL", "https://dagster.example/")
    title, body = composed(
        Observation(
            CHECK,
            failing=True,
            at=1_764_374_400,
            run_id="6f0d",
            detail="consistent 1,171, inconsistent 1",
            meaning="stock_financial holds figures that stock does not.",
        )
    )

    assert title == "[SoleFlip] ERROR: financial_data_consistent failing"
    assert "check financial_data_consistent of inventory/stock" in body
    assert "consistent 1,171, inconsistent 1" in body
    assert "since 2025-11-29 00:00:00 UTC" in body
    assert "stock_financial holds figures that stock does not." in body
    assert (
        "First: `soleflip resync --dry-run` lists each fact that differs, with both values." in body
    )
    assert "More: https://dagster.example/runbook#financial_data_consistent" in body
    page = "assets/inventory/stock?view=checks&checkDetail=financial_data_consistent"
    assert f"Look: https://dagster.example/{page}" in body
    assert "https://dagster.example/runs/6f0d" in body


def test_runbook_is_linked_where_it_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLEFLIP_RUNBOOK_URL", "https://git.example/docs/runbook.md")

    _, body = composed(Observation(CHECK, failing=True, at=0))

    assert "More: https://git.example/docs/runbook.md#financial_data_consistent" in body


def test_first_step_is_one_line_of_plain_text() -> None:
    """It goes over two lines in the runbook, and links into it."""
    name = "check:inventory/stock_metrics_view:view_is_fresh"

    _, body = composed(Observation(name, failing=True, at=0))

    assert (
        "First: `soleflip status`: is the daemon alive, is the schedule `hourly_stock_metrics_refresh` "
        "running? If pg_cron refreshes, how did its last run end?\n" in body
    )


def test_recovery_says_how_long_it_lasted() -> None:
    title, body = composed(
        Observation(CHECK, failing=True, at=1_764_374_400, run_id="a"),
        Observation(CHECK, failing=False, at=1_764_378_000, run_id="b"),
        kind=Kind.RECOVERED,
    )

    assert title == "[SoleFlip] recovered: financial_data_consistent recovered"
    assert "from 2025-11-29 00:00:00 UTC to 2025-11-29 01:00:00 UTC" in body


def test_title_counts_the_others() -> None:
    title, _ = composed(
        Observation("check:a:x", failing=True, at=0, severity=Severity.WARN),
        Observation("check:a:y", failing=True, at=0),
        Observation("job:z", failing=True, at=0),
    )

    assert title == "[SoleFlip] ERROR: y and 2 more failing"


def test_what_is_over_before_it_could_be_told_says_so() -> None:
    title, _ = composed(
        Observation(CHECK, failing=True, at=0), Observation(CHECK, failing=False, at=5)
    )

    assert title == "[SoleFlip] recovered: financial_data_consistent failed and recovered"


def told(number: int, limits: Limits) -> Message:
    state = State(began=0, after=0)
    for index in range(number):
        severity = Severity.ERROR if index == number - 1 else Severity.WARN
        state.observe(
            Observation(
                f"check:inventory/stock:check_{index}",
                failing=True,
                at=0,
                severity=severity,
                run_id="1",
                detail="d" * 200,
                meaning="m" * 200,
            )
        )
    (news,) = state.news("sink", lambda _: True, 0)
    return compose(news, limits)


@pytest.mark.parametrize("number", [1, 8, 50])
@pytest.mark.parametrize(("title", "body"), [(60, 80), (80, 920), (250, 1800), (250, 32_000)])
def test_message_is_as_long_as_its_target_takes_and_counts_what_is_left_out(
    number: int, title: int, body: int
) -> None:
    """From an SMS to an e-mail. The worst stays."""
    message = told(number, Limits(title, body))

    assert len(message.title) <= title
    assert len(message.body) <= body
    assert message.body.startswith(f"✗ check check_{number - 1} of")
    listed = message.body.count("✗ check check_")
    left_out = re.search(r"… and (\d+) more that have no room here", message.body)
    if body > 500:
        assert listed + (int(left_out[1]) if left_out else 0) == number
        assert message.body.endswith("/runs/1")
