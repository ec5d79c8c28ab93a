"""The command line: ``soleflip``. Each command prepares the surroundings and runs a job of the code location.

Exit codes: 0 only when what was done is proven, 1 when a check failed or the work did, 2 for wrong usage or
configuration.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import URL

from soleflip_assets.alerts.targets import targets_from_environment
from soleflip_assets.housekeeping.retention import Retention
from soleflip_assets.local.environment import Environment, prepared, server_running
from soleflip_assets.local.up import require_free_port, serve
from soleflip_assets.monitoring.freshness import Freshness
from soleflip_assets.settings import FILES, ConfigurationError, Settings

EXIT_FAILED = 1
EXIT_USAGE = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="soleflip-assets")
def main() -> None:
    """SoleFlip's inventory data platform.

    Deploys the Phase 2 consolidation of inventory.stock, proves it, and keeps inventory.stock_metrics_view
    fresh. Every command runs a job of the Dagster code location, so what it did is seen in the UI.

    \b
    Environment:
      SOLEFLIP_DATABASE_URL  postgresql:// URL of SoleFlip's database
                             (unset: an embedded PostgreSQL with sample data)
      SOLEFLIP_OWNER_DATABASE_URL
                             the same database as the owner of its tables, for deploy,
                             revert, metrics, restore, drop-legacy and drop-backups
                             (unset: SOLEFLIP_DATABASE_URL is the owner's)
      SOLEFLIP_HOME          state: embedded data, Dagster's home, dumps, reports
                             (default: .soleflip)
      SOLEFLIP_SAMPLE        production or busy, for an empty embedded database
      DAGSTER_POSTGRES_URL   Dagster's own storage (unset: the embedded PostgreSQL)
      SOLEFLIP_ALERT_URLS    comma-separated Apprise URLs, each for all alerts or
                             tagged warn= or error= (unset: the log)
      SOLEFLIP_UI_URL        where alerts link to (default: the URL of soleflip up)
      SOLEFLIP_FRESHNESS_WARN_MINUTES, SOLEFLIP_FRESHNESS_ERROR_MINUTES
                             age of the metrics that alerts (default: 75 and 120)
      SOLEFLIP_KEEP_LOG_DAYS, SOLEFLIP_KEEP_RUNS_DAYS
                             how long the log of a run, and the run, are kept
                             (default: 30 and 400)
      SOLEFLIP_KEEP_FILES_DAYS, SOLEFLIP_KEEP_DUMPS, SOLEFLIP_KEEP_REPORTS
                             older files go, but for the newest dumps and reports
                             (default: 90, 3 and 20)
      SOLEFLIP_HEARTBEAT_URL called after each good refresh, for an outside monitor

    \b
    Exit codes: 0 done and proven, 1 a check or the work failed, 2 wrong usage or configuration.
    """  # noqa: D301 click's mark for text that is not to be wrapped


@contextmanager
def _configuration_errors() -> Iterator[None]:
    """A wrong setting is one sentence and exit code 2."""
    try:
        yield
    except ConfigurationError as error:
        click.echo(f"soleflip: {error}", err=True)
        sys.exit(EXIT_USAGE)


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _with_environment(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        with _configuration_errors(), prepared(Settings.from_environment()) as environment:
            command(environment, *args, **kwargs)

    return run


def _run(job: str, config: dict[str, Any] | None = None) -> Any:
    from soleflip_assets.runs import run_job  # noqa: PLC0415 Dagster takes seconds to import

    return run_job(job, _tell, config=config)


def _finish(success: bool, errors: list[str]) -> None:
    if not success:
        for error in errors:
            click.echo(f"soleflip: {error}", err=True)
        sys.exit(EXIT_FAILED)


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", default=3000, show_default=True,
              help="Port of the UI, on the loopback interface.")  # fmt: skip
def up(port: int) -> None:
    """Start everything, deploy Phase 2 on the embedded database, and serve the UI until Ctrl-C.

    Against a database that is not embedded, nothing is deployed: run `soleflip deploy` for that.
    """
    with _configuration_errors():
        require_free_port(port)
        targets_from_environment(_tell)
        Freshness.from_environment()
        Retention.from_environment()
        with prepared(Settings.from_environment()) as environment:
            code = serve(environment, port, _tell)
    sys.exit(code)


@main.command()
@click.option("--check", is_flag=True, help="Only look for what would stop it; change nothing.")
@_with_environment
def deploy(environment: Environment, *, check: bool) -> None:  # noqa: ARG001
    """Deploy Phase 2: look for trouble, dump, back up, consolidate, validate, report. Safe to run again.

    A run that died is gone on with; what is in force already is left alone; a view, index, function or
    trigger that somebody changed by hand is mended.
    """
    run = _run("check_phase2" if check else "deploy_phase2")
    _finish(run.success, run.errors)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the results as a JSON array.")
@_with_environment
def verify(environment: Environment, *, as_json: bool) -> None:  # noqa: ARG001
    """Run every validation; change nothing. Exits with 1 when one fails."""
    run = _run("verify_phase2") if not as_json else _run_quietly("verify_phase2")
    if as_json:
        click.echo(json.dumps([_as_json(check) for check in run.checks], indent=2, default=str))
    _finish(run.success, run.errors)


@main.command()
@_with_environment
def revert(environment: Environment) -> None:  # noqa: ARG001
    """Take Phase 2 back: the schema as it was before, with all that was written since.

    Refuses, with a list, what it cannot carry into the legacy tables. The backups and the dump stay.
    """
    run = _run("revert_phase2")
    _finish(run.success, run.errors)


@main.command()
@click.argument("dump", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Swap the names when it is proven.")
def restore(dump: Path, *, replace: bool) -> None:
    """Restore DUMP into a new database beside the old one and prove it by its manifest.

    A dump that was cut short or altered is refused before anything is touched. With --replace the restored
    database then gets the old one's name, and the old one stays under a new name; nobody may be connected.
    """
    from soleflip_assets.phase2.deployer import DeploymentError  # noqa: PLC0415 Dagster takes
    from soleflip_assets.phase2.restore import restore as bring_back  # noqa: PLC0415 seconds to import

    with _configuration_errors(), server_running(Settings.from_environment()) as url:
        try:
            restored = bring_back(url, dump, _tell, replace=replace)
        except DeploymentError as error:
            _finish(success=False, errors=[str(error)])
    kept = f"; the old one is {restored.replaced} now" if restored.replaced else ""
    click.echo(f"restored and proven: {restored.database}{kept}")


_yes = click.option("--yes", is_flag=True, help="Drop them; without it nothing is dropped.")


@main.command("drop-legacy")
@_yes
@_with_environment
def drop_legacy(environment: Environment, *, yes: bool) -> None:  # noqa: ARG001
    """Drop the three legacy tables, if nobody can need them any more; a dry run without --yes.

    Refused until every condition is met; each refusal says which, and since or until when.
    """
    _retire("drop_legacy_tables", "retire_legacy_tables", yes=yes)


@main.command("drop-backups")
@_yes
@_with_environment
def drop_backups(environment: Environment, *, yes: bool) -> None:  # noqa: ARG001
    """Drop the three backups, a month after the deployment; a dry run without --yes.

    Refused until every condition is met; each refusal says which, and since or until when.
    """
    _retire("drop_backup_tables", "retire_backup_tables", yes=yes)


def _retire(job: str, op: str, *, yes: bool) -> None:
    run = _run(job, {"ops": {op: {"config": {"dry_run": not yes}}}})
    _finish(run.success, run.errors)


@main.command()
@click.option("--install-pg-cron", "pg_cron", flag_value="install",
              help="From now on let pg_cron, in the database, refresh every hour.")  # fmt: skip
@click.option("--remove-pg-cron", "pg_cron", flag_value="remove",
              help="From now on let the hourly schedule refresh again.")  # fmt: skip
@_with_environment
def refresh(environment: Environment, *, pg_cron: str | None) -> None:
    """Refresh inventory.stock_metrics_view now and check it, or choose who does so every hour.

    Where pg_cron refreshes, the hourly schedule records and checks what it did, and never refreshes itself.
    """
    if pg_cron:
        click.echo(_schedule_refresh(environment.database_url, install=pg_cron == "install"))
        return
    run = _run("refresh_stock_metrics")
    _finish(run.success, run.errors)


def _schedule_refresh(url: URL, *, install: bool) -> str:
    from soleflip_assets.database import create_database_engine  # noqa: PLC0415 as in _run
    from soleflip_assets.metrics import pg_cron  # noqa: PLC0415 as in _run

    engine = create_database_engine(url)
    if install:
        return f"pg_cron refreshes at the top of every hour: its job is {pg_cron.install(engine)}"
    ended = pg_cron.remove(engine)
    return f"the hourly schedule refreshes; jobs of pg_cron that were ended: {', '.join(ended) or 'none'}"


@main.command()
@click.option("--mode", type=click.Choice(["materialized", "incremental"]), required=True,
              help="Recompute all rows at each refresh, or those that changed.")  # fmt: skip
@_with_environment
def metrics(environment: Environment, *, mode: str) -> None:  # noqa: ARG001
    """Choose how inventory.stock_metrics_view is kept; its readers and the writers of stock go on.

    materialized is the view as Phase 2 deploys it. In incremental mode it is a view of a table that a queue
    of changes keeps up to date: a refresh takes as long as there are changes, not as there is stock.
    """
    run = _run("switch_metrics_mode", {"ops": {"keep_metrics": {"config": {"mode": mode.upper()}}}})
    _finish(run.success, run.errors)


@main.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go; delete nothing.")
@_with_environment
def housekeeping(environment: Environment, *, dry_run: bool) -> None:  # noqa: ARG001
    """Prune Dagster's event log, old dumps and old reports, as the daily schedule does.

    What is plotted stays, and the present state of every asset and check; so do the last dump that a restore
    drill has proven, and that of the current deployment.
    """
    ops = ("prune_event_log", "delete_old_files")
    run = _run("housekeeping", {"ops": {op: {"config": {"dry_run": dry_run}} for op in ops}})
    _finish(run.success, run.errors)


@main.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Run the benchmarks on a server of their own; --rows says how big a shop (default: 1,172)."""
    script = FILES / "benchmarks" / "run.py"
    if not script.exists():
        click.echo(
            "soleflip: the benchmarks are not in the wheel: run this in a checkout.", err=True
        )
        sys.exit(EXIT_USAGE)
    sys.exit(subprocess.run([sys.executable, script, *arguments], check=False).returncode)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@_with_environment
def status(environment: Environment, *, as_json: bool) -> None:
    """Show daemons, schedules, the last refresh and the alerts. Exits with 1 when something is dead."""
    from soleflip_assets.monitoring.status import current_status  # noqa: PLC0415 as in _run

    found = current_status(environment.database_url)
    click.echo(json.dumps(found.as_json, indent=2) if as_json else "\n".join(found.lines))
    _finish(not found.dead, found.dead)


def _run_quietly(job: str) -> Any:
    from soleflip_assets.runs import run_job  # noqa: PLC0415 Dagster takes seconds to import

    return run_job(job, lambda _: None)


def _as_json(check: Any) -> dict[str, Any]:
    return {
        "check": check.check_name,
        "asset": check.asset_key.to_user_string(),
        "passed": check.passed,
        "severity": check.severity.value,
        "observed": {name: value.value for name, value in check.metadata.items()},
    }
