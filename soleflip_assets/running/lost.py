"""Ending the runs whose process is gone: they would hold their places in the pools, and the queue, for ever.

Done by whoever comes by: each command when it starts, `soleflip up`, the sensor `watch` twice a minute. Here:
finding and ending. Not here: runs that take too long, which Dagster's run monitoring ends.
"""

from collections.abc import Iterator

import dagster as dg

from soleflip_assets.running.process import Process

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def end_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report as failed each run whose process has ended on this machine; with it goes its place in a pool.

    Args:
        instance: Dagster's.

    Returns:
        A sentence for each.
    """
    sentences = []
    for current, process in lost_runs(instance):
        sentence = f"{process}, which did it, is gone: it was killed, or the machine went down."
        if current.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(current, f"The run was cancelled, and {sentence}")
        else:
            instance.report_run_failed(current, f"The run was ended: {sentence}")
        sentences.append(
            f"Ended run {current.run_id[:8]} of {current.job_name}: {process}, which did it, is gone."
        )
    return sentences


def lost_runs(instance: dg.DagsterInstance) -> Iterator[tuple[dg.DagsterRun, Process]]:
    """Each run whose process has ended on this machine, with that process."""
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        process = _process_of(instance, run)
        if process is None or not process.is_gone:
            continue
        # Somebody else may be ending it at this moment, and it may have ended well just before its process.
        current = instance.get_run_by_id(run.run_id)
        if current is not None and not current.is_finished:
            yield current, process


def _process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Process | None:
    """The process that does a run; None if it is not known, or none does it yet.

    A run that repeats another one has its tags, with the process that did that one, until it starts.
    """
    process = Process.from_tags(run.tags)
    if process is None or run.parent_run_id is None:
        return process
    repeated = instance.get_run_by_id(run.parent_run_id)
    inherited = repeated is not None and Process.from_tags(repeated.tags) == process
    return None if inherited else process


def unfinished_run(instance: dg.DagsterInstance, job: str) -> dg.DagsterRun | None:
    """A run of a job that waits or goes on; None if there is none."""
    return next(
        iter(instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED), limit=1)), None
    )
