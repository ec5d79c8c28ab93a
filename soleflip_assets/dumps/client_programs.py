"""PostgreSQL's own client programs: which pg_dump and pg_restore to run, and how they find the database.

Here: finding and running one. Not here: what is dumped or restored.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import IO

from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS

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


class ClientProgramError(DeploymentError):
    """A client program failed, or there is none for this server; the message is what it said."""


def run_client_program(
    name: str, *arguments: str, url: URL, server_major: int, output: IO[bytes] | None = None
) -> None:
    """Run a client program to its end.

    Args:
        name: ``pg_dump`` or ``pg_restore``.
        arguments: what it is to do.
        url: the database that it connects to, if it does.
        server_major: the server's major version; the program is not older.
        output: where its standard output goes; nowhere if None.

    Raises:
        ClientProgramError: it failed.
    """
    done = subprocess.run(
        [_find(name, url, server_major), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(url),
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise ClientProgramError(f"{name} failed ({said or f'exit code {done.returncode}'})")


def _find(name: str, url: URL, server_major: int) -> str:
    """A program that is not older than the server; the machine's own first, since it can do TLS."""
    own = shutil.which(name)
    if own and _major_version(own) >= server_major:
        return own
    embedded = str(EMBEDDED_PROGRAMS / name)
    newer = f"install PostgreSQL {server_major}'s client programs"
    if _major_version(embedded) < server_major:
        raise ClientProgramError(
            f"The server is PostgreSQL {server_major} and no {name} here is as new: {newer}"
        )
    if url.query.get("sslmode") in _TLS_MODES:
        raise ClientProgramError(
            f"The URL asks for TLS, which the embedded {name} cannot do: {newer}"
        )
    return embedded


def _major_version(program: str | Path) -> int:
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
        # What the programs say is read.
        "LC_ALL": "C",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return inherited | {name: value for name, value in known.items() if value}
