"""What can go wrong in the inventory, as exceptions that carry the numbers.

Here: the exceptions. Not here: when they are raised. A constraint that the database enforces and a
connection that breaks stay SQLAlchemy's own exceptions: nothing here hides them.
"""

# An application reads `except InsufficientStock`: a suffix would add nothing.
# ruff: noqa: N818

from collections.abc import Sequence
from uuid import UUID


class InventoryError(Exception):
    """The root of all exceptions of this package."""


class InvalidArgument(InventoryError, ValueError):
    """An argument that no database state could make right; raised before any SQL is sent.

    Attributes:
        argument: its name.
        value: what was given.
    """

    def __init__(self, argument: str, value: object, expected: str) -> None:
        super().__init__(f"{argument} is {_shown(value)}: pass {expected}.")
        self.argument = argument
        self.value = value


class InvalidQuantity(InvalidArgument):
    """A quantity that is not a whole number of at least one unit, or does not fit the column."""


class ReadOnlyModel(InventoryError):
    """An attempt to write to ``inventory.stock_metrics_view``; raised before any SQL is sent."""


class StockNotFound(InventoryError):
    """There is no such row in ``inventory.stock``.

    Attributes:
        stock_id: the id that was asked for.
    """

    def __init__(self, stock_id: UUID) -> None:
        super().__init__(f"There is no stock {stock_id}.")
        self.stock_id = stock_id


class InsufficientStock(InventoryError):
    """Fewer units are available than were asked for; nothing was reserved.

    Attributes:
        stock_id: the item.
        available: units that could have been reserved at that moment.
        requested: units asked for, summed over the lines of the item.
    """

    def __init__(self, stock_id: UUID, *, available: int, requested: int) -> None:
        super().__init__(f"Stock {stock_id} has {available} available, {requested} were requested.")
        self.stock_id = stock_id
        self.available = available
        self.requested = requested


class InsufficientReserved(InventoryError):
    """Fewer units are reserved than were to be released; nothing was released.

    Attributes:
        stock_id: the item.
        reserved: units that could have been released at that moment.
        requested: units to be released.
    """

    def __init__(self, stock_id: UUID, *, reserved: int, requested: int) -> None:
        super().__init__(
            f"Stock {stock_id} has {reserved} reserved, {requested} were to be released."
        )
        self.stock_id = stock_id
        self.reserved = reserved
        self.requested = requested


class ReservationNotFound(InventoryError):
    """There is no such row in ``inventory.stock_reservation``.

    Attributes:
        reservation_id: the id that was asked for.
    """

    def __init__(self, reservation_id: UUID) -> None:
        super().__init__(f"There is no reservation {reservation_id}.")
        self.reservation_id = reservation_id


class ReservationNotActive(InventoryError):
    """The reservation has ended in another way than was asked for, or has not begun.

    Attributes:
        reservation_id: the reservation.
        status: what it is.
    """

    def __init__(self, reservation_id: UUID, status: str) -> None:
        super().__init__(f"Reservation {reservation_id} is {status}, not active.")
        self.reservation_id = reservation_id
        self.status = status


class LedgerMismatch(InventoryError):
    """The item holds less than an active reservation of it says; nothing was changed.

    Something other than this package wrote ``stock.quantity`` or ``stock.reserved_quantity``.

    Attributes:
        stock_id: the item.
        quantity: units the item has.
        reserved: units of them that it holds as reserved.
        held: units that the reservation holds.
    """

    def __init__(self, stock_id: UUID, *, quantity: int, reserved: int, held: int) -> None:
        super().__init__(
            f"Stock {stock_id} has {quantity} units, {reserved} reserved, but an active reservation"
            f" holds {held}: correct the item so that it covers its active reservations."
        )
        self.stock_id = stock_id
        self.quantity = quantity
        self.reserved = reserved
        self.held = held


class IdempotencyConflict(InventoryError):
    """The idempotency key was used before, for another request; nothing was reserved.

    Attributes:
        idempotency_key: the key.
        differing: the names of the arguments that are not what they were the first time.
    """

    def __init__(self, idempotency_key: str, differing: Sequence[str]) -> None:
        super().__init__(
            f"Idempotency key {idempotency_key!r} belongs to a request with other "
            f"{', '.join(differing)}: use a new key for a new request."
        )
        self.idempotency_key = idempotency_key
        self.differing = tuple(differing)


def _shown(value: object, longest: int = 60) -> str:
    """A value for a message: never a whole megabyte of it."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[:longest]}…"
