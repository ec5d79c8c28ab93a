"""`soleflip status` where something is dead."""

import json

from tests.conftest import Databases
from tests.e2e.conftest import Soleflip


def test_without_a_daemon_it_exits_with_1_and_says_what_is_dead(
    soleflip: Soleflip, databases: Databases
) -> None:
    result = soleflip("status", "--json", url=databases.deployed("production"))
    status = json.loads(result.stdout)

    assert result.exit_code == 1
    assert not status["alive"]
    assert "the daemon SENSOR is dead" in status["dead"]
    # All of them have one cause and one remedy: one sentence.
    (told,) = result.stderr.splitlines()
    assert "8 of 8 daemons are dead" in told
    assert "start `soleflip up`" in told
    assert status["last_refresh"]["rows"] == 1172
    assert status["last_alert"] is None


def test_before_the_deployment_there_is_no_refresh_to_speak_of(
    soleflip: Soleflip, databases: Databases
) -> None:
    result = soleflip("status", url=databases.legacy("production"))

    assert result.exit_code == 1
    assert "✗ daemon SENSOR" in result.stdout
    assert "last refresh: none" in result.stdout
    assert "hourly_stock_metrics_refresh: no tick yet" in result.stdout
