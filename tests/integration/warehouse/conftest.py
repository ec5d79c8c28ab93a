"""A shop that keeps its history, and a warehouse to load it into."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.warehouse.loading import Loaded, load
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import Databases


@dataclass(frozen=True)
class Loading:
    """A shop and its warehouse."""

    url: URL
    catalog: URL
    warehouse: Warehouse
    shop: Shop
    told: list[str]

    def load(self) -> dict[str, Loaded]:
        return {done.name: done for done in load(self.warehouse, self.shop, self.told.append)}

    def events(self, name: str = "stock_event") -> list[int]:
        """The numbers of the events that the warehouse holds, each as often as it does."""
        return sorted(self.warehouse.read(f"raw.{name}")["event_id"].to_pylist())


def logged(url: URL, name: str = "stock_event") -> list[int]:
    """The numbers of the events in the shop's log."""
    with connected(url) as connection:
        rows = connection.execute(
            f"SELECT event_id FROM inventory_ops.{name} UNION ALL"
            f" SELECT event_id FROM inventory_ops.{name}_overflow ORDER BY event_id"
        )
        return [event_id for (event_id,) in rows]


def connected(url: URL) -> psycopg.Connection[Any]:
    return psycopg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    )


@pytest.fixture(scope="session")
def keep_history() -> Callable[[URL], None]:
    def keep(url: URL) -> None:
        with connected(url) as connection:
            connection.execute((Path(__file__).parent / "log.sql").read_bytes())

    return keep


@pytest.fixture
def shop_url(databases: Databases, keep_history: Callable[[URL], None]) -> URL:
    url = databases.deployed("busy")
    keep_history(url)
    return url


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
