"""Who writes to stock need know nothing of the log, and nothing that is written passes it by."""

from typing import Any

import pytest
from sqlalchemy.engine import URL

from tests.integration.history.conftest import session, value
from tests.integration.history.test_install import differences, number

PLAIN = """
CREATE ROLE history_{name} LOGIN;
GRANT USAGE ON SCHEMA inventory TO history_{name};
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA inventory TO history_{name};
"""
EVENTS = "SELECT kind, changed FROM inventory_ops.stock_event WHERE event_id > %s ORDER BY event_id"


def last(connection: Any) -> int:
    return number(connection, "SELECT max(event_id) FROM inventory_ops.stock_event")


def test_writer_without_rights_on_the_log(logged: URL) -> None:
    """Also as SET ROLE makes one, and with a search_path and a pg_temp of its own."""
    with session(logged) as shop:
        shop.execute(PLAIN.format(name="plain").encode())
        before = last(shop)
        try:
            shop.execute("SET ROLE history_plain")
            shop.execute("CREATE TEMP TABLE pg_inherits (inhrelid int)")
            shop.execute("CREATE TEMP TABLE stock_event (a int)")
            shop.execute("SET search_path = pg_temp, inventory")
            shop.execute("UPDATE inventory.stock SET quantity = quantity + 1, notes = 'seen'")
            with pytest.raises(Exception, match="permission denied"):
                shop.execute("SELECT FROM inventory_ops.stock_event")
            with pytest.raises(Exception, match="permission denied"):
                shop.execute("SELECT inventory_ops.move_overflow(1)")
            shop.execute("RESET ROLE")
            found = shop.execute(EVENTS, [before]).fetchall()
            assert set(map(repr, found)) == {repr(("update", ["quantity", "notes"]))}
            assert differences(shop) == (0, 0, 0)
        finally:
            shop.execute("RESET ROLE")
            shop.execute("DROP OWNED BY history_plain; DROP ROLE history_plain")


def test_deleting_stock_logs_the_reservations_that_go_with_it(logged: URL) -> None:
    with session(logged) as shop:
        stock_id = value(shop, "SELECT id FROM inventory.stock LIMIT 1")
        for _ in range(2):
            shop.execute(
                "INSERT INTO inventory.stock_reservation (stock_id, reserved_quantity, status, reserved_by) "
                "VALUES (%s, 1, 'active', 'anna')",
                [stock_id],
            )
        shop.execute(
            "UPDATE inventory.stock_reservation SET reserved_by = 'berta', status = 'released'"
        )
        shop.execute("DELETE FROM inventory.stock WHERE id = %s", [stock_id])
        found = shop.execute(
            "SELECT kind, changed, reserved_quantity, status FROM inventory_ops.reservation_event "
            "WHERE stock_id = %s AND kind <> 'baseline' ORDER BY event_id",
            [stock_id],
        ).fetchall()
        changed = ("update", ["status", "reserved_by"], 1, "released")
        assert [row for row in found if row[0] == "insert"] == [("insert", None, 1, "active")] * 2
        assert [row for row in found if row[0] == "update"] == [changed] * 2
        assert [row[0] for row in found if row[0] == "delete"].count("delete") >= 2
        assert differences(shop) == (0, 0, 0)


def test_whose_a_reservation_is_is_not_kept(logged: URL) -> None:
    """It is personal data, and a log is hard to forget in."""
    with session(logged) as shop:
        columns = shop.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'reservation_event'"
        ).fetchall()
    assert ("reserved_by",) not in columns


def test_what_our_own_triggers_write_to_stock_is_a_version(logged: URL) -> None:
    """An old version of the application writes a legacy row, and the synchronisation writes it to stock."""
    with session(logged) as shop:
        stock_id = value(
            shop,
            "SELECT stock_id FROM inventory.stock_lifecycle GROUP BY 1 HAVING count(*) = 1 LIMIT 1",
        )
        before = last(shop)
        shop.execute(
            "UPDATE inventory.stock_lifecycle SET listed_on_platforms = '[2]', updated_at = now() "
            "WHERE stock_id = %s",
            [stock_id],
        )
        found = shop.execute(EVENTS, [before]).fetchall()
        assert len(found) == 1
        assert "listed_on_platforms" in found[0][1]
        # Neither a plain write in the same transaction afterwards gets into another order.
        with shop.transaction():
            shop.execute(
                "UPDATE inventory.stock_lifecycle SET listed_on_platforms = '[1]', updated_at = now() "
                "WHERE stock_id = %s",
                [stock_id],
            )
            shop.execute("UPDATE inventory.stock SET quantity = 41 WHERE id = %s", [stock_id])
        assert differences(shop) == (0, 0, 0)
        last_event = shop.execute(
            "SELECT changed FROM inventory_ops.stock_event WHERE stock_id = %s "
            "ORDER BY event_id DESC LIMIT 1",
            [stock_id],
        ).fetchone()
        assert last_event == (["quantity"],)


def test_write_that_changes_nothing_is_no_version(logged: URL) -> None:
    with session(logged) as shop:
        before = last(shop)
        shop.execute("UPDATE inventory.stock SET quantity = quantity")
        assert last(shop) == before


def test_event_says_when_the_statement_ended_and_which_transaction(logged: URL) -> None:
    """Not when the transaction began: two statements of one are told apart."""
    with session(logged) as shop, shop.transaction():
        before = last(shop)
        for quantity in (1, 2):
            shop.execute("SELECT pg_sleep(0.01)")
            shop.execute("UPDATE inventory.stock SET quantity = %s, notes = 'z'", [quantity + 100])
        row = shop.execute(
            "SELECT count(DISTINCT occurred_at), bool_and(transaction_id = pg_current_xact_id()), "
            "min(occurred_at) > now() FROM inventory_ops.stock_event WHERE event_id > %s",
            [before],
        ).fetchone()
    assert row == (2, True, True)
