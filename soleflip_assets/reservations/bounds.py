"""The rule that the database itself keeps: reserved units are from 0 to the units there are.

A step of its own, outside of the deployment: while the old application still writes, its writes could
break the rule and would fail. Not here: the rule's text (sql/inventory) and its job (jobs.py).
"""

from collections.abc import Sequence

from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import IntegrityError

from soleflip_assets.ground.database import query_file, run_file
from soleflip_assets.ground.retrying import retrying
from soleflip_assets.ground.sessions import require_own_session


class ReservationBoundsError(Exception):
    """Stock rows break the rule, which therefore does not apply.

    Attributes:
        offenders: how many rows.
        rows: the first 20 of them: ``id``, ``quantity``, ``reserved_quantity``.
    """

    def __init__(self, rows: Sequence[RowMapping]) -> None:
        self.rows = rows
        self.offenders = int(rows[0]["offenders"]) if rows else 0
        listed = "; ".join(
            f"{row['id']} has {row['reserved_quantity']} of {row['quantity']} reserved"
            for row in rows
        )
        super().__init__(
            f"{self.offenders} stock rows have fewer than 0 or more than all units reserved: correct "
            f"them, then run this again. The first: {listed}."
        )


def enforce_reservation_bounds(engine: Engine) -> None:
    """Apply the rule, to every write from now on and prove it for every row there is.

    Nothing happens if it is; a run that died is resumed.

    Args:
        engine: SoleFlip's database, as the owner of its tables.

    Raises:
        ReservationBoundsError: rows break the rule; nothing was changed.
        LockedOutError: the lock could not be acquired in 30 tries.
        ConfigurationError: a pooler lends the session to others.
    """
    with engine.connect() as connection:
        state = query_file(connection, "inventory/bounds_state.sql")
        offenders = query_file(connection, "inventory/bounds_offenders.sql")
    if state and state[0]["validated"]:
        return
    if offenders:
        if state:
            _run(engine, "inventory/bounds_drop.sql")
        raise ReservationBoundsError(offenders)
    if not state:
        _run(engine, "inventory/bounds_add.sql")
    try:
        _run(engine, "inventory/bounds_validate.sql")
    except IntegrityError:
        # Somebody broke it between the look and the rule. NOT VALID, it would make every later
        # write to that row fail, whatever the write is about.
        with engine.connect() as connection:
            offenders = query_file(connection, "inventory/bounds_offenders.sql")
        _run(engine, "inventory/bounds_drop.sql")
        raise ReservationBoundsError(offenders) from None


def _run(engine: Engine, path: str) -> None:
    """Run a file that sets a lock timeout, again after a pause when it could not get the lock."""

    def run(_: int) -> None:
        with engine.connect() as connection:
            require_own_session(connection)
            run_file(connection.execution_options(isolation_level="AUTOCOMMIT"), path)

    retrying(run)
