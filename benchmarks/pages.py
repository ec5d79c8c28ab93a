"""The figures in README and docs/, written there from what the benchmarks kept.

A comment behind a figure says whose it is: ``1,001<!--1000000.refresh_1000_time-->`` is the value
``refresh_1000_time`` of results/1000000.json; ``must.NAME`` is a bound of bounds.toml. Where a page holds the
two comments ``sources`` and ``end of sources``, the table between them says when each was measured, and by
which command. Here: writing them. Not here: measuring, or the words around them.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from benchmarks.harness import table
from benchmarks.results import BOUNDS, RESULTS, Measured, Results

ROOT = Path(__file__).parent.parent
_FIGURE = re.compile(r"[\d.,]*\d<!--(?P<of>\w+)\.(?P<name>\w+)-->")
_SOURCES = re.compile(r"(?<=<!--sources-->\n).*?(?=<!--end of sources-->)", re.DOTALL)


def pages(root: Path = ROOT) -> Sequence[Path]:
    """README and what is below docs/."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def write_figures(root: Path = ROOT) -> None:
    """Write them into every page, as they are kept now.

    Raises:
        KeyError: a page names a figure that no benchmark kept.
    """
    for page in pages(root):
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")


def rewritten(text: str, folder: Path = RESULTS) -> str:
    """A page with its figures as they are kept in a folder of results.

    Raises:
        KeyError: it names a figure that no benchmark kept.
    """

    def written(figure: re.Match[str]) -> str:
        value = _value(folder, figure["of"], figure["name"])
        return f"{shown(value)}<!--{figure['of']}.{figure['name']}-->"

    text = _FIGURE.sub(written, text)
    sources = f"\n{_sources(text, folder)}\n\n"
    return _SOURCES.sub(lambda _: sources, text)


def shown(value: float) -> str:
    """As people read it: two or three digits.

    >>> [shown(value) for value in (2002.97, 53.15, 1.19, 0.0332)]
    ['2,003', '53', '1.2', '0.033']
    """
    if abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _value(folder: Path, of: str, name: str) -> float:
    if of == "must":
        bound = tomllib.loads(BOUNDS.read_text(encoding="utf-8"))["must"][name]
        return float(bound.get("at_least", bound.get("at_most")))
    return _kept(folder, of).values[name]


@cache
def _kept(folder: Path, of: str) -> Results:
    return Results.kept(folder / f"{of}.json")


def _sources(text: str, folder: Path) -> str:
    """A row for each section that a figure of the page is from."""
    rows: dict[tuple[str, str], list[object]] = {}
    for figure in _FIGURE.finditer(text):
        for section, measured in _sections(folder, figure["of"], figure["name"]):
            size = int(figure["of"])
            rows[figure["of"], section] = [
                measured.section.title,
                f"[{size:,}](../benchmarks/results/{size}.md)",
                measured.when,
                f"{measured.load:.1f}",
                f"`soleflip bench --rows {size} --only {section}`",
            ]
    head = ["section", "stock rows", "measured", "load before", "by"]
    return table(head, list(rows.values()))


def _sections(folder: Path, of: str, name: str) -> Iterator[tuple[str, Measured]]:
    if of == "must":
        return
    for section, measured in _kept(folder, of).sections.items():
        if name in measured.section.values:
            yield section, measured


if __name__ == "__main__":
    write_figures()
