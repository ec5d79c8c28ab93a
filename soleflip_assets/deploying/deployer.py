"""How a step of sql/phase2 is put into force on a live database.

One deployer at a time, one lock-taking statement per transaction, short lock timeouts with retries, a
ledger entry for each step. A step that is in force already is left alone; an object that somebody changed by
hand is made again. Any step may die at any line: the next run looks at what is there and goes on. Not here:
which steps there are (assets.py) and what they do (sql/phase2).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from psycopg import sql
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import DBAPIError

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import DatabaseObject, difference, object_defined_by
from soleflip_assets.ground.database import execute_statement, query_one, roll_back_block, run_file
from soleflip_assets.ground.retrying import LockedOutError, retrying
from soleflip_assets.ground.sessions import require_own_session
from soleflip_assets.ground.sql_files import SqlFile

Log = Callable[[str], None]

T = TypeVar("T")

OPERATIONS_SCHEMA = SqlFile("phase2/10_operations_schema.sql")
# Schema inventory_ops, which every step needs: it is applied with each of them.
OPERATIONS = [OPERATIONS_SCHEMA, SqlFile("phase2/11_reservation_keys.sql")]
PRIVILEGES = SqlFile("roles/30_privileges.sql")

# Everybody who comes after a waiting ALTER TABLE waits behind it: a shop does not notice half a second.
_LOCK_TIMEOUTS_MS = range(500, 2001, 100)
# CONCURRENTLY waits for every transaction older than itself and nobody waits for it meanwhile; cut short, it
# would leave an invalid index.
_CONCURRENT_LOCK_TIMEOUTS_MS = (600_000,)


class DeploymentError(Exception):
    """The deployment cannot go on; the message says why and what to do."""


class AnotherDeployerError(DeploymentError):
    """Somebody else is deploying at this moment."""


@dataclass(frozen=True)
class Outcome:
    """What applying a step came to.

    Attributes:
        step: its name.
        applied: False if it was in force already.
        mended: objects that were there but differed from the step's definition.
    """

    step: str
    applied: bool
    mended: Sequence[str] = ()

    def __str__(self) -> str:
        if self.mended:
            return f"{self.step}: mended {', '.join(self.mended)}"
        return f"{self.step}: {'applied' if self.applied else 'in force already'}"


class Deployer(AbstractContextManager["Deployer"]):
    """The only one who changes the schema, for as long as it is open.

    Args:
        engine: SoleFlip's database, as the owner of its tables.
        log: where progress is told, a sentence at a time.

    Raises:
        AnotherDeployerError: somebody else holds the lock; the message says who.
        ConfigurationError: a pooler lends the session to others.
    """

    def __init__(self, engine: Engine, log: Log) -> None:
        self.engine = engine
        self.log = log
        self.connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            require_own_session(self.connection)
            self._lock()
            if not ledger.exists(self.connection):
                self._found_ledger()
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another deployer in."""
        try:
            if not (self.connection.closed or self.connection.invalidated):
                query_one(self.connection, "ledger/release_deployer_lock.sql")
        except DBAPIError as error:
            # With the connection the lock has gone, too.
            if not error.connection_invalidated:
                raise
        finally:
            self.connection.close()

    @property
    def entries(self) -> dict[str, RowMapping]:
        """The newest ledger entry of each step."""
        return ledger.entries(self.connection)

    def apply(self, file: SqlFile) -> Outcome:
        """Put a file of sql/phase2 into force, unless it is.

        Raises:
            DeploymentError: a lock was not to be had, or an object is not what its statement makes.
        """
        entry = self.entries.get(file.name)
        rerun = _must_rerun(file, entry)
        units = list(_units(file.statements))
        if not rerun and not any(self._wrong(unit) for unit in units):
            return Outcome(file.name, applied=False)

        # Comments are lost with the object they were on: what may be run again is.
        rerun = rerun or _may_rerun(file)
        mended: list[str] = []
        with self.recorded(file.name, file.checksum) as details:
            for unit in units:
                mended += self._apply_unit(unit, rerun=rerun)
            details["mended"] = mended
        outcome = Outcome(file.name, applied=True, mended=mended)
        self.log(str(outcome))
        return outcome

    def execute(self, file: SqlFile) -> None:
        """Execute a file that says of itself that it may be executed again, whatever the ledger says.

        Raises:
            DeploymentError: a lock was not to be had.
        """
        with self.recorded(file.name, file.checksum):
            for unit in _units(file.statements):
                self._retrying(partial(self._execute_all, unit), _timeouts_ms(unit))
        self.log(f"{file.name}: done")

    def grant(self) -> None:
        """Let the roles of sql/roles use what was made, where there are such roles."""
        run_file(self.connection, PRIVILEGES.path)

    @contextmanager
    def recorded(self, step: str, checksum: str) -> Iterator[dict[str, Any]]:
        """A ledger entry around the block; what the block puts into the dictionary is kept with it."""
        number = ledger.start(self.connection, step, checksum)
        details: dict[str, Any] = {}
        yield details
        ledger.finish(self.connection, number, details)

    def _lock(self) -> None:
        row = query_one(self.connection, "ledger/try_deployer_lock.sql")
        if not row["acquired"]:
            # Only a superuser and the holder's own role are shown since when the session is there.
            since = row["holder_since"] and f" since {row['holder_since']:%Y-%m-%d %H:%M:%S %Z}"
            raise AnotherDeployerError(
                f"{row['holder_user']} ({row['holder_application']}, server process "
                f"{row['holder_pid']}) is deploying{since or ''}: "
                "wait for that to end, then run this again."
            )

    def _found_ledger(self) -> None:
        """The one step that cannot be recorded before it is done."""
        run_file(self.connection, OPERATIONS_SCHEMA.path)
        with self.recorded(OPERATIONS_SCHEMA.name, OPERATIONS_SCHEMA.checksum):
            pass

    def _wrong(self, unit: Sequence[str]) -> dict[DatabaseObject, str]:
        """The objects of a unit that are not as they should be, with their live definitions (or "")."""
        return self._retrying(lambda: self._compare(unit))

    def _compare(self, unit: Sequence[str]) -> dict[DatabaseObject, str]:
        wrong = {}
        for statement in unit:
            defined = object_defined_by(statement)
            if defined and (found := difference(self.connection, defined)):
                wrong[defined] = found[1]
                if defined.kind == "materialized view":
                    # Its indexes go with it, and may be on columns that only the other view has.
                    break
        return wrong

    def _apply_unit(self, unit: Sequence[str], *, rerun: bool) -> list[str]:
        """Run what is needed of a unit.

        Returns:
            The objects that differed and were made again.
        """
        wrong = self._wrong(unit)
        defines = any(object_defined_by(statement) for statement in unit)
        if not wrong and (defines or not rerun):
            return []
        # Compared again on each try: a try that failed may have left an invalid index.
        self._retrying(
            lambda: self._execute_unit(unit, self._compare(unit)),
            _timeouts_ms(unit),
        )
        if still := self._wrong(unit):
            raise DeploymentError(
                f"{', '.join(map(str, still))} is not what its statement makes it: {[*still.values()]}."
            )
        return [str(changed) for changed, live in wrong.items() if live]

    def _execute_all(self, unit: Sequence[str]) -> None:
        for statement in unit:
            execute_statement(self.connection, statement)

    def _execute_unit(self, unit: Sequence[str], wrong: Mapping[DatabaseObject, str]) -> None:
        # A view takes its indexes along when it is dropped.
        rebuilt = any(changed.kind == "materialized view" for changed in wrong)
        for statement in unit:
            defined = object_defined_by(statement)
            if defined and not rebuilt and defined not in wrong:
                continue
            if defined and wrong.get(defined) and not defined.replaceable:
                self._drop(defined)
            execute_statement(self.connection, statement)

    def _drop(self, wrong: DatabaseObject) -> None:
        # Never CASCADE: what depends on it is somebody's, and PostgreSQL then says what it is.
        words = wrong.kind.upper()
        if "INDEX CONCURRENTLY " in wrong.statement:
            words += " CONCURRENTLY"
        statement = sql.SQL("DROP {} {}").format(
            sql.SQL(words), sql.Identifier(wrong.schema, wrong.name)
        )
        execute_statement(self.connection, statement.as_string())

    def _retrying(
        self, action: Callable[[], T], timeouts_ms: Sequence[int] = _LOCK_TIMEOUTS_MS
    ) -> T:
        """Do something under a lock timeout that rises from try to try, with pauses of random length."""

        def limit(attempt: int) -> int:
            return timeouts_ms[min(attempt, len(timeouts_ms)) - 1]

        def tried(attempt: int) -> T:
            self._set("lock_timeout", f"{limit(attempt)}ms")
            self._set("statement_timeout", "1h")
            try:
                return action()
            except BaseException:
                roll_back_block(self.connection)
                raise

        def tell(attempt: int) -> None:
            self.log(f"a lock was not to be had within {limit(attempt)} ms (try {attempt})")

        try:
            return retrying(tried, tell)
        except LockedOutError as error:
            raise DeploymentError(
                f"A lock was not to be had in {error.attempts} tries: end the long transaction that "
                "pg_stat_activity shows, then run this again; it goes on from here."
            ) from error

    def _set(self, parameter: str, value: str) -> None:
        self.connection.exec_driver_sql("SELECT set_config(%s, %s, false)", (parameter, value))


def _must_rerun(file: SqlFile, entry: RowMapping | None) -> bool:
    """Whether the statements that define no object have to be executed.

    They have, until the step was finished once; and when its text changed, if that says it may be run again.
    """
    if entry is None or entry["finished_at"] is None:
        return True
    return entry["checksum"] != file.checksum and _may_rerun(file)


def _may_rerun(file: SqlFile) -> bool:
    return file.fields["again"].startswith("safe")


def _units(statements: Sequence[str]) -> Iterator[list[str]]:
    """What is executed and retried together: a block from BEGIN to COMMIT, or a single statement."""
    block: list[str] = []
    for statement in statements:
        block.append(statement)
        if block[0].startswith("BEGIN") and statement != "COMMIT":
            continue
        yield block
        block = []


def _timeouts_ms(unit: Sequence[str]) -> Sequence[int]:
    concurrent = any("INDEX CONCURRENTLY " in statement for statement in unit)
    return _CONCURRENT_LOCK_TIMEOUTS_MS if concurrent else _LOCK_TIMEOUTS_MS
