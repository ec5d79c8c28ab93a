"""What becomes of the figures: a Markdown file for people, a JSON file for plots and bounds.

A run of some sections replaces those and keeps the others, each with when it was measured. Here: keeping,
rendering, judging. Not here: measuring.
"""

import json
import os
import platform
import tomllib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from benchmarks.harness import table

RESULTS = Path(__file__).parent / "results"
BOUNDS = Path(__file__).parent / "bounds.toml"
# The size that the bounds which must be reached are for.
MILLION = 1_000_000
_MINUTE = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True)
class Section:
    """What one benchmark found.

    Attributes:
        title: of the section.
        text: tables and sentences, as Markdown.
        values: figures for bounds and plots, by name.
    """

    title: str
    text: str
    values: dict[str, float]


@dataclass(frozen=True)
class Measured:
    """A section, and the surroundings in which it was measured.

    Attributes:
        section: the section.
        when: the minute in UTC, as ``now`` writes it.
        seconds: how long it took.
        load: the machine's load average when it began.
    """

    section: Section
    when: str
    seconds: float
    load: float

    @property
    def at(self) -> datetime:
        """When it was measured."""
        return datetime.strptime(self.when, _MINUTE).replace(tzinfo=UTC)

    @property
    def text(self) -> str:
        """As Markdown."""
        surroundings = (
            f"Measured {self.when} in {self.seconds:,.0f} s; load average {self.load:.1f} before."
        )
        return f"## {self.section.title}\n\n{self.section.text}\n\n*{surroundings}*"


def now() -> str:
    """The present minute."""
    return f"{datetime.now(UTC):{_MINUTE}}"


class Results:
    """All sections at one size."""

    def __init__(self, rows: int, machine: str, sections: dict[str, Measured]) -> None:
        self.rows = rows
        self.machine = machine
        self.sections = sections

    @classmethod
    def kept(cls, path: Path) -> "Results":
        """Those of a file."""
        found = json.loads(path.read_text(encoding="utf-8"))
        sections = {
            name: Measured(Section(**held.pop("section")), **held)
            for name, held in found["sections"].items()
        }
        return cls(found["rows"], found["machine"], sections)

    def fresh(self, name: str, within: timedelta) -> bool:
        """Whether a section was measured so lately."""
        measured = self.sections.get(name)
        return measured is not None and datetime.now(UTC) - measured.at < within

    @classmethod
    def at(cls, rows: int, folder: Path = RESULTS) -> "Results":
        """Those that were measured at this size before; none if there are none."""
        path = folder / f"{rows}.json"
        return cls.kept(path) if path.exists() else cls(rows, "", {})

    @property
    def values(self) -> dict[str, float]:
        """The figures of all sections."""
        return {
            name: value
            for measured in self.sections.values()
            for name, value in measured.section.values.items()
        }

    def write(self, folder: Path = RESULTS) -> Path:
        """Keep them.

        Returns:
            The Markdown file.
        """
        folder.mkdir(exist_ok=True)
        held = {
            "rows": self.rows,
            "machine": self.machine,
            "sections": {name: asdict(measured) for name, measured in self.sections.items()},
        }
        text = json.dumps(held, indent=1, ensure_ascii=False)
        (folder / f"{self.rows}.json").write_text(text + "\n", encoding="utf-8")
        path = self.path(folder)
        path.write_text(self._text(), encoding="utf-8")
        return path

    def path(self, folder: Path = RESULTS) -> Path:
        """Their Markdown file."""
        return folder / f"{self.rows}.md"

    def _text(self) -> str:
        explanation = (
            f"Written by `soleflip bench --rows {self.rows}`. Ratios are the result; absolute times are this "
            "machine's. A figure is the median, behind it the least and the most."
        )
        parts = [
            f"# Benchmarks, {self.rows:,} stock rows",
            explanation,
            self.machine,
            *([self._must()] if self.rows == MILLION else []),
            *(measured.text for measured in self.sections.values()),
        ]
        return "\n\n".join(parts) + "\n"

    def _must(self) -> str:
        """The bounds of the project, and whether they are reached."""
        judged = judge(self.values, "must")
        rows = [
            [bound.what, bound.text, _shown(bound.found), bound.verdict]
            for bound in judged.values()
        ]
        return "## Must reach\n\n" + table(["measure", "bound", "measured", ""], rows)


@dataclass(frozen=True)
class Bound:
    """A figure and what it must be.

    Attributes:
        what: the figure, in words.
        limit: the bound.
        at_least: whether more is better.
        found: the figure; None where it was not measured.
    """

    what: str
    limit: float
    at_least: bool
    found: float | None

    def held(self, tolerance: float = 1) -> bool:
        """Whether the figure is within the bound, give or take a factor."""
        if self.found is None:
            return False
        if self.at_least:
            return self.found * tolerance >= self.limit
        return self.found <= self.limit * tolerance

    @property
    def text(self) -> str:
        """The bound."""
        return f"{'≥' if self.at_least else '≤'} {_shown(self.limit)}"

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.found is None:
            return "not measured"
        return "reached" if self.held() else "**missed**"


def judge(values: dict[str, float], table_name: str, path: Path = BOUNDS) -> dict[str, Bound]:
    """Compare figures with a table of bounds.toml.

    Args:
        values: the figures.
        table_name: ``must`` or ``quick``.
        path: the file.
    """
    with path.open("rb") as file:
        bounds = tomllib.load(file)[table_name]
    return {
        name: Bound(
            bound["what"],
            bound.get("at_least", bound.get("at_most")),
            "at_least" in bound,
            values.get(name),
        )
        for name, bound in bounds.items()
    }


def machine(server_version: str, parameters: dict[str, str]) -> str:
    """Machine, versions and settings, as a sentence."""
    settings = ", ".join(f"{name} = {value}" for name, value in parameters.items())
    return (
        f"PostgreSQL {server_version} ({settings}, autovacuum off), Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GB."
    )


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
