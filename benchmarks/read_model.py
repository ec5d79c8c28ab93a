"""The read model as it ages and as the shop grows: its size after a day, a refresh at a tenth of the rows."""

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.harness import Ratio, change, cost_of, middle, size_of, table
from benchmarks.refresh import READ_MODEL, REFRESH, VIEW, WARM_UP
from benchmarks.results import Section
from benchmarks.shop import DEFAULT_BUFFERS, PARAMETERS, Connection, Shop, Stage
from soleflip_assets.metrics.mode import Mode

CHANGES = 1_000
HOURS = 24
ROUNDS = 15


def run(stage: Stage) -> Section:
    """Measure."""
    grown, growth_text = _growth(stage)
    values = {"read_model_growth": grown, "read_model_growth_percent": 100 * (grown - 1)}
    scaled = {PARAMETERS["shared_buffers"]: _scaled(stage)}
    values["refresh_scaling"] = _ratio(scaled[PARAMETERS["shared_buffers"]]).median
    if not stage.quick:
        with stage.default_buffers():
            scaled[DEFAULT_BUFFERS] = _scaled(stage)
        values["refresh_scaling_default_buffers"] = _ratio(scaled[DEFAULT_BUFFERS]).median
        values["refresh_1000_default_buffers_ms"] = median(scaled[DEFAULT_BUFFERS][stage.rows])
    return Section("Read model", f"{growth_text}\n\n{_scaling_text(scaled)}", values)


def _growth(stage: Stage) -> tuple[float, str]:
    """How much larger the refreshed relation is in the end, in either mode that keeps one."""
    # The seed's way takes half a minute at a million rows, and each refresh adds the same again.
    hours = {Mode.MATERIALIZED: 3, Mode.INCREMENTAL: HOURS}
    kept_in = {Mode.MATERIALIZED: VIEW, Mode.INCREMENTAL: READ_MODEL}
    grown = {}
    for mode, refreshes in hours.items():
        stage.tell(f"read model: {refreshes} hours of {mode}")
        shop = stage.deployed(mode)
        with shop.connect() as connection:
            connection.execute(f"VACUUM FULL {kept_in[mode]}".encode())
            before = size_of(connection, kept_in[mode])
            for _ in range(refreshes):
                change(connection, shop, CHANGES)
                connection.execute(REFRESH)
            grown[mode] = size_of(connection, kept_in[mode]) / before
    rows = [[mode, hours[mode], f"{grown[mode]:.2f}"] for mode in hours]
    text = f"What is refreshed, with its indexes, after refreshes with {CHANGES:,} changes each, no vacuum."
    return grown[Mode.INCREMENTAL], f"{text}\n\n" + table(
        ["mode", "refreshes", "times its size"], rows
    )


def _scaled(stage: Stage) -> dict[int, list[float]]:
    """The milliseconds of the same refresh at a tenth of the rows and at all of them, in turn."""
    small, large = stage.tenth, stage.deployed(Mode.INCREMENTAL)
    changes = min(CHANGES, small.rows // 2)
    stage.tell(f"read model: {changes:,} changes of {small.rows:,} and of {large.rows:,} rows")
    taken: dict[int, list[float]] = {small.rows: [], large.rows: []}
    with small.connect() as few, large.connect() as many:
        for _ in range(1 if stage.quick else WARM_UP):
            _refresh(few, small, changes)
            _refresh(many, large, changes)
        for _ in range(ROUNDS):
            taken[small.rows].append(_refresh(few, small, changes))
            taken[large.rows].append(_refresh(many, large, changes))
    return taken


def _ratio(taken: Mapping[int, Sequence[float]]) -> Ratio:
    small, large = taken.values()
    return Ratio.of_pairs(large, small)


def _scaling_text(scaled: Mapping[str, Mapping[int, Sequence[float]]]) -> str:
    rows = [
        [buffers, *(middle(milliseconds) for milliseconds in taken.values()), _ratio(taken)]
        for buffers, taken in scaled.items()
    ]
    (first, *_) = scaled.values()
    sizes = [f"{size:,} rows, ms" for size in first]
    return (
        f"Refreshed after {CHANGES:,} changes (or half of the smaller shop's rows) at two sizes in turn.\n\n"
        + table(["shared_buffers", *sizes, "times as long"], rows)
    )


def _refresh(connection: Connection, shop: Shop, changes: int) -> float:
    change(connection, shop, changes)

    def refresh() -> None:
        connection.execute(REFRESH)

    return cost_of(connection, refresh).milliseconds
