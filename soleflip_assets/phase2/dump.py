"""The dump of the whole database that is taken before anything changes.

pg_dump's custom format, compressed, because its checksums are of no use under -Z0; written under another
name and renamed when it is whole, so that a dump with its final name is a finished one. Here: taking it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import URL

from soleflip_assets.local.postgres import EMBEDDED_PROGRAMS
from soleflip_assets.phase2.deployer import DeploymentError

# libpq's environment variables for what a URL can say. The password travels there and never in the
# arguments, which every user of the machine can read.
_PASSED_ON = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "host": "PGHOST",
    "port": "PGPORT",
    "options": "PGOPTIONS",
}
_TLS_MODES = {"require", "verify-ca", "verify-full"}


@dataclass(frozen=True)
class Dump:
    """A finished dump.

    Attributes:
        path: the file.
        bytes: its size.
        sha256: of its content, in hexadecimal.
        seconds: how long pg_dump took.
    """

    path: Path
    bytes: int
    sha256: str
    seconds: float


def take_dump(url: URL, folder: Path, server_major: int) -> Dump:
    """Dump a database into a file that only its owner can read.

    Args:
        url: the database.
        folder: where to; made if it is not there.
        server_major: the server's major version; pg_dump must not be older.

    Raises:
        DeploymentError: pg_dump failed, or there is none for this server.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"{url.database}_before_phase2_{moment}.dump"
    unfinished = path.with_suffix(".unfinished")
    started = time.monotonic()
    try:
        # pg_dump writes to a file that we made: its own would be readable as the umask says.
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            done = subprocess.run(
                [_pg_dump(url, server_major), "--format=custom", "--compress=6", "--no-password"],
                stdout=file,
                stderr=subprocess.PIPE,
                env=_environment(url),
                check=False,
            )
            os.fsync(file.fileno())
        if done.returncode != 0:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise DeploymentError(
                f"pg_dump failed ({said}): nothing was changed; mend that and deploy again."
            )
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    seconds = time.monotonic() - started
    return Dump(path, path.stat().st_size, sha256_of(path), seconds)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pg_dump(url: URL, server_major: int) -> str:
    """A pg_dump that is not older than the server; the machine's own first, since it can do TLS."""
    own = shutil.which("pg_dump")
    if own and _major_version(own) >= server_major:
        return own
    embedded = str(EMBEDDED_PROGRAMS / "pg_dump")
    if _major_version(embedded) < server_major:
        raise DeploymentError(
            f"The server is PostgreSQL {server_major} and no pg_dump here is as new: "
            f"install PostgreSQL {server_major}'s client programs."
        )
    if url.query.get("sslmode") in _TLS_MODES:
        raise DeploymentError(
            "The URL asks for TLS, which the embedded pg_dump cannot do: "
            f"install PostgreSQL {server_major}'s client programs."
        )
    return embedded


def _major_version(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\) (\d+)", said.stdout)
    assert found is not None
    return int(found[1])


def _environment(url: URL) -> dict[str, str]:
    """The environment in which libpq finds the database."""
    asked = {name: str(value) for name, value in url.query.items() if name in _PASSED_ON}
    known = {
        "PGHOST": url.host,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password) if url.password else None,
        "PGDATABASE": url.database,
        **{_PASSED_ON[name]: value for name, value in asked.items()},
        "PGAPPNAME": "soleflip dump",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return inherited | {name: value for name, value in known.items() if value}
