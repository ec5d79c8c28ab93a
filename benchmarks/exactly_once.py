"""Exactly once: an hour of a shop at work and a warehouse that is loaded, while either side is killed.

    python -m benchmarks.exactly_once --minutes 60

Two servers of our own, writers in transactions of every kind, some of them long, loads without a pause. In
each round a fault strikes every few seconds; then everything is counted. Keeps a row for each round in
results/exactly_once.md, and exits with 1 where an event was lost or is there twice. Here: for how long, and
the table. Not here: what happens (tests/integration/warehouse/chaos.py).
"""

import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager

import click

from benchmarks.harness import table
from benchmarks.results import RESULTS
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import running_databases
from tests.integration.warehouse.chaos import SESSIONS, Chaos
from tests.integration.warehouse.kept import Loading, shop_with_history

_ROUND_FAULTS = 40
# At most so long between two faults.
_PAUSE_SECONDS = 6.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", type=click.FloatRange(min=0), default=60, show_default=True,
              help="At least so long; the last round is finished.")  # fmt: skip
@click.option("--seed", type=int, default=18, show_default=True, help="Of what happens.")
def main(minutes: float, seed: int) -> None:
    """Load while everything is killed, and count."""
    began, load = time.monotonic(), os.getloadavg()[0]
    rows: list[list[object]] = []
    wrong: Counter[str] = Counter()
    with (
        contextmanager(running_databases)("18", max_prepared_transactions="16") as shop,
        contextmanager(running_databases)("18") as catalogs,
        tempfile.TemporaryDirectory(prefix="soleflip-") as folder,
    ):
        url, catalog = shop_with_history(shop), catalogs.empty()
        loading = Loading(url, catalog, Warehouse(folder, catalog), Shop(url), [])
        while time.monotonic() - began < minutes * 60:
            chaos = Chaos(loading, shop.server, catalogs.server, seed + len(rows))
            chance = random.Random(chaos.seed)
            chaos.suffer(chance.choices([*chaos.faults], k=_ROUND_FAULTS), _PAUSE_SECONDS)
            found = chaos.wrong
            wrong.update(found)
            rows.append(_row(chaos, found))
            # Kept as it goes: it takes long, and what was found is not to be lost.
            text = _text(rows, time.monotonic() - began, load)
            (RESULTS / "exactly_once.md").write_text(text + "\n", encoding="utf-8")
            click.echo(" | ".join(map(str, rows[-1])), err=True)
    click.echo(text)
    if wrong:
        click.echo(f"soleflip: {dict(wrong)}", err=True)
        sys.exit(1)


def _row(chaos: Chaos, found: dict[str, int]) -> list[object]:
    faults = sum(chaos.done[name] for name in chaos.faults)
    events = len(chaos.loading.events())
    lost, doubled = (
        sum(number for name, number in found.items() if name.endswith(what))
        for what in ("lost", "doubled")
    )
    return [
        chaos.seed,
        f"{chaos.done['writes']:,}",
        f"{chaos.done['loads']:,}",
        f"{chaos.met.total():,}",
        f"{faults:,}",
        f"{events:,}",
        lost,
        doubled,
        "; ".join(f"{name}: {number}" for name, number in found.items()) or "well",
    ]


def _text(rows: list[list[object]], lasted: float, load: float) -> str:
    explanation = (
        f"Written by `python -m benchmarks.exactly_once`: {lasted / 60:.0f} minutes, two servers (PostgreSQL "
        f"18; the shop's, and the catalog's), {SESSIONS} writers in transactions of every kind (rolled back, "
        "with savepoints, prepared), and one whose transactions stay open across loads. Loads follow each "
        "other without a pause, with upkeep now and then. In a round, "
        f"{_ROUND_FAULTS} times within {_PAUSE_SECONDS:g} s something is killed: the load by SIGKILL, or "
        "either server, at once or in order. Then the events in the warehouse are compared with those in "
        f"the log, one by one and by their sums. Load average before: {load:.1f} on {os.cpu_count()} cores."
    )
    header = ["round", "transactions", "loads", "loads that failed", "faults", "events", "lost",
              "doubled", "seen"]  # fmt: skip
    return f"# Exactly once\n\n{explanation}\n\n{table(header, rows)}"


if __name__ == "__main__":
    main()
