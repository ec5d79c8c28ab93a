"""The pages of the checks: green and red, with the numbers that were compared, and their reports."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import expect
from sqlalchemy.engine import URL

from tests.conftest import connect
from tests.e2e.up.ui import STOCK, VIEW, Ui


def test_changed_price_turns_its_check_red_and_back(ui: Ui) -> None:
    ui.open_check(STOCK, "financial_data_consistent", height=800)
    page = ui.page
    expect(ui.row("inconsistent", "0")).to_be_visible()
    with price_changed(ui.up.database_url) as stock_id:
        ui.execute("execute Execute all")
        expect(ui.row("inconsistent", "1")).to_be_visible()
        expect(ui.row("consistent", "1171")).to_be_visible()
        expect(page.get_by_text(_result("Failed"))).to_be_visible()
        expect(page.get_by_text(f"For instance: {stock_id}.")).to_be_visible()
        ui.keep("red_check")

    ui.execute("execute Execute")
    expect(ui.row("inconsistent", "0")).to_be_visible()
    expect(page.get_by_text(_result("Passed"))).to_be_visible()


def _result(verdict: str) -> re.Pattern[str]:
    return re.compile(rf"^Evaluation result\s*{verdict}$")


@contextmanager
def price_changed(url: URL) -> Iterator[str]:
    """A price of stock_financial is not the one of stock, past the triggers, and then is again.

    Yields:
        The id of the stock row.
    """
    change = """
        UPDATE inventory.stock_financial SET purchase_price = purchase_price + %(change)s
        WHERE stock_id = (SELECT min(stock_id::text)::uuid FROM inventory.stock_financial)
        RETURNING stock_id
    """
    with connect(url) as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        stock_id = connection.exec_driver_sql(change, {"change": 100}).scalar_one()
        try:
            yield str(stock_id)
        finally:
            connection.exec_driver_sql(change, {"change": -100})


def test_age_of_the_view_is_checked_and_plotted(ui: Ui) -> None:
    ui.open_check(VIEW, "view_is_fresh")
    expect(ui.page.get_by_text("was refreshed within the time that")).to_be_visible()
    expect(ui.page.get_by_text("Passed", exact=True)).to_be_visible()
    expect(ui.row("total_records", "1172")).to_be_visible()
    # In the table, and over the plot.
    expect(ui.page.get_by_text("age_seconds", exact=True)).to_have_count(2)
    expect(ui.page.locator("canvas").first).to_be_visible()


def test_index_report_is_rendered_as_a_table(ui: Ui) -> None:
    ui.open_check(STOCK, "index_usage", width=1600)
    report = ui.show("usage", "Markdown")
    expect(report.get_by_role("table")).to_have_count(1)
    for heading in ("index", "scans", "tuples read", "MB", "verdict"):
        expect(report.get_by_role("columnheader", name=heading, exact=True)).to_be_visible()
    for index in ("stock_pkey", "idx_stock_reserved", "idx_stock_status_history"):
        expect(report.get_by_role("row", name=index)).to_be_visible()
    ui.keep("indexes", report)
