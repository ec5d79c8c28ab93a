"""The command line: ``soleflip``. Each command prepares the surroundings and runs a job of the code location.

Exit codes: 0 only when what was done is proven, 1 when a check failed or the work did, 2 for wrong usage or
configuration, 130 after Ctrl-C and 143 after SIGTERM.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy.engine import URL

from soleflip_assets.commands.signals import ended_by_signals
from soleflip_assets.ground.settings import FILES, ConfigurationError, Settings

# Whatever imports Dagster is imported by the command that needs it: that takes a second, or several, which
# `soleflip health` and `soleflip --help` need not wait for.
if TYPE_CHECKING:
    from soleflip_assets.commands.environment import Environment

EXIT_FAILED = 1
EXIT_USAGE = 2

# The order in which the help lists the commands: that of a deployment's life.
SECTIONS = {
    "Start": ["up"],
    "Deploy": ["deploy", "verify"],
    "Refresh and watch": ["refresh", "metrics", "status", "health", "housekeeping"],
    "Take back": ["revert", "restore"],
    "Retire": ["drop-legacy", "drop-backups"],
    "Measure": ["bench"],
}


class _Sections(click.Group):
    """A group whose help lists its commands by section, and those of none at the end."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, in that order."""
        listed = [name for names in SECTIONS.values() for name in names if name in self.commands]
        return [*listed, *(name for name in super().list_commands(ctx) if name not in listed)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        known = {name for names in SECTIONS.values() for name in names}
        others = [name for name in self.list_commands(ctx) if name not in known]
        for section, names in {**SECTIONS, "Others": others}.items():
            commands = [(name, self.commands[name]) for name in names if name in self.commands]
            if commands:
                with formatter.section(section):
                    formatter.write_dl(
                        [(name, command.get_short_help_str(80)) for name, command in commands]
                    )


def _examples(*examples: tuple[str, str]) -> str:
    """An epilogue of commands with what each is for; the mark keeps click from wrapping it."""
    width = max(len(command) for command, _ in examples)
    lines = (f"  {command:{width}}  {purpose}" for command, purpose in examples)
    return "\n".join(["\b", "Examples:", *lines])


@click.group(
    cls=_Sections,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_examples(
        ("soleflip up", "try it on an embedded database with sample data"),
        ("soleflip deploy --check", "what would stop a deployment on your own"),
        ("soleflip status --json", "for a monitor"),
    ),
)
@click.version_option(package_name="soleflip-assets")
def main() -> None:
    """SoleFlip's inventory data platform.

    Deploys the Phase 2 consolidation of inventory.stock on a live database, proves it, keeps
    inventory.stock_metrics_view fresh, watches it, and takes all of it back if it must. Every command but
    restore and bench runs a job of the Dagster code location, so what it did is seen in the UI.
    `soleflip COMMAND --help` says what a command does, what it writes and when it fails.

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
      SOLEFLIP_RUNBOOK_URL   where docs/runbook.md is to be read; alerts link to its sections
      SOLEFLIP_FRESHNESS_WARN_MINUTES, SOLEFLIP_FRESHNESS_ERROR_MINUTES
                             age of the metrics that alerts (default: 75 and 120)
      SOLEFLIP_KEEP_LOG_DAYS, SOLEFLIP_KEEP_RUNS_DAYS
                             how long the log of a run, and the run, are kept
                             (default: 30 and 400)
      SOLEFLIP_KEEP_FILES_DAYS, SOLEFLIP_KEEP_DUMPS, SOLEFLIP_KEEP_REPORTS
                             older files go, but for the newest dumps and reports
                             (default: 90, 3 and 20)
      SOLEFLIP_HEARTBEAT_URL called after each good refresh, for an outside monitor
      SOLEFLIP_LONGEST_REFRESH_MINUTES, SOLEFLIP_LONGEST_DEPLOYMENT_HOURS
                             when a run of theirs is ended (default: 60 and 24)

    \b
    Exit codes: 0 done and proven, 1 a check or the work failed, 2 wrong usage or configuration,
    130 and 143 ended by Ctrl-C or SIGTERM.
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
        from soleflip_assets.commands.environment import prepared  # noqa: PLC0415 see above

        with (
            _configuration_errors(),
            ended_by_signals(_tell),
            prepared(Settings.from_environment()) as environment,
        ):
            command(environment, *args, **kwargs)

    return run


def _run(job: str, config: dict[str, Any] | None = None) -> Any:
    from soleflip_assets.commands.runs import run_job  # noqa: PLC0415 see above

    return run_job(job, _tell, config=config)


def _finish(success: bool, errors: list[str]) -> None:
    if not success:
        for error in errors:
            click.echo(f"soleflip: {error}", err=True)
        sys.exit(EXIT_FAILED)


@main.command(
    epilog=_examples(
        ("soleflip up", "the sample, in .soleflip"),
        (
            "SOLEFLIP_SAMPLE=busy SOLEFLIP_HOME=/tmp/busy soleflip up",
            "another, where old tables are full",
        ),
        ("SOLEFLIP_DATABASE_URL=postgresql://… soleflip up --port 3100", "your own database"),
    )
)
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", default=3000, show_default=True,
              show_envvar=True, help="Port of the UI, on the loopback interface.")  # fmt: skip
def up(port: int) -> None:
    """Start everything and serve the UI until Ctrl-C.

    Starts Dagster's webserver and daemon, and with them the schedules; prints the URL last, when the UI
    answers. Started again, it goes on from where it stopped.

    Writes: the embedded database, which it makes, fills and deploys Phase 2 on; logs in SOLEFLIP_HOME. In a
    database of your own nothing is deployed: run `soleflip deploy` for that.

    Exits with 0 after Ctrl-C or SIGTERM, 1 when the deployment or a process failed, 2 when another one is at
    work in the same SOLEFLIP_HOME. The UI is served also where the deployment failed: it shows what it met.
    """
    from soleflip_assets.alerts.targets import targets_from_environment  # noqa: PLC0415 see above
    from soleflip_assets.commands.environment import make_home, prepared  # noqa: PLC0415
    from soleflip_assets.commands.processes import at_work_in  # noqa: PLC0415
    from soleflip_assets.commands.up import require_free_port, serve  # noqa: PLC0415
    from soleflip_assets.housekeeping.retention import Retention  # noqa: PLC0415
    from soleflip_assets.metrics.freshness import Freshness  # noqa: PLC0415

    with _configuration_errors():
        targets_from_environment(_tell)
        Freshness.from_environment()
        Retention.from_environment()
        settings = Settings.from_environment()
        make_home(settings.home)
        with ended_by_signals(_tell), at_work_in(settings.home, port) as (household, left):
            if left:
                _tell(f"Ended {left} processes that a killed `soleflip up` had left")
            require_free_port(port)
            with prepared(settings) as environment:
                code = serve(environment, port, household, _tell)
    sys.exit(code)


@main.command(
    epilog=_examples(
        ("soleflip deploy --check", "only look: names each row in the way, with the fix"),
        ("soleflip deploy", "while the shop goes on"),
    )
)
@click.option("--check", is_flag=True, help="Only look for what would stop it; change nothing.")
@_with_environment
def deploy(environment: Environment, *, check: bool) -> None:  # noqa: ARG001
    """Deploy Phase 2, or go on with a deployment, or mend one.

    Looks for trouble, dumps the database, backs up the legacy tables, consolidates them into
    inventory.stock, makes the view, validates and reports; readers and writers go on meanwhile. Safe to run
    again: a run that died is gone on with; what is in force already is left alone; a view, index, function
    or trigger that somebody changed by hand is mended.

    Writes: schema inventory_ops; in inventory three backups, three columns, three indexes, the view with its
    refresh function, and triggers on stock and the legacy tables, which keep old and new in step; a dump and
    a report in SOLEFLIP_HOME. Works as the owner of the tables (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 when something stands in its way, a step failed or a validation did.
    """
    run = _run("check_phase2" if check else "deploy_phase2")
    _finish(run.success, run.errors)


@main.command(
    epilog=_examples(
        ("soleflip verify", "a line for each validation"),
        ("soleflip verify --json > verified.json", "check, asset, passed, severity, observed"),
    )
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as a JSON array.")
@_with_environment
def verify(environment: Environment, *, as_json: bool) -> None:  # noqa: ARG001
    """Run every validation of the deployment.

    Writes: nothing but how each validation ended, for the retirement.

    Exits with 1 when one fails or could not be asked.
    """
    run = _run("verify_phase2") if not as_json else _run_quietly("verify_phase2")
    if as_json:
        click.echo(json.dumps([_as_json(check) for check in run.checks], indent=2, default=str))
    _finish(run.success, run.errors)


@main.command(epilog=_examples(("soleflip revert", "safe to run again; then deploy, if you like")))
@_with_environment
def revert(environment: Environment) -> None:  # noqa: ARG001
    """Take Phase 2 back, with all that was written since.

    The schema is then as it was before; what was written to the new columns is in the legacy tables. What it
    cannot carry there it refuses, with a list. It needs no dump and loses nothing.

    Writes: drops what `deploy` made, but for the backups, the dump and the ledger. Works as the owner of the
    tables (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 when it refuses or a step failed; run again, it goes on.
    """
    run = _run("revert_phase2")
    _finish(run.success, run.errors)


@main.command(
    epilog=_examples(
        ("soleflip restore .soleflip/dumps/shop_before_phase2_….dump", "beside the database"),
        ("soleflip restore --replace .soleflip/dumps/shop_before_phase2_….dump", "in its place"),
        ("soleflip restore --drill", "the latest one, to see whether it can be"),
    )
)
@click.argument("dump", type=click.Path(path_type=Path), required=False)
@click.option("--replace", is_flag=True, help="Swap the names when it is proven.")
@click.option(
    "--drill", is_flag=True, help="Prove the latest dump in a scratch database, and drop that."
)
def restore(dump: Path | None, *, replace: bool, drill: bool) -> None:
    """Restore DUMP beside the database, and prove it.

    DUMP is a file that `soleflip deploy` took, with its manifest beside it. One that was cut short or
    altered is refused before anything is touched. What was restored is compared with the manifest: rows,
    content, constraints, indexes, triggers. What was written since the dump is not in it: to take Phase 2
    back, use `soleflip revert`.

    Writes: a new database on the same server. With --replace it then gets the old one's name, and the old
    one stays under a new name; nobody may be connected. With --drill, a scratch database for as long as it
    takes, and the ledger. The user must be allowed to create databases.

    Exits with 1 when the dump is not whole, or what was restored is not what was dumped.
    """
    if drill == (dump is not None) or (drill and replace):
        raise click.UsageError("Name a DUMP, or use --drill alone.")
    if dump is not None:
        _bring_back(dump, replace=replace)
        return
    from soleflip_assets.commands.environment import prepared  # noqa: PLC0415 see above

    with (
        _configuration_errors(),
        ended_by_signals(_tell),
        prepared(Settings.from_environment()),
    ):
        run = _run("restore_drill")
        _finish(run.success, run.errors)


def _bring_back(dump: Path, *, replace: bool) -> None:
    from soleflip_assets.commands.environment import server_running  # noqa: PLC0415 see above
    from soleflip_assets.deploying.deployer import DeploymentError  # noqa: PLC0415
    from soleflip_assets.dumps.restore import restore as bring_back  # noqa: PLC0415

    with (
        _configuration_errors(),
        ended_by_signals(_tell),
        server_running(Settings.from_environment()) as url,
    ):
        try:
            restored = bring_back(url, dump, _tell, replace=replace)
        except DeploymentError as error:
            _finish(success=False, errors=[str(error)])
    kept = f"; the old one is {restored.replaced} now" if restored.replaced else ""
    click.echo(f"restored and proven: {restored.database}{kept}")


_yes = click.option("--yes", is_flag=True, help="Drop them; without it nothing is dropped.")


@main.command(
    "drop-legacy",
    epilog=_examples(
        ("soleflip drop-legacy", "ask: what is missing, and until when"),
        ("soleflip drop-legacy --yes", "drop, if nothing is"),
    ),
)
@_yes
@_with_environment
def drop_legacy(environment: Environment, *, yes: bool) -> None:  # noqa: ARG001
    """Drop the legacy tables, once nobody can need them.

    That is: two weeks after the deployment, a week after the last write to them, with every validation
    passed within a day, the dump proven by a drill, and no object that depends on them. Without --yes it
    only says how each of these stands.

    Writes: nothing without --yes; with it, drops inventory.stock_financial, stock_lifecycle and
    stock_metrics, all three or none. Works as the owner (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 while a condition is not met, also without --yes.
    """
    _retire("drop_legacy_tables", "retire_legacy_tables", yes=yes)


@main.command(
    "drop-backups",
    epilog=_examples(
        ("soleflip drop-backups", "ask: what is missing, and until when"),
        ("soleflip drop-backups --yes", "drop, if nothing is"),
    ),
)
@_yes
@_with_environment
def drop_backups(environment: Environment, *, yes: bool) -> None:  # noqa: ARG001
    """Drop the backups, a month after the deployment.

    The legacy tables must be gone, and no object depend on the backups. Without --yes it only says how each
    condition stands.

    Writes: nothing without --yes; with it, drops the three backups, all or none. Works as the owner
    (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 while a condition is not met, also without --yes.
    """
    _retire("drop_backup_tables", "retire_backup_tables", yes=yes)


def _retire(job: str, op: str, *, yes: bool) -> None:
    run = _run(job, {"ops": {op: {"config": {"dry_run": not yes}}}})
    _finish(run.success, run.errors)


@main.command(
    epilog=_examples(
        ("soleflip refresh", "now"),
        ("soleflip refresh --install-pg-cron", "every hour in the database, without Dagster"),
        ("soleflip refresh --remove-pg-cron", "every hour by Dagster's schedule again"),
    )
)
@click.option("--install-pg-cron", "pg_cron", flag_value="install",
              help="From now on let pg_cron, in the database, refresh every hour.")  # fmt: skip
@click.option("--remove-pg-cron", "pg_cron", flag_value="remove",
              help="From now on let the hourly schedule refresh again.")  # fmt: skip
@_with_environment
def refresh(environment: Environment, *, pg_cron: str | None) -> None:
    """Refresh the metrics now, or choose who does so hourly.

    Refreshes inventory.stock_metrics_view and checks it. Where pg_cron refreshes, the hourly schedule records
    and checks what it did, and never refreshes itself.

    Writes: the view, and a row in inventory_ops.metrics_refresh; with an option, a job in cron.job instead.

    Exits with 1 when the refresh or a check failed, 2 where pg_cron is not to be had.
    """
    if pg_cron:
        click.echo(_schedule_refresh(environment.database_url, install=pg_cron == "install"))
        return
    run = _run("refresh_stock_metrics")
    _finish(run.success, run.errors)


def _schedule_refresh(url: URL, *, install: bool) -> str:
    from soleflip_assets.ground.database import create_database_engine  # noqa: PLC0415 see above
    from soleflip_assets.metrics import pg_cron  # noqa: PLC0415 see above

    engine = create_database_engine(url)
    if install:
        return f"pg_cron refreshes at the top of every hour: its job is {pg_cron.install(engine)}"
    ended = pg_cron.remove(engine)
    return f"the hourly schedule refreshes; jobs of pg_cron that were ended: {', '.join(ended) or 'none'}"


@main.command(
    epilog=_examples(
        ("soleflip metrics --mode incremental", "where a refresh takes long"),
        ("soleflip metrics --mode materialized", "back, to the view as specified"),
    )
)
@click.option("--mode", type=click.Choice(["materialized", "incremental"]), required=True,
              help="Recompute all rows at each refresh, or those that changed.")  # fmt: skip
@_with_environment
def metrics(environment: Environment, *, mode: str) -> None:  # noqa: ARG001
    """Choose how the metrics are kept: all anew, or what changed.

    materialized is the view as Phase 2 deploys it. In incremental mode it is a view of a table that a queue
    of changes keeps up to date: a refresh takes as long as there are changes, not as there is stock. Readers
    of the view and writers of stock go on during the switch.

    Writes: a table, a queue and triggers on stock; the view is swapped once the new one is proven equal.
    Works as the owner (SOLEFLIP_OWNER_DATABASE_URL).

    Exits with 1 when the two differ or a step failed; run again, it goes on.
    """
    run = _run("switch_metrics_mode", {"ops": {"keep_metrics": {"config": {"mode": mode.upper()}}}})
    _finish(run.success, run.errors)


@main.command(
    epilog=_examples(
        ("soleflip housekeeping --dry-run", "what would go"),
        ("SOLEFLIP_KEEP_DUMPS=10 soleflip housekeeping", "keep more of the dumps"),
    )
)
@click.option("--dry-run", is_flag=True, help="Only say what would go; delete nothing.")
@_with_environment
def housekeeping(environment: Environment, *, dry_run: bool) -> None:  # noqa: ARG001
    """Prune old events, dumps and reports, as is done daily.

    What is plotted stays, and the present state of every asset and check; so do the last dump that a restore
    drill has proven, and that of the current deployment. SOLEFLIP_KEEP_… say how much stays.

    Writes: deletes rows of Dagster's storage in batches, and files of SOLEFLIP_HOME; nothing of SoleFlip's.

    Exits with 1 when something could not be deleted; what was deleted before stays so.
    """
    ops = ("prune_event_log", "delete_old_files")
    run = _run("housekeeping", {"ops": {op: {"config": {"dry_run": dry_run}} for op in ops}})
    _finish(run.success, run.errors)


@main.command(
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
    epilog=_examples(("soleflip bench --rows 100000", "measure at a hundred thousand rows")),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure what this project claims, side by side.

    On a PostgreSQL server of its own, which is gone afterwards; --rows says how big a shop it measures
    (default: 1,172), --help which sections there are. Only in a checkout: the benchmarks are not in the
    wheel.

    Writes: the results, to benchmarks/results.

    Exits with 1 where a section failed, with 2 where there is no checkout.
    """
    if not (FILES / "benchmarks").is_dir():
        click.echo(
            "soleflip: the benchmarks are not in the wheel: run this in a checkout.", err=True
        )
        sys.exit(EXIT_USAGE)
    # Drawing and measuring want what only developers install.
    done = subprocess.run([sys.executable, "-m", "benchmarks", *arguments], check=False)
    sys.exit(done.returncode)


@main.command(
    epilog=_examples(
        ("soleflip status", "for a person"),
        ("soleflip status --json", "for a monitor: alive, dead, daemons, failing, undelivered, …"),
    )
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@_with_environment
def status(environment: Environment, *, as_json: bool) -> None:
    """Show daemons, schedules, the last refresh and alerts.

    Writes: nothing.

    Exits with 1 when something is dead or stuck: a daemon without a heartbeat, a schedule that is stopped or
    whose last tick failed, metrics that are too old, a target that does not take alerts, runs that wait or go
    on for too long, a transaction that holds things up, a switch of modes left half-way, a database that was
    deployed and is not any more. Another failed check is shown and does not make it exit with 1.
    """
    from soleflip_assets.commands.status import current_status  # noqa: PLC0415 see above

    found = current_status(environment.database_url)
    click.echo(json.dumps(found.as_json, indent=2) if as_json else "\n".join(found.lines))
    _finish(not found.dead, found.dead)


@main.command(
    epilog=_examples(
        ("soleflip health daemon", "for what restarts it"),
        ("soleflip health webserver --ready", "for what sends people to it"),
    )
)
@click.argument("component", type=click.Choice(["code-server", "webserver", "daemon", "database"]))
@click.option("--ready", is_flag=True, help="It must also be able to do its work.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where it listens, if not as set.")
@click.option("--tolerance", type=click.IntRange(1), envvar="DAGSTER_DAEMON_HEARTBEAT_TOLERANCE",
              show_envvar=True, default=120, show_default=True,
              help="Seconds that the daemon may be silent.")  # fmt: skip
def health(component: str, *, ready: bool, port: int | None, tolerance: int) -> None:
    """Say whether a process of production is alive.

    For health checks of containers, probes and timers, in the environment of the process that is looked at.
    One that is not alive should be restarted; one that is not --ready waits for another one.

    Writes: nothing.

    Exits with 1 when it is not alive, or not ready, and says why in one sentence.
    """
    from soleflip_assets.commands.health import UnhealthyError, require_health  # noqa: PLC0415 see above

    with _configuration_errors():
        try:
            require_health(component, ready=ready, port=port, tolerance=tolerance)
        except UnhealthyError as error:
            _finish(success=False, errors=[f"{error}."])
    click.echo(f"the {component} is {'ready' if ready else 'alive'}")


def _run_quietly(job: str) -> Any:
    from soleflip_assets.commands.runs import run_job  # noqa: PLC0415 see above

    return run_job(job, lambda _: None)


def _as_json(check: Any) -> dict[str, Any]:
    return {
        "check": check.check_name,
        "asset": check.asset_key.to_user_string(),
        "passed": check.passed,
        "severity": check.severity.value,
        "observed": {name: value.value for name, value in check.metadata.items()},
    }
