"""A deployment may die anywhere: the next one goes on, and ends where an undisturbed one ends."""

import os
import random
import re
import signal
import subprocess
import sys

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.database import create_database_engine
from soleflip_assets.phase2 import backfill
from soleflip_assets.phase2.deployer import Deployer
from soleflip_assets.phase2.steps import EXPAND, FILES, OPERATIONS, deploy
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import await_row, ignore, run_deployment
from tests.integration.phase2.state import State, logical

CHANGES = re.compile(
    r"CREATE(?! TEMP)|ALTER|COMMENT|INSERT|UPDATE|COMMIT|DROP|SELECT (batch|inventory)"
)
STEP_FINISHED = re.compile(r"UPDATE inventory_ops.ledger\s+SET finished_at")

# SOLEFLIP_CRASHES=all tries every one of them.
RANDOM_CRASHES = 10


class CrashError(BaseException):
    """Stands for the death of the process: nothing catches it."""


class Crash:
    """Ends a deployment before or after the n-th of its statements of a kind.

    Args:
        engine: the deployment's.
        kind: which statements are counted.
        number: which of them, from 1; 0 for none.
        when: before it is executed, or after it, so that only its answer is lost.
    """

    def __init__(
        self, engine: Engine, kind: re.Pattern[str], number: int, when: str = "before"
    ) -> None:
        self.count = 0
        self._kind = kind
        self._number = number
        event.listen(engine, f"{when}_cursor_execute", self._see)

    def _see(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if self._kind.match(statement) and "pg_temp" not in statement:
            self.count += 1
            if self.count == self._number:
                raise CrashError(statement)


def deploy_until_crash(
    url: URL, kind: re.Pattern[str], number: int, when: str = "before"
) -> tuple[bool, int]:
    """Deploy until a crash.

    Returns:
        Whether it came to it, and how many statements of the kind there were.
    """
    engine = create_database_engine(url)
    crash = Crash(engine, kind, number, when)
    try:
        with Deployer(engine, ignore) as deployer:
            deploy(deployer)
    except CrashError:
        return True, crash.count
    return False, crash.count


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "_FIRST_BATCH", 200)
    monkeypatch.setattr(backfill, "_BATCH_SIZES", (200, 200))


def test_crash_at_any_statement(databases: Databases, undisturbed: State) -> None:
    _, total = deploy_until_crash(databases.legacy("busy"), CHANGES, 0)
    numbers = range(1, total + 1)
    if os.environ.get("SOLEFLIP_CRASHES") == "all":
        chosen = [*numbers]
    else:
        chosen = random.Random().sample(numbers, RANDOM_CRASHES)

    for number in chosen:
        url = databases.legacy("busy")
        assert deploy_until_crash(url, CHANGES, number) == (True, number)
        run_deployment(url)
        assert logical(url) == undisturbed, f"after a crash at statement {number} of {total}"


@pytest.mark.parametrize("when", ["before", "after"])
def test_crash_around_the_record_of_each_step(legacy: URL, undisturbed: State, when: str) -> None:
    """One database, and every run dies: with a step done but not recorded, or with nothing more done."""
    number = 1
    crashes = 0
    while deploy_until_crash(legacy, STEP_FINISHED, number, when)[0]:
        crashes += 1
        # From the second run on the first step recorded is the one that the run before could not record.
        number = 2 if when == "before" else 1

    assert crashes == len([*FILES, backfill.STEP])
    assert logical(legacy) == undisturbed


def test_terminated_backend_is_an_error_and_the_next_run_goes_on(
    legacy: URL, undisturbed: State
) -> None:
    def terminate(sentence: str) -> None:
        if sentence.startswith("50_"):
            with connect(legacy) as dba:
                dba.execute(
                    text(
                        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                        "WHERE application_name = 'soleflip' AND datname = current_database() "
                        "AND pid <> pg_backend_pid()"
                    )
                )

    with pytest.raises(
        OperationalError, match="terminating connection due to administrator command"
    ):
        run_deployment(legacy, terminate)

    run_deployment(legacy)

    assert logical(legacy) == undisturbed


DEPLOY = """
import sys
from sqlalchemy.engine import make_url
from soleflip_assets.database import create_database_engine
from soleflip_assets.phase2 import backfill
from soleflip_assets.phase2.deployer import Deployer
from soleflip_assets.phase2.steps import deploy
backfill._FIRST_BATCH, backfill._BATCH_SIZES = 200, (200, 200)
with Deployer(create_database_engine(make_url(sys.argv[1])), print) as deployer:
    deploy(deployer)
"""

BACKFILL_WAITS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE '%backfill_stock%' AND wait_event_type = 'Lock'
"""


def test_killed_process_goes_on_from_its_cursor_and_leaves_alone_what_is_behind_it(
    legacy: URL, undisturbed: State
) -> None:
    with connect(legacy) as connection:
        ids = connection.execute(text("SELECT id FROM inventory.stock ORDER BY id")).scalars().all()
    with Deployer(create_database_engine(legacy), ignore) as deployer:
        for file in [*OPERATIONS, *EXPAND]:
            deployer.apply(file)

    with create_database_engine(legacy).connect() as shop, connect(legacy) as observer:
        shop.execute(
            text("SELECT id FROM inventory.stock WHERE id = :id FOR UPDATE"), {"id": ids[500]}
        )
        process = subprocess.Popen(
            [sys.executable, "-c", DEPLOY, legacy.render_as_string(hide_password=False)],
            stdout=subprocess.DEVNULL,
        )
        await_row(observer, BACKFILL_WAITS)
        process.send_signal(signal.SIGKILL)
        process.wait()
        shop.rollback()
        # What nobody but the application can have written: the legacy row is bypassed.
        observer.execute(text("SET session_replication_role = replica"))
        for position in (0, 399):
            observer.execute(
                text("UPDATE inventory.stock SET reserved_quantity = 77 WHERE id = :id"),
                {"id": ids[position]},
            )

    run_deployment(legacy)

    with connect(legacy) as connection:
        marked = connection.execute(
            text("SELECT id FROM inventory.stock WHERE reserved_quantity = 77 ORDER BY id")
        ).scalars().all()  # fmt: skip
        assert marked == [ids[0], ids[399]]
        (entry,) = connection.execute(
            text(
                "SELECT details FROM inventory_ops.ledger WHERE step = 'backfill' AND finished_at IS NOT NULL"
            )
        ).scalars()
        assert entry["visited"] == len(ids)
    assert logical(legacy)["indexes"] == undisturbed["indexes"]
