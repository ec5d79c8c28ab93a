"""A deployment may die anywhere: the next one goes on, and ends where an undisturbed one ends."""

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying.deployer import OPERATIONS, Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2 import backfill
from soleflip_assets.phase2.steps import EXPAND, PHASE2_FILES, deploy
from tests.conftest import Databases, connect, running_databases
from tests.integration.phase2.deaths import (
    STEP_FINISHED,
    Crash,
    CrashError,
    Moment,
    any_moment,
    await_end_of_sessions,
    backend_terminated,
    count_statements,
    process_killed,
    server_stopped,
)
from tests.integration.phase2.deployment import await_row, ignore, run_deployment
from tests.integration.phase2.state import State, logical

# Of each manner; others at each run.
DEATHS = int(os.environ.get("SOLEFLIP_DEATHS", "3"))

# What a writer adds meanwhile is known by the beginning of its ids.
NEW_ITEMS = "5eed5eed"
NEW_ITEM = (
    """INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)
       VALUES (:id, :id, :id, 5, 'in_stock')""",
    "INSERT INTO inventory.stock_lifecycle (stock_id, status_history) VALUES (:id, jsonb_build_array(:id))",
    """INSERT INTO inventory.stock_metrics (stock_id, available_quantity, reserved_quantity)
       VALUES (:id, 5 - CAST(:n AS integer), :n)""",
)
RESERVE = "UPDATE inventory.stock_metrics SET reserved_quantity = :n WHERE stock_id = :id"


def dies_around_a_record(url: URL, number: int, when: str) -> bool:
    """Deploy until the record of the n-th step that this run finishes; whether it came to that."""
    engine = create_database_engine(url)
    Crash(engine, STEP_FINISHED, number, when)
    try:
        with Deployer(engine, ignore) as deployer:
            deploy(deployer)
    except CrashError:
        engine.dispose()
        await_end_of_sessions(url)
        return True
    return False


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "_FIRST_BATCH", 200)
    monkeypatch.setattr(backfill, "_BATCH_SIZES", (200, 200))


class Clerk:
    """The old version of the application at work through all of it: new items, and reservations of them.

    Attributes:
        may_be_reserved: of each item committed for sure, what may be reserved: two values where the answer to
            a commit was lost.
    """

    def __init__(self, url: URL) -> None:
        self.may_be_reserved: dict[UUID, set[int]] = {}
        self._engine = create_database_engine(url, "clerk")
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self._work = self._thread.submit(self._open)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.shutdown()
        self._work.result()

    def _open(self) -> None:
        numbers = itertools.count(1)
        while not self._stop.is_set():
            try:
                with self._engine.connect() as connection:
                    while not self._stop.wait(0.005):
                        self._serve(connection, next(numbers))
            except OperationalError:
                # The server is down, or up again and the connection gone.
                continue

    def _serve(self, connection: Connection, number: int) -> None:
        item = UUID(f"{NEW_ITEMS}-0000-4000-8000-{number:012x}")
        for statement in NEW_ITEM:
            connection.execute(text(statement), {"id": item, "n": number % 5})
        connection.commit()
        self.may_be_reserved[item] = {number % 5}
        self.may_be_reserved[item].add(number % 4)
        connection.execute(text(RESERVE), {"id": item, "n": number % 4})
        connection.commit()
        self.may_be_reserved[item] = {number % 4}


def require_undisturbed(url: URL, undisturbed: State, clerk: Clerk) -> None:
    """All is as if nobody had died, and what was written meanwhile is there, in old and new."""
    with connect(url) as connection:
        connection.execute(text("SELECT inventory.refresh_stock_metrics()"))
        assert [one.name for one in VALIDATIONS if not one.ask(connection).passed] == []
        found = connection.execute(
            text(
                "SELECT stock.id, stock.reserved_quantity, status_history FROM inventory.stock "
                "WHERE stock.id::text LIKE :prefix"
            ),
            {"prefix": f"{NEW_ITEMS}%"},
        ).all()
    reserved = {row.id: row.reserved_quantity for row in found}
    for item, allowed in clerk.may_be_reserved.items():
        assert reserved[item] in allowed
    assert all(row.status_history == [str(row.id)] for row in found)
    assert _without_new_items(logical(url)) == _without_new_items(undisturbed)


def _without_new_items(state: State) -> State:
    return {
        name: [row for row in rows if NEW_ITEMS not in repr(row)]
        for name, rows in state.items()
        # Their contents, with some of the new items; that they are as recorded is a validation.
        if name != "backups"
    }


@pytest.fixture(scope="module")
def databases_that_die() -> Iterator[Databases]:
    """Databases on a server that nobody else uses."""
    yield from running_databases("18")


@pytest.mark.parametrize("dies", [process_killed, backend_terminated, server_stopped])
def test_death_at_any_moment(
    databases_that_die: Databases,
    undisturbed: State,
    dies: Callable[[Databases, URL, Moment], bool],
) -> None:
    """Again and again on one database, until a deployment gets through; then on the next one."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    statements = count_statements(databases_that_die.legacy("busy"))
    deaths = 0
    while deaths < DEATHS:
        url = databases_that_die.legacy("busy")
        moments = []
        with Clerk(url) as clerk:
            while deaths < DEATHS:
                moments.append(any_moment(chance, statements))
                if not dies(databases_that_die, url, moments[-1]):
                    break
                deaths += 1
            run_deployment(url)
        assert clerk.may_be_reserved, (seed, moments)
        require_undisturbed(url, undisturbed, clerk)


@pytest.mark.parametrize("when", ["before", "after"])
def test_crash_around_the_record_of_each_step(legacy: URL, undisturbed: State, when: str) -> None:
    """One database, and every run dies: with a step done but not recorded, or with nothing more done."""
    number = 1
    crashes = 0
    while dies_around_a_record(legacy, number, when):
        crashes += 1
        # From the second run on the first step recorded is the one that the run before could not record.
        number = 2 if when == "before" else 1

    assert crashes == len([*PHASE2_FILES, backfill.STEP])
    assert logical(legacy) == undisturbed


DEPLOY = """
import sys
from sqlalchemy.engine import make_url
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2 import backfill
from soleflip_assets.deploying.deployer import Deployer
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
