"""The runbook as the platform quotes it: what to do first, and where the rest is to be read.

Here: finding a section's first step, and its address. Not here: the page itself, which the webserver makes of
docs/runbook.md (commands/pages.py), or which section is about what.
"""

import re
from functools import cache
from urllib.parse import urlsplit

from soleflip_assets.ground.settings import FILES, Settings

RUNBOOK = FILES / "docs" / "runbook.md"
# Where the webserver shows it.
PATH = "/runbook"

_LINK = re.compile(r"\[([^]]+)\]\([^)]+\)")


def first_step(section: str) -> str:
    """The first step of a section, on one line of plain text; empty if it has no numbered ones."""
    return _first_steps().get(section, "")


@cache
def _first_steps() -> dict[str, str]:
    steps = {}
    for section in re.split(r"^## ", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        if step := re.search(r"^1\. (.+(?:\n   .+)*)", section, re.MULTILINE):
            named = _LINK.sub(r"\1", step[1])
            steps[section.partition("\n")[0]] = " ".join(named.split())
    return steps


def address(section: str) -> str:
    """Where a section is to be read from anywhere, as an alert needs it."""
    settings = Settings.from_environment()
    page = settings.runbook_url or settings.ui_url.rstrip("/") + PATH
    return f"{page}#{section}"


def link(section: str) -> str:
    """Where a section is to be read from a page of the UI: there, whatever name that was opened by."""
    settings = Settings.from_environment()
    page = settings.runbook_url or urlsplit(settings.ui_url).path.rstrip("/") + PATH
    return f"{page}#{section}"
