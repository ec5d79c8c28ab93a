"""Tables of any kind: the same rows, catalog and answers after a conversion, and after the way back."""

import re
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.conftest import Databases, connect
from tests.integration.partitioning.tables import (
    back,
    described,
    execute,
    quoted,
    rows_of,
    to_partitions,
)

_NAMES = st.sampled_from(["t", "Order", "sales order", "größe", "a" * 46, 'quo"te'])
_TIMES = st.sampled_from(["timestamptz", "timestamp", "date", "timestamptz(3)"])
_TIME_NAMES = st.sampled_from(["at", "timestamp", "Created At", "user"])
_KEYS = st.sampled_from(
    [
        "uuid",
        "bigserial",
        "identity always",
        "identity by default",
        "none",
        "with time",
        "two columns",
    ]
)
_COLUMNS = {
    "note": "note text DEFAULT 'it''s \"x\" %s' COLLATE \"C\"",
    "amount": "amount numeric(12,3) NOT NULL DEFAULT 1.5 CHECK (amount > 0)",
    "tags": "tags text[] DEFAULT ARRAY['a', 'b']",
    "data": "data jsonb",
    "twice": "twice bigint GENERATED ALWAYS AS (number * 2) STORED",
    "parent": "parent bigint REFERENCES drawn.parent (id) ON UPDATE CASCADE ON DELETE SET NULL",
    "self": 'other smallint CONSTRAINT "odd name" CHECK (other <> 13)',
}
_EXTRAS = {
    "index": 'CREATE INDEX "ix Number" ON {t} (number DESC NULLS LAST) INCLUDE (note) WHERE number > 0',
    "expression index": "CREATE INDEX ON {t} (lower(note), (number % 7))",
    "unique": "ALTER TABLE {t} ADD CONSTRAINT only_once UNIQUE (number)",
    "unique nulls": "CREATE UNIQUE INDEX ux ON {t} (number, note) NULLS NOT DISTINCT",
    "unique expression": "CREATE UNIQUE INDEX uxe ON {t} ((number + 1)) WHERE number > 5",
    "unique with time": (
        "ALTER TABLE {t} ADD UNIQUE (number, {c}) WITH (fillfactor = 75) DEFERRABLE INITIALLY DEFERRED"
    ),
    "comments": "COMMENT ON TABLE {t} IS 'c'; COMMENT ON COLUMN {t}.number IS '%s'",
    "dropped column": (
        "ALTER TABLE {t} ADD COLUMN gone text; ALTER TABLE {t} DROP COLUMN gone, ADD COLUMN late "
        "int DEFAULT 7"
    ),
    "fillfactor": "ALTER TABLE {t} SET (fillfactor = 70, toast.autovacuum_enabled = false)",
    "storage": "ALTER TABLE {t} ALTER note SET STORAGE EXTERNAL, ALTER note SET STATISTICS 7",
    "n_distinct": "ALTER TABLE {t} ALTER number SET (n_distinct = 5)",
    "statistics": "CREATE STATISTICS drawn.st (ndistinct) ON number, note FROM {t}",
    "row trigger": (
        "CREATE TRIGGER br BEFORE INSERT OR UPDATE OF note ON {t} FOR EACH ROW WHEN (NEW.number > 3) "
        "EXECUTE FUNCTION drawn.shout()"
    ),
    "after trigger": (
        "CREATE TRIGGER ar AFTER UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION drawn.log('a', 'b')"
    ),
    "disabled trigger": (
        "CREATE TRIGGER dis AFTER INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION drawn.log(); "
        "ALTER TABLE {t} DISABLE TRIGGER dis"
    ),
    "constraint trigger": (
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON {t} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
        "EXECUTE FUNCTION drawn.log('deferred')"
    ),
    "statement trigger": (
        "CREATE TRIGGER stm AFTER UPDATE ON {t} REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT "
        "EXECUTE FUNCTION drawn.log('s'); ALTER TABLE {t} ENABLE ALWAYS TRIGGER stm"
    ),
    "truncate trigger": "CREATE TRIGGER tr BEFORE TRUNCATE ON {t} EXECUTE FUNCTION drawn.log('t')",
    "view": "CREATE VIEW drawn.v WITH (check_option = local) AS SELECT * FROM {t} WHERE number > 0",
    "joined view": "CREATE VIEW drawn.w AS SELECT a.number, b.note FROM {t} a LEFT JOIN {t} b USING (number)",
    "granted": "GRANT SELECT, INSERT, UPDATE ON {t} TO PUBLIC; GRANT UPDATE (note) ON {t} TO PUBLIC",
    "revoked": "REVOKE DELETE ON {t} FROM CURRENT_USER",
    "replica identity": "ALTER TABLE {t} REPLICA IDENTITY FULL",
    "publication": "CREATE PUBLICATION pub FOR TABLE {t} (number, {c}) WITH (publish_via_partition_root)",
}
_SURROUNDINGS = """
CREATE SCHEMA drawn;
CREATE TABLE drawn.parent (id bigint PRIMARY KEY);
INSERT INTO drawn.parent VALUES (1), (2);
CREATE TABLE drawn.logged (id bigint GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION drawn.shout() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN NEW.note := upper(NEW.note); RETURN NEW; END$$;
CREATE FUNCTION drawn.log() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN INSERT INTO drawn.logged (line) VALUES (concat_ws(' ', TG_NAME, TG_OP, TG_WHEN, TG_LEVEL, TG_ARGV));
RETURN NULL; END$$;
"""


@dataclass(frozen=True)
class Drawn:
    """A table: its name, its time column, its key, its columns and what is on it."""

    name: str
    time: str
    time_type: str
    nullable: bool
    key: str
    columns: list[str]
    extras: list[str]
    days: list[int]

    @property
    def table(self) -> str:
        return f"drawn.{quoted(self.name)}"

    @property
    def statements(self) -> str:
        c = quoted(self.time)
        keys = {
            "uuid": "id uuid DEFAULT gen_random_uuid() PRIMARY KEY",
            "bigserial": "id bigserial PRIMARY KEY",
            "identity always": "id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT 3) PRIMARY KEY",
            "identity by default": "id int GENERATED BY DEFAULT AS IDENTITY (START 7 CACHE 4) PRIMARY KEY",
            "none": "id int",
            "with time": f"id int, CONSTRAINT pk PRIMARY KEY ({c}, number) WITH (fillfactor = 80)",
            "two columns": (
                "id uuid DEFAULT gen_random_uuid(), "
                "CONSTRAINT pk PRIMARY KEY (number, id) WITH (fillfactor = 85)"
            ),
        }
        columns = [
            "number int NOT NULL",
            f"{c} {self.time_type}{'' if self.nullable else ' NOT NULL'}",
            "note text" if "note" not in self.columns else _COLUMNS["note"],
            *(_COLUMNS[name] for name in self.columns if name != "note"),
            keys[self.key],
        ]
        made = f"CREATE TABLE {self.table} ({', '.join(columns)});"
        rows = ", ".join(
            f"({n}, now() + {day} * interval '1 day', 'n{n}')" for n, day in enumerate(self.days, 1)
        )
        filled = f"INSERT INTO {self.table} (number, {c}, note) VALUES {rows};" if self.days else ""
        more = ";".join(_EXTRAS[name].format(t=self.table, c=c) for name in self.extras)
        return made + filled + more


DRAWN = st.builds(
    Drawn,
    name=_NAMES,
    time=_TIME_NAMES,
    time_type=_TIMES,
    nullable=st.booleans(),
    key=_KEYS,
    columns=st.lists(st.sampled_from(sorted(_COLUMNS)), unique=True),
    extras=st.lists(st.sampled_from(sorted(_EXTRAS)), unique=True, max_size=9),
    days=st.lists(st.integers(-900, 400), max_size=8),
)


def behaviour(connection: Connection, drawn: Drawn) -> list[Any]:
    """What the application's statements answer, and what they leave; all of it rolled back."""
    t, c = drawn.table, quoted(drawn.time)
    insert = f"INSERT INTO {t} (number, {c}, note) VALUES"
    statements = [
        f"{insert} (101, '2026-01-05', 'a') RETURNING number, note, {c}::text",
        (
            f"{insert} (102, now() + interval '100 days', 'b'), (103, now() - interval '9 years', 'c') "
            "RETURNING note"
        ),
        f"{insert} (1, '2026-01-05', 'n1')",
        f"UPDATE {t} SET note = note || 'x' WHERE number > 2 RETURNING number, note",
        f"UPDATE {t} SET number = -1 WHERE number = 101",
        f"DELETE FROM {t} WHERE number = 1 RETURNING number",
        f"SELECT number, note FROM {t} ORDER BY number, note",
        f"INSERT INTO {t} (number, {c}, note) VALUES (NULL, now(), 'x')",
        "SELECT line FROM drawn.logged ORDER BY id",
        f"TRUNCATE {t}",
        "SELECT count(*) FROM drawn.logged",
    ]
    driver: Any = connection.connection.driver_connection
    answers: list[Any] = []
    driver.execute("BEGIN")
    for statement in statements:
        driver.execute("SAVEPOINT s")
        try:
            cursor = driver.execute(statement.encode())
            answers.append(
                (
                    cursor.statusmessage,
                    sorted(map(str, cursor.fetchall())) if cursor.description else None,
                )
            )
            driver.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except Exception as error:  # noqa: BLE001 whatever it is, it has to be the same
            driver.execute("ROLLBACK TO SAVEPOINT s")
            answers.append(type(error).__name__)
    driver.execute("ROLLBACK")
    return answers


def comparable(drawn: Drawn, found: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    """A description without what is said to change: keys without the time, NOT NULL of the time."""
    c = quoted(drawn.time)
    with_time = re.compile(rf"\(.*{re.escape(c)}.*\)")

    def stays(definition: str) -> bool:
        return not re.search("UNIQUE|PRIMARY", definition) or (
            bool(with_time.search(definition)) and not re.search("PRIMARY|_pkey| pk ", definition)
        )

    kept: dict[str, Any] = dict(found)
    kept["columns"] = [
        (name, kind, None if name == drawn.time else notnull, *more)
        for name, kind, notnull, *more in found["columns"]
    ]
    kept["constraints"] = [row for row in found["constraints"] if stays(row[2])]
    kept["indexes"] = [row for row in found["indexes"] if stays(row[1])]
    kept["sequences"] = [row[:-1] for row in found["sequences"]]
    return kept


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(drawn=DRAWN)
def test_any_table_comes_through(databases_of_each_version: Databases, drawn: Drawn) -> None:
    url = databases_of_each_version.empty()
    with connect(url) as connection:
        execute(connection, _SURROUNDINGS)
        execute(connection, drawn.statements)
        before, rows, answers = (
            described(connection, drawn.table),
            rows_of(connection, drawn.table),
            behaviour(connection, drawn),
        )

        to_partitions(url, drawn.table, drawn.time)
        assert comparable(drawn, described(connection, drawn.table)) == comparable(drawn, before)
        assert rows_of(connection, drawn.table) == rows
        assert behaviour(connection, drawn) == answers

        back(url, drawn.table)
        again = described(connection, drawn.table)
        for name, found in before.items():
            if name != "sequences":
                assert again[name] == found, name
        assert rows_of(connection, drawn.table) == rows
        assert behaviour(connection, drawn) == answers
