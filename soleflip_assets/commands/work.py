"""What the commands that run a job share: their surroundings, and the run.

Here: a job of the code location as a command. Not here: how it is run (runs.py), or how the surroundings are
prepared (environment.py).
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import click

from soleflip_assets.commands.environment import prepared, require_direct
from soleflip_assets.commands.narration import Narrator
from soleflip_assets.commands.runs import JobRun, run_job
from soleflip_assets.commands.signals import ended_by_signals
from soleflip_assets.commands.terminal import (
    complain,
    configuration_errors,
    fail,
    tell,
)
from soleflip_assets.ground.settings import Settings


def with_environment(command: Callable[..., None]) -> Callable[..., None]:
    """Run a command in prepared surroundings, which ``click.pass_obj`` hands to it if it asks."""

    @wraps(command)
    def prepare_and_run(*args: Any, **kwargs: Any) -> None:
        with (
            configuration_errors(),
            ended_by_signals(complain),
            prepared(Settings.from_environment()) as environment,
        ):
            click.get_current_context().obj = environment
            command(*args, **kwargs)

    return prepare_and_run


def as_owner(command: Callable[..., None]) -> Callable[..., None]:
    """The same for what changes the schema, which a pooler that shares its sessions would break."""

    @with_environment
    @wraps(command)
    def require_direct_and_run(*args: Any, **kwargs: Any) -> None:
        require_direct(click.get_current_context().obj)
        command(*args, **kwargs)

    return require_direct_and_run


def run(job: str, config: Mapping[str, Any] | None = None) -> JobRun:
    """Run a job of the code location, its progress on the terminal.

    Returns:
        What came of it. Where it failed, it does not return: the command ends, with a sentence for each
        failure, and 1.
    """
    return succeeded(run_job(job, Narrator(), config=config))


def succeeded(done: JobRun) -> JobRun:
    """A run, if it succeeded; else the end of the command, with a sentence for each failure, and 1."""
    if not done.success:
        tell(f"  run     {done.link}")
        fail(*done.errors)
    return done
