"""Nobody in this process waits for longer than a second: it looks again.

Dagster's scheduler looks once a minute and waits for the next one by a clock of its own, so that it would
take no notice of the hours that a test lets pass. Python loads this where the folder is in PYTHONPATH.
"""

import threading

_wait = threading.Event.wait


def _wait_briefly(event: threading.Event, timeout: float | None = None) -> bool:
    return _wait(event, None if timeout is None else min(timeout, 1.0))


threading.Event.wait = _wait_briefly  # type: ignore[assignment,method-assign]
