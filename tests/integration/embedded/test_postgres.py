"""The embedded server: started by its first user, stopped by its last, whatever becomes of those between."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.errors import ConfigurationError
from tests.conftest import open_folder

# Another process that uses the server, says so, and goes on until its input ends.
USER = """
import sys
from pathlib import Path
from soleflip_assets.embedded.postgres import PostgresServer
with PostgresServer(Path(sys.argv[1])).running():
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that nobody has started yet."""
    with open_folder() as folder:
        own = PostgresServer(folder / "data", parameters={"fsync": "off"})
        yield own
        own.stop("immediate")


def start_user(server: PostgresServer) -> subprocess.Popen[str]:
    """Another process that is about to use the server."""
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(server.data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def await_up(user: subprocess.Popen[str]) -> None:
    assert user.stdout is not None
    assert user.stdout.readline() == "up\n"


def answers(server: PostgresServer) -> bool:
    address = server.url("postgres").render_as_string(hide_password=False)
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def test_it_is_up_for_the_length_of_the_block(server: PostgresServer) -> None:
    assert not answers(server)
    with server.running():
        assert answers(server)
    assert not answers(server)


def test_what_was_written_is_there_at_the_next_start(server: PostgresServer) -> None:
    with server.running():
        server.create_database("shop")
    with server.running():
        server.create_database("shop")  # again: nothing happens
        psycopg.connect(server.url("shop").render_as_string(hide_password=False)).close()


def test_the_last_user_stops_it(server: PostgresServer) -> None:
    """Also where that is another process than the one which started it."""
    with server.running():
        other = start_user(server)
        await_up(other)
    assert answers(server)
    other.communicate(timeout=30)
    assert not answers(server)


def test_a_killed_user_does_not_keep_it_up(server: PostgresServer) -> None:
    with server.running():
        other = start_user(server)
        await_up(other)
        other.kill()
        other.communicate()
    assert not answers(server)


def test_two_users_at_once_start_it_once(server: PostgresServer) -> None:
    users = [start_user(server) for _ in range(2)]
    for user in users:
        await_up(user)
    assert len(_postmasters(server)) == 1
    for user in users:
        user.communicate(timeout=30)
        assert user.returncode == 0
    assert _postmasters(server) == []


def test_it_starts_again_after_a_crash(server: PostgresServer) -> None:
    """Although the pid file of the dead server lies there."""
    with server.running():
        (postmaster,) = _postmasters(server)
        postmaster.send_signal(signal.SIGKILL)
        postmaster.wait()
        assert (server.data / "postmaster.pid").exists()
        _await_end_of_backends(server)
        with server.running():
            assert answers(server)


def test_a_long_path_gets_a_short_socket() -> None:
    """A socket's name is at most 103 bytes long."""
    with open_folder() as folder:
        long = folder / ("l" * 60) / ("o" * 60)
        with PostgresServer(long).running() as server:
            assert answers(server)


def test_only_its_owner_enters_it(server: PostgresServer) -> None:
    """And the folders above it are left as they were."""
    before = server.data.parent.stat().st_mode
    with server.running():
        assert server.data.stat().st_mode & 0o077 == 0
        assert server.data.parent.stat().st_mode == before


def test_it_listens_on_no_port(server: PostgresServer) -> None:
    with server.running():
        (postmaster,) = _postmasters(server)
        assert [c for c in postmaster.net_connections("inet") if c.status == "LISTEN"] == []


def test_what_prevents_it_is_said_in_a_sentence(server: PostgresServer) -> None:
    server.data.mkdir()
    (server.data / "somebody's").touch()
    said = r"initdb failed .* empty the directory .*SOLEFLIP_HOME"
    with pytest.raises(ConfigurationError, match=said), server.running():
        pass


def _postmasters(server: PostgresServer) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(server.data) in (process.info["cmdline"] or [])
        and Path(process.info["cmdline"][0]).name == "postgres"
    ]


def _await_end_of_backends(server: PostgresServer) -> None:
    """The dead server's processes end by themselves; until then PostgreSQL refuses the folder."""
    deadline = time.monotonic() + 30
    while any(
        process.info["cwd"] == os.fspath(server.data) for process in psutil.process_iter(["cwd"])
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
