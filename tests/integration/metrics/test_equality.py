"""Whatever is written to stock, however it is interleaved: a refresh makes the view equal to its query."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors
from sqlalchemy.engine import URL

from soleflip_assets.metrics.mode import Mode
from tests.conftest import Databases, connect
from tests.integration.metrics.reading import COUNT_AGAIN, DIFFERENCES, allow_truncation

SESSIONS = 3
KEYS = [UUID(int=number) for number in range(1, 8)]

# What a writer may meet beside others, after which it begins anew.
_CONFLICTS = (
    errors.LockNotAvailable,
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.UniqueViolation,
    errors.ForeignKeyViolation,
    errors.InFailedSqlTransaction,
    errors.InvalidSavepointSpecification,
    errors.NoActiveSqlTransaction,
)

_INSERT = """
INSERT INTO inventory.stock (
  id, product_id, size_id, status, quantity, reserved_quantity, gross_purchase_price, roi_percentage
)
SELECT key, gen_random_uuid(), gen_random_uuid(), 'in_stock', %(quantity)s, %(reserved)s, %(price)s, %(roi)s
FROM unnest(%(keys)s::uuid[]) AS key
"""
_REPLACE = """
ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity, roi_percentage = excluded.roi_percentage
"""
# The insert ends before the delete does, which goes on with the rows that nobody asked for.
_REPLACE_ONE = """
WITH gone AS (DELETE FROM inventory.stock WHERE id = ANY (%(keys)s) RETURNING id)
INSERT INTO inventory.stock (id, product_id, size_id, status, quantity)
SELECT gone.id, gen_random_uuid(), gen_random_uuid(), 'in_stock', %(quantity)s FROM gone LIMIT 1
"""

FIRST = {"keys": KEYS[:4], "quantity": 1, "reserved": None, "price": "5.00", "roi": "20"}

_UPDATE = "UPDATE inventory.stock SET {} WHERE id = ANY (%(keys)s)"

_WRITES = {
    "insert": _INSERT,
    "upsert": _INSERT + _REPLACE,
    "change quantity": _UPDATE.format("quantity = %(quantity)s"),
    "reserve": _UPDATE.format("reserved_quantity = %(reserved)s"),
    "change price": _UPDATE.format("gross_purchase_price = %(price)s"),
    "change return": _UPDATE.format("roi_percentage = %(roi)s"),
    "touch": _UPDATE.format("updated_at = clock_timestamp()"),
    "date back": _UPDATE.format("created_at = created_at - interval '1 day'"),
    "note": _UPDATE.format("notes = 'counted'"),
    "count again": _UPDATE.format("quantity = %(quantity)s, notes = 'again'"),
    "change key": _UPDATE.format("id = (%(keys)s::uuid[])[cardinality(%(keys)s::uuid[])]"),
    "replace one": _REPLACE_ONE,
    "delete": "DELETE FROM inventory.stock WHERE id = ANY (%(keys)s)",
    "truncate": "TRUNCATE inventory.stock CASCADE",
    "refresh": "SELECT inventory.refresh_stock_metrics()",
}
_CONTROL = {
    "begin": "BEGIN",
    "begin with one snapshot": "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM inventory.stock",
    "commit": "COMMIT",
    "roll back": "ROLLBACK",
    "savepoint": "SAVEPOINT here",
    "roll back to savepoint": "ROLLBACK TO here",
}
_STATEMENTS = _WRITES | _CONTROL

REFRESH_AND_COMPARE = "refresh and compare"

step = st.tuples(
    st.integers(0, SESSIONS - 1),
    # Transactions begin and end about as often as anything is written.
    st.one_of(
        st.sampled_from([*_WRITES]), st.sampled_from([*_CONTROL]), st.just(REFRESH_AND_COMPARE)
    ),
    st.fixed_dictionaries(
        {
            "keys": st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True),
            "quantity": st.integers(0, 3),
            "reserved": st.none() | st.integers(0, 2),
            "price": st.none() | st.sampled_from(["0", "10.00", "19.99"]),
            "roi": st.none() | st.sampled_from(["-5", "0", "12.5", "NaN"]),
        }
    ),
)

Step = tuple[int, str, dict[str, object]]
Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def incremental(databases_of_each_version: Databases) -> URL:
    """An incremental shop with a trigger of its own, whose legacy tables do not refuse to be truncated."""
    url = databases_of_each_version.deployed("production", Mode.INCREMENTAL)
    with connect(url) as connection:
        allow_truncation(connection)
        connection.exec_driver_sql(COUNT_AGAIN)
    return url


@pytest.fixture(scope="module")
def connections(incremental: URL) -> Iterator[list[Connection]]:
    """The sessions, and one more that only refreshes and compares."""
    opened = [_connect(incremental) for _ in range(SESSIONS + 1)]
    for connection in opened:
        connection.execute("SET lock_timeout = '5ms'")
    yield opened
    for connection in opened:
        connection.close()


def _connect(url: URL) -> Connection:
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(steps=st.lists(step, min_size=15, max_size=40))
def test_view_equals_its_query_after_any_sequence(
    connections: list[Connection], steps: list[Step]
) -> None:
    *sessions, observer = connections
    for session in sessions:
        session.execute("ROLLBACK")
    observer.execute("TRUNCATE inventory.stock CASCADE")
    observer.execute(_INSERT.encode(), FIRST)

    for number, action, values in steps:
        if action == REFRESH_AND_COMPARE:
            _compare_if_refreshed(observer)
        else:
            _try(sessions[number], action, values)
    for session in sessions:
        session.execute("COMMIT")

    observer.execute("SELECT inventory.refresh_stock_metrics()")
    assert observer.execute(DIFFERENCES.encode()).fetchall() == []
    assert observer.execute("SELECT count(*) FROM inventory_ops.stock_change").fetchone() == (0,)


def test_key_that_was_changed_is_known_by_both(connections: list[Connection]) -> None:
    observer = connections[-1]
    observer.execute("TRUNCATE inventory.stock CASCADE")
    observer.execute(_INSERT.encode(), FIRST)
    _compare_if_refreshed(observer)

    observer.execute("UPDATE inventory.stock SET id = %s WHERE id = %s", (KEYS[-1], KEYS[0]))

    _compare_if_refreshed(observer)


def test_truncation_reaches_rows_that_its_transaction_does_not_see(
    connections: list[Connection],
) -> None:
    """TRUNCATE heeds no snapshot: a list of ids made in the one that it runs in would be too short."""
    writer, truncater, *_, observer = connections
    observer.execute("TRUNCATE inventory.stock CASCADE")
    truncater.execute(_CONTROL["begin with one snapshot"].encode())
    writer.execute(_INSERT.encode(), FIRST)
    _compare_if_refreshed(observer)

    truncater.execute("TRUNCATE inventory.stock CASCADE")
    truncater.execute("COMMIT")

    _compare_if_refreshed(observer)


def _try(session: Connection, action: str, values: dict[str, object]) -> None:
    if action in {"begin", "begin with one snapshot"} and session.info.transaction_status:
        return
    try:
        session.execute(
            _STATEMENTS[action].encode(), values if "%" in _STATEMENTS[action] else None
        )
    except _CONFLICTS:
        session.execute("ROLLBACK")


def _compare_if_refreshed(observer: Connection) -> None:
    """Whoever refreshes or truncates in an open transaction is not waited for here."""
    try:
        observer.execute("SELECT inventory.refresh_stock_metrics()")
    except errors.LockNotAvailable:
        return
    assert observer.execute(DIFFERENCES.encode()).fetchall() == []
