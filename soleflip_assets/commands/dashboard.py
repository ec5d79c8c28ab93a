"""The command that draws the picture on the wall.

Not here: what is on it (marts/).
"""

import webbrowser

import click

from soleflip_assets.commands.environment import Environment
from soleflip_assets.commands.terminal import conclude, counted, examples, fail, say, tell
from soleflip_assets.commands.warehouse import with_warehouse
from soleflip_assets.commands.work import run
from soleflip_assets.ground.state_folder import StateFolder


@click.command(
    epilog=examples(
        ("soleflip warehouse load && soleflip dashboard --open", "from what the shop is now"),
        ("soleflip dashboard", "from what was loaded last, and print where the page is"),
    )
)
@click.option("--open", "open_", is_flag=True, help="Open the page in a browser.")
@with_warehouse
@click.pass_obj
def dashboard(environment: Environment, *, open_: bool) -> None:
    """Draw the dashboard, one page that needs no network.

    Computes the marts from what the warehouse holds, which `soleflip warehouse load` brings up to now. The
    page shows the day's figures, trends, what lies too long, best and worst; each picture has its table. It
    can be sent or printed.

    Writes: the tables marts.… of the warehouse, and reports/dashboard.html in SOLEFLIP_HOME.

    Exits with 1 when the warehouse is empty or a mart does not add up.
    """
    from soleflip_assets.marts.assets import dashboard_file  # noqa: PLC0415 it needs the extra

    done = run("build_marts")
    page = dashboard_file(StateFolder(path=str(environment.settings.home)))
    say(str(page))
    if open_ and not webbrowser.open(page.as_uri()):
        tell("soleflip: there is no browser here: open that file in one")
    failed = [check for check in done.checks if not check.passed]
    if failed:
        fail(
            *(f"{check.asset_key.to_user_string()}: {check.check_name} failed." for check in failed)
        )
    conclude(
        f"The dashboard is drawn, and {counted(done.passed, 'check')} of its figures passed.",
        run=done.link,
        report=page,
    )
