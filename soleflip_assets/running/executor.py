"""All jobs' executor: Dagster's own, which executes in the run's process; the run is tagged with that first.

So a run is found out when its process is gone, whoever launched it: the daemon, the UI, a command. Here: the
tag. Not here: what becomes of such a run (lost.py).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from soleflip_assets.running.limits import set_by_environment
from soleflip_assets.running.process import Process


class _Tagging(dg.Executor):
    def __init__(self, executor: dg.Executor) -> None:
        self._executor = executor

    @property
    def retries(self) -> Any:
        return self._executor.retries

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        """Tag the run, then execute all its steps."""
        tags = Process.this().tags | set_by_environment(plan_context.dagster_run.tags)
        plan_context.instance.add_run_tags(plan_context.run_id, tags)
        yield from self._executor.execute(plan_context, execution_plan)


# Dagster gives out a schema in a form that it does not promise to take.
_SCHEMA: Any = dg.in_process_executor.config_schema


@dg.executor(name="in_process", config_schema=_SCHEMA)
def in_process(context: dg.InitExecutorContext) -> dg.Executor:
    """Dagster's own, and the tag."""
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None
    return _Tagging(create(context))
