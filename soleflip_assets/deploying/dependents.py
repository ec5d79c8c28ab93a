"""What others have built on objects of the database. Not here: what follows from that."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from soleflip_assets.ground.database import query_file
from soleflip_assets.ground.tables import LEGACY_TABLES


@dataclass(frozen=True)
class Reader:
    """A view of others that a change of what it reads means.

    Attributes:
        name: qualified, and quoted where it has to be.
        kind: ``view`` or ``materialized view``.
        query: as PostgreSQL prints it, every name qualified.
        sources: what it reads of the relations in question: ``inventory.stock_metrics``, and each of its
            columns, ``inventory.stock_metrics.id``. Empty where it only reads a materialized view that does.
        obstacle: why this user cannot carry it along; None if he can.
    """

    name: str
    kind: str
    query: str
    sources: Sequence[str]
    obstacle: str | None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def dependents(
    connection: Connection,
    relations: Sequence[str],
    columns: Sequence[str] = (),
    ours: Sequence[str] = (),
    *,
    mentioning: bool = True,
    views: bool = True,
) -> list[str]:
    """What others have built on some tables, each with its definition.

    Args:
        connection: SoleFlip's database.
        relations: the tables, as ``inventory.stock_metrics``; one that does not exist has no dependents.
        columns: only what uses one of these columns.
        ours: names of objects that do not count.
        mentioning: also the functions that only mention a table in their text.
        views: also the views whose query reads one.
    """
    rows = query_file(
        connection,
        "catalog/dependents.sql",
        relations=list(relations),
        columns=list(columns),
        ours=list(ours),
        mentioning=mentioning,
        views=views,
    )
    return [f"{row['dependent']}: {row['definition']}".removesuffix(": ") for row in rows]


def legacy_dependents(connection: Connection) -> list[str]:
    """What others have built on the three legacy tables."""
    return dependents(connection, [f"inventory.{table.name}" for table in LEGACY_TABLES])


def readers(
    connection: Connection, relations: Sequence[str], columns: Sequence[str] = ()
) -> list[Reader]:
    """The views that are detached when some relations are replaced, each after those that it reads.

    Args:
        connection: a database with the functions of sql/phase2/12_readers.sql.
        relations: those that are replaced; one that does not exist has no readers.
        columns: only what uses one of these columns.
    """
    rows = query_file(
        connection, "catalog/readers.sql", relations=list(relations), columns=list(columns)
    )
    return [Reader(**row) for row in rows]


def left_behind(connection: Connection, relations: Sequence[str]) -> list[str]:
    """What others have built on some relations and cannot be carried along when these are replaced.

    Views are carried along, and with a materialized one what reads it. What only mentions a relation, as a
    function does, finds the other one by its name.

    Args:
        connection: a database with the functions of sql/phase2/12_readers.sql.
        relations: those that are replaced; one that does not exist has no readers.
    """
    carried = readers(connection, relations)
    replaced = [one.name for one in carried if one.kind == "materialized view"]
    return [
        *dependents(connection, [*relations, *replaced], mentioning=False, views=False),
        *(f"{one}: {one.obstacle}" for one in carried if one.obstacle),
    ]
