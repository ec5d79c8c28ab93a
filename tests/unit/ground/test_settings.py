"""The environment: what each variable may be, and what is said of one that may not."""

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.settings import (
    ALERT_URLS,
    CODE_SERVER_PORT,
    DAGSTER_STORAGE_URL,
    DATABASE_URL,
    DUMPS,
    ERROR_MINUTES,
    FILES,
    FILES_DAYS,
    HEARTBEAT_TOLERANCE,
    HEARTBEAT_URL,
    HOME,
    LOG_DAYS,
    OWNER_DATABASE_URL,
    PORT,
    REPORTS,
    RUNS_DAYS,
    SAMPLE,
    UI_URL,
    WARN_MINUTES,
    WEBSERVER_PORT,
    Settings,
    meanings,
)
from soleflip_assets.ground.urls import hide_secret, parse_postgres_url

VARIABLES = [name for name, _ in meanings()]

# Of each variable something that cannot be meant, and what is said of it.
WRONG = {
    SAMPLE: ("huge", "set it to one of production, busy, applied, legacy_dropped, backups_dropped"),
    WARN_MINUTES: ("soon", "set it to a number of minutes, from 1 to 36,500"),
    ERROR_MINUTES: ("0", "set it to a number of minutes, from 1 to 36,500"),
    LOG_DAYS: ("999999", "set it to a number of days, from 1 to 36,500"),
    RUNS_DAYS: ("1.5", "set it to a number of days, from 1 to 36,500"),
    FILES_DAYS: ("for ever", "set it to a number of days, from 1 to 36,500"),
    DUMPS: ("none", "set it to a number of files, from 1 to 36,500"),
    REPORTS: ("0", "set it to a number of files, from 1 to 36,500"),
    PORT: ("70000", "set it to a number from 1 to 65535"),
    CODE_SERVER_PORT: ("grpc", "set it to a number from 1 to 65535"),
    WEBSERVER_PORT: ("0", "set it to a number from 1 to 65535"),
    HEARTBEAT_TOLERANCE: ("long", "set it to a number of seconds, from 1 to 36,500"),
}


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_nothing_set_means_the_embedded_server_beside_the_checkout() -> None:
    settings = Settings.from_environment()
    assert settings.database_url is None
    assert settings.dagster_storage_url is None
    assert settings.sample == "production"
    assert settings.home == FILES / ".soleflip"


def test_home_with_a_line_break_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL started in it, was not found again, and was left running after a minute's wait."""
    monkeypatch.setenv(HOME, "/srv/a\nb")
    with pytest.raises(ConfigurationError, match="line break"):
        Settings.from_environment()


def test_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also with a tilde or a relative path: the processes started from it have other working directories."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    for given, meant in (("state", tmp_path / "state"), ("~/state", tmp_path / "me" / "state")):
        monkeypatch.setenv(HOME, given)
        assert Settings.from_environment().home == meant


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://shop@db:5432/soleflip",
        "postgres://shop@db/soleflip",
        "postgresql+psycopg2://shop@db/soleflip",
        "postgresql://shop@/soleflip?host=/run/postgresql",
    ],
)
def test_every_way_to_write_a_postgres_url_is_understood(value: str) -> None:
    url = parse_postgres_url(DATABASE_URL, value)
    assert url.username == "shop"
    assert url.database == "soleflip"


@pytest.mark.parametrize(
    "value",
    [
        "soleflip",
        "postgresql//shop:secret@db/soleflip",
        "postgresql://shop:secret@db:http/soleflip",
        "mysql://shop:secret@db/soleflip",
        "postgresql://shop:secret@db",
        "postgresql://shop:secret@db/",
        "postgresql://shop:secr@secret@db/soleflip",
        "postgresql://shop:secret word@db/soleflip",
        "postgresql://shop:secret%zz@db/soleflip",
        "postgresql://shop:12/a?secret=b@db/soleflip",
    ],
)
def test_anything_else_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_postgres_url(DATABASE_URL, value)
    message = str(raised.value)
    assert message.startswith(DATABASE_URL)
    assert "postgresql://user:password@host:5432/database" in message
    # Nor in a traceback: SQLAlchemy's own error would quote the value there.
    assert "secret" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("variable", VARIABLES)
def test_empty_means_unset(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    unset = Settings.from_environment()
    monkeypatch.setenv(variable, "")
    assert Settings.from_environment() == unset
    assert {found.source for found in Settings.from_environment().listed} == {"default", "embedded"}


@pytest.mark.parametrize("variable", WRONG)
def test_what_cannot_be_meant_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    value, fix = WRONG[variable]
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment()
    assert str(raised.value) == f"{variable} is {value!r}: {fix}."


@pytest.mark.parametrize(
    ("first", "last", "wrong", "least"),
    [
        # Dagster loads no freshness policy in which they are equal.
        (WARN_MINUTES, ERROR_MINUTES, "is not less than", "400"),
        (LOG_DAYS, RUNS_DAYS, "is more than", "401"),
    ],
)
def test_two_that_contradict_each_other_are_refused(
    monkeypatch: pytest.MonkeyPatch, first: str, last: str, wrong: str, least: str
) -> None:
    monkeypatch.setenv(first, least)
    monkeypatch.setenv(last, "400")
    with pytest.raises(ConfigurationError, match=f"{first} {wrong} {last}"):
        Settings.from_environment()


def test_port_that_kubernetes_sets_for_a_service_is_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WEBSERVER_PORT, "tcp://10.0.0.1:3456")
    assert Settings.from_environment().webserver_port == 3456


def test_list_tells_value_source_and_meaning_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        DATABASE_URL: "postgresql://shop:hunter2@db/soleflip?options=-chunter2&sslpassword=hunter2",
        OWNER_DATABASE_URL: "postgresql://db/soleflip?user=owner&password=hunter2",
        ALERT_URLS: "slack://hunter2",
        HEARTBEAT_URL: "https://monitor.example/hunter2",
        UI_URL: "https://me:hunter2@dagster.example",
        DUMPS: "7",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    listed = {found.name: found for found in Settings.from_environment().listed}
    assert list(listed) == VARIABLES
    assert not [found for found in listed.values() if "hunter2" in str(found)]
    assert all(found.meaning for found in listed.values())
    assert (listed[DUMPS].value, listed[DUMPS].source) == ("7", "environment")
    assert listed[DATABASE_URL].value == "postgresql://shop:***@db/soleflip"
    assert (listed[REPORTS].value, listed[REPORTS].source) == ("20", "default")
    assert (listed[DAGSTER_STORAGE_URL].value, listed[DAGSTER_STORAGE_URL].source) == (
        None,
        "embedded",
    )


def test_no_module_reads_the_environment_when_it_is_loaded() -> None:
    """Else a wrong variable would be a traceback, before anybody could say a sentence about it."""
    wrong = dict.fromkeys(VARIABLES, "wrong")
    program = (
        "import importlib, importlib.util, pkgutil, soleflip_assets\n"
        "left_out = ['soleflip_assets.__main__']\n"
        "if not importlib.util.find_spec('pyspark'): left_out.append('soleflip_assets.warehouse.spark')\n"
        "for found in pkgutil.walk_packages(soleflip_assets.__path__, 'soleflip_assets.'):\n"
        "    if found.name not in left_out: importlib.import_module(found.name)"
    )
    subprocess.run([sys.executable, "-c", program], env=os.environ | wrong, check=True)


@pytest.mark.parametrize("secret", ["a", "e", "server", "user", "127.0.0.1 failed"])
def test_secret_that_is_a_common_word_takes_nothing_out_of_a_sentence(secret: str) -> None:
    said = 'connection to server at "127.0.0.1", port 5432 failed: no password for user "shop"'
    assert hide_secret(said, secret) == said


def test_secret_that_is_quoted_is_hidden() -> None:
    assert hide_secret('no host "hunter2"', "hunter2") == 'no host "***"'
    assert hide_secret('no host "at-hunter22@db"', "hunter22") == 'no host "***"'
    assert hide_secret("nothing", None) == "nothing"


def test_unknown_sample_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SAMPLE, "huge")
    with pytest.raises(ConfigurationError, match="production, busy"):
        Settings.from_environment()


def test_owners_url_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would deploy onto one database while everything else looks at the embedded one."""
    monkeypatch.setenv(OWNER_DATABASE_URL, "postgresql://owner:secret@db/soleflip")
    with pytest.raises(ConfigurationError, match=f"set without {DATABASE_URL}") as raised:
        Settings.from_environment()
    assert "secret" not in str(raised.value)


def test_what_is_around_a_value_does_not_belong_to_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a secret's file, which ends with a line's end. Blanks alone are no value."""
    monkeypatch.setenv(DATABASE_URL, "  postgresql://shop@db/soleflip\n")
    monkeypatch.setenv(HOME, f"{tmp_path}\n")
    monkeypatch.setenv(DUMPS, " 7 ")
    monkeypatch.setenv(SAMPLE, "  ")
    monkeypatch.setenv(DAGSTER_STORAGE_URL, "\n")

    settings = Settings.from_environment()

    assert settings.database_url == parse_postgres_url(
        DATABASE_URL, "postgresql://shop@db/soleflip"
    )
    assert settings.home == tmp_path
    assert settings.keep_dumps == 7
    assert settings.sample == "production"
    assert settings.dagster_storage_url is None
