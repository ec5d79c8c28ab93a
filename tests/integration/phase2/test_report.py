"""The deployment report says what went wrong on the way, too."""

from pathlib import Path

from sqlalchemy.engine import URL

from soleflip_assets.deploying import ledger
from soleflip_assets.phase2.report import write_report
from tests.conftest import connect


def test_report_names_each_step_that_died(deployed: URL, tmp_path: Path) -> None:
    """And when the old tables may go: 14 and 30 days after the first time that all was done."""
    with connect(deployed) as connection:
        clean = write_report(connection, tmp_path, "clean").read_text(encoding="utf-8")
        ledger.start(connection, "40_stock_columns", checksum="")
        ledger.finish(connection, ledger.start(connection, "40_stock_columns", checksum=""), {})
        connection.exec_driver_sql(
            "UPDATE inventory_ops.ledger SET finished_at = '2026-01-01Z' WHERE step LIKE '81%%'"
        )
        report = write_report(connection, tmp_path, "after").read_text(encoding="utf-8")

    assert "None: every step that was started is finished." in clean
    assert "Started and not finished, then resumed by a later run:" in report
    assert "| 40_stock_columns |" in report.partition("## Errors")[2]
    assert "three legacy tables: not before 2026-01-15 00:00:00 UTC" in report
    assert "three backups: not before 2026-01-31 00:00:00 UTC" in report
