"""What is wrong with the surroundings: one sentence that names the fix, exit code 2, nothing secret."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from soleflip_assets.commands.processes import LOCK
from soleflip_assets.ground import database
from soleflip_assets.ground.settings import DAGSTER_STORAGE_URL, DATABASE_URL, HOME
from tests.conftest import Databases, connect
from tests.e2e.conftest import SECRET, Soleflip
from tests.e2e.processes import clean_environment

COMMANDS = (["deploy"], ["verify", "--json"], ["refresh"], ["up"])

WRONG_URLS = {
    "malformed": (f"postgresql//shop:{SECRET}@db/soleflip", "write it as postgresql://"),
    "port is no number": (
        f"postgresql://shop:{SECRET}@db:http/soleflip",
        "write it as postgresql://",
    ),
    "another database's": (f"mysql://shop:{SECRET}@db/soleflip", "write it as postgresql://"),
    "without a database": (f"postgresql://shop:{SECRET}@db", "names no database"),
    "unknown option": (f"postgresql://shop:{SECRET}@/soleflip?colour=red", "correct the URL"),
    "unreachable port": (f"postgresql://shop:{SECRET}@127.0.0.1:1/soleflip", "start that server"),
    "unknown host": (f"postgresql://shop:{SECRET}@nowhere.invalid/soleflip", "start that server"),
    "no such socket": (f"postgresql://shop:{SECRET}@/soleflip?host=/nowhere", "start that server"),
}


def assert_one_sentence(output: str, *fix: str) -> None:
    """One line, which starts with the program's name and ends as a sentence does."""
    assert len(output.splitlines()) == 1, output
    assert output.startswith("soleflip: ")
    assert output.rstrip().endswith(".")
    assert SECRET not in output
    for words in fix:
        assert words in output


@pytest.mark.parametrize(("url", "fix"), WRONG_URLS.values(), ids=WRONG_URLS.keys())
def test_wrong_database_url(soleflip: Soleflip, home: Path, url: str, fix: str) -> None:
    result = soleflip("deploy", url=url)
    assert result.exit_code == 2
    assert_one_sentence(result.output, DATABASE_URL, fix)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_it_alike(soleflip: Soleflip, command: list[str]) -> None:
    """Whatever the command, and with nothing on standard output for who reads JSON there."""
    result = soleflip(*command, url=f"mysql://shop:{SECRET}@db/soleflip")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert_one_sentence(result.stderr, DATABASE_URL)


def test_wrong_password(soleflip: Soleflip, shop_with_password: URL) -> None:
    result = soleflip("deploy", url=shop_with_password.set(password=f"not-{SECRET}"))
    assert result.exit_code == 2
    assert_one_sentence(result.output, "password authentication failed", "correct the URL")


def test_user_who_may_not_connect_once_more(soleflip: Soleflip, shop_with_password: URL) -> None:
    """The server runs: to start it, or to correct the URL, would help nobody."""
    with connect(shop_with_password.set(username="postgres", password=None)) as superuser:
        superuser.exec_driver_sql(f"ALTER ROLE {shop_with_password.username} CONNECTION LIMIT 0")
    result = soleflip("deploy", url=shop_with_password)
    assert result.exit_code == 2
    assert_one_sentence(result.output, "too many connections for role", "pg_stat_activity shows")


def test_user_without_rights(soleflip: Soleflip, shop_with_password: URL) -> None:
    with connect(shop_with_password.set(username="postgres", password=None)) as superuser:
        superuser.exec_driver_sql("ALTER SCHEMA inventory OWNER TO postgres")
    result = soleflip("deploy", url=shop_with_password)
    assert result.exit_code == 2
    assert_one_sentence(result.output, "permission denied for schema inventory", "correct the URL")


def test_database_without_the_inventory(soleflip: Soleflip, databases: Databases) -> None:
    result = soleflip("deploy", url=databases.empty())
    assert result.exit_code == 2
    assert_one_sentence(result.output, "no table inventory.stock", DATABASE_URL)


def test_old_server(
    soleflip: Soleflip, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server older than 15 is at hand, so that the youngest one is declared too old."""
    monkeypatch.setattr(database, "OLDEST_SERVER", 99)
    result = soleflip("deploy", url=databases.legacy("production"))
    assert result.exit_code == 2
    assert_one_sentence(result.output, "is PostgreSQL 18", "upgrade it to 99 or newer")


def test_unreachable_dagster_storage(soleflip: Soleflip, databases: Databases) -> None:
    storage = {DAGSTER_STORAGE_URL: f"postgresql://dagster:{SECRET}@127.0.0.1:1/dagster"}
    result = soleflip("deploy", url=databases.legacy("production"), **storage)
    assert result.exit_code == 2
    assert_one_sentence(result.output, DAGSTER_STORAGE_URL, "start that server")


def test_unknown_sample(soleflip: Soleflip) -> None:
    result = soleflip("deploy", SOLEFLIP_SAMPLE="huge")
    assert result.exit_code == 2
    assert_one_sentence(result.output, "SOLEFLIP_SAMPLE", "production, busy")


def test_home_that_is_a_file(soleflip: Soleflip, home: Path) -> None:
    file = home / "file"
    file.touch()
    result = soleflip("deploy", **{HOME: str(file)})
    assert result.exit_code == 2
    assert_one_sentence(result.output, HOME, "a folder of your own")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another account")
def test_home_that_postgres_cannot_enter(soleflip: Soleflip, home: Path) -> None:
    home.chmod(0o700)
    result = soleflip("deploy", **{HOME: str(home / "state")})
    assert result.exit_code == 2
    assert_one_sentence(result.output, HOME, "that the server's account can enter")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_home_that_is_somebody_elses(soleflip: Soleflip, home: Path) -> None:
    home.chmod(0o500)
    result = soleflip("deploy", **{HOME: str(home)})
    assert result.exit_code == 2
    assert_one_sentence(result.output, HOME, "a folder of your own")


def test_taken_port_in_a_process_of_its_own(home: Path) -> None:
    """As a person sees it: nothing on the terminal but the sentence, and nothing started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "soleflip_assets", "up", "--port", str(port)],
            env=clean_environment(SOLEFLIP_HOME=str(home)),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stdout == ""
    assert_one_sentence(done.stderr, f"Port {port} is taken", "--port or PORT")
    # The home is locked first: what a killed one left may hold the port.
    assert [file.name for file in home.iterdir()] == [LOCK]


def test_pg_cron_that_is_not_there(soleflip: Soleflip, databases: Databases) -> None:
    result = soleflip("refresh", "--install-pg-cron", url=databases.deployed("production"))
    assert result.exit_code == 2
    assert_one_sentence(result.output, "no pg_cron", "install its package")
