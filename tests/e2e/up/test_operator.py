"""What whoever looks after it sees, at three sizes of window, light and dark: is all well, what if not."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, Response, expect

from tests.e2e.processes import Up, awaited
from tests.e2e.up.conftest import tab
from tests.e2e.up.test_checks import price_changed
from tests.e2e.up.test_up import LAUNCH_REFRESH, NODES, refresh_step
from tests.e2e.up.ui import STOCK, VIEW, Ui

HEALTH = "operations/health"
CHECK = "financial_data_consistent"
CHECKS_OF_THE_VIEW = 10
_LOOK_NOW = """
mutation {
  sensorDryRun(cursor: null, selectorData: {
    sensorName: "health", repositoryName: "__repository__", repositoryLocationName: "soleflip"
  }) {
    __typename
    ... on DryRunInstigationTick { evaluationResult { error { message } } }
  }
}
"""
_VERDICT = """
{
  assetOrError(assetKey: {path: ["operations", "health"]}) {
    ... on Asset { assetMaterializations(limit: 1) { description } }
  }
}
"""
_JOBS = """
{
  repositoryOrError(repositorySelector: {
    repositoryName: "__repository__", repositoryLocationName: "soleflip"
  }) { ... on Repository { jobs { name } } }
}
"""
_METADATA = """
fragment Shown on MetadataEntry {
  label
  ... on FloatMetadataEntry { floatValue }
  ... on TextMetadataEntry { text }
  ... on MarkdownMetadataEntry { text: mdStr }
  ... on PathMetadataEntry { text: path }
  ... on JsonMetadataEntry { text: jsonString }
}
{
  assetNodes {
    assetMaterializations(limit: 1) { metadataEntries { ...Shown } }
    assetObservations(limit: 1) { metadataEntries { ...Shown } }
    assetChecksOrError { ... on AssetChecks { checks {
      executionForLatestMaterialization { evaluation { metadataEntries { ...Shown } } }
    } } }
  }
}
"""
# Longer than any that three decimals can have.
_TOO_PRECISE = re.compile(r"\d\.\d{5}")
_RAW = re.compile(r"^\s*[\[{]")


def verdict(up: Up) -> str:
    """What the page of the health says when its sensor looks now, and not within a minute."""
    looked = up.graphql(_LOOK_NOW)["sensorDryRun"]
    assert looked["evaluationResult"]["error"] is None
    newest = up.graphql(_VERDICT)["assetOrError"]["assetMaterializations"]
    return str(newest[0]["description"])


def test_page_that_up_prints_last_says_that_all_is_well(ui: Ui) -> None:
    ui.open(ui.up.lines[-1].partition(str(ui.up.port))[2])
    page = ui.page
    for _ in ui.looks():
        expect(page.get_by_text("Fails if more than 15 minutes since last")).to_be_visible()
        ui.require_whole(page.get_by_text("Nothing is wrong.", exact=True).first)
        ui.require_whole(page.get_by_text("value_at_cost_eur", exact=True))
        ui.require_whole(page.get_by_text("hourly_stock_metrics_refresh").first)


def test_picture_of_the_page_that_up_prints(ui: Ui) -> None:
    """High enough for all of it."""
    ui.open(f"/assets/{HEALTH}", width=1280, height=1800)
    expect(ui.page.get_by_text("Nothing is wrong.", exact=True).first).to_be_visible()
    expect(ui.page.get_by_text("weekly_watch")).to_be_visible()
    ui.keep("health")


def test_figures_of_the_business_are_on_the_view_and_plotted(ui: Ui) -> None:
    ui.open(f"/assets/{VIEW}")
    page = ui.page
    for _ in ui.looks():
        for name in ("units_available", "value_at_cost_eur", "expected_profit_eur"):
            ui.require_whole(page.get_by_text(name, exact=True).first)
        ui.require_whole(page.get_by_role("cell", name="listed_stockx", exact=True))
    page.get_by_role("button", name="Plots").click()
    for _ in ui.looks():
        expect(page.get_by_text("value_at_cost_eur", exact=True)).to_be_visible()
        expect(page.locator("canvas").first).to_be_visible()


def test_what_is_worth_a_look_is_a_table(ui: Ui) -> None:
    ui.open(f"/assets/{VIEW}", width=1440)
    shown = ui.show("worth_a_look", "Markdown")
    for heading in ("Few left", "Worth most", "Longest on the shelf"):
        expect(shown.get_by_role("heading", name=heading, exact=True)).to_be_attached()
    days = shown.get_by_role("columnheader", name="Days on the shelf", exact=True)
    expect(days).to_have_count(3)
    ui.keep("figures", shown)
    for _ in ui.looks():
        ui.require_whole(days.first)


@pytest.fixture(scope="module")
def refreshed(up: Up) -> Up:
    """As it is after the hour."""
    refresh_step(up, up.graphql(LAUNCH_REFRESH)["launchRun"]["run"]["runId"])
    return up


def test_no_check_of_the_view_is_grey_after_a_refresh(ui: Ui, refreshed: Up) -> None:
    """U1: whatever the hourly run does not look at reads "not evaluated", were it red before."""
    (node,) = (
        node
        for node in refreshed.graphql(NODES)["assetNodes"]
        if "/".join(node["assetKey"]["path"]) == VIEW
    )
    found = [
        check["executionForLatestMaterialization"] for check in node["assetChecksOrError"]["checks"]
    ]
    assert [one and one["status"] for one in found] == ["SUCCEEDED"] * CHECKS_OF_THE_VIEW

    ui.open(f"/assets/{VIEW}?view=checks")
    for _ in ui.looks():
        expect(ui.page.get_by_text("Succeeded", exact=True)).to_have_count(CHECKS_OF_THE_VIEW)
        expect(ui.page.get_by_text("Not evaluated")).to_have_count(0)


@pytest.fixture(scope="module")
def broken(browser: Browser, up: Up) -> Iterator[Up]:
    """A check of stock is red, the alerts know it, and the page of the health says so."""
    page = tab(browser)
    ui = Ui(page, up)
    with price_changed(up.database_url):
        ui.open_check(STOCK, CHECK)
        ui.execute("execute Execute")
        # The alerts look every ten seconds.
        awaited(lambda: CHECK in verdict(up), 150, pause=2)
        yield up
    ui.open_check(STOCK, CHECK)
    ui.execute("execute Execute")
    awaited(lambda: verdict(up) == "Nothing is wrong.", 150, pause=2)
    page.close()


@pytest.mark.usefixtures("broken")
def test_health_names_what_is_wrong_and_leads_there(ui: Ui) -> None:
    ui.open(f"/assets/{HEALTH}", width=1440)
    page = ui.page
    link = page.get_by_role("link", name=f"check {CHECK} of {STOCK}")
    expect(link).to_be_visible()
    ui.keep("health_red")
    for _ in ui.looks():
        ui.require_whole(page.get_by_text(f"One thing is wrong: {CHECK}.", exact=True).first)
        ui.require_whole(link)
    assert link.get_attribute("href") == f"/assets/{STOCK}?view=checks&checkDetail={CHECK}"


@pytest.mark.usefixtures("broken")
def test_red_check_says_what_to_do_and_links_to_its_section(ui: Ui) -> None:
    ui.open_check(STOCK, CHECK)
    page = ui.page
    told = page.get_by_text(re.compile(r"First: .*lists each fact that differs"))
    link = page.get_by_role("link", name=f"/runbook#{CHECK}")
    for _ in ui.looks():
        ui.require_whole(told)
        ui.require_whole(link)
    with page.context.expect_page() as opened:
        link.click()
    runbook = Ui(opened.value, ui.up)
    heading = runbook.page.get_by_role("heading", name=CHECK, exact=True)
    runbook.page.set_viewport_size({"width": 1440, "height": 900})
    expect(heading).to_be_in_viewport()
    runbook.keep("runbook")
    for scheme in runbook.looks():
        runbook.require_whole(heading)
        assert runbook.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        ink = runbook.page.evaluate("getComputedStyle(document.querySelector('h2')).color")
        assert (ink == "rgb(0, 0, 0)") == (scheme == "light")


def test_metadata_of_everything_is_written_for_people(up: Up) -> None:
    """No path of this machine, no JSON, no figure with more digits than anybody reads."""
    shown = list(_entries(up.graphql(_METADATA)))
    assert len(shown) > 100
    said = [f"{one['label']}: {one.get('text') or one.get('floatValue')}" for one in shown]
    wrong = [
        line
        for line in said
        if str(up.home) in line or _TOO_PRECISE.search(line) or _RAW.search(line.partition(": ")[2])
    ]
    assert wrong == []


def _entries(found: object) -> Iterator[dict[str, Any]]:
    """All entries of metadata, wherever in an answer."""
    if isinstance(found, dict):
        if "label" in found:
            yield found
        for part in found.values():
            yield from _entries(part)
    elif isinstance(found, list):
        for part in found:
            yield from _entries(part)


def test_every_job_opens_with_a_button_to_launch_it_and_without_a_red_field(ui: Ui) -> None:
    """Each by its own page, which asks whether what it opens with is right, and shows the answer."""
    jobs = ui.up.graphql(_JOBS)["repositoryOrError"]["jobs"]
    names = sorted(job["name"] for job in jobs if not job["name"].startswith("__"))
    assert {"partition_table", "restore_drill", "switch_metrics_mode"} < set(names)
    ui.open("/jobs")
    for name in names:
        with ui.page.expect_response(partial(_is_judged, name)) as judged:
            ui.follow(f"/locations/soleflip/jobs/{name}/playground")
        found = judged.value.json()["data"]["isPipelineConfigValid"]["__typename"]
        assert found == "PipelineConfigValidationValid", name
        for told in ("No errors", "No missing config"):
            expect(ui.page.get_by_text(told, exact=True), name).to_be_visible()
        expect(ui.page.get_by_role("button", name="Launch Run"), name).to_be_enabled()
    for _ in ui.looks():
        ui.require_whole(ui.page.get_by_role("button", name="Launch Run"))


def _is_judged(job: str, answer: Response) -> bool:
    """Whether it answers what the page of a job asks of the configuration that stands in it."""
    asked = answer.request.post_data or ""
    return "isPipelineConfigValid" in asked and f'"pipelineName":"{job}"' in asked


def test_dangerous_job_opens_as_a_dry_run(ui: Ui) -> None:
    ui.open("/locations/soleflip/jobs/switch_metrics_mode/playground")
    for _ in ui.looks():
        expect(ui.page.get_by_text("dry_run").first).to_be_visible()
        expect(ui.page.get_by_role("button", name="Launch Run")).to_be_enabled()
