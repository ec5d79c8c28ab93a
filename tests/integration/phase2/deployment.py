"""Deploying in a test, and waiting for something to become true."""

import time
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.engine import URL

from soleflip_assets.deploying.changes import Outcome
from soleflip_assets.deploying.deployer import Deployer, Log
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2.steps import deploy

PATIENCE_SECONDS = 30.0


def ignore(_: str) -> None:
    """For progress that nobody reads."""


def run_deployment(url: URL, log: Log = ignore) -> list[Outcome]:
    """All of it, without the dump."""
    with Deployer(create_database_engine(url), log) as deployer:
        return deploy(deployer)


def await_row(connection: Connection, query: str, **parameters: Any) -> Row[Any]:
    """The first row of a query, as soon as it has one.

    Raises:
        TimeoutError: it never had.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if row := connection.execute(text(query), parameters).first():
            return row
        time.sleep(0.01)
    raise TimeoutError(query)
