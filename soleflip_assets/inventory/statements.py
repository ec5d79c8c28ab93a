"""The statements that reserve and that end reservations, each of which writes item and ledger at once.

Here: SQL as SQLAlchemy Core, built once at import: building one takes longer than running it. What writes
is selected from its writing parts as ``reservation`` and ``item``. Also the totals. Not here: who executes
them (repository.py), and the other reads, which are so small that they are built where they are used.
"""

from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    CTE,
    BindParameter,
    ColumnElement,
    Executable,
    Integer,
    Select,
    Table,
    Uuid,
    bindparam,
    case,
    column,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.orm import aliased

from soleflip_assets.inventory.models import InventoryItem, ReservationStatus, StockReservation

_stock = cast("Table", InventoryItem.__table__)
_reservation = cast("Table", StockReservation.__table__)
_reserved = func.coalesce(_stock.c.reserved_quantity, 0)
_available = _stock.c.quantity - _reserved


def _hold() -> Executable:
    """Reserve units of one item: one conditional UPDATE, and its ledger rows in the same statement.

    So the item's row is locked for no longer than it takes, and what is not admitted leaves nothing.
    PostgreSQL evaluates the condition again on a row that another transaction has changed meanwhile.
    """
    units = bindparam("units", type_=Integer)
    admitted = (
        update(_stock)
        .where(_stock.c.id == bindparam("stock_id"), _available >= units)
        .values(reserved_quantity=_reserved + units)
        .returning(*_stock.c)
        .cte("admitted")
    )
    # Arrays, not VALUES: SQLAlchemy then compiles the statement once for any number of lines.
    lines = func.unnest(
        bindparam("ids", type_=ARRAY(Uuid)), bindparam("quantities", type_=ARRAY(Integer))
    ).table_valued(column("id", Uuid), column("quantity", Integer))
    lines = lines.render_derived(name="lines")
    ledger: dict[str, ColumnElement[Any]] = {
        "id": lines.c.id,
        "stock_id": admitted.c.id,
        "reserved_quantity": lines.c.quantity,
        "reserved_until": _like("reserved_until", _reservation.c.reserved_until),
        "reservation_reason": _like("reason", _reservation.c.reservation_reason),
        "status": literal(ReservationStatus.ACTIVE.value),
        "reserved_by": _like("reserved_by", _reservation.c.reserved_by),
    }
    held = (
        insert(_reservation)
        .from_select(list(ledger), select(*ledger.values()).join_from(admitted, lines, true()))
        .returning(*_reservation.c)
        .cte("held")
    )
    return _written(held, admitted)


def _end(
    targets: Select[Any], status: ReservationStatus, *, leaves_stock: bool = False
) -> Executable:
    """End reservations and take what they hold off their items.

    Items are locked in order of their ids, as ``reserve_many`` does, so that the two never wait for
    each other in a circle. An item that holds less than is to be taken off stays as it is, and so do
    its reservations.

    Args:
        targets: the reservations, locked: whoever locks one first decides how it ends.
        status: what they become.
        leaves_stock: whether the units leave the item's quantity too.
    """
    ending = targets.cte("ending")
    taken = (
        select(ending.c.stock_id, func.sum(ending.c.reserved_quantity).label("units"))
        .group_by(ending.c.stock_id)
        .cte("taken")
    )
    locked = (
        select(_stock.c.id)
        .where(_stock.c.id.in_(select(taken.c.stock_id)))
        .order_by(_stock.c.id)
        .with_for_update()
        .cte("locked")
    )
    # Without a word of quantity where it stays: who expires reservations has no right to it.
    leaving = {"quantity": _stock.c.quantity - taken.c.units} if leaves_stock else {}
    enough = [_stock.c.quantity >= taken.c.units] if leaves_stock else []
    moved = (
        update(_stock)
        .where(
            _stock.c.id == locked.c.id,
            _stock.c.id == taken.c.stock_id,
            _reserved >= taken.c.units,
            *enough,
        )
        .values(reserved_quantity=_reserved - taken.c.units, **leaving)
        .returning(*_stock.c)
        .cte("moved")
    )
    reason = _reservation.c.reservation_reason
    ended = (
        update(_reservation)
        .where(_reservation.c.id == ending.c.id, moved.c.id == ending.c.stock_id)
        .values(
            status=status.value,
            reservation_reason=func.nullif(
                func.concat_ws("; ", reason, _like("reason", reason)), ""
            ),
        )
        .returning(*_reservation.c)
        .cte("ended")
    )
    return _written(ended, moved)


def _totals() -> Select[Any]:
    """What the view says of each item, times its units, by status and of all items."""
    cost, roi = _stock.c.gross_purchase_price, _stock.c.roi_percentage
    profit = case((roi > 0, cost * (roi / 100)))

    def total(amount: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.coalesce(func.sum(amount), 0)

    def euros(amount: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.round(total(_stock.c.quantity * amount), 2)

    return select(
        _stock.c.status,
        func.count(),
        total(_stock.c.quantity),
        total(_available),
        total(_reserved),
        euros(cost),
        euros(profit),
    ).group_by(func.rollup(_stock.c.status))


def _written(reservations: CTE, items: CTE) -> Executable:
    reservation = aliased(StockReservation, reservations, name="reservation")
    item = aliased(InventoryItem, items, name="item")
    return select(reservation, item).join(item, item.id == reservation.stock_id)


def _like(name: str, typed: ColumnElement[Any]) -> BindParameter[Any]:
    """A parameter of a column's type, which PostgreSQL cannot tell from a NULL."""
    return bindparam(name, type_=typed.type)


_active = _reservation.c.status == ReservationStatus.ACTIVE
_one = (
    select(_reservation)
    .where(_reservation.c.id == bindparam("reservation_id"), _active)
    .with_for_update()
)
_overdue = (
    select(_reservation)
    .where(
        _active,
        _reservation.c.reserved_until
        <= func.coalesce(_like("now", _reservation.c.reserved_until), func.now()),
    )
    .order_by(_reservation.c.reserved_until, _reservation.c.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)

# Parameters: stock_id, units, ids, quantities, reserved_until, reason, reserved_by.
HOLD = _hold()
# Parameters: reservation_id, and reason, which is added to the reservation's own.
RELEASE = _end(_one, ReservationStatus.RELEASED)
# Parameters: as RELEASE.
FULFIL = _end(_one, ReservationStatus.FULFILLED, leaves_stock=True)
# Parameters: now (NULL: the database's clock), limit, and reason as RELEASE. Those that another
# transaction is working on are passed over, so that several sweepers share the work.
EXPIRE = _end(_overdue, ReservationStatus.EXPIRED)
# No parameters. Status (NULL: all of them), items, units, available, reserved, value, expected profit.
TOTALS = _totals()
