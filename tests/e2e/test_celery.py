"""deploy/celery/dagster.yaml as it stands: runs on two workers, one of which is killed; none lost or doubled.

Opt-in, since it needs a broker: `make celery` sets CELERY to the file that says what came of it (needs
Debian's rabbitmq-server).
"""

import os
import platform
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from soleflip_assets.checks.shown import markdown_table
from tests.conftest import Databases, open_folder, running_databases
from tests.e2e.cluster import Cluster, running_broker
from tests.e2e.processes import awaited, graphql

pytestmark = pytest.mark.skipif(
    "CELERY" not in os.environ, reason="set CELERY, to the file that tells of it"
)

WORKERS = ("worker-1", "worker-2")
RUNS = 8
# As the hourly refresh is tagged: a run that failed is repeated.
LAUNCH = """
mutation { launchRun(executionParams: {
    selector: {
      repositoryLocationName: "soleflip", repositoryName: "__repository__", jobName: "verify_phase2"
    }
    executionMetadata: { tags: [
      { key: "dagster/max_retries", value: "3" }
      { key: "dagster/retry_on_asset_or_op_failure", value: "true" }
      { key: "dagster/retry_strategy", value: "ALL_STEPS" }
    ] }
}) { __typename ... on LaunchRunSuccess { run { runId } } } }
"""
LAUNCHED = """
{ runsOrError(filter: { pipelineName: "verify_phase2" }) { ... on Runs { results {
  runId rootRunId status endTime tags { key value }
} } } }
"""
STARTS = """
SELECT run_id, count(*) FROM event_logs WHERE dagster_event_type = 'PIPELINE_START' GROUP BY run_id
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Databases]:
    """Debian's PostgreSQL, as in production."""
    yield from running_databases("15")


@pytest.fixture(scope="module")
def cluster(server: Databases) -> Iterator[Cluster]:
    """The services and two workers on a deployed shop."""
    with open_folder() as folder, ExitStack() as stack:
        broker = stack.enter_context(running_broker(folder))
        cluster = Cluster(folder, server.deployed("production"), server.empty(), broker)
        stack.callback(cluster.end)
        for name in ("code-server", "webserver"):
            cluster.start(name)
        awaited(lambda: cluster.health("webserver", "--ready").returncode == 0, 240)
        cluster.start("daemon")
        for name in WORKERS:
            cluster.start_worker(name)
        awaited(lambda: cluster.health("daemon", "--ready").returncode == 0, 240)
        yield cluster


def runs(cluster: Cluster) -> list[dict[str, Any]]:
    found = graphql(cluster.ports["webserver"], LAUNCHED)["runsOrError"]["results"]
    for run in found:
        # Of one that repeats none, the root is said to be none.
        run["rootRunId"] = run["rootRunId"] or run["runId"]
        run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
    return list(found)


def workers_at_it(cluster: Cluster) -> dict[str, str]:
    """The worker of each run that one does at this moment."""
    pids = {
        run["runId"]: int(run["tags"]["soleflip/pid"])
        for run in runs(cluster)
        if run["status"] == "STARTED" and "soleflip/pid" in run["tags"]
    }
    found = {run: cluster.worker_of(pid) for run, pid in pids.items()}
    return {run: worker for run, worker in found.items() if worker}


def test_runs_are_spread_and_none_is_lost_or_doubled_when_a_worker_dies(cluster: Cluster) -> None:
    begun = time.monotonic()
    launched = set()
    for _ in range(RUNS):
        answer = graphql(cluster.ports["webserver"], LAUNCH)["launchRun"]
        launched.add(answer["run"]["runId"])
    spread: dict[str, str] = {}

    def both_are_at_it() -> dict[str, str] | None:
        now = workers_at_it(cluster)
        spread.update(now)
        return now if {*now.values()} == {*WORKERS} else None

    killed = next(
        run for run, worker in awaited(both_are_at_it, 300).items() if worker == WORKERS[0]
    )
    cluster.kill(WORKERS[0])
    killed_at, killed_after = time.time(), time.monotonic() - begun

    def all_are_done() -> bool:
        spread.update(workers_at_it(cluster))
        done = {run["rootRunId"] for run in runs(cluster) if run["status"] == "SUCCESS"}
        return done >= launched

    awaited(all_are_done, 900)
    took = time.monotonic() - begun

    found = runs(cluster)
    outcomes = Counter((run["rootRunId"], run["status"]) for run in found)
    assert {run["rootRunId"] for run in found} == launched, "none that nobody launched"
    assert all(outcomes[root, "SUCCESS"] == 1 for root in launched), "none lost, none done twice"
    assert outcomes[killed, "FAILURE"] == 1, "the one that died with its worker is told"
    storage = cluster.variables["DAGSTER_POSTGRES_URL"].replace("+psycopg2", "")
    with psycopg.connect(storage) as connection:
        starts = {str(run): int(count) for run, count in connection.execute(STARTS)}
    assert {*starts.values()} == {1}, "no run was executed by two"
    ended = sorted(
        f"{run['endTime'] - killed_at:,.0f} s{'' if run['runId'] in starts else ' (not begun yet)'}"
        for run in found
        if run["status"] == "FAILURE"
    )
    counts = sorted(Counter(spread.values()).items())
    _write_down(
        (f"{RUNS} runs of `verify_phase2`, launched at once", "each ended well, once"),
        ("seen at work", ", ".join(f"{worker} on {n}" for worker, n in counts)),
        (
            f"`{WORKERS[0]}` killed after {killed_after:,.0f} s, with all its processes",
            f"the runs that it was at were ended after {', '.join(ended)}, and repeated",
        ),
        ("until all were done, by the other one", f"{took:,.0f} s"),
    )


def _write_down(*rows: tuple[str, str]) -> None:
    """What came of it, for the file that CELERY names."""
    table = markdown_table(("what", "came of it"), rows)
    text = f"""# Celery

Written by `make celery` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()},
{os.cpu_count()} cores: the services of deploy/ with `deploy/celery/dagster.yaml`, Debian's RabbitMQ as the
broker, what became of a task in PostgreSQL, two workers on one machine.

{table}
"""
    Path(os.environ["CELERY"]).write_text(text, encoding="utf-8")
