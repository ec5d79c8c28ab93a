"""The pages of what runs by the clock."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.e2e.up.ui import Ui

_ON = """
query On($repository: RepositorySelector!) {
  schedulesOrError(repositorySelector: $repository) { ... on Schedules { results { defaultStatus } } }
  sensorsOrError(repositorySelector: $repository) { ... on Sensors { results { defaultStatus } } }
}
"""
_REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "soleflip"}


def test_everything_by_the_clock_is_on(ui: Ui) -> None:
    ui.open("/automation", height=1260)
    page = ui.page
    for schedule in ("hourly_stock_metrics_refresh info Scheduled Every hour", "weekly_watch info"):
        expect(page.get_by_role("link", name=schedule)).to_be_visible()
    switches = page.get_by_role("checkbox", checked=True)
    found = ui.up.graphql(_ON, repository=_REPOSITORY)
    automations = found["schedulesOrError"]["results"] + found["sensorsOrError"]["results"]
    on = [one for one in automations if one["defaultStatus"] == "RUNNING"]
    assert len(on) > 8
    expect(switches).to_have_count(len(on))
    ui.keep("automation")
    for _ in ui.looks():
        ui.require_whole(page.get_by_role("link", name="weekly_watch info"))


def test_refresh_is_on_and_its_next_tick_is_the_next_full_hour(ui: Ui) -> None:
    before = datetime.now(UTC)
    ui.open("/locations/soleflip/schedules/hourly_stock_metrics_refresh", height=450)
    expect(ui.row("Schedule", "Every hour (0 * * * *)")).to_be_visible()
    expect(ui.page.get_by_role("row", name="Running").get_by_role("checkbox")).to_be_checked()
    shown = ui.page.get_by_role("row", name="Next tick").get_by_role("cell").last.inner_text()
    tick = datetime.strptime(f"{before.year} {shown}+0000", "%Y %b %d, %I:%M:%S %p UTC%z")
    assert (tick.minute, tick.second) == (0, 0)
    assert before < tick <= datetime.now(UTC) + timedelta(hours=1)
    ui.keep("schedule")
