"""The command ``soleflip bench``: runs the sections one after the other and keeps what they found."""

import os
import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import click

from benchmarks import (
    adoption,
    checks,
    deployment,
    dump,
    history,
    hourly,
    live,
    marts,
    pages,
    partitions,
    pg_cron,
    plots,
    queries,
    read_model,
    refresh,
    synchronisation,
    warehouse,
    writers,
)
from benchmarks.results import MILLION, Measured, Results, Section, judge, machine, now
from benchmarks.shop import PARAMETERS, Stage, free_gigabytes, staged
from soleflip_assets.commands.terminal import conclude, counted, fail, listed

QUICK_ROWS = 20_000
# Legacy tables, backups, two ways of keeping the metrics, and copies to deploy on.
_GIGABYTES_PER_MILLION = 20

# In this order: later ones leave their traces in the shop.
SECTIONS: dict[str, Callable[[Stage], Section]] = {
    "queries": queries.run,
    "refresh": refresh.run,
    "read_model": read_model.run,
    "writers": writers.run,
    "live": live.run,
    "synchronisation": synchronisation.run,
    "history": history.run,
    "checks": checks.run,
    "hourly": hourly.run,
    "warehouse": warehouse.run,
    "marts": marts.run,
    "dump": dump.run,
    "deployment": deployment.run,
    "adoption": adoption.run,
    "partitions": partitions.run,
    "pg_cron": pg_cron.run,
}
_RESUMED_WITHIN = timedelta(days=1)
QUICK = ("queries", "refresh", "read_model", "writers")


def _chosen(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[str]:
    names = value.split(",") if value else list(SECTIONS)
    if unknown := set(names) - SECTIONS.keys():
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(SECTIONS)}")
    return [name for name in SECTIONS if name in names]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--rows", type=click.IntRange(min=100), default=1_172, show_default=True,
              help="Stock rows.")  # fmt: skip
@click.option("--huge", is_flag=True, help="More than 1,000,000 rows are meant.")
@click.option("--only", callback=_chosen, metavar="SECTION,…",
              help=f"These sections: {', '.join(SECTIONS)}. What is kept of the others stays.")  # fmt: skip
@click.option(
    "--resume",
    is_flag=True,
    help="Leave out what was measured at this size within a day, as after a run that was ended.",
)
@click.option("--quick", is_flag=True,
              help=f"What CI guards, at {QUICK_ROWS:,} rows: keep nothing, fail where a figure falls behind "
              "its bound in benchmarks/bounds.toml by half.")  # fmt: skip
@click.option(
    "--dbt",
    metavar="PROGRAM",
    help="A dbt with dbt-postgres, to be measured, too (default: PATH's).",
)
def main(
    *, rows: int, huge: bool, only: list[str], resume: bool, quick: bool, dbt: str | None
) -> None:
    """Run the benchmarks on a server of their own, print the tables, and keep them in benchmarks/results.

    Each section measures what it compares in one run, and is kept as soon as it has ended; at the end the
    figures of README and docs/ are written anew. How long all will take is said first, by what is kept.
    """
    if quick:
        rows, only = QUICK_ROWS, [name for name in QUICK if name in only]
    _require_room(rows, huge=huge)
    results = Results.at(rows)
    if resume:
        only = [name for name in only if not results.fresh(name, _RESUMED_WITHIN)]
    click.echo(expected(results, only), err=True)
    with staged(rows, quick=quick, dbt=shutil.which(dbt or "dbt"), tell=_Progress()) as stage:
        found = _measure_all(stage, only, None if quick else results)
    failed = [name for name in only if name not in found]
    if quick:
        results.sections = found
        conclude_bench(rows, failed, behind=_tell_judgement(results.values))
    else:
        plots.draw()
        pages.write_figures()
        conclude_bench(rows, failed, report=results.path())


def expected(results: Results, names: Sequence[str]) -> str:
    """How long they will take, by what is kept."""
    known = [results.sections[name].seconds for name in names if name in results.sections]
    new = [name for name in names if name not in results.sections]
    parts = [f"about {sum(known) / 60:,.0f} min by the last run"] if known else []
    if new:
        parts.append(f"not measured at this size before: {listed(new)}")
    return f"{counted(len(names), 'section')} at {results.rows:,} rows; {'; '.join(parts)}."


def _measure_all(stage: Stage, names: Sequence[str], kept: Results | None) -> dict[str, Measured]:
    """One section after the other.

    Args:
        stage: where.
        names: of the sections.
        kept: gets each as soon as it has ended, since the next may take hours, or end the command.

    Returns:
        Those that did not fail.
    """
    if kept:
        with stage.administer() as connection:
            version = connection.info.parameter_status("server_version")
        kept.machine = machine(str(version), PARAMETERS)
    found: dict[str, Measured] = {}
    for number, name in enumerate(names, 1):
        stage.tell(f"section {number} of {len(names)}: {name}")
        if measured := _measure(stage, name):
            found[name] = measured
            if kept:
                known = kept.sections | found
                kept.sections = {each: known[each] for each in SECTIONS if each in known}
                kept.write()
    return found


def conclude_bench(
    rows: int, failed: Sequence[str], *, behind: Sequence[str] = (), report: Path | None = None
) -> None:
    """The last thing that is said: whether all was measured, and is as it was.

    Args:
        rows: of the shop.
        failed: sections that were not measured.
        behind: figures that have fallen behind their bounds by half.
        report: what was kept; None where only the bounds were looked at.
    """
    sentences = []
    if failed:
        sentences.append(
            f"{counted(len(failed), 'section')} failed, as told above: {listed(failed)}."
        )
    if behind:
        sentences.append(
            f"{counted(len(behind), 'figure')} of a shop of {rows:,} rows fell behind what is recorded in "
            "benchmarks/bounds.toml by half, marked ✗ above: look for what made it slower, or say there why."
        )
    if sentences:
        fail(*sentences)
    what = "Every section was measured" if report else "Every figure is within its bound"
    conclude(f"{what}, in a shop of {rows:,} rows.", report=report or "")


def _require_room(rows: int, *, huge: bool) -> None:
    if rows > MILLION and not huge:
        raise click.UsageError(f"{rows:,} rows take hours: say --huge if they are meant.")
    needed = _GIGABYTES_PER_MILLION * rows / MILLION
    if free_gigabytes() < needed:
        raise click.UsageError(
            f"{needed:,.0f} GB are needed where temporary files go and {free_gigabytes():,.0f} are free: "
            "set TMPDIR to a folder with room."
        )


class _Progress:
    """Lines on the terminal, each with the time since the beginning."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __call__(self, line: str) -> None:
        click.echo(f"{time.monotonic() - self._begun:7.1f} s  {line}", err=True)


def _measure(stage: Stage, name: str) -> Measured | None:
    """One section; None, and why on the terminal, if it failed: the others go on."""
    when, load, begun = now(), os.getloadavg()[0], time.monotonic()
    try:
        section = SECTIONS[name](stage)
    except Exception:  # noqa: BLE001 whatever it was, it is told, and the exit code is 1
        traceback.print_exc()
        click.echo(f"soleflip: the section {name} failed; the others go on.", err=True)
        return None
    measured = Measured(section, when, time.monotonic() - begun, load)
    click.echo(f"\n{measured.text}\n")
    return measured


def _tell_judgement(values: dict[str, float]) -> Sequence[str]:
    """Print what CI guards.

    Returns:
        What has fallen behind by half.
    """
    behind = []
    for name, bound in judge(values, "quick").items():
        held = bound.held(tolerance=2)
        found = "not measured" if bound.found is None else f"{bound.found:,.2f}"
        click.echo(f"{'✓' if held else '✗'} {bound.what}: {found}, recorded {bound.text}")
        if not held:
            behind.append(name)
    return behind
