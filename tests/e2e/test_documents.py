"""Whoever follows the documents gets where they say: their commands run, in order, on a new database.

All documents share a state folder and what `make up` of the README has started there; each has a database
of its own on that server, as it is before Phase 2.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import psutil
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.commands.cli import main
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS, PostgresServer
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import FILES
from soleflip_assets.sample.sample import create_legacy_schema, fill
from tests.conftest import connect, open_folder
from tests.e2e.documents import RUN, SHOWN, Shell, blocks
from tests.e2e.processes import SOLEFLIP, Up, clean_environment, processes_of
from tests.integration.alerts.sink import Sink, running_sink

# Dagster's own replace_config reads what Dagster itself deprecates; Apprise imports imghdr.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

# In the order in which a newcomer reads them.
WALKED = ["README.md", "docs/roles.md", "docs/runbook.md"]
DOCUMENTS = sorted(
    path.relative_to(FILES).as_posix() for path in [*FILES.glob("*.md"), *FILES.glob("docs/*.md")]
)

# As if so many days had gone by since all that the project's own schema remembers.
DAYS_PASS = """
UPDATE inventory_ops.ledger
SET started_at = started_at - interval '{days} days', finished_at = finished_at - interval '{days} days';
UPDATE inventory_ops.legacy_write SET written_at = written_at - interval '{days} days';
"""


@dataclass(frozen=True)
class Place:
    """Where the documents are followed.

    Attributes:
        home: the state folder.
        server: the embedded one.
        sink: where alerts go.
    """

    home: Path
    server: PostgresServer
    sink: Sink

    def database(self, name: str) -> URL:
        """A new database as it is before Phase 2, where the legacy tables are full."""
        self.server.create_database(name)
        url = self.server.url(name)
        with create_database_engine(url).begin() as connection:
            create_legacy_schema(connection)
            fill(connection, "busy")
        return url


def make(*arguments: str) -> list[str]:
    # Without what an outer `make test` hands down.
    return ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "MFLAGS", "make", *arguments]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A state folder in which the README's first command has been followed, and is running."""
    made = subprocess.run(make("--question", ".venv/.installed"), cwd=FILES, check=False)
    assert made.returncode == 0, "run `make install`: `make up` would do so under the tests"
    with open_folder() as home, running_sink() as sink:
        up = Up(home, command=make("up"), folder=FILES)
        try:
            up.await_url()
            with connect(up.database_url) as connection:
                # Nothing here outlives the tests: fsync only costs time.
                execute_statement(connection, "ALTER SYSTEM SET fsync = off")
                execute_statement(connection, "SELECT pg_reload_conf()")
            yield Place(home, PostgresServer(home / "postgres"), sink)
        finally:
            # Not to make: Dagster, in this process, may have left SIGTERM ignored, which make inherits and
            # `soleflip up` undoes.
            for started in psutil.Process(up.process.pid).children():
                started.terminate()
            up.process.communicate(timeout=60)
        assert up.process.returncode == 0
        assert processes_of(home) == []


def shell(place: Place, name: str) -> Shell:
    """A terminal in the checkout, on a new database."""
    url = place.database(name)
    shown = url.render_as_string(hide_password=False)
    environment = clean_environment(SOLEFLIP_HOME=str(place.home), ADMINISTRATOR_URL=shown)
    environment["PATH"] = f"{SOLEFLIP.parent}:{EMBEDDED_PROGRAMS}:{environment['PATH']}"

    def let_days_pass(days: int) -> None:
        with connect(url) as connection:
            execute_statement(connection, DAYS_PASS.format(days=days))

    placeholders = {
        "SOLEFLIP_DATABASE_URL": shown,
        "SOLEFLIP_OWNER_DATABASE_URL": shown,
        "SOLEFLIP_ALERT_URLS": place.sink.url(),
        "SOLEFLIP_HEARTBEAT_URL": f"http://127.0.0.1:{place.sink.port}/alive",
        "TARGET": place.sink.url("asked-by-hand"),
    }
    return Shell(environment, placeholders, shown, let_days_pass)


@pytest.mark.parametrize("document", WALKED)
def test_commands_of_a_document_run_in_order(place: Place, document: str) -> None:
    walked = shell(place, f"followed_{Path(document).stem.lower()}")
    run = [block for block in blocks(document) if block.language in RUN and not block.not_run]
    assert run
    for block in run:
        walked.run(block)


def test_message_asked_for_by_hand_arrives(place: Place) -> None:
    """The runbook's way of asking a target why it refuses."""
    (asked,) = [message for message in place.sink.messages if message["path"] == "/asked-by-hand"]
    assert asked["title"] == "test"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_run_or_says_why_not(document: str) -> None:
    for block in blocks(document):
        assert block.language in RUN | SHOWN, f"{block.place}: a block of nothing that is known"
        if block.language in RUN:
            assert block.not_run or document in WALKED, f"{block.place}: neither run nor `not run`"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_a_line_of_text_are_commands_that_there_are(document: str) -> None:
    """Of ``soleflip`` with options that it has, of make with a target of the Makefile."""
    text = (FILES / document).read_text(encoding="utf-8").replace("\n", " ")
    targets = re.findall(
        r"^([a-z-]+):", (FILES / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    for found in re.findall(r"`(?:[A-Z_]+=\S+ )*((?:soleflip|make) [^`]+)`", text):
        program, verb, *rest = found.split()
        if program == "make":
            assert verb in targets, found
        elif verb.startswith("--"):
            known = {option for parameter in main.params for option in parameter.opts}
            assert verb in {"--help", *known}, found
        elif verb.islower():
            command = main.commands[verb]
            if isinstance(command, click.Group) and rest and rest[0] in command.commands:
                command = command.commands[rest[0]]
            known = {option for parameter in command.params for option in parameter.opts}
            assert command.context_settings or known >= {*re.findall(r"--[a-z-]+", found)}, found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    text = (FILES / document).read_text(encoding="utf-8")
    here = (FILES / document).parent
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert target.startswith("https://") or (here / target).exists(), target
