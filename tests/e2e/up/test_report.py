"""The deployment's report."""

from playwright.sync_api import expect

from tests.e2e.up.ui import Ui

HEADINGS = (
    "Schema changes",
    "Data migration",
    "Headline queries",
    "Validations",
    "Backups",
    "What may be dropped when",
    "Errors",
    "How to roll back",
)


def test_deployment_report_is_rendered_with_its_tables(ui: Ui) -> None:
    ui.open("/assets/phase2/deployment_report", height=960)
    report = ui.show("report", "Markdown")
    for heading in HEADINGS:
        expect(report.get_by_role("heading", name=heading, exact=True)).to_be_attached()
    expect(report.get_by_role("table")).to_have_count(8)
    expect(
        report.get_by_role("row", name="inventory.stock_lifecycle 1,206", exact=True)
    ).to_be_attached()
    expect(
        report.get_by_role("row", name="✅ financial_data_consistent inventory/stock")
    ).to_be_attached()
    # Whoever reads it has another home, or sits at another machine.
    expect(report).to_contain_text("in the folder dumps of SOLEFLIP_HOME")
    expect(report).not_to_contain_text(str(ui.up.home))
    report.get_by_role("heading", name="Phase 2").scroll_into_view_if_needed()
    ui.keep("report")
