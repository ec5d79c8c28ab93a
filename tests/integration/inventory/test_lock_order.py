"""Items are locked in order of their ids, so that no two who lock several wait for each other in a circle."""

import threading
import time
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.inventory.statements import EXPIRE
from tests.conftest import connect

IDS = [UUID(int=number) for number in range(1, 21)]

WAITING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE application_name = 'sweeper' AND wait_event_type = 'Lock'"
)


@pytest.fixture
def overdue(shop_url: URL) -> URL:
    """A shop with an overdue reservation of each of twenty items, which lie there from last to first."""
    with connect(shop_url) as connection:
        connection.exec_driver_sql("DELETE FROM inventory.stock")
        connection.exec_driver_sql("VACUUM inventory.stock")
        for stock_id in reversed(IDS):
            connection.execute(
                text(
                    "INSERT INTO inventory.stock"
                    " (id, product_id, size_id, quantity, status, reserved_quantity)"
                    " VALUES (:id, :id, :id, 1, 'in_stock', 1)"
                ),
                {"id": stock_id},
            )
            connection.execute(
                text(
                    "INSERT INTO inventory.stock_reservation"
                    " (stock_id, reserved_quantity, status, reserved_until)"
                    " VALUES (:id, 1, 'active', now() - interval '1 h')"
                ),
                {"id": stock_id},
            )
        connection.exec_driver_sql("ANALYZE inventory.stock, inventory.stock_reservation")
    return shop_url


def test_who_ends_reservations_locks_the_lowest_item_first(overdue: URL) -> None:
    """While it waits for that one, all others are free."""
    free = text("SELECT id FROM inventory.stock ORDER BY id FOR UPDATE SKIP LOCKED")
    ended: list[int] = []

    def sweep() -> None:
        engine = create_database_engine(overdue.update_query_dict({"application_name": "sweeper"}))
        with engine.begin() as connection:
            # As the table lies, unless the statement itself says in which order.
            connection.exec_driver_sql("SET enable_indexscan = off")
            connection.exec_driver_sql("SET enable_bitmapscan = off")
            rows = connection.execute(EXPIRE, {"now": None, "limit": 100, "reason": None})
            ended.append(len(rows.all()))

    sweeper = threading.Thread(target=sweep, daemon=True)
    with connect(overdue) as watcher, create_database_engine(overdue).connect() as holder:
        with holder.begin():
            lowest = text("SELECT id FROM inventory.stock WHERE id = :id FOR UPDATE")
            holder.execute(lowest, {"id": IDS[0]})
            sweeper.start()
            deadline = time.monotonic() + 30
            while not watcher.exec_driver_sql(WAITING).scalar_one():
                assert sweeper.is_alive()
                assert time.monotonic() < deadline
            assert list(watcher.execute(free).scalars()) == IDS[1:]
        sweeper.join(30)

    assert ended == [len(IDS)]
