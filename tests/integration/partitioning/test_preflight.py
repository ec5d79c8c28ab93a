"""What stands in the way is named, with what to do, and what would change, before anything is touched."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import URL

from soleflip_assets.partitioning.keeping import make_months
from soleflip_assets.partitioning.preflight import find_table, plan
from soleflip_assets.partitioning.record import managed_tables
from soleflip_assets.partitioning.session import PartitioningError, partitioner
from tests.conftest import Databases, connect
from tests.integration.partitioning.tables import (
    back,
    described,
    engine_of,
    execute,
    shop,
    to_partitions,
)

OWNER = """
DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN;
GRANT USAGE ON SCHEMA logging TO keeper; GRANT ALL ON SCHEMA pricing TO keeper;
GRANT REFERENCES ON pricing.product, pricing.item, pricing.platform TO keeper;
ALTER TABLE pricing.price_history OWNER TO keeper;
"""

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
    "name of a month taken": (
        "CREATE VIEW logging.event_store_209901 AS SELECT 1",
        "logging.event_store_209901 is there",
    ),
    "name of a month that leaves taken": (
        "CREATE TABLE logging.event_store_202001_detached ()",
        "logging.event_store_202001_detached is there",
    ),
    "name taken by a type": (
        "CREATE TYPE logging.event_store_soleflip_new AS ENUM ()",
        "logging.event_store_soleflip_new is there",
    ),
    "policy of another table": (
        (
            "CREATE POLICY p ON logging.audit USING "
            "(EXISTS (SELECT FROM logging.event_store WHERE event_type = what))"
        ),
        "policy p on table logging.audit",
    ),
    "rule of another table": (
        (
            "CREATE RULE r AS ON INSERT TO logging.audit DO ALSO "
            "INSERT INTO logging.event_store (event_type) VALUES (NEW.what)"
        ),
        "rule r on table logging.audit",
    ),
    "rule of a view": (
        (
            "CREATE RULE r AS ON INSERT TO logging.latest DO INSTEAD "
            "INSERT INTO logging.event_store (event_type) VALUES (NEW.event_type)"
        ),
        "rule r on view logging.latest",
    ),
    "identity's sequence used elsewhere": (
        (
            "ALTER TABLE logging.event_store ADD number int GENERATED ALWAYS AS IDENTITY; "
            "ALTER TABLE logging.audit ADD n int DEFAULT nextval('logging.event_store_number_seq')"
        ),
        "default value for column n of table logging.audit",
    ),
    "view of a session": (
        "CREATE TEMPORARY VIEW mine AS SELECT * FROM logging.event_store",
        ".mine depends on it",
    ),
    "trigger that selects into the time": (
        (
            "CREATE FUNCTION logging.late() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN SELECT now() INTO NEW.timestamp; RETURN NEW; END$$; "
            "CREATE TRIGGER late BEFORE INSERT ON logging.event_store "
            "FOR EACH ROW EXECUTE FUNCTION logging.late()"
        ),
        "trigger late",
    ),
    "trigger that makes the row anew": (
        (
            "CREATE FUNCTION logging.late() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN NEW := jsonb_populate_record(NEW, '{}'); RETURN NEW; END$$; "
            "CREATE TRIGGER late BEFORE INSERT ON logging.event_store "
            "FOR EACH ROW EXECUTE FUNCTION logging.late()"
        ),
        "trigger late",
    ),
    "trigger that asks for the table's name": (
        (
            "CREATE FUNCTION logging.named() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN INSERT INTO logging.audit (what) VALUES (TG_TABLE_NAME); RETURN NULL; END$$; "
            "CREATE TRIGGER named AFTER INSERT ON logging.event_store "
            "FOR EACH ROW EXECUTE FUNCTION logging.named()"
        ),
        "TG_ARGV",
    ),
    "publication without the time": (
        (
            "CREATE PUBLICATION q FOR TABLE logging.event_store (id, version) "
            "WITH (publish_via_partition_root)"
        ),
        "The publication q leaves out",
    ),
}

# What belongs to others, and the grant without which the owner cannot take it along.
LACKING = {
    "schema": ("REVOKE CREATE ON SCHEMA pricing FROM keeper", "CREATE ON SCHEMA pricing TO keeper"),
    "referenced table": (
        "REVOKE REFERENCES ON pricing.product FROM keeper",
        "REFERENCES ON pricing.product TO keeper",
    ),
    "function of a trigger": (
        (
            "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
            "CREATE TRIGGER f AFTER INSERT ON pricing.price_history EXECUTE FUNCTION public.f(); "
            "REVOKE EXECUTE ON FUNCTION public.f() FROM PUBLIC"
        ),
        "EXECUTE ON FUNCTION f() TO keeper",
    ),
    "type": (
        (
            "CREATE DOMAIN public.d AS text; ALTER TABLE pricing.price_history ADD d public.d; "
            "REVOKE USAGE ON TYPE public.d FROM PUBLIC"
        ),
        "USAGE ON TYPE d TO keeper",
    ),
    "publication": (
        "CREATE PUBLICATION q FOR TABLE pricing.price_history WITH (publish_via_partition_root)",
        "The publication q belongs to another role",
    ),
    "statistics": (
        "CREATE STATISTICS pricing.st ON product_id, price_date FROM pricing.price_history",
        "The statistics object st belongs to another role",
    ),
    "view": (
        "CREATE VIEW pricing.v AS SELECT id FROM pricing.price_history",
        "The view pricing.v belongs to another role",
    ),
    "view's schema": (
        (
            "CREATE VIEW logging.v AS SELECT id FROM pricing.price_history; "
            "ALTER VIEW logging.v OWNER TO keeper"
        ),
        "CREATE ON SCHEMA logging TO keeper",
    ),
}


def kept_by_an_owner(url: URL, statements: str = "") -> URL:
    """A shop whose price history belongs to a role that may do with the rest only what it has to."""
    with connect(url) as connection:
        execute(
            connection, f'{OWNER} GRANT CREATE ON DATABASE "{url.database}" TO keeper; {statements}'
        )
    return url.set(username="keeper")


@pytest.mark.parametrize("lacking", LACKING)
def test_right_that_the_owner_lacks_is_named(
    databases_of_each_version: Databases, lacking: str
) -> None:
    statements, said = LACKING[lacking]
    url = kept_by_an_owner(shop(databases_of_each_version), statements)
    with pytest.raises(PartitioningError, match=re.escape(said)):
        to_partitions(url, "pricing.price_history", "price_date")


def test_owner_of_the_table_alone_converts_keeps_and_takes_back(
    databases_of_each_version: Databases,
) -> None:
    """What it references belongs to others, who let it be referenced and no more."""
    shop_url = shop(databases_of_each_version)
    url = kept_by_an_owner(shop_url)
    with connect(shop_url) as connection:
        before = described(connection, "pricing.price_history")
        to_partitions(url, "pricing.price_history", "price_date")
        with partitioner(engine_of(url)) as owner:
            (managed,) = managed_tables(owner)
            assert make_months(owner, managed, datetime.now(UTC) + timedelta(days=70))
        back(url, "pricing.price_history")

        assert described(connection, "pricing.price_history") == before


# What a table in partitions can have got, which an ordinary one would not have.
GOT = {
    "row security": "ALTER TABLE logging.event_store ENABLE ROW LEVEL SECURITY",
    "the rule r": "CREATE RULE r AS ON DELETE TO logging.event_store DO ALSO NOTIFY gone",
    "policy p on table logging.audit": (
        "CREATE POLICY p ON logging.audit USING (EXISTS (SELECT FROM logging.event_store))"
    ),
}


@pytest.mark.parametrize("said", GOT)
def test_what_would_vanish_on_the_way_back_is_named(databases: Databases, said: str) -> None:
    url = shop(databases)
    to_partitions(url, "logging.event_store", "timestamp")
    with connect(url) as connection:
        execute(connection, GOT[said])
        before = described(connection, "logging.event_store")
        with pytest.raises(PartitioningError, match=said):
            back(url, "logging.event_store")

        assert described(connection, "logging.event_store") == before


def test_what_nobody_foresaw_is_told_in_the_words_of_postgresql(databases: Databases) -> None:
    url = shop(databases)
    with connect(url) as connection:
        execute(
            connection,
            "CREATE FUNCTION logging.fine(record) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS "
            "'BEGIN RETURN true; END'; "
            "ALTER TABLE logging.event_store ADD CHECK (logging.fine(event_store.*))",
        )
    with pytest.raises(PartitioningError, match=r"stays as it is: .* whole-row .*, or --undo"):
        to_partitions(url, "logging.event_store", "timestamp")


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
        ("inventory_ops.archived_month", "dropped_at", "SoleFlip itself works with it"),
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
        execute(
            connection,
            "CREATE FUNCTION logging.once() RETURNS void LANGUAGE plpgsql AS $$BEGIN "
            "INSERT INTO logging.event_store (event_id, event_type) VALUES (gen_random_uuid(), 'x') "
            "ON CONFLICT (event_id) DO NOTHING; END$$",
        )
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
    assert "The function logging.once() names it and ON CONFLICT" in said
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
        # Times that Python does not know.
        connection.exec_driver_sql(
            "INSERT INTO analytics.sales_forecasts (forecast_run_id, forecast_date, predicted) "
            "VALUES (md5('x')::uuid, '-infinity', 1), (md5('y')::uuid, '0044-03-15 BC', 1)"
        )
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
