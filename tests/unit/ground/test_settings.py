"""The environment: what each variable may be, and what is said of one that may not."""

import traceback
from pathlib import Path

import pytest

from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.settings import (
    DAGSTER_STORAGE_URL,
    DATABASE_URL,
    FILES,
    HOME,
    OWNER_DATABASE_URL,
    SAMPLE,
    Settings,
)
from soleflip_assets.ground.urls import parse_postgres_url


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (DAGSTER_STORAGE_URL, DATABASE_URL, HOME, OWNER_DATABASE_URL, SAMPLE):
        monkeypatch.delenv(name, raising=False)


def test_nothing_set_means_the_embedded_server_beside_the_checkout() -> None:
    settings = Settings.from_environment()
    assert settings.database_url is None
    assert settings.dagster_storage_url is None
    assert settings.sample == "production"
    assert settings.home == FILES / ".soleflip"


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
        "",
        "soleflip",
        "postgresql//shop:secret@db/soleflip",
        "postgresql://shop:secret@db:http/soleflip",
        "mysql://shop:secret@db/soleflip",
        "postgresql://shop:secret@db",
        "postgresql://shop:secret@db/",
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
