"""Dagster's UI in a browser tab: opening a page of it, reading its tables, and keeping a picture."""

import os
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page

from tests.e2e.processes import Up, awaited

_STATUS = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}

STOCK = "inventory/stock"
VIEW = "inventory/stock_metrics_view"


@dataclass(frozen=True)
class Ui:
    """A tab.

    Attributes:
        page: Playwright's.
        up: what serves it.
    """

    page: Page
    up: Up

    def open(self, path: str, *, width: int = 1180, height: int = 900) -> None:
        """Go to a page, in a window of a size: what is small is readable as a picture in README."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.goto(f"http://127.0.0.1:{self.up.port}{path}")

    def open_check(self, asset: str, check: str, *, width: int = 1180, height: int = 900) -> None:
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

    def keep(self, name: str, part: Locator | None = None) -> None:
        """Write a picture of the window, or of a part of it, if somebody asked for pictures.

        ``make screenshots`` sets SCREENSHOTS to the folder that they are written to.
        """
        if folder := os.environ.get("SCREENSHOTS"):
            path = Path(folder) / f"{name}.png"
            (part or self.page).screenshot(path=path, animations="disabled")
