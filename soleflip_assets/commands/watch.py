"""The commands that keep the metrics fresh and say how the platform is.

Not here: how a refresh is done (metrics/), or what counts as dead (status.py).
"""

import json

import click
from sqlalchemy.engine import URL

from soleflip_assets.commands.environment import Environment
from soleflip_assets.commands.status import current_status
from soleflip_assets.commands.terminal import (
    conclude,
    counted,
    examples,
    excluding,
    fail,
    listed,
    say,
    show,
)
from soleflip_assets.commands.work import as_owner, run, with_environment
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.tables import STOCK_METRICS_VIEW
from soleflip_assets.metrics import pg_cron


@click.command(
    epilog=examples(
        ("soleflip refresh", "now"),
        ("soleflip refresh --install-pg-cron", "every hour in the database, without Dagster"),
        ("soleflip refresh --remove-pg-cron", "every hour by Dagster's schedule again"),
    )
)
@click.option("--install-pg-cron", is_flag=True, callback=excluding("remove_pg_cron"),
              help="From now on let pg_cron, in the database, refresh every hour.")  # fmt: skip
@click.option("--remove-pg-cron", is_flag=True, callback=excluding("install_pg_cron"),
              help="From now on let the hourly schedule refresh again.")  # fmt: skip
@with_environment
@click.pass_obj
def refresh(environment: Environment, *, install_pg_cron: bool, remove_pg_cron: bool) -> None:
    """Refresh the metrics now, or choose who does so hourly.

    Refreshes inventory.stock_metrics_view and checks it. Where pg_cron refreshes, the hourly schedule records
    and checks what it did, and never refreshes itself.

    Writes: the view, and a row in inventory_ops.metrics_refresh; with an option, a job in cron.job instead.

    Exits with 1 when the refresh or a check failed, 2 where pg_cron cannot be used.
    """
    if install_pg_cron or remove_pg_cron:
        _schedule_refresh(environment.database_url, install=install_pg_cron)
        return
    done = run("refresh_stock_metrics")
    rows = int(done.metadata(*key_of(STOCK_METRICS_VIEW).path)["dagster/row_count"])
    conclude(
        f"inventory.stock_metrics_view is fresh: {counted(rows, 'row')}, {done.checked}.",
        run=done.link,
        then="nothing; `soleflip status` says who refreshes hourly",
    )


def _schedule_refresh(url: URL, *, install: bool) -> None:
    engine = create_database_engine(url)
    if install:
        conclude(
            f"From now on pg_cron refreshes at the top of every hour: its job is {pg_cron.install(engine)}.",
            then="`soleflip status` shows its last run; --remove-pg-cron undoes this",
        )
        return
    ended = pg_cron.remove(engine)
    conclude(
        f"From now on the hourly schedule refreshes; jobs of pg_cron ended: {listed(ended) or 'none'}.",
        then="`soleflip up`, or the daemon, has to run for that",
    )


# What a switch to each mode means from then on.
_KEPT = {
    "materialized": "a refresh computes all rows",
    "incremental": "a refresh computes the rows that changed",
    "live": "the view computes what a query reads, and needs no refresh",
}


@click.command(
    epilog=examples(
        ("soleflip metrics --mode incremental", "where a refresh takes long"),
        (
            "soleflip metrics --mode live",
            "where a query is quick without: never refreshed, never old",
        ),
        ("soleflip metrics --mode materialized", "back, to the view as specified"),
    )
)
@click.option("--mode", type=click.Choice(list(_KEPT)), required=True,
              help="Recompute all rows at each refresh, those that changed, or none.")  # fmt: skip
@as_owner
def metrics(*, mode: str) -> None:
    """Choose how the metrics are kept: anew, incrementally, or live.

    materialized is the view as Phase 2 deploys it. In incremental mode it is a view of a table that a queue
    of changes keeps up to date: a refresh takes as long as there are changes, not as there is stock. live is
    a view of stock itself: nothing is stored, so nothing grows old and there is nothing to refresh; it has
    no indexes, so a rare range of the metrics reads all of stock. Readers of the view and writers of stock go
    on during the switch.

    Writes: in incremental mode a table, a queue and triggers on stock; a view that stores rows is swapped
    once it is proven equal. Works as the owner (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 when the two differ or a step failed; run again, it resumes.
    """
    config = {"mode": mode.upper(), "dry_run": False}
    done = run("switch_metrics_mode", {"ops": {"switch_mode": {"config": config}}})
    switched = done.output("switch_mode")
    conclude(
        f"From now on {_KEPT[mode]}."
        if switched
        else f"Nothing was changed: {_KEPT[mode]} already.",
        run=done.link,
        then="`soleflip refresh` shows what a refresh costs now"
        if switched and mode != "live"
        else "",
    )


@click.command(
    epilog=examples(
        ("soleflip housekeeping --dry-run", "what would go"),
        ("SOLEFLIP_KEEP_DUMPS=10 soleflip housekeeping", "keep more of the dumps"),
    )
)
@click.option("--dry-run", is_flag=True, help="Only say what would go; delete nothing.")
@with_environment
def housekeeping(*, dry_run: bool) -> None:
    """Prune old events, dumps and reports, as is done daily.

    What is plotted stays, and the present state of every asset and check; so do the last dump that a restore
    drill has proven, and that of the current deployment. SOLEFLIP_KEEP_… say how much stays.

    Writes: deletes rows of Dagster's storage in batches, and files of SOLEFLIP_HOME; nothing of SoleFlip's.

    Exits with 1 when something could not be deleted; what was deleted before stays so.
    """
    ops = ("prune_event_log", "delete_old_files")
    done = run("housekeeping", {"ops": {op: {"config": {"dry_run": dry_run}} for op in ops}})
    events, files = (done.output(op) for op in ops)
    what = f"{counted(events, 'event')} of Dagster's log and {counted(files, 'old file')}"
    conclude(
        f"Nothing was deleted; {what} would be." if dry_run else f"Deleted {what}.",
        run=done.link,
        then="`soleflip housekeeping` deletes them" if dry_run and events + files else "",
    )


@click.command(
    epilog=examples(
        ("soleflip status", "for a person"),
        ("soleflip status --json", "for a monitor: alive, dead, daemons, failing, undelivered, …"),
    )
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@with_environment
@click.pass_obj
def status(environment: Environment, *, as_json: bool) -> None:
    """Show daemons, schedules, the last refresh and alerts.

    Writes: nothing.

    Exits with 1 when something is dead: a daemon without a heartbeat, a schedule that is stopped or whose
    last tick failed, metrics that are too old, a target that does not take alerts. A failed check is shown
    and does not make it exit with 1.
    """
    found = current_status(environment.database_url)
    if as_json:
        show(json.dumps(found.as_json, indent=2))
    else:
        for line in found.lines:
            say(line)
    if found.dead:
        fail(*(f"{sentence.rstrip('.')}." for sentence in found.told_dead))
    if not as_json:
        conclude("All that should be alive is alive.", then="; ".join(found.advice))
