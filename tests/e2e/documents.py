"""The commands in the project's documents, and a shell that runs them one after the other.

In a document's source: a fence says what is in it, ``bash`` or ``sql`` for what is to be run; ``<!-- not run:
reason -->`` on the line before keeps a block from being run, and ``<!-- 15 days pass -->`` lets time pass
before it. Here: finding blocks, and running them. Not here: which documents, or on what database.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from click.testing import CliRunner

from soleflip_assets.commands.cli import main
from soleflip_assets.ground.settings import FILES

RUN = {"bash", "sql"}
SHOWN = {"mermaid", "python", "text"}

_FENCE = re.compile(r"^ *```(\S*)$")
_NOT_RUN = re.compile(r"^ *<!-- not run: (.+) -->$")
_DAYS_PASS = re.compile(r"^ *<!-- (\d+) days pass -->$")
_SOLEFLIP = re.compile(r"^(\.venv/bin/)?soleflip\b[^|<>]*$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document.

    Attributes:
        place: document and line.
        language: what the fence says.
        text: what is in it.
        not_run: why it is not to be run; empty if it is.
        days: that pass before it.
    """

    place: str
    language: str
    text: str
    not_run: str = ""
    days: int = 0

    def commands(self) -> Iterator[str]:
        """The commands of a block of bash, a line each but for those that a backslash continues."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield line


def blocks(document: str) -> list[Block]:
    """All blocks of a document, in order."""
    found: list[Block] = []
    lines = iter(enumerate((FILES / document).read_text(encoding="utf-8").splitlines(), start=1))
    before = ""
    for number, line in lines:
        if fence := _FENCE.match(line):
            text = []
            for _, inside in lines:
                if _FENCE.match(inside):
                    break
                text.append(inside)
            not_run, days = _NOT_RUN.match(before), _DAYS_PASS.match(before)
            found.append(
                Block(
                    f"{document}:{number}",
                    fence[1],
                    dedent("\n".join(text)),
                    not_run[1] if not_run else "",
                    int(days[1]) if days else 0,
                )
            )
        before = line
    return found


@dataclass
class Shell:
    """Runs blocks, in the checkout unless said otherwise; what one sets, the next one sees.

    The command line runs in this process, where Dagster is imported already; all else in bash and psql.

    Attributes:
        environment: the variables.
        placeholders: what is put in place of what a document sets a variable to.
        sql_url: where blocks of SQL are run.
        let_days_pass: what a document's word for it does.
        folder: where they are run.
    """

    environment: dict[str, str]
    placeholders: dict[str, str]
    sql_url: str
    let_days_pass: Callable[[int], None]
    folder: Path = FILES
    output: str = field(default="", init=False)

    def run(self, block: Block) -> None:
        """Run a block to its end.

        Raises:
            AssertionError: a command of it failed.
        """
        if block.days:
            self.let_days_pass(block.days)
        if block.language == "sql":
            self._psql(block)
            return
        for command in block.commands():
            if _SOLEFLIP.match(command):
                self._soleflip(block, command)
            else:
                self._bash(block, command)

    def _psql(self, block: Block) -> None:
        command = ["psql", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", self.sql_url]
        self._checked(block, block.text, command, text=block.text)

    def _soleflip(self, block: Block, command: str) -> None:
        """Let bash read the line as it reads any other, and hand over the words."""
        words = self._checked(block, command, ["bash", "-uc", f"printf '%s\\0' {command}"]).split(
            "\0"
        )
        outside = dict(os.environ)
        try:
            os.environ.clear()
            os.environ.update(self.environment)
            result = CliRunner().invoke(main, words[1:-1])
        finally:
            os.environ.clear()
            os.environ.update(outside)
        self.output += result.output
        assert result.exit_code == 0, f"{block.place}: {command}: {result.output}{result.exception}"

    def _bash(self, block: Block, command: str) -> None:
        """Run a line; what it sets stays set."""
        reading, writing = os.pipe()
        script = f"set -a\n{command}\nenv -0 >&{writing}"
        try:
            arguments = ["bash", "-euo", "pipefail", "-c", script]
            self._checked(block, command, arguments, pass_fds=[writing])
        finally:
            os.close(writing)
        with os.fdopen(reading) as variables:
            pairs = (pair.partition("=") for pair in variables.read().split("\0") if pair)
            self.environment = {
                name: self.placeholders.get(name, value) for name, _, value in pairs
            }

    def _checked(
        self,
        block: Block,
        shown: str,
        command: list[str],
        *,
        text: str = "",
        pass_fds: Sequence[int] = (),
    ) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            pass_fds=pass_fds,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            input=text,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{block.place}: {shown}: {said}"
        self.output += said
        return str(done.stdout)
