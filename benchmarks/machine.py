"""How long the synchronisation has been tried: random writes to both sides, against the contract.

    python -m benchmarks.machine --seconds 3600

On PostgreSQL 18 and 15, with and without triggers of an application. Ends where one write is not as the
contract has it; else adds what was drawn to results/machine.md. Here: how long,
and the table. Not here: what is drawn and held to, which
tests/integration/phase2/test_synchronisation_machine.py says.
"""

import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from benchmarks.harness import table
from benchmarks.results import RESULTS
from tests.conftest import running_databases
from tests.integration.phase2.test_synchronisation_machine import TRIGGERS, Sides, draw, shop_with

_KEPT = RESULTS / "machine.md"
_HEAD = ["PostgreSQL", "triggers of the application", "seconds", "examples", "statements"]
_TEXT = """# Old and new, tried at random

Written by `python -m benchmarks.machine --seconds N`, which adds to it. An example is up to 25 steps of two
sessions; statements are those that wrote something. Only what was drawn since the synchronisation was last
changed counts.

{table}

Together {seconds:,} seconds, {examples:,} examples, {statements:,} statements. Nothing was found.
"""

# Seconds, examples, statements; by the server's version and the triggers.
Counts = dict[tuple[str, str], list[int]]

_servers = contextmanager(running_databases)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", type=click.FloatRange(min=0), default=600, show_default=True,
              help="All of it together.")  # fmt: skip
@click.option("--only", default="", help="Only triggers of this name.")
def main(seconds: float, only: str) -> None:
    """Write at random, and hold each write to the contract."""
    counts = kept(_KEPT)
    parts = [(version, name) for version in ("18", "15") for name in TRIGGERS if only in name]
    for version, triggers in parts:
        with _servers(version) as databases:
            engine = shop_with(databases, triggers)
            before = [time.monotonic(), Sides.examples, Sides.statements]
            draw(engine, triggers, seconds=seconds / len(parts), anew=True)
            after = [time.monotonic(), Sides.examples, Sides.statements]
            engine.dispose()
        known = counts.get((version, triggers), [0, 0, 0])
        counts[version, triggers] = [
            number + round(end - begin)
            for number, begin, end in zip(known, before, after, strict=True)
        ]
        # As it goes: what comes next may end in a finding.
        _KEPT.write_text(text_of(counts), encoding="utf-8")
    click.echo(text_of(counts))


def kept(path: Path) -> Counts:
    """What was drawn so far."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {
        (row[0], row[1]): [int(number.replace(",", "")) for number in row[2:]]
        for row in rows
        if len(row) == len(_HEAD) and row[0].isdigit()
    }


def text_of(counts: Mapping[tuple[str, str], list[int]]) -> str:
    """The page that keeps it."""
    rows = [[*key, *(f"{number:,}" for number in counts[key])] for key in sorted(counts)]
    seconds, examples, statements = map(sum, zip(*counts.values(), strict=True))
    return _TEXT.format(
        table=table(_HEAD, rows), seconds=seconds, examples=examples, statements=statements
    )


if __name__ == "__main__":
    main()
