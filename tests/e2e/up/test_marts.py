"""A mart's page: what it is of, its columns, its figures as a table; made when all this has just started."""

from playwright.sync_api import expect

from soleflip_assets.marts.catalogue import mart
from tests.e2e.processes import awaited
from tests.e2e.up.ui import Ui

_MADE = """
{
  assetNodeOrError(assetKey: {path: ["marts", "dashboard"]}) {
    ... on AssetNode { assetMaterializations(limit: 1) { runId } }
  }
}
"""
# A load, its checks, all marts and the page, beside other tests.
_PATIENCE_SECONDS = 300


def test_mart_shows_its_figures_as_a_table_and_its_columns(ui: Ui) -> None:
    awaited(
        lambda: ui.up.graphql(_MADE)["assetNodeOrError"]["assetMaterializations"], _PATIENCE_SECONDS
    )
    ui.open("/assets/marts/age", height=1400)
    page = ui.page
    expect(page.get_by_text(mart("age").description).first).to_be_visible()
    for name, meaning in mart("age").columns.items():
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True))
        expect(row.first).to_contain_text(meaning)
    expect(page.get_by_text("has been lying for more than 180 days.")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Since delivery", exact=True)).to_be_visible()
    expect(page.get_by_role("cell", name="over 180 days", exact=True)).to_be_visible()
