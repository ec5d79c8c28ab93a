"""The page that the webserver shows beside Dagster's: the runbook, which alerts and red checks link to.

Here: from docs/runbook.md to HTML, and answering for it. Not here: who may ask (guard.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from soleflip_assets.commands.guard import App, Receive, Scope, Send
from soleflip_assets.ground.runbook import RUNBOOK

# Follows the browser's light or dark, and fits a phone: who reads this was woken by an alert.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Runbook</title>
<style>
:root {{ color-scheme: light dark; --line: #8884; --code: #8881; --mark: #f5c5424d; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 0 auto; padding: 1rem 1.25rem 60vh; }}
h2 {{ margin: 2.5rem 0 .5rem; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }}
h2:target {{ background: var(--mark); }}
code, pre {{ font: 14px/1.45 ui-monospace, monospace; background: var(--code); border-radius: 4px; }}
code {{ padding: .1em .3em; overflow-wrap: anywhere; }}
pre {{ padding: .75rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
pre code {{ padding: 0; background: none; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }}
li {{ margin: .25rem 0; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


@cache
def runbook_page() -> bytes:
    """The runbook as a page; each heading has the anchor that GitHub would give it."""
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(RUNBOOK.read_text(encoding="utf-8"))
    _give_anchors(tokens)
    _keep_links_inside(tokens)
    body = markdown.renderer.render(tokens, markdown.options, {})
    return _PAGE.format(body=body).encode()


def _give_anchors(tokens: Sequence[Token]) -> None:
    for opening, inside in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", inside.content.lower().replace(" ", "-"))


def _keep_links_inside(tokens: Sequence[Token]) -> None:
    """Where a link leads to another page of docs/, which is not served, only its text stays."""
    for token in tokens:
        for child in token.children or []:
            target = str(child.attrGet("href") or "")
            if child.type == "link_open" and not target.startswith(("#", "https://")):
                child.attrs = {"title": f"docs/{target}"}


@dataclass(frozen=True)
class Pages:
    """An ASGI application that answers for the runbook, and leaves all else to another one.

    Attributes:
        app: Dagster's.
        path: of the runbook.
    """

    app: App
    path: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if not asked or scope["path"] != self.path:
            await self.app(scope, receive, send)
            return
        page = runbook_page()
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", str(len(page)).encode()),
            (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = page if scope["method"] == "GET" else b""
        await send({"type": "http.response.body", "body": body})
