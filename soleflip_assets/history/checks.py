"""What is looked at of the log, daily: its months, its triggers, whether it says what stock is.

Each is a monitor of sql/monitoring/, but for the triggers, which are compared with their files. Where the log
is not installed there is nothing to be wrong, and each says so. Here: which there are. Not here: what they
ask.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
from sqlalchemy import Connection

from soleflip_assets.checks.monitors import Monitor, build_monitors, monitor_of_file
from soleflip_assets.checks.question import Answer
from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import objects_defined_by
from soleflip_assets.deploying.changes import deviations
from soleflip_assets.ground.settings import Settings
from soleflip_assets.history.log import FUNCTIONS, TRIGGER_COUNT, TRIGGERS, state_of

ASSET = dg.AssetKey(["history", "stock_event"])


def _retention() -> Mapping[str, Any]:
    return {"keep_months": Settings.from_environment().keep_history_months}


def _where_installed(monitor: Monitor) -> Monitor:
    """The same monitor, which passes where nobody installed the log, or somebody removed it."""

    def look(connection: Connection) -> Answer:
        if not state_of(connection).installed:
            return Answer(True, {"state": "not installed"})
        return monitor.look(connection)

    return replace(monitor, look=look)


def _look_at_triggers(connection: Connection) -> Answer:
    made = ledger.made_objects(connection)
    wanted = objects_defined_by([*FUNCTIONS.statements, *TRIGGERS.statements])
    found = deviations(connection, wanted, made)
    observed = {
        "severity": "ERROR",
        "triggers": state_of(connection).triggers,
        "triggers_wanted": TRIGGER_COUNT,
        "examples": [f"{one.object} is {one.state}" for one in found[:5]],
    }
    return Answer(not found, observed)


def _monitors() -> list[Monitor]:
    files = (
        "history_months_ahead",
        "history_months_whole",
        "history_overflow_empty",
        "history_says_what_stock_is",
        "history_archive_proven",
    )
    triggers = Monitor(
        "history_triggers_as_installed",
        ASSET,
        "The triggers and functions that write the log are there, enabled, and as this version makes them.",
        "What is written to stock is not logged, or not as it should be: run `soleflip history install`.",
        _look_at_triggers,
    )
    return [
        _where_installed(one)
        for one in [
            triggers,
            *(monitor_of_file(name) for name in files),
            monitor_of_file("history_retention_kept", lambda _: _retention()),
        ]
    ]


MONITORS = _monitors()
checks = build_monitors("monitor_history", MONITORS)
