"""What each job's runs are tagged with: when they must end, and who goes first in the queue."""

from enum import IntEnum

from soleflip_assets.ground.deadlines import Deadline


class Priority(IntEnum):
    """Who goes first where runs wait in the queue."""

    # Readers of the metrics wait for it.
    REFRESH = 20
    # Customers wait for units that are held for nobody.
    EXPIRY = 10
    # A person waits.
    PERSON = 5
    WATCH = 0
    HOUSEKEEPING = -10


def run_tags(deadline: Deadline, priority: Priority) -> dict[str, str]:
    """The tags of a job.

    Args:
        deadline: after which Dagster's run monitoring ends a run.
        priority: in the queue.
    """
    return {"dagster/max_runtime": str(deadline.seconds), "dagster/priority": str(int(priority))}
