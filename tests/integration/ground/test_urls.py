"""One reading of a URL: psycopg, Dagster's psycopg2 and pg_dump get in exactly where libpq does."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.dumps.client_programs import ClientProgramError, run_client_program
from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import create_database_engine, resolved_url
from soleflip_assets.ground.urls import parse_postgres_url, rendered
from tests.conftest import open_folder, programs_of
from tests.e2e.processes import free_port

DATABASE = "a b/c?d=e&f%g\"'é"
NAME = "a%20b%2Fc%3Fd%3De%26f%25g%22%27%C3%A9"
PASSWORD = "p@ s:s/w%d"
SECRET = "p%40%20s%3As%2Fw%25d"


@dataclass(frozen=True)
class Place:
    """A server on a socket and on 127.0.0.1 and ::1, which asks each user but postgres for a password."""

    folder: Path
    socket: str
    port: int
    dead: int

    def fill(self, words: str) -> str:
        for name, value in {
            "SOCKET": self.socket.replace("/", "%2F"),
            "FOLDER": str(self.folder),
            "DEAD": str(self.dead),
            "PORT": str(self.port),
        }.items():
            words = words.replace(name, value)
        return words


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with open_folder() as folder:
        port = free_port()
        parameters = {"fsync": "off", "listen_addresses": "127.0.0.1,::1", "port": str(port)}
        server = PostgresServer(folder / "data", programs_of("15"), parameters)
        with server.running():
            maintenance = str(server.url("postgres").query["host"])
            with psycopg.connect(
                host=maintenance, port=port, user="postgres", dbname="postgres", autocommit=True
            ) as connection:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier("cl erk"), sql.Literal(PASSWORD)
                    )
                )
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier("cl erk")
                    )
                )
                rules = server.data / "pg_hba.conf"
                rules.write_text(
                    "local all postgres trust\nlocal all all scram-sha-256\n"
                    "host all all all scram-sha-256\n"
                )
                connection.execute("SELECT pg_reload_conf()")
            found = Place(folder, maintenance, port, free_port())
            _write_files(found)
            yield found


def _write_files(place: Place) -> None:
    passwords = place.folder / "passwords"
    escaped = PASSWORD.replace(":", "\\:")
    passwords.write_text(f"*:*:*:cl erk:{escaped}\n")
    passwords.chmod(0o600)
    where = f"host=127.0.0.1\nport={place.port}\nuser=cl erk\ndbname={DATABASE}\n"
    (place.folder / "services").write_text(
        f"[whole]\n{where}password={PASSWORD}\n[wrong]\n{where}password=wrong\n[open]\n{where}"
    )


@dataclass(frozen=True)
class Case:
    """A URL in an environment, and whether it lets us in."""

    url: str
    environment: dict[str, str] = field(default_factory=dict)
    enters: bool = True


CASES = {
    "all in the URL": Case(f"postgresql://cl%20erk:{SECRET}@127.0.0.1:PORT/{NAME}"),
    "other scheme": Case(f"postgres://cl%20erk:{SECRET}@127.0.0.1:PORT/{NAME}"),
    "SQLAlchemy's scheme": Case(f"postgresql+psycopg2://cl%20erk:{SECRET}@127.0.0.1:PORT/{NAME}"),
    "wrong password": Case(f"postgresql://cl%20erk:wrong@127.0.0.1:PORT/{NAME}", enters=False),
    "no password": Case(f"postgresql://cl%20erk@127.0.0.1:PORT/{NAME}", enters=False),
    "name of a host": Case(f"postgresql://cl%20erk:{SECRET}@localhost:PORT/{NAME}"),
    "IPv6": Case(f"postgresql://cl%20erk:{SECRET}@[::1]:PORT/{NAME}"),
    "socket in the query": Case(f"postgresql://cl%20erk:{SECRET}@/{NAME}?host=SOCKET&port=PORT"),
    "socket as the host": Case(f"postgresql://cl%20erk:{SECRET}@SOCKET:PORT/{NAME}"),
    "user and password in the query": Case(
        f"postgresql://127.0.0.1:PORT/{NAME}?user=cl%20erk&password={SECRET}"
    ),
    "everything in the query": Case(
        f"postgresql://?host=127.0.0.1&port=PORT&user=cl%20erk&password={SECRET}&dbname={NAME}"
    ),
    "hostaddr": Case(
        f"postgresql://cl%20erk:{SECRET}@nowhere.invalid:PORT/{NAME}?hostaddr=127.0.0.1"
    ),
    "PGPASSWORD": Case(f"postgresql://cl%20erk@127.0.0.1:PORT/{NAME}", {"PGPASSWORD": PASSWORD}),
    "wrong PGPASSWORD": Case(
        f"postgresql://cl%20erk@127.0.0.1:PORT/{NAME}", {"PGPASSWORD": "wrong"}, enters=False
    ),
    "URL before PGPASSWORD": Case(
        f"postgresql://cl%20erk:{SECRET}@127.0.0.1:PORT/{NAME}", {"PGPASSWORD": "wrong"}
    ),
    "PGPASSFILE": Case(
        f"postgresql://cl%20erk@127.0.0.1:PORT/{NAME}", {"PGPASSFILE": "FOLDER/passwords"}
    ),
    "passfile in the query": Case(
        f"postgresql://cl%20erk@127.0.0.1:PORT/{NAME}?passfile=FOLDER/passwords"
    ),
    "PGUSER and PGPORT": Case(
        f"postgresql://127.0.0.1/{NAME}",
        {"PGUSER": "cl erk", "PGPORT": "PORT", "PGPASSWORD": PASSWORD},
    ),
    "PGHOST": Case(
        f"postgresql:///{NAME}",
        {"PGHOST": "127.0.0.1", "PGPORT": "PORT", "PGUSER": "cl erk", "PGPASSWORD": PASSWORD},
    ),
    "service in the query": Case(
        "postgresql://?service=whole", {"PGSERVICEFILE": "FOLDER/services"}
    ),
    "URL before the service": Case(
        f"postgresql://:{SECRET}@/?service=wrong", {"PGSERVICEFILE": "FOLDER/services"}
    ),
    "service before PGPASSWORD": Case(
        "postgresql://?service=wrong",
        {"PGSERVICEFILE": "FOLDER/services", "PGPASSWORD": PASSWORD},
        enters=False,
    ),
    "PGSERVICE": Case("postgresql://", {"PGSERVICEFILE": "FOLDER/services", "PGSERVICE": "whole"}),
    "service without a password": Case(
        "postgresql://?service=open", {"PGSERVICEFILE": "FOLDER/services"}, enters=False
    ),
    "first of two hosts is dead": Case(
        f"postgresql://cl%20erk:{SECRET}@127.0.0.1:DEAD,127.0.0.1:PORT/{NAME}"
    ),
    "hosts in the query": Case(
        f"postgresql://cl%20erk:{SECRET}@/{NAME}?host=127.0.0.1:DEAD&host=127.0.0.1:PORT"
    ),
    "one that writes is wanted": Case(
        f"postgresql://cl%20erk:{SECRET}@127.0.0.1:PORT/{NAME}?target_session_attrs=read-write"
    ),
    "a standby is wanted": Case(
        f"postgresql://cl%20erk:{SECRET}@127.0.0.1:PORT/{NAME}?target_session_attrs=standby",
        enters=False,
    ),
    "options of its own": Case(
        f"postgresql://cl%20erk:{SECRET}@127.0.0.1:PORT/{NAME}?options=-c%20work_mem%3D1MB"
    ),
    "PGOPTIONS that would stop a dump": Case(
        f"postgresql://cl%20erk:{SECRET}@127.0.0.1:PORT/{NAME}",
        {"PGOPTIONS": "-c default_transaction_read_only=on -c statement_timeout=1min"},
    ),
    "TLS that the server has not": Case(
        f"postgresql://cl%20erk:{SECRET}@127.0.0.1:PORT/{NAME}?sslmode=require", enters=False
    ),
    "a database that there is not": Case(
        f"postgresql://cl%20erk:{SECRET}@127.0.0.1:PORT/nowhere", enters=False
    ),
}


def _enters(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OperationalError, psycopg.OperationalError, ClientProgramError, ConfigurationError):
        return False
    return True


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_all_get_in_exactly_where_libpq_does(
    place: Place, case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in case.environment.items():
        monkeypatch.setenv(name, place.fill(value))
    url = parse_postgres_url("SOLEFLIP_DATABASE_URL", place.fill(case.url))
    dump = tmp_path / "dump"

    def by_psycopg() -> None:
        with create_database_engine(url).connect() as connection:
            assert connection.scalar(text("SELECT current_database()")) == DATABASE
            assert resolved_url(connection).database == DATABASE

    def by_psycopg2() -> None:
        engine = create_engine(rendered(url, "postgresql+psycopg2"))
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT current_database()")) == DATABASE
        engine.dispose()

    def by_pg_dump() -> None:
        with dump.open("wb") as output:
            run_client_program(
                "pg_dump", "--format=custom", server_major=15, url=url, output=output
            )

    assert _enters(by_psycopg) is case.enters
    assert _enters(by_psycopg2) is case.enters
    assert _enters(by_pg_dump) is case.enters
    assert (dump.stat().st_size > 0) is case.enters if dump.exists() else not case.enters


def test_url_as_it_is_handed_on_is_the_same_for_all(place: Place) -> None:
    """What a command sets for the processes that it starts is read again, and means the same."""
    for case in CASES.values():
        if "service" in case.url or "PGSERVICE" in case.environment:
            continue
        url = parse_postgres_url("V", place.fill(case.url))
        assert parse_postgres_url("V", rendered(url)) == url
        assert parse_postgres_url("V", rendered(url, "postgresql+psycopg2")) == url


def test_no_password_is_in_the_arguments_of_a_program(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which everybody on the machine may read."""
    started: list[list[str]] = []
    run = subprocess.run

    def observed(arguments: list[str], **options: object) -> object:
        started.append(arguments)
        return run(arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", observed)
    url = parse_postgres_url("V", place.fill(CASES["all in the URL"].url))
    run_client_program("pg_dump", "--schema-only", server_major=15, url=url)
    (dumped,) = (arguments for arguments in started if "--schema-only" in arguments)
    assert not [argument for argument in dumped if PASSWORD in argument or SECRET in argument]


def test_resolved_url_leads_to_the_one_server_of_several(place: Place) -> None:
    """A snapshot is known to the server that gave it only."""
    url = parse_postgres_url("V", place.fill(CASES["first of two hosts is dead"].url))
    with create_database_engine(url).connect() as connection:
        found: URL = resolved_url(connection)
    assert (found.host, found.port, found.password) == ("127.0.0.1", place.port, PASSWORD)
