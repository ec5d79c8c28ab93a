"""What is recorded of the tables that are kept in partitions: inventory_ops.partitioned_table."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from soleflip_assets.ground.database import query_file, query_one
from soleflip_assets.months.partitions import TableName
from soleflip_assets.partitioning.names import Keep, Names


@dataclass(frozen=True)
class Managed:
    """A table that is kept in partitions, or is on its way there.

    Attributes:
        table: which.
        column: its time column.
        keep: how long a month is kept after its end; None keeps all.
        archive: whether a month is archived before it goes.
        key_name: its primary key, if the time was added to that; None if not.
        key_columns: of that key before.
        column_was_nullable: whether a row could lack the time.
        first_partition: the table that it was; None before it is converted.
        exists: whether there is a table of this name.
        partitioned: whether it is partitioned now.
        converted_at: since when; None before.
    """

    table: TableName
    column: str
    keep: Keep | None
    archive: bool
    key_name: str | None
    key_columns: tuple[str, ...]
    column_was_nullable: bool
    first_partition: TableName | None
    exists: bool
    partitioned: bool
    converted_at: datetime | None

    @property
    def names(self) -> Names:
        """Of all that belongs to it."""
        return Names(self.table)


def managed_tables(connection: Connection) -> list[Managed]:
    """All of them, by name; none where no table ever was."""
    if not query_one(connection, "partitioning/has_record.sql")["recorded"]:
        return []
    return [
        Managed(
            table=TableName(row["schema_name"], row["table_name"]),
            column=row["column_name"],
            keep=Keep.parse(row["keep"]) if row["keep"] else None,
            archive=row["archive"],
            key_name=row["key_name"],
            key_columns=tuple(row["key_columns"] or ()),
            column_was_nullable=row["column_was_nullable"],
            first_partition=TableName(row["schema_name"], row["first_partition"])
            if row["first_partition"]
            else None,
            exists=row["exists"],
            partitioned=row["partitioned"],
            converted_at=row["converted_at"],
        )
        for row in query_file(connection, "partitioning/recorded.sql")
    ]


def managed_table(connection: Connection, table: TableName) -> Managed | None:
    """One of them; None if it is not."""
    return next((found for found in managed_tables(connection) if found.table == table), None)
