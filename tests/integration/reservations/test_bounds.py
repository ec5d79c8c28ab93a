"""Applying the CHECK, and refusing to."""

import threading
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError

from soleflip_assets.ground import retrying
from soleflip_assets.ground.database import query_file
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.reservations import bounds
from soleflip_assets.reservations.bounds import ReservationBoundsError, enforce_reservation_bounds

_RESERVE = text(
    "UPDATE inventory.stock SET reserved_quantity = :reserved WHERE id = CAST(:id AS uuid)"
)
_ITEM = text("SELECT id FROM inventory.stock WHERE quantity = 1 ORDER BY id LIMIT 1")


@pytest.fixture
def engine(shop_url: URL) -> Engine:
    return create_database_engine(shop_url)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@pytest.fixture
def stock_id(connection: Connection) -> UUID:
    """An item of one unit."""
    found = connection.scalar(_ITEM)
    assert isinstance(found, UUID)
    return found


def state(connection: Connection) -> list[bool]:
    """[] without the rule, [False] while it is not validated, [True] when it is."""
    rows = query_file(connection, "inventory/bounds_state.sql")
    return [row["validated"] for row in rows]


def reserve(connection: Connection, stock_id: UUID, reserved: int | None) -> None:
    """Write reserved_quantity as the service never would."""
    connection.execute(_RESERVE, {"id": stock_id, "reserved": reserved})


@pytest.mark.parametrize("reserved", [-1, 2])
def test_in_force_it_refuses_what_is_out_of_bounds(
    engine: Engine, connection: Connection, stock_id: UUID, reserved: int
) -> None:
    enforce_reservation_bounds(engine)
    assert state(connection) == [True]
    with pytest.raises(IntegrityError, match="stock_reserved_quantity_within_quantity"):
        reserve(connection, stock_id, reserved)
    for fine in (None, 0, 1):
        reserve(connection, stock_id, fine)


def test_it_can_be_run_again_and_goes_on_where_a_run_died(
    engine: Engine, connection: Connection
) -> None:
    bounds._run(engine, "inventory/bounds_add.sql")
    assert state(connection) == [False]
    enforce_reservation_bounds(engine)
    assert state(connection) == [True]
    enforce_reservation_bounds(engine)


@pytest.mark.parametrize("half_done", [False, True])
def test_it_refuses_with_the_offending_rows_and_leaves_nothing_behind(
    engine: Engine, connection: Connection, stock_id: UUID, *, half_done: bool
) -> None:
    reserve(connection, stock_id, 2)
    if half_done:
        bounds._run(engine, "inventory/bounds_add.sql")
    with pytest.raises(ReservationBoundsError, match=f"{stock_id} has 2 of 1 reserved") as refused:
        enforce_reservation_bounds(engine)
    assert refused.value.offenders == 1
    assert [row["id"] for row in refused.value.rows] == [stock_id]
    assert state(connection) == []


def test_a_row_broken_between_the_look_and_the_rule_is_found(
    engine: Engine, connection: Connection, stock_id: UUID
) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def _break(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if "NOT VALID" in statement:
            reserve(connection, stock_id, 2)

    with pytest.raises(ReservationBoundsError, match=str(stock_id)):
        enforce_reservation_bounds(engine)
    assert state(connection) == []


def test_it_waits_for_the_lock_in_short_tries_that_let_others_through(
    engine: Engine, connection: Connection, stock_id: UUID
) -> None:
    """A reader that came while it waited was served before the long transaction ended."""
    with engine.connect() as blocker:
        blocker.execute(_ITEM)
        tried = threading.Event()

        @event.listens_for(engine, "handle_error")
        def _failed(_context: object) -> None:
            tried.set()

        enforcing = threading.Thread(target=enforce_reservation_bounds, args=[engine])
        enforcing.start()
        assert tried.wait(10)
        assert connection.scalar(_ITEM) == stock_id
        assert state(connection) == []
    enforcing.join(60)
    assert state(connection) == [True]


def test_it_gives_up_after_so_many_tries(
    engine: Engine, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "LOCK_ATTEMPTS", 2)
    with engine.connect() as blocker:
        blocker.execute(_ITEM)
        with pytest.raises(retrying.LockedOutError, match="not free in 2 tries: end the long"):
            enforce_reservation_bounds(engine)
    assert state(connection) == []
