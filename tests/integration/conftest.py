"""Servers in folders that PostgreSQL's own account can enter: as root it is another one than ours."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import conftest
from tests.conftest import Databases


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Databases on the embedded server, PostgreSQL 18."""
    with _open_folder() as folder:
        yield from conftest._databases("18", folder)


@pytest.fixture(scope="session")
def databases_15() -> Iterator[Databases]:
    """Databases on the oldest server that is supported, Debian's PostgreSQL 15."""
    with _open_folder() as folder:
        yield from conftest._databases("15", folder)


@contextmanager
def _open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="soleflip-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
