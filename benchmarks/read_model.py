"""The read model as it ages and as the shop grows: its size after a day, a refresh at a tenth of the rows."""

from benchmarks.harness import Ratio, change, cost_of, middle, size_of, table
from benchmarks.refresh import READ_MODEL, REFRESH, VIEW, WARM_UP
from benchmarks.results import Section
from benchmarks.shop import Connection, Shop, Stage
from soleflip_assets.metrics.mode import Mode

CHANGES = 1_000
HOURS = 24
ROUNDS = 15


def run(stage: Stage) -> Section:
    """Measure."""
    grown, growth_text = _growth(stage)
    scaling, scaling_text = _scaling(stage)
    values = {
        "read_model_growth": grown,
        "read_model_growth_percent": 100 * (grown - 1),
        "refresh_scaling": scaling.median,
    }
    return Section("Read model", f"{growth_text}\n\n{scaling_text}", values)


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


def _scaling(stage: Stage) -> tuple[Ratio, str]:
    """The same refresh at this size and at a tenth of it, in turn."""
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
    ratio = Ratio.of_pairs(taken[large.rows], taken[small.rows])
    rows = [[f"{size:,}", middle(milliseconds)] for size, milliseconds in taken.items()]
    text = f"Refreshed after {changes:,} changes at two sizes in turn: {ratio} times as long."
    return ratio, f"{text}\n\n" + table(["stock rows", "ms"], rows)


def _refresh(connection: Connection, shop: Shop, changes: int) -> float:
    change(connection, shop, changes)

    def refresh() -> None:
        connection.execute(REFRESH)

    return cost_of(connection, refresh).milliseconds
