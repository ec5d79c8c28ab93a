"""One running `soleflip up` for all tests of this folder, a browser, and a tab of it for each test."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import open_folder
from tests.e2e.processes import Up
from tests.e2e.up.ui import Ui

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# As root, chromium refuses its sandbox; and it shall not talk to anybody but us.
OPTIONS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# For the slowest page on a busy machine. Playwright's `expect` has a limit of its own, of five seconds, which
# no timeout of a page changes: an asset's page was seen to take longer.
PATIENCE_MS = 60_000


@pytest.fixture(scope="package")
def up() -> Iterator[Up]:
    """A `soleflip up` on the busy sample, for tests that change nothing but by a refresh."""
    with open_folder() as home:
        running = Up(home, SOLEFLIP_SAMPLE="busy")
        try:
            running.await_url()
            yield running
        finally:
            running.end()


# Not for the session: Playwright's event loop runs on in this thread, where later tests want their own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        missing = f"no browser ({', '.join(BROWSERS)}): apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield started
        started.close()


def tab(browser: Browser) -> Page:
    """A tab as somebody has it who works on it."""
    page = browser.new_page(timezone_id="UTC", locale="en-US", color_scheme="light")
    page.set_default_timeout(PATIENCE_MS)
    # The navigation takes a fifth of the window; as its own button would hide it.
    page.add_init_script("localStorage.setItem('dagster-nav-collapsed', 'true')")
    return page


@pytest.fixture
def ui(browser: Browser, up: Up) -> Iterator[Ui]:
    """The UI of the shared `soleflip up` in a tab of its own."""
    page = tab(browser)
    yield Ui(page, up)
    page.close()
