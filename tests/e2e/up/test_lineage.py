"""The lineage, at the address that `soleflip up` prints: what is made of what, and all of it right."""

from itertools import pairwise

from playwright.sync_api import FloatRect, Locator, expect

from tests.e2e.up.test_up import ASSETS, LEGACY
from tests.e2e.up.ui import Ui

# The asset's own names, from left to right.
LAYERS = [
    {"stock_financial", "stock_lifecycle", "stock_metrics"},
    {"preflight"},
    {"database_dump"},
    {"stock_financial_backup", "stock_lifecycle_backup", "stock_metrics_backup"},
    {"stock"},
    {"stock_metrics_view"},
    {"deployment_report"},
]
GROUPS = {
    "legacy": LAYERS[0],
    "operations": LAYERS[1] | LAYERS[2],
    "backups": LAYERS[3],
    "inventory": LAYERS[4] | LAYERS[5],
    "reports": LAYERS[6],
}


def test_lineage_shows_every_asset_done_checked_and_in_order(ui: Ui) -> None:
    (line,) = (line for line in ui.up.lines if line.startswith("The lineage: "))
    path = line.removeprefix(f"The lineage: http://127.0.0.1:{ui.up.port}")
    # At this size it shows each asset with its status and checks and not only its name.
    ui.open(path, width=2300, height=1150)

    materialized = ui.page.get_by_text("Materialized", exact=True)
    expect(materialized).to_have_count(
        len(ASSETS - LEGACY)
    )  # with the preflight, without the health page
    expect(ui.page.get_by_text("Observed", exact=True)).to_have_count(len(LEGACY))
    for trouble in ("Failed", "Never materialized", "Unsynced"):
        expect(ui.page.get_by_text(trouble)).to_have_count(0)

    boxes = {name: _box(_node(ui, name)) for layer in LAYERS for name in layer}
    for before, after in pairwise(LAYERS):
        assert max(map(_right, (boxes[name] for name in before))) < min(
            boxes[name]["x"] for name in after
        ), (before, after)
    for group, names in GROUPS.items():
        frame = _box(_node(ui, group))
        for name, box in boxes.items():
            assert _contains(frame, box) == (name in names), (group, name)
    ui.keep("lineage", ui.page.locator("svg").filter(has=_node(ui, "stock")))


def _node(ui: Ui, name: str) -> Locator:
    """What the graph draws for an asset or a group: the box with its name in it."""
    return ui.page.locator("foreignObject").filter(has=ui.page.get_by_text(name, exact=True))


def _box(node: Locator) -> FloatRect:
    expect(node).to_have_count(1)
    box = node.bounding_box()
    assert box is not None
    return box


def _right(box: FloatRect) -> float:
    return box["x"] + box["width"]


def _contains(frame: FloatRect, box: FloatRect) -> bool:
    return (
        frame["x"] <= box["x"]
        and _right(box) <= _right(frame)
        and frame["y"] <= box["y"]
        and box["y"] + box["height"] <= frame["y"] + frame["height"]
    )
