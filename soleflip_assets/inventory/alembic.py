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

_MODELS = {
    model.__table__ for model in (InventoryItem, ReservationKey, StockMetricsView, StockReservation)
}
_RETIRED = {
    f"{table}{suffix}"
    for table in ("stock_financial", "stock_lifecycle", "stock_metrics")
    for suffix in ("", "_backup")
}
# Of a table that the application has a model of its own for.
_ADDED = {
    "column": {"listed_on_platforms", "status_history", "reserved_quantity"},
    "index": {"idx_stock_reserved", "idx_stock_listed_platforms", "idx_stock_status_history"},
}
_OPERATIONS = "inventory_ops"


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
    type_: str,
    reflected: bool,
    compare_to: SchemaItem | None,
) -> bool:
    """Whether Alembic's autogenerate compares an object: no for all that the platform keeps.

    The application's own tables are compared as ever, in schema ``inventory``, too. An application that keeps
    a model of its own of ``inventory.stock`` goes on comparing it, but for what Phase 2 adds.

    Args:
        item: the table, column, index or constraint.
        name: its name.
        type_: what it is, for instance ``table``.
        reflected: whether it was found in the database and not in the metadata.
        compare_to: its counterpart on the other side, if there is one.
    """
    only_in_database = reflected and compare_to is None
    if isinstance(item, Table):
        if item.schema == _OPERATIONS or item in _MODELS:
            return False
        if item.schema != "inventory":
            return True
        return item.name not in _RETIRED and not (only_in_database and _is_modelled(item))
    table = getattr(item, "table", None)
    added = only_in_database and name in _ADDED.get(type_, set())
    return not (added and table is not None and table.fullname == "inventory.stock")


def _is_modelled(table: Table) -> bool:
    return any(table.fullname == model.fullname for model in _MODELS if isinstance(model, Table))
