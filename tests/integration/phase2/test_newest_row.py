"""Of several legacy rows the newest counts: by updated_at, then created_at, then id."""

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from soleflip_assets.ground.database import query_one
from tests.conftest import connect

# Two moments and two ids, the newer and the higher one last.
OLD, NEW = "2025-01-01Z", "2025-06-01Z"
LOW, HIGH = "00000000-0000-4000-8000-000000000001", "ffffffff-ffff-4fff-bfff-ffffffffffff"


@pytest.mark.parametrize(
    ("newest", "other"),
    [
        ((NEW, OLD, LOW), (OLD, NEW, HIGH)),
        ((NEW, NEW, LOW), (NEW, OLD, HIGH)),
        ((NEW, NEW, HIGH), (NEW, NEW, LOW)),
    ],
    ids=["updated_at", "created_at", "id"],
)
def test_revert_compares_with_the_newest_row(
    deployed: URL, newest: tuple[str, ...], other: tuple[str, ...]
) -> None:
    """Two rows that say something else; stock says what the newest says, and so nothing differs."""
    with connect(deployed) as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        stock_id = connection.exec_driver_sql(
            "SELECT stock_id FROM inventory.stock_lifecycle ORDER BY stock_id LIMIT 1"
        ).scalar_one()
        connection.execute(
            text("DELETE FROM inventory.stock_lifecycle WHERE stock_id = :id"), {"id": stock_id}
        )
        for (updated_at, created_at, row), history in ((other, "[]"), (newest, '[{"to": "sold"}]')):
            connection.execute(
                text(
                    "INSERT INTO inventory.stock_lifecycle"
                    " (id, stock_id, status_history, updated_at, created_at)"
                    " VALUES (:row, :id, CAST(:history AS jsonb), :updated_at, :created_at)"
                ),
                {
                    "row": row,
                    "id": stock_id,
                    "history": history,
                    "updated_at": updated_at,
                    "created_at": created_at,
                },
            )
        connection.execute(
            text(
                "UPDATE inventory.stock SET listed_on_platforms = NULL,"
                """ status_history = '[{"to": "sold"}]' WHERE id = :id"""
            ).bindparams(id=stock_id)
        )

        found = query_one(connection, "carry/not_carried.sql", backfilled=True)

    assert (found["differing"], found["missing_lifecycle"]) == (0, 0), found["examples"]
