"""A listing of an item on a platform, as the application reads it.

Here: the one form of what different versions of the application wrote. Not here: how a listing is
written, which is ``InventoryItem.add_platform_listing``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from soleflip_assets.inventory.columns import cents

ACTIVE = "active"


@dataclass(frozen=True)
class Listing:
    """An entry of ``listed_on_platforms``.

    Attributes:
        platform: in lower case.
        listing_id: the platform's id of the listing.
        listed_at: when, in UTC: what the entry calls ``listed_at`` or, in the application's own way of
            writing, ``timestamp``; without an offset it is taken for UTC. None if it says neither.
        status: ``active`` if the entry does not say.
        ask_price: EUR, in whole cents.
        entry: the whole entry as it is stored.
    """

    platform: str
    listing_id: str
    listed_at: datetime | None
    status: str
    ask_price: Decimal | None
    entry: Mapping[str, Any]

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> "Listing":
        """Read an entry.

        Args:
            entry: as it is stored.
        """
        price = entry.get("ask_price")
        return cls(
            platform=str(entry.get("platform", "")).lower(),
            listing_id=str(entry.get("listing_id", "")),
            listed_at=_moment(entry.get("listed_at") or entry.get("timestamp")),
            status=entry.get("status") or ACTIVE,
            ask_price=None if price is None else cents(Decimal(str(price))),
            entry=entry,
        )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
