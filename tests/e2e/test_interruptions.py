"""Commands that are killed, interrupted, or wait: as processes of their own, on a real database."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.dumps.dump import take_dump
from soleflip_assets.ground.sessions import create_database_engine
from tests.conftest import Databases, connect
from tests.e2e.processes import SOLEFLIP, awaited, clean_environment, free_port

# The key by which a refresh keeps others out.
LOCK = "'inventory_ops.metrics_refresh'::regclass::oid::bigint"

Command = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def command(
    home: Path, databases: Databases, dagster_storage: URL
) -> Iterator[tuple[Command, URL]]:
    """Starts commands on one deployed shop."""
    shop = databases.deployed("production")
    environment = clean_environment(
        SOLEFLIP_HOME=str(home),
        SOLEFLIP_DATABASE_URL=shop.render_as_string(hide_password=False),
        DAGSTER_POSTGRES_URL=dagster_storage.render_as_string(hide_password=False),
        PYTHONUNBUFFERED="1",
    )
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        started.append(
            subprocess.Popen(
                [SOLEFLIP, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield start, shop
    for process in started:
        process.kill()
        process.communicate()


@contextmanager
def refreshing(shop: URL) -> Iterator[int]:
    """Somebody refreshes for as long as the block lasts; gives the number of the session."""
    with connect(shop) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        yield int(pid)


def waits(shop: URL) -> bool:
    """Whether a refresh waits for another one."""
    with connect(shop) as connection:
        query = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return bool(connection.exec_driver_sql(query).scalar_one())


def read_until(process: "subprocess.Popen[str]", wanted: str) -> str:
    """The output up to a line that holds some words."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if wanted in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


def test_run_whose_process_was_killed_is_ended_by_the_next_command(
    command: tuple[Command, URL],
) -> None:
    """D1: killed while it waits for the lock; the next one says so and refreshes."""
    start, shop = command
    with refreshing(shop):
        killed = start("refresh")
        awaited(lambda: waits(shop))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    status = start("status")
    output, _ = status.communicate(timeout=60)
    assert f"of refresh_stock_metrics has stopped, as process {killed.pid} on" in output
    assert status.returncode == 1
    done = start("refresh")
    output, _ = done.communicate(timeout=120)
    assert done.returncode == 0, output
    assert f"process {killed.pid} on {os.uname().nodename}, which did it, is gone" in output


def test_up_ends_the_run_of_a_process_that_was_killed(command: tuple[Command, URL]) -> None:
    """Before anything is served, also on a database of one's own, where nothing is deployed."""
    start, shop = command
    with refreshing(shop):
        killed = start("refresh")
        awaited(lambda: waits(shop))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    up = start("up", "--port", str(free_port()))
    told = read_until(up, "which did it, is gone")
    assert f"process {killed.pid} on" in told
    assert "http" not in told
    up.send_signal(signal.SIGTERM)
    up.communicate(timeout=60)


def test_waiting_step_names_table_holder_query_and_age(command: tuple[Command, URL]) -> None:
    """Whoever reads it knows what to end; what the query is about stays out of it."""
    start, shop = command
    with connect(shop) as connection:
        connection.exec_driver_sql("DROP TRIGGER soleflip_record_arrival ON inventory.stock")
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("LOCK TABLE inventory.stock IN ROW EXCLUSIVE MODE")
        pid = connection.exec_driver_sql("SELECT pg_backend_pid() -- 'of a customer'").scalar_one()
        waiting = start("deploy")
        told = read_until(waiting, "waiting, ").splitlines()[-1]
        connection.exec_driver_sql("ROLLBACK")
    assert told.strip().startswith("inventory__stock: waiting, ")
    assert "for a lock of inventory.stock, held by" in told
    assert f"held by session {pid} (postgres, soleflip, idle in transaction) for " in told
    assert told.endswith(": SELECT pg_backend_pid() -- …")
    output, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, output


def test_restore_says_for_whom_it_waits(command: tuple[Command, URL], tmp_path: Path) -> None:
    """From a session that is not in the way of swapping names."""
    start, shop = command
    dump = take_dump(create_database_engine(shop), tmp_path)
    with connect(shop.set(database="postgres")) as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("LOCK TABLE pg_database IN EXCLUSIVE MODE")
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        waiting = start("restore", "--replace", str(dump.path))
        told = read_until(waiting, "waiting, ").splitlines()[-1]
        connection.exec_driver_sql("ROLLBACK")
    assert told.strip().startswith("restore: waiting, ")
    assert f"for a lock of pg_database, held by session {pid} " in told
    output, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, output
    assert "✓ Restored and proven: " in output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_waiting_command_says_for_whom_and_ends_by_a_signal(
    command: tuple[Command, URL], number: signal.Signals, code: int
) -> None:
    """It waits for a lock of the database; its own session ends with it, which nobody has to kill."""
    start, shop = command
    with refreshing(shop) as holder:
        waiting = start("refresh")
        told = read_until(waiting, "waiting, ")
        assert f"a lock in the database, held by session {holder}" in told
        waiting.send_signal(number)
        output, _ = waiting.communicate(timeout=60)
        assert waiting.returncode == code, output
        assert "run the same command again" in output.splitlines()[-1]
        assert "Traceback" not in output
        assert "the run failed" not in output
        assert "Error" not in output
        awaited(lambda: not waits(shop))


def test_second_refresh_waits_for_the_first_and_costs_nothing_meanwhile(
    command: tuple[Command, URL],
) -> None:
    """Both in the database: it was a loop without a pause, deaf to SIGTERM."""
    start, shop = command
    with refreshing(shop):
        commands = [start("refresh"), start("refresh")]
        for waiting in commands:
            read_until(waiting, "waiting, ")
        second = psutil.Process(commands[1].pid)
        before, began = sum(second.cpu_times()[:2]), time.monotonic()
        read_until(commands[1], "waiting, ")
        assert sum(second.cpu_times()[:2]) - before < (time.monotonic() - began) / 4
    for process in commands:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
