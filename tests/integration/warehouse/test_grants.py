"""A login that only loads the warehouse needs what docs/warehouse.md grants, and no more."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL

from soleflip_assets.ground.settings import FILES
from soleflip_assets.warehouse import comparing
from soleflip_assets.warehouse.comparing import months_of, rows_match, sums_match
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from soleflip_assets.warehouse.tables import LOGS, STOCK_EVENT
from tests.conftest import Databases, running_databases
from tests.integration.warehouse.kept import Loading, connected, logged, shop_with_history

GRANTS = re.findall(
    r"^```sql\n(-- not part of sql/roles.*?)^```",
    (FILES / "docs" / "warehouse.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


# A table of the application's whose rows a policy hides from this login.
HIDDEN = """
CREATE SCHEMA IF NOT EXISTS catalog; DROP TABLE IF EXISTS catalog.brand CASCADE;
CREATE TABLE catalog.brand (id int, name text); INSERT INTO catalog.brand VALUES (1, 'Nike');
ALTER TABLE catalog.brand ENABLE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA catalog TO warehouse_loader; GRANT SELECT ON catalog.brand TO warehouse_loader;
"""


@pytest.fixture(scope="module")
def own_server() -> Iterator[Databases]:
    """Roles are the whole server's, and the other tests know of none."""
    yield from running_databases("18")


@pytest.fixture
def shop_url(own_server: Databases) -> URL:
    return shop_with_history(own_server)


def test_documented_grants_are_enough_and_all_needed(
    shop_url: URL, own_server: Databases, tmp_path: Path
) -> None:
    (grants,) = GRANTS
    with connected(shop_url) as connection:
        connection.execute(grants.encode())
        connection.execute(HIDDEN)
    url = shop_url.set(username="warehouse_loader")
    with connected(url) as loader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        loader.execute("DELETE FROM inventory_ops.stock_event")
    catalog = own_server.empty()
    warehouse = Warehouse(str(tmp_path / "warehouse"), catalog)
    loading = Loading(url, catalog, warehouse, Shop(url), [])

    loading.load()

    assert loading.events() == logged(shop_url)
    assert warehouse.read("raw.brand").num_rows == 0
    for log in LOGS:
        months = months_of(warehouse, loading.shop, log)
        assert rows_match(months).passed
        assert sums_match(months).passed
    assert comparing.last_version_is_stock(warehouse, loading.shop).passed
    assert comparing.load_is_fresh(warehouse, timedelta(hours=1), timedelta(hours=2)).passed
    assert warehouse.find(f"raw.{STOCK_EVENT.name}")
    with connected(shop_url) as connection:
        connection.execute(
            "REVOKE SELECT ON inventory_ops.stock_event_overflow FROM warehouse_loader"
        )
    with pytest.raises(Exception, match="permission denied"):
        loading.load()
