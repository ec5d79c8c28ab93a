"""The manifest of a dump: what the database held in the snapshot that was dumped, to prove a restore by.

A JSON file beside the dump, readable by its owner only. Here: measuring a database, and the file. Not here:
dumping and restoring.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.ground.database import query_file, run_file

_FORMAT = 1


class ManifestError(DeploymentError):
    """The manifest is missing, cannot be read, or is another dump's."""


@dataclass(frozen=True)
class Contents:
    """What a database holds.

    Attributes:
        tables: of each table, by qualified name, the number of its rows and the hash of their content.
        guards: every constraint, index and trigger, in words.
    """

    tables: dict[str, tuple[int, str]]
    guards: Sequence[str]

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(rows for rows, _ in self.tables.values())

    def differences(self, restored: "Contents") -> list[str]:
        """Where a restored database is not the same, a sentence each."""
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
        missing, extra = (
            set(self.guards) - set(restored.guards),
            set(restored.guards) - set(self.guards),
        )
        found += [f"missing: {guard}" for guard in sorted(missing)]
        found += [f"not in the manifest: {guard}" for guard in sorted(extra)]
        return found


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
        owner: of that database.
        encoding: of that database.
        collate: of that database.
        ctype: of that database.
        contents: what it held.
    """

    dump: str
    bytes: int
    sha256: str
    taken_at: str
    server_version: str
    database: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    contents: Contents

    @property
    def server_major(self) -> int:
        """The major version of the server that the dump was taken from."""
        return int(self.server_version.partition(".")[0])


def measure(connection: Connection) -> Contents:
    """Count and hash every table, and list what guards them, in the connection's transaction.

    Args:
        connection: in a REPEATABLE READ transaction with an empty search_path, if anybody writes meanwhile.
    """
    run_file(connection, "restore/content_function.sql")
    tables = {
        str(row["name"]): (int(row["rows"]), str(row["content"]))
        for row in query_file(connection, "restore/tables.sql")
    }
    guards = [str(row["guard"]) for row in query_file(connection, "restore/guards.sql")]
    return Contents(tables, guards)


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
        if held.pop("format") != _FORMAT:
            raise ManifestError(f"{path} was written by another version of soleflip: use that one.")
        held["contents"] = Contents(
            {name: (rows, content) for name, (rows, content) in held["contents"]["tables"].items()},
            held["contents"]["guards"],
        )
        return Manifest(**held)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(
            f"{path} is not the manifest of a dump ({error}): put the one back that was written with it."
        ) from error
