"""Reading the view, what its query gives in the same snapshot, what is wrong with it; writing stock."""

from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, text

from soleflip_assets.checks.validations import validations_of
from soleflip_assets.ground.assets import key_of
from soleflip_assets.ground.tables import LEGACY_TABLES, STOCK_METRICS_VIEW
from soleflip_assets.monitoring.jobs import MONITORS

# The query of sql/phase2/81_stock_metrics_view.sql, spelled once more: the tests take nobody's word for it.
QUERY = """
    SELECT s.id AS stock_id, s.quantity AS total_quantity,
      s.quantity - COALESCE(s.reserved_quantity, 0) AS available_quantity, s.reserved_quantity,
      s.gross_purchase_price AS total_cost,
      CASE WHEN s.roi_percentage IS NOT NULL AND s.roi_percentage > 0
        THEN s.gross_purchase_price * (s.roi_percentage / 100) END AS expected_profit,
      s.created_at, s.updated_at
    FROM inventory.stock AS s
"""
VIEW = """
    SELECT stock_id, total_quantity, available_quantity, reserved_quantity, total_cost, expected_profit,
      created_at, updated_at
    FROM inventory.stock_metrics_view
"""
# As text, so that 1.10 is not 1.1; with ALL, so that a row is not two.
DIFFERENCES = f"""
    WITH expected AS (SELECT q::text FROM ({QUERY}) AS q), kept AS (SELECT v::text FROM ({VIEW}) AS v)
    (SELECT 'missing', e.* FROM (TABLE expected EXCEPT ALL TABLE kept) AS e)
    UNION ALL
    (SELECT 'phantom', k.* FROM (TABLE kept EXCEPT ALL TABLE expected) AS k)
"""

# Past all triggers of ours.
BYPASS = "SET session_replication_role = replica"

# One unit more for a stock row whose notes become "again", by a statement within the statement.
COUNT_AGAIN = """
    CREATE FUNCTION count_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      UPDATE inventory.stock SET quantity = quantity + 1, notes = 'counted' WHERE id = NEW.id;
      RETURN NULL;
    END $$;
    CREATE TRIGGER count_again AFTER UPDATE ON inventory.stock
    FOR EACH ROW WHEN (NEW.notes = 'again') EXECUTE FUNCTION count_again();
"""


def differences(connection: Connection) -> list[tuple[Any, ...]]:
    """Rows of the query that the view lacks, and of the view that the query lacks, in one snapshot."""
    return [tuple(row) for row in connection.execute(text(DIFFERENCES))]


def refresh(connection: Connection) -> None:
    """As everybody does."""
    connection.execute(text("SELECT inventory.refresh_stock_metrics()"))


def queued(connection: Connection) -> list[UUID | None]:
    """The stock rows whose changes wait to be drained; None is a truncation."""
    statement = text("SELECT stock_id FROM inventory_ops.stock_change ORDER BY queued_at")
    return list(connection.execute(statement).scalars())


def shown(connection: Connection, stock_id: UUID) -> int | None:
    """The units there are of a stock row, by the view."""
    statement = text("SELECT total_quantity FROM inventory.stock_metrics_view WHERE stock_id = :id")
    return cast("int | None", connection.scalar(statement, {"id": stock_id}))


def an_item(connection: Connection) -> UUID:
    """Some stock row."""
    found = connection.scalar(text("SELECT id FROM inventory.stock ORDER BY id LIMIT 1"))
    assert isinstance(found, UUID)
    return found


def set_quantity(connection: Connection, stock_id: UUID, quantity: int) -> None:
    """Write a number of units, as the application does, with updated_at."""
    connection.execute(
        text("UPDATE inventory.stock SET quantity = :quantity, updated_at = now() WHERE id = :id"),
        {"id": stock_id, "quantity": quantity},
    )


def allow_truncation(connection: Connection) -> None:
    """As it is once the legacy tables, which TRUNCATE reaches by CASCADE, are retired."""
    for table in LEGACY_TABLES:
        connection.execute(
            text(f"DROP TRIGGER soleflip_refuse_truncation ON inventory.{table.name}")
        )


def failing_of_view(connection: Connection) -> set[str]:
    """The validations of the view that fail."""
    return {
        v.name for v in validations_of(key_of(STOCK_METRICS_VIEW)) if not v.ask(connection).passed
    }


def columns(connection: Connection) -> list[tuple[str, str]]:
    """Names and types of the view's columns, in their order."""
    statement = text("""
        SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = 'inventory.stock_metrics_view'::regclass AND attnum > 0 ORDER BY attnum
    """)
    return [(row[0], row[1]) for row in connection.execute(statement)]


def whole(connection: Connection) -> bool:
    """Whether all of the mode is there and nothing of another one."""
    (monitor,) = (m for m in MONITORS if m.name == "mode_is_whole")
    return monitor.look(connection).passed
