"""``soleflip deploy``. Not here: how it is done, which is phase2's."""

import click

from soleflip_assets.commands.runs import JobRun
from soleflip_assets.commands.terminal import conclude, counted, examples
from soleflip_assets.commands.work import as_owner, run
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.settings import Settings
from soleflip_assets.ground.tables import STOCK, STOCK_METRICS_VIEW
from soleflip_assets.phase2.assets import PREFLIGHT_KEY
from soleflip_assets.phase2.countdown import REPORT_KEY
from soleflip_assets.phase2.preference import SIDES


@click.command(
    epilog=examples(
        ("soleflip deploy --check", "only look: what is in the way, and what each step would do"),
        ("soleflip deploy", "while the shop goes on"),
        ("soleflip deploy --prefer stock", "where Phase 2 was applied by hand, and stock is right"),
    )
)
@click.option(
    "--check",
    is_flag=True,
    help="Only look for what would stop it, and say what it would do; change nothing.",
)
@click.option(
    "--prefer",
    type=click.Choice(SIDES),
    help="Which side counts where stock and a legacy row contradict each other; the check lists the rows.",
)
@as_owner
def deploy(*, check: bool, prefer: str | None) -> None:
    """Deploy Phase 2, resume a deployment, upgrade or mend one.

    Looks for trouble, dumps the database, backs up the legacy tables, consolidates them into
    inventory.stock, makes the view, validates and reports; readers and writers go on meanwhile. Safe to run
    again: it resumes a run that died and leaves alone what is done already. It makes a view, index, function
    or trigger again that is missing, outdated (an older version made it) or altered (somebody changed it),
    drops one that is orphaned (no file defines it any more), never with CASCADE. Code that is older than the
    database changes nothing. Where Phase 2 was applied by hand, it adopts what is there, and says so.

    Writes: schema inventory_ops; in inventory three backups, three columns, three indexes, the view with its
    refresh function, and triggers on stock and the legacy tables, which keep old and new in step; a dump and
    a report in SOLEFLIP_HOME. Works as the owner of the tables (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 when something stands in its way, a step failed or a validation did.
    """
    config = {"resources": {"preference": {"config": {"prefer": prefer}}}} if prefer else None
    if check:
        _conclude_check(run("preflight_phase2", config))
        return
    done = run("deploy_phase2", config)
    rows = int(done.metadata(*key_of(STOCK).path)["dagster/row_count"])
    changed = sum(
        int(done.metadata(*key.path).get("steps_applied", 0))
        for key in (key_of(STOCK), key_of(STOCK_METRICS_VIEW))
    )
    what = (
        f"Phase 2 is deployed: {counted(rows, 'stock row')}"
        if changed
        else f"Phase 2 was deployed already, nothing had to be changed: {counted(rows, 'stock row')}"
    )
    conclude(
        f"{what}, {done.checked}.",
        report=Settings.from_environment().reports / done.metadata(*REPORT_KEY.path)["file"],
        run=done.link,
        then="`soleflip verify` proves it at any time; `soleflip up` keeps it fresh and watched",
    )


def _conclude_check(done: JobRun) -> None:
    """Nothing stands in the way; what a deployment would do is told above."""
    steps = int(done.metadata(*PREFLIGHT_KEY.path)["steps_foreseen"])
    conclude(
        f"Nothing stands in the way, and nothing was changed: {counted(len(done.checks), 'check')} made, "
        f"{counted(steps, 'step')} to apply{' (--verbose lists them)' if steps else ''}.",
        run=done.link,
        then="`soleflip deploy`, while the shop goes on"
        if steps
        else "nothing; `soleflip verify` proves what is there",
    )
