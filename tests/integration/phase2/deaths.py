"""Ways for a deployment to die.

Really: its process, its sessions or the server under it, a moment after its n-th statement has begun. Or in
effect, by an exception that nothing catches, exactly before or after a statement of a kind.
"""

import multiprocessing
import os
import random
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2 import backfill
from soleflip_assets.phase2.steps import deploy
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import await_row, ignore

# Forked from a process that has imported this already: a second each.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])

_SESSIONS = (
    "FROM pg_stat_activity WHERE application_name = 'soleflip' AND datname = current_database() "
    "AND pid <> pg_backend_pid()"
)

CHANGES = re.compile(
    r"CREATE(?! TEMP)|ALTER|COMMENT|INSERT|UPDATE|COMMIT|DROP|SELECT (batch|inventory)"
)
STEP_FINISHED = re.compile(r"UPDATE inventory_ops.ledger\s+SET finished_at")


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


@dataclass(frozen=True)
class Moment:
    """When a deployment dies.

    Attributes:
        statement: the number of the statement that has begun, from 1.
        seconds: how long after it began.
    """

    statement: int
    seconds: float


class _Fate:
    """Does something at a moment of the deployment on an engine."""

    def __init__(self, engine: Engine, moment: Moment, action: Callable[[], None]) -> None:
        self.statements = 0
        self._moment = moment
        self._timer = threading.Timer(moment.seconds, action)
        event.listen(engine, "before_cursor_execute", self._see)

    def _see(self, *_: object) -> None:
        self.statements += 1
        if self.statements == self._moment.statement:
            self._timer.start()

    def join(self) -> None:
        if self._timer.ident is not None:
            self._timer.join()


def _deploy(url: URL, moment: Moment, action: Callable[[], None]) -> int:
    """Deploy, and do something meanwhile.

    Returns:
        The number of statements.
    """
    engine = create_database_engine(url)
    fate = _Fate(engine, moment, action)
    try:
        with Deployer(engine, ignore) as deployer:
            deploy(deployer)
    finally:
        fate.join()
    return fate.statements


def count_statements(url: URL) -> int:
    """Deploy undisturbed and count the statements."""
    return _deploy(url, Moment(0, 0), lambda: None)


def _deploy_and_be_killed(url: str, moment: Moment, batch: int) -> None:
    backfill._FIRST_BATCH, backfill._BATCH_SIZES = batch, (batch, batch)
    _deploy(make_url(url), moment, lambda: os.kill(os.getpid(), signal.SIGKILL))


def process_killed(databases: Databases, url: URL, moment: Moment) -> bool:
    """SIGKILL for the process.

    Returns:
        Whether it was killed before the deployment was done.
    """
    written = url.render_as_string(hide_password=False)
    process = _PROCESSES.Process(
        target=_deploy_and_be_killed, args=(written, moment, backfill._FIRST_BATCH)
    )
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    await_end_of_sessions(url)
    return process.exitcode != 0


def await_end_of_sessions(url: URL) -> None:
    """Wait until the server has seen that a deployment has died: a session ends when it would answer."""
    with connect(url) as observer:
        await_row(observer, f"SELECT 1 WHERE NOT EXISTS (SELECT {_SESSIONS})")


def killed_at_change(url: URL, number: int) -> bool:
    """SIGKILL for the process, before the n-th statement that changes something.

    Returns:
        Whether it was killed before the deployment was done.
    """
    written = url.render_as_string(hide_password=False)
    process = _PROCESSES.Process(target=_deploy_until_change, args=(written, number))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    await_end_of_sessions(url)
    return process.exitcode != 0


def _deploy_until_change(url: str, number: int) -> None:
    engine = create_database_engine(make_url(url))
    Crash(engine, CHANGES, number)
    try:
        with Deployer(engine, ignore) as deployer:
            deploy(deployer)
    except CrashError:
        os.kill(os.getpid(), signal.SIGKILL)


def backend_terminated(databases: Databases, url: URL, moment: Moment) -> bool:
    """pg_terminate_backend for the deployment's sessions.

    Returns:
        Whether they were ended before the deployment was done.
    """

    def terminate() -> None:
        with connect(url) as dba:
            dba.execute(text(f"SELECT pg_terminate_backend(pid, 10000) {_SESSIONS}"))

    return _dies(url, moment, terminate)


def server_stopped(databases: Databases, url: URL, moment: Moment) -> bool:
    """An immediate stop of the server, which is a crash, and a start.

    Returns:
        Whether it was stopped before the deployment was done.
    """
    server = databases.server
    died = _dies(url, moment, lambda: server.stop("immediate"))
    if not server._is_up():
        server._start()
    return died


def _dies(url: URL, moment: Moment, action: Callable[[], None]) -> bool:
    try:
        _deploy(url, moment, action)
    except OperationalError:
        return True
    return False


def any_moment(chance: random.Random, statements: int) -> Moment:
    """A moment in a deployment of so many statements."""
    return Moment(chance.randint(1, statements), chance.uniform(0, 0.02))
