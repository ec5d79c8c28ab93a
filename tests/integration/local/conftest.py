"""A server in a folder that PostgreSQL's account can enter, which pytest's own folders are not as root."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from soleflip_assets.local.postgres import PostgresServer
from tests.conftest import Databases


@pytest.fixture(scope="package")
def databases() -> Iterator[Databases]:
    """Databases on the embedded server, PostgreSQL 18."""
    with tempfile.TemporaryDirectory(prefix="soleflip-") as folder:
        Path(folder).chmod(0o711)
        server = PostgresServer(Path(folder) / "data", parameters={"fsync": "off"})
        with server.running():
            yield Databases(server)
