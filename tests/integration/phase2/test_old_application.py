"""The application of before Phase 2, which nobody grants anything: it writes on, and gains nothing.

It is no owner and no superuser, and has its privileges on the tables that were there before: what is done on
its behalf in inventory_ops is done with the owner's rights, by functions that it cannot turn to its own ends.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.database import execute_statement
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.phase2.retirement import LEGACY_RETIREMENT, retire
from soleflip_assets.phase2.revert import revert
from tests.conftest import REFRESHED, Databases, connect
from tests.integration.phase2.deployment import PATIENCE_SECONDS, ignore, run_deployment
from tests.integration.phase2.shop import (
    COMINGS_AND_GOINGS,
    LIFECYCLES_AND_METRICS,
    PRICES_IN_BOTH,
    QUANTITIES,
    Traffic,
    open_shop,
)
from tests.integration.phase2.test_retirement import IN_15_DAYS, make_ready


@contextmanager
def old_application(url: URL) -> Iterator[URL]:
    """A login that may read and write the tables of schema inventory that there are now."""
    role = f"old_application_of_{url.database}"
    with connect(url) as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA inventory TO {role}"))
        connection.execute(
            text(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON inventory.stock, inventory.stock_financial,"
                f" inventory.stock_lifecycle, inventory.stock_metrics TO {role}"
            )
        )
        yield url.set(username=role)
        connection.execute(text(f"DROP OWNED BY {role}; DROP ROLE {role}"))


def await_commits(traffic: Traffic, more: int = 10) -> None:
    """Wait until the shop has committed some more; what ended its writers is told at the shop's end."""
    wanted, deadline = traffic.committed + more, time.monotonic() + PATIENCE_SECONDS
    while traffic.committed < wanted and time.monotonic() < deadline:
        time.sleep(0.01)


def test_writes_on_from_the_deployment_to_the_retirement(
    databases_of_each_version: Databases,
) -> None:
    """Deployed at noon, switched, taken back, deployed again, retired: no write is refused."""
    url = databases_of_each_version.legacy("busy")
    legacy = [QUANTITIES, PRICES_IN_BOTH, LIFECYCLES_AND_METRICS, COMINGS_AND_GOINGS]
    with old_application(url) as application:
        with open_shop(application, legacy) as traffic:
            run_deployment(url)
            await_commits(traffic)
            with Deployer(create_database_engine(url), ignore) as deployer:
                for mode in (Mode.INCREMENTAL, Mode.MATERIALIZED):
                    assert switch(deployer, mode)
                    await_commits(traffic)
                switch(deployer, Mode.INCREMENTAL)
                await_commits(traffic)
                assert revert(deployer)
                await_commits(traffic)
            run_deployment(url)
            await_commits(traffic)
        make_ready(url, IN_15_DAYS)
        with open_shop(application, [QUANTITIES, COMINGS_AND_GOINGS]) as traffic:
            with Deployer(create_database_engine(url), ignore) as deployer:
                assert retire(deployer, LEGACY_RETIREMENT, dry_run=False, now=IN_15_DAYS)
            await_commits(traffic)


def test_types_of_its_own_are_not_used_with_the_owners_rights(
    databases_of_each_version: Databases,
) -> None:
    """A temporary type goes before pg_catalog's, unless search_path says otherwise; its CHECK is code."""
    url = databases_of_each_version.deployed("busy")
    own_types = """
        CREATE FUNCTION pg_temp.whose_rights(value pg_catalog.text) RETURNS pg_catalog.bool
        LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'run as %', current_user; END$$;
        CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.whose_rights(VALUE));
        CREATE DOMAIN pg_temp.uuid AS pg_catalog.uuid CHECK (pg_temp.whose_rights(VALUE::pg_catalog.text));
    """
    with old_application(url) as application, connect(application) as connection:
        execute_statement(connection, own_types)
        for table in ("stock", "stock_financial", "stock_lifecycle", "stock_metrics"):
            done = connection.execute(text(f"UPDATE inventory.{table} SET updated_at = now()"))
            assert done.rowcount > 0
        connection.execute(text("UPDATE inventory.stock SET quantity = quantity + 1"))
        connection.execute(text("UPDATE inventory.stock_metrics SET reserved_quantity = 0"))
        connection.execute(text("UPDATE inventory.stock_lifecycle SET shelf_life_days = 3"))


@pytest.mark.parametrize("mode", REFRESHED)
def test_no_function_with_the_owners_rights_is_everybodys(deployed: URL, mode: Mode) -> None:
    """Also no trigger function: on a table of one's own it would do what the owner may do."""
    everybodys = text("""
        SELECT pg_proc.oid::regprocedure::text
        FROM pg_proc CROSS JOIN LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner))) AS held
        WHERE pronamespace IN ('inventory'::regnamespace, 'inventory_ops'::regnamespace)
          AND held.grantee = 0
    """)
    count = text("SELECT count(*) FROM pg_proc WHERE prosecdef")
    with Deployer(create_database_engine(deployed), ignore) as deployer:
        switch(deployer, mode)
    with connect(deployed) as connection:
        assert connection.execute(everybodys).scalars().all() == []
        assert connection.execute(count).scalar_one() > 10
        # Made anew by a deployment, too.
        connection.execute(text("DROP FUNCTION inventory_ops.fingerprint(regclass)"))
        run_deployment(deployed)
        assert connection.execute(everybodys).scalars().all() == []
