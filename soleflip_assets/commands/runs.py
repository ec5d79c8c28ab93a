"""Running a job from the command line: the same job that the UI shows, with its progress on the terminal.

Here: executing a job against Dagster's instance, and turning its events into lines. Not here: what the job
does.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from soleflip_assets import definitions
from soleflip_assets.commands.waiting import waiting_told
from soleflip_assets.ground.errors import innermost
from soleflip_assets.ground.settings import Settings
from soleflip_assets.running.lost import end_lost_runs
from soleflip_assets.running.process import Process

Tell = Callable[[str], None]

# How Dagster marks the runs of a code location (the name is workspace.yaml's); a job's page finds its runs by
# it. Dagster itself marks only those that it launched.
_CODE_LOCATION = {".dagster/repository": "__repository__@soleflip"}

# Dagster's own console logger repeats every event; the listener below tells what a person wants to know.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# A step may take hours without an event: an older connection, which a firewall may have dropped, is not used.
_CONNECTION_SECONDS = 60
_INTERRUPTED = "interrupted"
# Besides the one that is kept; more than a run has threads.
_MORE_CONNECTIONS = 20


@dataclass(frozen=True)
class JobRun:
    """What came of a run.

    Attributes:
        run_id: its id in the UI.
        success: whether all of it was done and every blocking check passed.
        checks: the check evaluations.
        errors: what failed, a sentence each.
    """

    run_id: str
    success: bool
    checks: list[dg.AssetCheckEvaluation]
    errors: list[str]


def run_job(
    name: str, tell: Tell, *, config: Mapping[str, Any] | None = None, actor: str = "command line"
) -> JobRun:
    """Run one of the project's jobs in this process, recorded in Dagster's instance.

    Args:
        name: the job's.
        tell: gets a line for each asset made, check evaluated, message logged and step failed.
        config: run configuration, besides the job's own.
        actor: kept with the run as a tag.
    """
    errors: list[str] = []

    def listen(entry: dg.EventLogEntry) -> None:
        # The run's failure repeats its step's.
        failure = _failure(entry)
        # Who was interrupted is told by whoever takes the signal.
        if failure and failure != _INTERRUPTED and failure not in errors:
            errors.append(failure)
        if line := _line(entry):
            tell(line)

    run_id = str(uuid.uuid4())
    with dg.DagsterInstance.get() as instance:
        keep_connections(instance)
        for sentence in end_lost_runs(instance):
            tell(sentence)
        instance.add_event_listener(run_id, listen)
        url = Settings.from_environment().database_url
        assert url is not None, "prepared() enters it"
        with waiting_told(url, tell):
            result = definitions.defs.resolve_job_def(name).execute_in_process(
                instance=instance,
                run_id=run_id,
                run_config={**_QUIET, **(config or {})},
                raise_on_error=False,
                tags={**_CODE_LOCATION, **Process.this().tags, "soleflip/started_by": actor},
            )
    return JobRun(run_id, result.success, list(result.get_asset_check_evaluations()), errors)


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let an instance keep its connections to its storage, as the webserver's does.

    Else each of the hundreds of events of a run opens connections of its own, 150 for ``soleflip verify``,
    which takes more than half of its time, and more still where the storage is far away.
    """
    instance.optimize_for_webserver(
        statement_timeout=0,  # as without it: none
        pool_recycle=_CONNECTION_SECONDS,
        max_overflow=_MORE_CONNECTIONS,
    )


def _line(entry: dg.EventLogEntry) -> str | None:
    event = entry.dagster_event
    if event is None:
        return f"  {entry.user_message}"
    match event.event_type_value:
        case "ASSET_MATERIALIZATION":
            materialization = event.step_materialization_data.materialization
            rows = materialization.metadata.get("dagster/row_count")
            counted = f"  {rows.value:,} rows" if rows else ""
            return f"✓ {materialization.asset_key.to_user_string()}{counted}"
        case "ASSET_CHECK_EVALUATION":
            evaluation = event.asset_check_evaluation_data
            if evaluation.passed:
                return f"  ✓ {evaluation.check_name}"
            return f"  ✗ {evaluation.check_name}: {evaluation.description}"
        case "STEP_FAILURE":
            return f"✗ {event.step_key}: {_failure(entry)}"
        case _:
            return None


def _failure(entry: dg.EventLogEntry) -> str | None:
    """Why a step or the run failed, in the words of the innermost error."""
    event = entry.dagster_event
    if event is None:
        return None
    if event.event_type_value == "STEP_FAILURE":
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return str(data.user_failure_data.description)
        error = data.error
    elif event.event_type_value == "PIPELINE_FAILURE":
        error = event.job_failure_data.error
    else:
        return None
    why = innermost(error) if error else None
    return _INTERRUPTED if why and "InterruptedError" in why else why
