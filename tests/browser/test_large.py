"""A model of 32 layers of 32 heads over 576 and 2,784 image tokens: what is drawn on canvases is clicked, found by its
name, hovered over and enlarged; and no message to the browser is large."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, WebSocket, expect

from benchmarks.clicks import ABOVE_MAP
from tests.ui.test_messages import MOST
from tests.zoo import save_wide

Settle = Callable[[Page], None]
Open = Callable[..., Page]
TOKENS = "4"
"""Of an answer: more would only take time."""
PATIENCE_SECONDS = 240
"""A pass over 2,784 image tokens takes ten seconds of a processor, which a busy machine may not have to itself."""


@pytest.fixture(scope="module")
def app_url(serve: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the app with that model."""
    return serve("tests/browser/model_app.py", str(save_wide(tmp_path_factory.mktemp("models") / "wide")))


@pytest.fixture
def largest(context: BrowserContext) -> Iterator[list[int]]:
    """The bytes of every message to the browser."""
    sizes: list[int] = []

    def opened(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: sizes.append(len(frame)))

    def heard(page: Page) -> None:
        page.on("websocket", opened)

    context.on("page", heard)
    yield sizes
    context.remove_listener("page", heard)


def ask(page: Page, settle: Settle) -> None:
    """Ask on Chat, for a short answer."""
    page.get_by_role("button", name=re.compile("^Decoding|greedy")).click()
    most = page.get_by_label("Maximum new tokens", exact=True)
    most.fill(TOKENS)
    most.press("Enter")
    settle(page)
    page.keyboard.press("Escape")
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill("What color is the house?")
    box.press("Enter")
    said = page.get_by_test_id("stChatMessage").nth(1)
    expect(said).to_contain_text("tokens", timeout=1000 * PATIENCE_SECONDS)
    settle(page)


def go(page: Page, settle: Settle, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    settle(page)


def canvas(page: Page, key: str) -> Locator:
    drawn = page.locator(f".st-key-{key} .vega-embed canvas")
    expect(drawn).to_be_visible()
    return drawn


def caption(page: Page, pattern: str) -> Locator:
    return page.get_by_test_id("stCaptionContainer").filter(has_text=re.compile(pattern))


def hovered(page: Page, drawn: Locator, x: float, y: float) -> str:
    """What hovering tells there, once it tells it."""
    drawn.hover(position={"x": x - 1, "y": y})
    drawn.hover(position={"x": x, "y": y})
    tooltip = page.locator("#vg-tooltip-element.visible")
    expect(tooltip).to_contain_text("row")
    return re.sub(r"\s+", " ", tooltip.inner_text())


def test_a_head_of_a_thousand_is_clicked_found_by_its_name_and_stepped_to(
    open_page: Open, settle: Settle, largest: list[int]
) -> None:
    page = open_page("Chat?scene=27")
    ask(page, settle)
    go(page, settle, "Attention Explorer")
    heads = canvas(page, "attention_heads")
    width = heads.bounding_box()["width"]  # type: ignore[index]
    # The map is 32 cells of 8 px, after the axis and before the legend; layer 31 is on top, under the title.
    heads.click(position={"x": width / 2, "y": ABOVE_MAP + 8 * (31 - 14) + 4})
    expect(caption(page, r"^Attention, layer 14, head \d+ ")).to_be_visible()
    settle(page)
    page.set_viewport_size({"width": 1024, "height": 768})
    settle(page)
    map_, looks = heads.bounding_box(), canvas(page, "attention_picture").bounding_box()
    assert map_ is not None and looks is not None
    assert looks["x"] >= map_["x"] + map_["width"] and abs(looks["y"] - map_["y"]) < 50, "seen without scrolling"
    page.set_viewport_size({"width": 1440, "height": 900})
    settle(page)
    find = page.locator("[class*=st-key-attention_find] input")
    find.fill("L2 H7 ")
    find.press("Enter")
    expect(caption(page, "^Attention, layer 2, head 7 ")).to_be_visible()
    settle(page)
    before = page.locator("[class*=st-key-attention_find] input").input_value()
    page.get_by_role("heading", name="Attention Explorer").click()  # out of the menu
    page.keyboard.press("n")
    expect(page.locator("[class*=st-key-attention_find] input")).not_to_have_value(before)
    settle(page)
    expect(caption(page, "^Attention, layer 2, head 7 ")).to_have_count(0)
    page.get_by_test_id("stPagination").get_by_text("2", exact=True).click()
    settle(page)
    expect(page.locator(".st-key-attention_gallery svg.marks")).to_contain_text("head")
    go(page, settle, "Causal Graph")
    find = page.locator("[class*=st-key-causal_find] input")
    find.fill("L2 H7 ")
    find.press("Enter")
    expect(caption(page, "^Layer 2, head 7 ")).to_be_visible()
    page.set_viewport_size({"width": 420, "height": 900})
    settle(page)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 420
    assert max(largest) <= MOST


def test_patches_by_the_thousand_are_clicked_hovered_over_enlarged_and_read(
    open_page: Open, settle: Settle, largest: list[int], tmp_path: Path
) -> None:
    grains = np.random.default_rng(0).integers(0, 256, (12, 15, 3), dtype=np.uint8)
    Image.fromarray(grains).resize((464, 384), Image.Resampling.BICUBIC).save(tmp_path / "photo.png")
    page = open_page("Chat")
    page.get_by_test_id("stChatInput").locator("input[type=file]").set_input_files(tmp_path / "photo.png")
    settle(page)
    ask(page, settle)
    go(page, settle, "Attention Explorer")
    picture = canvas(page, "attention_picture")
    assert re.match(r"row 14 column 18 attention [\d.]+% share", hovered(page, picture, 100, 79))
    picture.click(position={"x": 100, "y": 79})
    expect(page.get_by_role("button", name="Clear selection (1 patch)")).to_be_visible()
    settle(page)

    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Mechanisms").click()
    page.get_by_role("radio", name="What positions say", exact=True).click()  # before the first lens has its figures
    expect(page.locator(".st-key-mechanisms_grid canvas")).to_be_visible(timeout=1000 * PATIENCE_SECONDS)
    grid = canvas(page, "mechanisms_grid")
    page.locator(".st-key-wide_lens_table .vega-embed").wait_for(timeout=1000 * PATIENCE_SECONDS)
    settle(page)
    table = page.locator(".st-key-wide_lens_table .vega-embed").bounding_box()
    box = grid.bounding_box()
    assert box is not None and table is not None
    assert table["x"] >= box["x"] + box["width"] and abs(table["y"] - box["y"]) < 150, "the table stands beside"
    grid.click(position={"x": 100, "y": 79})
    expect(caption(page, "^Patch row 11 column 13")).to_be_visible()
    expect(page.locator(".st-key-mechanisms_patch_words .vega-embed")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Look closer").click()
    close = canvas(page, "wide_closer")
    settle(page)
    whole = hovered(page, close, 400, 300)
    assert whole.startswith("row 23 column 31 says ")
    for _ in range(6):
        page.mouse.wheel(0, -200)
    page.wait_for_timeout(300)
    # What is under the pointer stays there, and what was beside it is gone.
    assert hovered(page, close, 400, 300).startswith("row 23 column 31 says ")
    assert re.match(r"row 23 column 3[12] says", hovered(page, close, 425, 300))
    assert max(largest) <= MOST
