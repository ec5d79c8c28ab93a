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
# A step, and the commands that it ends in; a query, too, but that is to be read there.
_STEP = re.compile(
    r"^1\. (?P<said>.+(?:\n   .+)*)(?:\n+(?:<!--.*-->\n)?```bash\n(?P<commands>(?:.+\n)+?)```)?",
    re.MULTILINE,
)


def first_step(section: str) -> str:
    """The first step of a section, on one line of plain text; empty if it has no numbered ones."""
    return _first_steps().get(section, "")


@cache
def _first_steps() -> dict[str, str]:
    steps = {}
    for section in re.split(r"^## ", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        if step := _STEP.search(section):
            steps[section.partition("\n")[0]] = _told(step["said"], step["commands"])
    return steps


def _told(said: str, commands: str | None) -> str:
    """A step on one line. Where it ends in a colon, what it announces is part of it."""
    line = " ".join(_LINK.sub(r"\1", said).split())
    if not line.endswith(":"):
        return line
    quoted = [f"`{command}`" for command in (commands or "").splitlines()]
    return (
        f"{line} {', then '.join(quoted)}."
        if quoted
        else f"{line[:-1]} (the runbook has the query)."
    )


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
