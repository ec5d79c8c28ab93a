"""``soleflip warehouse``: load, rebuild, compare, look at and ask the warehouse.

Not here: how any of it is done (warehouse/). The commands that write run a job, so that it is in the UI.
"""

import json
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from soleflip_assets.commands.environment import Environment
from soleflip_assets.commands.terminal import examples, finish, refuse
from soleflip_assets.commands.work import run, with_environment

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_ROWS = 1000


@click.group(
    epilog=examples(
        ("soleflip warehouse load", "what was written since the last load"),
        ("soleflip warehouse status", "what it holds, and as of when"),
        (
            'soleflip warehouse query "SELECT kind, count(*) FROM stock_event GROUP BY kind"',
            "ask it",
        ),
    )
)
def warehouse() -> None:
    """Load the history into the warehouse, and ask it.

    The warehouse holds every version of every stock row and reservation since the history was installed, with
    the application's orders, products, brands, sizes, suppliers and platforms where there are such tables.
    SOLEFLIP_WAREHOUSE says where its files lie. It is loaded after each refresh and compared daily; these
    commands do so now.

    Writes: files of the warehouse, and its catalog in Dagster's storage; nothing of SoleFlip's.

    Exits with 1 when a load or a comparison failed, 2 where the warehouse's packages are not installed.
    """


def _with_warehouse(command: Callable[..., None]) -> Callable[..., None]:
    """Run a command in prepared surroundings, where the warehouse's packages are there."""

    @wraps(command)
    def require_and_run(*args: Any, **kwargs: Any) -> None:
        if find_spec("pyiceberg") is None:
            refuse(
                "the warehouse's packages are not installed: `make install` or "
                "pip install 'soleflip-assets[platform,warehouse]' brings them."
            )
        with_environment(command)(*args, **kwargs)

    return require_and_run


@warehouse.command(epilog=examples(("soleflip warehouse load", "now")))
@_with_warehouse
def load() -> None:
    """Load what was written since the last load.

    Each event is loaded once, whatever dies on the way; run again, it resumes. The first load, and one from
    another server, takes everything.

    Writes: files of the warehouse, and its catalog in Dagster's storage.

    Exits with 1 when the shop keeps no history, the load failed, or a check failed.
    """
    done = run("load_warehouse")
    finish(done.success, done.errors)


@warehouse.command(
    epilog=examples(
        ("soleflip warehouse rebuild", "everything that the shop's log still has"),
        ("soleflip warehouse rebuild --month 2026-10 --month 2026-11", "two months"),
    )
)
@click.option("--month", "months", multiple=True, help="A month, as 2026-11; may be repeated.")
@_with_warehouse
def rebuild(months: tuple[str, ...]) -> None:
    """Load months of the log again.

    A month that the shop no longer has stays as it is. Readers see each month change at once.

    Writes: files of the warehouse, and its catalog in Dagster's storage.

    Exits with 1 when the load failed or a check failed; run again, it resumes.
    """
    config = {"again": True, "months": list(months)}
    done = run("rebuild_warehouse", {"ops": {"warehouse": {"config": config}}})
    finish(done.success, done.errors)


@warehouse.command(epilog=examples(("soleflip warehouse compare", "as is done daily")))
@_with_warehouse
def compare() -> None:
    """Compare the warehouse with the shop, and repair it.

    Months whose events differ are loaded again, and the application's tables where they differ. Then small
    files are made few, states older than SOLEFLIP_KEEP_WAREHOUSE_DAYS expire, and stray files go.

    Writes: files of the warehouse, and its catalog in Dagster's storage.

    Exits with 1 when something could not be compared or repaired. What differed is told by the checks.
    """
    done = run("compare_warehouse")
    finish(done.success, done.errors)


@warehouse.command(
    epilog=examples(
        ("soleflip warehouse status", "for a person"),
        ("soleflip warehouse status --json", "for a program"),
    )
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@_with_warehouse
@click.pass_obj
def status(environment: Environment, *, as_json: bool) -> None:
    """Show what the warehouse holds, and as of when.

    Writes: nothing.

    Exits with 0 also where nothing is loaded yet.
    """
    from soleflip_assets.warehouse.store import Warehouse  # noqa: PLC0415 it takes seconds
    from soleflip_assets.warehouse.work import sizes  # noqa: PLC0415 as above

    stored = Warehouse.from_environment()
    found = sizes(stored)
    if as_json:
        tables = [
            {
                "table": size.name,
                "rows": size.rows,
                "files": size.files,
                "bytes": size.bytes,
                "loaded_at": size.loaded_at and size.loaded_at.isoformat(),
                "pending": list(size.pending),
            }
            for size in found
        ]
        engine = environment.settings.warehouse_engine
        click.echo(
            json.dumps({"folder": stored.folder, "engine": engine, "tables": tables}, indent=2)
        )
        return
    click.echo(f"{stored.folder}, asked by {environment.settings.warehouse_engine}")
    if not found:
        click.echo("nothing is loaded yet: run `soleflip warehouse load`")
    for size in found:
        as_of = f"  as of {size.loaded_at:%Y-%m-%d %H:%M} UTC" if size.loaded_at else ""
        lacking = f", lacks {', '.join(size.pending)}" if size.pending else ""
        click.echo(
            f"{size.name:28} {size.rows:>12,} rows {size.files:>5} files {size.bytes:>14,} bytes"
            f"{as_of}{lacking}"
        )


@warehouse.command(
    epilog=examples(
        ('soleflip warehouse query "SELECT * FROM load_state"', "as of when it is"),
        ('soleflip warehouse query "SELECT * FROM brand" --json', "for a program"),
    )
)
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON, all of them.")
@_with_warehouse
def query(sql: str, *, as_json: bool) -> None:
    """Ask the warehouse, in SQL.

    SQL is one SELECT. Tables are known by their bare names: stock_event, reservation_event, sales_order,
    product, brand, category, size, supplier, platform, load_state, and the marts. The engine is
    SOLEFLIP_WAREHOUSE_ENGINE.

    Writes: nothing.

    Exits with 2 when the engine does not understand the SQL.
    """
    from soleflip_assets.warehouse.engine import QueryError, open_engine  # noqa: PLC0415 it takes seconds
    from soleflip_assets.warehouse.store import Warehouse  # noqa: PLC0415 as above

    try:
        with open_engine(Warehouse.from_environment()) as engine:
            found = engine.query(sql)
    except QueryError as error:
        refuse(str(error))
        return
    if as_json:
        click.echo(json.dumps(found.to_pylist(), indent=2, default=str))
        return
    for line in _table(found):
        click.echo(line)


def _table(found: "pa.Table") -> list[str]:
    """Rows for a person, the columns below each other."""
    rows = [
        ["" if value is None else str(value) for value in row.values()]
        for row in found.slice(0, _MOST_ROWS).to_pylist()
    ]
    lines = [list(found.schema.names), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(found.num_columns)]
    shown = [
        "  ".join(f"{value:{width}}" for value, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    if found.num_rows > _MOST_ROWS:
        shown.append(f"… {found.num_rows - _MOST_ROWS:,} more rows: --json prints all of them")
    return shown
