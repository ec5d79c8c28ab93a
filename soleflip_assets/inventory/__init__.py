"""SoleFlip's inventory as the application imports it: models, queries, reservations.

Here: what works after ``pip install soleflip-assets``, without an extra. It imports the standard library,
SQLAlchemy and itself. Not here: anything of the platform (Dagster, the command line).
"""

from soleflip_assets.inventory.errors import (
    IdempotencyConflict,
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

__all__ = [
    "Base",
    "DetailedStatus",
    "IdempotencyConflict",
    "InsufficientStock",
    "InvalidArgument",
    "InvalidQuantity",
    "InventoryError",
    "InventoryItem",
    "InventoryRepository",
    "InventoryService",
    "InventorySummary",
    "LedgerMismatch",
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
]
