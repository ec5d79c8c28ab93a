"""What Dagster loads: complete, described, and changed only on purpose."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from soleflip_assets.definitions import defs
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.settings import ERROR_MINUTES, WARN_MINUTES
from soleflip_assets.ground.sql_files import sql_files
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW
from soleflip_assets.metrics import definitions as metrics

PACKAGE = Path(__file__).parents[2] / "soleflip_assets"
GRAPH = Path(__file__).with_name("graph.txt")

# design.md's chain, by what each asset is made from.
DESIGN = {
    "inventory/stock_financial": set(),
    "inventory/stock_lifecycle": set(),
    "inventory/stock_metrics": set(),
    "inventory/stock_financial_backup": {"inventory/stock_financial", "operations/database_dump"},
    "inventory/stock_lifecycle_backup": {"inventory/stock_lifecycle", "operations/database_dump"},
    "inventory/stock_metrics_backup": {"inventory/stock_metrics", "operations/database_dump"},
    "inventory/stock": {
        "inventory/stock_financial_backup",
        "inventory/stock_lifecycle_backup",
        "inventory/stock_metrics_backup",
    },
    "inventory/stock_metrics_view": {"inventory/stock"},
    "phase2/deployment_report": {"inventory/stock_metrics_view"},
}

# Sorted: Dagster's order changes from process to process, and workers must collect the same tests.
SPECS = {
    spec.key.to_user_string(): spec
    for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string())
}
TABLES = [spec for key, spec in SPECS.items() if key.startswith("inventory/")]


def test_definitions_load_without_a_warning() -> None:
    """In a fresh interpreter, where every import is a first one; with all that Dagster checks on loading."""
    code = (
        "import dagster as dg; from soleflip_assets.definitions import defs;"
        " dg.Definitions.validate_loadable(defs)"
    )
    # Apprise imports a module that Python 3.13 takes out, and does without it there.
    warnings = ["-W", "error", "-W", "ignore:'imghdr' is deprecated:DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, *warnings, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_graph_is_the_designs() -> None:
    dependencies = {
        key: {dependency.asset_key.to_user_string() for dependency in spec.deps}
        for key, spec in SPECS.items()
    }
    assert {key: dependencies[key] for key in DESIGN} == DESIGN


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_every_asset_says_what_it_is(spec: dg.AssetSpec) -> None:
    assert spec.description
    assert spec.kinds
    assert spec.owners
    assert spec.group_name not in {None, "default"}


@pytest.mark.parametrize("spec", TABLES, ids=lambda spec: spec.key.path[-1])
def test_every_table_shows_its_columns_and_its_sql(spec: dg.AssetSpec) -> None:
    assert spec.metadata["dagster/table_name"] == ".".join(spec.key.path)
    schema = spec.metadata["dagster/column_schema"]
    assert schema.columns
    assert all(column.type and column.description for column in schema.columns)
    references = spec.metadata["dagster/code_references"].code_references
    assert references
    assert all(Path(reference.file_path).suffix == ".sql" for reference in references)
    assert all(Path(reference.file_path).is_file() for reference in references)


def test_columns_are_followed_from_the_legacy_table_through_stock_to_the_view() -> None:
    assert _sources("inventory/stock_metrics_view", "available_quantity") == {
        ("inventory/stock", "quantity"),
        ("inventory/stock", "reserved_quantity"),
    }
    assert _sources("inventory/stock", "reserved_quantity") == {
        ("inventory/stock_metrics", "reserved_quantity")
    }
    for column in ("listed_on_platforms", "status_history"):
        assert _sources("inventory/stock", column) == {("inventory/stock_lifecycle", column)}


def test_column_lineage_names_columns_that_exist() -> None:
    columns = {
        spec.key.to_user_string(): {
            column.name for column in spec.metadata["dagster/column_schema"].columns
        }
        for spec in TABLES
    }
    for key, names in columns.items():
        for name in SPECS[key].metadata["dagster/column_lineage"].deps_by_column:
            assert name in names
            for asset, source in _sources(key, name):
                assert source in columns[asset]


def _sources(asset: str, column: str) -> set[tuple[str, str]]:
    lineage = SPECS[asset].metadata["dagster/column_lineage"]
    return {
        (source.asset_key.to_user_string(), source.column_name)
        for source in lineage.deps_by_column[column]
    }


def test_each_file_of_checks_is_a_blocking_check_of_its_name() -> None:
    """Nothing is built on data that failed its validation."""
    checks = {spec.name: spec for spec in _check_specs()}
    for file in sql_files("checks"):
        held = {check["check"]: check["proves"] for check in file.checks}
        for name, description in (held or {file.name: file.description}).items():
            spec = checks[name]
            assert spec.asset_key.to_user_string() == file.fields["asset"]
            assert spec.description == description
            assert spec.blocking


def test_every_check_says_what_it_proves() -> None:
    assert [spec.name for spec in _check_specs() if not spec.description] == []


def _check_specs() -> Iterator[dg.AssetCheckSpec]:
    assets = defs.get_repository_def().assets_defs_by_key.values()
    checks = {spec.key: spec for asset in assets for spec in asset.check_specs}
    for check in defs.get_repository_def().asset_checks_defs_by_key.values():
        checks |= {spec.key: spec for spec in check.check_specs}
    yield from checks.values()


def test_jobs_of_the_design_are_there() -> None:
    names = {job.name for job in defs.resolve_all_job_defs()}
    assert names >= {"deploy_phase2", "verify_phase2", "refresh_stock_metrics"}


def test_refresh_is_scheduled_hourly_and_on() -> None:
    schedule = defs.resolve_schedule_def("hourly_stock_metrics_refresh")
    assert schedule.cron_schedule == "0 * * * *"
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "refresh_stock_metrics"


def test_graph_changes_in_the_diff() -> None:
    """graph.txt is what Dagster loads; after a change on purpose, UPDATE_GRAPH=1 writes it anew."""
    loaded = "\n".join(_graph()) + "\n"
    if os.environ.get("UPDATE_GRAPH"):
        GRAPH.write_text(loaded, encoding="utf-8")
    assert loaded == GRAPH.read_text(encoding="utf-8")


def _graph() -> Iterator[str]:
    checks = sorted(_check_specs(), key=lambda spec: spec.name)
    for key, spec in sorted(SPECS.items()):
        yield f"asset {key}"
        yield f"  group {spec.group_name}"
        for dependency in sorted(dep.asset_key.to_user_string() for dep in spec.deps):
            yield f"  from {dependency}"
        for check in checks:
            if check.asset_key == spec.key:
                yield f"  check {check.name}{' (blocking)' if check.blocking else ''}"
    repository = defs.get_repository_def()
    for job in sorted(repository.get_all_jobs(), key=lambda job: job.name):
        if not job.name.startswith("__"):
            yield f"job {job.name}"
    for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
        cron, zone = schedule.cron_schedule, schedule.execution_timezone
        yield f"schedule {schedule.name}: {cron} {zone}, {schedule.default_status.value.lower()}"
    for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
        yield f"sensor {sensor.name}: {sensor.default_status.value.lower()}"


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_private_of_dagster_is_used(file: Path) -> None:
    """What Dagster does not promise changes with any of its versions."""
    assert list(_private_names(ast.parse(file.read_text(encoding="utf-8")))) == []


def _private_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)) if module.split(".")[0].startswith("dagster"):
                names = [*module.split("."), *(alias.name for alias in node.names)]
            case ast.Import():
                names = [
                    part
                    for alias in node.names
                    if alias.name.startswith("dagster")
                    for part in alias.name.split(".")
                ]
            case ast.Attribute(value=ast.Name(id="dg"), attr=attribute):
                names = [attribute]
            case _:
                continue
        yield from (f"line {node.lineno}: {name}" for name in names if name.startswith("_"))


def test_freshness_in_the_ui_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check, which alerts, and the policy, which is shown, have one home."""
    monkeypatch.setenv(WARN_MINUTES, "10")
    monkeypatch.setenv(ERROR_MINUTES, "20")
    (asset,) = metrics.defs.assets or ()
    assert isinstance(asset, dg.AssetsDefinition)
    view = asset.get_asset_spec(key_of(STOCK_METRICS_VIEW))
    assert view.freshness_policy == dg.FreshnessPolicy.time_window(
        warn_window=timedelta(minutes=10), fail_window=timedelta(minutes=20)
    )
