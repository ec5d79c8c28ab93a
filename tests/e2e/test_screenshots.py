"""The UI in a browser: what a person sees, and the pictures of it in docs/images.

``make screenshots`` sets SCREENSHOTS to the folder that the pictures are written to.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.e2e.processes import Up
from tests.e2e.test_up import ASSETS, LEGACY

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# As root, chromium refuses its sandbox; and it shall not talk to anybody but us.
OPTIONS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# At this size the lineage shows each asset with its status and checks and not only its name.
LARGE = ViewportSize(width=2300, height=1150)
USUAL = ViewportSize(width=1500, height=1000)
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        missing = f"no browser ({', '.join(BROWSERS)}): apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport=LARGE)
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


def keep(page: Page, name: str) -> None:
    """Write the picture if somebody asked for pictures."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_lineage_shows_every_asset_done_and_checked(up: Up, page: Page) -> None:
    (line,) = (line for line in up.lines if line.startswith("The lineage: "))
    page.goto(line.removeprefix("The lineage: "))
    for asset in ASSETS:
        name = page.get_by_text(asset.rpartition("/")[2], exact=True)
        expect(name.first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Materialized", exact=True)).to_have_count(
        len(ASSETS - LEGACY) + 1,  # the preflight
        timeout=PATIENCE_MS,
    )
    expect(page.get_by_text("Observed", exact=True)).to_have_count(len(LEGACY))
    for trouble in ("Failed", "Never materialized", "Unsynced"):
        expect(page.get_by_text(trouble)).to_have_count(0)
    keep(page, "lineage")


def test_asset_page_shows_status_columns_and_sql(up: Up, page: Page) -> None:
    page.set_viewport_size(USUAL)
    page.goto(f"http://127.0.0.1:{up.port}/assets/inventory/stock_metrics_view")
    expect(page.get_by_text("expected_profit", exact=True).first).to_be_visible()
    expect(page.get_by_text("sql/phase2/81").first).to_be_visible()
    expect(page.get_by_text("1,172").first).to_be_visible()
    keep(page, "asset")


def test_report_is_rendered(up: Up, page: Page) -> None:
    page.set_viewport_size(USUAL)
    page.goto(f"http://127.0.0.1:{up.port}/assets/phase2/deployment_report")
    page.get_by_text("Show Markdown").click()
    for heading in ("Schema changes", "Data migration", "Validations", "How to roll back"):
        expect(page.get_by_role("heading", name=heading)).to_be_attached()
    page.get_by_role("heading", name="Phase 2: schema consolidation").scroll_into_view_if_needed()
    keep(page, "report")
