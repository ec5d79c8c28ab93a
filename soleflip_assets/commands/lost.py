"""Ends the runs whose process is gone: ``python -m soleflip_assets.commands.lost``.

For `soleflip up`, which itself does without Dagster. Not here: how a run is found and ended
(running/lost.py).
"""

import dagster as dg

from soleflip_assets.commands.terminal import server_errors, tell
from soleflip_assets.running.lost import end_lost_runs


def main() -> None:
    """End them, with a line for each."""
    tell("Looking for runs whose process is gone")
    with server_errors(), dg.DagsterInstance.get() as instance:
        for sentence in end_lost_runs(instance):
            tell(sentence)


if __name__ == "__main__":
    main()
