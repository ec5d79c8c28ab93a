"""The manifest of a dump: what the database held in the snapshot that was dumped, to prove a restore by.

A JSON file beside the dump, readable by its owner only. Here: measuring a database, and the file. Not here:
dumping and restoring.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.dumps.properties import Properties
from soleflip_assets.ground.database import query_file, query_one, run_file

# 1 knew rows, content, constraints, indexes and triggers, and of the database owner, encoding, LC_COLLATE.
_FORMAT = 2
_FIRST_FORMAT = 1


class ManifestError(DeploymentError):
    """The manifest is missing, cannot be read, or is another dump's."""


@dataclass(frozen=True)
class Contents:
    """What a database holds.

    Attributes:
        tables: of each table, by qualified name, the number of its rows and the hash of their content.
        guards: every constraint, index and trigger, in words.
        objects: every object, by its name on any server, and what is known of it; None in the first form.
        sequences: where each one stands that stood still while the dump was taken; None in the first form.
        large_objects: their number and the hash of their content; None in the first form.
    """

    tables: dict[str, tuple[int, str]]
    guards: Sequence[str]
    objects: Mapping[str, str] | None = None
    sequences: Mapping[str, str] | None = None
    large_objects: str | None = None

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(rows for rows, _ in self.tables.values())

    def differences(self, restored: "Contents", *, same_version: bool = True) -> list[str]:
        """Where a restored database is not the same, a sentence each.

        Args:
            restored: what was found in it.
            same_version: False between major versions of PostgreSQL: what is known of objects is not compared
                then, since a newer one knows more, such as the privilege MAINTAIN.
        """
        return [
            *self._differing_tables(restored),
            *_missing_and_extra(set(self.guards), set(restored.guards)),
            *self._differing_objects(restored, same_version=same_version),
        ]

    def _differing_tables(self, restored: "Contents") -> list[str]:
        found = []
        for name in sorted(self.tables.keys() | restored.tables.keys()):
            ours, theirs = self.tables.get(name), restored.tables.get(name)
            if ours is None or theirs is None:
                found.append(
                    f"table {name} is {'missing' if theirs is None else 'not in the manifest'}"
                )
            elif ours[0] != theirs[0]:
                found.append(f"table {name} has {theirs[0]:,} rows instead of {ours[0]:,}")
            elif ours[1] != theirs[1]:
                found.append(f"table {name} has other content")
        return found

    def _differing_objects(self, restored: "Contents", *, same_version: bool) -> list[str]:
        if self.objects is None or restored.objects is None:
            return []
        found = _missing_and_extra(set(self.objects), set(restored.objects))
        for name in sorted(self.objects.keys() & restored.objects.keys()):
            ours, theirs = self.objects[name], restored.objects[name]
            if same_version and ours != theirs:
                found.append(f"{name} has {theirs!r} instead of {ours!r}")
        standing = restored.sequences or {}
        for name, value in (self.sequences or {}).items():
            if standing.get(name) != value:
                found.append(f"sequence {name} is at {standing.get(name)} instead of {value}")
        if self.large_objects != restored.large_objects:
            found.append(
                f"large objects are {restored.large_objects} instead of {self.large_objects}"
            )
        return found


def _missing_and_extra(ours: set[str], theirs: set[str]) -> list[str]:
    return [f"missing: {one}" for one in sorted(ours - theirs)] + [
        f"not in the manifest: {one}" for one in sorted(theirs - ours)
    ]


@dataclass(frozen=True)
class Manifest:
    """What is to be known of a dump.

    Attributes:
        dump: the name of its file.
        bytes: its size.
        sha256: of its content, in hexadecimal.
        taken_at: when its snapshot was taken, ISO 8601.
        server_version: of the server that it was taken from.
        database: the database that it was taken from.
        properties: what that database was.
        needs: what it needs of a server and of whoever restores it, rows of restore/needs.sql; nothing in the
            first form.
        contents: what it held.
    """

    dump: str
    bytes: int
    sha256: str
    taken_at: str
    server_version: str
    database: str
    properties: Properties
    needs: Sequence[Mapping[str, str]]
    contents: Contents

    @property
    def server_major(self) -> int:
        """The major version of the server that the dump was taken from."""
        return int(self.server_version.partition(".")[0])

    def named(self, need: str) -> set[str]:
        """The names of what a database needs of one kind."""
        return {row["name"] for row in self.needs if row["need"] == need}


def measure(connection: Connection) -> Contents:
    """Count and hash every table, and list every object, in the connection's transaction.

    Args:
        connection: in a REPEATABLE READ transaction with an empty search_path, if anybody writes meanwhile.
    """
    run_file(connection, "restore/contents.sql")
    found = query_one(connection, "restore/contents_found.sql")
    tables = {name: (rows, content) for name, (rows, content) in found["tables"].items()}
    guards = [str(row["guard"]) for row in query_file(connection, "restore/guards.sql")]
    objects = {row["name"]: row["details"] for row in query_file(connection, "restore/objects.sql")}
    sequences = read_sequences(connection)
    return Contents(tables, guards, objects, sequences, found["large_objects"])


def read_sequences(connection: Connection) -> dict[str, str]:
    """Where every sequence stands now, whatever the snapshot."""
    rows = query_file(connection, "restore/sequences.sql")
    return {row["name"]: row["value"] for row in rows}


def standing_still(contents: Contents, before: Mapping[str, str]) -> Contents:
    """The contents without the sequences that stood elsewhere before the dump was taken."""
    still = dict(before.items() & (contents.sequences or {}).items())
    return replace(contents, sequences=still)


def manifest_path(dump: Path) -> Path:
    """Where the manifest of a dump lies."""
    return dump.with_suffix(".manifest.json")


def write_manifest(manifest: Manifest, dump: Path) -> None:
    """Write a dump's manifest beside it, whole or not at all, readable by its owner only."""
    path = manifest_path(dump)
    unfinished = path.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"format": _FORMAT, **asdict(manifest)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def read_manifest(dump: Path) -> Manifest:
    """The manifest of a dump.

    Raises:
        ManifestError: there is none, or it is none.
    """
    path = manifest_path(dump)
    if not path.exists():
        raise ManifestError(
            f"{dump} has no manifest {path.name} beside it, so nothing could prove what is restored: "
            "put the manifest back that was written with the dump."
        )
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        written_as = held.pop("format")
        if written_as not in {_FIRST_FORMAT, _FORMAT}:
            raise ManifestError(f"{path} was written by another version of soleflip: use that one.")
        if written_as == _FIRST_FORMAT:
            known = ("owner", "encoding", "collate", "ctype")
            held |= {"properties": {name: held.pop(name) for name in known}, "needs": []}
        tables = {
            name: (rows, content)
            for name, (rows, content) in held["contents"].pop("tables").items()
        }
        held["contents"] = Contents(tables, **held["contents"])
        held["properties"] = Properties(**held["properties"])
        return Manifest(**held)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(
            f"{path} is not the manifest of a dump ({error}): put the one back that was written with it."
        ) from error
