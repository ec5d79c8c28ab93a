"""``soleflip bench``, as a command. Not here: what is measured, which is benchmarks/."""

import subprocess
import sys
from importlib.util import find_spec

import click

from soleflip_assets.commands.terminal import examples, refuse
from soleflip_assets.ground.settings import FILES


@click.command(
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
    epilog=examples(("soleflip bench --rows 100000", "measure at a hundred thousand rows")),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure what this project claims, side by side.

    On a PostgreSQL server of its own, which is gone afterwards; --rows says how big a shop it measures
    (default: 1,172), --help which sections there are. Only in a checkout: the benchmarks are not in the
    wheel.

    Writes: the results, to benchmarks/results.

    Exits with 1 where a section failed, with 2 where there is no checkout or `make tools` was not run.
    """
    if not (FILES / "benchmarks").is_dir():
        refuse("the benchmarks are not in the wheel: run this in a checkout.")
    if find_spec("pygal") is None:
        refuse("the benchmarks need the developers' tools: run `make tools`.")
    done = subprocess.run([sys.executable, "-m", "benchmarks", *arguments], check=False)
    sys.exit(done.returncode)
