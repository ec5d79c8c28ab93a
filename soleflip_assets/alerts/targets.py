"""The targets of ``SOLEFLIP_ALERT_URLS``: from Apprise URLs to something that takes a message.

Such a URL is a secret: nothing here prints one, nor lets Apprise print one. A target is called by its service
and a hash of its URL. Not here: what is sent, and when.
"""

import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from soleflip_assets.alerts.bounded import within
from soleflip_assets.alerts.message import Limits
from soleflip_assets.alerts.state import Severity
from soleflip_assets.ground.deadlines import SEND
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.settings import ALERT_URLS, Settings

# A comma may be part of a URL: one that separates is followed by the next URL.
_SEPARATOR = re.compile(r",\s*(?=(?:\w+=)?[a-z][a-z0-9+.-]*://)", re.IGNORECASE)
_TAGGED = re.compile(
    r"(?:(?P<tag>\w+)=)?(?P<url>[a-z][a-z0-9+.-]*://.*)", re.IGNORECASE | re.DOTALL
)
_TAGS = {None: None, "warn": Severity.WARN, "error": Severity.ERROR}

_SEND_TIMEOUT_SECONDS: float = SEND.number

_WITHOUT_ESCAPES = 0.9


class Send(Protocol):
    """Send a message; whether it was taken. A file goes along where the service takes one."""

    def __call__(  # noqa: D102
        self, title: str, body: str, severity: Severity | None, file: Path | None = None
    ) -> bool: ...


@dataclass(frozen=True)
class Target:
    """Where messages go.

    Attributes:
        name: stable, and no secret.
        severity: the only one it is for; None means all.
        send: sends a message.
        limits: how long that may be.
    """

    name: str
    severity: Severity | None
    send: Send
    limits: Limits = field(default_factory=Limits)

    def accepts(self, severity: Severity) -> bool:
        """Whether it is for alerts of this severity."""
        return self.severity in (None, severity)


def targets_from_environment(log: Callable[[str], None]) -> list[Target]:
    """The targets of ``SOLEFLIP_ALERT_URLS``; the log where it is not set.

    Args:
        log: takes the messages if there is no other target.

    Raises:
        ConfigurationError: an entry is no Apprise URL, or its tag is neither ``warn`` nor ``error``.
    """
    secret = Settings.from_environment().alert_urls
    value = secret.get_secret_value().strip() if secret else ""
    if not value:
        return [_log_target(log)]
    entries = [entry.strip() for entry in _SEPARATOR.split(value)]
    targets = [_parse(number, entry) for number, entry in enumerate(entries, start=1)]
    return list({target.name: target for target in targets}.values())


def _log_target(log: Callable[[str], None]) -> Target:
    def send(
        title: str,
        body: str,
        severity: Severity | None,  # noqa: ARG001
        file: Path | None = None,  # noqa: ARG001
    ) -> bool:
        log(f"{title}\n{body}\n(Set {ALERT_URLS} to have this sent: see docs/runbook.md#alerts.)")
        return True

    return Target("log", None, send)


def _parse(number: int, entry: str) -> Target:
    match = _TAGGED.fullmatch(entry)
    if match is None or match["tag"] not in _TAGS:
        raise ConfigurationError(
            f"Entry {number} of {ALERT_URLS} is not an Apprise URL, or is tagged with something other "
            "than warn or error: write it as error=slack://… (see docs/runbook.md#alerts)."
        )
    url = match["url"]
    scheme = url.partition("://")[0].lower()
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    tag = f"{match['tag']}=" if match["tag"] else ""
    name = f"{tag}{scheme}#{digest}"
    send, limits = _apprise_sender(number, scheme, url, name)
    return Target(name, _TAGS[match["tag"]], send, limits)


def _apprise_sender(number: int, scheme: str, url: str, name: str) -> tuple[Send, Limits]:
    import apprise  # noqa: PLC0415 it takes long to import, and only the sensor needs it

    # What they log quotes URLs, tokens and all: of services that they cannot parse or reach.
    for logger in ("apprise", "urllib3"):
        logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise()
    if not service.add(url):
        raise ConfigurationError(
            f"Entry {number} of {ALERT_URLS} is a {scheme}:// URL that Apprise does not understand: "
            "correct it (see docs/runbook.md#alerts)."
        )
    kinds = {
        None: apprise.NotifyType.SUCCESS,
        Severity.WARN: apprise.NotifyType.WARNING,
        Severity.ERROR: apprise.NotifyType.FAILURE,
    }

    def send(title: str, body: str, severity: Severity | None, file: Path | None = None) -> bool:
        attached = str(file) if file and service[0].attachment_support else None

        def notify() -> bool:
            text = apprise.NotifyFormat.TEXT
            return bool(
                service.notify(body, title, kinds[severity], body_format=text, attach=attached)
            )

        return within(_SEND_TIMEOUT_SECONDS, name, notify)

    return send, _limits(service[0])


def _limits(service: Any) -> Limits:
    """What a service of Apprise takes. What it says is the length after escaping, which we do not know."""
    body = int(service.body_maxlen * _WITHOUT_ESCAPES)
    if service.title_maxlen > 0 and not service.overflow_amalgamate_title:
        return Limits(title=service.title_maxlen, body=body)
    # The title is the body's first line there.
    title = min(service.title_maxlen or body, body // 2)
    return Limits(title=title, body=body - title)
