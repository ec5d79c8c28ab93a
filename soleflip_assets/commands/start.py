"""``soleflip up``, as a command. Not here: the processes that it starts (up.py)."""

import sys

import click

from soleflip_assets.alerts.targets import targets_from_environment
from soleflip_assets.commands.environment import prepared
from soleflip_assets.commands.terminal import configuration_errors, examples, tell
from soleflip_assets.commands.up import require_free_port, serve
from soleflip_assets.ground.settings import Settings
from soleflip_assets.housekeeping.retention import Retention
from soleflip_assets.metrics.freshness import Freshness


@click.command(
    epilog=examples(
        ("soleflip up", "the sample, in .soleflip"),
        (
            "SOLEFLIP_SAMPLE=busy SOLEFLIP_HOME=~/busy soleflip up",
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
    answers. Started again, it resumes where it stopped.

    Writes: the embedded database, which it makes, fills and deploys Phase 2 on; logs in SOLEFLIP_HOME. In a
    database of your own nothing is deployed: run `soleflip deploy` for that.

    Exits with 0 after Ctrl-C or SIGTERM, 1 when the deployment or a process failed.
    """
    with configuration_errors():
        require_free_port(port)
        targets_from_environment(tell)
        Freshness.from_environment()
        Retention.from_environment()
        with prepared(Settings.from_environment()) as environment:
            code = serve(environment, port, tell)
    sys.exit(code)
