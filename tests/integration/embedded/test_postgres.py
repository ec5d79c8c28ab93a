"""The embedded server: started by its first user, stopped by its last, whatever becomes of those between."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from soleflip_assets.embedded import postgres
from soleflip_assets.embedded.postgres import PostgresServer, server_account
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.private_files import write_private_file
from soleflip_assets.ground.sessions import create_database_engine
from tests.conftest import open_folder
from tests.integration.phase2.test_full_disk import mount

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


def test_it_is_revived_after_a_crash_and_only_then(server: PostgresServer) -> None:
    with server.running():
        assert not server.revive()
        (postmaster,) = _postmasters(server)
        postmaster.send_signal(signal.SIGKILL)
        postmaster.wait()
        _await_end_of_backends(server)
        assert server.revive()
        assert answers(server)
        assert not server.revive()


def test_server_that_does_not_stop_in_time_is_made_to_crash(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of version 18 does on a full disk; nobody would end it."""
    monkeypatch.setattr(postgres, "_STOP_SECONDS", 1)
    in_use = server.running()
    in_use.__enter__()
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    (checkpointer,) = (
        child
        for child in psutil.Process(pid).children()
        if "checkpointer" in " ".join(child.cmdline())
    )
    checkpointer.suspend()
    with pytest.raises(ConfigurationError, match="pg_ctl failed"):
        in_use.__exit__(None, None, None)
    assert not (server.data / "postmaster.pid").exists()


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


def _groups(process: psutil.Process) -> set[int]:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("Groups:"))
    return {*map(int, line.split()[1:])} | {*process.gids()}


def test_as_root_it_runs_as_somebody_without_a_group_of_ours(server: PostgresServer) -> None:
    account = server_account()
    if account is None:
        pytest.skip("only root runs it as somebody else")
    with server.running():
        (postmaster,) = _postmasters(server)
        assert {*postmaster.uids()} == {account.pw_uid}
        assert _groups(postmaster) == {account.pw_gid}


# What a shell, a URL, a list of hosts and a quoted setting read as something else.
ODD = """ ,;'"$`%&+#?=*~()é"""


@pytest.mark.parametrize("seed", range(2))
def test_folder_of_any_name_works(seed: int) -> None:
    """And nothing in it is run: pg_ctl starts the server by a shell."""
    odd = "".join(random.Random(seed).sample(ODD, len(ODD)))
    name = f"{odd}$(touch mine)`touch mine`"
    with open_folder() as folder:
        own = PostgresServer(folder / name / "data", parameters={"fsync": "off"})
        try:
            with own.running():
                assert answers(own)
                assert create_database_engine(own.url("postgres")).connect().closed is False
        finally:
            own.stop("immediate")
        assert [path.name for path in folder.iterdir()] == [name]
        assert "mine" not in {path.name for path in (folder / name).iterdir()}


def test_socket_elsewhere_is_in_a_folder_that_nobody_could_have_made_before() -> None:
    """After a crash the same one; what others made of that name meanwhile is not taken; gone at the end."""
    with open_folder() as folder:
        long = PostgresServer(folder / ("l" * 100), parameters={"fsync": "off"})
        with long.running():
            first = Path(str(long.url("postgres").query["host"]))
            assert first.stat().st_mode & 0o777 == 0o700
            (postmaster,) = _postmasters(long)
            postmaster.send_signal(signal.SIGKILL)
            postmaster.wait()
            _await_end_of_backends(long)
            with long.running():
                assert Path(str(long.url("postgres").query["host"])) == first
                (postmaster,) = _postmasters(long)
                postmaster.send_signal(signal.SIGKILL)
                postmaster.wait()
                _await_end_of_backends(long)
            shutil.rmtree(first)
            first.symlink_to(folder)
            with long.running():
                assert Path(str(long.url("postgres").query["host"])) != first
                assert answers(long)
            first.unlink()
        with pytest.raises(ConfigurationError, match="not running"):
            long.url("postgres")


def test_lock_that_is_a_link_is_refused_and_what_it_names_is_kept(server: PostgresServer) -> None:
    theirs = server.data.with_name("theirs")
    theirs.write_text("kept")
    server.data.with_name("data.users.lock").symlink_to(theirs)
    with pytest.raises(ConfigurationError, match="symbolic link"), server.running():
        pass
    assert theirs.read_text() == "kept"


def test_full_disk_is_called_that() -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a disk of a given size")
    with open_folder() as folder:
        try:
            mount(folder, "size=4m,mode=0711")
        except subprocess.CalledProcessError:
            pytest.skip("this container may not mount anything")
        try:
            server = PostgresServer(folder / "data")
            with (
                pytest.raises(ConfigurationError, match=r"The disk of .* is full"),
                server.running(),
            ):
                pass
            write = folder / "file"
            with pytest.raises(ConfigurationError, match=r"The disk of .* is full"):
                write_private_file(write, "x" * 2**23)
            assert not list(folder.glob("file*")), "what it began is left"
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
