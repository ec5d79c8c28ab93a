"""The dashboard in a browser: from disk, offline, at every width, in the light, in the dark, on paper."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.marts.catalogue import MARTS, PICTURED, SECTIONS
from soleflip_assets.marts.dashboard import page as dashboard_page
from soleflip_assets.marts.making import Making
from soleflip_assets.warehouse.loading import load
from soleflip_assets.warehouse.shop import Shop
from soleflip_assets.warehouse.store import Warehouse
from tests.conftest import Databases
from tests.integration.marts.conftest import make_sample
from tests.integration.marts.shops import answered, busy_shop

WIDTHS = {"wide": 1280, "tablet": 768, "phone": 375}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a shop in which names want to be escaped, and much is known to nobody."""
    path = tmp_path_factory.mktemp("dashboard") / "dashboard.html"
    path.write_text(dashboard_page(answered(busy_shop()).__getitem__), encoding="utf-8")
    return path


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(browser: Browser, file: Path, scheme: str) -> Iterator[Page]:
    """The page in a tab of its own, offline; it asks for nothing and complains of nothing."""
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", offline=True
    )
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: asked.append(message.text))
    tab.goto(file.as_uri())
    yield tab
    assert asked == [file.as_uri()]
    context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_page_fits_and_each_picture_is_seen(page: Page, width: str) -> None:
    page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    for name in PICTURED:
        picture = page.locator(f"#{name} svg")
        expect(picture).to_be_visible()
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 250
        # Text of a picture, as small as it gets.
        sizes = picture.locator("text").evaluate_all(
            "texts => texts.filter(text => text.textContent.trim())"
            ".map(text => text.getBoundingClientRect().height)"
        )
        assert not sizes or min(sizes) > 8


def test_picture_is_told_to_who_cannot_see_it_and_has_its_table(page: Page) -> None:
    for name in PICTURED:
        figure = page.locator(f"#{name}")
        title = figure.get_by_role("heading", level=3).inner_text()
        says = figure.locator("figcaption p").inner_text()
        picture = figure.get_by_role("img", name=title)
        expect(picture).to_have_accessible_description(says)
        summary = figure.locator("summary")
        summary.focus()
        page.keyboard.press("Enter")
        table = figure.get_by_role("table")
        expect(table).to_be_visible()
        assert figure.get_by_role("columnheader").count() >= 3
        page.keyboard.press("Enter")
        expect(table).to_be_hidden()


def test_page_is_walked_by_headings_and_keys(page: Page) -> None:
    headings = page.get_by_role("heading", level=2).all_inner_texts()
    assert headings == ["Today", *SECTIONS]
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the figures")).to_be_focused()
    for title in SECTIONS:
        page.keyboard.press("Tab")
        link = page.get_by_role("link", name=title, exact=True)
        expect(link).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_in_viewport()
        link.focus()


def test_light_and_dark_can_be_read(page: Page) -> None:
    """Text against what it stands on: 4.5 to 1, as WCAG wants it; a picture's parts 3 to 1."""
    contrasts = page.evaluate(_CONTRASTS)
    assert min(contrasts["text"]) >= 4.5, contrasts
    assert min(contrasts["parts"]) >= 3, contrasts


def test_names_are_shown_as_they_are(page: Page) -> None:
    expect(
        page.locator("#profit_by_product").get_by_text("<b>Bold & Co</b>").first
    ).to_be_attached()
    expect(page.locator("b")).to_have_count(0)


def test_what_nobody_knows_is_called_unknown(page: Page) -> None:
    page.locator("#days_to_sell summary").click()
    row = page.locator("#sell_through_by_month").get_by_role("row").nth(1)
    page.locator("#sell_through_by_month summary").click()
    expect(row.get_by_role("cell", name="unknown").first).to_be_visible()


def test_paper_shows_every_picture_and_no_button(page: Page) -> None:
    page.emulate_media(media="print")
    expect(page.locator("nav")).to_be_hidden()
    for name in PICTURED:
        expect(page.locator(f"#{name} svg")).to_be_visible()
        expect(page.locator(f"#{name} summary")).to_be_hidden()
    # Paper is white, whatever the screen was.
    assert (
        page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(29, 36, 48)"
    )


@pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="set SCREENSHOTS to take the picture")
def test_picture_of_the_sample_shop(browser: Browser, databases: Databases, tmp_path: Path) -> None:
    """README's: what the first `soleflip up` draws."""
    url = databases.empty()
    engine = create_database_engine(url)
    make_sample(engine)
    engine.dispose()
    warehouse = Warehouse(str(tmp_path / "warehouse"), databases.empty())
    list(load(warehouse, Shop(url), print))
    making = Making(warehouse, print)
    list(making.make(MARTS))
    file = tmp_path / "dashboard.html"
    file.write_text(making.page(), encoding="utf-8")
    tab = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    tab.goto(file.as_uri())
    expect(tab.locator("dd.large").get_by_text("unknown")).to_have_count(0)
    tab.screenshot(path=Path(os.environ["SCREENSHOTS"]) / "dashboard.png")
    tab.close()


_CONTRASTS = """() => {
  const style = getComputedStyle(document.documentElement);
  const channel = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = name => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const [r, g, b] = [0, 2, 4].map(at => channel(parseInt(hex.slice(at, at + 2), 16) / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const text = ['--ink', '--muted', '--one', '--good', '--bad'];
  return {
    text: text.flatMap(name => [contrast(name, '--card'), name == '--one' ? 9 : contrast(name, '--page')]),
    parts: ['--one', '--two', '--three', '--four', '--five'].map(name => contrast(name, '--card')),
  };
}"""
