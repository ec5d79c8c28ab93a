"""Production as deploy/ starts it: each process dies just when a refresh is due; none is missed or doubled.

On Debian's PostgreSQL 15. The hours leap, the schedule is the project's own. One production for all: the
hours of the long ones are benchmarks/chaos.py and benchmarks/soak.py.
"""

import socket
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from soleflip_assets.ground.settings import FILES
from tests.conftest import connect, program, programs_of
from tests.e2e.chaos import KILLED_RUN, SETTINGS, Chaos
from tests.e2e.processes import awaited, clean_environment, free_port, graphql, graphql_as
from tests.e2e.topology import (
    HOURLY,
    SCHEDULES,
    SERVICES,
    Clock,
    Production,
    hour_of,
    running_production,
)
from tests.integration.alerts.sink import Sink, running_sink

# A Tuesday afternoon, when nothing daily or weekly is due.
NOON = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)

LAUNCH = """
mutation { launchRun(executionParams: {selector: {
    repositoryLocationName: "soleflip", repositoryName: "__repository__", jobName: "refresh_stock_metrics"
}}) { __typename } }
"""

PASSWORD = "pass through"
LOGIN = f"anna:{PASSWORD}"

# Past the triggers, which would carry it to stock.
A_PRICE_THAT_STOCK_LACKS = """
SET session_replication_role = replica;
INSERT INTO inventory.stock_financial (stock_id, purchase_price, gross_purchase_price, vat_amount)
SELECT id, -1, -1, -1 FROM inventory.stock LIMIT 1
"""


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with running_sink() as sink:
        yield sink


# Where the proxy listens: by these names, too, the two interfaces answer.
PROXY = {"webserver": free_port(), "viewers": free_port()}


@pytest.fixture(scope="module")
def production(sink: Sink) -> Iterator[Production]:
    """All services, with the hourly refresh and the daily watch alone, and alerts to the sink."""
    if sys.platform != "linux":
        pytest.skip("the clock's library is made for Linux")
    keep = {HOURLY, "daily_watch"}
    variables = {
        "SOLEFLIP_ALERT_URLS": sink.url(),
        "SOLEFLIP_UI_URL": f"http://127.0.0.1:{PROXY['webserver']}",
        "SOLEFLIP_VIEWERS_URL": f"http://127.0.0.1:{PROXY['viewers']}",
    }
    with running_production(
        NOON, programs_of("15"), keep, variables=variables, settings=SETTINGS
    ) as running:
        yield running


def _statuses_of_ticks(production: Production) -> list[str]:
    """Of all schedules, the newest last."""
    with connect(production.storage) as connection:
        found = connection.exec_driver_sql(
            "SELECT status FROM job_ticks WHERE type = 'SCHEDULE' ORDER BY timestamp"
        ).scalars()
        return list(found)


def _next_hour(clock: Clock) -> datetime:
    return hour_of(clock.now()) + timedelta(hours=1)


def test_every_process_is_alive_and_ready(production: Production) -> None:
    for component in ("code-server", "webserver", "daemon", "database"):
        said = production.topology.health(component, "--ready")
        assert said.returncode == 0, said.stderr
        assert said.stdout.startswith(f"✓ The {component} is ready. Took ")


def test_scheduled_tick_launches_a_run_that_succeeds(production: Production) -> None:
    hour = _next_hour(production.clock)
    production.clock.leap_to(hour - timedelta(seconds=1))
    production.await_refresh(hour)
    with connect(production.storage) as connection:
        statuses = connection.exec_driver_sql("SELECT pipeline_name, status FROM runs").all()
    assert [tuple(row) for row in statuses] == [("refresh_stock_metrics", "SUCCESS")]


@pytest.mark.parametrize(
    "victims", [["code-server"], ["webserver", "daemon"], ["database"]], ids="+".join
)
def test_refresh_due_while_something_is_down_is_done_once(
    production: Production, victims: list[str]
) -> None:
    """The refresh is the daemon's, whether or not there is a webserver: these two are down together."""
    hour = _next_hour(production.clock)
    for victim in victims:
        production.stop(victim)
    production.clock.leap_to(hour + timedelta(seconds=1))
    for victim in victims:
        said = production.topology.health(victim)
        assert said.returncode == 1
        assert len(said.stderr.splitlines()) == 1
        production.start(victim)
    production.await_refresh(hour)
    for victim in victims:
        production.topology.await_health(victim, "--ready")


def test_tick_that_soleflips_database_refused_is_tried_again(production: Production) -> None:
    hour = _next_hour(production.clock)
    with production.refusing():
        production.clock.leap_to(hour + timedelta(seconds=1))
        awaited(lambda: _statuses_of_ticks(production)[-1] == "FAILURE")
    production.await_refresh(hour)


def test_no_refresh_was_missed_or_doubled(production: Production) -> None:
    """Every tick of every hour, one refresh; after all that the tests above have done."""
    with connect(production.storage) as connection:
        ticks = connection.exec_driver_sql(
            "SELECT timestamp, status FROM job_ticks WHERE type = 'SCHEDULE' ORDER BY timestamp"
        ).all()
    assert {status for _, status in ticks} == {"SUCCESS"}
    hours = [hour_of(moment.replace(tzinfo=UTC)) for moment, _ in ticks]
    assert production.refreshes() == hours
    assert hours == [hours[0] + timedelta(hours=number) for number in range(len(hours))]


# What comes of a killed daemon is above, and in alerts/.
def test_all_is_well_again_in_time_and_told_once(production: Production, sink: Sink) -> None:
    """After a killed run the refresh is done once, and nothing is left behind: production helps itself.

    One fault of a chaos run.
    """
    chaos = Chaos(production, sink, impatient=True)
    with chaos.at_work():
        assert chaos.suffer(KILLED_RUN).wrong == []


def test_viewers_see_and_cannot_launch(production: Production) -> None:
    ports = production.topology.ports
    answers = [graphql(ports["viewers"], query) for query in (SCHEDULES, LAUNCH)]
    assert len(answers[0]["schedulesOrError"]["results"]) > 1
    assert answers[1]["launchRun"]["__typename"] == "UnauthorizedError"


@pytest.fixture
def proxy(production: Production, tmp_path: Path) -> Iterator[dict[str, int]]:
    """Caddy as deploy/Caddyfile says, with names and ports of this machine; a port for each interface.

    Both let in ``anna`` with the password PASSWORD.
    """
    caddy = program("caddy", "caddy")
    hashed = subprocess.run(
        [caddy, "hash-password", "--plaintext", PASSWORD],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    ports = PROXY
    text = (FILES / "deploy" / "Caddyfile").read_text()
    for there, here in {
        "dagster.example.com": f"http://127.0.0.1:{ports['webserver']}",
        "dagster-view.example.com": f"http://127.0.0.1:{ports['viewers']}",
        "127.0.0.1:3000": f"127.0.0.1:{production.topology.ports['webserver']}",
        "127.0.0.1:3001": f"127.0.0.1:{production.topology.ports['viewers']}",
        "viewer HASH-OF-THE-VIEWERS-PASSWORD": f"anna {hashed}",
        "HASH-OF-ANNAS-PASSWORD": hashed,
    }.items():
        assert text.count(there) == 1, there
        text = text.replace(there, here)
    configured = tmp_path / "Caddyfile"
    configured.write_text("{\n\tadmin off\n}\n" + text)
    running = subprocess.Popen(
        [caddy, "run", "--config", configured, "--adapter", "caddyfile"],
        env=clean_environment(HOME=str(tmp_path)),
        stderr=subprocess.DEVNULL,
    )
    try:
        awaited(lambda: all(answers(port) for port in ports.values()))
        yield ports
    finally:
        running.terminate()
        running.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_proxy_lets_in_who_has_a_password(proxy: dict[str, int]) -> None:
    for port in proxy.values():
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            graphql(port, SCHEDULES)
        refused.value.close()
    seen = {name: graphql_as(LOGIN, port, SCHEDULES) for name, port in proxy.items()}
    assert len(seen["webserver"]["schedulesOrError"]["results"]) > 1
    assert seen["viewers"] == seen["webserver"]
    assert graphql_as(LOGIN, proxy["viewers"], LAUNCH)["launchRun"] == {
        "__typename": "UnauthorizedError"
    }


def test_web_interfaces_listen_on_loopback_only(production: Production) -> None:
    for name in ("code-server", "webserver", "viewers"):
        process = psutil.Process(production.topology.processes[name].pid)
        listening = [c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"]
        assert listening, name
        # gRPC names the IPv4 address as IPv6 does where it listens by both.
        assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}, name


def test_only_the_code_server_knows_soleflips_database(production: Production) -> None:
    for name in SERVICES:
        variables = psutil.Process(production.topology.processes[name].pid).environ()
        assert ("SOLEFLIP_DATABASE_URL" in variables) == (name == "code-server")


def test_check_that_fails_by_the_clock_is_told(production: Production, sink: Sink) -> None:
    """Nobody asks: the next morning comes, the daily watch with it, and the message with the numbers."""
    with connect(production.database) as connection:
        for statement in A_PRICE_THAT_STOCK_LACKS.split(";"):
            connection.exec_driver_sql(statement)
    watch = _next_hour(production.clock).replace(hour=5, minute=30) + timedelta(days=1)
    production.clock.leap_to(watch - timedelta(seconds=1))
    told = awaited(
        lambda: [m["message"] for m in sink.messages if "financial_data" in m["message"]], 150
    )
    assert len(told) == 1
    assert "inconsistent 1," in told[0]


def test_code_server_whose_code_died_is_not_alive(production: Production) -> None:
    """Its port is open, and it does not start the code again by itself."""
    server = psutil.Process(production.topology.processes["code-server"].pid)
    for child in server.children():
        child.kill()
    awaited(lambda: "does not answer" in production.topology.health("code-server").stderr, pause=1)
    production.topology.kill("code-server")
    production.topology.start("code-server")
    production.topology.await_health("code-server")
