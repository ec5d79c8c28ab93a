"""The tables and the view that the application sees after Phase 2.

Here: one class per relation, column by column as the live database has them, and the rules that hold
for a single object: how its JSON lists grow, that the view is read-only. Not here: how a value crosses
the driver, which is columns.py's, and queries, which are repository.py's. The retired tables
(stock_financial, stock_lifecycle, stock_metrics) have no model.
"""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, cast
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    FetchedValue,
    ForeignKey,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UpdateBase,
    Uuid,
    event,
    func,
    inspect,
    literal,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    ORMExecuteState,
    Session,
    UOWTransaction,
    mapped_column,
)
from sqlalchemy.orm.attributes import flag_modified

from soleflip_assets.inventory.arguments import (
    LONGEST_KEY,
    LONGEST_PLATFORM,
    LONGEST_REASON,
    LONGEST_STATUS,
    checked_json_object,
    checked_moment,
    checked_optional_text,
    checked_price,
    checked_text,
)
from soleflip_assets.inventory.columns import Cents, DatabaseEnum
from soleflip_assets.inventory.errors import ReadOnlyModel
from soleflip_assets.inventory.listings import Listing

Money = Annotated[Decimal, mapped_column(Numeric(10, 2))]
Percent = Annotated[Decimal, mapped_column(Numeric(5, 2))]
Name = Annotated[str, mapped_column(String(100))]
Word = Annotated[str, mapped_column(String(50))]
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]
UpdatedAt = Annotated[datetime, mapped_column(server_default=func.now(), onupdate=func.now())]

# none_as_null: a Python None is SQL's NULL; SQLAlchemy's default is the JSON value null, which the
# partial GIN indexes would take for a list.
# server_onupdate: the database computes the list on UPDATE, so the flush reads it back.
JsonList = Annotated[
    list[dict[str, Any]],
    mapped_column(MutableList.as_mutable(JSONB(none_as_null=True)), server_onupdate=FetchedValue()),
]


class DetailedStatus(StrEnum):
    """The enum ``inventory_status``, wherever the database has it: the step of the fulfilment."""

    INCOMING = "incoming"
    AVAILABLE = "available"
    CONSIGNED = "consigned"
    NEED_SHIPPING = "need_shipping"
    PACKED = "packed"
    OUTGOING = "outgoing"
    SALE_COMPLETED = "sale_completed"
    CANCELLED = "cancelled"


class ReservationStatus(StrEnum):
    """The values of ``stock_reservation.status``. Only an active reservation holds units."""

    PENDING = "pending"
    ACTIVE = "active"
    RELEASED = "released"
    FULFILLED = "fulfilled"
    EXPIRED = "expired"


class Base(DeclarativeBase):
    """The models of SoleFlip's inventory."""

    metadata = MetaData(schema="inventory")
    type_annotation_map: Final = {
        DetailedStatus: DatabaseEnum(DetailedStatus, "inventory.inventory_status"),
        UUID: Uuid(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        str: Text(),
    }
    # What the database computes in an UPDATE comes back with it: under asyncio an attribute
    # cannot be loaded at the moment it is read.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 SQLAlchemy asks for a dict


class InventoryItem(Base):
    """A row of ``inventory.stock``: every pair SoleFlip owns, with where it is listed and reserved.

    ``quantity`` counts all units, the reserved ones included. ``reserved_quantity`` is written by
    ``InventoryService`` only, which keeps it the sum of the active reservations.

    The lists ``listed_on_platforms`` and ``status_history`` may be appended to in place: the flush
    then writes the whole list, over what another session has added meanwhile. ``add_platform_listing``
    and ``add_status_change`` append in the database instead. A change inside an entry is not noticed:
    assign a new list.
    """

    __tablename__ = "stock"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    product_id: Mapped[UUID]
    size_id: Mapped[UUID]
    supplier_id: Mapped[UUID | None]
    quantity: Mapped[int] = mapped_column(default=1)
    purchase_price: Mapped[Money | None]
    purchase_date: Mapped[datetime | None]
    supplier: Mapped[Name | None]
    status: Mapped[Word] = mapped_column(default="in_stock")
    notes: Mapped[str | None]
    external_ids: Mapped[dict[str, Any] | None]
    delivery_date: Mapped[datetime | None]
    gross_purchase_price: Mapped[Money | None]
    vat_amount: Mapped[Money | None]
    vat_rate: Mapped[Percent | None]
    shelf_life_days: Mapped[int | None]
    profit_per_shelf_day: Mapped[Money | None]
    roi_percentage: Mapped[Percent | None]
    location: Mapped[Word | None]
    listed_stockx: Mapped[bool | None]
    listed_alias: Mapped[bool | None]
    listed_local: Mapped[bool | None]
    detailed_status: Mapped[DetailedStatus | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    listed_on_platforms: Mapped[JsonList | None]
    status_history: Mapped[JsonList | None]
    reserved_quantity: Mapped[int | None] = mapped_column(server_default=text("0"))

    @hybrid_property
    def available_quantity(self) -> int:
        """Units that are not reserved; on the class, the same as an SQL expression."""
        return self.quantity - (self.reserved_quantity or 0)

    @available_quantity.inplace.expression
    @classmethod
    def _available_quantity(cls) -> ColumnElement[int]:
        return cls.quantity - func.coalesce(cls.reserved_quantity, 0)

    @property
    def listings(self) -> tuple[Listing, ...]:
        """``listed_on_platforms`` in one form, whoever wrote it; flush first what is to be appended."""
        return tuple(Listing.read(entry) for entry in self.listed_on_platforms or ())

    def add_platform_listing(
        self,
        platform: str,
        listing_id: str,
        listed_at: datetime | None = None,
        ask_price: Decimal | float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Append an active listing to ``listed_on_platforms``.

        The next flush appends it in the database, to whatever the list is by then: what another
        session adds meanwhile stays. Several calls before one flush add up. Until that flush the
        attribute of an item that is in the database holds the pending SQL expression; after it,
        the whole list.

        Args:
            platform: for instance ``stockx``; stored in lower case.
            listing_id: the platform's id of the listing.
            listed_at: when, with a time zone; now if left out.
            ask_price: EUR.
            metadata: anything else, as a JSON object.

        Raises:
            InvalidArgument: one of them cannot be stored.
        """
        listing: dict[str, Any] = {
            "platform": checked_text("platform", platform, LONGEST_PLATFORM).lower(),
            "listing_id": checked_text("listing_id", listing_id, LONGEST_KEY),
            "listed_at": checked_moment("listed_at", listed_at or datetime.now(UTC)).isoformat(),
            "status": "active",
        }
        if ask_price is not None:
            # Two decimal places below 10^8 survive the float that JSON's encoder needs.
            listing["ask_price"] = float(checked_price("ask_price", ask_price))
        if metadata is not None:
            listing["metadata"] = checked_json_object("metadata", metadata)
        self._append(InventoryItem.listed_on_platforms, listing)

    def add_status_change(
        self, old_status: str | None, new_status: str, reason: str | None = None
    ) -> None:
        """Append a change to ``status_history``, in the same way as ``add_platform_listing``.

        ``status`` itself is left alone; ``InventoryService.change_status`` writes both.

        Args:
            old_status: None for an item's first status.
            new_status: what follows it.
            reason: free text.

        Raises:
            InvalidArgument: a status or the reason cannot be stored.
        """
        change = {
            "from_status": checked_optional_text("old_status", old_status, LONGEST_STATUS),
            "to_status": checked_text("new_status", new_status, LONGEST_STATUS),
            "changed_at": datetime.now(UTC).isoformat(),
            "reason": checked_optional_text("reason", reason, LONGEST_REASON),
        }
        self._append(InventoryItem.status_history, change)

    def _append(
        self, column: InstrumentedAttribute[list[dict[str, Any]] | None], entry: dict[str, Any]
    ) -> None:
        state = inspect(self)
        unflushed = state.attrs[column.key].history.added
        if not state.persistent:
            # An INSERT has no earlier list to refer to.
            setattr(self, column.key, [*(getattr(self, column.key) or []), entry])
        elif unflushed and isinstance(unflushed[0], ColumnElement):
            self._compute(column.key, unflushed[0].concat(_json([entry])))
        elif unflushed:
            setattr(self, column.key, [*(unflushed[0] or []), entry])
        else:
            self._compute(column.key, appended(column, _json([entry])))

    def _compute(self, name: str, expression: ColumnElement[Any]) -> None:
        """Let the next flush compute a list: ``setattr`` takes nothing but lists for it."""
        inspect(self).dict[name] = expression
        flag_modified(self, name)


def appended(
    column: InstrumentedAttribute[list[dict[str, Any]] | None], entries: ColumnElement[Any]
) -> ColumnElement[Any]:
    """The SQL expression of a JSON list with more entries at its end.

    Args:
        column: the list, where SQL's NULL and JSON's null count as empty.
        entries: a JSON array.
    """
    return func.coalesce(func.nullif(column, _json(None)), _json([]), type_=JSONB).concat(entries)


def _json(value: object) -> ColumnElement[Any]:
    return literal(value, JSONB)


class StockReservation(Base):
    """A row of ``inventory.stock_reservation``: the ledger of individual reservations."""

    __tablename__ = "stock_reservation"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    stock_id: Mapped[UUID] = mapped_column(ForeignKey(InventoryItem.id, ondelete="CASCADE"))
    reserved_quantity: Mapped[int]
    reserved_until: Mapped[datetime | None]
    reservation_reason: Mapped[str | None]
    status: Mapped[str] = mapped_column(String(20))
    reserved_by: Mapped[Name | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class ReservationKey(Base):
    """A row of ``inventory_ops.reservation_key``: what an idempotency key was first used for."""

    __tablename__ = "reservation_key"
    __table_args__ = ({"schema": "inventory_ops"},)

    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[dict[str, Any]]
    reservation_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    created_at: Mapped[CreatedAt]


class StockMetricsView(Base):
    """A row of ``inventory.stock_metrics_view``, as of the last refresh. Read-only.

    PostgreSQL keeps no NOT NULL on a view, so every column can be NULL as far as it knows.
    """

    __tablename__ = "stock_metrics_view"

    stock_id: Mapped[UUID] = mapped_column(nullable=True)
    total_quantity: Mapped[int | None]
    available_quantity: Mapped[int | None]
    reserved_quantity: Mapped[int | None]
    total_cost: Mapped[Money | None]
    expected_profit: Mapped[Decimal | None] = mapped_column(Cents())
    last_calculated_at: Mapped[datetime | None]
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]

    __mapper_args__ = {"primary_key": [stock_id]}  # noqa: RUF012 SQLAlchemy asks for a dict


@event.listens_for(Session, "before_flush")
def _refuse_changed_view_rows(
    session: Session, _flush_context: UOWTransaction, _instances: object
) -> None:
    """Refuse the whole flush, before the SQL of its other objects."""
    changed = (*session.new, *session.deleted, *filter(session.is_modified, session.dirty))
    if any(isinstance(row, StockMetricsView) for row in changed):
        raise ReadOnlyModel(_READ_ONLY)


@event.listens_for(Session, "do_orm_execute")
def _refuse_statements_on_the_view(execution: ORMExecuteState) -> None:
    """Refuse ``session.execute(update(StockMetricsView))`` and its kin, which no flush sees."""
    if isinstance(execution.statement, UpdateBase):
        # By name: the statement holds an annotated copy of the table.
        written = cast("Table", execution.statement.table)
        if written.fullname == cast("Table", StockMetricsView.__table__).fullname:
            raise ReadOnlyModel(_READ_ONLY)


_READ_ONLY = (
    "inventory.stock_metrics_view is computed from inventory.stock: change InventoryItem instead; "
    "the next refresh shows it."
)
