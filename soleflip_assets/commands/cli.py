"""The command line: ``soleflip``. Which commands there are, and in which module each is.

Here: what all commands have alike from outside: `--quiet` and `--verbose`, wrong usage as one sentence, exit
codes. Not here: any command. A command's module is loaded when it is called: whatever imports Dagster takes a
second or more, which ``soleflip health`` and ``soleflip --help`` need not wait for.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import click

from soleflip_assets import __version__
from soleflip_assets.commands.terminal import (
    EXIT_CODES,
    begin,
    examples,
    how_much,
    require_written,
    server_errors,
)
from soleflip_assets.commands.usage import usage_in_sentences
from soleflip_assets.ground.settings import meanings

# In the order of a deployment's life: each command with its module in this folder and its line of the help. A
# test sees that the line is the first of the command's own help.
SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Start": {
        "up": ("start", "Start everything and serve the UI until Ctrl-C."),
        "settings": ("settings", "List what the environment decides."),
    },
    "Deploy": {
        "deploy": ("deploy", "Deploy Phase 2, resume a deployment, upgrade or mend one."),
        "verify": ("verify", "Run every validation of the deployment."),
    },
    "Refresh and watch": {
        "refresh": ("watch", "Refresh the metrics now, or choose who does so hourly."),
        "metrics": ("watch", "Choose how the metrics are kept: anew, incrementally, or live."),
        "status": ("watch", "Show daemons, schedules, the last refresh and alerts."),
        "health": ("probe", "Say whether a process of production is alive."),
        "resync": ("resync", "Carry stock rows again to wherever they differ."),
        "housekeeping": ("watch", "Prune old events, dumps and reports, as is done daily."),
    },
    "Keep history": {
        "history": ("history", "Log what happens to stock, by month."),
        "warehouse": ("warehouse", "Load the history into the warehouse, and ask it."),
        "partition": ("partition", "Keep a table that only grows in partitions by month."),
        "dashboard": ("warehouse", "Draw the dashboard, one page that needs no network."),
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
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module = import_module(f"soleflip_assets.commands.{self._modules[name]}")
            command = cast("click.Command", getattr(module, name.replace("-", "_")))
            for one in _within(command):
                one.params += how_much()
            self._loaded[name] = command
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def _within(command: click.Command) -> Iterator[click.Command]:
    """What does something: a command itself, or those of a group."""
    if isinstance(command, click.Group):
        for one in command.commands.values():
            yield from _within(one)
    else:
        yield command


class _Sections(click.Group):
    """A group whose help lists its commands by section, without loading any, and the environment."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Begin; wrong usage is one sentence."""
        begin()
        with usage_in_sentences():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; wrong usage of it is one sentence, and so is what a server says."""
        with usage_in_sentences(ctx), server_errors():
            done = super().invoke(ctx)
        require_written()
        return done

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 click's
        """Write the sections."""
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()])
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES.items()])
        with formatter.section("Environment (`soleflip settings` shows what holds)"):
            formatter.write_dl(meanings())


@click.group(
    "soleflip",
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
    inventory.stock_metrics_view fresh, watches it, and takes all of it back if it must. What changes the
    database runs as a job of Dagster, so that the UI shows what was done; `restore DUMP` and `bench` work
    elsewhere. `soleflip COMMAND --help` says what a command does, what it writes and when it fails.
    """
