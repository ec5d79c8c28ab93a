"""The marts and the dashboard as Dagster assets: what each shows of itself, and its two checks.

One step computes all marts that are asked for: they read each other, and an engine takes a while to start.
Here: what Dagster is told. Not here: computing (building.py), or drawing (pictures.py, dashboard.py).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from soleflip_assets.checks.shown import OWNERS, markdown_table, sql_metadata
from soleflip_assets.ground.private_files import private_folder, write_private_file
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.marts import dashboard
from soleflip_assets.marts.building import build, compare, repeated
from soleflip_assets.marts.catalogue import MARTS, NAMESPACE, Mart
from soleflip_assets.marts.pictures import PICTURED, picture
from soleflip_assets.warehouse.engine import Engine, open_engine
from soleflip_assets.warehouse.store import Warehouse

GROUP = "marts"

GRAIN_HOLDS = "grain_holds"
ADDS_UP = "adds_up"

_RAW = "warehouse"
_SHOWN_ROWS = 20

DASHBOARD = dg.AssetKey([NAMESPACE, "dashboard"])


def dashboard_file(state: StateFolder) -> Path:
    """Where the page is."""
    return state.reports / "dashboard.html"


def key(mart: Mart) -> dg.AssetKey:
    """The asset of a mart."""
    return dg.AssetKey([NAMESPACE, mart.name])


def _source(name: str) -> dg.AssetKey:
    known = {mart.name for mart in MARTS}
    return dg.AssetKey([NAMESPACE if name in known else _RAW, name])


def _described(mart: Mart) -> str:
    return (
        f"{mart.description}\n\nOne row: {', '.join(mart.grain)}.\n\nUnknown: {mart.unknown}\n\n"
        "Seen in the [dashboard](/assets/marts/dashboard): `soleflip dashboard --open`."
    )


def _spec(mart: Mart) -> dg.AssetSpec:
    return dg.AssetSpec(
        key(mart),
        deps=[_source(name) for name in mart.reads if name != "load_state"],
        description=_described(mart),
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
    name="build",
    specs=[_spec(mart) for mart in MARTS],
    check_specs=[spec for mart in MARTS for spec in _check_specs(mart)],
    can_subset=True,
)
def marts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Compute the marts that are asked for, each after those that it reads; then compare all of them."""
    asked = [mart for mart in MARTS if key(mart) in context.selected_asset_keys]
    warehouse = Warehouse.from_environment()
    with open_engine(warehouse) as engine:
        _require_loaded(engine)
        built = [(mart, build(warehouse, engine, mart)) for mart in asked]
        for mart, rows in built:
            yield dg.MaterializeResult(
                asset_key=key(mart),
                metadata=_shown(mart, rows),
                check_results=_checked(engine, mart, rows),
            )


def _require_loaded(engine: Engine) -> None:
    (state,) = engine.query("SELECT load_state.loaded_at FROM load_state").to_pylist()
    if state["loaded_at"] is None:
        raise dg.Failure(
            "The warehouse is empty: load it with `soleflip warehouse load`.", allow_retries=False
        )


def _checked(engine: Engine, mart: Mart, rows: pa.Table) -> list[dg.AssetCheckResult]:
    wrong = repeated(rows, mart.grain)
    compared = compare(engine, mart)
    unequal = [found.what for found in compared if not found.equal]
    return [
        dg.AssetCheckResult(
            passed=wrong == 0,
            asset_key=key(mart),
            check_name=GRAIN_HOLDS,
            severity=dg.AssetCheckSeverity.ERROR,
            description=None
            if wrong == 0
            else "Something is counted twice: sums over it are wrong.",
            metadata={"rows": rows.num_rows, "rows_repeated": wrong},
        ),
        dg.AssetCheckResult(
            passed=not unequal,
            asset_key=key(mart),
            check_name=ADDS_UP,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"It does not equal what it is made of: {', '.join(unequal)}."
            if unequal
            else None,
            metadata={
                "compared": dg.MetadataValue.md(
                    markdown_table(
                        ("What", "Found", "Expected"),
                        [(one.what, str(one.found), str(one.expected)) for one in compared],
                    )
                )
            },
        ),
    ]


def _shown(mart: Mart, rows: pa.Table) -> dict[str, Any]:
    """What the UI shows of a mart that was computed: how many rows, which columns, the figures."""
    schema = [
        dg.TableColumn(
            field.name,
            str(field.type),
            mart.columns[field.name],
            # What it cannot know may be empty; what one row is of may not.
            dg.TableColumnConstraints(nullable=field.name not in mart.grain),
        )
        for field in rows.schema
    ]
    shown: dict[str, Any] = {
        "dagster/row_count": rows.num_rows,
        "dagster/column_schema": dg.TableSchema(columns=schema),
    }
    if mart.name in PICTURED:
        drawn = picture(mart.name, rows.to_pylist())
        shown["says"] = drawn.says
        shown["figures"] = dg.MetadataValue.md(_preview(drawn.header, drawn.rows))
    else:
        first = rows.slice(0, _SHOWN_ROWS).to_pylist()
        values = [[_cell(value) for value in row.values()] for row in first]
        shown["first_rows"] = dg.MetadataValue.md(_preview(rows.schema.names, values))
    return shown


def _preview(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(header, rows[:_SHOWN_ROWS])


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


@dg.asset(
    key=DASHBOARD,
    deps=[dg.AssetKey([NAMESPACE, name]) for name in dashboard.NEEDED],
    group_name=GROUP,
    kinds={"html"},
    owners=OWNERS,
    description="All pictures and the day's figures on one page: a file that needs no network.",
)
def dashboard_page(state: StateFolder) -> dg.MaterializeResult[None]:
    """Draw the page, and put it in the place of the last one."""
    warehouse = Warehouse.from_environment()
    read = {name: warehouse.read(f"{NAMESPACE}.{name}") for name in dashboard.NEEDED}
    page = dashboard.page(read.__getitem__)
    path = dashboard_file(state)
    private_folder(path.parent)
    write_private_file(path, page)
    today = dashboard.day_of(read[dashboard.TODAY])
    figures = [
        (figure.name, figure.value, "; ".join(line.text for line in figure.beside))
        for figure in dashboard.figures(today)
    ]
    return dg.MaterializeResult(
        metadata={
            "file": dg.MetadataValue.path(path),
            "bytes": len(page.encode()),
            "figures": dg.MetadataValue.md(markdown_table(("", "", ""), figures)),
        }
    )
