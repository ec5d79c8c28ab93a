"""A sign of life to an outside monitor: its silence says that nobody here can raise the alarm any more.

Pinged by the alerts themselves after each good refresh, so that it proves the daemon, the refresh and the
alerts. Not here: when a refresh was good.
"""

import os
import urllib.error
import urllib.request

HEARTBEAT_URL = "SOLEFLIP_HEARTBEAT_URL"
_TIMEOUT_SECONDS = 10


def ping() -> bool:
    """Call ``SOLEFLIP_HEARTBEAT_URL``.

    Returns:
        Whether there is nothing more to do: it answered, or none is set.
    """
    url = os.environ.get(HEARTBEAT_URL)
    if not url:
        return True
    if not url.startswith(("http://", "https://")):
        return False
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS):  # noqa: S310 checked above
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
