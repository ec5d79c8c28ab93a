"""The command that turns tables of the shop into partitions by month. Not here: how (partitioning/)."""

import json
from collections.abc import Sequence
from typing import Any

import click

from soleflip_assets.commands.environment import Environment
from soleflip_assets.commands.status import looking_engine
from soleflip_assets.commands.terminal import (
    UsageRefusal,
    conclude,
    configuration_errors,
    counted,
    examples,
    mark,
    say,
    show,
)
from soleflip_assets.commands.work import as_owner, run, with_environment
from soleflip_assets.ground.amounts import told_bytes
from soleflip_assets.ground.settings import Settings
from soleflip_assets.partitioning.keeping import BEING_CONVERTED, kept, shown
from soleflip_assets.partitioning.names import Keep
from soleflip_assets.partitioning.record import managed_tables


@click.command(
    epilog=examples(
        (
            "soleflip partition logging.event_store --by timestamp --check",
            "what would it meet, what would change",
        ),
        (
            "soleflip partition logging.event_store --by timestamp --keep 60d",
            "while the shop goes on",
        ),
        ("soleflip partition --list", "sizes, months, retention"),
        ("soleflip partition logging.event_store --undo", "an ordinary table again"),
        ("soleflip partition --months", "make months and drop old ones now, as is done daily"),
    )
)
@click.argument("table", required=False)
@click.option("--by", "column", help="The time column: a timestamp or a date.")
@click.option(
    "--keep",
    metavar="60d|12mo",
    help="Drop a month so long after its end; without it, all are kept.",
)
@click.option("--archive", is_flag=True, help="Archive a month to Parquet before it is dropped.")
@click.option("--check", "--dry-run", "check", is_flag=True,
              help="Only say what stands in the way and what would change; change nothing.")  # fmt: skip
@click.option(
    "--undo",
    is_flag=True,
    help="Make it an ordinary table again, or give up a conversion that died.",
)
@click.option("--wait", is_flag=True,
              help=(
                  "With --undo or --months: copy however many rows, while readers and writers "
                  "wait."
              ))  # fmt: skip
@click.option(
    "--months", is_flag=True, help="Make months ahead and drop old ones, of all tables, now."
)
@click.option(
    "--list", "as_list", is_flag=True, help="Show the tables that are kept in partitions."
)
@click.option("--json", "as_json", is_flag=True, help="With --list, print JSON.")
def partition(
    *,
    table: str | None,
    column: str | None,
    keep: str | None,
    archive: bool,
    check: bool,
    undo: bool,
    wait: bool,
    months: bool,
    as_list: bool,
    as_json: bool,
) -> None:
    """Keep a table that only grows in partitions by month.

    TABLE is an ordinary table with its schema. It becomes the first partition as it stands, which is not
    rewritten, and ends with next month; each later month is a partition of its own. Readers and writers go
    on, but for some milliseconds. Keys, indexes, defaults, identity, foreign keys, triggers, privileges,
    comments, views and publications come along. --check says what stands in the way, and what will be
    another way: a UNIQUE that becomes unique per month, an INSERT … ON CONFLICT that fails. Run again, it
    resumes a conversion that died, or sets another retention. A row that is in no month is kept in a
    partition of the rest.

    Writes: the table, its partitions, and a row in inventory_ops.partitioned_table. Works as the owner of the
    table (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 when something stands in the way or a step failed, 2 for wrong usage.
    """
    chosen = [as_list, months, undo, column is not None]
    if sum(chosen) != 1 or (table is None) != (as_list or months):
        raise UsageRefusal("Name a TABLE with --by or --undo, or say --list or --months alone.")
    if (wait and not (undo or months)) or (as_json and not as_list):
        raise UsageRefusal("--wait goes with --undo or --months, --json with --list.")
    if (keep or archive) and column is None:
        raise UsageRefusal("--keep and --archive go with --by.")
    with configuration_errors():
        if keep:
            Keep.parse(keep)
    if as_list:
        _list(as_json=as_json)
    elif months:
        _keep({"dry_run": check, "wait": wait})
    else:
        config = {
            "table": table,
            "column": column or "",
            "keep": keep or "",
            "archive": archive,
            "undo": undo,
            "wait": wait,
            "dry_run": check,
        }
        _partition(config)


@as_owner
def _partition(config: dict[str, Any]) -> None:
    done = run("partition_table", {"ops": {"partition": {"config": config}}})
    table = config["table"]
    if config["dry_run"]:
        conclude(
            f"Nothing stands in the way of {table}, and nothing was changed.",
            run=done.link,
            then="the same without --check",
        )
    elif config["undo"]:
        conclude(f"{table} is an ordinary table again.", run=done.link)
    else:
        conclude(
            f"{table} is kept in partitions by month.",
            run=done.link,
            then="`soleflip partition --list` shows them",
        )


@as_owner
def _keep(config: dict[str, Any]) -> None:
    done = run("keep_partitions", {"ops": {"keep": {"config": config}}})
    conclude(
        "Nothing was changed."
        if config["dry_run"]
        else "Every table in partitions has its months, and none that is over.",
        run=done.link,
    )


@with_environment
@click.pass_obj
def _list(environment: Environment, *, as_json: bool) -> None:
    url = Settings.from_environment().owner_database_url or environment.database_url
    with looking_engine(url).connect() as connection:
        found = [shown(kept(connection, managed)) for managed in managed_tables(connection)]
    if as_json:
        show(json.dumps(found, indent=2))
    elif not found:
        say("No table is kept in partitions: see `soleflip partition --help`.")
    else:
        for row in found:
            for line in _lines(row):
                say(line)
        conclude(f"{counted(len(found), 'table')} in partitions by month.", then=resumption(found))


def resumption(found: Sequence[dict[str, Any]]) -> str:
    """What to do about a conversion that died.

    Args:
        found: the tables, as they are listed.

    Returns:
        A sentence; empty where no conversion has begun and not ended.
    """
    begun = [row for row in found if row["state"] == BEING_CONVERTED]
    if not begun:
        return ""
    table, column = begun[0]["table"], begun[0]["column"]
    again = f"`soleflip partition {table} --by {column}` resumes it"
    return f"if nobody converts {table} at this moment, {again}, and --undo gives it up"


def _lines(row: dict[str, Any]) -> list[str]:
    """A table in partitions, in a terminal of 80 columns."""
    keep = f"{row['keep']} after its end" if row["keep"] else "for ever"
    archived = ", archived before it is dropped" if row["archive"] else ""
    months = counted(row["months"], "month") + (
        f", {row['first_month']} to {row['last_month']}" if row["months"] else ""
    )
    well = row["next_month"] and not row["rows_in_rest"]
    size = f"{counted(row['rows'], 'row')}, {told_bytes(row['bytes'])}"
    following = f"next month {'is there' if row['next_month'] else 'IS MISSING'}"
    return [
        f"{mark(well)} {row['table']} by {row['column']}: {row['state']}, {size}",
        f"    {months}; {following}; {counted(row['rows_in_rest'], 'row')} in no month",
        f"    a month is kept {keep}{archived}",
    ]
