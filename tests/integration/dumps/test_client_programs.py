"""The client programs find the database by its URL, and by nothing else."""

import pytest
from sqlalchemy.engine import URL

from soleflip_assets.dumps.client_programs import run_client_program
from tests.conftest import Databases


@pytest.fixture(scope="module")
def shop(databases: Databases) -> URL:
    return databases.legacy("production")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PGSERVICE", "elsewhere"), ("PGHOSTADDR", "192.0.2.1"), ("PGOPTIONS", "-c search_path=no,")],
)
def test_variables_of_whoever_runs_it_do_not_lead_them_astray(
    shop: URL, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A dump of another database would be proven by its own manifest and be the wrong one."""
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")

    run_client_program("pg_dump", "--schema-only", url=shop, server_major=18)
