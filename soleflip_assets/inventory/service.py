"""What the application does with the inventory, and what keeps it from overselling.

Here: the checks of the arguments, the meaning of the repository's answers, the errors. Not here: SQL.

The rules behind every reservation:

- Admission is one conditional UPDATE on the item's row: never read first and written after, never
  decided by ``stock_metrics_view``, which is as old as the last refresh.
- The ledger row in ``stock_reservation`` is written in the same statement, so the item's
  ``reserved_quantity`` is at any moment the sum of its active reservations.
- Items are locked in order of their ids. A caller that reserves or ends several reservations in one
  transaction by separate calls sets its own order, and may meet PostgreSQL's deadlock detection;
  ``reserve_many`` does not.
- All of it is right under READ COMMITTED, PostgreSQL's default. A stricter level sells no more units,
  but a transaction that met another one fails with SQLSTATE 40001, to be run again by the caller.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from soleflip_assets.inventory.arguments import (
    INT4_MAX,
    LONGEST_KEY,
    LONGEST_PLATFORM,
    LONGEST_REASON,
    LONGEST_RESERVED_BY,
    LONGEST_STATUS,
    checked_count,
    checked_id,
    checked_optional_moment,
    checked_optional_text,
    checked_quantity,
    checked_text,
)
from soleflip_assets.inventory.errors import (
    IdempotencyConflict,
    InsufficientReserved,
    InsufficientStock,
    InvalidArgument,
    LedgerMismatch,
    ReservationNotActive,
    ReservationNotFound,
    StockNotFound,
)
from soleflip_assets.inventory.models import (
    InventoryItem,
    ReservationStatus,
    StockMetricsView,
    StockReservation,
)
from soleflip_assets.inventory.repository import (
    Hold,
    InventoryRepository,
    LowStockPage,
    LowStockPosition,
    StatusTotals,
    StockDetails,
)


@dataclass(frozen=True)
class InventorySummary:
    """What the whole inventory comes to, at one moment.

    Attributes:
        total: all items.
        by_status: the same for each status.
    """

    total: StatusTotals
    by_status: dict[str, StatusTotals]


@dataclass(frozen=True)
class _Request:
    """A reservation of one or more lines, checked.

    Attributes:
        lines: item and units, as the caller gave them.
        idempotency_key: names the request across retries.
    """

    lines: list[tuple[UUID, int]]
    reserved_by: str
    reason: str | None
    expires_at: datetime | None
    idempotency_key: str | None

    @property
    def units(self) -> dict[UUID, int]:
        """Units of each item, in the order in which items are locked."""
        units = dict.fromkeys(sorted(stock_id for stock_id, _ in self.lines), 0)
        for stock_id, quantity in self.lines:
            units[stock_id] = checked_quantity(units[stock_id] + quantity)
        return units

    @property
    def arguments(self) -> dict[str, Any]:
        """What makes it the same request, as JSON."""
        return {
            "lines": [[str(stock_id), quantity] for stock_id, quantity in self.lines],
            "reserved_by": self.reserved_by,
            "reason": self.reason,
            "expires_at": self.expires_at and self.expires_at.isoformat(),
        }


class _NotAdmittedError(Exception):
    """An item of the request was not admitted: take back what was done for the others."""


class InventoryService:
    """The inventory, in the transaction of a session.

    Nothing here commits or rolls back that transaction: what was done counts once the caller commits,
    and holds the locks of the rows it changed until then, so commit soon. After an error of this
    package the transaction goes on as if the call had not been made.

    Args:
        session: on PostgreSQL with psycopg or asyncpg. What is returned can be read until the commit;
            with ``expire_on_commit=False`` afterwards, too.

    Raises:
        InvalidArgument: ``session`` is no asynchronous session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._repository = InventoryRepository(session)

    async def details(self, stock_id: UUID) -> StockDetails:
        """An item, what is available of it, and its metrics with their age; one round trip.

        Raises:
            InvalidArgument: ``stock_id`` is not a ``uuid.UUID``.
            StockNotFound: there is no such item.
        """
        details = await self._repository.details(checked_id("stock_id", stock_id))
        if details is None:
            raise StockNotFound(stock_id)
        return details

    async def metrics(self, stock_id: UUID) -> StockMetricsView | None:
        """An item's metrics as of the last refresh; None for an item that is younger than it.

        Raises:
            InvalidArgument: ``stock_id`` is not a ``uuid.UUID``.
            StockNotFound: there is no such item.
        """
        metrics = await self._repository.metrics(checked_id("stock_id", stock_id))
        if metrics is None and not await self._repository.items([stock_id]):
            raise StockNotFound(stock_id)
        return metrics

    async def summary(self) -> InventorySummary:
        """Items, units, value and expected profit, in total and by status.

        As of now, by the view's own formulas: right after a refresh the view adds up to the same.
        """
        total, by_status = await self._repository.totals()
        return InventorySummary(total, by_status)

    async def low_stock(
        self, threshold: int = 5, *, limit: int = 100, after: LowStockPosition | None = None
    ) -> LowStockPage:
        """A page of the items with status ``in_stock`` of which few units are available.

        Args:
            threshold: available units, this number included.
            limit: items on the page.
            after: ``next`` of the page before; None for the first.

        Raises:
            InvalidArgument: one of them is out of range.
        """
        return await self._repository.low_stock(
            checked_count("threshold", threshold, least=0),
            checked_count("limit", limit, least=1),
            after if after is None else _checked_position(after),
        )

    async def listed_on(self, platform: str) -> list[InventoryItem]:
        """The items with an active listing on a platform, in order of their ids.

        Args:
            platform: for instance ``stockx``, in any case.

        Raises:
            InvalidArgument: it cannot be a platform's name.
        """
        name = checked_text("platform", platform, LONGEST_PLATFORM).lower()
        return await self._repository.listed_on(name)

    async def reserve(
        self,
        stock_id: UUID,
        quantity: int,
        *,
        reserved_by: str,
        reason: str | None = None,
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> StockReservation:
        """Reserve units of one item.

        Args:
            stock_id: the item.
            quantity: units.
            reserved_by: who or what for, at most 100 characters.
            reason: free text.
            expires_at: when ``expire_due`` may give the units back; None for never.
            idempotency_key: names this request, at most 200 characters; a retry with it returns the
                reservation that the first, committed attempt made, whatever has become of it since.
                A request that was refused leaves no key behind.

        Returns:
            The active reservation.

        Raises:
            InvalidArgument: an argument that could never be right (``InvalidQuantity`` for quantity).
            StockNotFound: there is no such item.
            InsufficientStock: fewer units are available.
            IdempotencyConflict: the key was used with other arguments.
        """
        [reservation] = await self.reserve_many(
            [(stock_id, quantity)],
            reserved_by=reserved_by,
            reason=reason,
            expires_at=expires_at,
            idempotency_key=idempotency_key,
        )
        return reservation

    async def reserve_many(
        self,
        lines: Sequence[tuple[UUID, int]],
        *,
        reserved_by: str,
        reason: str | None = None,
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> list[StockReservation]:
        """Reserve units of several items, all or nothing.

        Args:
            lines: item and units; several lines of one item are admitted on their sum.
            reserved_by: as of ``reserve``.
            reason: as of ``reserve``.
            expires_at: as of ``reserve``.
            idempotency_key: as of ``reserve``; it names the whole request.

        Returns:
            One active reservation for each line, in the order of the lines.

        Raises:
            InvalidArgument: as of ``reserve``, or there is no line.
            StockNotFound: as of ``reserve``.
            InsufficientStock: as of ``reserve``, for the first item, in order of ids, that lacks units.
            IdempotencyConflict: as of ``reserve``.
        """
        request = _Request(
            _checked_lines(lines),
            checked_text("reserved_by", reserved_by, LONGEST_RESERVED_BY),
            checked_optional_text("reason", reason, LONGEST_REASON),
            checked_optional_moment("expires_at", expires_at),
            checked_optional_text("idempotency_key", idempotency_key, LONGEST_KEY),
        )
        units = request.units
        while True:
            try:
                async with self._all_or_nothing(request):
                    return await self._admit(request)
            except _NotAdmittedError:
                items = await self._repository.items(units)
            for stock_id, requested in units.items():
                if stock_id not in items:
                    raise StockNotFound(stock_id)
                available = items[stock_id].available_quantity
                if available < requested:
                    raise InsufficientStock(stock_id, available=available, requested=requested)
            # Units came back between the two statements: there is enough now, so try again.

    async def release(self, reservation_id: UUID, reason: str | None = None) -> StockReservation:
        """Give a reservation's units back. Again, or after it expired: nothing more happens.

        Args:
            reservation_id: the reservation.
            reason: added to the reservation's own.

        Raises:
            InvalidArgument: one of them could never be right.
            ReservationNotFound: there is no such reservation.
            ReservationNotActive: it is fulfilled, or was never active.
            LedgerMismatch: the item holds fewer reserved units than the reservation.
        """
        checked_id("reservation_id", reservation_id)
        reason = checked_optional_text("reason", reason, LONGEST_REASON)
        released = await self._repository.release(reservation_id, reason)
        if released is not None:
            return released
        return await self._ended(
            reservation_id, (ReservationStatus.RELEASED, ReservationStatus.EXPIRED)
        )

    async def release_units(
        self,
        stock_id: UUID,
        quantity: int,
        *,
        reserved_by: str | None = None,
        reason: str | None = None,
    ) -> InventoryItem:
        """Give some units of an item back, by whichever reservations hold them. Again: gives back more.

        First those that no reservation holds, which a version of the application without reservations
        has counted; then those of the newest reservation. Of a reservation that is given back in part, a
        released reservation of its own records the part. Who knows the reservation calls ``release``.

        Args:
            stock_id: the item.
            quantity: units.
            reserved_by: only what was reserved by them; None for whatever is reserved.
            reason: added to the reservations' own.

        Returns:
            The item.

        Raises:
            InvalidArgument: one of them could never be right.
            StockNotFound: there is no such item.
            InsufficientReserved: fewer units are reserved, or another transaction is ending the
                reservations that hold them.
        """
        checked_id("stock_id", stock_id)
        checked_quantity(quantity)
        reserved_by = checked_optional_text("reserved_by", reserved_by, LONGEST_RESERVED_BY)
        reason = checked_optional_text("reason", reason, LONGEST_REASON)

        item = await self._repository.locked(stock_id)
        if item is None:
            raise StockNotFound(stock_id)
        reserved = item.reserved_quantity or 0
        held = await self._repository.held(stock_id)
        reservations = await self._repository.releasable(stock_id, reserved_by)
        loose = 0 if reserved_by else max(reserved - held, 0)
        units_held = sum(reservation.reserved_quantity for reservation in reservations)
        releasable = min(loose + units_held, reserved)
        if quantity > releasable:
            raise InsufficientReserved(stock_id, reserved=releasable, requested=quantity)

        item.reserved_quantity = reserved - quantity
        left = max(quantity - loose, 0)
        for reservation in reservations:
            units = min(reservation.reserved_quantity, left)
            if units:
                self._session.add(_given_back(reservation, units, reason))
            left -= units
        await self._session.flush()
        return item

    async def fulfil(self, reservation_id: UUID) -> StockReservation:
        """Take a reservation's units out of stock, sold: quantity and reserved fall together.

        Again: nothing more happens. A reservation past its time still holds its units, and can be
        fulfilled, until ``expire_due`` has ended it.

        Raises:
            InvalidArgument: ``reservation_id`` is not a ``uuid.UUID``.
            ReservationNotFound: there is no such reservation.
            ReservationNotActive: it is released or expired, or was never active.
            LedgerMismatch: the item holds fewer units than the reservation.
        """
        fulfilled = await self._repository.fulfil(checked_id("reservation_id", reservation_id))
        if fulfilled is not None:
            return fulfilled
        return await self._ended(reservation_id, (ReservationStatus.FULFILLED,))

    async def expire_due(
        self, now: datetime | None = None, limit: int = 1000
    ) -> list[StockReservation]:
        """Give back the units of active reservations past their ``reserved_until``.

        Passed over: a reservation that another transaction is working on, and one whose item holds
        fewer units than its due reservations (what ``release`` calls ``LedgerMismatch``).

        Args:
            now: what counts as now; the database's clock if left out.
            limit: at most so many, longest overdue first: commit, then call again until none is left.

        Returns:
            The reservations that have now expired.

        Raises:
            InvalidArgument: ``now`` has no time zone, or ``limit`` is not a positive int.
        """
        return await self._repository.expire(
            checked_optional_moment("now", now), checked_count("limit", limit, least=1)
        )

    async def change_status(
        self, stock_id: UUID, new_status: str, reason: str | None = None
    ) -> InventoryItem:
        """Set an item's status and append the change to its history, in one statement.

        An item that has the status already is returned as it is, without another entry.

        Raises:
            InvalidArgument: one of them could never be right.
            StockNotFound: there is no such item.
        """
        checked_id("stock_id", stock_id)
        change = {
            "to_status": checked_text("new_status", new_status, LONGEST_STATUS),
            "changed_at": datetime.now(UTC).isoformat(),
            "reason": checked_optional_text("reason", reason, LONGEST_REASON),
        }
        changed = await self._repository.change_status(stock_id, new_status, change)
        if changed is not None:
            return changed
        items = await self._repository.items([stock_id])
        if not items:
            raise StockNotFound(stock_id)
        return items[stock_id]

    def _all_or_nothing(self, request: _Request) -> AbstractAsyncContextManager[Any]:
        """A savepoint, unless the request is a single statement, which needs none."""
        if request.idempotency_key is None and len(request.units) == 1:
            return nullcontext()
        return self._session.begin_nested()

    async def _admit(self, request: _Request) -> list[StockReservation]:
        """Make the request's reservations, or find those its first attempt made.

        Raises:
            _NotAdmittedError: an item is missing or has fewer units available.
            IdempotencyConflict: the key was used with other arguments.
        """
        holds = [(stock_id, Hold(uuid4(), quantity)) for stock_id, quantity in request.lines]
        key, ids = request.idempotency_key, [hold.id for _, hold in holds]
        if key is not None and not await self._repository.claim(key, request.arguments, ids):
            return await self._admitted_before(key, request)

        reservations = {}
        for stock_id in request.units:
            held = await self._repository.hold(
                stock_id,
                [hold for item, hold in holds if item == stock_id],
                reserved_by=request.reserved_by,
                reason=request.reason,
                reserved_until=request.expires_at,
            )
            if not held:
                raise _NotAdmittedError
            reservations.update({reservation.id: reservation for reservation in held})
        return [reservations[reservation_id] for reservation_id in ids]

    async def _admitted_before(self, key: str, request: _Request) -> list[StockReservation]:
        known = await self._repository.key(key)
        arguments = request.arguments
        differing = [name for name in arguments if known.request[name] != arguments[name]]
        if differing:
            raise IdempotencyConflict(key, differing)
        found = await self._repository.reservations(known.reservation_ids)
        for (stock_id, _), reservation_id in zip(request.lines, known.reservation_ids, strict=True):
            if reservation_id not in found:  # deleted together with its item
                raise StockNotFound(stock_id)
        return [found[reservation_id] for reservation_id in known.reservation_ids]

    async def _ended(
        self, reservation_id: UUID, accepted: tuple[ReservationStatus, ...]
    ) -> StockReservation:
        """What a reservation that could not be ended is: ended so before, or an error."""
        found = await self._repository.reservations([reservation_id])
        if not found:
            raise ReservationNotFound(reservation_id)
        reservation = found[reservation_id]
        if reservation.status in accepted:
            return reservation
        if reservation.status != ReservationStatus.ACTIVE:
            raise ReservationNotActive(reservation_id, reservation.status)
        item = (await self._repository.items([reservation.stock_id]))[reservation.stock_id]
        raise LedgerMismatch(
            item.id,
            quantity=item.quantity,
            reserved=item.reserved_quantity or 0,
            held=reservation.reserved_quantity,
        )


def _given_back(reservation: StockReservation, units: int, reason: str | None) -> StockReservation:
    """Release units of an active reservation: all of them, or a part as a reservation of its own."""
    released = reservation
    if units < reservation.reserved_quantity:
        reservation.reserved_quantity -= units
        released = StockReservation(
            stock_id=reservation.stock_id,
            reserved_quantity=units,
            reserved_until=reservation.reserved_until,
            reserved_by=reservation.reserved_by,
        )
    reasons = filter(None, (reservation.reservation_reason, reason))
    released.reservation_reason = "; ".join(reasons) or None
    released.status = ReservationStatus.RELEASED
    return released


def _checked_position(after: object) -> LowStockPosition:
    if not isinstance(after, LowStockPosition):
        raise InvalidArgument("after", after, "the next of the page before")
    return LowStockPosition(
        checked_count("after.available", after.available, least=-INT4_MAX),
        checked_id("after.stock_id", after.stock_id),
    )


def _checked_lines(lines: Sequence[tuple[UUID, int]]) -> list[tuple[UUID, int]]:
    try:
        pairs = [(stock_id, quantity) for stock_id, quantity in lines]
    except (TypeError, ValueError):  # nothing to go through, or something other than pairs in it
        pairs = []
    if not pairs:
        raise InvalidArgument("lines", lines, "at least one (stock_id, quantity)")
    return [
        (checked_id("stock_id", stock_id), checked_quantity(quantity))
        for stock_id, quantity in pairs
    ]
