"""Who may speak to the web interface: its own pages, programs on this machine, and nobody else's page.

Dagster's webserver knows nobody, and takes a mutation from a page of any site: as ``text/plain``, which a
browser sends without asking, or as the address of an image. This stands before it, whatever it would answer.
The same rules are in deploy/Caddyfile, for the proxy. Here: judging a request by its headers alone. Not here:
starting the webserver (webserver.py), or who somebody is, which is the proxy's to ask.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Each decides something here. Of two, this one and Dagster could read different ones.
_ONCE = ("host", "origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "content-type")
_READING = ("GET", "HEAD")
_JSON = "application/json"
_DEFAULT_PORTS = {"http": 80, "https": 443}

# No page of another site shows ours in a frame, to have somebody press its buttons; nothing of it is guessed
# to be a script.
_ANSWERED_WITH = [
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered.

    Attributes:
        status: of HTTP.
        reason: a sentence.
    """

    status: int
    reason: str


def origins(*urls: str) -> frozenset[str]:
    """The origins of URLs as browsers write them: without the port where it is the scheme's own."""
    return frozenset(_origin(url) for url in urls)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = parts.port in (None, _DEFAULT_PORTS.get(parts.scheme))
    return f"{parts.scheme}://{host}" + ("" if default else f":{parts.port}")


def refusal(
    kind: str,
    method: str,
    path: str,
    headers: Iterable[tuple[bytes, bytes]],
    own: frozenset[str],
) -> Refusal | None:
    """Why a request is refused; None if it is not.

    Args:
        kind: ``http`` or ``websocket``.
        method: of HTTP; a websocket is opened by a GET.
        path: without the query.
        headers: as ASGI gives them, the names in lower case.
        own: the origins under which the interface is reached.
    """
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        if name in _ONCE and name in found:
            return Refusal(400, f"The header {name} is there twice.")
        found[name] = raw_value.decode("latin-1").strip()
    return (
        _foreign_host(found, own)
        or _foreign_page(kind, method, path, found, own)
        or (_wrong_method(method, path, found) if kind == "http" else None)
    )


def _foreign_host(headers: dict[str, str], own: frozenset[str]) -> Refusal | None:
    """A name that somebody else made point here: its pages would count as ours."""
    host = headers.get("host", "").lower()
    if host and any(host == urlsplit(origin).netloc for origin in own):
        return None
    return Refusal(
        421,
        "This host name is not answered. SOLEFLIP_UI_URL names one that is, beside those of the loopback "
        "interface.",
    )


def _foreign_page(
    kind: str, method: str, path: str, headers: dict[str, str], own: frozenset[str]
) -> Refusal | None:
    """A page of another site asks. A program on this machine sends neither header; every browser does."""
    origin = headers.get("origin")
    if origin is not None and (
        origin not in own or urlsplit(origin).netloc != headers["host"].lower()
    ):
        return Refusal(403, "A page of another site may ask nothing here.")
    site = headers.get("sec-fetch-site", "none")
    if site in ("none", "same-origin"):
        return None
    followed_a_link = (
        kind == "http"
        and method == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and not _is_graphql(path)
    )
    return None if followed_a_link else Refusal(403, "A page of another site may only link here.")


def _wrong_method(method: str, path: str, headers: dict[str, str]) -> Refusal | None:
    if method in _READING:
        # Dagster answers a query in the address, a mutation, too; its page to write queries is no query.
        if _is_graphql(path) and "text/html" not in headers.get("accept", ""):
            return Refusal(405, "Queries are sent by POST.")
        return None
    if method != "POST":
        return Refusal(405, "Only GET, HEAD and POST are answered.")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        return Refusal(415, f"What is sent must be {_JSON}.")
    return None


def _is_graphql(path: str) -> bool:
    return path.rstrip("/").endswith("/graphql")


@dataclass(frozen=True)
class Guard:
    """An ASGI application that lets through to another one what is not refused.

    Attributes:
        app: Dagster's.
        own: the origins under which it is reached.
    """

    app: App
    own: frozenset[str] = field(default_factory=frozenset)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refused = refusal(
            scope["type"], scope.get("method", "GET"), scope["path"], scope["headers"], self.own
        )
        if refused is None:
            await self.app(scope, receive, _marked(send))
        elif scope["type"] == "websocket":
            # Before it is accepted, this is a 403 to the handshake.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(refused, send)


def _marked(send: Send) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_ANSWERED_WITH]
        await send(message)

    return marked


async def _refuse(refused: Refusal, send: Send) -> None:
    body = json.dumps({"error": refused.reason}).encode()
    await send(
        {
            "type": "http.response.start",
            "status": refused.status,
            "headers": [
                (b"content-type", _JSON.encode()),
                (b"content-length", str(len(body)).encode()),
                # What was sent with it is not read.
                (b"connection", b"close"),
                *_ANSWERED_WITH,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
