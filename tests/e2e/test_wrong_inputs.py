"""What people type wrongly: one sentence with the fix, exit code 2 (1 where work was refused), nothing done.

Here: the command line, URLs, settings, files and states, by a table and by neighbours of what is right. Not
here: what else is wrong with the surroundings (test_configuration_errors.py).
"""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sqlalchemy.engine import URL

from soleflip_assets.commands.cli import main
from tests.conftest import Databases
from tests.e2e.conftest import SECRET, Soleflip
from tests.integration.phase2.state import contents

# Dagster's own replace_config reads what Dagster itself deprecates; Apprise imports imghdr.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def assert_refused(output: str, *words: str) -> None:
    """A last line that is one sentence of ours, which says what to do, in nobody's class names."""
    last = output.splitlines()[-1]
    assert last.startswith("soleflip: "), output
    assert last.endswith("."), output
    assert SECRET not in output
    assert "***-marker" not in output
    for never in ("Traceback", "Error:", "Exception", "dagster._core", "psycopg.", "sqlalchemy."):
        assert never not in output, output
    for word in words:
        assert word in last, output


# What is typed, and words of the answer: what to write instead.
USAGE = {
    "deply": "write deploy, or see `soleflip --help`",
    "--verbos": "write --version, or see `soleflip --help`",
    "deploy --chek": "write --check",
    "deploy --prefer nobody": "--prefer cannot be nobody: write one of stock, legacy",
    "deploy --prefer": "soleflip deploy --help",
    "deploy extra": "soleflip deploy --help",
    "deploy --check --quiet --verbose": "--quiet and --verbose exclude each other: leave one of them out",
    "verify --jsn": "write --json",
    "verify inventory.stok": "soleflip verify --help",
    "refresh --install-pg-cron --remove-pg-cron": "exclude each other: leave one of them out",
    "metrics": "metrics needs --mode: write one of materialized, incremental",
    "metrics --mode fast": "write one of materialized, incremental",
    "metrics --mode=": "--mode cannot be empty: write one of materialized, incremental",
    "housekeeping --dry-run=yes": "'--dry-run' does not take a value: see `soleflip housekeeping --help`",
    "status --json=1": "'--json' does not take a value",
    "health": "health needs the component: write one of code-server",
    "health printer": "the component cannot be printer: write one of code-server",
    "health daemon --port": "soleflip health --help",
    "health daemon --port http": "--port cannot be http: write a whole number from 1 to 65535",
    "health daemon --port 0": "--port cannot be 0: write a whole number from 1 to 65535",
    "health webserver --port 65536": "write a whole number from 1 to 65535",
    "health daemon --tolerance -1": "--tolerance cannot be -1: write a whole number from 1 on",
    "health daemon --tolerance 1.5": "write a whole number from 1 on",
    "revert --remake": "write --remake-legacy",
    "restore": "restore needs a DUMP, or --drill alone",
    "restore a.dump --drill": "name one of the two",
    "restore --drill --replace": "name one of the two",
    "restore a.dump b.dump": "soleflip restore --help",
    "restore /nowhere/a.dump": "there is no file /nowhere/a.dump: name a dump that `soleflip deploy` took",
    "restore /": "/ is a folder: name a file that `soleflip deploy` took",
    "restore --replace": "name one of the two",
    "drop-legacy --yes=please": "'--yes' does not take a value",
    "drop-legacy --force": "soleflip drop-legacy --help",
    "drop-backups now": "soleflip drop-backups --help",
    "resync not-a-uuid": "the stock id cannot be not-a-uuid: write a UUID",
    "resync 00000000-0000-4000-8000-00000000000": "write a UUID",
    "resync -5": "soleflip resync --help",
    "up --port -1": "--port cannot be -1: write a whole number from 1 to 65535",
    "up --port abc": "write a whole number from 1 to 65535",
    "up 3000": "soleflip up --help",
    "settings --yaml": "soleflip settings --help",
}  # fmt: skip


@pytest.mark.parametrize("typed", USAGE)
def test_wrong_usage(soleflip: Soleflip, home: Path, typed: str) -> None:
    """Found before anything is looked at: no database is named here, and none is made."""
    result = soleflip(*typed.split(" "))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.output.splitlines()) == 1
    assert_refused(result.output, USAGE[typed])
    assert [*home.iterdir()] == []


def neighbours(command: click.Command = main, *path: str) -> Iterator[list[str]]:
    """Of each option of each command: its name with a letter too few, and a value too many or too few."""
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            if name != "bench":  # It hands on what it does not know.
                yield from neighbours(one, *path, name)
        return
    for option in command.params:
        if isinstance(option, click.Option):
            long = max(option.opts, key=len)
            yield [*path, long[:-1]]
            yield [*path, f"{long}=1"] if option.is_flag else [*path, long]


@pytest.mark.parametrize("arguments", [*neighbours()], ids=" ".join)
def test_neighbour_of_what_is_right(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert len(result.output.splitlines()) == 1, result.output
    assert_refused(result.output, "soleflip")


# Of SOLEFLIP_DATABASE_URL: what is wrong in it, and words of the answer.
URLS = {
    "a password with an @": (f"postgresql://shop:{SECRET}@more@db/soleflip", "with %40 for @"),
    "a password with a slash": (f"postgresql://shop:{SECRET}/more@db/soleflip", "%2F for /"),
    "a password with a percent sign": (f"postgresql://shop:{SECRET}%zz@db/soleflip", "correct the URL"),
    "a password with a space": (f"postgresql://shop:{SECRET} more@db/soleflip", "%20 for a space"),
    "a negative port": (f"postgresql://shop:{SECRET}@db:-1/soleflip", "write it as postgresql://"),
    "a port beyond all": (f"postgresql://shop:{SECRET}@127.0.0.1:99999/soleflip", "correct the URL"),
    "an IPv6 address as it is": (f"postgresql://shop:{SECRET}@::1/soleflip", "in brackets"),
    "an unknown sslmode": (
        f"postgresql://shop:{SECRET}@127.0.0.1/soleflip?sslmode=perhaps", "correct the URL",
    ),
    "a name alone": ("soleflip", "write it as postgresql://"),
    "libpq's other form": (f"host=db password={SECRET}", "write it as postgresql://"),
    "two URLs": (f"postgresql://shop:{SECRET}@db/a postgresql://db/b", "write it as postgresql://"),
    "a host of a typing error": (
        f"postgresql://shop:{SECRET}@nowhere.invalid/soleflip", "start that server or correct the URL",
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", URLS)
def test_wrong_url(soleflip: Soleflip, home: Path, wrong: str) -> None:
    url, fix = URLS[wrong]
    result = soleflip("deploy", url=url)
    assert result.exit_code == 2, result.output
    assert len(result.output.splitlines()) == 1, result.output
    assert_refused(result.output, "SOLEFLIP_DATABASE_URL", fix)
    assert [*home.iterdir()] == []


SETTINGS = {
    "SOLEFLIP_SAMPLE=huge": "set it to one of production",
    "SOLEFLIP_KEEP_LOG_DAYS=-1": "set it to a number of days",
    "SOLEFLIP_KEEP_DUMPS=1.5": "set it to a number of files",
    "SOLEFLIP_LONGEST_REFRESH_MINUTES=soon": "set it to a number of minutes",
    "SOLEFLIP_FRESHNESS_WARN_MINUTES=-4": "set it to a number of minutes",
    "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE=-4": "set it to a number of seconds",
    "PORT=abc": "set it to a number from 1 to 65535",
    "PORT=0": "set it to a number from 1 to 65535",
    "SOLEFLIP_UI_URL=ftp://x": "write it as https://",
    "SOLEFLIP_VIEWERS_URL=x": "write it as https://",
    "SOLEFLIP_HOME=/dev/null": "set SOLEFLIP_HOME to a folder of your own",
    "SOLEFLIP_HOME=/proc/nowhere": "set SOLEFLIP_HOME to a folder of your own",
    "SOLEFLIP_HOME=/etc/passwd/x": "set SOLEFLIP_HOME to a folder of your own",
    "DAGSTER_POSTGRES_URL=sqlite:///x": "write it as postgresql://",
    f"SOLEFLIP_OWNER_DATABASE_URL=mysql://shop:{SECRET}@db/a": "write it as postgresql://",
    f"SOLEFLIP_OWNER_DATABASE_URL=postgresql://shop:{SECRET}@127.0.0.1:1/a": "start that server",
}


@pytest.mark.parametrize("wrong", SETTINGS)
def test_wrong_setting(soleflip: Soleflip, databases: Databases, wrong: str) -> None:
    name, _, value = wrong.partition("=")
    result = soleflip("deploy", url=databases.legacy("production"), **{name: value})
    assert result.exit_code == 2, result.output
    assert len(result.output.splitlines()) == 1, result.output
    assert_refused(result.output, SETTINGS[wrong])


# Right in form, and not so here: on a database before Phase 2 and on a deployed one.
BEFORE = {
    "verify": "there is nothing to verify: run `soleflip deploy`",
    "verify --json": "there is nothing to verify: run `soleflip deploy`",
    "refresh": "deploy Phase 2 with `soleflip deploy`",
    "metrics --mode incremental": "deploy Phase 2 with `soleflip deploy`",
    "drop-legacy": "there is nothing to retire: run `soleflip deploy`",
    "drop-backups --yes": "there is nothing to retire: run `soleflip deploy`",
    "resync": "there is nothing to keep in step: run `soleflip deploy`",
    "restore --drill": "deploy with `soleflip deploy`, which takes one",
}
DEPLOYED = {
    f"resync {UNKNOWN_ID}": f"No stock row has the id {UNKNOWN_ID}: look it up in inventory.stock",
    "drop-legacy --yes": "may not be dropped, since",
    "drop-backups": "may not be dropped, since",
    "health daemon": "the daemon SCHEDULER has never run: restart it",
    "health code-server --port 1": "does not answer (UNAVAILABLE): restart it",
}


@pytest.fixture(scope="module")
def before(databases: Databases) -> URL:
    return databases.legacy("production")


@pytest.fixture(scope="module")
def deployed(databases: Databases) -> URL:
    return databases.deployed("production")


@pytest.mark.parametrize("typed", BEFORE)
def test_before_the_deployment(soleflip: Soleflip, before: URL, typed: str) -> None:
    assert_changes_nothing(soleflip, before, typed, BEFORE[typed])


@pytest.mark.parametrize("typed", DEPLOYED)
def test_where_something_lacks(soleflip: Soleflip, deployed: URL, typed: str) -> None:
    assert_changes_nothing(soleflip, deployed, typed, DEPLOYED[typed])


def assert_changes_nothing(soleflip: Soleflip, url: URL, typed: str, words: str) -> None:
    found = contents(url)
    result = soleflip(*typed.split(" "), url=url)
    assert result.exit_code == 1, result.output
    assert_refused(result.output, words)
    assert contents(url) == found


def test_where_nothing_is_deployed_verify_says_so_and_nothing_else(
    soleflip: Soleflip, before: URL
) -> None:
    assert len(soleflip("verify", url=before).output.splitlines()) == 1


@pytest.mark.parametrize(
    ("database", "user", "fix"),
    [
        ("nosuch", None, "create that database, or correct the URL"),
        (None, "nosuch", "correct the URL: user or password"),
        ("postgres", None, "has no table inventory.stock"),
    ],
)
def test_database_or_user_that_there_is_not(
    soleflip: Soleflip, before: URL, database: str | None, user: str | None, fix: str
) -> None:
    result = soleflip("verify", url=before.set(database=database, username=user))
    assert result.exit_code == 2, result.output
    assert_refused(result.output, fix)


DUMPS = {
    "empty": (b"", "has no manifest", 1),
    "text": (b"no dump", "has no manifest", 1),
}


@pytest.mark.parametrize("kind", DUMPS)
@pytest.mark.parametrize("replace", [[], ["--replace"]], ids=str)
def test_file_that_is_no_dump(
    soleflip: Soleflip, home: Path, before: URL, kind: str, replace: list[str]
) -> None:
    content, words, code = DUMPS[kind]
    file = home / "a.dump"
    file.write_bytes(content)
    result = soleflip("restore", *replace, str(file), url=before)
    assert result.exit_code == code, result.output
    assert_refused(result.output, words, "put the manifest back")


def test_dump_in_the_home_is_found_by_its_name(soleflip: Soleflip, home: Path, before: URL) -> None:
    """As the deployment report writes it down."""
    (home / "dumps").mkdir()
    (home / "dumps" / "a.dump").touch()
    result = soleflip("restore", "a.dump", url=before)
    assert result.exit_code == 1
    assert_refused(result.output, f"{home / 'dumps' / 'a.dump'} has no manifest")


def test_folder_of_dumps_names_the_newest(soleflip: Soleflip, home: Path) -> None:
    (home / "a.dump").touch()
    result = soleflip("restore", str(home))
    assert result.exit_code == 2
    assert_refused(result.output, f"{home} is a folder", f"such as {home / 'a.dump'}")


def test_there_are_more_than_sixty() -> None:
    assert sum([len(USAGE), len(URLS), len(SETTINGS), len(BEFORE), len(DEPLOYED)]) >= 60
