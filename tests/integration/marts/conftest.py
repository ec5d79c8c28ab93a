"""The sample shop with its two years, loaded into a warehouse once."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.history.install import install
from soleflip_assets.phase2.steps import deploy
from soleflip_assets.sample.sample import create_legacy_schema, fill
from soleflip_assets.sample.trade import furnish, remember
from soleflip_assets.warehouse.loading import load
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import Databases


def make_sample(engine: Engine) -> None:
    """As `soleflip up` makes it."""
    with engine.begin() as connection:
        create_legacy_schema(connection)
        fill(connection, "production")
        furnish(connection, datetime.now(UTC))
    with Deployer(engine, log=lambda _: None) as deployer:
        deploy(deployer)
    with Deployer(engine, log=lambda _: None) as deployer:
        install(deployer)
    with engine.begin() as connection:
        assert remember(connection)


@pytest.fixture(scope="module")
def shop_url(databases: Databases) -> URL:
    """The sample shop as it is a moment after `soleflip up`."""
    url = databases.empty()
    engine = create_database_engine(url)
    make_sample(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="module")
def catalog(databases: Databases) -> URL:
    return databases.empty()


@pytest.fixture(scope="module")
def warehouse(shop_url: URL, catalog: URL, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """All of the sample shop, loaded."""
    warehouse = Warehouse(str(tmp_path_factory.mktemp("warehouse")), catalog)
    list(load(warehouse, Shop(shop_url), lambda _: None))
    return warehouse
