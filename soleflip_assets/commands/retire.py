"""The commands that drop the old tables. Not here: when they may be dropped (phase2/retirement.py)."""

import click

from soleflip_assets.commands.terminal import examples, finish
from soleflip_assets.commands.work import as_owner, run

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
    config = {"dry_run": not yes, "rewrite_views": rewrite_views}
    _retire("drop_legacy_tables", "retire_legacy_tables", config)


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
    _retire("drop_backup_tables", "retire_backup_tables", {"dry_run": not yes})


def _retire(job: str, op: str, config: dict[str, bool]) -> None:
    done = run(job, {"ops": {op: {"config": config}}})
    finish(done.success, done.errors)
