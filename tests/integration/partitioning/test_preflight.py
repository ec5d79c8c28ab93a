"""What stands in the way is named, with what to do, and what would change, before anything is touched."""

from datetime import UTC, datetime

import pytest

from soleflip_assets.partitioning.preflight import find_table, plan
from soleflip_assets.partitioning.session import PartitioningError
from tests.conftest import Databases, connect
from tests.integration.partitioning.tables import described, execute, shop, to_partitions

# What is in the way, and a word of the sentence that says so.
OBSTACLES = {
    "incoming foreign key": (
        "CREATE TABLE logging.other (id uuid REFERENCES logging.event_store (id))",
        "logging.other references it",
    ),
    "row security": ("ALTER TABLE logging.event_store ENABLE ROW LEVEL SECURITY", "row security"),
    "policy": ("CREATE POLICY p ON logging.event_store USING (true)", "row security"),
    "rule": ("CREATE RULE r AS ON DELETE TO logging.event_store DO INSTEAD NOTHING", "the rule r"),
    "inheritance": (
        "CREATE TABLE logging.child () INHERITS (logging.event_store)",
        "logging.child",
    ),
    "unlogged": (
        "DROP TABLE logging.audit; ALTER TABLE logging.event_store SET UNLOGGED",
        "unlogged",
    ),
    "exclusion": (
        "ALTER TABLE logging.event_store ADD CONSTRAINT x EXCLUDE USING hash (event_id WITH =)",
        "constraint x",
    ),
    "NOT VALID": (
        "ALTER TABLE logging.event_store ADD CONSTRAINT nv CHECK (version < 9) NOT VALID",
        "VALIDATE CONSTRAINT nv",
    ),
    "NO INHERIT": (
        "ALTER TABLE logging.event_store ADD CONSTRAINT ni CHECK (version < 9) NO INHERIT",
        "constraint ni",
    ),
    "deferrable key": (
        "ALTER TABLE logging.event_store DROP CONSTRAINT event_store_pkey, ADD PRIMARY KEY (id) DEFERRABLE",
        "deferrable",
    ),
    "replica identity": (
        "ALTER TABLE logging.event_store REPLICA IDENTITY USING INDEX event_store_event_id_key",
        "replica identity",
    ),
    "publication": (
        "CREATE PUBLICATION q FOR TABLE logging.event_store",
        "publish_via_partition_root",
    ),
    "publication of a schema": (
        "CREATE PUBLICATION q FOR TABLES IN SCHEMA logging",
        "publish_via_partition_root",
    ),
    "transition table of rows": (
        (
            "CREATE TRIGGER each AFTER INSERT ON logging.event_store REFERENCING NEW TABLE AS n FOR EACH ROW "
            "EXECUTE FUNCTION logging.note()"
        ),
        "trigger each",
    ),
    "trigger that sets the time": (
        (
            "CREATE FUNCTION logging.late() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN NEW.timestamp := now(); RETURN NEW; END$$; "
            "CREATE TRIGGER late BEFORE INSERT ON logging.event_store "
            "FOR EACH ROW EXECUTE FUNCTION logging.late()"
        ),
        "trigger late",
    ),
    "materialized view": (
        "CREATE MATERIALIZED VIEW logging.mv AS SELECT count(*) FROM logging.event_store",
        "materialized view logging.mv",
    ),
    "view by the key": (
        "CREATE VIEW logging.bykey AS SELECT id, event_type FROM logging.event_store GROUP BY id",
        "logging.bykey groups by",
    ),
    "function on the rows": (
        "CREATE FUNCTION logging.of_row(logging.event_store) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function logging.of_row",
    ),
    "column of the row's type": (
        "CREATE TABLE logging.kept (row logging.event_store)",
        "logging.kept",
    ),
    "function with a parsed body": (
        (
            "CREATE FUNCTION logging.parsed() RETURNS bigint LANGUAGE sql "
            "BEGIN ATOMIC SELECT count(*) FROM logging.event_store; END"
        ),
        "function logging.parsed()",
    ),
    "far ahead": (
        (
            "INSERT INTO logging.event_store (event_type, timestamp) "
            "VALUES ('x', '9999-01-01'), ('y', 'infinity')"
        ),
        "2 rows are more than 5 years ahead",
    ),
    "name taken": ("CREATE TABLE logging.event_store_rest ()", "logging.event_store_rest is there"),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_obstacle_is_named_and_nothing_is_changed(
    databases_of_each_version: Databases, obstacle: str
) -> None:
    statements, said = OBSTACLES[obstacle]
    url = shop(databases_of_each_version)
    with connect(url) as connection:
        execute(connection, statements)
        before = described(connection, "logging.event_store")
        with pytest.raises(PartitioningError) as refused:
            to_partitions(url, "logging.event_store", "timestamp")
        assert described(connection, "logging.event_store") == before

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("table", "column", "said"),
    [
        ("logging.event_store", "nothing", "There is no column nothing"),
        ("logging.event_store", "version", "of type integer"),
        ("logging.latest", "timestamp", "no ordinary table"),
        ("logging.nowhere", "timestamp", "There is no table logging.nowhere"),
    ],
)
def test_wrong_table_or_column_is_named(
    databases: Databases, table: str, column: str, said: str
) -> None:
    with pytest.raises(PartitioningError, match=said):
        to_partitions(shop(databases), table, column)


def test_rows_without_a_time_are_counted(databases: Databases) -> None:
    url = shop(databases)
    with connect(url) as connection:
        connection.exec_driver_sql("UPDATE logging.system_logs SET created_at = NULL WHERE id < 4")
    with pytest.raises(PartitioningError, match="3 rows have no created_at"):
        to_partitions(url, "logging.system_logs", "created_at")


def test_whoever_is_not_the_owner_is_told_so(databases: Databases) -> None:
    url = shop(databases)
    with connect(url) as connection:
        execute(
            connection,
            "DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN; "
            "GRANT USAGE ON SCHEMA logging TO stranger",
        )
        execute(connection, "GRANT SELECT ON logging.event_store TO stranger; SET ROLE stranger")
        found = plan(
            connection,
            find_table(connection, "logging.event_store", "timestamp"),
            datetime.now(UTC),
        )

    assert any("belongs to" in sentence for sentence in found.obstacles)


def test_what_will_be_another_way_is_said(databases_of_each_version: Databases) -> None:
    """The key, each UNIQUE, what fails from then on, and whether a lookup stays fast."""
    url = shop(databases_of_each_version)
    with connect(url) as connection:
        events = plan(
            connection,
            find_table(connection, "logging.event_store", "timestamp"),
            datetime.now(UTC),
        )
        logs = plan(
            connection,
            find_table(connection, "logging.system_logs", "created_at"),
            datetime.now(UTC),
        )
        forecasts = plan(
            connection,
            find_table(connection, "analytics.sales_forecasts", "forecast_date"),
            datetime.now(UTC),
        )

    said = "\n".join(events.changes)
    assert events.obstacles == logs.obstacles == forecasts.obstacles == []
    assert 'PRIMARY KEY (id) becomes (id, "timestamp")' in said
    assert "ON CONFLICT (id) fails" in said
    assert "logging.event_store_event_id_key (event_id) becomes unique in each month" in said
    assert "ON CONFLICT (event_id) fails" in said
    assert "lookup by it stays fast" in said
    assert "The view logging.latest is pointed at the partitioned table" in said
    assert any("created_at becomes NOT NULL" in sentence for sentence in logs.changes)
    # Its UNIQUE has the date in it, and holds as before.
    assert not any("unique in each month" in sentence for sentence in forecasts.changes)


def test_lookup_by_what_is_unique_reads_an_index_of_each_month(databases: Databases) -> None:
    url = shop(databases)
    to_partitions(url, "logging.event_store", "timestamp")
    with connect(url) as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        for column in ("id", "event_id"):
            plan_text = "\n".join(
                row[0]
                for row in connection.exec_driver_sql(
                    f"EXPLAIN SELECT FROM logging.event_store WHERE {column} = md5('x')::uuid"
                )
            )
            assert "Seq Scan" not in plan_text
            assert plan_text.count("Index") >= 4


def test_first_partition_ends_with_next_month_or_after_the_latest_row(databases: Databases) -> None:
    url = shop(databases)
    now = datetime(2026, 11, 26, tzinfo=UTC)
    with connect(url) as connection:
        connection.exec_driver_sql("DELETE FROM analytics.sales_forecasts")
        empty = plan(
            connection, find_table(connection, "analytics.sales_forecasts", "forecast_date"), now
        )
        connection.exec_driver_sql(
            "INSERT INTO analytics.sales_forecasts (forecast_run_id, forecast_date, predicted) "
            "VALUES (md5('x')::uuid, '2027-05-31 23:59:59.999999', 1)"
        )
        ahead = plan(
            connection, find_table(connection, "analytics.sales_forecasts", "forecast_date"), now
        )

    assert str(empty.until) == "2027-01"
    assert str(ahead.until) == "2027-07"
