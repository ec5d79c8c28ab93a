"""``soleflip warehouse`` as a person types it."""

import json

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import URL

from soleflip_assets.commands.cli import main
from soleflip_assets.ground.settings import DAGSTER_STORAGE_URL, DATABASE_URL, HOME, WAREHOUSE
from tests.conftest import Databases, open_folder
from tests.integration.warehouse.kept import logged


@pytest.fixture
def _environment(shop_url: URL, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = databases.dagster()
    for name, url in ((DATABASE_URL, shop_url), (DAGSTER_STORAGE_URL, storage)):
        text = url.set(drivername="postgresql").render_as_string(hide_password=False)
        monkeypatch.setenv(name, text)
    # Set by the command, and taken back here.
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.delenv(WAREHOUSE, raising=False)


def _soleflip(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["warehouse", *arguments])


@pytest.mark.usefixtures("_environment")
def test_it_is_loaded_looked_at_and_asked(shop_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_folder() as home:
        home.chmod(0o700)
        monkeypatch.setenv(HOME, str(home))
        before = _soleflip("status")
        assert before.exit_code == 0, before.output
        assert "nothing is loaded yet" in before.stdout

        loaded = _soleflip("load")
        assert loaded.exit_code == 0, loaded.output
        assert "raw.stock_event is empty: loading all of it" in loaded.stderr
        assert "✓ The warehouse is up to date: " in loaded.stdout

        found = json.loads(_soleflip("status", "--json").stdout)
        assert found["folder"] == str(home / "warehouse")
        (events,) = [each for each in found["tables"] if each["table"] == "raw.stock_event"]
        assert events["rows"] == len(logged(shop_url))
        assert events["pending"] == []
        assert "raw.stock_event" in _soleflip("status").stdout

        asked = _soleflip("query", "SELECT count(*) AS events FROM stock_event")
        assert asked.stdout.split() == ["events", f"{len(logged(shop_url)):,}"]
        rows = _soleflip("query", "SELECT database FROM load_state", "--json")
        assert json.loads(rows.stdout) == [{"database": shop_url.database}]
        wrong = _soleflip("query", "SELECT nothing FROM stock_event")
        assert wrong.exit_code == 2
        assert "nothing" in wrong.stderr
        for command in ("compare", "rebuild"):
            done = _soleflip(command)
            assert done.exit_code == 0, done.output


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soleflip_assets.commands.warehouse.find_spec", lambda _: None)
    done = _soleflip("status")
    assert done.exit_code == 2
    assert "soleflip-assets[platform,warehouse]" in done.stderr
