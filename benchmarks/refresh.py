"""Refreshing the metrics after so many changes: the usual ways and the read model, side by side.

Of each way: time, WAL, growth of what it refreshes, and the longest wait of a reader of that and of a writer
of stock meanwhile.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.dbt import Dbt
from benchmarks.harness import Cost, Ratio, change, cost_of, middle, probing, size_of, table
from benchmarks.results import Section
from benchmarks.shop import Connection, Shop, Stage
from soleflip_assets.metrics.mode import Mode

REFRESH = "SELECT inventory.refresh_stock_metrics()"
READ_MODEL = "inventory_ops.stock_metrics_read_model"
VIEW = "inventory.stock_metrics_view"

_SEED, _PLAIN, _DBT, _OURS = "the seed's", "REFRESH", "dbt-postgres", "read model"
_KEYS = {_SEED: "seed", _PLAIN: "plain", _DBT: "dbt", _OURS: "ours"}

CHANGES = 1_000
# One row: a random number that is asked for once.
_READ = """
    SELECT stock_id, available_quantity FROM {view}
    WHERE stock_id = (SELECT id FROM public.item WHERE n = (SELECT 1 + floor(random() * {rows})::int))
"""
_WRITE = """
    UPDATE inventory.stock SET updated_at = clock_timestamp()
    WHERE id = (SELECT id FROM public.item WHERE n = (SELECT 1 + floor(random() * {rows})::int))
"""
_IDLE_SECONDS = 2.0
# A page is logged whole when it is touched first after a checkpoint. So many refreshes with 1,000 changes
# each have touched nearly all that the next one will, at a million rows.
WARM_UP = 30


@dataclass(frozen=True)
class Way:
    """A way of refreshing.

    Attributes:
        name: what it is called.
        shop: where.
        kept_in: the relation that is refreshed.
        read_from: the relation that its readers read.
        refresh: does it; gives the milliseconds that count, if not all do.
        rounds: how often it is measured.
        warm_up: how often it is done before, where no checkpoint comes between.
    """

    name: str
    shop: Shop
    kept_in: str
    read_from: str
    refresh: Callable[[Connection], float | None]
    rounds: int
    warm_up: int = 1


@dataclass(frozen=True)
class Case:
    """A state of things in which a refresh comes.

    Attributes:
        changes: stock rows changed since the last one.
        after_checkpoint: whether a checkpoint came just before: each page touched is then logged whole.
    """

    changes: int
    after_checkpoint: bool = False

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.changes:,}" + (", right after a checkpoint" if self.after_checkpoint else "")

    @property
    def key(self) -> str:
        """For values."""
        return f"refresh_{self.changes}" + ("_checkpoint" if self.after_checkpoint else "")


@dataclass(frozen=True)
class Found:
    """What a way came to in a case.

    Attributes:
        costs: of each round.
        growth: size of the relation after them, times its size before.
        read: the longest wait of a reader, in milliseconds; None where none was there.
        write: the same of a writer.
    """

    costs: list[Cost]
    growth: float
    read: float | None = None
    write: float | None = None

    @property
    def milliseconds(self) -> list[float]:
        """Of each round."""
        return [cost.milliseconds for cost in self.costs]

    @property
    def wal(self) -> list[float]:
        """Bytes of each round."""
        return [cost.wal for cost in self.costs]


def run(stage: Stage) -> Section:
    """Measure."""
    cases = [case for case in _cases(stage) if case.changes < stage.rows]
    found: dict[tuple[Case, str], Found] = {}
    with ExitStack() as stack:
        for way in _ways(stage, stack):
            found |= {(case, way.name): measured for case, measured in _measure(stage, way, cases)}
    text = [_explanation(stage), _table(found), _idle_text(stage)]
    return Section("Refresh", "\n\n".join(text), _values(found))


def _cases(stage: Stage) -> list[Case]:
    if stage.quick:
        return [Case(0), Case(1_000)]
    return [Case(0), Case(1_000), Case(1_000, after_checkpoint=True), Case(100_000)]


def _ways(stage: Stage, stack: ExitStack) -> Iterator[Way]:
    # The seed's way takes half a minute at a million rows.
    rounds = 3 if stage.rows <= 100_000 else 2
    shop = stage.deployed(Mode.MATERIALIZED)
    yield Way(_SEED, shop, VIEW, VIEW, _statement(REFRESH), rounds)
    if not stage.quick:
        yield Way(_PLAIN, shop, VIEW, VIEW, _statement(f"REFRESH MATERIALIZED VIEW {VIEW}"), rounds)
        if stage.dbt:
            dbt = stack.enter_context(Dbt.project(stage.dbt, shop, stage.folder))
            stage.tell("refresh: dbt makes its view")
            dbt.run()
            yield Way(_DBT, shop, dbt.view, dbt.view, lambda _: dbt.run(), rounds)
            dbt.drop()
    yield Way(
        _OURS,
        stage.deployed(Mode.INCREMENTAL),
        READ_MODEL,
        VIEW,
        _statement(REFRESH),
        3 * rounds,
        warm_up=1 if stage.quick else WARM_UP,
    )


def _statement(statement: str) -> Callable[[Connection], None]:
    def refresh(connection: Connection) -> None:
        connection.execute(statement.encode())

    return refresh


def _measure(stage: Stage, way: Way, cases: list[Case]) -> Iterator[tuple[Case, Found]]:
    with way.shop.connect() as connection:
        for _ in range(way.warm_up):
            change(connection, way.shop, min(CHANGES, way.shop.rows // 2))
            way.refresh(connection)
        for case in cases:
            stage.tell(f"refresh: {way.name}, after {case.name} changes")
            connection.execute("VACUUM ANALYZE inventory.stock")
            # A round of 100,000 changes says enough of what takes long.
            rounds = way.rounds if case.changes <= 1_000 else -(-way.rounds // 2)
            before = size_of(connection, way.kept_in)
            costs = [_round(connection, way, case) for _ in range(rounds)]
            growth = size_of(connection, way.kept_in) / before
            waits = {}
            if case.changes and not case.after_checkpoint and not stage.quick:
                waits = _waits(connection, way, case)
            yield case, Found(costs, growth, **waits)


def _round(connection: Connection, way: Way, case: Case) -> Cost:
    change(connection, way.shop, case.changes)
    if case.after_checkpoint:
        connection.execute("CHECKPOINT")
    return cost_of(connection, lambda: way.refresh(connection))


def _waits(connection: Connection, way: Way, case: Case) -> dict[str, float]:
    """Refresh beside a reader and a writer."""
    change(connection, way.shop, case.changes)
    read = _READ.format(view=way.read_from, rows=way.shop.rows)
    write = _WRITE.format(rows=way.shop.rows)
    with probing(way.shop, read) as reads, probing(way.shop, write) as writes:
        time.sleep(0.05)
        way.refresh(connection)
        time.sleep(0.05)
    return {"read": max(reads), "write": max(writes)}


def _table(found: dict[tuple[Case, str], Found]) -> str:
    header = ["changes", "way", "ms", "times ours", "WAL, MB", "times ours", "growth",
              "longest read, ms", "longest write, ms"]  # fmt: skip
    rows = []
    for (case, way), measured in found.items():
        ours = found[case, _OURS]
        times = wal = ""
        if way != _OURS:
            times = str(Ratio.of(measured.milliseconds, ours.milliseconds))
            wal = str(Ratio.of(measured.wal, ours.wal))
        rows.append(
            (
                list(_KEYS).index(way),
                [case.name, way, middle(measured.milliseconds), times,
                 middle([wal / 1e6 for wal in measured.wal]), wal,
                 f"{measured.growth:.2f} in {len(measured.costs)}",
                 _wait(measured.read), _wait(measured.write)],
            )
        )  # fmt: skip
    cases = list(dict.fromkeys(case.name for case, _ in found))
    rows.sort(key=lambda row: (cases.index(str(row[1][0])), row[0]))
    return table(header, [row for _, row in rows])


def _wait(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:,.0f}"


def _explanation(stage: Stage) -> str:
    dbt = (
        "*dbt-postgres* is the run of a dbt project with the view's query as a `materialized_view` that did "
        "not change (on_configuration_change = apply): the time is that of the model, without dbt's start. "
        if stage.dbt
        else "*dbt-postgres* was not measured: there is no dbt here. "
    )
    return (
        f"*{_SEED}* is its function, `REFRESH … CONCURRENTLY` of its view; *{_PLAIN}* is that without "
        f"CONCURRENTLY. {dbt}*{_OURS}* is the same function in incremental mode. Growth is the relation with "
        "its indexes after so many refreshes, times its size before, autovacuum off. Waits are the longest "
        "of a reader of the view and of a writer of stock who come every 5 ms beside one refresh more. "
        f"The read model was refreshed {1 if stage.quick else WARM_UP} times before, without a checkpoint: "
        "most pages that it touches are then logged in part. *Right after a checkpoint* each is logged "
        "whole, as is so where checkpoints come more often than refreshes."
    )


def _idle_text(stage: Stage) -> str:
    """What the machine itself makes a reader and a writer wait."""
    if stage.quick:
        return ""
    shop = stage.deployed(Mode.MATERIALIZED)
    read = _READ.format(view=VIEW, rows=shop.rows)
    with probing(shop, read) as reads, probing(shop, _WRITE.format(rows=shop.rows)) as writes:
        time.sleep(_IDLE_SECONDS)
    return (
        f"While nobody refreshed, for {_IDLE_SECONDS:.0f} s, the longest read took {max(reads):,.0f} ms and "
        f"the longest write {max(writes):,.0f} ms."
    )


def _values(found: dict[tuple[Case, str], Found]) -> dict[str, float]:
    values: dict[str, float] = {}
    for (case, way), measured in found.items():
        ours = found[case, _OURS]
        time_ratio = Ratio.of(measured.milliseconds, ours.milliseconds).median
        wal_ratio = Ratio.of(measured.wal, ours.wal).median
        if way == _SEED:
            values |= {f"{case.key}_time": time_ratio, f"{case.key}_wal": wal_ratio}
        key = f"{case.key}_{_KEYS[way]}"
        milliseconds, wal = sorted(measured.milliseconds), sorted(measured.wal)
        values[f"{key}_ms"] = milliseconds[len(milliseconds) // 2]
        values[f"{key}_wal_bytes"] = wal[len(wal) // 2]
        if way == _OURS:
            values[f"{case.key}_ms"] = values[f"{key}_ms"]
        if measured.read is not None and measured.write is not None:
            values |= {f"{key}_read_ms": measured.read, f"{key}_write_ms": measured.write}
    return values
