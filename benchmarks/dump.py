"""Dump, restore and proof: what is proven on the way costs beside plain pg_dump and pg_restore."""

import subprocess
from pathlib import Path

from benchmarks.harness import table as markdown
from benchmarks.harness import timed
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage
from soleflip_assets.dumps.dump import take_dump
from soleflip_assets.dumps.restore import restore
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode


def run(stage: Stage) -> Section:
    """Measure: each once, since each reads and writes everything."""
    shop = stage.deployed(Mode.MATERIALIZED)
    folder = stage.folder / "dumps"
    stage.tell("dump: pg_dump")
    folder.mkdir()
    plain = folder / "plain.dump"
    plain_dump = timed(
        lambda: _client(shop, "pg_dump", "--format=custom", "--compress=6", f"--file={plain}")
    )
    stage.tell("dump: with its manifest")
    dump = take_dump(create_database_engine(shop.url), folder)
    stage.tell("dump: pg_restore")
    stage.server.create_database("plain")
    bare = Shop(stage.server.url("plain"), shop.rows)
    plain_restore = timed(lambda: _client(bare, "pg_restore", "--dbname=plain", str(plain)))
    stage.drop(bare)
    stage.tell("dump: restored and proven")
    restored = restore(shop.url, dump.path, lambda _: None, replace=False)
    stage.drop(Shop(stage.server.url(restored.database), shop.rows))

    rows = [
        _row("pg_dump", plain_dump, plain, dump.rows, ""),
        _row("dump, with manifest", dump.seconds, dump.path, dump.rows, dump.seconds / plain_dump),
        _row("pg_restore", plain_restore, plain, dump.rows, ""),
        _row("restore, checked and proven", restored.seconds, dump.path, dump.rows,
             restored.seconds / plain_restore),
    ]  # fmt: skip
    text = (
        f"The whole database, {dump.rows:,} rows in all tables. The manifest counts and hashes each table in "
        "the dump's snapshot, and the file; a restore reads the archive to its end first, and counts and "
        "hashes what was restored.\n\n"
    )
    header = ["", "s", "file, MB", "rows/s", "times plain"]
    values = {
        "dump_time": dump.seconds / plain_dump,
        "restore_time": restored.seconds / plain_restore,
    }
    return Section("Dump, restore, proof", text + markdown(header, rows), values)


def _row(name: str, seconds: float, file: Path, rows: int, ratio: float | str) -> list[str]:
    shown = f"**{ratio:.2f}**" if isinstance(ratio, float) else ratio
    return [
        name,
        f"{seconds:.1f}",
        f"{file.stat().st_size / 1e6:,.1f}",
        f"{rows / seconds:,.0f}",
        shown,
    ]


def _client(shop: Shop, program: str, *arguments: str) -> None:
    subprocess.run(
        [EMBEDDED_PROGRAMS / program, *arguments, f"--host={shop.url.query['host']}", "--username=postgres",
         *([str(shop.url.database)] if program == "pg_dump" else [])],
        check=True, capture_output=True,
    )  # fmt: skip
