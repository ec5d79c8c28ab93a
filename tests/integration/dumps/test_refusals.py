"""What cannot be restored is said before anything is touched, by the right or the thing that lacks.

And what a restore that died has left is named and cleared away by the next one.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.dumps import properties, restore, scratch
from soleflip_assets.dumps.dump import Dump, take_dump
from soleflip_assets.dumps.manifest import manifest_path, read_manifest
from soleflip_assets.ground.database import query_file, undone
from soleflip_assets.ground.errors import ConfigurationError
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.phase2.assets import DUMP_STEP
from tests.conftest import Databases, connect
from tests.integration.ground.pooler import pooler
from tests.integration.phase2.deployment import ignore

pytestmark = pytest.mark.both_versions


def run_as_superuser(url: URL, *statements: str) -> None:
    with connect(url.set(username="postgres")) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("{}", str(url.database)))


def all_databases(url: URL) -> set[str]:
    with connect(url.set(database="postgres", username="postgres")) as connection:
        return {*connection.exec_driver_sql("SELECT datname FROM pg_database").scalars()}


def dump_of(url: URL, folder: Path) -> Dump:
    return take_dump(create_database_engine(url), folder)


def bring_back(url: URL, dump: Dump, *, replace: bool = False) -> restore.Restored:
    return restore.restore(url, dump.path, ignore, replace=replace)


@pytest.fixture
def shelf(databases: Databases) -> Iterator[URL]:
    """A small database whose tables belong to one role, for a login that is a member of that."""
    yield from made(databases)


@pytest.fixture
def shelf_of_each_version(databases_of_each_version: Databases) -> Iterator[URL]:
    """The same on each server."""
    yield from made(databases_of_each_version)


def made(databases: Databases) -> Iterator[URL]:
    """What the fixtures have in common."""
    url = databases.empty()
    run_as_superuser(
        url,
        "CREATE ROLE holder",
        "CREATE ROLE other",
        "CREATE ROLE restorer LOGIN CREATEDB IN ROLE holder",
        "ALTER DATABASE {} OWNER TO holder",
        "CREATE SCHEMA shelf AUTHORIZATION holder",
        "CREATE TABLE shelf.box (id int)",
        "ALTER TABLE shelf.box OWNER TO holder",
    )
    yield url.set(username="restorer")
    with connect(url.set(database="postgres")) as connection:
        for name in all_databases(url):
            if name.startswith(str(url.database)):
                scratch.drop(connection, name)
    run_as_superuser(url.set(database="postgres"), "DROP ROLE restorer, holder, other")


def test_member_of_the_owner_restores_without_being_superuser(
    shelf_of_each_version: URL, tmp_path: Path
) -> None:
    """Though the right to make temporary objects was taken from everybody."""
    shelf = shelf_of_each_version
    run_as_superuser(shelf, "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC, holder")

    restored = bring_back(shelf, dump_of(shelf, tmp_path))

    assert {restored.database} == all_databases(shelf) & {restored.database}


def test_database_that_belongs_to_somebody_else_is_refused(shelf: URL, tmp_path: Path) -> None:
    """As documented once: the tables are the role's, the database is the administrator's."""
    run_as_superuser(shelf, "ALTER DATABASE {} OWNER TO postgres")
    dump = dump_of(shelf, tmp_path)
    before = all_databases(shelf)

    with pytest.raises(
        DeploymentError,
        match=r"restorer is not a member of postgres, which owns the database: .* Nothing was touched",
    ):
        bring_back(shelf, dump)

    assert all_databases(shelf) == before


_LACKS = [
    (
        "ALTER DATABASE {} OWNER TO other",
        "restorer is not a member of other, which owns the database",
    ),
    (
        "ALTER TABLE shelf.box OWNER TO other",
        "restorer is not a member of other, which owns objects",
    ),
    (
        "ALTER TABLE shelf.box OWNER TO postgres",
        "restorer is not a member of postgres, which owns objects",
    ),
    (
        "ALTER ROLE restorer NOCREATEDB",
        "restorer may not create databases: ALTER ROLE restorer CREATEDB",
    ),
    (
        "CREATE PUBLICATION every FOR ALL TABLES",
        "there is publication every, which only a superuser",
    ),
    ("CREATE EXTENSION dblink SCHEMA shelf", "there is extension dblink, which only a superuser"),
    (
        "ALTER DATABASE {} SET log_min_duration_statement = 0",
        "may not set log_min_duration_statement, which is set for the database: GRANT SET ON PARAMETER",
    ),
    (
        "ALTER ROLE other IN DATABASE {} SET work_mem = '8MB'",
        "restorer may not alter other, which has settings in the database",
    ),
    (
        """CREATE SUBSCRIPTION feed CONNECTION 'host=no' PUBLICATION p
        WITH (connect = false, slot_name = NONE)""",
        "restorer may not create the subscription feed",
    ),
]


def test_right_that_lacks_is_named(shelf_of_each_version: URL) -> None:
    """It, and no other one; and none where none lacks."""
    with connect(shelf_of_each_version.set(username="postgres")) as connection:
        assert lacks(connection) == []
        for lacking, said in _LACKS:
            with undone(connection):
                connection.exec_driver_sql(
                    lacking.replace("{}", str(shelf_of_each_version.database))
                )
                (sentence,) = lacks(connection)
                assert said in sentence


def lacks(connection: Connection, *more: dict[str, str]) -> list[str]:
    """What the restorer is told, from what the superuser has dumped."""
    needs = [dict(row) for row in query_file(connection, "restore/needs.sql")]
    with undone(connection):
        connection.exec_driver_sql("SET LOCAL ROLE restorer")
        found = query_file(connection, "restore/lacking.sql", needs=json.dumps([*needs, *more]))
    return [properties.sentence(row) for row in found]


def test_thing_that_is_not_on_the_server_is_named(shelf: URL) -> None:
    with connect(shelf.set(username="postgres")) as connection:
        for gone, said in [
            ("role", "there is no role absent, which was there"),
            ("member", "there is no role absent, which was there"),
            ("tablespace", "there is no tablespace absent, which was there"),
            ("extension", "does not offer the extension absent"),
        ]:
            need = {"need": gone, "name": "absent", "reason": "was there"}
            (sentence,) = lacks(connection, need)
            assert said in sentence


def test_subscription_that_the_dump_lacks_is_told(shelf: URL, tmp_path: Path) -> None:
    """pg_dump leaves them out for who is no superuser; then the rest comes back."""
    run_as_superuser(shelf, _LACKS[-1][0])
    told: list[str] = []

    dump = dump_of(shelf, tmp_path / "partial")
    restore.restore(shelf, dump.path, told.append, replace=False)

    assert [line for line in told if "The subscription feed is not in the dump" in line]


@pytest.mark.parametrize("wrong", [{"collate": "xx_XX"}, {"provider": "builtin", "locale": "xx"}])
def test_locale_that_the_server_does_not_know_is_told(
    shelf: URL, tmp_path: Path, wrong: dict[str, str]
) -> None:
    before = all_databases(shelf)
    dump = dump_of(shelf, tmp_path)
    alter(dump.path, lambda held: held["properties"].update(wrong))

    with pytest.raises(DeploymentError, match="This server cannot make a database as"):
        bring_back(shelf, dump)

    assert all_databases(shelf) == before


def alter(dump: Path, change: Callable[[dict[str, Any]], object]) -> None:
    held = json.loads(manifest_path(dump).read_text())
    change(held)
    manifest_path(dump).write_text(json.dumps(held))


@pytest.mark.parametrize("name", ["postgres", "template0", "template1"])
def test_database_of_the_server_is_not_replaced(shelf: URL, tmp_path: Path, name: str) -> None:
    """At once: before the file is so much as read."""
    before = all_databases(shelf)

    with pytest.raises(DeploymentError, match=f"{name} is a database that the server itself needs"):
        restore.restore(shelf.set(database=name), tmp_path / "none.dump", ignore, replace=True)

    assert all_databases(shelf) == before


def test_only_database_to_connect_to_is_not_replaced(shelf: URL, tmp_path: Path) -> None:
    """Beside it all goes well: a database can be made from any."""
    dump = dump_of(shelf, tmp_path)
    everywhere = [
        name for name in all_databases(shelf) if name != shelf.database and "template" not in name
    ]
    admin = shelf.set(database="template1")
    run_as_superuser(
        admin, *(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC" for name in everywhere)
    )
    try:
        with pytest.raises(DeploymentError, match=f"{shelf.database} is the only database"):
            bring_back(shelf, dump, replace=True)
        assert bring_back(shelf, dump).replaced is None
    finally:
        run_as_superuser(
            admin, *(f"GRANT CONNECT ON DATABASE {name} TO PUBLIC" for name in everywhere)
        )


def test_what_a_dead_restore_left_is_named_and_dropped(shelf: URL, tmp_path: Path) -> None:
    """Template, closed, with a subscription whose slot is a live one's; a proven copy is nobody's to drop."""
    dump = dump_of(shelf, tmp_path)
    proven = bring_back(shelf, dump).database
    left = f"{shelf.database}_restoring_20260101_000000_000000"
    mine = f"{shelf.database}_restoring_mine"
    run_as_superuser(
        shelf, f"CREATE DATABASE {left} OWNER holder", f"CREATE DATABASE {mine} OWNER holder"
    )
    run_as_superuser(
        shelf.set(database=left),
        _LACKS[-1][0].replace("NONE", "'live'"),
    )
    run_as_superuser(
        shelf,
        f"ALTER DATABASE {left} SET default_transaction_read_only = on",
        f"ALTER DATABASE {left} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false",
    )
    told: list[str] = []

    restore.restore(shelf.set(username="postgres"), dump.path, told.append, replace=False)

    assert f"{left} was left unfinished by a restore that died: it is dropped" in told
    assert {proven, mine} <= all_databases(shelf) - {left}
    assert left not in all_databases(shelf)


def test_two_restores_of_one_database_do_not_meet(shelf: URL, tmp_path: Path) -> None:
    """The second would take the first one's database for a dead one's."""
    dump = dump_of(shelf, tmp_path)
    names = scratch.Names(str(shelf.database))
    with (
        scratch.maintenance(shelf, rename=False) as first,
        scratch.alone(first, names, ignore),
        pytest.raises(DeploymentError, match="Another restore of"),
    ):
        bring_back(shelf, dump)


def test_manifest_of_the_first_form_proves_what_it_knows(shelf: URL, tmp_path: Path) -> None:
    """And says what it cannot."""
    dump = dump_of(shelf, tmp_path)
    manifest = read_manifest(dump.path)
    first = asdict(manifest)
    first |= {name: first["properties"][name] for name in ("owner", "encoding", "collate", "ctype")}
    first["contents"] = {name: first["contents"][name] for name in ("tables", "guards")}
    del first["properties"], first["needs"]
    manifest_path(dump.path).write_text(json.dumps({"format": 1, **first}))
    told: list[str] = []

    restored = restore.restore(shelf, dump.path, told.append, replace=False)

    assert restored.manifest.properties.owner == "holder"
    assert "The manifest is of an older form" in told[1]
    assert "privileges, settings and comment" in told[1]


def test_names_of_databases_fit_and_differ() -> None:
    """PostgreSQL cuts them at 63 bytes, without a word."""
    names = scratch.Names("ü" * 40)

    known = {names.scratch, names.unfinished, names.restored, names.replaced}
    assert len(known) == 4
    assert max(len(name.encode()) for name in known) <= 63


def record_dump(url: URL, dump: Dump) -> None:
    engine = create_database_engine(url)
    with Deployer(engine, ignore) as deployer, deployer.recorded(DUMP_STEP, "") as details:
        details |= {"path": str(dump.path), "sha256": dump.sha256}


def test_drill_finds_its_dump_where_it_lies_now(deployed: URL, tmp_path: Path) -> None:
    """The folder was moved, the file renamed, another is there. And a subscription is in nobody's way."""
    run_as_superuser(deployed, _LACKS[-1][0].replace("NONE", "'live'"))
    before = all_databases(deployed)
    dump = dump_of(deployed, tmp_path / "before")
    record_dump(deployed, dump)
    now = tmp_path / "now"
    now.mkdir()
    moved = now / "renamed.dump"
    shutil.move(manifest_path(dump.path), manifest_path(moved))
    shutil.move(dump.path, moved)
    (now / "a.dump").touch()
    engine = create_database_engine(deployed)

    assert restore.drill(engine, ignore, now).manifest.sha256 == dump.sha256
    assert all_databases(deployed) == before

    moved.unlink()
    with pytest.raises(
        DeploymentError, match=f"is gone, and none in {now} is the same one.*{dump.sha256}"
    ):
        restore.drill(engine, ignore, now)


def test_restored_figures_are_of_the_restored_database(deployed: URL, tmp_path: Path) -> None:
    """The horizon in the dump is a transaction of another database; a row that it says is pending is not."""
    with connect(deployed) as connection:
        connection.exec_driver_sql(
            "UPDATE inventory_ops.metrics_refresh SET horizon = '9999999999'"
        )
    dump = dump_of(deployed, tmp_path)

    restored = deployed.set(database=bring_back(deployed, dump).database)

    with connect(restored) as connection:
        newest = connection.execute(
            text(
                "SELECT horizon < pg_snapshot_xmax(pg_current_snapshot()) "
                "FROM inventory_ops.metrics_refresh ORDER BY id DESC LIMIT 1"
            )
        )
        assert newest.scalar_one()


def test_a_pooler_that_shares_sessions_is_refused_before_anything_is_touched(
    databases: Databases, tmp_path: Path
) -> None:
    """The lock that keeps other restores away is the session's."""
    url = databases.legacy("production")
    dump = dump_of(url, tmp_path)
    before = all_databases(url)
    with (
        pooler(url, "transaction") as pooled,
        pytest.raises(ConfigurationError, match="a pooler that shares sessions"),
    ):
        bring_back(pooled, dump)
    assert all_databases(url) == before
