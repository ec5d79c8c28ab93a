"""The marts as assets: of the sample shop all of them are made, described, checked and drawn."""

import re
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from soleflip_assets.definitions import defs
from soleflip_assets.ground.settings import ALERT_URLS, DAGSTER_STORAGE_URL, HOME, WAREHOUSE
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.marts.assets import ADDS_UP, DASHBOARD, GRAIN_HOLDS, dashboard_page, key, marts
from soleflip_assets.marts.building import build, compare, loaded_at, repeated
from soleflip_assets.marts.catalogue import MARTS, Mart, mart
from soleflip_assets.warehouse.engine import duckdb_engine
from soleflip_assets.warehouse.store import Warehouse
from tests.integration.alerts.sink import running_sink

pytestmark = pytest.mark.usefixtures("environment")

every_mart = pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def environment(warehouse: Warehouse, catalog: Any, home: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WAREHOUSE, warehouse.folder)
        patch.setenv(DAGSTER_STORAGE_URL, catalog.render_as_string(hide_password=False))
        patch.setenv(HOME, str(home))
        yield


@pytest.fixture(scope="module")
def made(environment: None, home: Path) -> dg.ExecuteInProcessResult:
    """All of them, made once."""
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [marts, dashboard_page],
            resources={"state": StateFolder(path=str(home))},
            instance=instance,
        )


def _metadata(made: dg.ExecuteInProcessResult, asset: dg.AssetKey) -> Mapping[str, Any]:
    (event,) = (
        event for event in made.get_asset_materialization_events() if event.asset_key == asset
    )
    return event.materialization.metadata


def test_all_are_made_and_every_check_passes(made: dg.ExecuteInProcessResult) -> None:
    assert made.success
    checks = made.get_asset_check_evaluations()
    assert {(check.asset_key, check.check_name) for check in checks} == {
        (key(mart), name) for mart in MARTS for name in (ADDS_UP, GRAIN_HOLDS)
    }
    assert [check for check in checks if not check.passed] == []


@every_mart
def test_mart_of_two_years_has_rows_and_says_what_they_are(
    made: dg.ExecuteInProcessResult, mart: Mart, warehouse: Warehouse
) -> None:
    shown = _metadata(made, key(mart))
    rows = warehouse.read(mart.table)
    assert shown["dagster/row_count"].value == rows.num_rows > 0
    columns = shown["dagster/column_schema"].schema.columns
    assert [column.name for column in columns] == rows.schema.names
    assert all(column.description and column.type for column in columns)
    # A picture that is empty tells nothing.
    assert ("figures" in shown) or ("first_rows" in shown)


def test_sample_has_two_years_to_show(
    made: dg.ExecuteInProcessResult, warehouse: Warehouse
) -> None:
    """What makes a picture worth looking at: no bucket, month or platform is empty."""
    assert made.success
    ages = {row["bucket"]: row["items"] for row in warehouse.read("marts.age").to_pylist()}
    assert min(count for bucket, count in ages.items() if bucket != "unknown") > 20
    months = warehouse.read("marts.months").to_pylist()
    assert len(months) >= 24
    assert min(month["orders"] for month in months[1:-1]) > 30
    platforms = warehouse.read("marts.platforms").to_pylist()
    assert {row["platform"] for row in platforms} == {"StockX", "Alias", "eBay"}
    assert all(row["unpaid_orders"] for row in platforms)
    products = warehouse.read("marts.profit_by_product")["profit"].to_pylist()
    assert min(products) < 0 < max(products)
    listed = {row["platform"] for row in warehouse.read("marts.listing_coverage").to_pylist()}
    assert listed == {"stockx", "alias", "nowhere"}
    (today,) = warehouse.read("marts.today").to_pylist()
    assert all(value is not None for value in today.values())


def test_lineage_leads_to_what_was_loaded() -> None:
    specs = {spec.key: spec for spec in marts.specs}
    for one in MARTS:
        deps = {dep.asset_key.to_user_string() for dep in specs[key(one)].deps}
        known = {other.name for other in MARTS}
        assert deps == {
            f"{'marts' if name in known else 'warehouse'}/{name}"
            for name in one.reads
            if name != "load_state"
        }


def test_dashboard_is_one_file_without_a_link_to_anywhere(
    made: dg.ExecuteInProcessResult, home: Path
) -> None:
    shown = _metadata(made, DASHBOARD)
    page = (home / "reports" / shown["file"].value).read_text(encoding="utf-8")
    assert shown["file"].value == "dashboard.html"
    assert len(page.encode()) / 1e6 == pytest.approx(shown["megabytes"].value, abs=0.001)
    assert len(page.encode()) < 1_500_000
    assert not re.search(r"<script|<link|<iframe|@import|url\(", page)
    outside = re.findall(r"(?:src|href)=\"(?!#)([^\"]*)\"", page)
    assert outside == []
    assert {*re.findall(r"https?://[^\s\"<)]+", page)} <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


@every_mart
def test_mart_that_has_rows_twice_or_another_figure_does_not_add_up(
    made: dg.ExecuteInProcessResult, mart: Mart, warehouse: Warehouse
) -> None:
    """Every check, broken once."""
    rows = warehouse.read(mart.table)
    try:
        doubled = pa.concat_tables([rows, rows])
        assert repeated(doubled, mart.grain) == rows.num_rows
        assert repeated(rows, mart.grain) == 0
        warehouse.replace(mart.table, _one_more(rows, mart.name) or doubled)
        with duckdb_engine(warehouse) as engine:
            assert not all(found.equal for found in compare(engine, mart))
    finally:
        warehouse.replace(mart.table, rows)
    with duckdb_engine(warehouse) as engine:
        assert all(found.equal for found in compare(engine, mart))


def _one_more(rows: pa.Table, name: str) -> pa.Table | None:
    """A figure that is too large, of a mart whose rows twice are no contradiction but to the grain."""
    column = {"listing_coverage": "items", "price_changes": "raised", "today": "units"}.get(name)
    if column is None:
        return None
    wrong = pc.add(rows[column], pa.scalar(1_000_000, pa.int64()))
    return rows.set_column(rows.schema.get_field_index(column), column, wrong)


def test_row_of_nothing_known_is_found() -> None:
    rows = pa.table({"brand": ["Nike", None], "size": ["42", "43"]})
    assert repeated(rows, ["brand", "size"]) == 1


def test_mart_that_is_built_alone_takes_the_others_as_they_are(
    made: dg.ExecuteInProcessResult, warehouse: Warehouse
) -> None:
    with duckdb_engine(warehouse) as engine:
        as_of = loaded_at(engine)
        assert as_of
        ((_, rows),) = build(warehouse, engine, [mart("platforms")], as_of)
    assert rows.equals(warehouse.read("marts.platforms"))


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_weeks_figures_arrive_with_the_page_where_all_messages_go(
    made: dg.ExecuteInProcessResult, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made.success
    job = defs.resolve_job_def("send_weekly_figures")
    with running_sink() as sink, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv(ALERT_URLS, f"{sink.url()}, error={sink.url('errors')}")
        assert job.execute_in_process(instance=instance).success
        (message,) = sink.messages
        assert message["path"] == "/alerts"
        assert message["title"].startswith("[SoleFlip] The figures of ")
        assert "On hand, at cost: " in message["message"]
        assert message["message"].endswith("/assets/marts/dashboard")
        (file,) = message["attachments"]
        page = (home / "reports" / "dashboard.html").read_bytes()
        assert (file["filename"], b64decode(file["base64"])) == ("dashboard.html", page)
        sink.status = 500
        done = job.execute_in_process(instance=instance, raise_on_error=False)
    (failure,) = done.filter_events(lambda event: event.is_step_failure)
    assert "did not take the week's figures" in str(failure.step_failure_data)


def test_empty_warehouse_says_what_to_do(
    tmp_path: Path, databases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = databases.empty()
    monkeypatch.setenv(WAREHOUSE, str(tmp_path))
    monkeypatch.setenv(DAGSTER_STORAGE_URL, url.render_as_string(hide_password=False))
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([marts], instance=instance, raise_on_error=False)
    assert not done.success
    (failure,) = (event for event in done.all_events if event.event_type_value == "STEP_FAILURE")
    assert "soleflip warehouse load" in str(failure.step_failure_data.error)
