"""The shop's four time series become partitions with everything they have, and ordinary tables again."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from soleflip_assets.partitioning.record import managed_table
from tests.conftest import Databases, connect
from tests.integration.partitioning.tables import (
    FOUR,
    PRIVILEGES,
    back,
    described,
    execute,
    name_of,
    partitions,
    rows_of,
    shop,
    stored,
    to_partitions,
)

TABLES = [pytest.param(table, column, id=table) for table, column, _ in FOUR]
Described = dict[str, list[tuple[Any, ...]]]

_WRITES = {
    "logging.event_store": (
        "INSERT INTO logging.event_store (event_type) VALUES ('new') RETURNING id",
        "UPDATE logging.event_store SET version = version + 1 WHERE id = %s RETURNING id",
    ),
    "logging.system_logs": (
        "INSERT INTO logging.system_logs (level, component, message) VALUES ('WARN', 'x', 'y') RETURNING id",
        "UPDATE logging.system_logs SET message = 'z' WHERE id = %s RETURNING id",
    ),
    "pricing.price_history": (
        (
            "INSERT INTO pricing.price_history (product_id, price_date, price_type, price_amount) "
            "VALUES (md5('1')::uuid, current_date, 'bid', 12.34) RETURNING id"
        ),
        "UPDATE pricing.price_history SET price_amount = 5 WHERE id = %s RETURNING id",
    ),
    "analytics.sales_forecasts": (
        (
            "INSERT INTO analytics.sales_forecasts (forecast_run_id, forecast_date, predicted) "
            "VALUES (md5('x')::uuid, now() + interval '3 days', 1) RETURNING id"
        ),
        "UPDATE analytics.sales_forecasts SET predicted = 5 WHERE id = %s RETURNING id",
    ),
}


def with_privileges(connection: Connection, table: str, number: int) -> None:
    """An owner and grantees of this test's own, since roles are the server's."""
    roles = "".join(
        f"DROP ROLE IF EXISTS {role}_{number}; CREATE ROLE {role}_{number}; "
        for role in ("shop", "app", "reader")
    )
    execute(connection, roles)
    schema = table.split(".", maxsplit=1)[0]
    execute(
        connection,
        f"GRANT ALL ON SCHEMA {schema} TO shop_{number}; GRANT USAGE ON SCHEMA {schema} TO app_{number}",
    )
    execute(connection, PRIVILEGES.format(table=table, number=number))
    execute(
        connection,
        f"CREATE PUBLICATION p{number} FOR TABLE {table} WITH (publish_via_partition_root = true)",
    )
    # What whoever makes tables gives away by default must not be given away.
    execute(
        connection,
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; "
        "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO PUBLIC",
    )


def privileges_of_partitions(connection: Connection, table: str) -> list[str]:
    """Who may do what with each partition by its own name."""
    schema = name_of(table).schema
    return [
        described(connection, f"{schema}.{name}")["table"][0][1]
        for name in partitions(connection, table)
    ]


def expected(before: Described, table: str, column: str) -> Described:
    """What is to be seen after the conversion: the key with the column, what is unique by the month gone."""
    changed = {name: list(rows) for name, rows in before.items()}
    local = {
        name
        for name, definition, *_ in before["indexes"]
        if " UNIQUE " in definition
        and not re.search(rf"\(.*\b{column}\b.*\)", definition)
        and "pkey" not in name
    }
    changed["indexes"] = [
        (
            name,
            re.sub(r"\(id\)$", f"(id, {quote(column)})", definition)
            if "pkey" in name
            else definition,
            *more,
        )
        for name, definition, *more in before["indexes"]
        if name not in local
    ]
    changed["constraints"] = [
        (
            name,
            kind,
            re.sub(r"\(id\)$", f"(id, {quote(column)})", definition) if kind == "p" else definition,
            *more,
        )
        for name, kind, definition, *more in before["constraints"]
        if name not in local
    ]
    changed["columns"] = [
        (name, kind, notnull or name == column, *more)
        for name, kind, notnull, *more in before["columns"]
    ]
    return changed


def quote(name: str) -> str:
    return f'"{name}"' if name == "timestamp" else name


@pytest.mark.parametrize(("table", "column"), TABLES)
def test_everything_comes_along_and_back(
    databases_of_each_version: Databases, table: str, column: str
) -> None:
    """By catalog: columns, keys, indexes, triggers, privileges, comments, views, sequences, publications."""
    url = shop(databases_of_each_version)
    with connect(url) as connection:
        with_privileges(connection, table, 1 + [known for known, *_ in FOUR].index(table))
        before, rows = described(connection, table), rows_of(connection, table)

        to_partitions(url, table, column, "60d")
        after = described(connection, table)
        assert after == expected(before, table, column)
        assert set(privileges_of_partitions(connection, table)) == {before["table"][0][1]}
        assert rows_of(connection, table) == rows

        back(url, table)
        again = described(connection, table)
        assert again == before
        assert rows_of(connection, table) == rows
        assert managed_table(connection, name_of(table)) is None
        schema, name = table.split(".")
        left = connection.exec_driver_sql(
            f"SELECT relname FROM pg_class WHERE relnamespace = '{schema}'::regnamespace "
            f"AND relname ~ 'soleflip|_until_|{name}_rest'"
        ).all()
        assert left == []


@pytest.mark.parametrize(("table", "column"), TABLES)
def test_statements_of_the_application_work_on_before_meanwhile_and_after(
    databases_of_each_version: Databases, table: str, column: str
) -> None:
    """Also those that a session had prepared before: the same text, the same kind of answer."""
    insert, update = _WRITES[table]
    url = shop(databases_of_each_version)
    with connect(url) as connection:
        driver: Any = connection.connection.driver_connection
        driver.prepare_threshold = 0
        count = rows_of(connection, table)[0]
        steps: list[Callable[[], None]] = [
            lambda: None,
            lambda: to_partitions(url, table, column),
            lambda: back(url, table),
        ]
        for number, step in enumerate(steps, 1):
            step()
            (row_id,) = driver.execute(insert).fetchone()
            assert driver.execute(update, [row_id]).fetchone() == (row_id,)
            assert rows_of(connection, table)[0] == count + number


def test_partitions_are_stored_as_the_table_was(databases_of_each_version: Databases) -> None:
    url = shop(databases_of_each_version)
    to_partitions(url, "logging.event_store", "timestamp")
    to_partitions(url, "logging.system_logs", "created_at")
    with connect(url) as connection:
        events = set(stored(connection, "logging.event_store").values())
        logs = set(stored(connection, "logging.system_logs").values())

    assert events == {("{fillfactor=90,autovacuum_vacuum_scale_factor=0.05}", "d")}
    assert logs == {(None, "f")}


def test_existing_table_is_the_first_partition_and_is_not_rewritten(databases: Databases) -> None:
    url = shop(databases)
    node = "SELECT pg_relation_filenode('{}'), (SELECT min(xmin::text) FROM {})"
    with connect(url) as connection:
        before = connection.exec_driver_sql(node.format(*["logging.event_store"] * 2)).one()
        to_partitions(url, "logging.event_store", "timestamp")
        first = partitions(connection, "logging.event_store")[-1]
        after = connection.exec_driver_sql(node.format(*[f"logging.{first}"] * 2)).one()

    assert re.fullmatch(r"event_store_until_\d{6}", first)
    assert after == before


def test_what_was_unique_is_unique_in_each_month(databases_of_each_version: Databases) -> None:
    url = shop(databases_of_each_version)
    to_partitions(url, "logging.event_store", "timestamp")
    insert = (
        "INSERT INTO logging.event_store (event_id, event_type, timestamp) "
        "VALUES (md5('same')::uuid, 'x', {})"
    )
    with connect(url) as connection:
        connection.exec_driver_sql(insert.format("now()"))
        with pytest.raises(DBAPIError, match="event_store_event_id_key"):
            connection.exec_driver_sql(insert.format("now()"))
        # Another month, for which a partition was made: the same there.
        connection.exec_driver_sql(insert.format("now() + interval '70 days'"))
        with pytest.raises(DBAPIError, match="duplicate key"):
            connection.exec_driver_sql(insert.format("now() + interval '70 days'"))


def test_triggers_fire_once_for_each_statement_and_row(
    databases_of_each_version: Databases,
) -> None:
    url = shop(databases_of_each_version)
    to_partitions(url, "logging.event_store", "timestamp")
    with connect(url) as connection:
        connection.exec_driver_sql("TRUNCATE logging.audit")
        connection.exec_driver_sql(
            "INSERT INTO logging.event_store (event_type, timestamp) "
            "SELECT 'x', now() + n * interval '40 days' FROM generate_series(0, 3) AS n"
        )
        noted = connection.exec_driver_sql("SELECT what, rows FROM logging.audit").all()
        touched = connection.exec_driver_sql(
            "UPDATE logging.event_store SET version = 2 WHERE event_type = 'x' "
            "RETURNING updated_at IS NOT NULL"
        ).all()

    assert [tuple(row) for row in noted] == [("INSERT event_store", 4)]
    assert [tuple(row) for row in touched] == [(True,)] * 4


def test_foreign_keys_are_kept_in_every_partition(databases_of_each_version: Databases) -> None:
    url = shop(databases_of_each_version)
    to_partitions(url, "pricing.price_history", "price_date")
    insert = (
        "INSERT INTO pricing.price_history (product_id, price_date, price_type, price_amount) "
        "VALUES (md5('{}')::uuid, {}, 'ask', 1)"
    )
    with connect(url) as connection:
        for day in ("current_date", "current_date + 70", "current_date + 4000"):
            with pytest.raises(DBAPIError, match="price_history_product_id_fkey"):
                connection.exec_driver_sql(insert.format("missing", day))
            connection.exec_driver_sql(insert.format("1", day))
        connection.exec_driver_sql("DELETE FROM pricing.product WHERE id = md5('1')::uuid")
        left = connection.exec_driver_sql(
            "SELECT DISTINCT product_id::text FROM pricing.price_history"
        ).all()

    assert len(left) == 1
