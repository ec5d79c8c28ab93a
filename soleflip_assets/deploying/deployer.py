"""How a step of sql/phase2 is applied to a live database.

One deployer at a time, one lock-taking statement per transaction, short lock timeouts with retries, a
ledger entry for each step. A step that is applied already is left alone; an object that is missing, outdated
or altered is made again; an orphaned one is dropped. Triggers that are there already change together, in
one transaction: a write meets the old ones or the new ones, never some of each. Any step may die at any line:
the next run looks at what is there and resumes. Not here: what there is to do (changes.py), which steps there
are (assets.py) and what they do (sql/phase2).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import chain
from types import TracebackType
from typing import Any, Self, TypeVar

from psycopg import sql
from psycopg.errors import DependentObjectsStillExist
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import DBAPIError

from soleflip_assets.deploying import ledger
from soleflip_assets.deploying.catalog import (
    DatabaseObject,
    Deviation,
    State,
    object_defined_by,
    objects_defined_by,
)
from soleflip_assets.deploying.changes import (
    REMOVAL,
    Action,
    Outcome,
    outcome_of,
    removal,
    to_be_made,
    units,
)
from soleflip_assets.deploying.ledger import Made
from soleflip_assets.ground.database import (
    execute_statement,
    query_one,
    roll_back_block,
    run_file,
    run_statement,
)
from soleflip_assets.ground.retrying import LockedOutError, retrying
from soleflip_assets.ground.sessions import require_own_session
from soleflip_assets.ground.sql_files import SqlFile

Log = Callable[[str], None]

T = TypeVar("T")

OPERATIONS_SCHEMA = SqlFile("phase2/10_operations_schema.sql")
# Schema inventory_ops, which every step needs: it is applied before each of them.
OPERATIONS = [
    OPERATIONS_SCHEMA,
    SqlFile("phase2/11_reservation_keys.sql"),
    SqlFile("phase2/12_readers.sql"),
]
PRIVILEGES = SqlFile("roles/30_privileges.sql")

# Everybody who comes after a waiting ALTER TABLE waits behind it: a shop does not notice half a second.
_LOCK_TIMEOUTS_MS = range(500, 2001, 100)
# CONCURRENTLY waits for every transaction older than itself and nobody waits for it meanwhile; cut short, it
# would leave an invalid index.
_CONCURRENT_LOCK_TIMEOUTS_MS = (600_000,)
# To lock several tables at once. A writer that waits for the first one may hold the next one, and the longer
# the first one is waited for, the more of them do: so the waits are short, far below the second after which
# PostgreSQL would end a writer, and many. Beside four writers without a pause these took 5 s; waits of 0.5 to
# 2 s took 26 s, or all tries.
_TABLES_TIMEOUTS_MS = range(20, 220, 5)
_TABLES_PAUSE = 0.2


class DeploymentError(Exception):
    """The deployment cannot go on; the message says why and what to do."""


class AnotherDeployerError(DeploymentError):
    """Somebody else is deploying at this moment."""


class NewerDatabaseError(DeploymentError):
    """A newer version of this code has deployed here, and this one would put older objects in their place."""


class Deployer(AbstractContextManager["Deployer"]):
    """The only one who changes the schema, for as long as it is open.

    Args:
        engine: SoleFlip's database, as the owner of its tables.
        log: where progress is told, a sentence at a time.

    Raises:
        AnotherDeployerError: somebody else holds the lock; the message says who.
        ConfigurationError: a pooler lends the session to others.
        NewerDatabaseError: a newer version has deployed here; the message names both.
    """

    def __init__(self, engine: Engine, log: Log) -> None:
        self.engine = engine
        self.log = log
        self._foundation: list[Outcome] | None = None
        self._parameters: dict[str, str] = {}
        self.connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            require_own_session(self.connection)
            self._lock()
        except BaseException:
            self.connection.close()
            raise
        try:
            self._refuse_if_newer()
            if not ledger.exists(self.connection):
                self._found_ledger()
        except BaseException:
            self.close()
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

    def apply_operations(self) -> list[Outcome]:
        """Apply schema inventory_ops, which every step needs: once, until something may have dropped it.

        Raises:
            DeploymentError: a lock could not be acquired, or an object is not what its statement makes.
        """
        if self._foundation is None:
            self._foundation = [self.apply(file) for file in OPERATIONS]
        return self._foundation

    def apply(self, file: SqlFile) -> Outcome:
        """Apply a file of sql/phase2, unless it is applied.

        Raises:
            DeploymentError: a lock could not be acquired, or an object is not what its statement makes.
        """
        ledger.begin_record(self.connection)
        entries = self.entries
        entry = entries.get(file.name)
        adopted = ledger.adopted(entries, file.name)
        made = ledger.made_objects(self.connection)
        outcome = self._retrying(lambda: outcome_of(self.connection, file, entry, made, adopted))
        if outcome.applied:
            with self.recorded(file.name, file.checksum) as details:
                if entry and entry["finished_at"] and _has_triggers(file):
                    self._retrying(partial(self._swap, file, outcome))
                # Comments are lost with the object they were on: what may be run again is.
                rerun = outcome.action in {Action.APPLY, Action.ADOPT} or _may_rerun(file)
                for unit in units(file.statements):
                    self._apply_unit(unit, made, rerun=rerun)
                details |= {state: outcome.names(state) for state in State}
                if adopted:
                    details["adopted"] = adopted
            self.log(str(outcome))
        ledger.record_made(self.connection, file.name, objects_defined_by(file.statements), made)
        return outcome

    def remove_orphans(self) -> Outcome:
        """Drop what an older version made and no file defines any more.

        What others have built on stays, and so does a table with rows; the log says so.
        """
        ledger.begin_record(self.connection)
        found = self._retrying(lambda: removal(self.connection)).found
        gone = [
            orphan
            for orphan in found
            if self._retrying(
                partial(self._remove, orphan), _timeouts_ms([orphan.object.statement])
            )
        ]
        outcome = Outcome(REMOVAL, Action.REMOVE if gone else Action.NOTHING, gone)
        if outcome.applied:
            with self.recorded(REMOVAL, checksum="") as details:
                details[State.ORPHANED] = outcome.names(State.ORPHANED)
            self.log(str(outcome))
        return outcome

    def execute(self, file: SqlFile) -> None:
        """Execute a file that says of itself that it may be executed again, whatever the ledger says.

        Raises:
            DeploymentError: a lock could not be acquired.
        """
        ledger.begin_record(self.connection)
        self._foundation = None
        with self.recorded(file.name, file.checksum):
            for unit in units(file.statements):
                self._retrying(partial(self._execute_all, unit), _timeouts_ms(unit))
        ledger.forget_missing(self.connection)
        self.log(f"{file.name}: done")

    def in_transaction(self, action: Callable[[], T]) -> T:
        """Do something in a transaction of its own, tried again as long as others hold a lock that it needs.

        Raises:
            DeploymentError: a lock could not be acquired.
        """

        def attempt() -> T:
            execute_statement(self.connection, "BEGIN")
            result = action()
            execute_statement(self.connection, "COMMIT")
            return result

        return self._retrying(attempt)

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

    def _refuse_if_newer(self) -> None:
        if newer := ledger.newer_version(self.connection):
            raise NewerDatabaseError(
                f"This database was deployed by version {newer}, and this is version {ledger.VERSION}, which "
                "would put older objects in place of newer ones: update this code; nothing was changed."
            )

    def _found_ledger(self) -> None:
        """The one step that cannot be recorded before it is done."""
        run_file(self.connection, OPERATIONS_SCHEMA.path)
        run_file(self.connection, ledger.RECORD)
        with self.recorded(OPERATIONS_SCHEMA.name, OPERATIONS_SCHEMA.checksum):
            pass

    def _apply_unit(self, unit: Sequence[str], made: Mapping[str, Made], *, rerun: bool) -> None:
        """Run what is needed of a unit; of one whose objects are all right, its comments may be new."""
        objects = objects_defined_by(unit)

        def look() -> list[Deviation]:
            return to_be_made(self.connection, objects, made)

        def look_again() -> list[Deviation]:
            # What was not there is what its statement made. To print another one to compare it with takes
            # four statements, and was half the time of a first deployment.
            new = {one.object for one in wrong if one.state is State.MISSING}
            return to_be_made(self.connection, [one for one in objects if one not in new], made)

        wrong = self._retrying(look)
        needed = unit
        if not wrong and objects:
            needed = [statement for statement in unit if statement.startswith("COMMENT ")]
        if not needed or not (wrong or rerun):
            return
        seen = [wrong]

        def execute() -> None:
            # Compared again before another try: one that failed may have left an invalid index.
            self._execute_unit(needed, seen.pop() if seen else look())

        self._retrying(execute, _timeouts_ms(unit))
        if still := self._retrying(look_again):
            raise DeploymentError(
                f"{', '.join(str(one.object) for one in still)} is not what its statement makes it: "
                f"{[one.live for one in still]}."
            )

    def _execute_all(self, unit: Sequence[str]) -> None:
        for statement in unit:
            execute_statement(self.connection, statement)

    def _execute_unit(self, unit: Sequence[str], wrong: Sequence[Deviation]) -> None:
        found = {one.object: one for one in wrong}
        # A view takes its indexes along when it is dropped.
        rebuilt = any(changed.kind == "materialized view" for changed in found)
        for statement in unit:
            defined = object_defined_by(statement)
            if defined and not rebuilt and defined not in found:
                continue
            if defined in found and found[defined].has_to_be_dropped:
                self._make_again(defined, alone=len(unit) == 1)
            else:
                execute_statement(self.connection, statement)

    def _make_again(self, wrong: DatabaseObject, *, alone: bool) -> None:
        """Drop an object and make it; nobody meets the moment between, but of an index."""
        together = alone and not _is_concurrent([wrong.statement])
        if together:
            execute_statement(self.connection, "BEGIN")
        self._drop(wrong)
        execute_statement(self.connection, wrong.statement)
        if together:
            execute_statement(self.connection, "COMMIT")

    def _swap(self, file: SqlFile, outcome: Outcome) -> None:
        """Change what is there of a step with triggers, in one transaction.

        Writers of the triggers' tables wait for its end, and none is between two triggers meanwhile. Readers
        wait only where a trigger is dropped.
        """
        wrong = {one.object: one for one in outcome.found}
        orphaned = [one.object for one in outcome.found if one.state is State.ORPHANED]
        self._lock_tables(
            [*objects_defined_by(file.statements), *orphaned],
            "ACCESS EXCLUSIVE" if orphaned else "SHARE ROW EXCLUSIVE",
        )
        for statement in file.statements:
            defined = object_defined_by(statement)
            if defined in wrong:
                if wrong[defined].has_to_be_dropped:
                    self._drop(defined)
                execute_statement(self.connection, statement)
        for orphan in orphaned:
            self._drop(orphan)
            run_statement(self.connection, "ledger/forget_objects.sql", objects=[str(orphan)])
        execute_statement(self.connection, "COMMIT")

    def _lock_tables(self, objects: Sequence[DatabaseObject], mode: str) -> None:
        """Begin a transaction that has locked the tables which triggers are on: all of them or none.

        Raises:
            LockedOutError: each try met a writer.
        """
        tables = {(one.schema, one.relation) for one in objects if one.kind == "trigger"}
        # A table of the step's own may not be there yet; only these triggers write to it.
        tables -= {(one.schema, one.name) for one in objects if one.kind == "table"}
        statements = [
            sql.SQL("LOCK TABLE {} IN {} MODE").format(sql.Identifier(*table), sql.SQL(mode))
            for table in sorted(tables)
        ]
        # Each alone, as long as any lock is waited for: a vacuum gives way only after a second.
        for statement in statements:
            execute_statement(self.connection, "BEGIN")
            execute_statement(self.connection, statement.as_string())
            execute_statement(self.connection, "ROLLBACK")

        def lock(attempt: int) -> None:
            self._set(lock_timeout=f"{_TABLES_TIMEOUTS_MS[attempt - 1]}ms")
            execute_statement(self.connection, "BEGIN")
            try:
                for statement in statements:
                    execute_statement(self.connection, statement.as_string())
            except BaseException:
                roll_back_block(self.connection)
                raise

        retrying(lock, attempts=len(_TABLES_TIMEOUTS_MS), longest_pause=_TABLES_PAUSE)

    def _remove(self, orphan: Deviation) -> bool:
        """Drop an orphan.

        Returns:
            False if it has to stay.
        """
        alone = _is_concurrent([orphan.object.statement])
        if not alone:
            execute_statement(self.connection, "BEGIN")
        try:
            if orphan.object.kind == "table" and self._has_rows(orphan.object):
                self.log(
                    f"{orphan.object} stays, since it has rows: move them, then drop it by hand."
                )
                roll_back_block(self.connection)
                return False
            self._drop(orphan.object)
        except DBAPIError as error:
            if not isinstance(error.orig, DependentObjectsStillExist):
                raise
            roll_back_block(self.connection)
            others = " ".join(str(error.orig.diag.message_detail).split())
            self.log(f"{orphan.object} stays, since others have built on it: {others}")
            return False
        run_statement(self.connection, "ledger/forget_objects.sql", objects=[str(orphan.object)])
        if not alone:
            execute_statement(self.connection, "COMMIT")
        return True

    def _has_rows(self, table: DatabaseObject) -> bool:
        name = sql.Identifier(table.schema, table.name)
        # So that nobody adds one after the look.
        lock = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name)
        execute_statement(self.connection, lock.as_string())
        look = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(name)
        return bool(self.connection.exec_driver_sql(look.as_string()).scalar_one())

    def _drop(self, unwanted: DatabaseObject) -> None:
        # Never CASCADE: what depends on it is somebody's, and PostgreSQL then says what it is. IF EXISTS:
        # a file drops by itself what it cannot replace.
        words = unwanted.kind.upper()
        if _is_concurrent([unwanted.statement]):
            words += " CONCURRENTLY"
        if unwanted.kind == "trigger":
            name = sql.SQL("{} ON {}").format(
                sql.Identifier(unwanted.name), sql.Identifier(unwanted.schema, unwanted.relation)
            )
        else:
            name = sql.SQL("{}").format(sql.Identifier(unwanted.schema, unwanted.name))
        execute_statement(
            self.connection,
            sql.SQL("DROP {} IF EXISTS {}").format(sql.SQL(words), name).as_string(),
        )

    def _retrying(
        self, action: Callable[[], T], timeouts_ms: Sequence[int] = _LOCK_TIMEOUTS_MS
    ) -> T:
        """Do something under a lock timeout that rises from try to try, with pauses of random length."""

        def limit(attempt: int) -> int:
            return timeouts_ms[min(attempt, len(timeouts_ms)) - 1]

        def tried(attempt: int) -> T:
            self._set(lock_timeout=f"{limit(attempt)}ms", statement_timeout="1h")
            try:
                return action()
            except BaseException:
                roll_back_block(self.connection)
                raise

        def tell(attempt: int) -> None:
            self.log(f"a lock was not acquired within {limit(attempt)} ms (try {attempt})")

        try:
            return retrying(tried, tell)
        except LockedOutError as error:
            raise DeploymentError(
                f"A lock could not be acquired in {error.attempts} tries: end the long transaction that "
                "pg_stat_activity shows, then run this again; it resumes from here."
            ) from error

    def _set(self, **parameters: str) -> None:
        # A deployment asks for the same ones some 300 times.
        if parameters.items() <= self._parameters.items():
            return
        calls = ", ".join("set_config(%s, %s, false)" for _ in parameters)
        self.connection.exec_driver_sql(f"SELECT {calls}", tuple(chain(*parameters.items())))
        self._parameters |= parameters


def _may_rerun(file: SqlFile) -> bool:
    return file.fields["again"].startswith("safe")


def _has_triggers(file: SqlFile) -> bool:
    return any(defined.kind == "trigger" for defined in objects_defined_by(file.statements))


def _timeouts_ms(unit: Sequence[str]) -> Sequence[int]:
    return _CONCURRENT_LOCK_TIMEOUTS_MS if _is_concurrent(unit) else _LOCK_TIMEOUTS_MS


def _is_concurrent(unit: Sequence[str]) -> bool:
    return any("INDEX CONCURRENTLY " in statement for statement in unit)
