"""The page of the view: what it is, how it fares, and the button that refreshes it."""

import os

import pytest
from playwright.sync_api import expect

from soleflip_assets.metrics.figures import FIGURES
from tests.e2e.processes import Up
from tests.e2e.up.test_up import LAUNCH_REFRESH, refresh_step
from tests.e2e.up.ui import VIEW, Ui

# For each column, the columns that it comes from.
SOURCES = {
    "available_quantity": "stock.quantity, stock.reserved_quantity",
    "total_cost": "stock.gross_purchase_price",
    "expected_profit": "stock.gross_purchase_price, stock.roi_percentage",
}
PLOTS = (
    "dagster/row_count",
    "replaced_age_seconds",
    "refresh_seconds",
    "dagster/size_bytes",
    *FIGURES,
)


def test_view_says_what_it_is_and_that_it_is_right(ui: Ui) -> None:
    ui.open(f"/assets/{VIEW}", width=1280, height=960)
    page = ui.page
    expect(page.get_by_text("Metrics of every stock row, computed at the last")).to_be_visible()
    for column, sources in SOURCES.items():
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=column, exact=True))
        expect(row).to_contain_text(f"From {sources}.")
    for shown in ("1,172", "Passing", "inventory-data"):
        expect(page.get_by_text(shown, exact=True).first).to_be_visible()
    for link in ("81_stock_metrics_view.sql", "refresh_stock_metrics", "Every hour"):
        expect(page.get_by_role("link", name=link).first).to_be_visible()
    ui.keep("asset")


def test_materialize_refreshes_the_view_and_records_its_column_lineage(ui: Ui) -> None:
    """The paid edition draws a column's lineage; this one shows in the run's log what was recorded of it."""
    ui.open(f"/assets/{VIEW}")
    page = ui.page
    ui.open(f"/runs/{ui.launch('materialization Materialize')}")
    expect(page.get_by_text("Success", exact=True)).to_be_visible()
    expect(page.get_by_text("10 checks", exact=True)).to_be_visible()

    page.get_by_placeholder("Filter…").fill("type:ASSET_MATERIALIZATION")
    page.get_by_role("button", name="View full message").click()
    lineage = ui.show("dagster/column_lineage", "JSON")
    expect(lineage).to_contain_text('"columnName": "available_quantity"')
    expect(lineage).to_contain_text('"columnName": "reserved_quantity"')


@pytest.fixture
def refreshes(up: Up) -> None:
    """Some more for the picture; one has been there since the deployment."""
    for _ in range(4 if "SCREENSHOTS" in os.environ else 0):
        refresh_step(up, up.graphql(LAUNCH_REFRESH)["launchRun"]["run"]["runId"])


@pytest.mark.usefixtures("refreshes")
def test_rows_age_refresh_time_and_size_are_plotted(ui: Ui) -> None:
    ui.open(f"/assets/{VIEW}", height=760)
    page = ui.page
    page.get_by_role("button", name="Plots").click()
    for plot in PLOTS:
        expect(page.get_by_text(plot, exact=True)).to_be_visible()
    expect(page.locator("canvas")).to_have_count(len(PLOTS) + 1)  # how many steps were applied
    ui.keep("plots", page.locator("div[style*='1fr 1fr']").filter(has=page.locator("canvas")))
