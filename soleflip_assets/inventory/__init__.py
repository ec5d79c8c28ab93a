"""SoleFlip's inventory as the application imports it: models, queries, reservations.

Here: what works after ``pip install soleflip-assets``, without an extra. It imports the standard library,
SQLAlchemy and itself. Not here: anything of the platform (Dagster, the command line).
"""

from soleflip_assets.inventory.errors import (
    IdempotencyConflict,
    InsufficientReserved,
    InsufficientStock,
    InvalidArgument,
    InvalidQuantity,
    InventoryError,
    LedgerMismatch,
    ReadOnlyModel,
    ReservationNotActive,
    ReservationNotFound,
    StockNotFound,
)
from soleflip_assets.inventory.listings import Listing
from soleflip_assets.inventory.models import (
    Base,
    DetailedStatus,
    InventoryItem,
    ReservationStatus,
    StockMetricsView,
    StockReservation,
)
from soleflip_assets.inventory.repository import (
    InventoryRepository,
    LowStockPage,
    LowStockPosition,
    StatusTotals,
    StockDetails,
)
from soleflip_assets.inventory.service import InventoryService, InventorySummary
from soleflip_assets.inventory.transactions import in_transaction, sqlstate

__all__ = [
    "Base",
    "DetailedStatus",
    "IdempotencyConflict",
    "InsufficientReserved",
    "InsufficientStock",
    "InvalidArgument",
    "InvalidQuantity",
    "InventoryError",
    "InventoryItem",
    "InventoryRepository",
    "InventoryService",
    "InventorySummary",
    "LedgerMismatch",
    "Listing",
    "LowStockPage",
    "LowStockPosition",
    "ReadOnlyModel",
    "ReservationNotActive",
    "ReservationNotFound",
    "ReservationStatus",
    "StatusTotals",
    "StockDetails",
    "StockMetricsView",
    "StockNotFound",
    "StockReservation",
    "in_transaction",
    "sqlstate",
]
