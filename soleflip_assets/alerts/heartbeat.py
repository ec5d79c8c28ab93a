"""A sign of life to an outside monitor: its silence says that nobody here can raise the alarm any more.

Pinged by the alerts themselves after each good refresh, so that it proves the daemon, the refresh and the
alerts. Not here: when a refresh was good.
"""

import urllib.error
import urllib.request

from soleflip_assets.ground.settings import Settings

_TIMEOUT_SECONDS = 10


def ping() -> bool:
    """Call ``SOLEFLIP_HEARTBEAT_URL``.

    Returns:
        Whether there is nothing more to do: it answered, or none is set.
    """
    secret = Settings.from_environment().heartbeat_url
    if secret is None:
        return True
    url = secret.get_secret_value()
    if not url.startswith(("http://", "https://")):
        return False
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS):  # noqa: S310 checked above
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
