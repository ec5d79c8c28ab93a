"""Turning an ordinary table of the shop into a partitioned one, while the shop goes on, without rewriting it.

1. A unique index for the key with the column in it, CONCURRENTLY.
2. A CHECK that says where the rows end, NOT VALID and then validated.
3. One short transaction: a partitioned table that was made beside takes the name, and the table that was
   becomes its first partition, with nothing left to read or to build.

What is done is seen in the catalog, so a run that died anywhere is resumed by the next one. Not here: what
the statements are that bring everything along (sql/partitioning), months (keeping.py), the way back
(undo.py).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain

from psycopg import sql
from sqlalchemy import Connection, Engine

from soleflip_assets.ground.database import query_file, query_one, run_statement
from soleflip_assets.ground.deadlines import CONCURRENT_LOCK
from soleflip_assets.ground.sql_files import sql_files
from soleflip_assets.months.partitions import TableName
from soleflip_assets.partitioning.keeping import make_months
from soleflip_assets.partitioning.names import Keep, Names, bound_of, plain
from soleflip_assets.partitioning.preflight import (
    Plan,
    Table,
    find_table,
    obstacles_of,
    plan,
)
from soleflip_assets.partitioning.record import managed_table
from soleflip_assets.partitioning.session import (
    Held,
    Log,
    PartitioningError,
    brief,
    in_transaction,
    lock_against_ddl,
    partitioner,
    privileges_of,
    referenced_by,
    run,
    run_all,
    statements_of,
    told,
)


def convert(
    engine: Engine, name: str, column: str, log: Log, *, keep: Keep | None, archive: bool
) -> float:
    """Turn a table into a partitioned one, or resume that; of one that is, set the retention anew.

    Args:
        engine: the database, as the owner of the table.
        name: the table's, as SQL writes it.
        column: its time column.
        log: told of each step.
        keep: how long a month is kept after its end; None keeps all.
        archive: whether a month is archived before it goes.

    Returns:
        Milliseconds for which readers and writers had to wait; 0 for one that was partitioned already.

    Raises:
        PartitioningError: something stands in the way; nothing was changed.
        LockedOutError: a lock was not free in 100 tries; run again, it resumes.
    """
    with partitioner(engine) as connection:
        table = find_table(connection, name, column)
        known = managed_table(connection, table.name)
        waited = 0.0
        if known is None or not known.partitioned:
            with told(table.name, "stays as it is", ", or --undo what was prepared"):
                waited = _convert(connection, table, log, keep=keep, archive=archive)
        else:
            _require_column(known.column, column, table)
            run_statement(
                connection,
                "partitioning/record_keep.sql",
                schema=table.name.schema,
                name=table.name.name,
                keep=str(keep) if keep else None,
                archive=archive,
            )
        managed = managed_table(connection, table.name)
        assert managed is not None, "recorded above"
        with told(table.name, "is in partitions, and lacks a month"):
            made = make_months(connection, managed, datetime.now(UTC))
        log(
            f"{plain(table.name)}: months made: {', '.join(map(str, made)) or 'none, they are there'}"
        )
        # Autovacuum never analyses a partitioned table itself.
        run(connection, sql.SQL("ANALYZE {}").format(table.name.identifier))
    return waited


def _require_column(known: str, column: str, table: Table) -> None:
    if known != column:
        raise PartitioningError(
            f"{plain(table.name)} is partitioned by {known}: take it back first, to partition it by {column}."
        )


def _convert(
    connection: Connection, table: Table, log: Log, *, keep: Keep | None, archive: bool
) -> float:
    found = plan(connection, table, datetime.now(UTC))
    found.require_clear()
    run_statement(
        connection,
        "partitioning/record_begun.sql",
        schema=table.name.schema,
        name=table.name.name,
        column=table.column,
        keep=str(keep) if keep else None,
        archive=archive,
        key_name=table.key_name if table.needs_key else None,
        key_columns=[*table.key_columns] if table.needs_key else None,
        nullable=table.column_is_nullable,
    )
    if table.needs_key:
        prepare_key(
            connection, table, (*table.key_columns, table.column), table.names.prepared_key, log
        )
    _prepare_bound(connection, found, log)
    milliseconds = in_transaction(connection, lambda: _swap(connection, found))
    log(
        f"{plain(table.name)} is partitioned; the table that it was is its partition "
        f"{table.names.first(found.until).name}. Readers and writers waited {milliseconds:.0f} ms"
    )
    return milliseconds


def prepare_key(
    connection: Connection, of: Table, columns: Sequence[str], name: str, log: Log
) -> None:
    """Make a unique index while everybody goes on, unless it is there; one that died half-way is made anew.

    Args:
        connection: the owner's.
        of: of which table; it is stored as the one of its key.
        columns: of the index.
        name: the index's.
        log: told when it is made.

    Raises:
        sqlalchemy.exc.DBAPIError: two rows have the same values.
    """
    table, index = of.name, sql.Identifier(of.name.schema, name)
    run(
        connection,
        sql.SQL("SET lock_timeout = {}").format(sql.Literal(CONCURRENT_LOCK.milliseconds)),
    )
    for row in query_file(connection, "partitioning/own_index.sql", table=str(table), name=name):
        if row["usable"] and row["columns"] == [*columns]:
            return
        run(connection, sql.SQL("DROP INDEX CONCURRENTLY {}").format(index))
    log(f"{plain(table)}: building the index of the key ({', '.join(columns)})")
    run(
        connection,
        sql.SQL("CREATE UNIQUE INDEX CONCURRENTLY {} ON {} ({}) {}").format(
            sql.Identifier(name),
            table.identifier,
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(f"WITH ({of.key_storage})" if of.key_storage else ""),
        ),
    )


def _prepare_bound(connection: Connection, found: Plan, log: Log) -> None:
    """Prove where the rows end; from here to the swap a write beyond that would be refused."""
    table, wanted = found.table, Names.check(found.until)
    checks = {row["name"]: row["validated"] for row in own_checks(connection, table.name)}
    for other in checks.keys() - {wanted}:
        drop_check(connection, table.name, str(other))
    if wanted not in checks:
        brief(
            connection,
            sql.SQL(
                "ALTER TABLE {table} ADD CONSTRAINT {name} "
                "CHECK ({column} IS NOT NULL AND {column} < {until}) NOT VALID"
            ).format(
                table=table.name.identifier,
                name=sql.Identifier(wanted),
                column=sql.Identifier(table.column),
                until=bound_of(found.until),
            ),
        )
    if not checks.get(wanted):
        log(f"{plain(table.name)}: proving that all rows are before {found.until}")
        run(
            connection,
            sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
                table.name.identifier, sql.Identifier(wanted)
            ),
        )


def own_checks(connection: Connection, table: TableName) -> Sequence[dict[str, object]]:
    """The CHECKs of a conversion that is under way: ``name``, ``validated``."""
    rows = query_file(connection, "partitioning/own_checks.sql", table=str(table))
    return [dict(row) for row in rows]


def drop_check(connection: Connection, table: TableName, name: str) -> None:
    """Drop such a CHECK."""
    brief(connection, _without_check(table, name))


def _without_check(table: TableName, name: str) -> sql.Composed:
    return sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
        table.identifier, sql.Identifier(name)
    )


def rename(table: TableName, name: str) -> str:
    """The statement that gives a table another name."""
    statement = sql.SQL("ALTER TABLE {} RENAME TO {}").format(
        table.identifier, sql.Identifier(name)
    )
    return statement.as_string()


def _swap(connection: Connection, found: Plan) -> float:
    """Let a partitioned table take the name, with the table that was as its first partition.

    All that needs no lock is done before the lock is asked for.

    Returns:
        Milliseconds for which the table was locked.
    """
    table = found.table
    lock_against_ddl(connection, table.name)
    # Somebody may have changed it since the look.
    if obstacles := obstacles_of(connection, table):
        raise PartitioningError(
            f"{plain(table.name)} was changed meanwhile: " + " ".join(obstacles)
        )
    swap = _Swap(connection, found)
    swap.make_beside()
    bring = swap.statements()
    held = Held(connection)
    held.acquire(table.name, referenced_by(connection, table.name))
    run_all(connection, bring)
    swap.require_nothing_built()
    run_statement(
        connection,
        "partitioning/record_done.sql",
        schema=table.name.schema,
        name=table.name.name,
        first=swap.first.name,
    )
    return held.milliseconds


class _Swap:
    """The one transaction of a conversion."""

    def __init__(self, connection: Connection, found: Plan) -> None:
        self._connection = connection
        self._table = found.table
        self._names = found.table.names
        self._until = found.until
        self.first = self._names.first(found.until)
        self._about = {
            "schema": self._table.name.schema,
            "name": self._table.name.name,
            "source": str(self._table.name),
            "target": str(self._names.made),
            "first": self.first.name,
            "made": self._names.made.name,
            "column": self._table.column,
            "prepared": self._names.prepared_key,
        }
        self._had = self._count_indexes(self._table.name)
        self._indexes = query_file(
            connection,
            "partitioning/indexes.sql",
            **{name: value for name, value in self._about.items() if name != "target"},
        )

    def make_beside(self) -> None:
        """The partitioned table, its indexes and the partition of the rest, which nobody sees yet."""
        made, rest = self._names.made, self._names.rest
        by_column = sql.SQL(" PARTITION BY RANGE ({})").format(sql.Identifier(self._table.column))
        self._create(made, sql.SQL("INDEXES EXCLUDING STATISTICS"), by_column)
        run_all(self._connection, [row["make"] for row in self._indexes])
        self._create(rest, sql.SQL("INDEXES"), sql.SQL(""))
        run_all(
            self._connection,
            [
                *self._composed("local_indexes.sql", partition=str(rest)),
                *self._composed("partition_settings.sql", partition=str(rest)),
                *privileges_of(self._connection, self._table.name, rest),
            ],
        )
        run(
            self._connection,
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} DEFAULT").format(
                made.identifier, rest.identifier
            ),
        )

    def statements(self) -> list[str]:
        """All that needs the lock, composed while the table still has its name."""
        table, made, first = self._table.name, self._names.made, self.first
        carried = {
            file.name: self._composed(f"carry/{file.name}.sql")
            for file in sql_files("partitioning/carry")
        }
        publications = carried.pop("90_publications")
        released = (
            self._composed(f"release/{file.name}.sql") for file in sql_files("partitioning/release")
        )
        return [
            *self._not_null(table),
            *self._composed("identity.sql"),
            *chain.from_iterable(released),
            *(row["set_aside"] for row in self._indexes),
            *(row["give_name"] for row in self._indexes),
            rename(table, first.name),
            rename(made, table.name),
            *chain.from_iterable(carried.values()),
            *self._attach_first(),
            *self._composed("sequences.sql"),
            *self._composed("views.sql"),
            *publications,
        ]

    def _attach_first(self) -> list[str]:
        """Its CHECK and its indexes leave nothing to read or to build; then the CHECK may go."""
        attach = sql.SQL(
            "ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM (MINVALUE) TO ({})"
        ).format(self._table.name.identifier, self.first.identifier, bound_of(self._until))
        return [
            attach.as_string(),
            _without_check(self.first, Names.check(self._until)).as_string(),
        ]

    def require_nothing_built(self) -> None:
        """Make sure that no index had to be built under the lock.

        Raises:
            PartitioningError: one had to be.
        """
        # The one of the key takes the place of the old one.
        built = self._count_indexes(self.first) - (self._had - self._table.needs_key)
        if built:
            raise PartitioningError(
                f"{plain(self._table.name)}: {built} indexes would have to be built under the "
                "lock; nothing was "
                "changed. An index changed meanwhile: run this again."
            )

    def _count_indexes(self, table: TableName) -> int:
        return int(
            query_one(self._connection, "partitioning/own_indexes.sql", table=str(table))["indexes"]
        )

    def _create(self, table: TableName, excluded: sql.SQL, ending: sql.Composable) -> None:
        """A table like the one there is, but for its identity and for the CHECK of the conversion."""
        run(
            self._connection,
            sql.SQL(
                "CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING IDENTITY EXCLUDING {}){}"
            ).format(table.identifier, self._table.name.identifier, excluded, ending),
        )
        run(self._connection, _without_check(table, Names.check(self._until)))
        run_all(self._connection, self._not_null(table))

    def _not_null(self, table: TableName) -> list[str]:
        """Of the table that was, this reads no row: its CHECK says it already."""
        statement = sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL").format(
            table.identifier, sql.Identifier(self._table.column)
        )
        return [statement.as_string()] if self._table.column_is_nullable else []

    def _composed(self, path: str, **more: str) -> list[str]:
        return statements_of(self._connection, f"partitioning/{path}", **self._about, **more)
