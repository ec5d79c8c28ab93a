"""docs/session.txt: every command, as a person sees it in a terminal of 80 columns.

``SESSION=docs/session.txt`` records it anew (``make session``). Here: what is typed, in an order that reads
well. Not here: whether any of it is right, which other tests say.
"""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from soleflip_assets.commands.cli import SECTIONS
from soleflip_assets.embedded.postgres import PostgresServer
from soleflip_assets.ground.settings import FILES
from tests.conftest import open_folder
from tests.e2e.processes import SOLEFLIP, clean_environment, free_port
from tests.e2e.terminal import Terminal

SESSION = FILES / "docs" / "session.txt"
COMMANDS = [name for section in SECTIONS.values() for name in section]
_COLUMNS = 80

# Each with what it shows; {dump} is the dump that the deployment took.
BEFORE = """
--help
settings
verify
deploy --chek
deploy --check
deploy
deploy
verify
refresh
status
health daemon
"""
AFTER_FAULT = """
verify
resync --dry-run
resync
verify --quiet
"""
AFTER = """
metrics --mode incremental
refresh
metrics --mode materialized
history install
history status
history prune --dry-run
warehouse load
warehouse status
warehouse query "SELECT kind, count(*) AS events FROM stock_event GROUP BY kind"
warehouse compare
dashboard
"""
AFTER_EVENTS = """
partition logging.event_store --by timestamp --keep 12mo --check
partition logging.event_store --by timestamp --keep 12mo
partition --list
partition --months --check
partition logging.event_store --undo
"""
LAST = """
housekeeping --dry-run
restore --drill
restore {dump}
drop-legacy
drop-backups
revert
bench --help
"""
FAULT = (
    "UPDATE inventory.stock_financial SET vat_amount = vat_amount + 1 WHERE id IN "
    "(SELECT id FROM inventory.stock_financial ORDER BY id LIMIT 2)"
)
# As such a table is in a shop: it only grows.
EVENTS = """
CREATE SCHEMA logging;
CREATE TABLE logging.event_store (
  event_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  event_type text NOT NULL,
  timestamp timestamptz NOT NULL
);
CREATE INDEX ON logging.event_store (event_type);
INSERT INTO logging.event_store (event_type, timestamp)
SELECT 'stock.viewed', now() - number * interval '5 minutes' FROM generate_series(1, 20000) AS number;
"""


class Recorder:
    """Runs commands in a new home, and keeps what was typed and shown."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.shown: list[str] = []
        self._environment = clean_environment(
            SOLEFLIP_HOME=str(home), SOLEFLIP_SAMPLE="busy", PORT=str(self.port), NO_COLOR="1"
        )

    def type(self, line: str) -> None:
        """A command, to its end."""
        shown, code = self.start(line).ended()
        self.keep(line, shown, code)

    def start(self, line: str) -> Terminal:
        return Terminal([SOLEFLIP, *shlex.split(line)], self._environment, _COLUMNS)

    def keep(self, line: str, shown: str, code: int) -> None:
        # As from a checkout, whose home is .soleflip; a person's port is 3000.
        told = shown.replace(str(self.home), ".soleflip").replace(str(self.port), "3000")
        typed = line.replace(str(self.home), ".soleflip").replace(str(self.port), "3000")
        ended = f"(exit code {code})\n" if code else ""
        self.shown.append(f"$ soleflip {typed}\n{told.rstrip()}\n{ended}")

    def remark(self, text: str) -> None:
        self.shown.append(f"# {text}\n")

    def write(self, *statements: str) -> None:
        """What somebody else writes meanwhile."""
        server = PostgresServer(self.home / "postgres")
        with server.running():
            url = server.url("soleflip").render_as_string(hide_password=False)
            with psycopg.connect(url, autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement.encode())

    def up(self) -> None:
        """`soleflip up`, looked at from another terminal, to its end by Ctrl-C."""
        running = self.start("up")
        try:
            running.until(f"http://127.0.0.1:{self.port}/assets/operations/health\n")
            others = Recorder.__new__(Recorder)
            others.__dict__ |= self.__dict__ | {"shown": []}
            others.type(f"health webserver --port {self.port}")
            others.type("status")
            others.type("up")
        finally:
            running.press_ctrl_c()
        shown, code = running.ended()
        self.keep("up", shown.rstrip() + "\n^C", code)
        self.remark("In another terminal, meanwhile:")
        self.shown += others.shown


def typed(commands: str, **known: str) -> Iterator[str]:
    for line in commands.split("\n"):
        if line:
            yield line.format(**known)


@pytest.mark.skipif("SESSION" not in os.environ, reason="set SESSION to record it anew")
def test_record() -> None:
    """All of it; a command that no list above names is shown by its help."""
    with open_folder() as folder:
        recorder = Recorder(folder)
        for line in typed(BEFORE):
            recorder.type(line)
        recorder.remark("Somebody writes to two rows of stock_financial past the triggers.")
        recorder.write("SET session_replication_role = replica", FAULT)
        for line in typed(AFTER_FAULT):
            recorder.type(line)
        (dump,) = (folder / "dumps").glob("*.dump")
        for line in typed(AFTER):
            recorder.type(line)
        recorder.remark("The shop has a table of its own that only grows.")
        recorder.write(EVENTS)
        for line in [*typed(AFTER_EVENTS), *typed(LAST, dump=str(dump))]:
            recorder.type(line)
        recorder.up()
        for name in COMMANDS:
            if not re.search(rf"^\$ soleflip {name}\b", "\n".join(recorder.shown), re.MULTILINE):
                recorder.type(f"{name} --help")
    Path(os.environ["SESSION"]).write_text("\n".join(recorder.shown), encoding="utf-8")


def test_session_shows_every_command() -> None:
    """After a new command: `make session`."""
    shown = set(
        re.findall(r"^\$ soleflip ([a-z-]+)", SESSION.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert [name for name in COMMANDS if name not in shown] == []


def test_session_fits_into_its_terminal() -> None:
    """But for what has no place to be broken at: paths, URLs, and the line that was typed."""
    lines = SESSION.read_text(encoding="utf-8").splitlines()
    broken = [line for line in lines if len(line) > _COLUMNS and " " in line.strip()]
    assert [line for line in broken if not line.startswith("$ ")] == []


def test_every_command_ends_with_a_verdict() -> None:
    """What was done and how long it took, or a refusal; but for help, silence as asked for, and Ctrl-C."""
    text = SESSION.read_text(encoding="utf-8")
    told = re.split(r"^\$ ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[
        1:
    ]
    without = [
        command.partition("\n")[0]
        for command in told
        if not re.search(r"--(help|quiet)\b", command.partition("\n")[0])
        and not re.search(r"^✓ [^✓]*\sTook\s+[\d.]+\s|^soleflip: |\^C$", command, re.MULTILINE)
    ]
    assert without == []


def test_nobody_reads_the_name_of_a_class_or_of_this_machine() -> None:
    text = SESSION.read_text(encoding="utf-8")
    for never in ("Traceback", "dagster._core", "soleflip_assets.", "soleflip-", "/root", "/home/"):
        assert never not in text
