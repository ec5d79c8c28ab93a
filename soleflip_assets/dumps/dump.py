"""The dump of the whole database that is taken before anything changes.

pg_dump's custom format, compressed, because its checksums are of no use under -Z0; written under another
name and renamed when it is whole and has its manifest, so that a dump with its final name is a finished one.
Here: taking it. Not here: bringing it back (restore.py).
"""

import hashlib
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.dumps.client_programs import ClientProgramError, run_client_program
from soleflip_assets.dumps.manifest import (
    Contents,
    Manifest,
    measure,
    read_sequences,
    standing_still,
    write_manifest,
)
from soleflip_assets.dumps.properties import Properties, read_properties
from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.ground.sessions import require_own_session, resolved_url


@dataclass(frozen=True)
class Dump:
    """A finished dump.

    Attributes:
        path: the file; its manifest lies beside it.
        bytes: its size.
        sha256: of its content, in hexadecimal.
        rows: in all tables together.
        seconds: how long it took, manifest included.
    """

    path: Path
    bytes: int
    sha256: str
    rows: int
    seconds: float


@dataclass(frozen=True)
class _Measured:
    """What is to be proven of a dump, all of one snapshot."""

    server_version: str
    database: str
    properties: Properties
    needs: list[dict[str, str]]
    contents: Contents


def take_dump(engine: Engine, folder: Path) -> Dump:
    """Dump a database into a file that only its owner can read, with a manifest of the same snapshot.

    Args:
        engine: the database.
        folder: where to; made if it is not there.

    Raises:
        DeploymentError: pg_dump failed, the disk is full, or there is no pg_dump for this server.
    """
    started = time.monotonic()
    moment = datetime.now(UTC)
    path = folder / f"{_file_name(engine)}_before_phase2_{moment:%Y%m%dT%H%M%SZ}.dump"
    unfinished = path.with_suffix(".unfinished")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        measured = _dump(engine, unfinished)
        manifest = Manifest(
            dump=path.name,
            bytes=unfinished.stat().st_size,
            sha256=sha256_of(unfinished),
            taken_at=moment.isoformat(),
            server_version=measured.server_version,
            database=measured.database,
            properties=measured.properties,
            needs=measured.needs,
            contents=measured.contents,
        )
        write_manifest(manifest, path)
        unfinished.rename(path)
    except (ClientProgramError, OSError) as error:
        raise DeploymentError(
            f"The dump to {folder} failed: {error}. Nothing was changed; mend that and deploy again."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    seconds = time.monotonic() - started
    return Dump(path, manifest.bytes, manifest.sha256, manifest.contents.rows, seconds)


def _file_name(engine: Engine) -> str:
    """The database's name, in letters that every file system takes."""
    return re.sub(r"[^\w.-]", "_", str(engine.url.database))[:100]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _dump(engine: Engine, path: Path) -> _Measured:
    """Dump one snapshot and measure the same one."""
    repeatable = engine.connect().execution_options(isolation_level="REPEATABLE READ")
    with repeatable as connection:
        require_own_session(connection)
        snapshot = query_one(connection, "restore/snapshot.sql")
        sequences = read_sequences(connection)
        # pg_dump writes to a file that we made: its own would be readable as the umask says.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            run_client_program(
                "pg_dump",
                "--format=custom",
                "--compress=6",
                f"--snapshot={snapshot['snapshot']}",
                url=resolved_url(connection),
                server_major=int(snapshot["server_version"].partition(".")[0]),
                output=file,
            )
            os.fsync(file.fileno())
        return _Measured(
            snapshot["server_version"],
            snapshot["database"],
            read_properties(connection, snapshot["database"]),
            [dict(row) for row in query_file(connection, "restore/needs.sql")],
            standing_still(measure(connection), sequences),
        )
