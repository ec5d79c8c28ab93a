"""pg_cron calling the refresh function, against the function called directly, where Debian's package is."""

import time
from pathlib import Path

from benchmarks.harness import Ratio, change, middle, number, table
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

_ENDED_RUNS = "SELECT count(*) FROM cron.job_run_details WHERE status = 'succeeded'"
# Not pg_cron's own table of runs: it looks once a second, and every run took 1.00 s by it.
_LAST_REFRESH = """
    SELECT 1000 * extract(epoch FROM finished_at - started_at)
    FROM inventory_ops.metrics_refresh ORDER BY id DESC LIMIT 1
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
        "rounds. A job of pg_cron calls the same function in a background worker, at the full minute. It "
        f"took {ratio} times as long as called directly, by what the function records of itself.\n\n"
    )
    lines = [["called directly", middle(direct)], ["called by pg_cron", middle(scheduled)]]
    return Section("pg_cron", text + table(["", "ms"], lines), {"pg_cron_time": ratio.median})


def _measure(stage: Stage, shop: Shop) -> tuple[list[float], list[float]]:
    """Milliseconds of the function called directly, and by pg_cron."""
    direct, scheduled = [], []
    with shop.connect() as connection:
        connection.execute("CREATE EXTENSION pg_cron")
        connection.execute(REFRESH)
        for round_ in range(1, ROUNDS + 1):
            stage.tell(f"pg_cron: round {round_} of {ROUNDS}, up to a minute each")
            change(connection, shop, CHANGES)
            connection.execute(REFRESH)
            direct.append(number(connection, _LAST_REFRESH))
            change(connection, shop, CHANGES)
            _await_scheduled(connection)
            scheduled.append(number(connection, _LAST_REFRESH))
    return direct, scheduled


def _await_scheduled(connection: Connection) -> None:
    """Until a job that is scheduled now, and ended after it, has run once."""
    connection.execute("TRUNCATE cron.job_run_details")
    connection.execute(f"SELECT cron.schedule('bench', '* * * * *', '{REFRESH}')".encode())
    deadline = time.monotonic() + _RUN_WITHIN_SECONDS
    while not number(connection, _ENDED_RUNS):
        if time.monotonic() > deadline:
            raise TimeoutError(f"pg_cron ran nothing within {_RUN_WITHIN_SECONDS} s")
        time.sleep(0.5)
    connection.execute("SELECT cron.unschedule('bench')")
