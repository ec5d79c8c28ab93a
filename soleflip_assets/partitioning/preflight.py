"""What a conversion would meet and change, before anything is touched.

Here: looking. Not here: what is looked for in the catalog (sql/partitioning), or the conversion.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql
from sqlalchemy import Connection

from soleflip_assets.ground.database import query_file
from soleflip_assets.months.month import Month
from soleflip_assets.months.partitions import TableName
from soleflip_assets.partitioning.names import ENDINGS, Names, bound_of, plain
from soleflip_assets.partitioning.session import PartitioningError

# A row later than this is a mistake: months would have to reach up to it.
HORIZON_MONTHS = 60

# What a table that is in partitions can have got, and an ordinary one would not have.
_IN_THE_WAY_BACK = {
    "depends",
    "incoming_foreign_key",
    "materialized_view",
    "not_owner",
    "row_security",
    "rule",
    "view_by_key",
}


@dataclass(frozen=True)
class Table:
    """A table, as far as partitions are concerned.

    Attributes:
        name: its own.
        column: the time column.
        partitioned_by: how it is partitioned, in PostgreSQL's words; None for an ordinary table.
        column_is_nullable: whether a row may lack the time.
        key_name: its primary key; None if it has none.
        key_columns: those of the key.
        key_storage: how the index of the key is stored, as SQL writes it; empty if as usual.
        key_has_column: whether the time is among them.
        bytes: with indexes; None where it is partitioned.
        estimated_rows: the planner's guess.
    """

    name: TableName
    column: str
    partitioned_by: str | None
    column_is_nullable: bool
    key_name: str | None
    key_columns: tuple[str, ...]
    key_storage: str
    key_has_column: bool
    bytes: int | None
    estimated_rows: int

    @property
    def names(self) -> Names:
        """Of all that belongs to it."""
        return Names(self.name)

    @property
    def needs_key(self) -> bool:
        """Whether the time has to be added to its key."""
        return self.key_name is not None and not self.key_has_column


@dataclass(frozen=True)
class Plan:
    """What a conversion would do.

    Attributes:
        table: to which table.
        until: the month that begins where the first partition ends.
        newest: the newest row's time; None without rows.
        obstacles: what stands in the way, a sentence each; empty if nothing does.
        changes: what will be another way, a sentence each.
    """

    table: Table
    until: Month
    newest: datetime | None
    obstacles: list[str]
    changes: list[str]

    def require_clear(self) -> None:
        """Make sure that nothing stands in the way.

        Raises:
            PartitioningError: names everything that does.
        """
        if self.obstacles:
            raise PartitioningError(
                f"{plain(self.table.name)} cannot be partitioned by {self.table.column}, and "
                "nothing was changed: " + " ".join(self.obstacles)
            )


def find_table(connection: Connection, name: str, column: str) -> Table:
    """Find a table by its name as SQL writes it.

    Raises:
        PartitioningError: there is none.
    """
    rows = query_file(connection, "partitioning/table.sql", table=name, column=column)
    if not rows:
        raise PartitioningError(f"There is no table {name}: name it with its schema.")
    (row,) = rows
    return Table(
        name=TableName(row["schema_name"], row["table_name"]),
        column=column,
        partitioned_by=row["partition_key"],
        column_is_nullable=row["column_is_nullable"],
        key_name=row["key_name"],
        key_columns=tuple(row["key_columns"] or ()),
        key_storage=row["key_storage"] or "",
        key_has_column=row["key_has_column"],
        bytes=row["bytes"],
        estimated_rows=row["estimated_rows"],
    )


def plan(connection: Connection, table: Table, now: datetime) -> Plan:
    """Look at a table and at its rows, in one scan.

    Args:
        connection: as whoever would convert it.
        table: which.
        now: the clock.
    """
    obstacles = obstacles_of(connection, table)
    this_month = Month.of(now)
    if obstacles:
        return Plan(table, this_month + 2, None, obstacles, changes_of(connection, table))
    column = sql.Identifier(table.column)
    horizon = bound_of(this_month + HORIZON_MONTHS)
    look = sql.SQL(
        # Of a time before the year 1, Python knows none.
        "SELECT CAST(max({column}) FILTER (WHERE {column} >= '0001-01-02' AND {column} < {horizon}) "
        "AS timestamptz), "
        "count(*) FILTER (WHERE {column} >= {horizon}), count(*) FILTER (WHERE {column} IS NULL) FROM {table}"
    ).format(column=column, horizon=horizon, table=table.name.identifier)
    newest, beyond, missing = connection.exec_driver_sql(look.as_string()).one()
    if beyond:
        obstacles.append(
            f"{beyond:,} rows are more than {HORIZON_MONTHS // 12} years ahead, where no month can be made "
            f"for them: correct or delete what has {table.column} from {this_month + HORIZON_MONTHS} on."
        )
    if missing:
        obstacles.append(f"{missing:,} rows have no {table.column}: fill it in.")
    latest = max(this_month, Month.of(newest)) if newest else this_month
    return Plan(
        table,
        # With next month in it, a conversion that died has a month to be resumed before its CHECK could
        # refuse a write. Of a table with rows ahead, the same is true of the latest of them.
        until=latest + 2,
        newest=newest,
        obstacles=obstacles,
        changes=changes_of(connection, table),
    )


def obstacles_of(connection: Connection, table: Table, *, back: bool = False) -> list[str]:
    """What in the catalog stands in the way; empty if nothing does.

    Args:
        connection: as whoever would convert it.
        table: which.
        back: in the way back, of a table that is in partitions.
    """
    rows = query_file(
        connection,
        "partitioning/obstacles.sql",
        table=str(table.name),
        column=table.column,
        endings=ENDINGS,
    )
    lacking = query_file(connection, "partitioning/rights.sql", table=str(table.name))
    return [row["sentence"] for row in rows if not back or row["code"] in _IN_THE_WAY_BACK] + [
        row["sentence"] for row in lacking
    ]


def changes_of(connection: Connection, table: Table) -> list[str]:
    """What would be another way."""
    rows = query_file(
        connection,
        "partitioning/changes.sql",
        table=str(table.name),
        column=table.column,
        prepared=table.names.prepared_key,
    )
    return [row["sentence"] for row in rows]
