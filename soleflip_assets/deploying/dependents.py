"""What others have built on objects of the database. Not here: what follows from that."""

from collections.abc import Sequence

from sqlalchemy import Connection

from soleflip_assets.ground.database import query_file
from soleflip_assets.ground.tables import LEGACY_TABLES


def dependents(
    connection: Connection,
    relations: Sequence[str],
    columns: Sequence[str] = (),
    ours: Sequence[str] = (),
    *,
    mentioning: bool = True,
) -> list[str]:
    """What others have built on some tables, each with its definition.

    Args:
        connection: SoleFlip's database.
        relations: the tables, as ``inventory.stock_metrics``; one that does not exist has no dependents.
        columns: only what uses one of these columns.
        ours: names of objects that do not count.
        mentioning: also the functions that only mention a table in their text.
    """
    rows = query_file(
        connection,
        "catalog/dependents.sql",
        relations=list(relations),
        columns=list(columns),
        ours=list(ours),
        mentioning=mentioning,
    )
    return [f"{row['dependent']}: {row['definition']}".removesuffix(": ") for row in rows]


def legacy_dependents(connection: Connection) -> list[str]:
    """What others have built on the three legacy tables."""
    return dependents(connection, [f"inventory.{table.name}" for table in LEGACY_TABLES])
