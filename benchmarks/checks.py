"""What the checks cost: every validation and every monitor, one after the other, without Dagster."""

import statistics
from collections.abc import Callable
from functools import partial
from itertools import groupby

from sqlalchemy import Connection

from benchmarks.harness import middle, table, timed
from benchmarks.results import Section
from benchmarks.shop import Stage
from soleflip_assets.database import create_database_engine
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.monitoring.jobs import MONITORS
from soleflip_assets.validations import VALIDATIONS, Validation, run_validations

ROUNDS = 3

Look = Callable[[Connection], object]


def run(stage: Stage) -> Section:
    """Measure; the view as it is deployed, materialized."""
    validations = {", ".join(names): look for names, look in _validations()}
    monitors: dict[str, Look] = {monitor.name: monitor.look for monitor in MONITORS}
    shop = stage.deployed(Mode.MATERIALIZED)
    engine = create_database_engine(shop.url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        taken = {}
        for name, look in (validations | monitors).items():
            stage.tell(f"checks: {name}")
            taken[name] = [timed(partial(look, connection)) for _ in range(ROUNDS)]
    sums = {
        kind: sum(statistics.median(taken[name]) for name in names)
        for kind, names in (("validations", validations), ("monitors", monitors))
    }
    rows = [
        [
            name,
            "validation" if name in validations else "monitor",
            middle([1000 * s for s in seconds]),
        ]
        for name, seconds in sorted(taken.items(), key=lambda item: -statistics.median(item[1]))
    ]
    text = (
        f"All {len(VALIDATIONS)} validations together take **{sums['validations']:.2f} s**, all "
        f"{len(monitors)} monitors {sums['monitors']:.2f} s; {ROUNDS} rounds, warm, materialized mode. What "
        "stands in one line is one query.\n\n"
    )
    values = {f"{kind}_seconds": seconds for kind, seconds in sums.items()}
    return Section("Checks", text + table(["check", "", "ms"], rows), values)


def _validations() -> list[tuple[list[str], Look]]:
    """The names of those that one file holds, and how they are run."""
    files = groupby(VALIDATIONS, key=lambda validation: validation.file)
    return [_together(list(held)) for _, held in files]


def _together(held: list[Validation]) -> tuple[list[str], Look]:
    return [check.name for check in held], lambda connection: list(
        run_validations(connection, held)
    )
