"""Whoever gets an alert finds a section on it."""

import re

import pytest

from soleflip_assets.alerts.message import compose
from soleflip_assets.alerts.state import Observation, State
from soleflip_assets.checks.validations import VALIDATIONS, validation_spec
from soleflip_assets.ground.runbook import first_step
from soleflip_assets.ground.settings import FILES
from soleflip_assets.history.checks import MONITORS as OF_HISTORY
from soleflip_assets.marts.assets import marts
from soleflip_assets.monitoring.jobs import MONITORS
from soleflip_assets.warehouse.checks import SPECS as WAREHOUSE_CHECKS

RUNBOOK = (FILES / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = set(re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE))
SPECS = [
    *(validation_spec(check) for check in VALIDATIONS),
    *(check.spec for check in [*MONITORS, *OF_HISTORY]),
    *WAREHOUSE_CHECKS,
    *marts.check_specs,
]
CHECKS = [(spec.asset_key.to_user_string(), spec.name) for spec in SPECS]
SUBJECTS = [
    *(f"check:{asset}:{name}" for asset, name in CHECKS),
    "check:phase2/preflight:no_dependents",
    "job:refresh_stock_metrics",
    "schedule:hourly_stock_metrics_refresh",
    "sensor:alerts",
    "runs:queued",
    "stopped:hourly_stock_metrics_refresh",
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_alert_links_to_a_section_that_is_there_and_says_its_first_step(subject: str) -> None:
    state = State(began=0, after=0)
    state.observe(Observation(subject, failing=True, at=0))
    (news,) = state.news("sink", lambda _: True, 0)

    body = compose(news).body
    link = re.search(r"http://127.0.0.1:3000/runbook#(\S+)", body)

    assert link is not None
    assert link[1] in SECTIONS
    assert re.search(r"^  First: .{10,}$", body, re.MULTILINE)


@pytest.mark.parametrize(
    ("section", "ending"),
    [
        ("view_records", "and refresh it: `soleflip deploy`, then `soleflip refresh`."),
        ("mode_is_whole", ": `soleflip metrics --mode materialized`."),
        ("records_with_reservations", "the youngest first (the runbook has the query)."),
    ],
)
def test_first_step_that_ends_in_a_colon_says_what_follows_it(section: str, ending: str) -> None:
    """In an alert and in `soleflip status` there is nothing below it."""
    assert first_step(section).endswith(ending)


def test_links_inside_the_runbook_lead_somewhere() -> None:
    linked = set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK))

    assert linked <= {section.lower().replace(" ", "-") for section in SECTIONS}


def test_no_section_is_on_a_check_that_is_no_more() -> None:
    named = {section for section in SECTIONS if "_" in section}

    assert named == {name for _, name in CHECKS}
