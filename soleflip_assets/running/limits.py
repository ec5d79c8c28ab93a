"""What runs are tagged with: when they must end, who goes first in the queue, which are repeated.

A job is tagged when its module is loaded, which must not read the environment. So where a setting decides
when its runs end, the job says which, and a run is tagged with the number when it starts.
"""

from collections.abc import Mapping
from enum import IntEnum

from soleflip_assets.ground import deadlines
from soleflip_assets.ground.deadlines import Deadline

MAX_RUNTIME_TAG = "dagster/max_runtime"
SETTING_TAG = "soleflip/max_runtime_setting"
# What Dagster tags a run with that repeats a failed one by itself.
REPEATED_TAG = "dagster/retry_number"

# A run by the clock that failed is repeated: its process was killed, a server restarted. Three times, each
# some 20 s after the last: what lasts longer waits for the next hour. All steps: who died after the last one
# has none left.
REPEATED = {
    "dagster/max_retries": "3",
    "dagster/retry_on_asset_or_op_failure": "true",
    "dagster/retry_strategy": "ALL_STEPS",
}


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
    tags = {
        MAX_RUNTIME_TAG: str(deadline.default_seconds),
        "dagster/priority": str(int(priority)),
    }
    return {**tags, SETTING_TAG: deadline.variable} if deadline.setting else tags


def set_by_environment(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a run of a job whose end a setting decides; none of another one.

    Args:
        tags: the job's.

    Raises:
        ConfigurationError: the setting is wrong.
    """
    setting = tags.get(SETTING_TAG)
    if not setting:
        return {}
    (deadline,) = (found for found in deadlines.ALL if found.variable == setting)
    return {MAX_RUNTIME_TAG: str(deadline.seconds)}
