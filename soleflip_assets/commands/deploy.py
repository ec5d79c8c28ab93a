"""The commands that deploy Phase 2 and prove it. Not here: how, which is phase2's."""

import json
from typing import Any

import click
import dagster as dg

from soleflip_assets.commands.runs import run_job
from soleflip_assets.commands.terminal import examples, finish, tell
from soleflip_assets.commands.work import as_owner, run, with_environment
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
    done = run("preflight_phase2" if check else "deploy_phase2", config)
    finish(done.success, done.errors)


@click.command(
    epilog=examples(
        ("soleflip verify", "a line for each validation"),
        ("soleflip verify --json > verified.json", "check, asset, passed, severity, observed"),
    )
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as a JSON array.")
@with_environment
def verify(*, as_json: bool) -> None:
    """Run every validation of the deployment.

    Writes: nothing but how each validation ended, for the retirement.

    Exits with 1 when one fails or could not be asked.
    """
    done = run_job("verify_phase2", _keep_quiet if as_json else tell)
    if as_json:
        click.echo(json.dumps([_as_json(check) for check in done.checks], indent=2, default=str))
    finish(done.success, done.errors)


def _keep_quiet(line: str) -> None:
    """Who reads JSON is not told how it goes."""


def _as_json(check: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {
        "check": check.check_name,
        "asset": check.asset_key.to_user_string(),
        "passed": check.passed,
        "severity": check.severity.value,
        "observed": {name: value.value for name, value in check.metadata.items()},
    }
