"""The sample's vocabulary: products, sizes, suppliers and stories hold together without a database."""

import json

import pytest

from soleflip_assets.sample.catalogue import PRODUCTS, SIZES, SUPPLIERS
from soleflip_assets.sample.stories import STORIES, Story

PLATFORMS = {"stockx", "ebay", "alias", "goat", "kleinanzeigen"}
STATUSES = {"in_stock", "listed_stockx", "listed_alias", "reserved", "sold"}


def test_the_weights_are_percent() -> None:
    """The weights say what they mean without a calculator."""
    assert sum(story.weight for story in STORIES) == 100


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_a_story_ends_in_its_status(story: Story) -> None:
    """History and stock.status cannot contradict each other."""
    last = story.steps[-1][0] if story.steps else "in_stock"
    assert last == story.status
    assert story.status in STATUSES


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_the_json_of_a_story_has_the_legacy_shape(story: Story) -> None:
    """The templates, filled in, are the JSON that the application writes."""
    history = json.loads(story.status_history % (("then",) * (1 + len(story.steps))))
    assert all(set(c) == {"from_status", "to_status", "changed_at", "reason"} for c in history)
    values = {"number": 1, "at": "then", "ask": 250}
    for listing in json.loads(story.listed_on_platforms % values):
        assert set(listing) == {"platform", "listing_id", "listed_at", "status", "ask_price"}
        assert listing["platform"] in PLATFORMS
        assert listing["ask_price"] == 250


def test_only_active_listings_raise_a_flag() -> None:
    """A sold pair was on StockX, and is not any more."""
    listed = Story(1, "listed_stockx", "available", (("stockx", "active"), ("alias", "paused")))
    assert listed.flags == "t\tf\tf"


def test_listings_date_from_the_step_that_made_them() -> None:
    """Without such a step the pair was listed on the day of its delivery."""
    listed = Story(1, "listed_alias", "available", steps=(("listed_alias", "listed"),))
    sold = Story(1, "sold", "packed", steps=(("sold", "sold"),))
    assert (listed.listed_at, sold.listed_at) == (1, 0)


def test_ids_are_unique_and_stay_the_same() -> None:
    """Ids come from the natural key: the same product in every sample, and no two alike."""
    ids = [thing.id for table in (PRODUCTS, SIZES, SUPPLIERS) for thing in table if thing.id]
    assert len(set(ids)) == len(ids)
    assert PRODUCTS[0].id == "5b9cd1b6-8afa-507e-a6c1-55eb2504c1c4"


def test_the_catalogue_is_ordered_and_complete() -> None:
    """Sixty products, each with its own style code; sizes from 36 to 48 ascend on both scales."""
    assert len({product.style_code for product in PRODUCTS}) == len(PRODUCTS) >= 60
    assert (SIZES[0].eu, SIZES[-1].eu) == (36, 48)
    assert sorted(SIZES, key=lambda size: size.eu) == sorted(SIZES, key=lambda size: size.us)
