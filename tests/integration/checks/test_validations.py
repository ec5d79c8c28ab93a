"""Validations can fail, each for its own reason; none cries wolf; a fault of the server is no finding."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.question import Answer, ask_all
from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.embedded.postgres import EMBEDDED_PROGRAMS, PostgresServer, server_account
from soleflip_assets.ground.sessions import create_database_engine
from tests.conftest import Databases, connect, open_folder

# A stock row that is in stock, has listings and history, and a reservation.
ROW = """(
  SELECT stock.id FROM inventory.stock JOIN inventory.stock_lifecycle ON stock_lifecycle.stock_id = stock.id
  WHERE stock.reserved_quantity > 0 AND stock.status_history <> '[]' AND stock.purchase_price > 0
    AND stock.roi_percentage > 0 AND stock.profit_per_shelf_day IS NOT NULL
  ORDER BY stock.id LIMIT 1
)"""

REFRESH = "SELECT inventory.refresh_stock_metrics()"
CHANGE = f"UPDATE inventory.stock SET quantity = quantity + 1 WHERE id = {ROW}"
BYPASS = "SET session_replication_role = replica"
OBEY = "SET session_replication_role = origin"


def bypassing(*statements: str) -> list[str]:
    """Statements that no trigger and no foreign key sees: a restore, a superuser, a damaged page."""
    return [BYPASS, *statements, OBEY]


def recorded_horizon(change: str) -> list[str]:
    """What the last refresh recorded, changed by hand, and a row of the view that is wrong or pending."""
    return [f"UPDATE inventory_ops.metrics_refresh SET {change}", CHANGE]


def view_with(change: str) -> list[str]:
    """The view rebuilt by hand.

    Args:
        change: SQL on ``query``, the text of the view's own query.
    """
    return [
        f"""
        DO $$
        DECLARE
          query text := rtrim(pg_get_viewdef('inventory.stock_metrics_view'::regclass), ';');
        BEGIN
          DROP MATERIALIZED VIEW inventory.stock_metrics_view;
          EXECUTE 'CREATE MATERIALIZED VIEW inventory.stock_metrics_view AS ' || {change};
        END $$
        """
    ]


def legacy_row(table: str, values: str, columns: str) -> list[str]:
    """A legacy row whose stock row does not exist."""
    return bypassing(
        f"INSERT INTO inventory.{table} (stock_id, {columns}) VALUES (gen_random_uuid(), {values})"
    )


# A validation; what is done to the busy shop so that it fails, and no other; part of what it then observes.
Breakage = tuple[str, Sequence[str], Mapping[str, Any]]

BREAKAGES_OF_STOCK_AND_VIEW: dict[str, Breakage] = {
    "stock row gone with all its legacy rows": (
        "stock_records_kept",
        [
            f"CREATE TEMPORARY TABLE lost AS SELECT {ROW} AS id",
            *bypassing(
                "DELETE FROM inventory.stock_financial WHERE stock_id IN (SELECT id FROM lost)",
                "DELETE FROM inventory.stock_lifecycle WHERE stock_id IN (SELECT id FROM lost)",
                "DELETE FROM inventory.stock_metrics WHERE stock_id IN (SELECT id FROM lost)",
                "DELETE FROM inventory.stock WHERE id IN (SELECT id FROM lost)",
            ),
            REFRESH,
        ],
        {"lost": 1},
    ),
    "history differs": (
        "lifecycle_data_migrated",
        bypassing(f"UPDATE inventory.stock SET status_history = '[]' WHERE id = {ROW}"),
        {"not_migrated": 1, "orphans": 0},
    ),
    "listings missing in stock": (
        "lifecycle_data_migrated",
        bypassing(f"UPDATE inventory.stock SET listed_on_platforms = NULL WHERE id = {ROW}"),
        {"not_migrated": 1, "orphans": 0},
    ),
    "listings missing in the legacy row": (
        "lifecycle_data_migrated",
        bypassing(
            "UPDATE inventory.stock_lifecycle SET listed_on_platforms = NULL, updated_at = now() "
            f"WHERE stock_id = {ROW}"
        ),
        {"not_migrated": 1, "orphans": 0},
    ),
    "lifecycle row gone": (
        "lifecycle_data_migrated",
        bypassing(f"DELETE FROM inventory.stock_lifecycle WHERE stock_id = {ROW}"),
        {"not_migrated": 1, "without_legacy_row": 1},
    ),
    "shelf life differs in stock": (
        "lifecycle_data_migrated",
        bypassing(f"UPDATE inventory.stock SET shelf_life_days = 4711 WHERE id = {ROW}"),
        {"not_migrated": 1},
    ),
    "shelf life differs in the legacy row": (
        "lifecycle_data_migrated",
        bypassing(
            f"UPDATE inventory.stock_lifecycle SET shelf_life_days = 4711 WHERE stock_id = {ROW} AND id = "
            f"inventory_ops.counting_row('stock_lifecycle', {ROW})"
        ),
        {"not_migrated": 1},
    ),
    "available quantity miscomputed": (
        "reserved_quantities_migrated",
        bypassing(
            f"UPDATE inventory.stock_metrics SET available_quantity = available_quantity + 1 "
            f"WHERE stock_id = {ROW}"
        ),
        {"not_migrated": 1, "miscomputed": 1},
    ),
    "total cost miscomputed": (
        "reserved_quantities_migrated",
        bypassing(f"UPDATE inventory.stock_metrics SET total_cost = NULL WHERE stock_id = {ROW}"),
        {"not_migrated": 1, "miscomputed": 1},
    ),
    "expected profit miscomputed": (
        "reserved_quantities_migrated",
        bypassing(
            f"UPDATE inventory.stock_metrics SET expected_profit = 0.01 WHERE stock_id = {ROW}"
        ),
        {"not_migrated": 1, "miscomputed": 1},
    ),
    "stock row gone that came after the deployment": (
        "stock_records_kept",
        [
            (
                "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, created_at) "
                "SELECT gen_random_uuid(), id, id, 1, 'x', '2098-01-01Z' FROM inventory.stock LIMIT 1"
            ),
            *bypassing("DELETE FROM inventory.stock WHERE created_at = '2098-01-01Z'"),
        ],
        {"lost": 1},
    ),
    "stock row gone again that had come back": (
        "stock_records_kept",
        [
            f"CREATE TEMPORARY TABLE kept AS SELECT {ROW} AS id",
            "DELETE FROM inventory.stock WHERE id IN (SELECT id FROM kept)",
            (
                "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status) SELECT id, "
                "id, id, 1, 'x' FROM kept"
            ),
            *bypassing("DELETE FROM inventory.stock WHERE id IN (SELECT id FROM kept)"),
            REFRESH,
        ],
        {"lost": 1},
    ),
    "lifecycle row without stock row": (
        "lifecycle_data_migrated",
        legacy_row("stock_lifecycle", "NULL", "status_history"),
        {"not_migrated": 1, "orphans": 1},
    ),
    "reservation differs": (
        "reserved_quantities_migrated",
        bypassing(
            "UPDATE inventory.stock_metrics SET reserved_quantity = reserved_quantity + 1 "
            f"WHERE stock_id = {ROW}"
        ),
        {"not_migrated": 1, "orphans": 0},
    ),
    "reservation without metrics row": (
        "reserved_quantities_migrated",
        bypassing(f"DELETE FROM inventory.stock_metrics WHERE stock_id = {ROW}"),
        {"not_migrated": 1, "orphans": 0},
    ),
    "reservation not known": (
        "reserved_quantities_migrated",
        bypassing(
            "UPDATE inventory.stock SET reserved_quantity = NULL WHERE id = "
            "(SELECT id FROM inventory.stock WHERE reserved_quantity = 0 LIMIT 1)"
        ),
        {"not_migrated": 1, "orphans": 0},
    ),
    "metrics row without stock row": (
        "reserved_quantities_migrated",
        legacy_row("stock_metrics", "1, 0", "available_quantity, reserved_quantity"),
        {"not_migrated": 1, "orphans": 1},
    ),
    "oversold": (
        "records_with_reservations",
        [f"UPDATE inventory.stock SET reserved_quantity = quantity + 1 WHERE id = {ROW}"],
        {"more_than_there_is": 1, "negative": 0},
    ),
    "less than nothing reserved": (
        "records_with_reservations",
        [f"UPDATE inventory.stock SET reserved_quantity = -1 WHERE id = {ROW}"],
        {"more_than_there_is": 0, "negative": 1},
    ),
    "price differs": (
        "financial_data_consistent",
        bypassing(
            f"UPDATE inventory.stock_financial SET purchase_price = purchase_price + 1 WHERE stock_id = {ROW}"
        ),
        {"inconsistent": 1, "orphans": 0},
    ),
    "price missing in stock": (
        "financial_data_consistent",
        bypassing(
            f"UPDATE inventory.stock SET vat_amount = NULL, purchase_price = NULL WHERE id = {ROW}"
        ),
        {"inconsistent": 1, "orphans": 0},
    ),
    "return missing in the legacy row": (
        "financial_data_consistent",
        bypassing(f"UPDATE inventory.stock_financial SET roi = NULL WHERE stock_id = {ROW}"),
        {"inconsistent": 1, "orphans": 0},
    ),
    "profit missing in stock": (
        "financial_data_consistent",
        bypassing(f"UPDATE inventory.stock SET profit_per_shelf_day = NULL WHERE id = {ROW}"),
        {"inconsistent": 1, "orphans": 0},
    ),
    "financial row without stock row": (
        "financial_data_consistent",
        legacy_row(
            "stock_financial", "1, 1, 0", "purchase_price, gross_purchase_price, vat_amount"
        ),
        {"inconsistent": 1, "orphans": 1},
    ),
    "view shows a row twice": (
        "view_records",
        view_with(
            f"query || ' UNION ALL ' || query || ' WHERE s.id = {ROW}'".replace("'[]'", "''[]''")
        ),
        {"doubled_or_null": 1},
    ),
    "no refresh is recorded": (
        "view_records",
        ["TRUNCATE inventory_ops.metrics_refresh", CHANGE],
        {"doubled_or_null": 0, "horizon": "not recorded: call soleflip refresh once"},
    ),
    "refresh of another cluster": (
        "view_records",
        recorded_horizon("system_identifier = system_identifier + 1"),
        {"horizon": "of another cluster: call soleflip refresh once"},
    ),
    "refresh of another cluster that does not say which it was": (
        "view_records",
        recorded_horizon("system_identifier = NULL, horizon = '9999999999'"),
        {"horizon": "of another cluster: call soleflip refresh once"},
    ),
    "view leaves a row out": (
        "view_count_matches_stock_count",
        view_with(f"query || ' WHERE s.id <> {ROW}'".replace("'[]'", "''[]''")),
        {"missing": 1, "phantom": 0},
    ),
    "view leaves a row out, refreshed": (
        "view_count_matches_stock_count",
        [
            *view_with(f"query || ' WHERE s.id <> {ROW}'".replace("'[]'", "''[]''")),
            "CREATE UNIQUE INDEX ON inventory.stock_metrics_view (stock_id)",
            REFRESH,
        ],
        {"missing": 1, "phantom": 0},
    ),
    "view shows what never was": (
        "view_count_matches_stock_count",
        view_with(
            "query || ' UNION ALL SELECT gen_random_uuid(), 1, 1, 0, 1, 1, now(), now(), now()'"
        ),
        {"missing": 0, "phantom": 1},
    ),
}

BREAKAGES_OF_BACKUPS: dict[str, Breakage] = {
    f"{table}_backup: {what}": (
        f"{table}_backup_complete",
        [statement.format(table=table)],
        observed,
    )
    for table in ("stock_financial", "stock_lifecycle", "stock_metrics")
    for what, statement, observed in (
        (
            "row gone",
            "DELETE FROM inventory.{table}_backup WHERE id IN (SELECT id FROM inventory.{table} LIMIT 1)",
            {},
        ),
        (
            "value differs",
            (
                "UPDATE inventory.{table}_backup SET created_at = '2001-01-01Z' "
                "WHERE id IN (SELECT id FROM inventory.{table} LIMIT 1)"
            ),
            {},
        ),
        (
            "two rows exchange a value",
            (
                "DROP INDEX IF EXISTS inventory.stock_metrics_backup_stock_id_idx; "
                "WITH two AS (SELECT id, stock_id FROM inventory.{table}_backup ORDER BY "
                "stock_id, id LIMIT 1), "
                "other AS (SELECT id, stock_id FROM inventory.{table}_backup ORDER BY stock_id "
                "DESC, id LIMIT 1) "
                "UPDATE inventory.{table}_backup AS b "
                "SET stock_id = CASE WHEN b.id = two.id THEN other.stock_id ELSE two.stock_id END "
                "FROM two, other WHERE b.id IN (two.id, other.id)"
            ),
            {},
        ),
        ("emptied", "TRUNCATE inventory.{table}_backup", {"backup_records": 0}),
        (
            "record of the copy gone",
            "DELETE FROM inventory_ops.backup WHERE backup = 'inventory.{table}_backup'",
            {"copied_records": None},
        ),
        ("dropped", "DROP TABLE inventory.{table}_backup", {}),
    )
}

BREAKAGES_OF_FORMULAS: dict[str, Breakage] = {
    f"view computes {column} in another way": (
        "view_rows_match_query",
        view_with(f"replace(query, ' AS {column}', ' + 1 AS {column}')"),
        {"pending_changes": 0},
    )
    for column in ("total_quantity", "available_quantity", "total_cost", "expected_profit")
}

BREAKAGES = BREAKAGES_OF_STOCK_AND_VIEW | BREAKAGES_OF_BACKUPS | BREAKAGES_OF_FORMULAS


def answers(connection: Connection) -> dict[str, Answer]:
    return {asked.name: answer for asked, answer in ask_all(connection, VALIDATIONS)}


def failed(found: Mapping[str, Answer]) -> dict[str, Mapping[str, Any]]:
    return {name: answer.observed for name, answer in found.items() if not answer.passed}


def test_every_validation_is_broken_somewhere() -> None:
    assert {check for check, _, _ in BREAKAGES.values()} == {one.name for one in VALIDATIONS}


@pytest.mark.parametrize(("check", "statements", "observed"), BREAKAGES.values(), ids=BREAKAGES)
def test_breakage_fails_its_own_validation_and_no_other(
    databases: Databases, check: str, statements: Sequence[str], observed: Mapping[str, Any]
) -> None:
    with connect(databases.deployed("busy")) as connection:
        assert failed(answers(connection)) == {}

        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

        found = failed(answers(connection))
        assert [*found] == [check]
        assert dict(found[check]) == dict(found[check]) | dict(observed)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("numeric", "5", "-5"),
        ("jsonb", '[{"price": 5}]', '[{"price": -5}]'),
        ("float8", "0", "-0"),
        ("interval", "1 day", "24 hours"),
    ],
)
def test_fingerprint_sees_what_a_hash_of_the_type_leaves_out(
    databases: Databases, kind: str, one: str, other: str
) -> None:
    with connect(databases.deployed("production")) as connection:
        found = []
        for value in (one, other):
            connection.exec_driver_sql(
                f"CREATE TEMPORARY TABLE single AS SELECT '{value}'::{kind} AS value"
            )
            query = "SELECT content FROM inventory_ops.fingerprint('single')"
            found.append(connection.exec_driver_sql(query).scalar_one())
            connection.exec_driver_sql("DROP TABLE single")
    assert found[0] != found[1]


def test_refresh_knows_its_cluster_again(databases: Databases) -> None:
    with connect(databases.deployed("busy")) as connection:
        for statement in recorded_horizon("system_identifier = 1"):
            connection.exec_driver_sql(statement)
        assert [*failed(answers(connection))] == ["view_records"]

        connection.exec_driver_sql(REFRESH)

        assert pending(connection) == (0, 0, 0)


def test_server_that_keeps_its_identifier_to_itself_is_no_finding(databases: Databases) -> None:
    """A managed server lets only its superuser ask."""
    with connect(databases.deployed("busy")) as connection:
        for statement in (
            "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC",
            "CREATE ROLE managed IN ROLE pg_read_all_data",
            "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory, inventory_ops TO managed",
            "SET ROLE managed",
        ):
            connection.exec_driver_sql(statement)
        unknown = connection.exec_driver_sql("SELECT inventory_ops.system_identifier()").scalar()
        found = failed(answers(connection))
        for statement in ("RESET ROLE", "DROP OWNED BY managed", "DROP ROLE managed"):
            connection.exec_driver_sql(statement)
    assert (unknown, found) == (None, {})


# So many that they look like a thousand million to come.
LONG_AGO = 3_000_000_000
TRANSACTIONS_IN_A_FILE = 1_048_576


def set_forward(server: PostgresServer) -> None:
    """Let a server that is down be one on which so many transactions have run."""
    account = server_account()
    whom: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid} if account else {}
    subprocess.run(
        [server.programs / "pg_resetwal", "-x", str(LONG_AGO), server.data],
        check=True, capture_output=True, cwd=server.data, **whom,
    )  # fmt: skip
    status = server.data / "pg_xact" / f"{LONG_AGO // TRANSACTIONS_IN_A_FILE:04X}"
    status.write_bytes(bytes(TRANSACTIONS_IN_A_FILE // 4))
    if account:
        os.chown(status, account.pw_uid, account.pw_gid)


def test_row_that_was_written_long_ago_is_seen() -> None:
    """Its number looks like one to come. On a server of its own, whose counter is set forward."""
    with open_folder() as folder:
        parameters = {"autovacuum": "off", "fsync": "off"}
        server = PostgresServer(folder / "data", EMBEDDED_PROGRAMS, parameters)
        with server.running():
            url = Databases(server).deployed("busy")
            with connect(url) as connection:
                connection.exec_driver_sql("VACUUM (FREEZE)")
        set_forward(server)
        with server.running(), connect(url) as connection:
            connection.exec_driver_sql(REFRESH)
            assert pending(connection) == (0, 0, 0)
            ages = connection.exec_driver_sql("SELECT max(age(xmin)) FROM inventory.stock")
            assert ages.scalar_one() < -1_000_000_000

            for statement in view_with("replace(query, ' AS total_cost', ' + 1 AS total_cost')"):
                connection.exec_driver_sql(statement)

            found = failed(answers(connection))
    assert [*found] == ["view_rows_match_query"]
    assert found["view_rows_match_query"]["pending_changes"] == 0


NEW_ID_BY_A_TRIGGER = """
CREATE FUNCTION public.rename() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN NEW.id := gen_random_uuid(); RETURN NEW; END $$;
CREATE TRIGGER rename BEFORE UPDATE ON inventory.stock FOR EACH ROW EXECUTE FUNCTION public.rename()
"""


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ("SELECT 1", "id = gen_random_uuid()"),
        (NEW_ID_BY_A_TRIGGER, "notes = 'x'"),
    ],
    ids=["statement", "trigger"],
)
def test_changed_primary_key_is_a_deletion_and_an_arrival(
    databases: Databases, before: str, change: str
) -> None:
    with connect(databases.deployed("production")) as connection:
        connection.exec_driver_sql(before)
        connection.exec_driver_sql(
            f"UPDATE inventory.stock SET {change} "
            "WHERE id = (SELECT id FROM inventory.stock ORDER BY id LIMIT 1)"
        )
        assert failed(answers(connection)) == {}
        connection.exec_driver_sql(REFRESH)
        assert failed(answers(connection)) == {}


def test_missing_price_that_is_zero_in_the_legacy_row_is_consistent(databases: Databases) -> None:
    """The prices are NOT NULL there: 0 stands for not known."""
    with connect(databases.deployed("busy")) as connection:
        changed = connection.execute(
            text(
                "UPDATE inventory.stock SET purchase_price = NULL, gross_purchase_price = NULL "
                f"WHERE id = {ROW} RETURNING id"
            )
        ).scalar_one()
        row = connection.execute(
            text(
                "SELECT purchase_price, gross_purchase_price FROM inventory.stock_financial "
                "WHERE stock_id = :id"
            ),
            {"id": changed},
        ).one()
        assert tuple(row) == (0, 0)
        assert failed(answers(connection)) == {}


def test_lost_row_is_named(databases: Databases) -> None:
    """The seed's own claim, view count matches stock count, made false by one row."""
    with connect(databases.deployed("busy")) as connection:
        (row,) = connection.execute(text(f"SELECT {ROW}::text")).scalars()
        for statement in view_with(f"query || ' WHERE s.id <> ''{row}'''"):
            connection.exec_driver_sql(statement)
        found = failed(answers(connection))
    assert found["view_count_matches_stock_count"]["examples"] == [row]
    counts = found["view_count_matches_stock_count"]
    assert counts["stock_records"] - counts["view_records"] == 1


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DROP MATERIALIZED VIEW inventory.stock_metrics_view", "does not exist"),
        (
            "REFRESH MATERIALIZED VIEW inventory.stock_metrics_view WITH NO DATA",
            "has not been populated",
        ),
        (
            "ALTER MATERIALIZED VIEW inventory.stock_metrics_view RENAME COLUMN stock_id TO id",
            "view.stock_id does not exist",
        ),
    ],
)
def test_view_that_cannot_be_read_is_a_finding_with_its_reason(
    databases: Databases, statement: str, reason: str
) -> None:
    with connect(databases.deployed("busy")) as connection:
        connection.execute(text(statement))
        found = failed(answers(connection))
    assert {*found} == {"view_records", "view_count_matches_stock_count", "view_rows_match_query"}
    assert all(reason in observed["error"] for observed in found.values())


def terminate(connection: Connection, url: URL) -> None:
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with connect(url) as dba:
        dba.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})


def run_out_of_time(connection: Connection, url: URL) -> None:
    connection.exec_driver_sql("SET statement_timeout = '1ms'")


def lose_privileges(connection: Connection, url: URL) -> None:
    connection.exec_driver_sql("DROP ROLE IF EXISTS nobody")
    connection.exec_driver_sql("CREATE ROLE nobody")
    connection.exec_driver_sql("SET ROLE nobody")


@pytest.mark.parametrize("fault", [terminate, run_out_of_time, lose_privileges])
def test_fault_that_is_not_of_the_data_is_raised(
    databases: Databases, fault: Callable[[Connection, URL], None]
) -> None:
    """Nothing is known of the data then: neither passed nor failed."""
    url = databases.deployed("busy")
    for validation in VALIDATIONS:
        with connect(url) as connection:
            fault(connection, url)
            with pytest.raises(DBAPIError):
                validation.ask(connection)


def test_server_that_is_gone_is_raised(databases: Databases) -> None:
    url = databases.deployed("production").set(port=1)
    with pytest.raises(DBAPIError):
        connect(url)


def pending(connection: Connection) -> tuple[int, int, int]:
    """Inserted, changed and deleted since the last refresh; all validations pass."""
    found = answers(connection)
    assert failed(found) == {}
    counts = found["view_count_matches_stock_count"].observed
    changed = found["view_rows_match_query"].observed["pending_changes"]
    return counts["pending_inserts"], changed, counts["pending_deletes"]


def insert_one(shop: Connection, moment: str = "now()") -> None:
    shop.execute(
        text(
            "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, created_at, updated_at) "
            f"SELECT gen_random_uuid(), product_id, size_id, 3, 'in_stock', {moment}, {moment} "
            "FROM inventory.stock LIMIT 1"
        )
    )


def insert_long_ago(shop: Connection) -> None:
    insert_one(shop, "'2001-01-01Z'")


def change_one(shop: Connection, moment: str = "now()") -> None:
    # Out of the view: the lowest id of stock may be that of the row just inserted, in one run of 400.
    shop.execute(
        text(
            f"UPDATE inventory.stock SET quantity = quantity + 1, updated_at = {moment} "
            "WHERE id = (SELECT stock_id FROM inventory.stock_metrics_view ORDER BY stock_id LIMIT 1)"
        )
    )


def delete_one(shop: Connection) -> None:
    shop.execute(
        text(
            "DELETE FROM inventory.stock WHERE id = "
            "(SELECT stock_id FROM inventory.stock_metrics_view ORDER BY stock_id DESC LIMIT 1)"
        )
    )


@pytest.mark.parametrize("moment", ["now()", "'2001-01-01Z'", "'2099-01-01Z'"])
def test_what_came_changed_and_went_is_pending(
    databases_of_each_version: Databases, moment: str
) -> None:
    """Whatever times the application wrote."""
    with connect(databases_of_each_version.deployed("busy")) as shop:
        assert pending(shop) == (0, 0, 0)

        insert_one(shop, moment)
        change_one(shop, moment)
        delete_one(shop)

        assert pending(shop) == (1, 1, 1)
        shop.execute(text(REFRESH))
        assert pending(shop) == (0, 0, 0)


@pytest.mark.parametrize("savepoints", [False, True], ids=["plain", "savepoints"])
def test_what_was_not_committed_when_the_refresh_ran_is_pending(
    databases_of_each_version: Databases, savepoints: bool
) -> None:
    """Written before or after the refresh, in a transaction that was open before it and committed after."""
    url = databases_of_each_version.deployed("busy")
    with create_database_engine(url).connect() as shop, connect(url) as platform:

        def write(action: Callable[[Connection], None]) -> None:
            if savepoints:
                with shop.begin_nested():
                    action(shop)
            else:
                action(shop)

        write(insert_long_ago)
        write(change_one)
        # A later transaction ends before the refresh: the shop's is then not simply the newest.
        platform.execute(text("SELECT pg_current_xact_id()"))
        platform.execute(text(REFRESH))
        assert pending(platform) == (0, 0, 0)
        write(delete_one)
        write(insert_one)
        shop.commit()

        assert pending(platform) == (2, 1, 1)
        platform.execute(text(REFRESH))
        assert pending(platform) == (0, 0, 0)


def test_what_the_refreshing_transaction_itself_wrote_is_in_the_view(databases: Databases) -> None:
    with create_database_engine(databases.deployed("busy")).connect() as shop:
        insert_one(shop)
        shop.execute(text(REFRESH))
        change_one(shop)
        shop.commit()
        assert pending(shop) == (0, 1, 0)


def test_row_that_came_and_went_between_two_refreshes_leaves_no_trace(databases: Databases) -> None:
    with connect(databases.deployed("busy")) as shop:
        insert_one(shop, "'2099-01-01Z'")
        shop.execute(text("DELETE FROM inventory.stock WHERE created_at = '2099-01-01Z'"))
        assert pending(shop) == (0, 0, 0)


def test_deleted_row_that_came_back_is_pending_then_shown(databases: Databases) -> None:
    with connect(databases.deployed("production")) as shop:
        shop.execute(text("CREATE TEMPORARY TABLE kept AS SELECT id FROM inventory.stock LIMIT 1"))
        shop.execute(text("DELETE FROM inventory.stock WHERE id IN (SELECT id FROM kept)"))
        shop.execute(text(REFRESH))
        shop.execute(
            text(
                "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status) "
                "SELECT id, id, id, 1, 'in_stock' FROM kept"
            )
        )
        assert pending(shop) == (1, 0, 0)
        shop.execute(text(REFRESH))
        assert pending(shop) == (0, 0, 0)


def test_old_deletion_does_not_excuse_a_row_that_is_gone_again(databases: Databases) -> None:
    """Its recorded deletion is older than the refresh that saw the row alive."""
    with connect(databases.deployed("production")) as shop:
        shop.execute(text("CREATE TEMPORARY TABLE kept AS SELECT id FROM inventory.stock LIMIT 1"))
        shop.execute(text("DELETE FROM inventory.stock WHERE id IN (SELECT id FROM kept)"))
        shop.execute(
            text(
                "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status) "
                "SELECT id, id, id, 1, 'in_stock' FROM kept"
            )
        )
        shop.execute(text(REFRESH))
        shop.execute(text(BYPASS))
        shop.execute(text("DELETE FROM inventory.stock WHERE id IN (SELECT id FROM kept)"))
        assert failed(answers(shop))["view_count_matches_stock_count"]["phantom"] == 1
