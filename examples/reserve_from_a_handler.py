"""Sell a pair from a web handler: reserve it, take it out of stock, list what is left.

With FastAPI, put ``@app.post("/sales")`` above ``sell`` and inject the session with ``Depends``.
To try it without a web framework, where only ``soleflip-assets`` is installed:
``python reserve_from_a_handler.py DATABASE_URL STOCK_ID ORDER_ID``.
"""

import asyncio
import json
import sys
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from soleflip_assets.inventory import InsufficientStock, InventoryService


async def sell(
    stock_id: UUID, order_id: str, listing_id: str, session: AsyncSession
) -> tuple[int, dict[str, object]]:
    """HTTP status and body; all of it happens or none, and a retry of an order sells once."""
    inventory = InventoryService(session)
    try:
        async with session.begin():
            item = (await inventory.details(stock_id)).item
            sale = await inventory.reserve(
                stock_id, 1, reserved_by=order_id, idempotency_key=order_id
            )
            if sale.status == "active":  # not so if this is a retry
                await inventory.fulfil(sale.id)
                item.add_platform_listing("stockx", listing_id, ask_price=219)
            # The answer is made before the commit, which expires what was loaded.
            return 201, {"reservation": str(sale.id), "left": item.available_quantity}
    except InsufficientStock as error:
        return 409, {"available": error.available, "requested": error.requested}


async def main(database_url: str, stock_id: str, order_id: str) -> None:
    """What a web framework does around the handler."""
    engine = create_async_engine(database_url)
    async with AsyncSession(engine) as session:
        status, body = await sell(UUID(stock_id), order_id, f"listing-of-{order_id}", session)
    await engine.dispose()
    print(status, json.dumps(body))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
