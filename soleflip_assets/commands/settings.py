"""``soleflip settings``, as a command. Not here: which settings there are (ground/settings.py)."""

import json
from dataclasses import asdict

import click

from soleflip_assets.alerts.targets import targets_from_environment
from soleflip_assets.commands.terminal import conclude, configuration_errors, examples, say, show
from soleflip_assets.ground.settings import Settings


@click.command(
    epilog=examples(
        ("soleflip settings", "what holds here, and where it comes from"),
        ("soleflip settings --json", "name, value, source, meaning"),
    )
)
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON array.")
def settings(*, as_json: bool) -> None:
    """List what the environment decides.

    Every variable with its value, its source (environment, default, or embedded: the server that comes with
    this project) and its meaning. A variable that is empty counts as not set. Nothing secret is shown.

    Writes: nothing.

    Exits with 2 when a variable is set to something that cannot be meant.
    """
    with configuration_errors():
        listed = Settings.from_environment().listed
        # Each is read by the library that will send, and else only once something is wrong.
        targets_from_environment(say)
    if as_json:
        show(json.dumps([asdict(setting) for setting in listed], indent=2))
        return
    for setting in listed:
        say(f"{setting.name}={setting.value or ''}  ({setting.source})")
        say(f"    {setting.meaning}")
    named = sum(setting.source == "environment" for setting in listed)
    conclude(
        f"All {len(listed)} settings are valid; the environment sets {named} of them.",
        then="set a variable to change one; it holds for what is started from then on",
    )
