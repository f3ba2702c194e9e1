"""What a person does on the Attention Explorer, in a real browser: click heads and patches, and find them again."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

Settle = Callable[[Page], None]
Open = Callable[..., Page]


def mark(page: Page, key: str, number: int) -> Locator:
    """The `number`-th mark that takes clicks in a chart: they are drawn last."""
    return page.locator(f".st-key-{key} .vega-embed g.mark-rect.role-mark").last.locator("path").nth(number)


def head_caption(page: Page, head: str) -> Locator:
    return page.get_by_test_id("stCaptionContainer").filter(has_text=re.compile(rf"^Attention, {head}"))


@pytest.fixture
def explorer(open_page: Open, settle: Settle) -> Page:
    """The explorer about the truck's door, asked right there."""
    page = open_page("Attention_Explorer?scene=27")
    page.get_by_role("button", name="Is the truck's door open?").click()
    expect(page.locator(".st-key-attention_gallery svg.marks")).to_be_visible()
    settle(page)
    return page


def test_heads_and_patches_are_clicked_and_found_again(explorer: Page, settle: Settle) -> None:
    expect(head_caption(explorer, "mean over all heads and layers")).to_be_visible()
    mark(explorer, "attention_heads", 7).click()
    expect(head_caption(explorer, "layer 1, head 1")).to_be_visible()
    settle(explorer)
    mark(explorer, "attention_picture", 40).click()
    expect(explorer.get_by_role("button", name="Clear selection (1 patch)")).to_be_visible()
    settle(explorer)
    mark(explorer, "attention_picture", 41).click()
    expect(explorer.get_by_role("button", name="Clear selection (2 patches)")).to_be_visible()
    settle(explorer)
    mark(explorer, "attention_picture", 40).click()
    expect(explorer.get_by_role("button", name="Clear selection (1 patch)")).to_be_visible()
    settle(explorer)

    navigation = explorer.get_by_test_id("stSidebarNav")
    navigation.get_by_role("link", name="Chat").click()
    expect(explorer.get_by_role("heading", name="Chat")).to_be_visible()
    settle(explorer)
    navigation.get_by_role("link", name="Attention Explorer").click()
    expect(head_caption(explorer, "layer 1, head 1")).to_be_visible()
    expect(explorer.get_by_role("button", name="Clear selection (1 patch)")).to_be_visible()
    settle(explorer)
    mark(explorer, "attention_heads", 7).click()
    expect(head_caption(explorer, "mean over all heads and layers")).to_be_visible()


def test_hovering_tells_a_patchs_own_value(explorer: Page) -> None:
    mark(explorer, "attention_picture", 13).hover()
    tooltip = explorer.locator("#vg-tooltip-element")
    expect(tooltip).to_contain_text(re.compile(r"row\s*2\s*column\s*2\s*attention\s*[\d.]+%"))


def test_words_are_seen_looking_at_patches_and_words(explorer: Page, settle: Settle) -> None:
    explorer.get_by_text("Question and answer words", exact=True).click()
    expect(explorer.locator(".st-key-attention_words svg.marks")).to_be_visible()
    settle(explorer)
    mark(explorer, "attention_words", 0).click()
    expect(explorer.get_by_role("button", name="Back to the target")).to_be_visible()
    settle(explorer)
    explorer.get_by_text("Vision tower", exact=True).click()
    expect(explorer.locator(".st-key-tower_heads svg.marks")).to_be_visible()
    expect(explorer.locator(".st-key-tower_picture svg.marks")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1024, True)])
def test_nothing_is_cut_off(open_page: Open, settle: Settle, width: int, dark: bool) -> None:
    page = open_page("Attention_Explorer?scene=27", width=width, dark=dark)
    page.get_by_role("button", name="Is the truck's door open?").click()
    expect(page.locator(".st-key-attention_gallery svg.marks")).to_be_visible()
    settle(page)
    for key in ("attention_heads", "attention_ranked", "attention_picture", "attention_gallery"):
        box = page.locator(f".st-key-{key} svg.marks").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width + 1, key
