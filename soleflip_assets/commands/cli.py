"""The command line: ``soleflip``. Which commands there are, and in which module each is.

Exit codes: 0 only when what was done is proven, 1 when a check failed or the work did, 2 for wrong usage or
configuration. Not here: any command. A command's module is loaded when it is called: whatever imports Dagster
takes a second, or several, which ``soleflip health`` and ``soleflip --help`` need not wait for.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import cast

import click

from soleflip_assets import __version__
from soleflip_assets.commands.terminal import configuration_errors, examples

# In the order of a deployment's life: each command with its module in this folder and its line of the help. A
# test sees that the line is the first of the command's own help.
SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Start": {
        "up": ("start", "Start everything and serve the UI until Ctrl-C."),
    },
    "Deploy": {
        "deploy": ("deploy", "Deploy Phase 2, resume a deployment, upgrade or mend one."),
        "verify": ("deploy", "Run every validation of the deployment."),
    },
    "Refresh and watch": {
        "refresh": ("watch", "Refresh the metrics now, or choose who does so hourly."),
        "metrics": ("watch", "Choose how the metrics are kept: all anew, or what changed."),
        "status": ("watch", "Show daemons, schedules, the last refresh and alerts."),
        "health": ("probe", "Say whether a process of production is alive."),
        "housekeeping": ("watch", "Prune old events, dumps and reports, as is done daily."),
    },
    "Take back": {
        "revert": ("take_back", "Take Phase 2 back, with all that was written since."),
        "restore": ("take_back", "Restore DUMP beside the database, and prove it."),
    },
    "Retire": {
        "drop-legacy": ("retire", "Drop the legacy tables, once nobody can need them."),
        "drop-backups": ("retire", "Drop the backups, a month after the deployment."),
    },
    "Measure": {
        "bench": ("measure", "Measure what this project claims, side by side."),
    },
}


class _Commands(Mapping[str, click.Command]):
    """All commands; each is loaded when it is asked for."""

    def __init__(self) -> None:
        self._modules = {
            name: module for section in SECTIONS.values() for name, (module, _) in section.items()
        }

    def __getitem__(self, name: str) -> click.Command:
        module = self._modules[name]
        # What a module loads may find a setting wrong.
        with configuration_errors():
            loaded = import_module(f"soleflip_assets.commands.{module}")
        return cast("click.Command", getattr(loaded, name.replace("-", "_")))

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


class _Sections(click.Group):
    """A group whose help lists its commands by section, without loading any."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 click's
        """Write the sections."""
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()])


@click.group(
    cls=_Sections,
    commands=_Commands(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        ("soleflip up", "try it on an embedded database with sample data"),
        ("soleflip deploy --check", "what would stop a deployment on your own"),
        ("soleflip status --json", "for a monitor"),
    ),
)
@click.version_option(__version__, prog_name="soleflip")
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
      SOLEFLIP_SAMPLE        for an empty embedded database: production or busy, or
                             applied, legacy_dropped or backups_dropped, with Phase 2
                             applied by hand
      DAGSTER_POSTGRES_URL   Dagster's own storage (unset: the embedded PostgreSQL)
      SOLEFLIP_ALERT_URLS    comma-separated Apprise URLs, each for all alerts or
                             tagged warn= or error= (unset: the log)
      SOLEFLIP_UI_URL        where alerts link to; the one host name, beside those of
                             loopback, that the UI answers (default: the URL of soleflip up)
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

    \b
    Exit codes: 0 done and proven, 1 a check or the work failed, 2 wrong usage or configuration.
    """  # noqa: D301 click's mark for text that is not to be wrapped
