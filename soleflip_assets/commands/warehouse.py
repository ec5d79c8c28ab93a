"""``soleflip warehouse`` and ``dashboard``: load, rebuild, compare, look at and ask the warehouse.

Not here: how any of it is done (warehouse/). The commands that write run a job, so that it is in the UI.
"""

import json
import webbrowser
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import Any

import click

from soleflip_assets.commands.environment import Environment
from soleflip_assets.commands.runs import JobRun
from soleflip_assets.commands.terminal import (
    conclude,
    counted,
    examples,
    fail,
    refuse,
    say,
    show,
    table,
    tell,
)
from soleflip_assets.commands.work import run, with_environment
from soleflip_assets.ground.amounts import told_bytes
from soleflip_assets.ground.state_folder import StateFolder

_MOST_ROWS = 1000


@click.group(
    epilog=examples(
        ("soleflip warehouse load", "what was written since the last load"),
        ("soleflip warehouse status", "what it holds, and as of when"),
        (
            'soleflip warehouse query "SELECT kind, count(*) FROM stock_event GROUP BY 1"',
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
    """A command that needs the packages of the extra ``warehouse``, in prepared surroundings."""

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
    _conclude(done, "The warehouse is up to date")


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
    _conclude(done, "The warehouse is loaded again")


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
    repaired = int(done.output("compare_with_shop"))
    conclude(
        "The warehouse is what the shop is"
        + (f"; what differed was repaired, in {counted(repaired, 'table')}." if repaired else "."),
        run=done.link,
        then="`soleflip warehouse status` shows what it holds",
    )


@click.command(
    epilog=examples(
        ("soleflip warehouse load && soleflip dashboard --open", "from what the shop is now"),
        ("soleflip dashboard", "from what was loaded last, and say where the page is"),
    )
)
@click.option("--open", "open_", is_flag=True, help="Open the page in a browser.")
@_with_warehouse
@click.pass_obj
def dashboard(environment: Environment, *, open_: bool) -> None:
    """Draw the dashboard, one page that needs no network.

    Computes the marts from what the warehouse holds, which `soleflip warehouse load` brings up to now. The
    page shows the day's figures, trends, what lies too long, best and worst; each picture has its table. It
    can be sent or printed.

    Writes: the tables marts.… of the warehouse, and reports/dashboard.html in SOLEFLIP_HOME.

    Exits with 1 when the warehouse is empty or a mart does not add up.
    """
    done = run("build_marts")
    page = StateFolder(path=str(environment.settings.home)).dashboard
    wrong = [check for check in done.checks if not check.passed]
    if wrong:
        fail(
            *(
                f"{check.asset_key.to_user_string()} failed {check.check_name}: {check.description}"
                for check in wrong
            )
        )
    conclude(
        "The dashboard is drawn.",
        run=done.link,
        report=page,
        then="" if open_ else "open that file in a browser; `soleflip dashboard --open` does",
    )
    if open_ and not webbrowser.open(page.as_uri()):
        say("There is no browser here: open that file in one.")


def _conclude(done: JobRun, sentence: str) -> None:
    made = done.result.asset_materializations_for_node("warehouse")
    rows = sum(int(str(each.metadata["rows_written"].value)) for each in made)
    conclude(
        f"{sentence}: {counted(rows, 'row')} written, {done.checked}.",
        run=done.link,
        then='`soleflip warehouse query "SELECT …"` asks it',
    )


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
        show(json.dumps({"folder": stored.folder, "engine": engine, "tables": tables}, indent=2))
        return
    say(f"{stored.folder}, asked by {environment.settings.warehouse_engine}")
    if not found:
        say("nothing is loaded yet: run `soleflip warehouse load`")
        return
    header = ["table", "rows", "files", "size", "as of (UTC)", "lacks"]
    rows = [
        [
            size.name,
            size.rows,
            size.files,
            told_bytes(size.bytes),
            f"{size.loaded_at:%Y-%m-%d %H:%M}" if size.loaded_at else "",
            ", ".join(size.pending),
        ]
        for size in found
    ]
    for line in table(header, rows):
        say(line)
    behind = sum(bool(size.pending) for size in found)
    what = f"{counted(len(found), 'table')}, {counted(sum(size.rows for size in found), 'row')}"
    conclude(
        f"{what}; {behind} of them lack months." if behind else f"{what}; none lacks a month.",
        then="`soleflip warehouse load` brings them up to now",
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
    if as_json:
        show(json.dumps(found.to_pylist(), indent=2, default=str))
        return
    shown = [
        ["" if value is None else value for value in row.values()]
        for row in found.slice(0, _MOST_ROWS).to_pylist()
    ]
    for line in table(found.schema.names, shown):
        show(line)
    left = found.num_rows - len(shown)
    # Standard output is the answer's alone, as it may go into a file.
    conclude(
        f"{counted(found.num_rows, 'row')}.",
        then=f"--json prints the {left:,} rows that are left out here" if left else "",
        out=tell,
    )
