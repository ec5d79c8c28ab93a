"""Old dumps, reports and what runs left in files: which may go, and deleting them.

A file goes when it is older than files are kept and not among the newest. Of the dumps never: the last one
that a restore drill has proven, and that of the current deployment. What this cannot judge is left alone and
named: a dump without a manifest, one of another database, all where no ledger says what is needed.
"""

import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from soleflip_assets.deploying import ledger
from soleflip_assets.dumps.manifest import ManifestError, manifest_path, read_manifest
from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.housekeeping.retention import Retention

# A dump is written to for hours at most; what is called unfinished after a day was left by somebody who died.
_LEFT_BEHIND_AFTER_SECONDS = 86_400

_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class OldFiles:
    """What was looked through.

    Attributes:
        deletable: the files that may go, in the order in which to delete them.
        untouched: what cannot be judged, a sentence each.
    """

    deletable: Sequence[Path] = field(default_factory=list)
    untouched: Sequence[str] = field(default_factory=list)


def old_dumps(connection: Connection, folder: Path, retention: Retention, now: float) -> OldFiles:
    """The dumps that nobody needs any more, each followed by its manifest; and what was never finished.

    Args:
        connection: SoleFlip's database, whose ledger says what is needed.
        folder: of the dumps.
        retention: how long they are kept.
        now: in seconds since 1970.
    """
    database = str(query_one(connection, "monitoring/server.sql")["database"])
    sha256_of: dict[Path, str] = {}
    untouched = []
    for dump in _newest_first(folder, "*.dump"):
        try:
            manifest = read_manifest(dump)
        except ManifestError as error:
            untouched.append(str(error))
            continue
        if manifest.database == database:
            sha256_of[dump] = manifest.sha256
        else:
            untouched.append(f"{dump} is of another database, {manifest.database}")
    if sha256_of and not ledger.exists(connection):
        untouched += [f"{dump}: no ledger says whether it is needed" for dump in sha256_of]
        sha256_of = {}
    needed = _needed(connection, set(sha256_of.values())) if sha256_of else set()
    old = [
        dump
        for dump in _beyond(list(sha256_of), retention.dumps, retention, now)
        if sha256_of[dump] not in needed
    ]
    files = [file for dump in old for file in (dump, manifest_path(dump))]
    manifests = (manifest_path(dump) for dump in folder.glob("*.dump"))
    alone = {*_left_behind(folder, "*.manifest.json", now)}.difference(manifests)
    untouched += [f"{manifest} has no dump beside it" for manifest in sorted(alone)]
    return OldFiles([*files, *_left_behind(folder, "*.unfinished", now)], untouched)


def old_reports(folder: Path, retention: Retention, now: float) -> OldFiles:
    """The reports that are old and not among the newest.

    Args:
        folder: of the reports.
        retention: how long they are kept.
        now: in seconds since 1970.
    """
    reports = _newest_first(folder, "*.md")
    return OldFiles(_beyond(reports, retention.reports, retention, now))


def old_run_folders(storage: Path, retention: Retention, now: float) -> OldFiles:
    """The folders in which Dagster keeps what a run wrote to its terminal, by the run's id.

    They go with the step-by-step log of the run, which they belong to.

    Args:
        storage: where Dagster keeps them.
        retention: how long the log is kept.
        now: in seconds since 1970.
    """
    oldest_kept = now - retention.log.total_seconds()
    folders = (path for path in storage.glob("*") if _RUN_ID.fullmatch(path.name))
    return OldFiles(
        [
            path
            for path in folders
            if stat.S_ISDIR(path.lstat().st_mode) and path.lstat().st_mtime < oldest_kept
        ]
    )


def delete(paths: Sequence[Path]) -> int:
    """Delete files and folders, one after the other.

    Returns:
        Their bytes.
    """
    freed = 0
    for path in paths:
        freed += bytes_of([path])
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return freed


def bytes_of(paths: Sequence[Path]) -> int:
    """The bytes of files, and of all that is in folders."""
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*")))
    return sum(file.lstat().st_size for file in files)


def _needed(connection: Connection, present: set[str]) -> set[str]:
    """Which of the dumps present the ledger says are needed, by SHA-256."""
    rows = query_file(connection, "housekeeping/needed_dumps.sql")
    proven = [row["sha256"] for row in rows if row["proven"] and row["sha256"] in present]
    return {*proven[:1], *(row["sha256"] for row in rows if not row["proven"])}


def _newest_first(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda file: file.stat().st_mtime, reverse=True)


def _beyond(
    newest_first: Sequence[Path], count: int, retention: Retention, now: float
) -> list[Path]:
    """The files that are not among the newest, and older than files are kept."""
    oldest_kept = now - retention.files.total_seconds()
    return [file for file in newest_first[count:] if file.stat().st_mtime < oldest_kept]


def _left_behind(folder: Path, pattern: str, now: float) -> Iterator[Path]:
    """Files that nobody works on any more."""
    for path in folder.glob(pattern):
        if path.stat().st_mtime < now - _LEFT_BEHIND_AFTER_SECONDS:
            yield path
