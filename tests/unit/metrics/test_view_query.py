"""The query of the view is written several times, since SQL cannot share one; all say the same."""

import re
from typing import Any

import pglast
import pytest
from pglast.stream import RawStream

from soleflip_assets.ground.settings import SQL
from soleflip_assets.ground.sql_files import SqlFile
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW

_VIEW = SqlFile("phase2/81_stock_metrics_view.sql")

# What a row is expected to earn, whatever the row is called: `s`, `NEW`, `changed`, …
_PROFIT = re.compile(r"CASE\s+WHEN(?:(?!CASE)[^;])*?roi_percentage / 100\)[^;]*?END", re.IGNORECASE)


def query_of(file: SqlFile, name: str) -> list[str]:
    """The columns that a view selects, as PostgreSQL's grammar reads them, and from where."""
    (statement,) = (text for text in file.statements if re.match(rf"CREATE .*VIEW {name} AS", text))
    parsed: Any = pglast.parse_sql(statement)
    query = parsed[0].stmt.query
    return [RawStream()(part) for part in (*query.targetList, *query.fromClause)]


def profits(text: str) -> set[str]:
    """The formulas of the profit in a text, each in one spelling: NULL, too, is not above zero."""
    found = set()
    for formula in _PROFIT.findall(text):
        spelled = re.sub(r"\b\w+\.", "", " ".join(formula.split()))
        found.add(spelled.replace("roi_percentage IS NOT NULL AND ", "").replace(" ELSE NULL", ""))
    return found


def test_view_has_the_columns_that_are_described() -> None:
    columns = query_of(_VIEW, r"inventory\.stock_metrics_view")[:-1]

    names = [re.split(r" AS |\.", column)[-1] for column in columns]
    assert names == [column.name for column in STOCK_METRICS_VIEW.columns]


def test_view_that_a_switch_makes_is_the_one_that_a_deployment_makes() -> None:
    switched = query_of(
        SqlFile("materialized/10_materialized_view.sql"), r"inventory_ops\.stock_metrics_view"
    )

    assert switched == query_of(_VIEW, r"inventory\.stock_metrics_view")


def test_read_model_computes_the_same_but_for_the_time_of_the_refresh() -> None:
    now = query_of(SqlFile("incremental/10_read_model.sql"), r"inventory_ops\.stock_metrics_now")

    expected = query_of(_VIEW, r"inventory\.stock_metrics_view")
    assert now == [column for column in expected if "last_calculated_at" not in column]


def test_live_view_is_the_one_that_a_deployment_makes_and_reads_stock_alone() -> None:
    live = SqlFile("live/10_live_view.sql")

    *columns, source = query_of(live, r"inventory\.stock_metrics_view")
    assert columns == query_of(_VIEW, r"inventory\.stock_metrics_view")[:-1]
    assert source == "s"
    (view,) = (text for text in live.statements if text.startswith("CREATE OR REPLACE VIEW"))
    assert re.findall(r"(?:FROM|JOIN) (\S+)", view) == ["inventory.stock", "s"]


@pytest.mark.parametrize("path", sorted(SQL.rglob("*.sql")), ids=lambda path: path.name)
def test_profit_is_computed_in_one_way_wherever_it_is(path: Any) -> None:
    text = path.read_text(encoding="utf-8")

    assert profits(text) == (profits(_VIEW.text) if "roi_percentage / 100" in text else set())


def test_profit_that_is_computed_in_another_way_is_seen() -> None:
    (ours,) = profits(_VIEW.text)

    assert (
        ours
        == "CASE WHEN roi_percentage > 0 THEN gross_purchase_price * (roi_percentage / 100) END"
    )
    assert profits(_VIEW.text.replace("> 0\n", ">= 0\n")) != {ours}
