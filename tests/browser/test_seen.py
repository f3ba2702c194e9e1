"""What a person sees of the picture that the model sees, and of figures on a phone, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

Settle = Callable[[Page], None]
Open = Callable[..., Page]


def wide() -> bytes:
    """A picture of which a centre crop cuts the sides."""
    data = io.BytesIO()
    Image.effect_noise((600, 150), 60).save(data, "PNG")
    return data.getvalue()


def test_a_crop_is_told_and_the_picture_as_it_is_seen_is_one_click_away(open_page: Open, settle: Settle) -> None:
    page = open_page("Chat")
    page.get_by_role("tab", name="Your own").click()
    file = {"name": "wide.png", "mimeType": "image/png", "buffer": wide()}
    page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files([file])  # type: ignore[list-item]
    expect(page.get_by_text("wide.png · 600 × 150 px")).to_be_visible()
    settle(page)
    page.get_by_test_id("stChatInputTextArea").fill("What color is the house?")
    page.get_by_test_id("stChatInputTextArea").press("Enter")
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
    settle(page)
    page.get_by_role("link", name="Relevancy").click()
    settle(page)
    told = "The model sees columns 225 to 375 of 600: 75% of the picture is never seen."
    expect(page.get_by_text(told)).to_be_visible()
    page.get_by_role("button", name="What it sees").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(told)).to_be_visible()
    expect(dialog.locator("svg.marks")).to_be_visible()
    expect(dialog.get_by_alt_text("crop as the vision tower gets it")).to_be_visible()


@pytest.mark.parametrize("page_name", ["Mechanisms", "Relevancy"])
def test_on_a_phone_a_wide_figure_is_scrolled_by_itself(open_page: Open, settle: Settle, page_name: str) -> None:
    page = open_page(f"{page_name}?scene=27", width=420)
    page.get_by_role("button", name="What color is the house?").click()
    expect(page.locator("svg.marks").first).to_be_visible()
    settle(page)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 420


@pytest.mark.parametrize("page_name", ["", "Chat", "Case_Studies", "History", "Side_by_Side"])
def test_on_a_phone_no_page_scrolls_sideways(open_page: Open, page_name: str) -> None:
    page = open_page(page_name, width=420)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 420
    if not page_name:
        expect(page.get_by_role("button", name="Is the truck's door open?")).to_be_in_viewport()


def test_four_pinned_answers_stand_in_one_row(open_page: Open, settle: Settle) -> None:
    page = open_page("Chat?scene=27")
    questions = ["Is the truck's door open?", "Is the truck's door closed?", "What color is the house?", "Is it red?"]
    for number, question in enumerate(questions, 1):
        page.get_by_test_id("stChatInputTextArea").fill(question)
        page.get_by_test_id("stChatInputTextArea").press("Enter")
        expect(page.get_by_test_id("stChatMessage")).to_have_count(2 * number)
        expect(page.get_by_test_id("stChatMessage").last).to_contain_text("tokens")
        settle(page)
        page.get_by_test_id("stChatMessage").last.get_by_role("button", name="Pin", exact=True).click()
        settle(page)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Side by Side").click()
    settle(page)
    heads = [page.locator(f".st-key-beside_column_{number}").bounding_box() for number in range(4)]
    assert len({box["y"] for box in heads if box is not None}) == 1 and None not in heads
