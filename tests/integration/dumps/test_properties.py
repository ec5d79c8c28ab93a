"""What a database was it is again after a restore: the database itself, and all that is in it.

The comparison is this file's own, by its own queries. That the manifest's proof sees each is tested apart.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import DeploymentError
from soleflip_assets.dumps import properties, restore, scratch
from soleflip_assets.dumps.dump import Dump, take_dump
from soleflip_assets.dumps.manifest import Contents, measure, read_manifest
from soleflip_assets.ground.database import undone
from soleflip_assets.ground.sessions import create_database_engine
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import ignore

pytestmark = pytest.mark.both_versions

_ROLES = ("shelf_owner", "shelf_reader", "shelf_granter")


def prepare(databases: Databases) -> Databases:
    """A server with roles and a tablespace."""
    with connect(databases.server.url("postgres")) as connection:
        known = {*connection.exec_driver_sql("SELECT rolname FROM pg_roles").scalars()}
        for role in {*_ROLES} - known:
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        if not connection.exec_driver_sql(
            "SELECT spcname FROM pg_tablespace WHERE spcname = 'shelves'"
        ).first():
            connection.exec_driver_sql("SET allow_in_place_tablespaces = on")
            connection.exec_driver_sql("CREATE TABLESPACE shelves LOCATION ''")
    return databases


@pytest.fixture
def server(databases_of_each_version: Databases) -> Databases:
    """Each of the two servers, with roles and a tablespace."""
    return prepare(databases_of_each_version)


_AXES: dict[str, list[str]] = {
    "owner": ["", "ALTER DATABASE {} OWNER TO shelf_owner"],
    "privileges": [
        "",
        "REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC",
        "REVOKE ALL ON DATABASE {} FROM PUBLIC; GRANT CONNECT ON DATABASE {} TO shelf_reader",
        """GRANT CREATE, CONNECT ON DATABASE {} TO shelf_granter WITH GRANT OPTION; SET ROLE shelf_granter;
        GRANT CREATE ON DATABASE {} TO shelf_reader; RESET ROLE""",
        "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC; GRANT TEMPORARY ON DATABASE {} TO PUBLIC",
    ],
    "settings": [
        "",
        "ALTER DATABASE {} SET datestyle = 'German, DMY'; ALTER DATABASE {} SET work_mem = '65536'",
        """ALTER DATABASE {} SET default_transaction_read_only = on;
        ALTER DATABASE {} SET search_path = a, "B, c" """,
        """ALTER ROLE shelf_reader IN DATABASE {} SET statement_timeout = '60ms';
        ALTER DATABASE {} SET shelf.note = 'it''s = "1"'; ALTER DATABASE {} SET search_path = ''""",
        "ALTER DATABASE {} SET log_min_duration_statement = 0; ALTER DATABASE {} SET row_security = off",
    ],
    "limit": ["", "ALTER DATABASE {} CONNECTION LIMIT 7", "ALTER DATABASE {} CONNECTION LIMIT 0"],
    "comment": ["", "COMMENT ON DATABASE {} IS 'the shop''s, 100 % of it'"],
    "template": ["", "ALTER DATABASE {} IS_TEMPLATE true"],
}  # fmt: skip

_MADE_WITH = {
    "18": [
        "ENCODING 'LATIN1' LOCALE 'C'",
        "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'",
        "TABLESPACE shelves LC_CTYPE 'C.utf8'",
    ],
    "15": [
        "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LOCALE 'C'",
        "ENCODING 'LATIN9' LOCALE 'C'",
        "LOCALE_PROVIDER icu ICU_LOCALE 'de@collation=phonebook' LOCALE 'C.utf8'",
    ],
}

_DATABASE = """
SELECT datdba::regrole::text, pg_encoding_to_char(encoding), to_jsonb(pg_database) - array[
    'oid', 'datname', 'datfrozenxid', 'datminmxid', 'datacl', 'dattablespace', 'datlastsysoid', 'datdba'
  ],
  (SELECT spcname FROM pg_tablespace WHERE oid = dattablespace),
  ARRAY(SELECT unnest(coalesce(datacl, acldefault('d', datdba)))::text ORDER BY 1),
  ARRAY(
    SELECT setrole::regrole::text || unnest(setconfig) FROM pg_db_role_setting
    WHERE setdatabase = pg_database.oid ORDER BY 1
  ),
  shobj_description(oid, 'pg_database')
FROM pg_database WHERE datname = %(database)s
"""


def database_itself(url: URL) -> tuple[Any, ...]:
    """All of pg_database, and what hangs on it."""
    with connect(url.set(database="postgres")) as connection:
        return tuple(connection.exec_driver_sql(_DATABASE, {"database": url.database}).one())


def make(databases: Databases, made_with: str, *statements: str) -> URL:
    """A small database with these properties."""
    url = databases.empty()
    with connect(url.set(database="postgres")) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {url.database}")
        connection.exec_driver_sql(f"CREATE DATABASE {url.database} TEMPLATE template0 {made_with}")
        with connect(url) as own:
            own.exec_driver_sql("CREATE TABLE public.shoe (id int PRIMARY KEY, name text)")
            own.exec_driver_sql("INSERT INTO public.shoe VALUES (1, 'Jordan'), (2, 'Zoom')")
        for statement in ";".join(statements).split(";"):
            if statement.strip():
                connection.exec_driver_sql(
                    statement.replace("{}", str(url.database)).replace("%", "%%")
                )
    return url


def dump_of(url: URL, folder: Path) -> Dump:
    return take_dump(create_database_engine(url), folder)


def bring_back(url: URL, dump: Dump) -> URL:
    return url.set(database=restore.restore(url, dump.path, ignore, replace=False).database)


def all_databases(url: URL) -> set[str]:
    with connect(url.set(database="postgres")) as connection:
        return {*connection.exec_driver_sql("SELECT datname FROM pg_database").scalars()}


@pytest.mark.parametrize("number", range(3))
def test_database_is_again_what_it_was(
    server: Databases, request: pytest.FixtureRequest, tmp_path: Path, number: int
) -> None:
    """Each value of each property at least once, in other combinations on each server."""
    version = "15" if "[15" in request.node.name else "18"
    url = make(server, _MADE_WITH[version][number], *combination(number, version))
    before = database_itself(url)

    assert database_itself(bring_back(url, dump_of(url, tmp_path))) == before


def test_rules_of_icu_are_asked_for_again(databases: Databases, tmp_path: Path) -> None:
    """PostgreSQL 16 has them, and none here is built with ICU: so it refuses what it is asked for."""
    url = make(databases, "LOCALE 'C'")
    with connect(url) as connection:
        connection.exec_driver_sql(
            f"UPDATE pg_database SET daticurules = '& V << w' WHERE datname = '{url.database}'"
        )
    dump = dump_of(url, tmp_path)
    before = all_databases(url)

    with pytest.raises(DeploymentError, match="ICU rules cannot be specified unless"):
        bring_back(url, dump)

    assert read_manifest(dump.path).properties.icu_rules == "& V << w"
    assert all_databases(url) == before


def combination(number: int, version: str) -> list[str]:
    """A value of each property."""
    # Five values at most, three databases on each server.
    place = number + (3 if version == "15" else 0)
    return [values[place % len(values)] for values in _AXES.values()]


@pytest.mark.parametrize(
    "broken",
    [
        {"comment": None},
        {"connection_limit": -1},
        {"is_template": False},
        {"settings": ()},
        {"settings": [[None, "work_mem", "65536"]]},
        {"privileges": None},
        {"privileges": [["shelf_owner", "shelf_reader", "CONNECT", True]]},
        {"tablespace": "pg_default"},
        {"provider": "libc", "locale": None},
        {"collate": "C.utf8"},
        {"ctype": "C.utf8"},
        {"owner": "shelf_reader", "privileges": []},
    ],
    ids=str,
)
def test_proof_sees_a_property_that_did_not_come_back(
    full: tuple[URL, Dump], broken: dict[str, Any]
) -> None:
    """Whatever forgot it."""
    url, _ = full
    with connect(url.set(database="postgres")) as connection:
        ours = properties.read_properties(connection, str(url.database))
        name = f"{url.database}_forgetful"
        forgetful = replace(ours, **broken)
        properties.create(connection, name, forgetful)
        properties.give(connection, name, forgetful)
        theirs = properties.read_properties(connection, name)
        scratch.drop(connection, name)

        assert ours.differences(theirs, same_version=True)
        assert forgetful.differences(theirs, same_version=True) == []


def test_restore_that_forgets_a_property_is_refused(
    full: tuple[URL, Dump], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it made is dropped, though it is a template that nobody else may connect to."""
    url, dump = full
    before = all_databases(url)
    give = properties.give
    monkeypatch.setattr(
        properties,
        "give",
        lambda beside, name, known: give(beside, name, replace(known, comment=None)),
    )

    with pytest.raises(DeploymentError, match="the database's comment is None instead of"):
        bring_back(url, dump)

    assert all_databases(url) == before


def test_restore_that_the_server_refuses_half_way_leaves_nothing(
    full: tuple[URL, Dump], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another role, at that: privileges are granted as who granted them."""
    url, dump = full
    before = all_databases(url)
    give = properties.give
    grant = [["shelf_granter", "shelf_reader", "CREATE", False]]
    monkeypatch.setattr(
        properties,
        "give",
        lambda beside, name, known: give(beside, name, replace(known, privileges=grant)),
    )

    with pytest.raises(
        DeploymentError, match=r"The server refuses what \w+ was \(permission denied"
    ):
        bring_back(url, dump)

    assert all_databases(url) == before


@pytest.fixture(scope="module")
def full(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> tuple[URL, Dump]:
    """A database that differs from a new one in every property, and its dump."""
    url = make(
        prepare(databases),
        "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C' TABLESPACE shelves",
        *(values[1] for values in _AXES.values()),
    )
    return url, dump_of(url, tmp_path_factory.mktemp("full"))


_OBJECTS = [
    "CREATE SCHEMA shelf AUTHORIZATION shelf_owner",
    "CREATE TYPE shelf.state AS ENUM ('full', 'empty')",
    "CREATE DOMAIN shelf.weight AS numeric CHECK (value > 0)",
    "CREATE TABLE shelf.box (id bigint GENERATED ALWAYS AS IDENTITY, state shelf.state DEFAULT 'full')",
    "ALTER TABLE shelf.box OWNER TO shelf_owner",
    "INSERT INTO shelf.box DEFAULT VALUES",
    "GRANT SELECT ON shelf.box TO shelf_reader",
    "GRANT UPDATE (state) ON shelf.box TO shelf_reader",
    "ALTER TABLE shelf.box ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY own ON shelf.box TO shelf_reader USING (true)",
    "CREATE FUNCTION shelf.f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END'",
    "REVOKE EXECUTE ON FUNCTION shelf.f() FROM PUBLIC",
    "CREATE TRIGGER t BEFORE INSERT ON shelf.box FOR EACH ROW EXECUTE FUNCTION shelf.f()",
    "CREATE FUNCTION shelf.e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION shelf.e()",
    "ALTER DEFAULT PRIVILEGES FOR ROLE shelf_owner IN SCHEMA shelf GRANT SELECT ON TABLES TO shelf_reader",
    "CREATE EXTENSION dblink",
    "CREATE FOREIGN DATA WRAPPER nothing",
    "CREATE SERVER other FOREIGN DATA WRAPPER nothing OPTIONS (host 'there')",
    "CREATE USER MAPPING FOR shelf_reader SERVER other OPTIONS (password 'hush')",
    "CREATE PUBLICATION chosen FOR TABLE shelf.box WITH (publish = 'insert')",
    "CREATE PUBLICATION every FOR ALL TABLES",
    "SELECT lo_from_bytea(4711, 'a photograph')",
    "GRANT SELECT ON LARGE OBJECT 4711 TO shelf_reader",
    "CREATE SEQUENCE shelf.number START 7 INCREMENT 3",
    "SELECT nextval('shelf.number')",
    "CREATE VIEW shelf.boxes WITH (security_barrier) AS SELECT id FROM shelf.box",
    "CREATE STATISTICS shelf.both ON id, state FROM shelf.box",
    "COMMENT ON SCHEMA shelf IS 'boxes'",
    "COMMENT ON COLUMN shelf.box.id IS 'number'",
    """CREATE SUBSCRIPTION feed CONNECTION 'host=nowhere password=hush' PUBLICATION p
    WITH (connect = false, slot_name = 'live')""",
]

# What counting the rows of every catalog does not tell.
_VALUES = [
    """SELECT oid::regclass::text, relowner::regrole::text, relrowsecurity, reloptions::text,
    coalesce(relacl, '{}')::text[] @> ARRAY['shelf_reader=r/shelf_owner']
    FROM pg_class WHERE relnamespace = to_regnamespace('shelf')""",
    """SELECT oid::regprocedure::text, proacl::text, prosecdef
    FROM pg_proc WHERE pronamespace = to_regnamespace('shelf')""",
    "SELECT lo_get(4711), (SELECT last_value FROM shelf.number), (SELECT max(id) FROM shelf.box)",
    "SELECT umoptions::text FROM pg_user_mappings",
    "SELECT defaclacl::text FROM pg_default_acl",
    """SELECT subname, subowner::regrole::text, subconninfo, subpublications::text FROM pg_subscription
    JOIN pg_database ON pg_database.oid = subdbid WHERE datname = current_database()""",
]


def everything_in(url: URL) -> list[Any]:
    with connect(url) as connection:
        names = connection.exec_driver_sql(
            "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace "
            "AND relkind = 'r' AND NOT relisshared AND relname !~ 'pg_(statistic|init_privs|largeobject$)'"
        )
        counts = {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM pg_catalog.{name}").scalar_one()
            for name in names.scalars().all()
        }
        return [
            counts,
            *(sorted(map(tuple, connection.exec_driver_sql(one).all())) for one in _VALUES),
        ]


@pytest.fixture
def rich(server: Databases) -> URL:
    """A database with an object of each kind, and without the schema public."""
    return fill(make(server, ""))


def fill(url: URL) -> URL:
    """Put an object of each kind into a database, and take away the schema public."""
    with connect(url) as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA extensions")
        for statement in _OBJECTS:
            connection.exec_driver_sql(statement.replace("dblink", "dblink SCHEMA extensions"))
    return url


Measured = tuple[Connection, Contents]


@pytest.fixture(scope="module")
def rich_measured(databases: Databases) -> Iterator[Measured]:
    """A connection to such a database, and what a manifest would say of it."""
    url = fill(make(prepare(databases), ""))
    with connect(url) as connection:
        with undone(connection):
            before = measure(connection)
        yield connection, before


def test_all_that_is_in_it_comes_back(rich: URL, tmp_path: Path) -> None:
    """Objects of each kind; the subscription without the live one's slot, and not enabled."""
    before = everything_in(rich)

    restored = bring_back(rich, dump_of(rich, tmp_path))

    assert everything_in(restored) == before
    with connect(restored) as connection:
        armed = connection.exec_driver_sql(
            "SELECT datname, subenabled, subslotname FROM pg_subscription "
            "JOIN pg_database ON pg_database.oid = subdbid WHERE datname = current_database()"
        )
        assert armed.all() == [(restored.database, False, None)]


@pytest.mark.parametrize(
    "harm",
    [
        "DROP PUBLICATION chosen",
        "ALTER PUBLICATION chosen SET (publish = 'update')",
        "DROP EVENT TRIGGER watch",
        "ALTER EVENT TRIGGER watch DISABLE",
        "DROP USER MAPPING FOR shelf_reader SERVER other",
        "ALTER SERVER other OPTIONS (SET host 'here')",
        """ALTER DEFAULT PRIVILEGES FOR ROLE shelf_owner IN SCHEMA shelf
        REVOKE SELECT ON TABLES FROM shelf_reader""",
        "SELECT lo_put(4711, 0, 'A')",
        "SELECT lo_unlink(4711)",
        "ALTER TABLE shelf.box OWNER TO postgres",
        "REVOKE UPDATE (state) ON shelf.box FROM shelf_reader",
        "GRANT EXECUTE ON FUNCTION shelf.f() TO PUBLIC",
        "ALTER TABLE shelf.box NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
        "ALTER VIEW shelf.boxes RESET (security_barrier)",
        "COMMENT ON COLUMN shelf.box.id IS 'another'",
        "DROP EXTENSION dblink",
        "ALTER TYPE shelf.state ADD VALUE 'torn'",
        "CREATE SCHEMA another",
    ],
)
def test_proof_sees_an_object_that_did_not_come_back(rich_measured: Measured, harm: str) -> None:
    """Or that came back in another way."""
    connection, before = rich_measured
    with undone(connection):
        connection.exec_driver_sql(harm)
        assert before.differences(measure(connection))
    with undone(connection):
        assert before.differences(measure(connection)) == []


def test_subscription_that_is_missing_or_armed_is_no_restore(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the scratch database goes all the same, though a subscription keeps it from being dropped."""
    url = make(databases, "")
    with connect(url) as connection:
        connection.exec_driver_sql(_OBJECTS[-1])
    dump = dump_of(url, tmp_path)
    before = all_databases(url)

    with monkeypatch.context() as patch:
        disarm = scratch.disarm_subscriptions
        patch.setattr(
            scratch,
            "disarm_subscriptions",
            lambda *given, **options: disarm(*given, **options) if options else ["feed"],
        )
        with pytest.raises(DeploymentError, match="subscription feed is armed"):
            bring_back(url, dump)
        patch.setattr(
            scratch,
            "disarm_subscriptions",
            lambda *given, **options: disarm(*given, **options) if options else [],
        )
        with pytest.raises(DeploymentError, match="missing: subscription feed"):
            bring_back(url, dump)

    assert all_databases(url) == before


def test_message_holds_no_password(databases: Databases, tmp_path: Path) -> None:
    """pg_restore quotes the statements that fail; here all of them, since everything is there already."""
    url = make(databases, "")
    with connect(url) as connection:
        connection.exec_driver_sql(_OBJECTS[-1])
    dump = dump_of(url, tmp_path)

    with pytest.raises(DeploymentError) as told:
        restore._fill(url, dump.path, read_manifest(dump.path), 18)

    assert "already exists" in str(told.value)
    assert "hush" not in str(told.value)
