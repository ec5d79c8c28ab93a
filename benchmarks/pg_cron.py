"""pg_cron calling the refresh function, against the function called directly, where Debian's package is."""

import time
from pathlib import Path

from benchmarks.harness import Ratio, change, middle, table, timed
from benchmarks.refresh import REFRESH
from benchmarks.results import Section
from benchmarks.shop import Connection, Shop, Stage, build_deployed, server_in
from soleflip_assets.metrics.mode import Mode

ROUNDS = 2
CHANGES = 1_000
# It calls the same function: what it adds does not depend on the shop's size.
MOST_ROWS = 100_000
_RUN_WITHIN_SECONDS = 180

_SETTINGS = {
    "shared_preload_libraries": "pg_cron",
    "cron.database_name": "shop",
    # It would connect by TCP, where this server does not listen.
    "cron.use_background_workers": "on",
}

_NEXT_RUN = """
    SELECT extract(epoch FROM end_time - start_time)::float8 * 1000
    FROM cron.job_run_details WHERE status = 'succeeded' ORDER BY runid LIMIT 1
"""


def run(stage: Stage) -> Section:
    """Measure."""
    packages = sorted(Path("/usr/lib/postgresql").glob("*/lib/pg_cron.so"))
    if not packages:
        return Section(
            "pg_cron", "Not measured: Debian's package postgresql-…-cron is not here.", {}
        )
    rows = min(stage.rows, MOST_ROWS)
    programs = packages[-1].parent.parent / "bin"
    with server_in(stage.folder / "pg_cron", programs, **_SETTINGS) as server:
        stage.tell("pg_cron: making its shop")
        shop = build_deployed(server, "shop", rows, Mode.MATERIALIZED)
        direct, scheduled = _measure(stage, shop)
        with shop.connect() as connection:
            version = connection.info.parameter_status("server_version")
        server.stop("immediate")
    ratio = Ratio.of(scheduled, direct)
    text = (
        f"PostgreSQL {version}, {rows:,} rows, materialized mode, after {CHANGES:,} changes, {ROUNDS} "
        "rounds. A job of pg_cron calls the same function in a background worker, at the full minute; its "
        f"own table of runs says how long. It took {ratio} times as long as the function called directly.\n\n"
    )
    lines = [["called directly", middle(direct)], ["called by pg_cron", middle(scheduled)]]
    return Section("pg_cron", text + table(["", "ms"], lines), {"pg_cron_time": ratio.median})


def _measure(stage: Stage, shop: Shop) -> tuple[list[float], list[float]]:
    """Milliseconds of the function called directly, and by pg_cron."""
    direct, scheduled = [], []
    with shop.connect() as connection:
        connection.execute("CREATE EXTENSION pg_cron")
        connection.execute(REFRESH)
        for number in range(1, ROUNDS + 1):
            stage.tell(f"pg_cron: round {number} of {ROUNDS}, up to a minute each")
            change(connection, shop, CHANGES)
            direct.append(1000 * timed(lambda: connection.execute(REFRESH)))
            change(connection, shop, CHANGES)
            scheduled.append(_scheduled(connection))
    return direct, scheduled


def _scheduled(connection: Connection) -> float:
    """Milliseconds of the next run of a job that is scheduled now and ended after it."""
    connection.execute("TRUNCATE cron.job_run_details")
    connection.execute(f"SELECT cron.schedule('bench', '* * * * *', '{REFRESH}')".encode())
    deadline = time.monotonic() + _RUN_WITHIN_SECONDS
    while not (row := connection.execute(_NEXT_RUN.encode()).fetchone()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"pg_cron ran nothing within {_RUN_WITHIN_SECONDS} s")
        time.sleep(0.5)
    connection.execute("SELECT cron.unschedule('bench')")
    return float(str(row[0]))
