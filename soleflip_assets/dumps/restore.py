"""Bringing a dump back: beside the database, proven, and only then in its place.

A dump is a backup only once it has been restored. Nothing is touched before the file is what its manifest
says and reads to its end; nothing takes the database's name before rows, content, constraints, indexes and
triggers are those of the manifest. Settings of the database itself (ALTER DATABASE … SET, GRANT … ON
DATABASE) are in no dump. Here: restoring, swapping, and the drill. Not here: taking a dump (dump.py).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from psycopg import sql
from psycopg.errors import InsufficientPrivilege, ObjectInUse
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, ProgrammingError

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import DeploymentError, Log
from soleflip_assets.dumps.client_programs import ClientProgramError, run_client_program
from soleflip_assets.dumps.dump import sha256_of
from soleflip_assets.dumps.manifest import Contents, Manifest, measure, read_manifest
from soleflip_assets.ground.database import (
    execute_statement,
    query_file,
    query_one,
    roll_back_block,
)
from soleflip_assets.ground.sessions import create_database_engine

DRILL_STEP = "restore_drill"
_DUMP_STEP = "database_dump"


class RestoreError(DeploymentError):
    """A dump cannot be brought back, or not into this place; the message says why and what was left alone."""


@dataclass(frozen=True)
class Restored:
    """A dump that was brought back and proven.

    Attributes:
        database: where it is now.
        replaced: where the database that it replaced is now; None if it replaced none.
        manifest: what it was proven by.
        seconds: how long it took, proof included.
    """

    database: str
    replaced: str | None
    manifest: Manifest
    seconds: float


def verify_dump(dump: Path, server_major: int) -> Manifest:
    """Make sure that a dump is whole: its size, its SHA-256, and that the archive reads to its end.

    Args:
        dump: the file; its manifest lies beside it.
        server_major: of the server that it is for.

    Returns:
        Its manifest.

    Raises:
        ManifestError: there is no manifest, or it is none.
        RestoreError: the file is not the one that the manifest is of.
        ClientProgramError: it is, and still cannot be read.
    """
    if not dump.is_file():
        raise RestoreError(f"There is no file {dump}: name a dump that `soleflip deploy` took.")
    manifest = read_manifest(dump)
    bytes_found = dump.stat().st_size
    if bytes_found != manifest.bytes:
        raise RestoreError(
            f"{dump} has {bytes_found:,} bytes and its manifest says {manifest.bytes:,}: it was cut short "
            "or is another dump. Nothing was touched; take another copy of it."
        )
    if sha256_of(dump) != manifest.sha256:
        raise RestoreError(
            f"{dump} does not have the SHA-256 of its manifest ({manifest.sha256}): it was altered. "
            "Nothing was touched; take another copy of it."
        )
    # To its end and through zlib: listing an archive reads its head only.
    run_client_program("pg_restore", f"--file={os.devnull}", str(dump), server_major=server_major)
    return manifest


def restore(url: URL, dump: Path, log: Log, *, replace: bool) -> Restored:
    """Bring a dump back into a new database beside the old one, and prove it.

    Args:
        url: the database; it need not exist any more, but its server must be up.
        dump: the file.
        log: where progress is told.
        replace: swap the names in the end: the restored database gets the old one's, and the old one a new
            one. Refused while anybody is connected.

    Raises:
        DeploymentError: the dump is not whole, what was restored is not what was dumped, or the old database
            is in use. The old database is as it was.
    """
    started = time.monotonic()
    moment = f"{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
    target = _beside(url, f"restored_{moment}")
    with _maintenance(url) as connection:
        manifest = verify_dump(dump, _server_major(connection))
        log(f"{dump.name} is whole: {manifest.bytes:,} bytes, taken {manifest.taken_at}")
        if replace:
            _refuse_if_connected(connection, str(url.database), "Nothing was touched")
        _restore_into(connection, url.set(database=target), dump, manifest)
        log(f"restored into {target} and proven: {manifest.contents.rows:,} rows")
        replaced = None
        if replace:
            replaced = _swap(
                connection, str(url.database), target, _beside(url, f"replaced_{moment}")
            )
    return Restored(
        str(url.database) if replace else target, replaced, manifest, time.monotonic() - started
    )


def drill(engine: Engine, log: Log) -> Restored:
    """Bring the latest dump back into a scratch database, prove it, drop it, and record that in the ledger.

    Raises:
        DeploymentError: there is no dump, or it could not be brought back.
    """
    started = time.monotonic()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        dump = _latest_dump(connection)
        number = ledger.start(connection, DRILL_STEP, checksum="", details={"path": str(dump)})
        scratch = _beside(engine.url, "restore_drill")
        server_major = _server_major(connection)
        manifest = verify_dump(dump, server_major)
        with _maintenance(engine.url) as maintenance:
            # Of a drill that died.
            _drop_database(maintenance, scratch)
            _restore_into(maintenance, engine.url.set(database=scratch), dump, manifest)
            _drop_database(maintenance, scratch)
        seconds = time.monotonic() - started
        details = {"sha256": manifest.sha256, "rows": manifest.contents.rows, "seconds": seconds}
        ledger.finish(connection, number, details)
    log(f"{dump.name} was restored into {scratch}, proven and dropped in {seconds:.1f} s")
    return Restored(scratch, None, manifest, seconds)


def _beside(url: URL, suffix: str) -> str:
    """A name for a database beside another; PostgreSQL cuts names at 63 bytes."""
    return f"{str(url.database)[: 62 - len(suffix)]}_{suffix}"


def _latest_dump(connection: Connection) -> Path:
    entry = ledger.entries(connection).get(_DUMP_STEP)
    if entry is None or entry["finished_at"] is None:
        raise RestoreError(
            "The ledger knows of no dump: deploy with `soleflip deploy`, which takes one."
        )
    return Path(entry["details"]["path"])


def _restore_into(connection: Connection, target: URL, dump: Path, manifest: Manifest) -> None:
    """Make a database, fill and prove it; leave nothing behind if that fails."""
    _create_database(connection, str(target.database), manifest)
    try:
        _fill(target, dump, _server_major(connection))
        _prove(target, manifest.contents)
    except BaseException:
        _drop_database(connection, str(target.database))
        raise


def _fill(target: URL, dump: Path, server_major: int) -> None:
    try:
        run_client_program(
            "pg_restore",
            str(dump),
            url=target,
            server_major=server_major,
        )
    except ClientProgramError as error:
        # pg_restore 17 and newer sets a parameter that older servers do not know, complains and goes on.
        unknown = "SET transaction_timeout = 0;" in str(error)
        if not (unknown and "errors ignored on restore: 1" in str(error)):
            raise


def _prove(target: URL, expected: Contents) -> None:
    repeatable = create_database_engine(target).connect()
    with repeatable.execution_options(isolation_level="REPEATABLE READ") as connection:
        query_one(connection, "restore/snapshot.sql")
        differences = expected.differences(measure(connection))
    if differences:
        raise RestoreError(
            f"What was restored is not what the manifest says in {len(differences)} places: "
            f"{'; '.join(differences[:10])}. It was dropped again; the database was left alone."
        )


def _swap(connection: Connection, database: str, restored: str, replaced: str) -> str | None:
    """Give the restored database the name, both names at once.

    Returns:
        The old database's new name; None if there was no old one.
    """
    left = f"The proven copy stays as {restored}"
    _refuse_if_connected(connection, database, left)
    known = query_one(connection, "restore/database_exists.sql", database=database)
    renames = [(database, replaced)] if known["database_exists"] else []
    execute_statement(connection, "BEGIN")
    try:
        for old, new in [*renames, (restored, database)]:
            statement = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(old), sql.Identifier(new)
            )
            execute_statement(connection, statement.as_string())
        execute_statement(connection, "COMMIT")
    except OperationalError as error:
        roll_back_block(connection)
        if not isinstance(error.orig, ObjectInUse):
            raise
        _refuse_if_connected(connection, database, left)
        raise RestoreError(
            f"Somebody connected to {database} meanwhile: try again. {left}."
        ) from error
    return replaced if renames else None


def _refuse_if_connected(connection: Connection, database: str, left: str) -> None:
    connected = query_file(connection, "restore/connected.sql", database=database)
    if connected:
        who = "; ".join(
            f"{row['user_name']} ({row['application'] or 'no name'}, {row['client']}, "
            f"server process {row['pid']})"
            for row in connected
        )
        raise RestoreError(
            f"{len(connected)} sessions are connected to {database}: {who}. Stop them, then run this again. "
            f"{left}."
        )


def _create_database(connection: Connection, name: str, manifest: Manifest) -> None:
    statement = sql.SQL(
        "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}"
    ).format(
        sql.Identifier(name),
        sql.Identifier(manifest.owner),
        *map(sql.Literal, (manifest.encoding, manifest.collate, manifest.ctype)),
    )
    try:
        execute_statement(connection, statement.as_string())
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        raise RestoreError(
            f"{connection.engine.url.username} may not create a database owned by {manifest.owner}: "
            "grant it with ALTER ROLE … CREATEDB, or restore as who owns the database. Nothing was touched."
        ) from error


def _drop_database(connection: Connection, name: str) -> None:
    statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    execute_statement(connection, statement.as_string())


@contextmanager
def _maintenance(url: URL) -> Iterator[Connection]:
    """A connection to the server that is in nobody's way: databases are made and renamed from beside."""
    engine = create_database_engine(
        url.set(database="postgres"), application_name="soleflip restore"
    )
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def _server_major(connection: Connection) -> int:
    return int(query_one(connection, "monitoring/server.sql")["major_version"])
