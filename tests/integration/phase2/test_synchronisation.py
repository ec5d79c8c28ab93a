"""Two versions of the application at once: what one writes, the other one reads, without loops or losses."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.checks.validations import VALIDATIONS
from soleflip_assets.deploying.deployer import OPERATIONS, Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.settings import FILES
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.phase2.steps import EXPAND, deploy
from tests.conftest import Databases, connect, running_databases
from tests.integration.phase2.deployment import await_row, ignore, run_deployment
from tests.integration.phase2.sides import OTHER, S, differences, rows, run, side_of, small_shop
from tests.integration.phase2.state import contents

FINANCIAL, LIFECYCLE, METRICS = "stock_financial", "stock_lifecycle", "stock_metrics"
LEGACY = (FINANCIAL, LIFECYCLE, METRICS)


def deploy_on(engine: Engine) -> None:
    with Deployer(engine, ignore) as deployer:
        deploy(deployer)


def verdicts(connection: Connection) -> dict[str, bool]:
    return {one.name: one.ask(connection).passed for one in VALIDATIONS}


def changed_shop(databases: Databases, changes: str) -> Engine:
    """The small shop, changed before Phase 2 is deployed on it."""
    engine = small_shop(databases.empty())
    with engine.begin() as connection:
        run(connection, changes)
    deploy_on(engine)
    return engine


def test_snapshots_that_do_not_see_each_other_collide(databases: Databases) -> None:
    """S4: B adds a lifecycle row after A, REPEATABLE READ, has taken its snapshot; A then lists."""
    engine = changed_shop(databases, "DELETE FROM inventory.stock_lifecycle")
    with engine.connect() as a, engine.connect() as b:
        run(a, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert rows(a, LIFECYCLE) == []
        run(
            b,
            f"INSERT INTO inventory.stock_lifecycle (stock_id, shelf_life_days) VALUES ('{S}', 30)",
        )
        b.commit()
        with pytest.raises(DBAPIError) as refused:
            run(a, f"UPDATE inventory.stock SET listed_on_platforms = '[1]' WHERE id = '{S}'")
        a.rollback()
        assert getattr(refused.value.orig, "sqlstate", None) == "40001"
        run(a, f"UPDATE inventory.stock SET listed_on_platforms = '[1]' WHERE id = '{S}'")
        a.commit()
        assert differences(b) == []
        assert len(rows(b, LIFECYCLE)) == 1


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("first", ["stock", "legacy"])
def test_old_snapshots_are_refused_whichever_side_they_write(
    databases: Databases, level: str, first: str
) -> None:
    engine = changed_shop(databases, "SELECT 1")
    writes = {
        "stock": f"UPDATE inventory.stock SET status_history = '[1]' WHERE id = '{S}'",
        "legacy": (
            f"INSERT INTO inventory.stock_lifecycle (stock_id, status_history) VALUES "
            f"('{S}', '[2]')"
        ),
    }
    early = writes.pop(first)
    (late,) = writes.values()
    with engine.connect() as a, engine.connect() as b:
        run(a, f"SET TRANSACTION ISOLATION LEVEL {level}")
        rows(a, "stock")
        run(b, early)
        b.commit()
        with pytest.raises(DBAPIError) as refused:
            run(a, late)
        assert getattr(refused.value.orig, "sqlstate", None) == "40001"
        assert differences(b) == []


def test_rows_without_a_date_have_one_order(databases: Databases) -> None:
    """S6: a write to stock dates one of two; the other one is not the newest for that."""
    engine = changed_shop(
        databases,
        "ALTER TABLE inventory.stock_lifecycle ALTER updated_at DROP NOT NULL, ALTER created_at "
        "DROP NOT NULL;"
        "UPDATE inventory.stock_lifecycle SET updated_at = NULL, created_at = NULL;"
        "INSERT INTO inventory.stock_lifecycle (stock_id, shelf_life_days, listed_on_platforms, "
        "updated_at, created_at) "
        f"SELECT '{S}', 30, to_jsonb(ARRAY[n]), NULL, NULL FROM generate_series(1, 5) AS n",
    )
    with connect(engine.url) as connection:
        assert verdicts(connection) == dict.fromkeys(verdicts(connection), True)
        for statement in (
            f"UPDATE inventory.stock SET listed_on_platforms = '[9]' WHERE id = '{S}'",
            f"UPDATE inventory.stock_lifecycle SET shelf_life_days = 31 WHERE stock_id = '{S}'",
            f"DELETE FROM inventory.stock_lifecycle WHERE stock_id = '{S}' AND updated_at IS NOT NULL",
        ):
            run(connection, statement)
            assert differences(connection) == []
            assert (side_of(connection, "stock") or {})["listed_on_platforms"] == {"json": [9]}
        assert verdicts(connection) == dict.fromkeys(verdicts(connection), True)


def test_of_each_fact_the_newest_row_that_states_it_is_deployed(databases: Databases) -> None:
    """S8: the older row has only a history, the newer one only listings."""
    engine = changed_shop(
        databases,
        f"""
        UPDATE inventory.stock_lifecycle SET listed_on_platforms = NULL WHERE stock_id = '{S}';
        INSERT INTO inventory.stock_lifecycle (stock_id, listed_on_platforms) VALUES ('{S}', '["new"]');
        UPDATE inventory.stock SET shelf_life_days = NULL, roi_percentage = NULL, vat_amount = NULL
        WHERE id = '{S}';
        UPDATE inventory.stock_metrics SET available_quantity = 0, total_cost = NULL, expected_profit = 7;
        """,
    )
    with connect(engine.url) as connection:
        stock = side_of(connection, "stock") or {}
        assert stock["status_history"] == {"json": ["first"]}
        assert stock["listed_on_platforms"] == {"json": ["new"]}
        assert (stock["shelf_life_days"], stock["roi_percentage"], stock["vat_amount"]) == (
            30,
            20,
            10,
        )
        assert differences(connection) == []
        assert verdicts(connection) == dict.fromkeys(verdicts(connection), True)


def test_tables_without_defaults_are_written_to(databases: Databases) -> None:
    """P1: SQLAlchemy's own default= makes such columns."""
    engine = changed_shop(
        databases,
        "DELETE FROM inventory.stock_metrics; DELETE FROM inventory.stock_lifecycle;"
        + "".join(
            f"ALTER TABLE inventory.{table} ALTER {column} DROP DEFAULT;"
            for table in (METRICS, LIFECYCLE)
            for column in ("id", "created_at", "updated_at")
        )
        + "ALTER TABLE inventory.stock_metrics ALTER last_calculated_at DROP DEFAULT",
    )
    with connect(engine.url) as connection:
        run(
            connection,
            f"UPDATE inventory.stock SET reserved_quantity = 1, listed_on_platforms = '[1]' WHERE id = '{S}'",
        )
        assert differences(connection) == []
        assert len(rows(connection, METRICS)) == len(rows(connection, LIFECYCLE)) == 1


def test_unique_key_of_the_metrics_may_be_deferrable(databases: Databases) -> None:
    engine = changed_shop(
        databases,
        "DELETE FROM inventory.stock_metrics; DROP INDEX inventory.idx_stock_metrics_stock;"
        "ALTER TABLE inventory.stock_metrics ADD UNIQUE (stock_id) DEFERRABLE INITIALLY DEFERRED",
    )
    with connect(engine.url) as connection:
        run(connection, f"UPDATE inventory.stock SET reserved_quantity = 1 WHERE id = '{S}'")
        run(connection, f"UPDATE inventory.stock SET reserved_quantity = 2 WHERE id = '{S}'")
        assert differences(connection) == []


@pytest.mark.parametrize(("date", "between"), [("2099-01-01Z", 1), ("2001-01-01Z", 5)])
def test_of_two_metrics_rows_until_the_commit_the_newer_counts(
    databases: Databases, date: str, between: int
) -> None:
    engine = changed_shop(
        databases,
        "DROP INDEX inventory.idx_stock_metrics_stock;"
        "ALTER TABLE inventory.stock_metrics ADD UNIQUE (stock_id) DEFERRABLE INITIALLY DEFERRED",
    )
    with engine.connect() as connection:
        run(
            connection,
            "INSERT INTO inventory.stock_metrics "
            "(stock_id, available_quantity, reserved_quantity, updated_at) "
            f"VALUES ('{S}', 0, 1, '{date}')",
        )
        assert (side_of(connection, "stock") or {})["reserved_quantity"] == between
        assert differences(connection) == []
        run(
            connection,
            f"DELETE FROM inventory.stock_metrics WHERE stock_id = '{S}' AND reserved_quantity = 5",
        )
        connection.commit()
        assert (side_of(connection, "stock") or {})["reserved_quantity"] == 1
        assert differences(connection) == []


VETO = """
CREATE FUNCTION public.veto() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF {} THEN {} RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER veto BEFORE {} FOR EACH ROW EXECUTE FUNCTION public.veto()"""
TO_STOCK = "UPDATE inventory.stock SET status_history = '[9]', reserved_quantity = 9 WHERE id = {}.stock_id;"
TO_LEGACY = (
    "UPDATE inventory.stock_lifecycle SET status_history = '[9]' WHERE stock_id = NEW.id;"
    "UPDATE inventory.stock_metrics SET reserved_quantity = 9 WHERE stock_id = NEW.id;"
)
VETOES = {
    "stock": (
        VETO.format("NEW.quantity = 3", TO_LEGACY, "UPDATE ON inventory.stock"),
        "UPDATE inventory.stock SET quantity = 3",
    ),
    "updated": (
        VETO.format(
            "NEW.shelf_life_days = 3", TO_STOCK.format("NEW"), "UPDATE ON inventory.stock_lifecycle"
        ),
        "UPDATE inventory.stock_lifecycle SET shelf_life_days = 3",
    ),
    "inserted": (
        VETO.format("true", TO_STOCK.format("NEW"), "INSERT ON inventory.stock_metrics"),
        (
            "INSERT INTO inventory.stock_metrics (stock_id, available_quantity, reserved_quantity) "
            "SELECT id, 1, 1 FROM inventory.stock"
        ),
    ),
    "deleted": (
        VETO.format("true", TO_STOCK.format("OLD"), "DELETE ON inventory.stock_metrics"),
        "DELETE FROM inventory.stock_metrics",
    ),
}


@pytest.mark.parametrize("which", VETOES)
def test_what_a_trigger_writes_that_forbids_its_row_is_carried_over_at_the_commit(
    databases_of_each_version: Databases, which: str
) -> None:
    """No trigger of ours fires for a row that is not written; nothing is lost, prepared or not."""
    triggers, statement = VETOES[which]
    engine = changed_shop(databases_of_each_version, "SELECT 1")
    with engine.begin() as connection:
        run(connection, triggers)
    for end in (
        "SELECT 1",
        "SET CONSTRAINTS ALL IMMEDIATE",
        f"PREPARE TRANSACTION '{engine.url.database}'; COMMIT PREPARED '{engine.url.database}'",
    ):
        with connect(engine.url) as connection:
            run(connection, "SET session_replication_role = replica")
            run(
                connection,
                "UPDATE inventory.stock SET status_history = '[1]', reserved_quantity = 1;"
                "UPDATE inventory.stock_lifecycle SET status_history = '[1]';"
                "UPDATE inventory.stock_metrics SET reserved_quantity = 1, available_quantity = quantity - 1 "
                "FROM inventory.stock WHERE stock.id = stock_id",
            )
            run(connection, "RESET session_replication_role")
            assert differences(connection) == []
            for one in ("BEGIN", f"SET CONSTRAINTS ALL {'IMMEDIATE' if 'ALL' in end else 'DEFERRED'}",
                        statement, *end.split("; "), "COMMIT"):  # fmt: skip
                run(connection, one)

            assert [row["status_history"] for row in rows(connection, "stock")] == [
                {"json": [9]}
            ] * 2
            assert [row["reserved_quantity"] for row in rows(connection, "stock")] == [9, 9]
            assert differences(connection) == []
            left = run(connection, "SELECT count(*) FROM inventory_ops.postponed").scalar_one()
            assert left == 0


@pytest.fixture(scope="module")
def databases_in_german() -> Iterator[Databases]:
    """On a server that speaks German, as one that was installed in Germany does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANGUAGE", "de")
        yield from running_databases("15", lc_messages="C.UTF-8")


_NOTE = "UPDATE inventory.stock_metrics SET reserved_quantity = 2 WHERE stock_id = $1;"
NOTING = {"plpgsql": f"BEGIN {_NOTE} RETURN 5; END", "sql": f"{_NOTE} SELECT 5"}


@pytest.mark.parametrize("language", NOTING)
def test_function_that_writes_the_other_side_is_known_in_any_language(
    databases_in_german: Databases, language: str
) -> None:
    """Who is at work is read from PostgreSQL's own words, which are translated."""
    engine = changed_shop(
        databases_in_german,
        f"CREATE FUNCTION public.noting(uuid) RETURNS integer LANGUAGE {language} "
        f"AS $$ {NOTING[language]} $$",
    )
    with connect(engine.url) as connection:
        with pytest.raises(DBAPIError, match="Division durch Null"):
            run(connection, "SELECT 1 / 0")
        run(connection, "BEGIN")
        run(connection, "UPDATE inventory.stock SET quantity = public.noting(id)")
        assert [row["reserved_quantity"] for row in rows(connection, "stock")] == [2, 2]
        run(connection, "UPDATE inventory.stock_metrics SET reserved_quantity = 1")
        assert [row["reserved_quantity"] for row in rows(connection, "stock")] == [1, 1]
        run(connection, "COMMIT")
        assert differences(connection) == []


def test_trigger_that_forbids_each_try_is_refused(databases: Databases) -> None:
    """It writes to the other side again whenever that is to be carried over: for ever, without an end."""
    engine = changed_shop(databases, "SELECT 1")
    with engine.begin() as connection:
        run(connection, VETO.format("true", TO_LEGACY, "UPDATE ON inventory.stock"))
    with (
        connect(engine.url) as connection,
        pytest.raises(DBAPIError, match="a BEFORE trigger forbids to carry over what it writes"),
    ):
        run(connection, "UPDATE inventory.stock SET quantity = 3")


def test_many_rows_wait_for_one_statement(databases: Databases) -> None:
    """Each row's trigger writes to the other side before its row is there."""
    engine = changed_shop(
        databases,
        f"""
        INSERT INTO inventory.stock (id, product_id, size_id, quantity, status)
        SELECT gen_random_uuid(), '{S}', '{S}', 5, 'x' FROM generate_series(1, 500);
        INSERT INTO inventory.stock_lifecycle (stock_id) SELECT id FROM inventory.stock;
        CREATE FUNCTION public.noting() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          UPDATE inventory.stock_lifecycle SET status_history = '[9]' WHERE stock_id = NEW.id;
          RETURN NEW;
        END $$;
        CREATE TRIGGER noting BEFORE UPDATE ON inventory.stock
        FOR EACH ROW EXECUTE FUNCTION public.noting();
        """,
    )
    with connect(engine.url) as connection:
        run(connection, "UPDATE inventory.stock SET quantity = 3")

        found = rows(connection, "stock")
        assert {str(row["status_history"]) for row in found} == {"{'json': [9]}"}
        assert {row["quantity"] for row in found} == {3}
        assert differences(connection) == []


def test_truncation_of_stock_alone_leaves_no_legacy_row(databases: Databases) -> None:
    """Without foreign keys: a row that comes back under its id must not find what the old one said."""
    engine = changed_shop(
        databases,
        WITHOUT_FOREIGN_KEYS
        + "; ALTER TABLE inventory.stock_reservation DROP CONSTRAINT stock_reservation_stock_id_fkey",
    )
    with engine.connect() as connection:
        run(connection, "TRUNCATE inventory.stock")
        assert [rows(connection, table) for table in LEGACY] == [[], [], []]
        run(
            connection,
            "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status) "
            f"VALUES ('{S}', '{S}', '{S}', 1, 'x')",
        )
        assert (side_of(connection, "stock") or {})["status_history"] is None
        assert differences(connection) == []


@pytest.mark.parametrize("mode", Mode)
def test_quantity_may_be_unknown(databases: Databases, mode: Mode) -> None:
    """P4: neither the write nor the refresh of all other rows fails."""
    engine = changed_shop(databases, "ALTER TABLE inventory.stock ALTER quantity DROP NOT NULL")
    with Deployer(engine, ignore) as deployer:
        switch(deployer, mode)
    with connect(engine.url) as connection:
        run(connection, f"UPDATE inventory.stock SET quantity = NULL WHERE id = '{S}'")
        assert differences(connection) == []
        assert (side_of(connection, METRICS) or {})["available_quantity"] == 0
        run(connection, "SELECT inventory.refresh_stock_metrics()")
        shown = run(
            connection, "SELECT total_quantity FROM inventory.stock_metrics_view ORDER BY stock_id"
        )
        assert shown.scalars().all() == [None, 11]
        run(connection, f"UPDATE inventory.stock SET quantity = 8 WHERE id = '{S}'")
        assert (side_of(connection, METRICS) or {})["available_quantity"] == 3


@pytest.mark.parametrize(
    "constraint", ["DEFERRABLE INITIALLY DEFERRED", None], ids=["deferred", "absent"]
)
def test_legacy_rows_may_come_before_their_stock_row(
    databases: Databases, constraint: str | None
) -> None:
    again = "; ".join(
        f"ALTER TABLE inventory.{table} DROP CONSTRAINT {table}_stock_id_fkey"
        + (
            f", ADD FOREIGN KEY (stock_id) REFERENCES inventory.stock {constraint}"
            if constraint
            else ""
        )
        for table in LEGACY
    )
    engine = changed_shop(databases, again)
    new = "c0000000-0000-4000-8000-000000000003"
    with engine.connect() as connection:
        run(
            connection,
            f"INSERT INTO inventory.stock_metrics (stock_id, available_quantity, "
            f"reserved_quantity) VALUES ('{new}', 1, 2)",
        )
        run(
            connection,
            f"INSERT INTO inventory.stock_lifecycle (stock_id, status_history) VALUES ('{new}', '[1]')",
        )
        run(
            connection,
            f"INSERT INTO inventory.stock_financial (stock_id, purchase_price, "
            f"gross_purchase_price, vat_amount) VALUES ('{new}', 1, 2, 0)",
        )
        if constraint is None:
            connection.commit()
        run(
            connection,
            "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, "
            "purchase_price, listed_on_platforms) "
            f"VALUES ('{new}', '{new}', '{new}', 9, 'x', 5, '[2]')",
        )
        connection.commit()
        stock = side_of(connection, "stock", new) or {}
        assert (
            stock["reserved_quantity"],
            stock["purchase_price"],
            stock["gross_purchase_price"],
        ) == (2, 5, 2)
        assert (stock["status_history"], stock["listed_on_platforms"]) == (
            {"json": [1]},
            {"json": [2]},
        )
        assert differences(connection) == []


def test_of_several_rows_before_their_stock_row_each_fact_is_taken(databases: Databases) -> None:
    """The newer row says nothing of the history; nor does its price, which is 0."""
    engine = changed_shop(databases, WITHOUT_FOREIGN_KEYS)
    new = "c0000000-0000-4000-8000-000000000003"
    with engine.connect() as connection:
        run(
            connection,
            "INSERT INTO inventory.stock_lifecycle "
            "(stock_id, status_history, listed_on_platforms, updated_at) "
            f"VALUES ('{new}', '[1]', NULL, '2024-01-01Z'), ('{new}', NULL, '[2]', '2025-01-01Z');"
            "INSERT INTO inventory.stock_financial "
            "(stock_id, purchase_price, gross_purchase_price, vat_amount, roi, updated_at) "
            f"VALUES ('{new}', 7, 0, 0, 5, '2024-01-01Z'), ('{new}', 0, 8, 0, NULL, '2025-01-01Z');"
            "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status) "
            f"VALUES ('{new}', '{new}', '{new}', 9, 'x')",
        )

        stock = side_of(connection, "stock", new) or {}
        assert (stock["status_history"], stock["listed_on_platforms"]) == (
            {"json": [1]},
            {"json": [2]},
        )
        assert (stock["purchase_price"], stock["gross_purchase_price"], stock["roi_percentage"]) == (
            7, 8, 5,
        )  # fmt: skip
        assert differences(connection) == []


WITHOUT_FOREIGN_KEYS = "; ".join(
    f"ALTER TABLE inventory.{table} DROP CONSTRAINT {table}_stock_id_fkey" for table in LEGACY
)


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize(
    ("statement", "left"),
    [
        (f"DELETE FROM inventory.stock WHERE id = '{S}'", {OTHER}),
        ("DELETE FROM inventory.stock", set()),
        (
            f"UPDATE inventory.stock SET id = '{OTHER[:-1]}3' WHERE id = '{S}'",
            {OTHER, OTHER[:-1] + "3"},
        ),
    ],
)
def test_legacy_rows_go_where_their_stock_row_goes_without_a_foreign_key(
    databases: Databases, statement: str, left: set[str], isolation: str
) -> None:
    engine = changed_shop(databases, WITHOUT_FOREIGN_KEYS)
    with engine.connect() as connection:
        run(connection, f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        run(connection, statement)
        connection.commit()

        for table in LEGACY:
            assert {str(row["stock_id"]) for row in rows(connection, table)} == left
        assert differences(connection) == []
        assert [name for name, passed in verdicts(connection).items() if not passed] == []


def test_row_that_comes_back_in_the_same_statement_keeps_its_legacy_rows(
    databases: Databases,
) -> None:
    """A unique key that is deferred lets two rows exchange their ids."""
    engine = changed_shop(
        databases,
        WITHOUT_FOREIGN_KEYS
        + "; ALTER TABLE inventory.stock_reservation DROP CONSTRAINT stock_reservation_stock_id_fkey"
        "; ALTER TABLE inventory.stock DROP CONSTRAINT stock_pkey, ADD PRIMARY KEY (id) DEFERRABLE",
    )
    with engine.connect() as connection:
        run(
            connection,
            f"UPDATE inventory.stock SET id = CASE id WHEN '{S}' THEN '{OTHER}'::uuid ELSE '{S}' END",
        )
        connection.commit()

        for table in LEGACY:
            assert {str(row["stock_id"]) for row in rows(connection, table)} == {S, OTHER}


@pytest.mark.parametrize("keys", ["absent", "following"])
def test_what_is_written_with_a_new_id_is_kept(databases: Databases, keys: str) -> None:
    """Whoever lets the legacy rows follow, they say what stock said before."""
    following = "; ".join(
        f"ALTER TABLE inventory.{table} ADD FOREIGN KEY (stock_id) REFERENCES inventory.stock "
        "ON DELETE CASCADE ON UPDATE CASCADE"
        for table in LEGACY
    )
    engine = changed_shop(
        databases, WITHOUT_FOREIGN_KEYS + (f"; {following}" if keys == "following" else "")
    )
    new = "c0000000-0000-4000-8000-000000000003"
    with engine.connect() as connection:
        # A row of this id has been there before: it has left a trace.
        run(
            connection,
            "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status) "
            f"VALUES ('{new}', '{new}', '{new}', 1, 'x'); DELETE FROM inventory.stock WHERE id = '{new}'",
        )
        run(
            connection,
            f"UPDATE inventory.stock SET id = '{new}', listed_on_platforms = '[2]', status_history = NULL, "
            f"reserved_quantity = 0, purchase_price = NULL WHERE id = '{S}'",
        )

        stock = side_of(connection, "stock", new) or {}
        assert (stock["status_history"], stock["listed_on_platforms"]) == (None, {"json": [2]})
        assert (stock["reserved_quantity"], stock["purchase_price"]) == (0, None)
        for table in LEGACY:
            assert side_of(connection, table, new) is not None
        assert differences(connection) == []


@pytest.mark.parametrize("keys", ["absent", "cascading"])
def test_row_put_in_the_place_of_a_deleted_one_keeps_what_it_says(
    databases: Databases, keys: str
) -> None:
    """In one statement: the foreign key deletes the old one's legacy rows when the new one is there."""
    engine = changed_shop(databases, WITHOUT_FOREIGN_KEYS if keys == "absent" else "SELECT 1")
    with engine.connect() as connection:
        run(
            connection,
            f"WITH gone AS (DELETE FROM inventory.stock WHERE id = '{S}' RETURNING id) "
            "INSERT INTO inventory.stock (id, product_id, size_id, quantity, status, listed_on_platforms, "
            "reserved_quantity) SELECT id, id, id, 9, 'x', '[2]', 3 FROM gone",
        )

        stock = side_of(connection, "stock") or {}
        assert (stock["status_history"], stock["listed_on_platforms"]) == (None, {"json": [2]})
        assert (stock["reserved_quantity"], stock["purchase_price"]) == (3, None)
        assert side_of(connection, FINANCIAL) is None
        assert differences(connection) == []


def test_foreign_key_that_refuses_goes_on_refusing(databases: Databases) -> None:
    """Until the end of the transaction, by when whoever deletes has to have deleted the legacy rows."""
    engine = changed_shop(
        databases,
        WITHOUT_FOREIGN_KEYS
        + "; ALTER TABLE inventory.stock_metrics ADD FOREIGN KEY (stock_id) REFERENCES inventory.stock "
        "DEFERRABLE INITIALLY DEFERRED",
    )
    with engine.connect() as connection:
        run(connection, f"DELETE FROM inventory.stock WHERE id = '{S}'")
        with pytest.raises(DBAPIError) as refused:
            connection.commit()
        assert getattr(refused.value.orig, "sqlstate", None) == "23503"


INSERT_METRICS = (
    "INSERT INTO inventory.stock_metrics (stock_id, available_quantity, reserved_quantity) "
    f"VALUES ('{S}', 0, {{}})"
)


@pytest.mark.parametrize(
    ("statement", "reserved"),
    [
        (INSERT_METRICS.format(3), 3),
        (INSERT_METRICS.format(4), 4),
        (INSERT_METRICS.format(0) + " ON CONFLICT DO NOTHING", 3),
        (
            INSERT_METRICS.format(1)
            + " ON CONFLICT (stock_id) DO UPDATE SET reserved_quantity = stock_metrics.reserved_quantity + 1",
            4,
        ),
    ],
    ids=["the same", "another", "do nothing", "add"],
)
def test_row_of_the_writer_takes_the_place_of_ours_later_on(
    databases: Databases, statement: str, reserved: int
) -> None:
    """S9, each statement committed by itself: who counts on the row that is there finds it."""
    engine = changed_shop(databases, "DELETE FROM inventory.stock_metrics")
    with connect(engine.url) as connection:
        run(connection, f"UPDATE inventory.stock SET reserved_quantity = 3 WHERE id = '{S}'")
        found = run(connection, statement)
        assert found.rowcount == (0 if "NOTHING" in statement else 1)
        assert (side_of(connection, "stock") or {})["reserved_quantity"] == reserved
        assert differences(connection) == []


def test_copy_into_a_legacy_table(databases: Databases) -> None:
    engine = changed_shop(databases, "DELETE FROM inventory.stock_metrics")
    with engine.connect() as connection:
        run(connection, f"UPDATE inventory.stock SET reserved_quantity = 3 WHERE id = '{S}'")
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with (
            driver.cursor() as cursor,
            cursor.copy(
                "COPY inventory.stock_metrics (stock_id, available_quantity, reserved_quantity) FROM STDIN"
            ) as copy,
        ):
            copy.write_row((S, 7, 4))
            copy.write_row((OTHER, 7, 1))
        assert [row["reserved_quantity"] for row in rows(connection, "stock")] == [4, 1]
        assert differences(connection) == []


def test_order_is_spelled_the_same_everywhere() -> None:
    """Its home is counting_row; the preflight runs before that is there, the checks over all rows."""
    spelled = set()
    for file in (FILES / "sql").rglob("*.sql"):
        if "released" in file.parts:
            continue
        spelled |= {
            re.sub(r"\b(lifecycle|financial|newest|legacy)\.", "", " ".join(found.split()))
            for found in re.findall(r"\w+\.updated_at DESC[^)]*?\.id DESC", file.read_text())
        }
    assert spelled == {"updated_at DESC NULLS LAST, created_at DESC NULLS LAST, id DESC"}


@pytest.mark.parametrize(
    "leave",
    [
        "DELETE FROM inventory.{} WHERE id = '{}'",
        "UPDATE inventory.{} SET updated_at = '2001-01-01Z' WHERE id = '{}'",
    ],
    ids=["deleted", "dated back"],
)
@pytest.mark.parametrize(
    ("table", "fact"), [(FINANCIAL, "vat_amount = NULL"), (LIFECYCLE, "shelf_life_days = NULL")]
)
def test_stock_takes_what_a_row_says_that_comes_to_count(
    databases: Databases, table: str, fact: str, leave: str
) -> None:
    """Version 0.1.0 cleared a fact in the newest row alone; the sides differed once that row was gone."""
    newest = "c0000000-0000-4000-8000-000000000001"
    engine = changed_shop(databases, "SELECT 1")
    with engine.begin() as connection:
        run(connection, "SET LOCAL session_replication_role = replica")
        run(connection, f"UPDATE inventory.stock SET {fact} WHERE id = '{S}'")
        prices = {
            FINANCIAL: "(id, stock_id, purchase_price, gross_purchase_price, vat_amount, "
            f"profit_per_shelf_day, roi) VALUES ('{newest}', '{S}', 50, 60, 0, 1.5, 20)",
            LIFECYCLE: "(id, stock_id, listed_on_platforms, status_history) "
            f"VALUES ('{newest}', '{S}', '[\"old\"]', '[\"first\"]')",
        }
        run(connection, f"INSERT INTO inventory.{table} {prices[table]}")
    with engine.begin() as connection:
        assert differences(connection) == []

        run(connection, leave.format(table, newest))

        assert differences(connection) == []
        column, known = {FINANCIAL: ("vat_amount", 10), LIFECYCLE: ("shelf_life_days", 30)}[table]
        assert (side_of(connection, "stock") or {})[column] == known


@pytest.mark.parametrize("table", [FINANCIAL, LIFECYCLE])
def test_rows_of_one_insert_keep_what_stock_knows(deployed: URL, table: str) -> None:
    """The second row leaves out what stock has; what the first one does to stock must not reach it."""
    values = {
        LIFECYCLE: ("listed_on_platforms", "NULL::jsonb", "'[1]'::jsonb"),
        FINANCIAL: ("roi_percentage", "NULL::numeric", "12"),
    }
    column, nothing, something = values[table]
    legacy_column = "roi" if table == FINANCIAL else column
    prices = ", purchase_price, gross_purchase_price, vat_amount" if table == FINANCIAL else ""
    with connect(deployed) as connection:
        stock = connection.execute(text("SELECT id FROM inventory.stock LIMIT 1")).scalar_one()
        connection.execute(text(f"DELETE FROM inventory.{table} WHERE stock_id = :s"), {"s": stock})
        connection.execute(
            text(f"UPDATE inventory.stock SET {column} = {something} WHERE id = :s"), {"s": stock}
        )
        connection.execute(
            text(
                f"INSERT INTO inventory.{table} (stock_id, updated_at, {legacy_column}{prices}) VALUES "
                f"(:s, '2098-01-01Z', {nothing}{', 1, 1, 1' if prices else ''}), "
                f"(:s, '2099-01-01Z', {nothing}{', 1, 1, 1' if prices else ''})"
            ),
            {"s": stock},
        )
        kept = connection.execute(
            text(f"SELECT {column} = {something} FROM inventory.stock WHERE id = :s"), {"s": stock}
        ).scalar_one()
    assert kept


def test_reservations_that_the_backfill_has_not_reached_survive_a_write_to_stock(
    legacy: URL,
) -> None:
    """Between the triggers and the backfill they are in stock_metrics only, and stock says 0."""
    with Deployer(create_database_engine(legacy), ignore) as deployer:
        for file in [*OPERATIONS, *EXPAND]:
            deployer.apply(file)
    with connect(legacy) as connection:
        query = text("SELECT stock_id, reserved_quantity FROM inventory.stock_metrics ORDER BY 1")
        reserved = connection.execute(query).all()
        connection.execute(
            text("UPDATE inventory.stock SET quantity = quantity + 1, roi_percentage = 7")
        )

        run_deployment(legacy)

        assert connection.execute(query).all() == reserved
        assert sum(row.reserved_quantity for row in reserved) > 0
        for validation in VALIDATIONS:
            assert validation.ask(connection).passed, validation.name


def test_document_cleared_before_the_backfill_does_not_come_back_from_an_older_row(
    legacy: URL,
) -> None:
    """In the row that counts; without triggers, nobody could tell it from a row that never said anything."""
    with Deployer(create_database_engine(legacy), ignore) as deployer:
        for file in [*OPERATIONS, *EXPAND]:
            deployer.apply(file)
    with connect(legacy) as connection:
        parameters = {
            "id": connection.scalar(text("SELECT id FROM inventory.stock LIMIT 1")),
            "history": '["said"]',
        }
        connection.execute(
            text("DELETE FROM inventory.stock_lifecycle WHERE stock_id = :id"), parameters
        )
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(
            text(
                "INSERT INTO inventory.stock_lifecycle (stock_id, status_history, updated_at) VALUES "
                "(:id, CAST(:history AS jsonb), '2024-01-01Z'), (:id, CAST(:history AS jsonb), '2025-01-01Z')"
            ),
            parameters,
        )
        connection.execute(text("RESET session_replication_role"))
        connection.execute(
            text(
                "UPDATE inventory.stock_lifecycle SET status_history = NULL "
                "WHERE stock_id = :id AND updated_at = '2025-01-01Z'"
            ),
            parameters,
        )

        run_deployment(legacy)

        said = connection.execute(
            text(
                "SELECT status_history FROM inventory.stock WHERE id = :id UNION ALL "
                "SELECT status_history FROM inventory.stock_lifecycle WHERE stock_id = :id"
            ),
            parameters,
        ).scalars()
        assert said.all() == [None, None, None]


def test_reservation_written_while_the_backfill_holds_its_row_is_not_overwritten(
    legacy: URL,
) -> None:
    """The backfill has stored what it read, uncommitted; stock still says 0, as the old version does now."""
    with Deployer(create_database_engine(legacy), ignore) as deployer:
        for file in [*OPERATIONS, *EXPAND]:
            deployer.apply(file)
    with (
        create_database_engine(legacy).connect() as backfill,
        connect(legacy) as shop,
        connect(legacy) as observer,
        ThreadPoolExecutor() as pool,
    ):
        stock_id = observer.execute(
            text("SELECT stock_id FROM inventory.stock_metrics WHERE reserved_quantity > 0 LIMIT 1")
        ).scalar_one()
        backfill.execute(text("SELECT seen FROM inventory_ops.backfill_stock(NULL, 10000)"))

        release = pool.submit(
            shop.execute,
            text("UPDATE inventory.stock_metrics SET reserved_quantity = 0 WHERE stock_id = :id"),
            {"id": stock_id},
        )
        await_row(observer, RELEASE_WAITS_OR_IS_DONE, id=stock_id)
        backfill.commit()
        release.result()

        found = observer.execute(
            text("SELECT reserved_quantity FROM inventory.stock WHERE id = :id"), {"id": stock_id}
        ).scalar_one()
    assert found == 0


RELEASE_WAITS_OR_IS_DONE = """
SELECT 1 FROM inventory.stock_metrics WHERE stock_id = :id AND reserved_quantity = 0
UNION ALL
SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def test_huge_document_is_carried_over(deployed: URL) -> None:
    document = json.dumps([{"platform": "stockx", "metadata": ["👟" * 1000] * 2000}])
    with connect(deployed) as connection:
        changed = connection.execute(
            text(
                "UPDATE inventory.stock_lifecycle SET status_history = CAST(:d AS jsonb), updated_at = now() "
                "WHERE id = (SELECT id FROM inventory.stock_lifecycle LIMIT 1) RETURNING stock_id"
            ),
            {"d": document},
        ).scalar_one()
        found = connection.execute(
            text("SELECT status_history = CAST(:d AS jsonb) FROM inventory.stock WHERE id = :id"),
            {"d": document, "id": changed},
        ).scalar_one()
    assert found


@pytest.mark.parametrize("table", LEGACY)
def test_truncation_of_a_legacy_table_is_refused(deployed: URL, table: str) -> None:
    before = contents(deployed)

    with connect(deployed) as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text(f"TRUNCATE inventory.{table}"))

    assert f"inventory.{table} mirrors inventory.stock until it is retired" in str(refused.value)
    assert "HINT:  Delete the rows you mean with DELETE" in str(refused.value)
    assert contents(deployed) == before


def test_truncation_of_stock_is_refused_while_legacy_tables_hang_on_it(deployed: URL) -> None:
    before = contents(deployed)

    with (
        connect(deployed) as connection,
        pytest.raises(DBAPIError, match=r"mirrors inventory\.stock until it is retired"),
    ):
        connection.execute(text("TRUNCATE inventory.stock CASCADE"))

    assert contents(deployed) == before
