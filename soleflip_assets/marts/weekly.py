"""The week's figures for who gets the alerts: a few lines, and the dashboard where a service takes files.

Here: the words, the sending and its schedule. Not here: the figures (dashboard.py), or the targets (alerts/).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from soleflip_assets.alerts.bounded import NoAnswerError
from soleflip_assets.alerts.targets import targets_from_environment
from soleflip_assets.ground import deadlines
from soleflip_assets.ground.settings import WEEKLY_FIGURES, Settings
from soleflip_assets.ground.state_folder import StateFolder
from soleflip_assets.marts.assets import DASHBOARD, making
from soleflip_assets.running.executor import in_process
from soleflip_assets.running.limits import Priority, run_tags

if TYPE_CHECKING:
    from soleflip_assets.marts.dashboard import Figure


def text(shown: "Sequence[Figure]", link: str) -> str:
    """The figures as plain text, a line each.

    Args:
        shown: the day's figures.
        link: to the dashboard's asset.
    """
    lines = [
        f"{figure.name}: {figure.value}"
        + (f" ({'; '.join(line.text for line in figure.beside)})" if figure.beside else "")
        for figure in shown
    ]
    return "\n".join([*lines, "", f"All pictures: {link}"])


@dg.op
def send_figures(context: dg.OpExecutionContext, state: StateFolder) -> None:
    """Send them to every target that is for all messages; one that takes nothing fails the run.

    Raises:
        dagster.Failure: a target did not take the message; the others did.
    """
    today = making(context.log.info).today()
    title = f"[SoleFlip] The figures of {today.day}"
    link = f"{Settings.from_environment().ui_url}/assets/{'/'.join(DASHBOARD.path)}"
    body = text(today.figures, link)
    page = state.dashboard
    refused = []
    for target in targets_from_environment(context.log.info):
        # Who is only told of warnings or errors did not ask for figures.
        if target.severity is not None:
            continue
        try:
            taken = target.send(title, body, None, page if page.exists() else None)
        except NoAnswerError:
            taken = False
        if not taken:
            refused.append(target.name)
    if refused:
        raise dg.Failure(
            f"{', '.join(refused)} did not take the week's figures: see docs/runbook.md#alerts.",
            allow_retries=False,
        )


@dg.job(
    description="Send the day's figures, and the dashboard, to who gets the alerts.",
    executor_def=in_process,
    tags=run_tags(deadlines.WATCH_RUN, Priority.HOUSEKEEPING),
)
def send_weekly_figures() -> None:
    """One step."""
    send_figures()


@dg.schedule(
    name="weekly_figures",
    job=send_weekly_figures,
    cron_schedule="0 7 * * 1",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=f"Send the figures on Monday morning, where {WEEKLY_FIGURES} is on.",
)
def weekly_figures() -> dg.RunRequest | dg.SkipReason:
    """Ask for it where somebody wants it."""
    if Settings.from_environment().weekly_figures == "on":
        return dg.RunRequest()
    return dg.SkipReason(f"Nobody wants the week's figures: {WEEKLY_FIGURES} is off.")
