"""The database that the owner has, adopted beside live traffic by a deployment that is killed many times.

From each state of the sample. pgbench reads and writes at fixed rates, as the application of that state does,
and keeps with each write what it wrote. The deployment is killed by SIGKILL at points spread over all that it
changes, run again each time, and at last ends. Then every value that was written stands in stock, every
validation passes, and each object is as one undisturbed deployment makes it. Measured is the worst wait.
"""

import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.deployment import AFTER_SECONDS, BEFORE_SECONDS, READS, WRITES
from benchmarks.harness import number, table, traffic
from benchmarks.results import Section
from benchmarks.shop import Shop, Stage, build_legacy
from soleflip_assets.checks.question import ask_all
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import Sample
from soleflip_assets.phase2.steps import deploy
from tests.integration.phase2.deaths import CHANGES, Crash, killed_at_change
from tests.integration.phase2.state import definitions

STATES: dict[Sample, str] = {
    "busy": "before Phase 2",
    "applied": "applied by hand",
    "legacy_dropped": "legacy tables dropped",
    "backups_dropped": "backups dropped, too",
}
DEATHS = 10

_WITNESS = """
    CREATE TABLE public.witness (
      n bigserial PRIMARY KEY, stock_id uuid NOT NULL, fact text NOT NULL, value jsonb
    )
"""
_LOST = """
    SELECT count(*)
    FROM (
      SELECT DISTINCT ON (stock_id, fact) stock_id, fact, value
      FROM public.witness ORDER BY stock_id, fact, n DESC
    ) AS written
    JOIN inventory.stock ON stock.id = written.stock_id
    WHERE to_jsonb(stock) -> written.fact IS DISTINCT FROM written.value
"""
_READS = r"""
    \set n random(1, :rows)
    SELECT stock.quantity, stock.status FROM public.item JOIN inventory.stock ON stock.id = item.id
    WHERE item.n = :n;
"""
# A row is locked from its write on, so that the witnesses of one row have the order of its writes.
_WRITE = r"""
    WITH written AS (
      UPDATE inventory.{table} SET {changes}, updated_at = now()
      FROM public.item WHERE item.n = :n AND {table}.{key} = item.id
      RETURNING {table}.{key} AS stock_id, {table}.{fact} AS value
    )
    INSERT INTO public.witness (stock_id, fact, value)
    SELECT stock_id, '{fact}', to_jsonb(value) FROM written;
"""
_UNITS = "reserved_quantity = least(:units, {quantity})"
# What the application changes with each fact: before Phase 2, and since.
_CHANGES = {
    "reserved_quantity": (
        "stock_metrics",
        _UNITS.format(quantity="available_quantity + reserved_quantity")
        + ", available_quantity = available_quantity + reserved_quantity"
        " - least(:units, available_quantity + reserved_quantity)",
        _UNITS.format(quantity="quantity"),
    ),
    "listed_on_platforms": (
        "stock_lifecycle",
        *2 * ("listed_on_platforms = jsonb_build_array(:n)",),
    ),
    "status_history": ("stock_lifecycle", *2 * ("status_history = jsonb_build_array(:n, :units)",)),
}


def run(stage: Stage) -> Section:
    """Measure."""
    rows: list[list[object]] = []
    values: dict[str, float] = {}
    with stage.setting("autovacuum", on=True):
        for state, told in STATES.items():
            stage.tell(f"adoption: {told}")
            waits, seconds, deaths, written = _adopted(stage, state)
            worst = {kind: max(found) for kind, found in waits.items()}
            values |= {f"adoption_{state}_{kind}_ms": wait for kind, wait in worst.items()}
            rows.append(
                [
                    told,
                    deaths,
                    f"{seconds:,.1f}",
                    f"{written:,}",
                    *(f"{wait:,.0f}" for wait in worst.values()),
                ]
            )
    values["adoption_worst_ms"] = max(values.values())
    explanation = (
        f"Beside {READS} reads and {WRITES} writes a second, which count from when they were due. The "
        f"deployment is killed {DEATHS} times by SIGKILL, at points spread over all that it changes, and run "
        "again at once. At the end the last value that was written to each row stands in stock, every "
        "validation passes, and each object is as an undisturbed deployment makes it."
    )
    header = ["from", "killed", "whole, s", "writes kept", "worst read, ms", "worst write, ms"]
    return Section("Adoption under load", f"{explanation}\n\n{table(header, rows)}", values)


def _adopted(stage: Stage, state: Sample) -> tuple[dict[str, list[float]], float, int, int]:
    """Deploy on a shop in a state, and die.

    Returns:
        The waits in milliseconds, the seconds of the whole, how often it died, the number of writes.
    """
    name = f"adoption_{state}"
    original = build_legacy(stage.server, name, stage.rows, state)
    with original.connect() as connection:
        connection.execute(_WITNESS.encode())
    undisturbed = stage.copy(original, f"{name}_undisturbed")
    changes = _deploy(undisturbed, stage)
    shop = stage.copy(original, f"{name}_killed")
    stage.drop(original)
    waits, seconds, deaths = _deployed_under_load(shop, state, changes, stage.folder / name)
    stage.tell(f"adoption: {deaths} deaths, {seconds:,.1f} s")
    written = _require_nothing_lost(shop)
    if definitions(shop.url) != definitions(undisturbed.url):
        raise RuntimeError(f"from {state!r}, {deaths} deaths ended in other objects than none")
    for each in (undisturbed, shop):
        stage.drop(each)
    return waits, seconds, deaths, written


def _deploy(shop: Shop, stage: Stage) -> int:
    """Deploy to the end.

    Returns:
        The number of statements that changed something.
    """
    engine = create_database_engine(shop.url)
    count = Crash(engine, CHANGES, 0)
    with Deployer(engine, log=stage.tell) as deployer:
        deploy(deployer)
    engine.dispose()
    return count.count


def _deployed_under_load(
    shop: Shop, state: Sample, changes: int, folder: Path
) -> tuple[dict[str, list[float]], float, int]:
    folder.mkdir()
    scripts = {"reads": _READS, "writes": _writes(state)}
    deaths = 0
    with ExitStack() as stack:
        waits = {
            kind: stack.enter_context(traffic(shop, kind, scripts[kind], rate, folder))
            for kind, rate in (("reads", READS), ("writes", WRITES))
        }
        time.sleep(BEFORE_SECONDS)
        begun = time.monotonic()
        # What a run has done, the next one leaves alone: so each dies a step further.
        while deaths < DEATHS and killed_at_change(shop.url, max(2, changes // (DEATHS + 1))):
            deaths += 1
        with Deployer(create_database_engine(shop.url), log=lambda _: None) as deployer:
            deploy(deployer)
        seconds = time.monotonic() - begun
        time.sleep(AFTER_SECONDS)
    return waits, seconds, deaths


def _writes(state: Sample) -> str:
    """A pgbench script: into the legacy tables before Phase 2, into stock alone after it."""
    lines = [
        r"\set n random(1, :rows)",
        r"\set units random(0, 3)",
        rf"\set kind random(1, {len(_CHANGES)})",
    ]
    for position, (fact, (legacy, before, since)) in enumerate(_CHANGES.items()):
        changes, target, key = (
            (before, legacy, "stock_id") if state == "busy" else (since, "stock", "id")
        )
        lines += [
            rf"\{'elif' if position else 'if'} :kind = {position + 1}",
            _WRITE.format(table=target, key=key, fact=fact, changes=changes),
        ]
    return "\n".join([*lines, r"\endif"])


def _require_nothing_lost(shop: Shop) -> int:
    """See that all is right.

    Returns:
        How many writes there were.
    """
    with shop.connect() as connection:
        connection.execute("SELECT inventory.refresh_stock_metrics()")
        lost = number(connection, _LOST)
        written = number(connection, "SELECT count(*) FROM public.witness")
    with create_database_engine(shop.url).connect() as engine_connection:
        wrong = [
            question.name
            for question, answer in ask_all(engine_connection, VALIDATIONS)
            if not answer.passed
        ]
    if lost or wrong:
        raise RuntimeError(
            f"{lost:,.0f} written values were lost; these validations failed: {wrong}"
        )
    return round(written)
