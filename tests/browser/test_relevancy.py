"""What a person does on the Relevancy page, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.deferred import STOP_MILLISECONDS, stop_at

Settle = Callable[[Page], None]
Open = Callable[..., Page]


def chips(page: Page) -> Locator:
    return page.locator('[class*="st-key-chips_"] [data-testid="stButtonGroup"] button')


def maps(page: Page) -> Locator:
    return page.locator('[class*="st-key-relevancy_maps"] [data-testid="stVegaLiteChart"]')


def choose(page: Page, settle: Settle, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).or_(
        page.get_by_role("button", name=name, exact=True)
    ).first.click()
    page.wait_for_timeout(200)
    settle(page)


def add_method(page: Page, settle: Settle, name: str) -> None:
    box = page.get_by_test_id("stMultiSelect").first
    if box.get_by_text(name, exact=True).count():
        return  # as it is where the league recommends it
    box.locator("input").fill(name)
    page.get_by_role("option", name=name, exact=True).click()
    expect(box.get_by_text(name, exact=True).first).to_be_visible()
    page.keyboard.press("Escape")
    settle(page)


@pytest.fixture
def explained(open_page: Open, settle: Settle) -> Page:
    """The page about a question that was asked on it."""
    page = open_page("Relevancy?scene=27")
    page.get_by_role("button", name="What color is the house?", exact=True).click()
    expect(maps(page)).to_have_count(1)
    settle(page)
    return page


def test_a_clicked_word_is_explained_and_taken_away_as_a_picture_and_numbers(
    explained: Page, settle: Settle, tmp_path: Path
) -> None:
    page = explained
    chips(page).nth(2).click()
    expect(page.get_by_text(re.compile(r"\(token 3 of \d+\)"))).to_be_visible()
    settle(page)
    expect(maps(page)).to_have_count(1)
    expect(page.get_by_text(re.compile(r"default settings · \d+\.\d\d s"))).to_be_visible()

    saved = {}
    page.get_by_role("button", name="Save").first.click()
    for name in ("Picture with a value for every patch (SVG)", "Numbers (CSV)"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        saved[path.suffix] = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(saved[".svg"])
    assert len(root.findall("{*}g/{*}rect/{*}title")) == 144
    assert json.loads(saved[".csv"].split("\n", 1)[0].removeprefix("# "))[0]["target_tokens"] == [2]


def test_methods_stand_side_by_side_and_are_compared(explained: Page, settle: Settle) -> None:
    page = explained
    for name in ("Relevancy", "Suffix relevancy"):
        add_method(page, settle, name)
    expect(maps(page).nth(1)).to_be_visible()
    expect(page.get_by_text(re.compile("Rank correlation with Relevancy: "))).to_be_visible()
    expect(page.get_by_text("Agreement says that two methods see the same")).to_be_visible()
    boxes = [maps(page).nth(number).bounding_box() for number in range(2)]
    assert boxes[0] and boxes[1] and abs(boxes[0]["y"] - boxes[1]["y"]) < 3 and boxes[0]["x"] < boxes[1]["x"]


def test_every_word_has_a_map_and_every_layer_its_patches(explained: Page, settle: Settle) -> None:
    page = explained
    choose(page, settle, "Word by word")
    words = page.locator('[class*="st-key-word_"] button')
    expect(words.first).to_be_visible()
    settle(page)
    word = words.last.inner_text()
    words.last.click()
    expect(page.get_by_text(re.compile(rf"^“{re.escape(word)}” \(token"))).to_be_visible()
    settle(page)

    choose(page, settle, "Layer by layer")
    heading = page.get_by_text(re.compile(r"^Layer \d: what enters there"))
    expect(heading).to_be_visible()
    settle(page)
    chart = page.get_by_test_id("stVegaLiteChart").first.locator("svg, canvas").first
    box = chart.bounding_box()
    assert box is not None
    for share, layer in ((0.95, 5), (0.2, 0)):
        chart.click(position={"x": box["width"] * share, "y": box["height"] * 0.5})
        expect(page.get_by_text(f"Layer {layer}: what enters there")).to_be_visible()
        settle(page)


def test_a_stop_in_the_middle_of_occlusion_keeps_what_is_done(explained: Page, settle: Settle) -> None:
    page = explained
    add_method(page, settle, "Hide pixels")
    expect(maps(page)).to_have_count(2)
    # A square for every patch, so that there is time to stop.
    page.get_by_role("button", name="Settings").first.click()
    page.get_by_label("Step", exact=True).fill("1")
    page.get_by_label("Step", exact=True).press("Enter")
    page.keyboard.press("Escape")
    deferred_work = stop_at(page, 3)
    expect(page.get_by_text(re.compile(r"\d+% of it was done"))).to_be_visible(timeout=STOP_MILLISECONDS)
    settle(page)
    expect(deferred_work).to_have_count(0)
    page.get_by_role("button", name="Compute it").click()
    expect(page.get_by_role("button", name="Compute it")).to_have_count(0)
    settle(page)
    expect(maps(page)).to_have_count(2)
