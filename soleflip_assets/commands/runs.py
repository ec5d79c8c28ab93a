"""Running a job from the command line: the same job that the UI shows, with its progress on the terminal.

Here: executing a job against Dagster's instance, and what came of it. Not here: what the job does, or what is
told meanwhile (narration.py).
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from soleflip_assets import definitions
from soleflip_assets.commands.narration import Narrator, refusals
from soleflip_assets.commands.terminal import counted, listed, tell
from soleflip_assets.commands.waiting import waiting_told
from soleflip_assets.ground.settings import Settings
from soleflip_assets.running.lost import end_lost_runs
from soleflip_assets.running.process import Process

# How Dagster marks the runs of a code location (the name is workspace.yaml's); a job's page finds its runs by
# it. Dagster itself marks only those that it launched.
_CODE_LOCATION = {".dagster/repository": "__repository__@soleflip"}

# Dagster's own console logger repeats every event; the narrator tells what a person wants to know.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# A step may take hours without an event: an older connection, which a firewall may have dropped, is not used.
_CONNECTION_SECONDS = 60
# Besides the one that is kept; more than a run has threads.
_MORE_CONNECTIONS = 20


@dataclass(frozen=True)
class JobRun:
    """What came of a run.

    Attributes:
        run_id: its id in the UI.
        success: whether all of it was done and every blocking check passed.
        checks: the check evaluations.
        errors: what failed, a sentence each; none where somebody interrupted it.
        result: Dagster's own, for what its steps gave.
    """

    run_id: str
    success: bool
    checks: list[dg.AssetCheckEvaluation]
    errors: list[str]
    result: dg.ExecuteInProcessResult

    @property
    def link(self) -> str:
        """Where it is seen: in the UI, where its address is known; else its number."""
        settings = Settings.from_environment()
        if "ui_url" in settings.model_fields_set:
            return f"{settings.ui_url.rstrip('/')}/runs/{self.run_id}"
        return f"{self.run_id[:8]} (`soleflip up` shows it, under Runs)"

    @property
    def checked(self) -> str:
        """What came of the checks, for a verdict: one that only warns leaves a run a success."""
        failed = [check.check_name for check in self.checks if not check.passed]
        if not failed:
            return f"{counted(len(self.checks), 'check')} passed"
        return f"{len(failed)} of {len(self.checks)} checks did not pass ({listed(failed)})"

    def output(self, op: str) -> Any:
        """What an op gave; for runs that succeeded."""
        return self.result.output_for_node(op)

    def op_metadata(self, op: str) -> dict[str, Any]:
        """What the output of an op says of itself, by name."""
        (event,) = self.result.filter_events(
            lambda event: event.is_successful_output and event.node_name == op
        )
        metadata = event.step_output_data.metadata
        return {name: value.value for name, value in metadata.items()}

    def metadata(self, *key: str) -> dict[str, Any]:
        """What the materialization of an asset says of it, by name; nothing if it was not made."""
        made = self.result.asset_materializations_for_node("__".join(key))
        return {name: value.value for name, value in made[-1].metadata.items()} if made else {}


def run_job(
    name: str,
    narrator: Narrator,
    *,
    config: Mapping[str, Any] | None = None,
    actor: str = "command line",
) -> JobRun:
    """Run one of the project's jobs in this process, recorded in Dagster's instance.

    Args:
        name: the job's.
        narrator: tells how it goes.
        config: run configuration, besides the job's own.
        actor: kept with the run as a tag.
    """
    run_id = str(uuid.uuid4())
    with dg.DagsterInstance.get() as instance:
        keep_connections(instance)
        for sentence in end_lost_runs(instance):
            tell(sentence)
        instance.add_event_listener(run_id, narrator.hear)
        url = Settings.from_environment().database_url
        assert url is not None, "prepared() enters it"
        with waiting_told(url, tell, lambda: narrator.step):
            result = definitions.defs.resolve_job_def(name).execute_in_process(
                instance=instance,
                run_id=run_id,
                run_config={**_QUIET, **(config or {})},
                raise_on_error=False,
                tags={**_CODE_LOCATION, **Process.this().tags, "soleflip/started_by": actor},
            )
    narrator.end()
    checks = list(result.get_asset_check_evaluations())
    errors = [*narrator.errors, *refusals(checks)]
    if not (result.success or errors or narrator.interrupted):
        errors = ["the run failed, and its log says why."]
    return JobRun(run_id, result.success, checks, errors, result)


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
