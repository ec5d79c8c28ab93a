"""A shop that does not stand still: threads that write as both versions of the application do.

A writer tries again after a deadlock, as the application does, and goes on where a row was taken away under
it. Anything else that it meets ends it, and the test that runs it.
"""

import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.ground.sessions import create_database_engine

# deadlock_detected, foreign_key_violation, unique_violation: what two writers do to each other.
EXPECTED_ERRORS = {"40P01", "23503", "23505"}

# Each is about the stock row :id; :n is any number. Quantities only grow, so that nobody oversells.
QUANTITIES = (
    "UPDATE inventory.stock SET quantity = quantity + 1, updated_at = now() WHERE id = :id",
    "UPDATE inventory.stock SET shelf_life_days = :n, notes = 'counted' WHERE id = :id",
)
PRICES = (
    "UPDATE inventory.stock SET gross_purchase_price = :n, vat_amount = NULL WHERE id = :id",
    "UPDATE inventory.stock SET purchase_price = :n, roi_percentage = :n % 90 WHERE id = :id",
)
# As it has to be while nothing keeps the two tables in step: in both at once.
PRICES_IN_BOTH = (
    """WITH written AS (
         UPDATE inventory.stock
         SET purchase_price = :n, gross_purchase_price = :n, vat_amount = 0, profit_per_shelf_day = NULL,
           roi_percentage = :n % 90
         WHERE id = :id
       )
       UPDATE inventory.stock_financial
       SET purchase_price = :n, gross_purchase_price = :n, vat_amount = 0, profit_per_shelf_day = NULL,
         roi = :n % 90, updated_at = now()
       WHERE stock_id = :id""",
)
LIFECYCLES_AND_METRICS = (
    """UPDATE inventory.stock_metrics
       SET reserved_quantity = :n % (stock.quantity + 1), updated_at = now()
       FROM inventory.stock WHERE stock.id = stock_id AND stock_id = :id""",
    """INSERT INTO inventory.stock_metrics (stock_id, available_quantity, reserved_quantity)
       SELECT id, quantity, :n % (quantity + 1) FROM inventory.stock WHERE id = :id
       ON CONFLICT DO NOTHING""",
    "DELETE FROM inventory.stock_metrics WHERE stock_id = :id",
    """INSERT INTO inventory.stock_lifecycle (stock_id, listed_on_platforms, shelf_life_days)
       VALUES (:id, jsonb_build_array(CAST(:n AS integer)), :n)""",
    """UPDATE inventory.stock_lifecycle
       SET status_history = jsonb_build_array(CAST(:n AS integer)), updated_at = now()
       WHERE stock_id = :id""",
    "DELETE FROM inventory.stock_lifecycle WHERE stock_id = :id AND created_at > now() - interval '1 hour'",
)
FINANCIALS = (
    """UPDATE inventory.stock_financial SET purchase_price = :n, roi = NULL, updated_at = now()
       WHERE stock_id = :id""",
    """INSERT INTO inventory.stock_financial (stock_id, purchase_price, gross_purchase_price, vat_amount)
       VALUES (:id, :n, :n, 0), (:id, :n + 1, :n + 1, 0)""",
    "DELETE FROM inventory.stock_financial WHERE stock_id = :id AND created_at > now() - interval '1 hour'",
)
NEW_COLUMNS = (
    "UPDATE inventory.stock SET reserved_quantity = :n % (quantity + 1) WHERE id = :id",
    """UPDATE inventory.stock SET listed_on_platforms = jsonb_build_array(CAST(:n AS integer)),
       status_history = jsonb_build_array(CAST(:n AS integer)) WHERE id = :id""",
    """INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, created_at, reserved_quantity,
       listed_on_platforms) SELECT gen_random_uuid(), id, id, 5, 'in_stock', '2001-01-01Z', 2, '[]'
       FROM inventory.stock WHERE id = :id""",
)
# As the inventory service does it: on both sides in one transaction, and no more than there is.
RESERVATIONS = (
    """WITH held AS (
         UPDATE inventory.stock SET reserved_quantity = reserved_quantity + 1, updated_at = now()
         WHERE id = :id AND reserved_quantity < quantity
         RETURNING id
       )
       INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status)
       SELECT held.id, 1, 'active' FROM held""",
    """WITH released AS (
         UPDATE inventory.stock_reservation SET status = 'released', updated_at = now()
         WHERE status = 'active' AND id = (
           SELECT id FROM inventory.stock_reservation WHERE stock_id = :id AND status = 'active' LIMIT 1
         )
         RETURNING stock_id, reserved_quantity
       )
       UPDATE inventory.stock SET reserved_quantity = stock.reserved_quantity - released.reserved_quantity
       FROM released WHERE stock.id = released.stock_id""",
)
COMINGS_AND_GOINGS = (
    """INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, created_at)
       SELECT gen_random_uuid(), id, id, 5, 'in_stock', '2001-01-01Z' FROM inventory.stock WHERE id = :id""",
    "DELETE FROM inventory.stock WHERE id = :id",
)


@dataclass
class Traffic:
    """What writers have done so far, and whether they shall stop."""

    committed: int = 0
    rolled_back: int = 0
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def open_shop(url: URL, writers: Sequence[Sequence[str]]) -> Iterator[Traffic]:
    """Write for the length of the block.

    Args:
        url: the database.
        writers: what each writer writes; it picks at random.

    Raises:
        Exception: what a writer met and no application expects.
    """
    traffic = Traffic()
    engine = create_database_engine(url, "shop")
    with ThreadPoolExecutor(len(writers)) as pool:
        running = [
            pool.submit(_write, engine, [*writes], random.Random(number), traffic)
            for number, writes in enumerate(writers)
        ]
        try:
            yield traffic
        finally:
            traffic.stop.set()
        for writer in running:
            writer.result()


def _write(engine: Engine, writes: Sequence[str], chance: random.Random, traffic: Traffic) -> None:
    with engine.connect() as connection:
        ids = connection.execute(text("SELECT id FROM inventory.stock ORDER BY id")).scalars().all()
        connection.rollback()
        while not traffic.stop.is_set():
            try:
                for _ in range(chance.randint(1, 3)):
                    one = {"id": chance.choice(ids), "n": chance.randrange(900)}
                    _write_one(connection, text(chance.choice(writes)), one, chance.random())
                if chance.random() < 0.1:
                    connection.rollback()
                    traffic.rolled_back += 1
                else:
                    connection.commit()
                    traffic.committed += 1
            except DBAPIError as error:
                connection.rollback()
                if getattr(error.orig, "sqlstate", None) not in EXPECTED_ERRORS:
                    raise


def _write_one(connection: Connection, write: Any, values: dict[str, Any], chance: float) -> None:
    """Plainly, under a savepoint, or under one that is rolled back."""
    if chance < 0.6:
        connection.execute(write, values)
        return
    savepoint = connection.begin_nested()
    connection.execute(write, values)
    if chance < 0.8:
        savepoint.commit()
    else:
        savepoint.rollback()
