"""``soleflip up``, as a command. Not here: the processes that it starts (up.py)."""

import sys

import click

from soleflip_assets.alerts.targets import targets_from_environment
from soleflip_assets.commands.environment import make_home, prepared
from soleflip_assets.commands.processes import at_work_in
from soleflip_assets.commands.signals import ended_by_signals
from soleflip_assets.commands.terminal import complain, configuration_errors, examples, tell
from soleflip_assets.commands.up import require_free_port, require_short_temporary_folder, serve
from soleflip_assets.ground.settings import Settings


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
@click.option("--port", type=click.IntRange(1, 65535),
              help="Port of the UI, on the loopback interface (default: PORT, or 3000).")  # fmt: skip
def up(port: int | None) -> None:
    """Start everything and serve the UI until Ctrl-C.

    Starts Dagster's webserver and daemon, and with them the schedules; prints the URL last, when the UI
    answers. Started again, it resumes where it stopped.

    Writes: the embedded database, which it makes, fills, deploys Phase 2 on and logs the stock of; logs in
    SOLEFLIP_HOME. In a database of your own nothing is deployed: run `soleflip deploy` for that, and
    `soleflip history install`.

    Exits with 0 after Ctrl-C or SIGTERM, 1 when the deployment or a process failed, 2 when another one is at
    work in the same SOLEFLIP_HOME. The UI is served also where the deployment failed: it shows what it met.
    """
    with configuration_errors():
        settings = Settings.from_environment()
        port = port or settings.port
        targets_from_environment(tell)
        make_home(settings.home)
        with ended_by_signals(complain), at_work_in(settings.home, port) as (household, left):
            if left:
                tell(f"Ended {left} processes that a killed `soleflip up` had left")
            require_free_port(port)
            require_short_temporary_folder()
            with prepared(settings) as environment:
                code = serve(environment, port, household, tell)
    sys.exit(code)
