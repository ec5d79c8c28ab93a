"""The statements on the inventory, one method each.

Here: what is asked of the database and in what form it comes back. A query reads one table; ``details``
puts the item's line of the view beside it. Not here: what an answer means and which error it is, which
is service.py's.

Every statement first flushes the session and then replaces what the session remembers of the rows it
returns: nothing pending is lost, and an object is never older than the last statement that met it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Executable, Result, func, literal, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.ext.asyncio import AsyncSession

from soleflip_assets.inventory.arguments import checked_session
from soleflip_assets.inventory.listings import ACTIVE
from soleflip_assets.inventory.models import (
    InventoryItem,
    ReservationKey,
    StockMetricsView,
    StockReservation,
    appended,
)
from soleflip_assets.inventory.statements import EXPIRE, FULFIL, HOLD, RELEASE, TOTALS


@dataclass(frozen=True)
class StockDetails:
    """An item and its line of the metrics view.

    Attributes:
        item: as it is now.
        metrics: as of the last refresh; None for an item that is younger than it.
        metrics_age: the time since that refresh.
    """

    item: InventoryItem
    metrics: StockMetricsView | None
    metrics_age: timedelta | None

    @property
    def available_quantity(self) -> int:
        """Units that are not reserved, as of now and not of the last refresh."""
        return self.item.available_quantity


class LowStockPosition(NamedTuple):
    """Where a page of ``low_stock`` ended."""

    available: int
    stock_id: UUID


@dataclass(frozen=True)
class LowStockPage:
    """A page of ``low_stock``.

    Attributes:
        items: fewest available units first.
        next: what to pass as ``after`` for the following page; None if this is the last one.
    """

    items: list[InventoryItem]
    next: LowStockPosition | None


@dataclass(frozen=True)
class StatusTotals:
    """What all items of one status come to.

    Attributes:
        items: rows.
        units: all units, the reserved ones included.
        available: units that are not reserved.
        reserved: units held by reservations.
        value: the view's ``total_cost``, which is the gross price of one unit, times units: EUR with
            VAT, in whole cents. An item without a price counts as 0.
        expected_profit: the view's ``expected_profit``, which is of one unit, times units: EUR, in whole
            cents.
    """

    items: int = 0
    units: int = 0
    available: int = 0
    reserved: int = 0
    value: Decimal = Decimal("0.00")
    expected_profit: Decimal = Decimal("0.00")


class Hold(NamedTuple):
    """A reservation to be made.

    Attributes:
        id: the id it gets.
        quantity: units.
    """

    id: UUID
    quantity: int


class InventoryRepository:
    """The statements on the inventory, in the transaction of a session.

    Args:
        session: the caller's; its transaction is neither committed nor rolled back here.

    Raises:
        InvalidArgument: ``session`` is no asynchronous session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = checked_session(session)

    async def details(self, stock_id: UUID) -> StockDetails | None:
        """An item beside its metrics; None if there is no such item."""
        statement = (
            select(
                InventoryItem,
                StockMetricsView,
                func.clock_timestamp() - StockMetricsView.last_calculated_at,
            )
            .outerjoin(StockMetricsView, StockMetricsView.stock_id == InventoryItem.id)
            .where(InventoryItem.id == stock_id)
        )
        row: Any = (await self._execute(statement)).one_or_none()
        return None if row is None else StockDetails(*row)

    async def items(self, stock_ids: Iterable[UUID]) -> dict[UUID, InventoryItem]:
        """Those of the items that exist, by id."""
        statement = select(InventoryItem).where(InventoryItem.id.in_(stock_ids))
        return {item.id: item for item in (await self._execute(statement)).scalars()}

    async def metrics(self, stock_id: UUID) -> StockMetricsView | None:
        """An item's row of the view; None if the last refresh did not see the item."""
        statement = select(StockMetricsView).where(StockMetricsView.stock_id == stock_id)
        return (await self._execute(statement)).scalar_one_or_none()

    async def totals(self) -> tuple[StatusTotals, dict[str, StatusTotals]]:
        """What all items come to, and those of each status, in order of the statuses' names."""
        by_status = {row[0]: StatusTotals(*row[1:]) for row in await self._execute(TOTALS)}
        return by_status.pop(None), {name: by_status[name] for name in sorted(by_status)}

    async def low_stock(
        self, threshold: int, limit: int, after: LowStockPosition | None
    ) -> LowStockPage:
        """Items with status ``in_stock`` and few available units; ties in order of their ids."""
        position = tuple_(InventoryItem.available_quantity, InventoryItem.id)
        statement = (
            select(InventoryItem)
            .where(
                InventoryItem.status == "in_stock",
                InventoryItem.available_quantity <= threshold,
                true() if after is None else position > after,
            )
            .order_by(InventoryItem.available_quantity, InventoryItem.id)
            .limit(limit + 1)  # one more tells whether there is a next page
        )
        items = list((await self._execute(statement)).scalars())
        page, last = items[:limit], items[:limit][-1:]
        more = len(items) > limit
        return LowStockPage(
            page, LowStockPosition(last[0].available_quantity, last[0].id) if more else None
        )

    async def listed_on(self, platform: str) -> list[InventoryItem]:
        """Items with an active listing on a platform, by idx_stock_listed_platforms (GIN)."""
        name = json.dumps(platform)  # a string of JSON is one of jsonpath, too
        active = f'$[*] ? (@.platform == {name} && (!exists(@.status) || @.status == "{ACTIVE}"))'
        statement = (
            select(InventoryItem)
            .where(InventoryItem.listed_on_platforms.path_exists(active))
            .order_by(InventoryItem.id)
        )
        return list((await self._execute(statement)).scalars())

    async def reservations(self, reservation_ids: Iterable[UUID]) -> dict[UUID, StockReservation]:
        """Those of the reservations that exist, by id."""
        statement = select(StockReservation).where(StockReservation.id.in_(reservation_ids))
        found = (await self._execute(statement)).scalars()
        return {reservation.id: reservation for reservation in found}

    async def hold(
        self,
        stock_id: UUID,
        holds: Sequence[Hold],
        *,
        reserved_by: str,
        reason: str | None,
        reserved_until: datetime | None,
    ) -> list[StockReservation]:
        """Reserve units of one item, all holds or none.

        Returns:
            The active reservations; none if the item is not there or has fewer units available.
        """
        return await self._write(
            HOLD,
            stock_id=stock_id,
            units=sum(hold.quantity for hold in holds),
            ids=[hold.id for hold in holds],
            quantities=[hold.quantity for hold in holds],
            reserved_by=reserved_by,
            reason=reason,
            reserved_until=reserved_until,
        )

    async def release(self, reservation_id: UUID, reason: str | None) -> StockReservation | None:
        """Give a reservation's units back; None if it is not active or its item holds too few."""
        released = await self._write(RELEASE, reservation_id=reservation_id, reason=reason)
        return next(iter(released), None)

    async def locked(self, stock_id: UUID) -> InventoryItem | None:
        """An item, of which nobody reserves or releases until this transaction ends."""
        statement = select(InventoryItem).where(InventoryItem.id == stock_id).with_for_update()
        return (await self._execute(statement)).scalar_one_or_none()

    async def held(self, stock_id: UUID) -> int:
        """Units of an item that its active reservations hold."""
        statement = select(func.coalesce(func.sum(StockReservation.reserved_quantity), 0)).where(
            StockReservation.stock_id == stock_id, StockReservation.status == "active"
        )
        held: int = (await self._execute(statement)).scalar_one()
        return held

    async def releasable(self, stock_id: UUID, reserved_by: str | None) -> list[StockReservation]:
        """Active reservations of an item, newest first, but for those that somebody is ending.

        Who ends a reservation locks it, then its item. Waiting for them while the item is locked would
        be a circle.
        """
        statement = (
            select(StockReservation)
            .where(
                StockReservation.stock_id == stock_id,
                StockReservation.status == "active",
                true() if reserved_by is None else StockReservation.reserved_by == reserved_by,
            )
            .order_by(StockReservation.created_at.desc(), StockReservation.id)
            .with_for_update(skip_locked=True)
        )
        return list((await self._execute(statement)).scalars())

    async def fulfil(self, reservation_id: UUID) -> StockReservation | None:
        """Take a reservation's units out of stock; None as ``release``."""
        fulfilled = await self._write(FULFIL, reservation_id=reservation_id, reason=None)
        return next(iter(fulfilled), None)

    async def expire(self, now: datetime | None, limit: int) -> list[StockReservation]:
        """Give the units of overdue reservations back, longest overdue first.

        Args:
            now: what counts as now; None for the database's clock.
            limit: at most so many.
        """
        return await self._write(EXPIRE, now=now, limit=limit, reason=None)

    async def change_status(
        self, stock_id: UUID, new_status: str, change: dict[str, Any]
    ) -> InventoryItem | None:
        """Set a status that the item does not have yet, and append to its history.

        Args:
            stock_id: the item.
            new_status: the status.
            change: the entry without its ``from_status``, which the database fills in.

        Returns:
            The item; None if it is not there or has the status already.
        """
        origin = func.jsonb_build_object("from_status", InventoryItem.status)
        entry = func.jsonb_build_array(
            origin.concat(literal(change, InventoryItem.status_history.type))
        )
        statement = (
            update(InventoryItem)
            .where(InventoryItem.id == stock_id, InventoryItem.status != new_status)
            .values(
                status=new_status,
                status_history=appended(InventoryItem.status_history, entry),
            )
            .returning(InventoryItem)
            .execution_options(synchronize_session=False)
        )
        return (await self._execute(statement)).scalar_one_or_none()

    async def claim(self, key: str, request: dict[str, Any], reservation_ids: list[UUID]) -> bool:
        """Bind an idempotency key to a request, unless it is bound already.

        Waits for a transaction that is binding the same key, until that one has ended.
        """
        statement = (
            postgresql_insert(ReservationKey)
            .values(idempotency_key=key, request=request, reservation_ids=reservation_ids)
            .on_conflict_do_nothing()
            .returning(ReservationKey.idempotency_key)
        )
        return (await self._execute(statement)).one_or_none() is not None

    async def key(self, key: str) -> ReservationKey:
        """What an idempotency key is bound to.

        Raises:
            sqlalchemy.exc.NoResultFound: it is not.
        """
        statement = select(ReservationKey).where(ReservationKey.idempotency_key == key)
        known: ReservationKey = (await self._execute(statement)).scalar_one()
        return known

    async def _write(self, statement: Executable, **parameters: Any) -> list[StockReservation]:
        """Execute a statement of statements.py."""
        return list((await self._execute(statement, parameters)).scalars())

    async def _execute(
        self, statement: Executable, parameters: dict[str, Any] | None = None
    ) -> Result[Any]:
        await self._session.flush()
        return await self._session.execute(
            statement, parameters, execution_options={"populate_existing": True}
        )
