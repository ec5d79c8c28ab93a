"""The sample application passes its own tests, on both drivers: processes of its own, a real database."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Databases
from tests.e2e.processes import clean_environment

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_its_tests_pass(databases: Databases, driver: str) -> None:
    """Among them: two servers sell the last pairs to 48 buyers, and none twice. They take ten seconds."""
    url = databases.deployed("production").set(drivername=f"postgresql+{driver}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist",
         "-W", "error", "-o", "addopts=", "examples/shop"],
        cwd=CHECKOUT,
        env=clean_environment(SHOP_DATABASE_URL=url.render_as_string(hide_password=False)),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
