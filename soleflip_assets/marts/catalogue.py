"""Which marts there are: the files of sql/marts, in the order in which they are built.

A mart is one SELECT over the tables of the warehouse and over other marts, in the SQL that DuckDB and Spark
read. Its header says all that is said of it anywhere: what it is, what it reads, of what one row is, what it
cannot know, and its columns. Here: reading that. Not here: computing one (building.py).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from types import MappingProxyType

from soleflip_assets.ground.sql_files import SqlFile, sql_files

_READ = re.compile(r"\b(?:FROM|JOIN) (\w+)")

NAMESPACE = "marts"
"""Of the tables in the warehouse, and of the assets."""


@dataclass(frozen=True)
class Mart:
    """A question asked of the warehouse, and the table that answers it.

    Attributes:
        file: its SQL.
    """

    file: SqlFile

    @property
    def name(self) -> str:
        """Its name, by which other marts read it."""
        return self.file.name

    @property
    def table(self) -> str:
        """Its table in the warehouse."""
        return f"{NAMESPACE}.{self.name}"

    @property
    def description(self) -> str:
        """What it is, in a sentence."""
        return self.file.description

    @property
    def reads(self) -> list[str]:
        """The tables and marts that it is made from."""
        return _listed(self.file.fields["reads"])

    @property
    def grain(self) -> list[str]:
        """The columns that one row is of: no two rows have the same values there, and none is empty."""
        return _listed(self.file.fields["grain"])

    @property
    def unknown(self) -> str:
        """What it cannot know, and how that is shown."""
        sentence = self.file.fields["unknown"]
        return sentence[0].upper() + sentence[1:]

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Each column with what it means.

        A meaning ends with a semicolon; columns that share one are named before it, with commas between.
        """
        columns: dict[str, str] = {}
        for part in self.file.fields["columns"].removesuffix(".").split("; "):
            names, _, meaning = part.partition(": ")
            columns |= dict.fromkeys(_listed(names), meaning)
        return columns

    @property
    def select(self) -> str:
        """Its SELECT."""
        (statement,) = self.file.statements
        return statement

    @property
    def adds_up(self) -> SqlFile:
        """What it is compared with: rows of ``what``, ``found`` and ``expected``."""
        return SqlFile(f"{NAMESPACE}/adds_up/{self.name}.sql")

    @property
    def compared_with(self) -> list[str]:
        """The tables and marts that it has to add up with, and those that are made there."""
        (statement,) = self.adds_up.statements
        return _READ.findall(statement)


def _listed(text: str) -> list[str]:
    return text.split(", ")


def _in_order(marts: Mapping[str, Mart]) -> Iterator[Mart]:
    known = {name: [read for read in mart.reads if read in marts] for name, mart in marts.items()}
    yield from (marts[name] for name in TopologicalSorter(known).static_order())


MARTS: Sequence[Mart] = tuple(
    _in_order({mart.name: mart for mart in map(Mart, sql_files(NAMESPACE))})
)
"""All of them; each after those that it reads."""

SECTIONS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "What it is worth": ("value_by_day", "expected_roi"),
        "What lies too long": ("age", "dead_stock", "listing_coverage", "status_duration"),
        "What sells": ("months", "sales_by_day", "profit_by_product", "days_to_sell"),
        "What was bought well": ("sell_through_by_month", "size_curve", "sell_through_by_supplier"),
        "Where": ("platforms", "payouts", "countries"),
        "How it is worked": ("reservation_funnel", "price_changes"),
    }
)
"""The marts that have a picture, by the heading that it stands under in the dashboard."""

PICTURED: Sequence[str] = tuple(name for names in SECTIONS.values() for name in names)
"""The marts that have a picture."""

TODAY = "today"
"""The mart of the day's figures."""

READ_BY_PEOPLE: Collection[str] = frozenset({TODAY, *PICTURED})
"""The marts that are shown as they are; others are made of the rest."""


def mart(name: str) -> Mart:
    """A mart by its name.

    Raises:
        KeyError: there is none, a mistake in this project.
    """
    return {known.name: known for known in MARTS}[name]


def documented() -> str:
    """All marts in Markdown, for docs/marts.md: those with a picture first, in the order of the page."""
    order = [TODAY, *PICTURED]
    others = [mart.name for mart in MARTS if mart.name not in order]
    return "\n\n".join(map(_documented, map(mart, [*order, *others])))


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _documented(mart: Mart) -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in mart.columns.items()]
    return "\n".join(
        [
            f"### {mart.name}",
            "",
            f"{mart.description} Reads {_quoted(mart.reads)}; one row a {_quoted(mart.grain)}.",
            "",
            mart.unknown,
            "",
            "| column | what |",
            "| --- | --- |",
            *rows,
        ]
    )
