"""The log beside the rest of the platform: deployment, revert, retirement and restore do not disturb it."""

from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.dumps.dump import take_dump
from soleflip_assets.dumps.restore import restore
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.install import install
from soleflip_assets.history.log import state_of
from soleflip_assets.metrics.mode import Mode, switch
from soleflip_assets.phase2.revert import revert
from soleflip_assets.phase2.steps import foresee
from tests.conftest import Databases, connect
from tests.integration.history.conftest import session, with_log
from tests.integration.history.test_checks import failing
from tests.integration.history.test_install import differences
from tests.integration.phase2.deployment import ignore, run_deployment
from tests.integration.phase2.test_retirement import IN_15_DAYS, make_ready, run_retire


def write(url: URL) -> None:
    with session(url) as shop:
        shop.execute("UPDATE inventory.stock SET quantity = quantity + 1")
        assert differences(shop) == (0, 0, 0)


def test_deployment_onto_a_shop_with_a_log_and_its_revert(
    databases_of_each_version: Databases,
) -> None:
    """Columns come and go under the triggers, and each write is logged before, between and after."""
    url = with_log(databases_of_each_version.legacy("busy"))
    write(url)
    run_deployment(url)
    write(url)
    with session(url) as shop:
        backfilled = shop.execute(
            "SELECT count(*) FROM inventory_ops.stock_event WHERE 'status_history' = ANY (changed)"
        ).fetchone()
        assert backfilled is not None
        assert backfilled[0] > 0
    with Deployer(create_database_engine(url), ignore) as deployer:
        assert revert(deployer)
        assert state_of(deployer.connection).complete
    write(url)
    assert failing(url) == []
    with Deployer(create_database_engine(url), ignore) as deployer:
        assert install(deployer) is False
    run_deployment(url)
    write(url)
    assert failing(url) == []


def test_deployment_leaves_the_log_alone(logged: URL) -> None:
    with connect(logged) as connection:
        assert [str(one) for one in foresee(connection) if one.applied] == []
    run_deployment(logged)
    assert failing(logged) == []


def test_retirement_and_modes_leave_the_log_alone(logged: URL) -> None:
    make_ready(logged, IN_15_DAYS)
    with Deployer(create_database_engine(logged), ignore) as deployer:
        switch(deployer, Mode.INCREMENTAL)
    assert run_retire(logged)
    with Deployer(create_database_engine(logged), ignore) as deployer:
        switch(deployer, Mode.MATERIALIZED)
        assert state_of(deployer.connection).complete
    write(logged)
    assert failing(logged) == []


@pytest.mark.filterwarnings("ignore:.*InitResourceContext.dagster_run")
def test_dump_brings_the_log_back_with_its_months(logged: URL, tmp_path: Path) -> None:
    write(logged)
    dump = take_dump(create_database_engine(logged), tmp_path)
    name = restore(logged, dump.path, ignore, replace=False).database
    restored = logged.set(database=name)
    assert failing(restored) == []
    write(restored)
    counted = "SELECT count(*) FROM inventory_ops.stock_event"
    with connect(restored) as connection, connect(logged) as original:
        assert (
            connection.exec_driver_sql(counted).scalar_one()
            > original.exec_driver_sql(counted).scalar_one()
        )
