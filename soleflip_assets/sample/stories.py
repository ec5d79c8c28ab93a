"""What can have happened to a pair of sneakers, and how the legacy columns and JSON tell it.

One story holds status, listings and history together, so that they cannot contradict each other in the
sample. Not here: when it happened and to which pair, which sample.py draws.
"""

import json
from dataclasses import dataclass
from functools import cached_property

NULL = r"\N"


@dataclass(frozen=True)
class Story:
    """How an item got to where it is.

    Attributes:
        weight: how many of a hundred items have it.
        status: the last one, as in stock.status.
        detailed_status: a value of inventory_status.
        listings: platform and present state of each listing, in the order they were made.
        steps: each change of status after the delivery, and its reason.
    """

    weight: int
    status: str
    detailed_status: str
    listings: tuple[tuple[str, str], ...] = ()
    steps: tuple[tuple[str, str], ...] = ()

    @cached_property
    def flags(self) -> str:
        """listed_stockx, listed_alias and listed_local, tab-separated."""
        active = {platform for platform, state in self.listings if state == "active"}
        return "\t".join("ft"[name in active] for name in ("stockx", "alias", "kleinanzeigen"))

    @cached_property
    def external_ids(self) -> str:
        """JSON with ``%(number)s`` in it; NULL where nothing was ever listed."""
        ids = {f"{platform}_listing_id": f"{platform}-%(number)s" for platform, _ in self.listings}
        return json.dumps(ids) if ids else NULL

    @cached_property
    def listed_on_platforms(self) -> str:
        """JSON with ``%(number)s``, ``%(at)s`` and ``%(ask)s`` in it."""
        listings = [
            {
                "platform": platform,
                "listing_id": f"{platform}-%(number)s",
                "listed_at": "%(at)s",
                "status": state,
                "ask_price": "%(ask)s",
            }
            for platform, state in self.listings
        ]
        return json.dumps(listings).replace('"%(ask)s"', "%(ask)s")

    @cached_property
    def listed_at(self) -> int:
        """Which moment the listings date from: the step that made them, or else the delivery (0)."""
        return int(bool(self.steps) and self.steps[0][0].startswith("listed_"))

    @cached_property
    def status_history(self) -> str:
        """JSON with one ``%s`` for the moment of the delivery and of each step."""
        history = []
        status = "incoming"
        for next_status, reason in (("in_stock", "delivery received"), *self.steps):
            change = {"from_status": status, "to_status": next_status}
            history.append(change | {"changed_at": "%s", "reason": reason})
            status = next_status
        return json.dumps(history)


_STOCKX = ("listed_stockx", "listed on StockX")
_ALIAS = ("listed_alias", "listed on Alias")
_BID = ("reserved", "bid accepted on StockX")

# fmt: off
STORIES = (
    Story(28, "in_stock", "available"),
    Story(18, "in_stock", "available", (("kleinanzeigen", "active"),)),
    Story(9, "in_stock", "available", (("stockx", "expired"),),
          (_STOCKX, ("in_stock", "listing expired"))),
    Story(1, "in_stock", "cancelled", (("kleinanzeigen", "cancelled"),),
          (("reserved", "held for a customer"), ("in_stock", "customer withdrew"))),
    Story(11, "listed_stockx", "available", (("stockx", "active"),), (_STOCKX,)),
    Story(4, "listed_stockx", "available", (("stockx", "active"), ("ebay", "active")), (_STOCKX,)),
    Story(5, "listed_alias", "consigned", (("alias", "active"), ("goat", "active")), (_ALIAS,)),
    Story(3, "listed_alias", "available", (("alias", "active"),), (_ALIAS,)),
    Story(3, "reserved", "available", (), (("reserved", "held for a customer"),)),
    Story(4, "reserved", "need_shipping", (("stockx", "paused"),), (_STOCKX, _BID)),
    Story(9, "sold", "sale_completed", (("stockx", "sold"),), (_STOCKX, ("sold", "sold on StockX"))),
    Story(3, "sold", "sale_completed", (("alias", "sold"),), (_ALIAS, ("sold", "sold on Alias"))),
    Story(1, "sold", "outgoing", (("ebay", "sold"),), (("sold", "sold on eBay"),)),
    Story(1, "sold", "packed", (("stockx", "sold"),), (_STOCKX, _BID, ("sold", "sold on StockX"))),
)
# fmt: on

# Bought, and not delivered before the end of the sample.
INCOMING = Story(0, "in_stock", "incoming")
