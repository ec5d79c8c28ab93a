"""A shop that keeps its history, and a warehouse to load it into."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import Databases
from tests.integration.warehouse.kept import Loading, connected, shop_with_history


@pytest.fixture
def shop_url(databases: Databases) -> URL:
    return shop_with_history(databases)


@pytest.fixture
def catalog(databases: Databases) -> URL:
    return databases.empty()


@pytest.fixture
def warehouse(catalog: URL, tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "warehouse"), catalog)


@pytest.fixture
def loading(shop_url: URL, catalog: URL, warehouse: Warehouse) -> Loading:
    return Loading(shop_url, catalog, warehouse, Shop(shop_url), [])


@pytest.fixture
def shop(shop_url: URL) -> Iterator[psycopg.Connection[Any]]:
    with connected(shop_url) as connection:
        yield connection
