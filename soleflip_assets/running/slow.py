"""Runs that wait in the queue, or go on, for too long. Not here: ending them, which run monitoring does."""

import dagster as dg

from soleflip_assets.ground import deadlines

_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
_AT_WORK = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def slow_runs(instance: dg.DagsterInstance, now: float) -> dict[str, list[str]]:
    """What takes too long.

    Args:
        instance: Dagster's.
        now: the time.

    Returns:
        ``queued`` and ``started``, each with a phrase for each run.
    """
    waiting = [
        (record, now - record.create_timestamp.timestamp())
        for record in instance.get_run_records(dg.RunsFilter(statuses=_WAITING))
    ]
    working = [
        (record, now - (record.start_time or record.create_timestamp.timestamp()))
        for record in instance.get_run_records(dg.RunsFilter(statuses=_AT_WORK))
    ]
    return {
        "queued": [
            _phrase(record, seconds)
            for record, seconds in waiting
            if seconds > deadlines.QUEUED_LONG.seconds
        ],
        "started": [
            _phrase(record, seconds)
            for record, seconds in working
            if seconds > _long(record.dagster_run)
        ],
    }


def _long(run: dg.DagsterRun) -> float:
    own = run.tags.get("dagster/max_runtime", "")
    return max(deadlines.STARTED_LONG.seconds, int(own) / 2 if own.isdecimal() else 0)


def _phrase(record: dg.RunRecord, seconds: float) -> str:
    run = record.dagster_run
    return f"{run.job_name} (run {run.run_id[:8]}, {seconds / 60:.0f} minutes)"
