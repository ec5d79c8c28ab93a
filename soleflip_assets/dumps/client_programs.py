"""PostgreSQL's own client programs: which pg_dump and pg_restore to run, and how they find the database.

Here: finding and running one. Not here: what is dumped or restored.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import IO

from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS
from soleflip_assets.ground.sessions import (
    create_database_engine,
    require_own_session,
    resolved_url,
    startup_options,
)
from soleflip_assets.ground.urls import libpq_parameters

_TLS_MODES = {"require", "verify-ca", "verify-full"}


class ClientProgramError(DeploymentError):
    """A client program failed, or there is none for this server; the message is what it said."""


def run_client_program(
    name: str,
    *arguments: str,
    server_major: int,
    url: URL | None = None,
    options: str = "",
    output: IO[bytes] | None = None,
) -> None:
    """Run a client program to its end.

    It connects as a session of ours does: to the same server of several, with whatever password, service or
    certificate that found, and with our settings.

    Args:
        name: ``pg_dump`` or ``pg_restore``.
        arguments: what it is to do, without where.
        server_major: the server's major version; the program is not older.
        url: the database that it connects to; None if it does not.
        options: of its session, besides ours.
        output: where its standard output goes; nowhere if None.

    Raises:
        ClientProgramError: it failed.
        sqlalchemy.exc.DBAPIError: the database does not let us in.
        ConfigurationError: a pooler lends the session to others.
    """
    parameters = _parameters(url, options) if url else {}
    password = parameters.pop("password", None)
    where = ["--no-password", f"--dbname={make_conninfo(**parameters)}"] if url else []
    done = subprocess.run(
        [_find(name, server_major, parameters.get("sslmode")), *where, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(password),
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise ClientProgramError(f"{name} failed ({said or f'exit code {done.returncode}'})")


def _parameters(url: URL, more: str) -> dict[str, str]:
    """Libpq's parameters for a program: those of a session of ours, with our settings as options."""
    with create_database_engine(url).connect() as connection:
        require_own_session(connection)
        parameters = libpq_parameters(resolved_url(connection))
        options = f"{startup_options(connection)} {more}".strip()
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if options:
        parameters["options"] = f"{parameters.get('options', '')} {options}".strip()
    # Without a conversion, that of SQL_ASCII included: what comes back is what was there.
    return parameters | {"application_name": "soleflip dump", "client_encoding": encoding}


def _environment(password: str | None) -> dict[str, str]:
    """The environment of a program: nothing in it says where to, but it holds the password.

    Arguments can be read by every user of the machine.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # What the programs say is read.
    return inherited | {"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})


def _find(name: str, server_major: int, sslmode: str | None) -> str:
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
    if sslmode in _TLS_MODES:
        raise ClientProgramError(
            f"The URL asks for TLS, which the embedded {name} cannot do: {newer}"
        )
    return embedded


def _major_version(program: str | Path) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\) (\d+)", said.stdout)
    assert found is not None
    return int(found[1])
