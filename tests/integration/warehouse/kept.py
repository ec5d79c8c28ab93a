"""A shop that keeps its history, beside the warehouse that it is loaded into."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.history.install import install
from soleflip_assets.metrics.mode import Mode
from soleflip_assets.warehouse.loading import Loaded, load
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import Databases, deployed_in


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

    def falsify(self, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
        """Let the last load have left a table as it is not in the shop."""
        last, table = self.warehouse.last_load, self.warehouse.find(name)
        assert last
        assert table
        rows = change(table.read())
        table.commit(add=table.write(rows), remove=table.files, properties=table.properties)
        self.warehouse.finish_load(last.at, [table])

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


def shop_with_history(databases: Databases) -> URL:
    """A busy shop, deployed, whose history is kept."""
    return databases.made("history_busy", _with_history)


def _with_history(engine: Engine) -> None:
    deployed_in(engine, "busy", Mode.MATERIALIZED)
    with Deployer(engine, log=lambda _: None) as deployer:
        install(deployer)


def connected(url: URL) -> psycopg.Connection[Any]:
    return psycopg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    )
