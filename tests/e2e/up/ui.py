"""Dagster's UI in a browser tab: opening a page of it, reading its tables, and keeping a picture."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.e2e.processes import Up, awaited

_STATUS = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}

# The boxes around an element that end to the left of where it does, and do not show the rest.
_CUT_BY = """element => {
  const right = element.getBoundingClientRect().right, cut = [];
  if (right > window.innerWidth + 1) cut.push("window");
  for (let box = element.parentElement; box; box = box.parentElement) {
    const hides = getComputedStyle(box).overflowX !== "visible";
    if (hides && box.getBoundingClientRect().right + 1 < right) cut.push(box.className || box.tagName);
  }
  return cut;
}"""

_FOLLOW = """path => {
  history.pushState({key: path}, "", path);
  dispatchEvent(new PopStateEvent("popstate", {state: {key: path}}));
}"""

# A small notebook, a usual one and a screen on a desk.
SIZES = ((1024, 768), (1440, 900), (1920, 1080))
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("dark", "light")

STOCK = "inventory/stock"
VIEW = "inventory/stock_metrics_view"


@dataclass(frozen=True)
class Ui:
    """A tab.

    Attributes:
        page: Playwright's.
        up: what serves it.
        width: of the window, where a test does not say: what is small is readable as a picture in README.
        height: likewise.
    """

    page: Page
    up: Up
    width: int = 1180
    height: int = 900

    def looks(self) -> Iterator[Scheme]:
        """The page in each size of window, by night and by day; it is loaded once, and looked at six times.

        Yields:
            What the browser asks for.
        """
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                yield scheme

    def open(self, path: str, *, width: int | None = None, height: int | None = None) -> None:
        """Go to a page, in a window of a size."""
        size: ViewportSize = {"width": width or self.width, "height": height or self.height}
        self.page.set_viewport_size(size)
        self.page.goto(f"http://127.0.0.1:{self.up.port}{path}")

    def follow(self, path: str) -> None:
        """Go to a page as its own links do, without loading the UI again: a quarter of the time."""
        self.page.evaluate(_FOLLOW, path)

    def open_check(
        self, asset: str, check: str, *, width: int | None = None, height: int | None = None
    ) -> None:
        """Go to the page of a check."""
        self.open(f"/assets/{asset}?view=checks&checkDetail={check}", width=width, height=height)

    def launch(self, button: str) -> str:
        """Press a button that launches a run.

        Returns:
            The run's id.
        """
        self.page.get_by_role("button", name=button, exact=True).click()
        told = self.page.get_by_role("region", name="Notifications")
        address = told.get_by_role("link", name="View").get_attribute("href")
        assert address is not None
        return address.removeprefix("/runs/")

    def execute(self, button: str) -> None:
        """Press a button that launches a run, and look again when that has ended.

        The page would look by itself, but only every quarter of a minute.
        """
        run_id = self.launch(button)
        awaited(lambda: self.up.graphql(_STATUS, id=run_id)["runOrError"]["status"] in _ENDED)
        self.page.reload()

    def row(self, *cells: str) -> Locator:
        """The row of a table that reads so."""
        return self.page.get_by_role("row", name=" ".join(cells), exact=True)

    def show(self, name: str, kind: str) -> Locator:
        """Open what the UI shows of long metadata after a click only."""
        cell = self.page.get_by_role("cell", name=name, exact=True)
        row = self.page.get_by_role("row").filter(has=cell)
        row.last.get_by_text(f"[Show {kind}]").click()
        return self.page.get_by_role("dialog").last

    def require_whole(self, part: Locator) -> None:
        """Make sure that nothing of a part is cut off at the right, by the window or by a box around it."""
        expect(part).to_be_visible()
        part.scroll_into_view_if_needed()
        assert part.evaluate(_CUT_BY) == []

    def keep(self, name: str, part: Locator | None = None) -> None:
        """Write a picture of the window, or of a part of it, if somebody asked for pictures.

        ``make screenshots`` sets SCREENSHOTS to the folder that they are written to.
        """
        if folder := os.environ.get("SCREENSHOTS"):
            path = Path(folder) / f"{name}.png"
            (part or self.page).screenshot(path=path, animations="disabled")
