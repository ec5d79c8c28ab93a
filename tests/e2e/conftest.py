"""What the tests from outside share: the command line in this process, and a shop that asks for a password."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.commands.cli import main
from soleflip_assets.ground import settings
from soleflip_assets.ground.database import execute_statement
from tests.conftest import Databases, connect, open_folder
from tests.e2e.processes import awaited

# What a command sets for the processes that it starts stays set in the test's own process until it ends.
_VARIABLES = (*(name for name, _ in settings.meanings()), "DAGSTER_HOME")

# A password that is searched for wherever it must not be.
SECRET = "s3cret-marker"

Soleflip = Callable[..., Result]


@pytest.fixture(scope="session")
def dagster_storage(databases: Databases) -> URL:
    """Dagster's own database for commands that run in the test's process."""
    return databases.dagster()


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder."""
    with open_folder() as folder:
        yield folder


@pytest.fixture
def soleflip(home: Path, dagster_storage: URL, monkeypatch: pytest.MonkeyPatch) -> Soleflip:
    """The command line in this process: ``soleflip("verify", "--json", url=database)``."""
    for name in _VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    monkeypatch.setenv(settings.HOME, str(home))
    storage = dagster_storage.render_as_string(hide_password=False)
    monkeypatch.setenv(settings.DAGSTER_STORAGE_URL, storage)

    def run(*arguments: str, url: URL | str | None = None, **environment: str) -> Result:
        if url is not None:
            shown = url if isinstance(url, str) else url.render_as_string(hide_password=False)
            environment[settings.DATABASE_URL] = shown
        result = CliRunner().invoke(main, arguments, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


# No superuser and no member of one: the owner of SoleFlip's tables, as most managed servers have it.
_OWNERSHIP = """
DO $$
DECLARE
  owned regclass;
BEGIN
  EXECUTE format('ALTER DATABASE %I OWNER TO {role}', current_database());
  ALTER SCHEMA inventory OWNER TO {role};
  ALTER TYPE inventory.inventory_status OWNER TO {role};
  FOR owned IN SELECT oid FROM pg_class WHERE relnamespace = 'inventory'::regnamespace AND relkind = 'r'
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO {role}', owned);
  END LOOP;
END $$
"""


@pytest.fixture
def shop_with_password(databases: Databases) -> URL:
    """A legacy database whose owner the server asks for a password, which is SECRET."""
    url = databases.legacy("production")
    role = f"owner_of_{url.database}"
    with connect(url) as connection:
        execute_statement(connection, f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
        execute_statement(connection, _OWNERSHIP.format(role=role))
        rules = databases.server.data / "pg_hba.conf"
        rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text()}")
        execute_statement(connection, "SELECT pg_reload_conf()")
    awaited(lambda: not _lets_in(url.set(username=role)))
    return url.set(username=role, password=SECRET)


def _lets_in(url: URL) -> bool:
    try:
        connect(url).close()
    except OperationalError:
        return False
    return True
