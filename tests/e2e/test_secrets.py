"""No secret is written anywhere: passwords of databases, and what the addresses of alerts and heartbeat hold.

One life from the deployment to the alert, in which things also go wrong, since it is errors that quote what
they were given. Then everything that was written is searched for the mark that all secrets have in common.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import URL

from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.settings import (
    DAGSTER_STORAGE_URL,
    DATABASE_URL,
    HEARTBEAT_URL,
    OWNER_DATABASE_URL,
)
from tests.conftest import Databases, connect
from tests.e2e.conftest import SECRET, Soleflip
from tests.e2e.processes import Up, awaited, processes_of
from tests.integration.alerts.sink import Sink, running_sink

pytestmark = pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")

LAUNCH = """
mutation Launch($job: String!) {
  launchRun(executionParams: {selector: {
    repositoryLocationName: "soleflip", repositoryName: "__repository__", jobName: $job
  }}) { ... on LaunchRunSuccess { run { runId } } }
}
"""
RUN = "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

# Past the triggers, so that a validation fails.
RESERVE_ON_ONE_SIDE = """
SET session_replication_role = replica;
INSERT INTO inventory.stock_metrics (stock_id, available_quantity, reserved_quantity)
SELECT min(id::text)::uuid, 1, 1 FROM inventory.stock
"""


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as sink:
        yield sink


def login(databases: Databases, url: URL, role: str, statement: str) -> URL:
    """A user of a database whom the server asks for a password, which has the mark."""
    superuser = url.set(username="postgres", password=None)
    password = f"{SECRET}-of-{role}"
    with connect(superuser) as connection:
        execute_statement(connection, f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        execute_statement(connection, statement)
        rules = databases.server.data / "pg_hba.conf"
        rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text()}")
        execute_statement(connection, "SELECT pg_reload_conf()")
    return url.set(username=role, password=password)


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def test_no_secret_is_written_anywhere(
    soleflip: Soleflip, home: Path, databases: Databases, shop_with_password: URL, sink: Sink
) -> None:
    owner, storage = shop_with_password, databases.empty()
    worker = login(databases, owner, "worker", f"GRANT {owner.username} TO worker")
    keeper = login(
        databases, storage, "keeper", f'ALTER DATABASE "{storage.database}" OWNER TO keeper'
    )
    environment: dict[str, Any] = {
        DATABASE_URL: shown(worker),
        OWNER_DATABASE_URL: shown(owner),
        DAGSTER_STORAGE_URL: shown(keeper),
        "SOLEFLIP_ALERT_URLS": sink.url(f"{SECRET}-of-target"),
        HEARTBEAT_URL: f"http://127.0.0.1:{sink.port}/{SECRET}-of-heartbeat",
    }
    deployed = soleflip("deploy", **environment)
    assert deployed.exit_code == 0, deployed.output
    said = [deployed.output]

    up = Up(home, **environment)
    try:
        up.await_url()
        _live(up, owner.set(username="postgres", password=None), sink)
        said += [*processes_of(home), soleflip("status", **environment).output]
    finally:
        up.end()
    said += [*up.lines, *(message["title"] + message["message"] for message in sink.messages)]

    snapshots = _snapshots(storage)
    assert any("owner_database" in snapshot for snapshot in snapshots)
    assert [text for text in [*said, *snapshots] if SECRET in text] == []
    files = [path for path in home.rglob("*") if path.is_file()]
    kinds = {path.relative_to(home).parts[0] for path in files}
    assert kinds >= {"dagster", "dumps", "logs", "reports"}
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert _search(storage, "refresh_stock_metrics")
    assert _search(storage, "password authentication failed")
    assert _search(storage, SECRET) == []
    assert _search(owner.set(username="postgres", password=None), SECRET) == []


def _live(up: Up, superuser: URL, sink: Sink) -> None:
    """What is told arrives late, the heartbeat is refused, and then the password is wrong."""
    sink.status = 500
    with connect(superuser) as connection:
        execute_statement(connection, RESERVE_ON_ONE_SIDE)
    for job in ("verify_phase2", "refresh_stock_metrics"):
        up.graphql(LAUNCH, job=job)
    sink.wait_for("a refused alert and heartbeat", 90, refused=1, pings=1)
    sink.status = 200
    sink.wait_for("the alert", 90, messages=1)

    with connect(superuser) as connection:
        execute_statement(connection, "ALTER ROLE worker PASSWORD 'another'")
    run = up.graphql(LAUNCH, job="refresh_stock_metrics")["launchRun"]["run"]["runId"]
    awaited(lambda: up.graphql(RUN, id=run)["runOrError"]["status"] == "FAILURE", 120)


def _snapshots(url: URL) -> list[str]:
    """What Dagster keeps compressed: the jobs as they were when they ran."""
    with connect(url) as connection:
        bodies = connection.exec_driver_sql("SELECT snapshot_body FROM snapshots").scalars()
        return [zlib.decompress(body).decode() for body in bodies]


def _search(url: URL, text: str) -> list[str]:
    """Which tables of a database hold the text, in any column."""
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        tables = connection.execute(
            "SELECT schemaname, relname FROM pg_stat_user_tables WHERE n_live_tup >= 0"
        ).fetchall()
        assert len(tables) > 10
        return [
            f"{schema}.{table}"
            for schema, table in tables
            if connection.execute(
                sql.SQL("SELECT FROM {} AS t WHERE strpos(t::text, %s) > 0 LIMIT 1").format(
                    sql.Identifier(schema, table)
                ),
                [text],
            ).rowcount
        ]
