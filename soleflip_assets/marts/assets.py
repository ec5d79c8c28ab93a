"""The marts and the dashboard as Dagster assets: what each shows of itself, and its two checks.

One step computes all marts that are asked for: they read each other, and an engine takes a while to start.
Here: what Dagster is told. Not here: the work (making.py).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from soleflip_assets.checks.shown import OWNERS, markdown_table, sql_metadata
from soleflip_assets.ground.amounts import megabytes
from soleflip_assets.ground.private_files import private_folder, write_private_file
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.marts.catalogue import MARTS, NAMESPACE, PICTURED, TODAY, Mart
from soleflip_assets.warehouse.assets import POOL
from soleflip_assets.warehouse.checks import asset_key as loaded_key

if TYPE_CHECKING:
    from soleflip_assets.marts.making import Made, Making

GROUP = "marts"

GRAIN_HOLDS = "grain_holds"
ADDS_UP = "adds_up"

DASHBOARD = dg.AssetKey([NAMESPACE, "dashboard"])


def making(tell: Callable[[str], None]) -> "Making":
    """The work on the environment's warehouse.

    Args:
        tell: gets a sentence where somebody else is at it.
    """
    # Its packages take seconds and a hundred megabytes, which a refresh of the metrics need not wait for.
    from soleflip_assets.marts.making import Making  # noqa: PLC0415

    return Making.from_environment(tell)


def key(mart: Mart) -> dg.AssetKey:
    """The asset of a mart."""
    return dg.AssetKey([NAMESPACE, mart.name])


def _source(name: str) -> dg.AssetKey:
    known = {mart.name: key(mart) for mart in MARTS}
    return known.get(name) or loaded_key(name)


def _spec(mart: Mart) -> dg.AssetSpec:
    return dg.AssetSpec(
        key(mart),
        # As of when something was loaded is no table.
        deps=[_source(name) for name in mart.reads if name != "load_state"],
        description=(
            f"{mart.description}\n\nOne row: {', '.join(mart.grain)}.\n\nUnknown: {mart.unknown}\n\n"
            "On the [dashboard](/assets/marts/dashboard): `soleflip dashboard --open`."
        ),
        group_name=GROUP,
        kinds={"iceberg", "sql"},
        owners=OWNERS,
        metadata={"dagster/table_name": mart.table, **sql_metadata([mart.file])},
    )


def _check_specs(mart: Mart) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            GRAIN_HOLDS,
            asset=key(mart),
            description=f"No two rows are of the same {' and '.join(mart.grain)}, and none is of nothing.",
        ),
        dg.AssetCheckSpec(ADDS_UP, asset=key(mart), description=mart.adds_up.description),
    ]


@dg.multi_asset(
    name="marts",
    specs=[_spec(mart) for mart in MARTS],
    check_specs=[spec for mart in MARTS for spec in _check_specs(mart)],
    can_subset=True,
    # A load would change what they are compared with.
    pool=POOL,
)
def marts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Compute the marts that are asked for, each after those that it reads; then compare all of them."""
    asked = [mart for mart in MARTS if key(mart) in context.selected_asset_keys]
    for made in making(context.log.info).make(asked):
        yield dg.MaterializeResult(
            asset_key=key(made.mart), metadata=_metadata(made), check_results=_checked(made)
        )


def _checked(made: "Made") -> list[dg.AssetCheckResult]:
    unequal = [found.what for found in made.compared if not found.equal]
    rows = [(one.what, str(one.found), str(one.expected)) for one in made.compared]
    return [
        dg.AssetCheckResult(
            passed=made.repeated == 0,
            asset_key=key(made.mart),
            check_name=GRAIN_HOLDS,
            severity=dg.AssetCheckSeverity.ERROR,
            description="Something is counted twice: sums over it are wrong."
            if made.repeated
            else None,
            metadata={"rows": made.rows, "rows_repeated": made.repeated},
        ),
        dg.AssetCheckResult(
            passed=not unequal,
            asset_key=key(made.mart),
            check_name=ADDS_UP,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"It does not equal what it is made of: {', '.join(unequal)}."
            if unequal
            else None,
            metadata={
                "compared": dg.MetadataValue.md(markdown_table(("What", "Found", "Expected"), rows))
            },
        ),
    ]


def _metadata(made: "Made") -> dict[str, Any]:
    """What the UI shows of a mart that was computed: how many rows, which columns, the figures."""
    mart = made.mart
    columns = [
        # What it cannot know may be empty; what one row is of may not.
        dg.TableColumn(
            name,
            kind,
            mart.columns[name],
            dg.TableColumnConstraints(nullable=name not in mart.grain),
        )
        for name, kind in made.columns.items()
    ]
    shown = dg.MetadataValue.md(markdown_table(made.header, made.shown))
    return {
        "dagster/row_count": made.rows,
        "dagster/column_schema": dg.TableSchema(columns=columns),
        **({"says": made.says, "figures": shown} if made.says else {"first_rows": shown}),
    }


@dg.asset(
    key=DASHBOARD,
    deps=[dg.AssetKey([NAMESPACE, name]) for name in (TODAY, *PICTURED)],
    group_name=GROUP,
    kinds={"html"},
    owners=OWNERS,
    description="All pictures and the day's figures on one page: a file that needs no network. "
    "`soleflip dashboard --open` shows it.",
)
def dashboard_page(
    context: dg.AssetExecutionContext, state: StateFolder
) -> dg.MaterializeResult[None]:
    """Draw the page, and put it in the place of the last one."""
    work = making(context.log.info)
    page = work.page()
    path = state.dashboard
    private_folder(path.parent)
    write_private_file(path, page)
    figures = [
        (figure.name, figure.value, "; ".join(line.text for line in figure.beside))
        for figure in work.today().figures
    ]
    return dg.MaterializeResult(
        metadata={
            "file": path.name,
            "megabytes": megabytes(len(page.encode())),
            "figures": dg.MetadataValue.md(markdown_table(("", "", ""), figures)),
        }
    )
