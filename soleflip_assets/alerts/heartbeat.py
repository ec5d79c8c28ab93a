"""A sign of life to an outside monitor: its silence says that nobody here can raise the alarm any more.

Pinged by the alerts themselves after each good refresh, so that it proves the daemon, the refresh and the
alerts. Whatever the monitor answers, or its URL is, the alerts go on. Not here: when a refresh was good.
"""

import urllib.error
import urllib.request

from soleflip_assets.alerts.bounded import within
from soleflip_assets.ground.deadlines import HEARTBEAT
from soleflip_assets.ground.settings import Settings

_TIMEOUT_SECONDS: float = HEARTBEAT.number


def ping() -> bool:
    """Call ``SOLEFLIP_HEARTBEAT_URL``; it has ten seconds.

    Returns:
        Whether there is nothing more to do: it answered, or none is set.
    """
    secret = Settings.from_environment().heartbeat_url
    url = secret.get_secret_value().strip() if secret else ""
    if not url:
        return True
    if not url.startswith(("http://", "https://")):
        return False

    def call() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS):  # noqa: S310 checked above
                return True
        except urllib.error.HTTPError as refused:
            refused.close()
            return False

    try:
        return within(_TIMEOUT_SECONDS, "heartbeat", call)
    except Exception:  # noqa: BLE001 a URL that is none, no HTTP, no answer, no host: no sign of life
        return False
