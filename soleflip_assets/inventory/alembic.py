"""What Alembic leaves alone in an application that uses this library.

Here: the hooks for ``context.configure`` of the application's ``env.py``. It imports nothing of Alembic,
which is the application's. Not here: migrations; the platform deploys and changes the tables below.
"""

from collections.abc import Mapping

from sqlalchemy import Table
from sqlalchemy.schema import SchemaItem

from soleflip_assets.inventory.models import (
    InventoryItem,
    ReservationKey,
    StockMetricsView,
    StockReservation,
)

_OPERATIONS = "inventory_ops"
_MODELS = {
    model.__table__ for model in (InventoryItem, ReservationKey, StockMetricsView, StockReservation)
}
# Whatever the application's own metadata says of them. The first three and their backups are retired.
_NEVER_COMPARED = {
    "stock_financial", "stock_lifecycle", "stock_metrics",
    "stock_financial_backup", "stock_lifecycle_backup", "stock_metrics_backup",
    "stock_metrics_view",
}  # fmt: skip
# The application's, too. It may have models of its own for them, or none.
_SHARED = {"stock", "stock_reservation"}
_ADDED_TO_STOCK = {
    "listed_on_platforms", "status_history", "reserved_quantity",
    "idx_stock_listed_platforms", "idx_stock_status_history", "idx_stock_reserved",
}  # fmt: skip


def include_name(name: str | None, type_: str, _parent_names: Mapping[str, str | None]) -> bool:
    """Whether Alembic reads what has this name from the database: no for the platform's own schema.

    Without it, SQLAlchemy warns of types there that it does not know.

    Args:
        name: the name; None for the schema that the connection defaults to.
        type_: what has it, for instance ``schema``.
    """
    return type_ != "schema" or name != _OPERATIONS


def include_object(
    item: SchemaItem,
    name: str | None,
    _type: str,
    reflected: bool,
    compare_to: SchemaItem | None,
) -> bool:
    """Whether Alembic's autogenerate compares an object: no for all that the platform keeps.

    The application's own tables are compared as ever, in schema ``inventory``, too. An application that keeps
    a model of its own of ``inventory.stock`` goes on comparing it, but for what Phase 2 adds.

    Args:
        item: the table, column, index or constraint.
        name: its name.
        _type: what it is, for instance ``table``.
        reflected: whether it was found in the database and not in the metadata.
        compare_to: its counterpart on the other side, if there is one.
    """
    only_in_database = reflected and compare_to is None
    if not isinstance(item, Table):
        table = getattr(item, "table", None)
        on_stock = table is not None and (table.schema, table.name) == ("inventory", "stock")
        return not (only_in_database and on_stock and name in _ADDED_TO_STOCK)
    if item.schema == "inventory":
        unmodelled = only_in_database and name in _SHARED
        return not (item in _MODELS or name in _NEVER_COMPARED or unmodelled)
    return item.schema != _OPERATIONS
