"""``soleflip verify``: every validation, with the numbers that it compared. Not here: what any compares."""

import json
from typing import Any

import click
import dagster as dg

from soleflip_assets.commands.environment import Environment
from soleflip_assets.commands.narration import Narrator
from soleflip_assets.commands.runs import run_job
from soleflip_assets.commands.terminal import conclude, counted, examples, fail, show
from soleflip_assets.commands.work import succeeded, with_environment
from soleflip_assets.deploying import ledger
from soleflip_assets.ground.sessions import create_database_engine


@click.command(
    epilog=examples(
        ("soleflip verify", "each validation with its numbers"),
        ("soleflip verify --json > verified.json", "the same for a program"),
    )
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as a JSON array.")
@with_environment
@click.pass_obj
def verify(environment: Environment, *, as_json: bool) -> None:
    """Run every validation of the deployment.

    Prints each with the numbers it compared, to standard output; --json prints an array of check, asset,
    passed, severity, observed. Where Phase 2 is not deployed it says that, and nothing else.

    Writes: nothing but how each validation ended, for the retirement.

    Exits with 1 when one fails or could not be asked, or where nothing is deployed.
    """
    _require_deployed(environment)
    done = run_job("verify_phase2", Narrator(silent=as_json, numbers=True))
    if as_json:
        show(json.dumps([_as_json(check) for check in done.checks], indent=2, default=str))
    succeeded(done)
    if as_json:
        return
    conclude(
        f"Verified: {counted(len(done.checks), 'validation')} passed.",
        run=done.link,
        then="`soleflip status` says whether what keeps it so is alive",
    )


def _require_deployed(environment: Environment) -> None:
    """End the command where there is nothing to verify."""
    with create_database_engine(environment.database_url).connect() as connection:
        if ledger.deployed_at(connection) is not None:
            return
        begun = ledger.has_begun(connection)
    if begun:
        fail(f"{ledger.UNFINISHED}.")
    fail("Phase 2 is not deployed here, so there is nothing to verify: run `soleflip deploy`.")


def _as_json(check: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {
        "check": check.check_name,
        "asset": check.asset_key.to_user_string(),
        "passed": check.passed,
        "severity": check.severity.value,
        "observed": {name: value.value for name, value in check.metadata.items()},
    }
