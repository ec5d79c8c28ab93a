"""What the URL says about TLS is what both drivers do: psycopg 3 for data, psycopg 2 for Dagster's own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.database import require_reachable
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import DAGSTER_STORAGE_URL, DATABASE_URL
from tests.conftest import open_folder, programs_of
from tests.e2e.processes import free_port

_IN_USE = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


def _certificate(folder: Path, name: str) -> Path:
    """A certificate that is its own root, with its key beside it."""
    certificate = folder / f"{name}.crt"
    command: list[str | Path] = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", folder / f"{name}.key", "-out", certificate,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return certificate


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    with open_folder() as folder:
        for name in ("server", "another"):
            _certificate(folder, name)
        yield folder


@pytest.fixture(scope="module")
def server(certificates: Path) -> Iterator[URL]:
    """Debian's PostgreSQL 15 with TLS, by TCP; it lets nobody in without."""
    port = str(free_port())
    parameters = {"fsync": "off", "listen_addresses": "localhost", "port": port}
    server = PostgresServer(certificates / "data", programs_of("15"), parameters)
    with server.running():
        pass  # made, so that the key can be put where its account reads it
    owner = server.data.stat()
    for name in ("server.crt", "server.key"):
        copy = server.data / name
        copy.write_bytes((certificates / name).read_bytes())
        copy.chmod(0o600)
        os.chown(copy, owner.st_uid, owner.st_gid)
    (server.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all all trust\n")
    with PostgresServer(server.data, server.programs, {**parameters, "ssl": "on"}).running():
        yield URL.create(
            "postgresql", "postgres", host="localhost", port=int(port), database="postgres"
        )


def _verified(server: URL, root: Path) -> URL:
    return server.set(query={"sslmode": "verify-full", "sslrootcert": str(root)})


def test_right_root_lets_both_drivers_in(server: URL, certificates: Path) -> None:
    url = _verified(server, certificates / "server.crt")
    for engine in (
        create_database_engine(url),
        create_engine(url.set(drivername="postgresql+psycopg2")),
    ):
        with engine.connect() as connection:
            assert connection.exec_driver_sql(_IN_USE).scalar_one()
        engine.dispose()


def test_wrong_root_is_refused_by_both_drivers(server: URL, certificates: Path) -> None:
    url = _verified(server, certificates / "another.crt")
    for engine in (
        create_database_engine(url),
        create_engine(url.set(drivername="postgresql+psycopg2")),
    ):
        with pytest.raises(OperationalError, match="certificate verify failed"):
            engine.connect()


@pytest.mark.parametrize("variable", [DATABASE_URL, DAGSTER_STORAGE_URL])
def test_wrong_root_is_one_clear_sentence(server: URL, certificates: Path, variable: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        require_reachable(variable, _verified(server, certificates / "another.crt"))
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.startswith(variable)
    assert "certificate verify failed" in sentence
    assert "sslrootcert" in sentence


def test_without_tls_nobody_gets_in(server: URL) -> None:
    """So that the tests above prove something."""
    with pytest.raises(OperationalError, match="no encryption"):
        create_database_engine(server.set(query={"sslmode": "disable"})).connect()
