"""`soleflip up` as somebody sees it who has just started it: by its output and by the UI's own interface."""

import signal
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from tests.conftest import connect
from tests.e2e.processes import Up, awaited, processes_of

# design.md's graph; a later issue may add to it.
ASSETS = {
    "inventory/stock_financial",
    "inventory/stock_lifecycle",
    "inventory/stock_metrics",
    "operations/database_dump",
    "inventory/stock_financial_backup",
    "inventory/stock_lifecycle_backup",
    "inventory/stock_metrics_backup",
    "inventory/stock",
    "inventory/stock_metrics_view",
    "phase2/deployment_report",
    "operations/health",
}
LEGACY = {"inventory/stock_financial", "inventory/stock_lifecycle", "inventory/stock_metrics"}

NODES = """
{
  assetNodes {
    assetKey { path }
    assetMaterializations(limit: 1) { runId }
    assetObservations(limit: 1) { runId }
    assetChecksOrError {
      ... on AssetChecks { checks { name executionForLatestMaterialization { status } } }
    }
  }
}
"""
SCHEDULE = """
{
  scheduleOrError(scheduleSelector: {
    scheduleName: "hourly_stock_metrics_refresh"
    repositoryName: "__repository__"
    repositoryLocationName: "soleflip"
  }) {
    ... on Schedule { cronSchedule executionTimezone pipelineName scheduleState { status } }
  }
}
"""
JOB_RUNS = """
{
  pipelineRunsOrError(filter: {
    pipelineName: "deploy_phase2"
    tags: [{key: ".dagster/repository", value: "__repository__@soleflip"}]
  }) {
    ... on PipelineRuns { results { status } }
  }
}
"""
LAUNCH_REFRESH = """
mutation {
  launchRun(executionParams: {selector: {
    repositoryLocationName: "soleflip"
    repositoryName: "__repository__"
    jobName: "refresh_stock_metrics"
  }}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
  }
}
"""
RUN = """
query Run($id: ID!) {
  runOrError(runId: $id) { ... on Run { status stepStats { stepKey startTime endTime } } }
}
"""


# What the clock makes first: months of the log by the day, warehouse and marts after the first refresh.
BY_THE_CLOCK = ("history/", "marts/", "warehouse/", "operations/partitioned_tables")


@pytest.fixture(scope="module")
def nodes(up: Up) -> dict[str, dict[str, Any]]:
    """The assets that the UI knows, by key."""
    found = up.graphql(NODES)["assetNodes"]
    return {"/".join(node["assetKey"]["path"]): node for node in found}


def test_url_is_printed_last_and_answers(up: Up) -> None:
    """That of the page that says whether all is well."""
    assert up.lines[-1] == f"http://127.0.0.1:{up.port}/assets/operations/health"
    with urllib.request.urlopen(up.lines[-1], timeout=30) as response:  # noqa: S310 our own address
        assert response.status == 200


def test_runbook_is_served_where_red_checks_link_to(up: Up) -> None:
    assert f"The runbook: http://127.0.0.1:{up.port}/runbook" in up.lines
    with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/runbook", timeout=30) as response:
        assert '<h2 id="financial_data_consistent">' in response.read().decode()


def test_every_asset_of_the_graph_is_there(nodes: dict[str, dict[str, Any]]) -> None:
    assert nodes.keys() >= ASSETS


def test_every_asset_is_materialized_and_the_legacy_ones_observed(
    nodes: dict[str, dict[str, Any]],
) -> None:
    """No grey node in the lineage of Phase 2."""
    materialized = {
        key
        for key, node in nodes.items()
        if node["assetMaterializations"] and not key.startswith(BY_THE_CLOCK)
    }
    observed = {key for key, node in nodes.items() if node["assetObservations"]}
    assert observed >= LEGACY
    assert materialized == {key for key in nodes if not key.startswith(BY_THE_CLOCK)} - LEGACY


def test_every_check_has_passed(nodes: dict[str, dict[str, Any]]) -> None:
    """Each check of each asset was executed for what is there now, and passed."""
    statuses = {
        (key, check["name"]): (check["executionForLatestMaterialization"] or {}).get("status")
        for key, node in nodes.items()
        if not key.startswith(BY_THE_CLOCK)
        for check in node["assetChecksOrError"]["checks"]
    }
    assert len(statuses) >= 11
    assert set(statuses.values()) == {"SUCCEEDED"}, statuses


def test_hourly_schedule_is_running(up: Up) -> None:
    assert up.graphql(SCHEDULE)["scheduleOrError"] == {
        "cronSchedule": "0 * * * *",
        "executionTimezone": "UTC",
        "pipelineName": "refresh_stock_metrics",
        "scheduleState": {"status": "RUNNING"},
    }


def test_deployment_is_on_its_jobs_page(up: Up) -> None:
    """A run of the command line is found where a person looks for it."""
    assert up.graphql(JOB_RUNS)["pipelineRunsOrError"]["results"] == [{"status": "SUCCESS"}]


def test_refreshes_launched_at_once_succeed_one_after_the_other(up: Up) -> None:
    """Neither in the database nor as Dagster's steps do two refreshes overlap."""
    before = _refreshes(up.database_url)
    launched = [up.graphql(LAUNCH_REFRESH)["launchRun"]["run"]["runId"] for _ in range(2)]
    steps = sorted(refresh_step(up, run) for run in launched)

    refreshes = _refreshes(up.database_url)[len(before) :]
    assert len(refreshes) == 2
    for intervals in (refreshes, steps):
        assert all(first[1] <= second[0] for first, second in pairwise(intervals)), intervals


def refresh_step(up: Up, run_id: str) -> tuple[float, float]:
    """When the refresh of a run, which must succeed, began and ended."""

    def succeeded() -> dict[str, Any] | None:
        run: dict[str, Any] = up.graphql(RUN, id=run_id)["runOrError"]
        assert run["status"] not in {"FAILURE", "CANCELED"}
        return run if run["status"] == "SUCCESS" else None

    steps = {step["stepKey"]: step for step in awaited(succeeded)["stepStats"]}
    refresh = steps["inventory__stock_metrics_view"]
    return refresh["startTime"], refresh["endTime"]


def _refreshes(url: URL) -> list[tuple[Any, ...]]:
    with connect(url) as connection:
        return [
            tuple(row)
            for row in connection.exec_driver_sql(
                "SELECT started_at, finished_at FROM inventory_ops.metrics_refresh ORDER BY id"
            )
        ]


def test_ctrl_c_during_the_deployment_leaves_no_process(home: Path) -> None:
    interrupted = Up(home)
    interrupted.await_line(lambda line: "operations/database_dump" in line)
    assert interrupted.stop(signal.SIGINT) == 0
    assert processes_of(home) == []
    assert not any(line.startswith("http") for line in interrupted.lines)
    assert not any("Traceback" in line for line in interrupted.lines)


def test_all_that_is_written_is_private(up: Up) -> None:
    """Logs, and what runs leave in files, whatever the umask of whoever started it."""
    written = {
        path.relative_to(up.home).as_posix(): path.stat().st_mode & 0o077
        for name in ("dagster", "dumps", "logs", "reports")
        for path in [up.home / name, *(up.home / name).rglob("*")]
        if path.exists()
    }
    assert {"logs/webserver.log", "logs/daemon.log", "dagster/dagster.yaml"} <= {*written}
    assert any(path.startswith("dagster/storage/") for path in written)
    assert {path for path, mode in written.items() if mode} == set()
