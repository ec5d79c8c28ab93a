"""From a wrong price to a message and back: daemon, webserver, sensor and a target, all of them real."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy.engine import URL

from tests.conftest import Databases, connect, open_folder
from tests.e2e.conftest import Soleflip
from tests.e2e.processes import Up, awaited
from tests.integration.alerts.sink import Sink, running_sink

# Dagster's own replace_config reads what Dagster itself deprecates; Apprise imports imghdr.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

SENSOR_TICKS = """
{
  sensorOrError(sensorSelector: {
    sensorName: "alerts", repositoryName: "__repository__", repositoryLocationName: "soleflip"
  }) {
    ... on Sensor { sensorState { id selectorId ticks(limit: 1) { timestamp status } } }
  }
}
"""
LAUNCH = """
mutation Launch($job: String!, $checks: [AssetCheckHandleInput!]) {
  launchRun(executionParams: {selector: {
    repositoryLocationName: "soleflip", repositoryName: "__repository__", jobName: $job
    assetCheckSelection: $checks
  }}) { ... on LaunchRunSuccess { run { runId } } }
}
"""
CHECK = {"assetKey": {"path": ["inventory", "stock"]}, "name": "financial_data_consistent"}
SCHEDULE = """
{
  scheduleOrError(scheduleSelector: {
    scheduleName: "hourly_stock_metrics_refresh"
    repositoryName: "__repository__", repositoryLocationName: "soleflip"
  }) { ... on Schedule { scheduleState { id } } }
}
"""
STOP = "mutation Stop($id: String!) { stopRunningSchedule(id: $id) { __typename } }"

# Past the triggers that would carry the change to stock.
RAISE_A_PRICE = (
    "SET session_replication_role = replica",
    """UPDATE inventory.stock_financial SET gross_purchase_price = gross_purchase_price + %s
    WHERE id = (SELECT id FROM inventory.stock_financial ORDER BY id LIMIT 1)""",
)


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with running_sink() as sink:
        yield sink


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with open_folder() as home:
        yield home


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


class Shop:
    """A `soleflip up` on a deployed shop, whose alerts go to the sink."""

    def __init__(self, home: Path, sink: Sink, database: URL, storage: URL) -> None:
        self.home, self.sink = home, sink
        self.database, self.storage = database, storage
        self.up = self._start()

    def _start(self) -> Up:
        up = Up(
            self.home,
            SOLEFLIP_ALERT_URLS=self.sink.url("xoxb-hunter2"),
            SOLEFLIP_HEARTBEAT_URL=f"http://127.0.0.1:{self.sink.port}/alive",
            SOLEFLIP_DATABASE_URL=shown(self.database),
            DAGSTER_POSTGRES_URL=shown(self.storage),
        )
        up.await_url()
        return up

    def restart(self) -> None:
        self.up.end()
        self.up = self._start()

    def await_end_of_tick(self) -> None:
        """The alerts look, and have kept in mind what they sent."""
        awaited(lambda: [tick for tick in self._ticks() if tick["status"] == "SKIPPED"], pause=1)

    def await_another_tick(self) -> None:
        """The alerts have looked once more, from the beginning to the end."""
        seen = self._ticks()[0]["timestamp"]
        awaited(
            lambda: [
                tick
                for tick in self._ticks()
                if tick["timestamp"] > seen and tick["status"] == "SKIPPED"
            ],
            pause=1,
        )

    def _ticks(self) -> list[dict[str, Any]]:
        ticks: list[dict[str, Any]] = self.up.graphql(SENSOR_TICKS)["sensorOrError"]["sensorState"][
            "ticks"
        ]
        return ticks

    def raise_a_price(self, euros: int) -> None:
        with connect(self.database) as connection:
            connection.exec_driver_sql(RAISE_A_PRICE[0])
            connection.exec_driver_sql(RAISE_A_PRICE[1], (euros,))

    def check(self) -> str:
        """Have the prices compared, as a person does by a button."""
        return self._launch("__ASSET_JOB", checks=[CHECK])

    def refresh(self) -> str:
        """Have the metrics refreshed."""
        return self._launch("refresh_stock_metrics")

    def _launch(self, job: str, **selected: object) -> str:
        """The daemon starts it as a process of its own."""
        launched = self.up.graphql(LAUNCH, job=job, **selected)["launchRun"]
        return str(launched["run"]["runId"])

    def environment(self) -> dict[str, str]:
        """Of a command that somebody runs beside it."""
        return {
            "SOLEFLIP_HOME": str(self.home),
            "SOLEFLIP_DATABASE_URL": shown(self.database),
            "DAGSTER_POSTGRES_URL": shown(self.storage),
        }

    @property
    def daemon(self) -> psutil.Process:
        return self.up.child("daemon")


@pytest.fixture(scope="module")
def shop(home: Path, sink: Sink, databases: Databases) -> Iterator[Shop]:
    shop = Shop(home, sink, databases.deployed("busy"), databases.dagster())
    try:
        shop.await_end_of_tick()
        yield shop
    finally:
        shop.up.end()


def test_wrong_price_is_told_with_its_numbers_and_its_recovery_when_the_sink_is_back(
    shop: Shop, sink: Sink, soleflip: Soleflip
) -> None:
    shop.raise_a_price(1)
    run_id = shop.check()
    sink.wait_for("the failure", 60, messages=1)
    sink.status = 500
    shop.raise_a_price(-1)
    shop.check()
    sink.wait_for("a refusal", 60, refused=1)
    status = soleflip("status", **shop.environment())
    sink.status = 200
    sink.wait_for("the recovery", 60, messages=2)

    failure, recovery = sink.messages
    assert failure["title"].startswith("[SoleFlip] ERROR: ")
    assert "check financial_data_consistent of inventory/stock" in failure["message"]
    assert "consistent 1,171" in failure["message"]
    assert "inconsistent 1" in failure["message"]
    assert "/runbook#financial_data_consistent" in failure["message"]
    assert failure["message"].count("First: ") == 1
    assert f"http://127.0.0.1:{shop.up.port}/runs/{run_id}" in failure["message"]
    assert recovery["title"].startswith("[SoleFlip] recovered: ")
    assert status.exit_code == 1
    assert re.search(r"last alert: [^\[]+ \[SoleFlip\] ERROR: ", status.stdout)
    assert re.search(r"json#\w{8} refused alerts", status.stdout)
    assert "hunter2" not in status.output


def test_refresh_pings_the_heartbeat(shop: Shop, sink: Sink) -> None:
    shop.refresh()

    sink.wait_for("the heartbeat", 60, pings=1)


def test_status_of_what_is_well_is_told_in_json(shop: Shop, soleflip: Soleflip) -> None:
    done = soleflip("status", "--json", **shop.environment())
    status = json.loads(done.stdout)

    assert (done.exit_code, status["dead"]) == (0, [])
    assert {"SENSOR", "SCHEDULER"} <= {daemon["name"] for daemon in status["daemons"]}
    assert status["last_refresh"]["rows"] == 1172
    assert status["failing"] == status["undelivered"] == []


def test_daemon_killed_between_event_and_sending_sends_once_after_its_restart(
    shop: Shop, sink: Sink, soleflip: Soleflip
) -> None:
    """A failed check and a schedule that was paused, while nobody could send."""
    # Killed after a sending, it would send again, which is not what is told here.
    shop.await_end_of_tick()
    sink.messages.clear()
    daemon = shop.daemon
    os.killpg(daemon.pid, signal.SIGSTOP)
    shop.raise_a_price(1)
    assert soleflip("verify", **shop.environment()).exit_code == 1
    schedule = shop.up.graphql(SCHEDULE)["scheduleOrError"]["scheduleState"]["id"]
    shop.up.graphql(STOP, id=schedule)
    assert sink.messages == []
    os.killpg(daemon.pid, signal.SIGKILL)
    shop.restart()
    sink.wait_for("both messages", 90, messages=2)
    shop.await_another_tick()

    assert sorted(sink.titles) == [
        "[SoleFlip] ERROR: financial_data_consistent failing",
        "[SoleFlip] WARN: hourly_stock_metrics_refresh stopped",
    ]


def test_no_secret_of_the_target_is_in_any_log_or_in_dagsters_storage(
    shop: Shop, home: Path
) -> None:
    written = "".join(path.read_text(errors="replace") for path in (home / "logs").iterdir())
    with connect(shop.storage) as connection:
        for table in ("job_ticks", "jobs", "instigators", "event_logs"):
            rows = connection.exec_driver_sql(f"SELECT t::text FROM {table} AS t")
            written += "".join(row[0] for row in rows)
    assert "alerts" in written
    assert "hunter2" not in written
