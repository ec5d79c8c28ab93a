"""The code migration guide: its blocks of Python run, from top to bottom, on both drivers."""

import ast
import inspect
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.engine import URL

from soleflip_assets import inventory
from tests.conftest import connect
from tests.e2e.documents import Block, blocks
from tests.integration.inventory.conftest import Shop

GUIDE = "docs/code-migration-guide.md"


def _python() -> tuple[list[Block], Block]:
    """What is run in order, and Alembic's env.py."""
    shown = [block for block in blocks(GUIDE) if block.language == "python"]
    [env] = [block for block in shown if block.not_run]
    return [block for block in shown if not block.not_run], env


@pytest.mark.anyio
async def test_the_blocks_run_in_order(shop: Shop, shop_url: URL) -> None:
    stock_id = await shop.item(9)
    names: dict[str, Any] = {
        "DATABASE_URL": shop_url.render_as_string(hide_password=False),
        "stock_id": stock_id,
        "product_id": uuid4(),
        "size_id": uuid4(),
    }
    run, _ = _python()
    assert len(run) > 5
    for block in run:
        code = compile(block.text, block.place, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        done = eval(code, names)  # noqa: S307 the page is ours
        if inspect.isawaitable(done):
            await done
    await names["engine"].dispose()

    orders = sorted(row.reserved_by or "" for row in await shop.reservations(stock_id))
    assert orders == ["order-3", "order-4"], "the test's was rolled back"
    assert await shop.out_of_balance() == []


def test_alembic_finds_nothing_to_change_with_the_guides_env(
    database_url: URL, shop_url: URL, tmp_path: Path
) -> None:
    with connect(database_url) as connection:
        # The sample's own stand-ins for the application's tables, of which the guide's env.py has no model.
        connection.execute(text("DROP TABLE inventory.product, inventory.size CASCADE"))
    (tmp_path / "env.py").write_text(_python()[1].text, encoding="utf-8")
    (tmp_path / "versions").mkdir()
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    config.set_main_option("path_separator", "os")
    url = shop_url.render_as_string(hide_password=False)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.check(config)  # raises where there is anything to change


def test_every_error_is_in_the_guide() -> None:
    page = Path(__file__).parents[3].joinpath(GUIDE).read_text(encoding="utf-8")
    errors = [
        name
        for name in inventory.__all__
        if isinstance(getattr(inventory, name), type)
        and issubclass(getattr(inventory, name), inventory.InventoryError)
    ]
    assert len(errors) > 5
    assert [name for name in errors if f"`{name}`" not in page] == []
