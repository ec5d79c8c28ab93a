"""The commands that drop the old tables. Not here: when they may be dropped (phase2/retirement.py)."""

import click

from soleflip_assets.commands.terminal import conclude, examples
from soleflip_assets.commands.work import as_owner, run
from soleflip_assets.phase2.retirement import BACKUP_RETIREMENT, LEGACY_RETIREMENT, Retirement

_yes = click.option("--yes", is_flag=True, help="Drop them; without it nothing is dropped.")


@click.command(
    "drop-legacy",
    epilog=examples(
        ("soleflip drop-legacy", "ask: what is missing, and until when"),
        ("soleflip drop-legacy --rewrite-views", "make the views on them read stock"),
        ("soleflip drop-legacy --yes", "drop, if nothing is"),
    ),
)
@_yes
@click.option(
    "--rewrite-views",
    is_flag=True,
    help="Give views that read the tables the same rows from stock.",
)
@as_owner
def drop_legacy(*, yes: bool, rewrite_views: bool) -> None:
    """Drop the legacy tables, once nobody can need them.

    That is: two weeks after the deployment, a week after the last write to them, with every validation
    passed within a day, the dump proven by a drill, and no object that depends on them. Without --yes it
    only says how each of these stands.

    For each view on the tables it prints the definition on inventory.stock that is proven to give the same
    rows. --rewrite-views applies it, also without --yes: owner, privileges, options, comments and
    indexes stay. A view that cannot have the same rows stays as it is, and the tables stay as long as it
    does; move or drop it by hand.

    Writes: nothing without an option; with --rewrite-views, these views; with --yes, drops
    inventory.stock_financial, stock_lifecycle and stock_metrics, all three or none. Works as the owner
    (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 while a condition is not met, also without --yes.
    """
    _retire(
        LEGACY_RETIREMENT,
        "drop_legacy_tables",
        "retire_legacy_tables",
        {"dry_run": not yes, "rewrite_views": rewrite_views},
        then="`soleflip drop-backups` says when the backups may follow",
    )


@click.command(
    "drop-backups",
    epilog=examples(
        ("soleflip drop-backups", "ask: what is missing, and until when"),
        ("soleflip drop-backups --yes", "drop, if nothing is"),
    ),
)
@_yes
@as_owner
def drop_backups(*, yes: bool) -> None:
    """Drop the backups, a month after the deployment.

    The legacy tables must be gone, and no object depend on the backups. Without --yes it only says how each
    condition stands.

    Writes: nothing without --yes; with it, drops the three backups, all or none. Works as the owner
    (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 while a condition is not met, also without --yes.
    """
    _retire(
        BACKUP_RETIREMENT,
        "drop_backup_tables",
        "retire_backup_tables",
        {"dry_run": not yes},
        then="nothing: Phase 2 is finished; keep the dump",
    )


def _retire(
    retirement: Retirement, job: str, op: str, config: dict[str, bool], *, then: str
) -> None:
    done = run(job, {"ops": {op: {"config": config}}})
    if done.output(op):
        conclude(f"Dropped: {', '.join(retirement.names)}.", run=done.link, then=then)
    elif not config["dry_run"]:
        conclude("There was nothing to drop.", run=done.link)
    else:
        conclude(
            "Nothing was dropped: the lines above say what is, or would be.",
            run=done.link,
            then="the same command with --yes drops them, if they are still there",
        )
