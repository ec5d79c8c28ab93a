"""After each operation there is what objects.txt lists, and a write to stock still comes to the view.

UPDATE_OBJECTS=1 renews the list; its difference is then to be read.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from soleflip_assets.deploying.deployer import Deployer, DeploymentError
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.phase2.retirement import BACKUP_RETIREMENT, LEGACY_RETIREMENT, Retirement
from soleflip_assets.phase2.revert import revert
from tests.conftest import Databases, connect
from tests.integration.phase2.deployment import ignore, run_deployment

LISTED = Path(__file__).with_name("objects.txt")

OBJECTS = """
SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
  WHEN 'i' THEN 'index' ELSE 'table' END || ' ' || oid::regclass
FROM pg_class WHERE relnamespace::regnamespace::text IN ('inventory', 'inventory_ops') AND relkind <> 'c'
UNION ALL
SELECT 'function ' || oid::regprocedure
FROM pg_proc WHERE pronamespace::regnamespace::text IN ('inventory', 'inventory_ops')
UNION ALL
SELECT format('trigger %s on %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'column inventory.stock.' || attname FROM pg_attribute
WHERE attrelid = 'inventory.stock'::regclass AND attnum > 0 AND NOT attisdropped
"""


def objects(url: URL) -> set[str]:
    """Every object of our schemas, by its name."""
    with connect(url) as connection:
        return {*connection.execute(text(OBJECTS)).scalars()}


@contextmanager
def deployer_of(url: URL) -> Iterator[Deployer]:
    with Deployer(create_database_engine(url), ignore) as deployer:
        yield deployer


def switch_to(url: URL, mode: Mode) -> None:
    with deployer_of(url) as deployer:
        assert switch(deployer, mode)


def refuse_incremental(url: URL) -> None:
    """Somebody writes with triggers switched off: the read model is made, but not equal to its query."""

    def bypass(sentence: str) -> None:
        if sentence.startswith("30_fill"):
            with connect(url) as connection:
                connection.exec_driver_sql("SET session_replication_role = replica")
                connection.exec_driver_sql("UPDATE inventory.stock SET quantity = quantity + 1")

    with (
        Deployer(create_database_engine(url), bypass) as deployer,
        pytest.raises(DBAPIError, match="differs from what its query gives"),
    ):
        switch(deployer, Mode.INCREMENTAL)


def refuse_materialized(url: URL) -> None:
    with connect(url) as connection, deployer_of(url) as deployer:
        connection.exec_driver_sql(
            "CREATE FUNCTION mine() RETURNS bigint "
            "BEGIN ATOMIC SELECT count(*) FROM inventory.stock_metrics_view; END"
        )
        with pytest.raises(DeploymentError, match=r"would be lost.*function mine"):
            switch(deployer, Mode.MATERIALIZED)
        connection.exec_driver_sql("DROP FUNCTION mine()")


def drop(url: URL, *retirements: Retirement) -> None:
    """What a retirement does once its gates are open."""
    with deployer_of(url) as deployer:
        for retirement in retirements:
            deployer.execute(retirement.file)


def take_back(url: URL) -> None:
    with deployer_of(url) as deployer:
        assert revert(deployer)


# What is done, and what of the list is there then.
Operation = tuple[Callable[[URL], object], str]

DROP_LEGACY: Operation = (lambda url: drop(url, LEGACY_RETIREMENT), "legacy dropped")
DROP_BACKUPS: Operation = (lambda url: drop(url, BACKUP_RETIREMENT), "backups dropped")
DROP_LEGACY_INCREMENTAL: Operation = (DROP_LEGACY[0], "legacy dropped, incremental")
DROP_BACKUPS_INCREMENTAL: Operation = (DROP_BACKUPS[0], "backups dropped, incremental")
INCREMENTAL: Operation = (lambda url: switch_to(url, Mode.INCREMENTAL), "incremental")
LIVE: Operation = (lambda url: switch_to(url, Mode.LIVE), "live")
REVERT: Operation = (take_back, "reverted")

LIVES: dict[str, Sequence[Operation]] = {
    "there and back": [
        (lambda _: None, "before"),
        (run_deployment, "deployed"),
        (run_deployment, "deployed"),
        (refuse_incremental, "deployed"),
        INCREMENTAL,
        (run_deployment, "incremental"),
        (refuse_materialized, "incremental"),
        (lambda url: switch_to(url, Mode.MATERIALIZED), "deployed"),
        REVERT,
    ],
    "back from incremental": [(run_deployment, "deployed"), INCREMENTAL, REVERT],
    "back from live": [(run_deployment, "deployed"), LIVE, REVERT],
    "retired": [
        (run_deployment, "deployed"),
        DROP_LEGACY,
        DROP_BACKUPS,
        (run_deployment, "backups dropped"),
    ],
    "retired in incremental mode": [
        (run_deployment, "deployed"),
        INCREMENTAL,
        DROP_LEGACY_INCREMENTAL,
        (run_deployment, "legacy dropped, incremental"),
        DROP_BACKUPS_INCREMENTAL,
        (lambda url: switch_to(url, Mode.MATERIALIZED), "backups dropped"),
    ],
}


@pytest.mark.parametrize("life", LIVES)
def test_there_is_what_is_listed_and_the_shop_goes_on(databases: Databases, life: str) -> None:
    url = databases.legacy("production")
    for number, (operate, state) in enumerate(LIVES[life]):
        operate(url)

        if os.environ.get("UPDATE_OBJECTS"):
            write_down(state, objects(url))
        assert objects(url) == listed(state), f"{number}: {state}"
        with connect(url) as connection:
            write_and_read(connection, shown=state not in {"before", "reverted"})


def write_and_read(connection: Connection, *, shown: bool) -> None:
    """A write to stock goes through and, where there is a view, is in it after the next refresh."""
    (written,) = connection.exec_driver_sql(
        "UPDATE inventory.stock SET quantity = quantity + 7 "
        "WHERE id = (SELECT id FROM inventory.stock ORDER BY id LIMIT 1) RETURNING id, quantity"
    ).all()
    if shown:
        connection.exec_driver_sql("SELECT inventory.refresh_stock_metrics()")
        query = "SELECT total_quantity FROM inventory.stock_metrics_view WHERE stock_id = :id"
        found = connection.execute(text(query), {"id": written.id})
        assert found.scalar_one() == written.quantity


def parts() -> dict[str, set[str]]:
    """The list by states: each begins with its name in brackets."""
    if not LISTED.exists():
        return {}
    texts = LISTED.read_text().split("\n\n")
    return {
        lines[0].strip("[]"): {*lines[1:]}
        for lines in (part.splitlines() for part in texts)
        if lines
    }


def listed(state: str) -> set[str]:
    return parts()[state]


def write_down(state: str, found: set[str]) -> None:
    texts = [
        "\n".join([f"[{name}]", *sorted(of)]) for name, of in (parts() | {state: found}).items()
    ]
    LISTED.write_text("\n\n".join(texts) + "\n")
