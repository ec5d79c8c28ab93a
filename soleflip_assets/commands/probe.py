"""``soleflip health``, as a command: light, since it runs every half a minute.

Not here: what it looks at (health.py).
"""

import click

from soleflip_assets.commands.health import COMPONENTS, UnhealthyError, require_health
from soleflip_assets.commands.terminal import conclude, configuration_errors, examples, fail


@click.command(
    epilog=examples(
        ("soleflip health daemon", "for what restarts it"),
        ("soleflip health webserver --ready", "for what sends people to it"),
    )
)
@click.argument("component", type=click.Choice(COMPONENTS))
@click.option("--ready", is_flag=True, help="It must also be able to do its work.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where it listens, if not as set.")
@click.option("--tolerance", type=click.IntRange(1),
              help="Seconds that the daemon may be silent (default: DAGSTER_DAEMON_HEARTBEAT_TOLERANCE, or "
              "120).")  # fmt: skip
def health(component: str, *, ready: bool, port: int | None, tolerance: int | None) -> None:
    """Say whether a process of production is alive.

    For health checks of containers, probes and timers, in the environment of the process that is looked at.
    One that is not alive should be restarted; one that is not --ready waits for another one.

    Writes: nothing.

    Exits with 1 when it is not alive, or not ready, and says why in one sentence.
    """
    with configuration_errors():
        try:
            require_health(component, ready=ready, port=port, tolerance=tolerance)
        except UnhealthyError as error:
            fail(f"{error}: restart it, or see why in its log.")
    conclude(f"The {component} is {'ready' if ready else 'alive'}.")
