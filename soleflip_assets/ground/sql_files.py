"""The files of sql/: finding one, reading its header, splitting it into statements.

Here: text. Not here: executing it, which is database.py's.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

from soleflip_assets.ground.settings import SQL

# What the header of a file may say of it, one line `Word: value` each. A test refuses any other word.
HEADER_WORDS: Mapping[str, str] = MappingProxyType(
    {
        # Of every file.
        "locks": "Which locks it takes on what, and for how long.",
        # Of a step of a deployment, a revert or a retirement.
        "again": "What happens when it is run again: safe, fails or refused, and why.",
        # Of a question: a file whose one row says `passed`.
        "asset": "The asset that it is about.",
        "means": "What it means where it is not so, for whoever reads the alert.",
        "fix": "What to do where it is not so, or what the deployment does about it.",
        "effect": "What a deviation does to a deployment: stops, stops until begun, warns or repaired.",
        "until": "The step of the ledger that retires what it reads; it passes from then on.",
        # Of each of several questions that share a file.
        "check": "The name of the next question; what follows is said of that one.",
        "proves": "What should be so.",
        # Of a mart.
        "reads": "The tables of the warehouse and the marts that it is made from.",
        "grain": "The columns that one row is of.",
        "unknown": "What it cannot know, and how that is shown.",
        "columns": "Each column with what it means.",
        # Of a headline query.
        "index": "The index that was built for it.",
    }
)

_DOLLAR_QUOTE = re.compile(r"\$[A-Za-z_]*\$")
# As SQLAlchemy's text() and psql find them: `:name`, and neither a cast nor a slice.
_PARAMETER = re.compile(r"(?<![:\w\\]):([a-z]\w*)(?!:)")
_HEADER_FIELD = re.compile(r"^(?P<name>[A-Z][a-z]+):\s*(?P<value>.*)$")


@dataclass(frozen=True)
class SqlFile:
    """One file of sql/, opened by a header of ``--`` comments.

    The header's first paragraph says what the file does; the lines ``Word: value`` after it are its fields
    (``HEADER_WORDS``), continued on indented lines.

    Attributes:
        path: relative to sql/, for instance ``checks/stock_records_kept.sql``.
    """

    path: str

    @property
    def location(self) -> Path:
        """The file on disk."""
        return SQL / self.path

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.location.stem

    @cached_property
    def text(self) -> str:
        """The whole text.

        Raises:
            FileNotFoundError: there is no such file, a mistake in this project.
        """
        return self.location.read_text(encoding="utf-8")

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def _header(self) -> list[str]:
        lines = []
        for line in self.text.splitlines():
            if not line.startswith("--"):
                break
            lines.append(line[2:].removeprefix(" "))
        return lines

    @property
    def description(self) -> str:
        """The header's first paragraph, as one line of prose."""
        paragraph = []
        for line in self._header:
            if not line.strip():
                break
            paragraph.append(line.strip())
        return " ".join(paragraph)

    @property
    def fields(self) -> dict[str, str]:
        """The header's fields, by lower-case word; none are in its first paragraph."""
        header = self._header
        return _fields(header[header.index("") :] if "" in header else [])

    @property
    def checks(self) -> list[dict[str, str]]:
        """The fields after each ``Check:`` of a file that holds several; empty where it is one itself."""
        _, *parts = re.split(r"^(?=Check:)", "\n".join(self._header), flags=re.MULTILINE)
        return [_fields(part.splitlines()) for part in parts]

    @property
    def parameters(self) -> frozenset[str]:
        """The ``:names`` of its statements, without the colon."""
        return frozenset(_PARAMETER.findall("\n".join(self.statements)))

    @property
    def statements(self) -> list[str]:
        """The statements one by one, comments between them left out.

        Executed one by one without a transaction around them they do what ``psql --file`` does:
        each statement is a transaction of its own, so a lock is held for one statement only.
        """
        return list(_statements(self.text))


def as_bound(statement: str, mark: str, after: str = "") -> str:
    """A statement whose ``:names`` are written as another driver takes them.

    Args:
        statement: one of ours.
        mark: what comes before a name: ``$`` for DuckDB, ``%(`` for psycopg.
        after: what comes after it.
    """
    return _PARAMETER.sub(lambda found: f"{mark}{found[1]}{after}", statement)


def _fields(lines: Sequence[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    current = None
    for line in lines:
        if match := _HEADER_FIELD.match(line):
            current = match["name"].lower()
            fields[current] = match["value"].strip()
        elif current and line.startswith(" "):
            fields[current] += " " + line.strip()
        else:
            current = None
    return fields


def sql_files(folder: str) -> list[SqlFile]:
    """The files directly in a folder of sql/, in order of their names."""
    return [SqlFile(f"{folder}/{path.name}") for path in sorted((SQL / folder).glob("*.sql"))]


@cache
def _statements(text: str) -> tuple[str, ...]:
    # A deployment asks 1,800 times, of some 150 files.
    return tuple(_split(text))


def _split(text: str) -> Iterator[str]:
    """Split at semicolons that end a line outside of dollar quotes.

    Enough for this project's files and no more: a test compares it with PostgreSQL's own grammar on
    every file.
    """
    statement: list[str] = []
    quote: str | None = None
    for line in text.splitlines():
        if not statement and (not line.strip() or line.startswith("--")):
            continue
        statement.append(line)
        for delimiter in _DOLLAR_QUOTE.findall(line):
            if quote is None:
                quote = delimiter
            elif quote == delimiter:
                quote = None
        if quote is None and line.rstrip().endswith(";"):
            yield "\n".join(statement).rstrip().removesuffix(";")
            statement = []
    if statement:
        yield "\n".join(statement)
