"""Bringing a dump back: beside the database, proven, and only then in its place.

A dump is a backup only once it has been restored. Nothing is touched before the file is what its manifest
says and reads to its end, and before this user is known to have the rights; nothing takes the database's name
before rows, content, objects, and what the database itself is are those of the manifest. Here: restoring,
swapping, and the drill. Not here: taking a dump (dump.py), what a database is (properties.py).
"""

import json
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg.errors import ObjectInUse
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.deployer import Log
from soleflip_assets.dumps import properties, scratch
from soleflip_assets.dumps.client_programs import ClientProgramError, run_client_program
from soleflip_assets.dumps.dump import sha256_of
from soleflip_assets.dumps.manifest import Manifest, ManifestError, measure, read_manifest
from soleflip_assets.dumps.scratch import RestoreError
from soleflip_assets.ground.database import (
    execute_statement,
    query_file,
    query_one,
    roll_back_block,
    run_file,
    run_statement,
)
from soleflip_assets.ground.sessions import create_database_engine

DRILL_STEP = "restore_drill"
_DUMP_STEP = "database_dump"
# The server's own: others are made from them, or everybody connects to them to make others.
_SERVERS_OWN = {"postgres", "template0", "template1"}


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
        DeploymentError: the dump is not whole, this user lacks a right, what was restored is not what was
            dumped, or the old database is in use. The old database is as it was.
    """
    started = time.monotonic()
    database = str(url.database)
    names = scratch.Names(database)
    if replace and database in _SERVERS_OWN:
        raise RestoreError(
            f"{database} is a database that the server itself needs, and cannot be replaced: restore beside "
            "it, without --replace. Nothing was touched."
        )
    with scratch.maintenance(url, rename=replace) as connection:
        if replace:
            scratch.refuse_if_connected(connection, database, "Nothing was touched")
        manifest = verify_dump(dump, _server_major(connection))
        taken = datetime.fromisoformat(str(manifest.taken_at)).astimezone(UTC)
        log(
            f"  {dump.name} is whole: {manifest.bytes / 1e6:,.1f} MB, taken {taken:%Y-%m-%d %H:%M:%S} UTC"
        )
        _require_rights(connection, manifest, log)
        with scratch.alone(connection, names, log):
            _restore_into(connection, url.set(database=names.unfinished), dump, manifest, log)
            run_statement(connection, "restore/end_sessions.sql", database=names.unfinished)
            scratch.rename(connection, names.unfinished, names.restored)
            log(f"  restored into {names.restored} and proven: {manifest.contents.rows:,} rows")
            replaced = None
            if replace:
                replaced = _swap(connection, database, names)
    seconds = time.monotonic() - started
    return Restored(database if replace else names.restored, replaced, manifest, seconds)


def drill(engine: Engine, log: Log, dumps: Path | None = None) -> Restored:
    """Bring the latest dump back into a scratch database, prove it, drop it, and record that in the ledger.

    Args:
        engine: the database.
        log: where progress is told.
        dumps: the folder where dumps lie now, if they may have been moved since the ledger recorded where.

    Raises:
        DeploymentError: there is no dump, or it could not be brought back.
    """
    started = time.monotonic()
    names = scratch.Names(str(engine.url.database))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        dump = _latest_dump(connection, dumps)
        number = ledger.start(connection, DRILL_STEP, checksum="", details={"path": str(dump)})
        with scratch.maintenance(engine.url, rename=False) as beside:
            manifest = verify_dump(dump, _server_major(beside))
            _require_rights(beside, manifest, log)
            with scratch.alone(beside, names, log):
                target = engine.url.set(database=names.scratch)
                _restore_into(beside, target, dump, manifest, log)
                scratch.drop(beside, names.scratch)
        seconds = time.monotonic() - started
        details = {"sha256": manifest.sha256, "rows": manifest.contents.rows, "seconds": seconds}
        ledger.finish(connection, number, details)
    log(f"{dump.name} was restored into {names.scratch}, proven and dropped in {seconds:.1f} s")
    return Restored(names.scratch, None, manifest, seconds)


def _latest_dump(connection: Connection, dumps: Path | None) -> Path:
    """The dump that the ledger records last, wherever it lies now: the folder may have been moved."""
    entry = ledger.entries(connection).get(_DUMP_STEP)
    if entry is None or entry["finished_at"] is None:
        raise RestoreError(
            "The ledger knows of no dump: deploy with `soleflip deploy`, which takes one."
        )
    details: dict[str, Any] = entry["details"]
    recorded = Path(details["path"])
    if recorded.is_file():
        return recorded
    moved = dumps or recorded.parent
    for candidate in [moved / recorded.name, *sorted(moved.glob("*.dump"))]:
        if _sha256_by_manifest(candidate) == details["sha256"]:
            return candidate
    raise RestoreError(
        f"The dump {recorded} is gone, and none in {moved} is the same one: put it and its manifest into "
        f"that folder. Its SHA-256 is {details['sha256']}."
    )


def _sha256_by_manifest(dump: Path) -> str | None:
    try:
        return read_manifest(dump).sha256 if dump.is_file() else None
    except ManifestError:
        return None


def _require_rights(connection: Connection, manifest: Manifest, log: Log) -> None:
    """Say what cannot be given back, before anything is touched.

    Raises:
        RestoreError: the server or this user lacks something that the restored database needs.
    """
    if not manifest.properties.is_complete:
        log(
            f"The manifest is of an older form: the locale's provider, privileges, settings and comment of "
            f"{manifest.database} are not in it. They come back as a new database has them, and only rows, "
            "content, constraints, indexes and triggers are proven."
        )
    for name in sorted(manifest.named("subscription that is in no dump")):
        log(
            f"The subscription {name} is not in the dump, since only a superuser's holds any: create it "
            "again with CREATE SUBSCRIPTION."
        )
    needs = json.dumps([dict(need) for need in _needs(manifest)])
    lacking = query_file(connection, "restore/lacking.sql", needs=needs)
    if lacking:
        said = "; ".join(dict.fromkeys(map(properties.sentence, lacking)))
        raise RestoreError(f"{manifest.database} cannot be restored: {said}. Nothing was touched.")


def _needs(manifest: Manifest) -> list[dict[str, str]]:
    """What the manifest says is needed; one of the first form says of the owner only."""
    owner = {
        "need": "member",
        "name": manifest.properties.owner,
        "reason": "owns the database",
    }
    return [owner, *map(dict, manifest.needs)]


def _restore_into(
    connection: Connection, target: URL, dump: Path, manifest: Manifest, log: Log
) -> None:
    """Make a database, fill it, give it what it was, prove all of it; leave nothing behind if that fails."""
    name = str(target.database)
    _create(connection, name, manifest)
    with scratch.dropped_on_failure(connection, name):
        _fill(target, dump, manifest, _server_major(connection))
        subscriptions = scratch.disarm_subscriptions(connection, name)
        _drop_public_schema(target, manifest)
        differences = _differences(connection, target, manifest)
        if manifest.properties.is_complete:
            missing = manifest.named("subscription").difference(subscriptions)
            differences += [f"missing: subscription {one}" for one in sorted(missing)]
        _refuse_differences(differences)
        _reset_horizon(target, log)
        try:
            properties.give(connection, name, manifest.properties)
        except (DBAPIError, ValueError) as error:
            raise RestoreError(
                f"The server refuses what {manifest.database} was ({_own_words(error)}): mend that and run "
                "this again. What was restored was dropped again; the database was left alone."
            ) from error
        _refuse_differences(_differing_properties(connection, name, manifest, log))
    for one in subscriptions:
        log(f"the subscription {one} is disabled and has no slot: make one before it is enabled")


def _create(connection: Connection, name: str, manifest: Manifest) -> None:
    try:
        properties.create(connection, name, manifest.properties)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        scratch.drop(connection, name)
        raise RestoreError(
            f"This server cannot make a database as {manifest.database} was ({_own_words(error)}): install "
            "the locale or what else it names there, or restore on another server. Nothing was touched."
        ) from error


def _fill(target: URL, dump: Path, manifest: Manifest, server_major: int) -> None:
    # pg_restore makes event triggers before it refreshes materialized views: one that logs what is done to
    # the schema would add a row of that, which nobody dumped.
    quiet = any(name.startswith("event trigger ") for name in manifest.named("superuser"))
    try:
        run_client_program(
            "pg_restore",
            str(dump),
            url=target,
            options="-c session_replication_role=replica" if quiet else "",
            server_major=server_major,
        )
    except ClientProgramError as error:
        # pg_restore 17 and newer sets a parameter that older servers do not know, complains and goes on.
        unknown = "SET transaction_timeout = 0;" in str(error)
        if unknown and "errors ignored on restore: 1" in str(error):
            return
        # It quotes the statements that failed, and those of subscriptions and user mappings hold passwords.
        said = re.sub(r"(Command was: |LINE \d+: ).*?(?=pg_restore: |\)$|$)", "", str(error))
        raise ClientProgramError(said) from None


def _drop_public_schema(target: URL, manifest: Manifest) -> None:
    """Where there was none: every new database has one, and no dump says that it is to go."""
    objects = manifest.contents.objects
    if objects is not None and "schema public" not in objects:
        with create_database_engine(target).begin() as connection:
            run_file(connection, "restore/drop_public_schema.sql")


def _differences(connection: Connection, target: URL, manifest: Manifest) -> list[str]:
    repeatable = create_database_engine(target).connect()
    with repeatable.execution_options(isolation_level="REPEATABLE READ") as restored:
        query_one(restored, "restore/snapshot.sql")
        return manifest.contents.differences(
            measure(restored), same_version=manifest.server_major == _server_major(connection)
        )


def _differing_properties(
    connection: Connection, name: str, manifest: Manifest, log: Log
) -> list[str]:
    ours = manifest.properties
    theirs = properties.read_properties(connection, name)
    if ours.is_complete and ours.collation_version != theirs.collation_version:
        log(
            f"The collation's version is {theirs.collation_version} here and was {ours.collation_version}: "
            "indexes were built anew, the order of some words may have changed."
        )
    same_version = manifest.server_major == _server_major(connection)
    differences = ours.differences(theirs, same_version=same_version)
    armed = query_file(connection, "restore/subscriptions.sql", database=name)
    return differences + [f"subscription {row['name']} is armed" for row in armed if row["armed"]]


def _refuse_differences(differences: list[str]) -> None:
    if differences:
        raise RestoreError(
            f"What was restored is not what the manifest says in {len(differences)} places: "
            f"{'; '.join(differences[:10])}. It was dropped again; the database was left alone."
        )


def _reset_horizon(target: URL, log: Log) -> None:
    """Refresh the figures: what the dump says of its refreshes names transactions of another server."""
    restored = create_database_engine(target).connect()
    with restored.execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not query_one(connection, "restore/can_refresh.sql")["can_refresh"]:
            return
        try:
            run_statement(connection, "metrics/refresh.sql")
        except DBAPIError as error:
            log(
                f"stock_metrics_view was not refreshed ({_own_words(error)}): run `soleflip refresh` before "
                "anything else, until then its check cannot see."
            )


def _swap(connection: Connection, database: str, names: scratch.Names) -> str | None:
    """Give the restored database the name, both names at once.

    Returns:
        The old database's new name; None if there was no old one.
    """
    left = f"The proven copy stays as {names.restored}"
    scratch.refuse_if_connected(connection, database, left)
    known = query_one(connection, "restore/database_exists.sql", database=database)
    renames = [(database, names.replaced)] if known["database_exists"] else []
    execute_statement(connection, "BEGIN")
    try:
        for old, new in [*renames, (names.restored, database)]:
            scratch.rename(connection, old, new)
        execute_statement(connection, "COMMIT")
    except OperationalError as error:
        roll_back_block(connection)
        if not isinstance(error.orig, ObjectInUse):
            raise
        scratch.refuse_if_connected(connection, database, left)
        raise RestoreError(
            f"Somebody connected to {database} meanwhile: try again. {left}."
        ) from error
    return names.replaced if renames else None


def _own_words(error: Exception) -> str:
    """The first line of what the server said, without the statement."""
    return str(getattr(error, "orig", error)).partition("\n")[0]


def _server_major(connection: Connection) -> int:
    return int(query_one(connection, "monitoring/server.sql")["major_version"])
