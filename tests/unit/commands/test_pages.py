"""The runbook as a page of the webserver."""

import asyncio
import re
from typing import Any

import pytest

from soleflip_assets.commands.pages import Pages, runbook_page
from soleflip_assets.ground.runbook import RUNBOOK


async def _ask(method: str, path: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def dagster(scope: Any, receive: Any, send: Any) -> None:
        await send({"dagster": scope["path"]})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read of a request")

    pages = Pages(dagster, "/ui/runbook")
    await pages({"type": "http", "method": method, "path": path}, receive, send)
    return sent


def test_runbook_is_answered_and_all_else_is_dagsters() -> None:
    start, body = asyncio.run(_ask("GET", "/ui/runbook"))
    assert start["status"] == 200
    assert (b"content-type", b"text/html; charset=utf-8") in start["headers"]
    assert body["body"] == runbook_page()
    assert asyncio.run(_ask("HEAD", "/ui/runbook"))[1]["body"] == b""
    for method, path in (("GET", "/runbook"), ("POST", "/ui/runbook"), ("GET", "/ui/runbook/x")):
        assert asyncio.run(_ask(method, path)) == [{"dagster": path}]


def test_every_section_has_its_anchor_and_every_link_leads_somewhere() -> None:
    page = runbook_page().decode()
    sections = re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = set(re.findall(r'<h\d id="([^"]+)"', page))

    assert {section.lower().replace(" ", "-") for section in sections} <= anchors
    for target in re.findall(r'href="([^"]+)"', page):
        assert target.startswith("https://") or target.removeprefix("#") in anchors, target


@pytest.mark.parametrize("shown", ["<table>", "<pre><code", "<ol>"])
def test_tables_code_and_steps_are_rendered(shown: str) -> None:
    assert shown in runbook_page().decode()
