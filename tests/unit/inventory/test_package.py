"""What the package is made of."""

import subprocess
import sys

from soleflip_assets import inventory
from soleflip_assets.inventory import Base, InventoryItem


def test_importing_it_does_not_import_dagster() -> None:
    """The application has no Dagster."""
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0].startswith('dagster'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import soleflip_assets.inventory\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_retired_tables_have_no_model() -> None:
    assert set(Base.metadata.tables) == {
        "inventory.stock",
        "inventory.stock_reservation",
        "inventory.stock_metrics_view",
        "inventory_ops.reservation_key",
    }


def test_every_public_name_is_there_and_sorted() -> None:
    assert inventory.__all__ == sorted(inventory.__all__)
    assert all(hasattr(inventory, name) for name in inventory.__all__)


def test_a_new_item_grows_its_lists_in_python() -> None:
    item = InventoryItem(quantity=3)
    item.add_platform_listing("stockx", "1")
    item.add_platform_listing("ebay", "2")
    item.add_status_change("in_stock", "listed_stockx")
    assert [listing["platform"] for listing in item.listed_on_platforms or []] == ["stockx", "ebay"]
    assert len(item.status_history or []) == 1
    assert item.available_quantity == 3
