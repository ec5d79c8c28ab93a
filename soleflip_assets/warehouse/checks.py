"""What is checked of the warehouse: after each load whether it holds what the log holds, daily the rest.

Here: the checks as Dagster has them. Not here: what is compared (comparing.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import dagster as dg

from soleflip_assets.checks.question import Answer
from soleflip_assets.checks.shown import check_result
from soleflip_assets.ground.resource import Database
from soleflip_assets.warehouse.opening import open_work
from soleflip_assets.warehouse.tables import RESERVATION_EVENT, STOCK_EVENT, Log

PREFIX = "warehouse"

_REPAIR = "`soleflip warehouse compare` repairs it."

# What should be so, and what it means where it is not.
_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "rows_match": (
            "As of the loaded snapshot, each month has as many events as in the shop's log.",
            f"Events are missing from the warehouse, or there twice: its figures are wrong. {_REPAIR}",
        ),
        "sums_match": (
            "As of the loaded snapshot, the events of each month sum up to the same as in the shop's log.",
            f"Values in the warehouse are not those of the shop: its figures are wrong. {_REPAIR}",
        ),
        "versions_do_not_overlap": (
            "Each event is there once, and each version of a row begins when the one before it ends.",
            "A row counts twice for some time, or the server's clock went backwards.",
        ),
        "last_version_is_stock": (
            "The last version of each stock row is the row, but for what was written since the load.",
            "The log does not tell all that happened to stock, or the warehouse does not hold all of it.",
        ),
        "load_is_fresh": (
            "The last load is finished, and not older than the metrics may be.",
            "The pictures show an older state: `soleflip warehouse load` loads now, and says what stops it.",
        ),
    }
)


def asset_key(name: str) -> dg.AssetKey:
    """The asset that is a table of the warehouse."""
    return dg.AssetKey([PREFIX, name])


def _specs(log: Log, names: Sequence[str]) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(name, asset=asset_key(log.name), description=_WORDS[name][0])
        for name in names
    ]


# They read each event, so an hourly load of five million can be followed by them.
AFTER_LOAD = [
    *_specs(STOCK_EVENT, ["rows_match", "sums_match", "load_is_fresh"]),
    *_specs(RESERVATION_EVENT, ["rows_match", "sums_match"]),
]
# They sort the events, or read all of stock.
DAILY = _specs(STOCK_EVENT, ["versions_do_not_overlap", "last_version_is_stock"])

SPECS = [*AFTER_LOAD, *DAILY]


def result(spec: dg.AssetCheckSpec, answer: Answer) -> dg.AssetCheckResult:
    """What came of a check, as Dagster records it."""
    observed = dict(answer.observed)
    severity = dg.AssetCheckSeverity(observed.pop("severity", "ERROR"))
    return check_result(
        spec, Answer(answer.passed, observed), severity=severity, advice=_WORDS[spec.name][1]
    )


@dg.multi_asset_check(name="check_warehouse", specs=SPECS, can_subset=True)
def check_warehouse(
    context: dg.AssetCheckExecutionContext, database: Database
) -> Iterator[dg.AssetCheckResult]:
    """Those that are asked for, on one comparison."""
    comparison = open_work(database).comparison()
    for spec in SPECS:
        if spec.key in context.selected_asset_check_keys:
            yield result(spec, comparison.answer(spec.name, spec.asset_key.path[-1]))


def selection(specs: Sequence[dg.AssetCheckSpec]) -> dg.AssetSelection:
    """Checks, for a job."""
    return dg.AssetSelection.checks(*(spec.key for spec in specs))
