"""The way back: an ordinary table again, with everything that the partitioned one has.

The partition that the table was takes its name again. Rows of the other partitions are moved into it while
the table is locked, so there must be few of them. Here: that one transaction. Not here: the conversion.
"""

from collections.abc import Sequence

from psycopg import sql
from sqlalchemy import Connection, Engine, RowMapping

from soleflip_assets.ground.database import query_file, run_statement
from soleflip_assets.ground.sql_files import sql_files
from soleflip_assets.months.partitions import TableName, list_months
from soleflip_assets.partitioning.conversion import drop_check, own_checks, prepare_key, rename
from soleflip_assets.partitioning.keeping import (
    COPY_TIMEOUT,
    MOST_ROWS_MOVED,
    ROWS_A_SECOND,
    columns_of,
)
from soleflip_assets.partitioning.names import plain
from soleflip_assets.partitioning.preflight import find_table, obstacles_of
from soleflip_assets.partitioning.record import Managed, managed_table
from soleflip_assets.partitioning.session import (
    Held,
    Log,
    PartitioningError,
    in_transaction,
    lock_against_ddl,
    partitioner,
    referenced_by,
    run,
    run_all,
    set_local,
    statements_of,
    told,
)

# The table that was has its foreign keys still; the others are brought along.
_STAYED = {"50_foreign_keys"}


def undo(engine: Engine, name: str, log: Log, *, wait: bool = False) -> None:
    """Make an ordinary table of one that is in partitions, or give up a conversion that is under way.

    Args:
        engine: the database, as the owner of the table.
        name: the table's, as SQL writes it.
        log: told of each step.
        wait: let readers and writers wait for as long as it takes to copy what is in other partitions.

    Raises:
        PartitioningError: it is not in partitions, or too many rows would have to be copied; nothing was
            changed.
        LockedOutError: a lock was not free in 100 tries; run again, it resumes.
    """
    with partitioner(engine) as connection:
        table = find_table(connection, name, "")
        managed = managed_table(connection, table.name)
        if managed is None:
            raise PartitioningError(
                f"{plain(table.name)} is not kept in partitions by this command: `soleflip "
                "partition --list` shows "
                "those that are."
            )
        if managed.partitioned:
            _take_back(connection, managed, log, wait=wait)
        else:
            give_up(connection, managed)
            log(f"{plain(table.name)}: the conversion is given up; the table is as it was")


def give_up(connection: Connection, managed: Managed) -> None:
    """Remove what a conversion that is under way has prepared."""
    for row in own_checks(connection, managed.table):
        drop_check(connection, managed.table, str(row["name"]))
    index = sql.Identifier(managed.table.schema, managed.names.prepared_key)
    run(connection, sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(index))
    _forget(connection, managed)


def _forget(connection: Connection, managed: Managed) -> None:
    run_statement(
        connection,
        "partitioning/record_undone.sql",
        schema=managed.table.schema,
        name=managed.table.name,
    )


def _take_back(connection: Connection, managed: Managed, log: Log, *, wait: bool) -> None:
    first = require_few(connection, managed, wait=wait)
    # Two rows with one key by now, for instance.
    with told(managed.table, "stays in partitions"):
        if managed.key_columns:
            prepare_key(
                connection,
                find_table(connection, str(first), managed.column),
                managed.key_columns,
                managed.names.prepared_key,
                log,
            )
        milliseconds = in_transaction(
            connection, lambda: _swap_back(connection, managed, first, wait=wait)
        )
    log(
        f"{plain(managed.table)} is an ordinary table again. Readers and writers waited {milliseconds:.0f} ms"
    )
    run(connection, sql.SQL("ANALYZE {}").format(managed.table.identifier))


def require_few(connection: Connection, managed: Managed, *, wait: bool) -> TableName:
    """Make sure that there is a way back, with nothing in it and few rows to be copied.

    Args:
        connection: the owner's.
        managed: which table.
        wait: any number may be copied.

    Returns:
        The partition that the table was.

    Raises:
        PartitioningError: there is none, or something does.
    """
    table = find_table(connection, str(managed.table), managed.column)
    if obstacles := obstacles_of(connection, table, back=True):
        raise PartitioningError(
            f"{plain(managed.table)} stays in partitions, and nothing was changed: "
            + " ".join(obstacles)
        )
    first = managed.first_partition
    parts = list_months(connection, managed.table)
    if first is None or first not in {part.table for part in parts}:
        raise PartitioningError(
            f"{plain(managed.table)}: the partition that it was has left with its retention, and there is "
            "nothing to make an ordinary table of: create one and copy the rows."
        )
    others = [part for part in parts if part.table != first]
    rows = 0 if wait else sum(_count(connection, part.table) for part in others)
    if rows > MOST_ROWS_MOVED:
        raise PartitioningError(
            f"{plain(managed.table)}: {rows:,} rows in {len(others)} partitions "
            f"({sum(part.bytes for part in others) / 2**20:,.0f} MB) would have to be copied while readers "
            f"and writers wait, some {max(1, rows // ROWS_A_SECOND)} s; nothing was changed. Say --wait to "
            "let them."
        )
    return first


def _count(connection: Connection, table: TableName) -> int:
    look = sql.SQL("SELECT count(*) FROM {}").format(table.identifier)
    return int(connection.exec_driver_sql(look.as_string()).scalar_one())


def _swap_back(connection: Connection, managed: Managed, first: TableName, *, wait: bool) -> float:
    """Let the table that was take its name again.

    Returns:
        Milliseconds for which the table was locked.
    """
    table = managed.table
    lock_against_ddl(connection, table)
    statements = _statements_of_the_swap(connection, managed, first)
    columns = columns_of(connection, first)
    held = Held(connection)
    held.acquire(table, referenced_by(connection, table))
    if wait:
        set_local(connection, "statement_timeout", COPY_TIMEOUT)
    require_few(connection, managed, wait=wait)
    run(
        connection,
        sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(table.identifier, first.identifier),
    )
    run(
        connection,
        sql.SQL("INSERT INTO {first} ({columns}) SELECT {columns} FROM {table}").format(
            first=first.identifier, columns=columns, table=table.identifier
        ),
    )
    run_all(connection, statements)
    _forget(connection, managed)
    return held.milliseconds


def _statements_of_the_swap(
    connection: Connection, managed: Managed, first: TableName
) -> list[str]:
    """What is done once all rows are in the table that was, composed before anybody waits."""
    table, made = managed.table, managed.names.made
    about = {
        "schema": table.schema,
        "name": table.name,
        "source": str(table),
        "target": str(first),
        "first": first.name,
        "column": managed.column,
    }

    def composed(path: str) -> list[str]:
        return statements_of(connection, f"partitioning/{path}", **about)

    indexes = query_file(
        connection, "partitioning/index_names.sql", source=str(table), target=str(first)
    )
    return [
        *composed("identity.sql"),
        rename(table, made.name),
        rename(first, table.name),
        *composed("views.sql"),
        *composed("sequences.sql"),
        # Never CASCADE: what others built on it meanwhile is theirs, and PostgreSQL says what it is.
        sql.SQL("DROP TABLE {}").format(made.identifier).as_string(),
        *_names_back(managed, indexes),
        *statements_of(connection, "partitioning/drop_statistics.sql", source=str(first)),
        *(
            statement
            for file in sql_files("partitioning/carry")
            if file.name not in _STAYED
            for statement in composed(f"carry/{file.name}.sql")
        ),
    ]


def _names_back(managed: Managed, indexes: Sequence[RowMapping]) -> list[str]:
    statements = [
        row["statement"] for row in indexes if not (row["is_key"] and managed.key_columns)
    ]
    if managed.key_columns:
        (key,) = (row["name"] for row in indexes if row["is_key"])
        statements.append(
            sql.SQL(
                "ALTER TABLE {} DROP CONSTRAINT {}, ADD CONSTRAINT {} PRIMARY KEY USING INDEX {}"
            )
            .format(
                managed.table.identifier,
                sql.Identifier(key),
                sql.Identifier(str(managed.key_name)),
                sql.Identifier(managed.names.prepared_key),
            )
            .as_string()
        )
    if managed.column_was_nullable:
        statements.append(
            sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL")
            .format(managed.table.identifier, sql.Identifier(managed.column))
            .as_string()
        )
    return statements
