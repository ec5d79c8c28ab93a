"""What the checks cost: every validation and every monitor, one after the other, without Dagster."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby

from sqlalchemy import Connection

from benchmarks.harness import middle, table, timed
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage
from soleflip_assets.checks.question import Question, ask_all
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.monitoring.jobs import MONITORS

ROUNDS = 3

Look = Callable[[Connection], object]


def run(stage: Stage) -> Section:
    """Measure; the view as it is deployed, materialized."""
    validations = {", ".join(names): look for names, look in _validations()}
    monitors: dict[str, Look] = {monitor.name: monitor.look for monitor in MONITORS}
    looks = validations | monitors
    full = _seconds(stage, stage.deployed(Mode.MATERIALIZED), looks)
    empty = _seconds(stage, stage.production, looks)
    values = {
        "validations_seconds": _sum(full, validations),
        "validations_production_seconds": _sum(empty, validations),
        "monitors_seconds": _sum(full, monitors),
        "monitors_production_seconds": _sum(empty, monitors),
    }
    rows = [
        [
            name,
            "validation" if name in validations else "monitor",
            _shown(full[name]),
            _shown(empty[name]),
        ]
        for name in sorted(looks, key=lambda name: -statistics.median(full[name]))
    ]
    text = (
        f"All {len(VALIDATIONS)} validations together take **{values['validations_seconds']:.2f} s** in a "
        "shop whose three legacy tables have a row for each stock row, and "
        f"**{values['validations_production_seconds']:.2f} s** where they were empty, as SoleFlip's were; "
        f"all {len(monitors)} monitors {values['monitors_seconds']:.2f} s and "
        f"{values['monitors_production_seconds']:.2f} s. {ROUNDS} rounds, warm, materialized mode. What "
        "stands in one line is one query."
    )
    header = ["check", "", "legacy tables full, ms", "empty, ms"]
    return Section("Checks", f"{text}\n\n{table(header, rows)}", values)


def _seconds(stage: Stage, shop: Shop, looks: Mapping[str, Look]) -> dict[str, list[float]]:
    """What each takes, of each round."""
    engine = create_database_engine(shop.url)
    taken = {}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name, look in looks.items():
            stage.tell(f"checks: {name}")
            taken[name] = [timed(partial(look, connection)) for _ in range(ROUNDS)]
    return taken


def _sum(taken: Mapping[str, Sequence[float]], names: Iterable[str]) -> float:
    return sum(statistics.median(taken[name]) for name in names)


def _shown(seconds: Sequence[float]) -> str:
    return middle([1000 * s for s in seconds])


def _validations() -> list[tuple[list[str], Look]]:
    """The names of those that one file holds, and how they are run."""
    files = groupby(VALIDATIONS, key=lambda validation: validation.file)
    return [_together(list(held)) for _, held in files]


def _together(held: list[Question]) -> tuple[list[str], Look]:
    return [check.name for check in held], lambda connection: list(ask_all(connection, held))
