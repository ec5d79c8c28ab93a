"""The shop's four time series with what stands around them, and what of a table can be seen from outside."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import URL

from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.months.partitions import TableName
from soleflip_assets.partitioning.conversion import convert
from soleflip_assets.partitioning.names import Keep
from soleflip_assets.partitioning.undo import undo
from tests.conftest import Databases, connect

SURROUNDINGS = """
CREATE SCHEMA logging;
CREATE SCHEMA pricing;
CREATE SCHEMA analytics;
CREATE TABLE pricing.product (id uuid PRIMARY KEY);
CREATE TABLE pricing.item (id uuid PRIMARY KEY);
CREATE TABLE pricing.platform (id uuid PRIMARY KEY);
INSERT INTO pricing.product VALUES (md5('1')::uuid), (md5('2')::uuid);
INSERT INTO pricing.item VALUES (md5('1')::uuid);
INSERT INTO pricing.platform VALUES (md5('1')::uuid);
"""

EVENT_STORE = """
CREATE TABLE logging.event_store (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  event_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  event_type varchar(100) NOT NULL,
  aggregate_id uuid,
  event_data jsonb NOT NULL DEFAULT '{}',
  correlation_id uuid,
  causation_id uuid,
  "timestamp" timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_enabled = true);
CREATE INDEX ix_event_type ON logging.event_store (event_type, "timestamp" DESC);
CREATE INDEX ix_event_data ON logging.event_store USING gin (event_data);
CREATE UNIQUE INDEX ux_aggregate ON logging.event_store (aggregate_id, version) WHERE aggregate_id IS NOT
NULL; CREATE INDEX ix_recent ON logging.event_store USING brin ("timestamp"); COMMENT ON TABLE
logging.event_store IS 'what happened, it''s all'; COMMENT ON COLUMN logging.event_store.event_data IS 'the
"event"'; COMMENT ON INDEX logging.ix_event_type IS 'for the log page'; COMMENT ON CONSTRAINT
event_store_pkey ON logging.event_store IS 'by id'; CREATE STATISTICS logging.event_kinds (dependencies) ON
event_type, version FROM logging.event_store; COMMENT ON STATISTICS logging.event_kinds IS 'they go
together'; ALTER TABLE logging.event_store ALTER COLUMN event_type SET STATISTICS 500; CREATE FUNCTION
logging.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW;
END$$; CREATE TRIGGER touch BEFORE UPDATE ON logging.event_store FOR EACH ROW EXECUTE FUNCTION
logging.touch(); CREATE TABLE logging.audit (id bigint GENERATED ALWAYS AS IDENTITY, what text, rows
bigint); CREATE FUNCTION logging.note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO
logging.audit (what, rows) SELECT TG_OP || ' ' || TG_TABLE_NAME, count(*) FROM n; RETURN NULL; END$$; CREATE
TRIGGER note AFTER INSERT ON logging.event_store REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE
FUNCTION logging.note(); COMMENT ON TRIGGER note ON logging.event_store IS 'counts'; CREATE VIEW
logging.latest WITH (security_barrier = true) AS SELECT id, event_type, "timestamp" FROM logging.event_store
WHERE "timestamp" > '2020-01-01'; CREATE VIEW logging.kinds AS SELECT event_type, count(*) AS events FROM
logging.latest GROUP BY event_type; INSERT INTO logging.event_store (event_type, aggregate_id, event_data,
"timestamp") SELECT 'kind ' || n % 7, md5(n::text)::uuid, jsonb_build_object('n', n), now() - n * interval
'37 minutes' FROM generate_series(1, 3000) AS n;
"""

SYSTEM_LOGS = """
CREATE TABLE logging.system_logs (
  id bigserial PRIMARY KEY,
  level varchar(20) NOT NULL,
  component varchar(50) NOT NULL,
  message text NOT NULL,
  details jsonb,
  source_table varchar(100),
  source_id uuid,
  created_at timestamptz DEFAULT now()
);
CREATE INDEX ix_logs_level ON logging.system_logs (level) INCLUDE (component);
ALTER TABLE logging.system_logs REPLICA IDENTITY FULL;
INSERT INTO logging.system_logs (level, component, message, created_at)
SELECT 'INFO', 'c' || n % 3, repeat('m', n % 50), now() - n * interval '1 hour' FROM generate_series(1,
2000) AS n;
"""

PRICE_HISTORY = """
CREATE TABLE pricing.price_history (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  product_id uuid NOT NULL REFERENCES pricing.product (id) ON DELETE CASCADE,
  inventory_item_id uuid REFERENCES pricing.item (id) ON DELETE SET NULL,
  platform_id uuid CONSTRAINT of_platform REFERENCES pricing.platform (id) DEFERRABLE INITIALLY DEFERRED,
  price_date date NOT NULL,
  price_type varchar(50) NOT NULL,
  price_amount numeric(10,2) NOT NULL,
  currency varchar(3) NOT NULL DEFAULT 'EUR',
  source varchar(50) NOT NULL DEFAULT 'stockx',
  confidence_score numeric(3,2),
  additional_data json,
  cents bigint GENERATED ALWAYS AS ((price_amount * 100)::bigint) STORED,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_price_product_date ON pricing.price_history (product_id, price_date);
INSERT INTO pricing.price_history (product_id, inventory_item_id, price_date, price_type, price_amount)
SELECT md5((1 + n % 2)::text)::uuid, CASE WHEN n % 5 = 0 THEN md5('1')::uuid END, current_date - n % 800,
'ask', n FROM generate_series(1, 2000) AS n;
"""

SALES_FORECASTS = """
CREATE TABLE analytics.sales_forecasts (
  id integer GENERATED BY DEFAULT AS IDENTITY (START 100 INCREMENT 5) PRIMARY KEY,
  forecast_run_id uuid NOT NULL,
  product_id uuid,
  forecast_date timestamp NOT NULL,
  predicted numeric(10,2) NOT NULL,
  UNIQUE (forecast_run_id, product_id, forecast_date)
);
COMMENT ON SEQUENCE analytics.sales_forecasts_id_seq IS 'in fives';
INSERT INTO analytics.sales_forecasts (forecast_run_id, product_id, forecast_date, predicted)
SELECT md5((n / 100)::text)::uuid, md5(n::text)::uuid, now()::timestamp + (n - 1000) * interval '5 hours', n
FROM generate_series(1, 2000) AS n;
"""

PRIVILEGES = """
ALTER TABLE {table} OWNER TO shop_{number};
GRANT SELECT, INSERT ON {table} TO app_{number};
GRANT UPDATE ON {table} TO app_{number} WITH GRANT OPTION;
GRANT SELECT (id) ON {table} TO reader_{number};
"""

# Table, its time column, how it and what is on it is made.
FOUR = [
    ("logging.event_store", "timestamp", EVENT_STORE),
    ("logging.system_logs", "created_at", SYSTEM_LOGS),
    ("pricing.price_history", "price_date", PRICE_HISTORY),
    ("analytics.sales_forecasts", "forecast_date", SALES_FORECASTS),
]

_DESCRIBED = {
    "columns": """
        SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
               pg_get_expr(adbin, adrelid), col_description(attrelid, attnum), attacl::text,
               nullif(to_jsonb(pg_attribute) ->> 'attstattarget', '-1'), attstorage, attcompression
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = CAST(:t AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum""",
    "constraints": """
        SELECT conname, contype, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')
        FROM pg_constraint WHERE conrelid = CAST(:t AS regclass) AND contype <> 'n' ORDER BY conname""",
    "indexes": """
        SELECT relname, replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON '), indisvalid,
        obj_description(indexrelid, 'pg_class') FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid = CAST(:t AS regclass) ORDER BY relname""",
    "triggers": """
        SELECT tgname, pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger')
        FROM pg_trigger WHERE tgrelid = CAST(:t AS regclass) AND NOT tgisinternal ORDER BY tgname""",
    "table": """
        SELECT pg_get_userbyid(relowner), relacl::text, relreplident, obj_description(oid, 'pg_class')
        FROM pg_class WHERE oid = CAST(:t AS regclass)""",
    "statistics": """
        SELECT stxname, pg_get_statisticsobjdef(oid), obj_description(oid, 'pg_statistic_ext')
        FROM pg_statistic_ext WHERE stxrelid = CAST(:t AS regclass) ORDER BY stxname""",
    "views": """
        SELECT c.oid::regclass::text, pg_get_viewdef(c.oid), pg_get_userbyid(relowner), relacl::text,
        reloptions::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'v' AND
        nspname IN ('logging', 'pricing', 'analytics', 'drawn') ORDER BY 1""",
    "sequences": """
        SELECT s.oid::regclass::text, a.attname, coalesce(s.relacl, acldefault('s', s.relowner))::text,
        pg_get_userbyid(s.relowner), obj_description(s.oid, 'pg_class'), seqstart, seqincrement, seqmin,
        seqmax, seqcache, seqcycle,
        pg_sequence_last_value(s.oid) FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind =
        'S' JOIN pg_sequence ON seqrelid = s.oid JOIN pg_attribute a ON a.attrelid = refobjid AND a.attnum =
        refobjsubid WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND
        refobjid = CAST(:t AS regclass) AND deptype IN ('a', 'i') ORDER BY 1""",
    "publications": """
        SELECT pubname, pg_get_expr(prqual, prrelid),
               ARRAY(
                 SELECT attname::text FROM pg_attribute
                 WHERE attrelid = prrelid
                   AND attnum = ANY (string_to_array(prattrs::text, ' ')::smallint[])
                 ORDER BY 1
               )
        FROM pg_publication_rel JOIN pg_publication ON pg_publication.oid = prpubid
        WHERE prrelid = CAST(:t AS regclass) ORDER BY 1""",
}


def described(connection: Connection, table: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that the catalog says of a table by its name, but for how it is stored."""
    return {
        name: [tuple(row) for row in connection.execute(text(statement), {"t": table})]
        for name, statement in _DESCRIBED.items()
    }


def rows_of(connection: Connection, table: str) -> tuple[int, str]:
    """How many rows a table has, and a digest of all of them."""
    row = connection.exec_driver_sql(
        "SELECT count(*), coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') "
        f"FROM {table} AS t"
    ).one()
    return int(row[0]), str(row[1])


def stored(connection: Connection, table: str) -> dict[str, tuple[str | None, str]]:
    """Storage options and replica identity of each partition, by its name."""
    rows = connection.execute(
        text(
            "SELECT c.relname, c.reloptions::text, c.relreplident FROM pg_inherits JOIN pg_class "
            "c ON c.oid = inhrelid "
            "WHERE inhparent = CAST(:t AS regclass)"
        ),
        {"t": table},
    )
    return {name: (options, identity) for name, options, identity in rows}


def partitions(connection: Connection, table: str) -> list[str]:
    """The names of a table's partitions."""
    return sorted(stored(connection, table))


def name_of(table: str) -> TableName:
    schema, name = table.split(".")
    return TableName(schema, name)


def execute(connection: Connection, statements: str) -> None:
    """Run a script, as psql does."""
    connection.connection.driver_connection.execute(statements.encode())  # type: ignore[union-attr]


def shop(databases: Databases) -> URL:
    """A new database with the four tables."""
    url = databases.empty()
    with connect(url) as connection:
        execute(connection, SURROUNDINGS + "".join(made for _, _, made in FOUR))
    return url


def engine_of(url: URL) -> Engine:
    return create_database_engine(url)


def ignore(_: str) -> None:
    """Progress that nobody reads."""


def to_partitions(url: URL, table: str, column: str, keep: str | None = None) -> None:
    convert(
        engine_of(url),
        table,
        column,
        ignore,
        keep=Keep.parse(keep) if keep else None,
        archive=False,
    )


def back(url: URL, table: str, *, wait: bool = False) -> None:
    undo(engine_of(url), table, ignore, wait=wait)


def names_with(rows: Sequence[tuple[Any, ...]], *gone: str) -> list[str]:
    """The first cell of each row, but for some."""
    return [row[0] for row in rows if row[0] not in gone]


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string()
