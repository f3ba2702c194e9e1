"""What a person does with cases and evidence, in a real browser: stop a case, click a row, test a map."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.deferred import STOP_MILLISECONDS, stop_at

Settle = Callable[[Page], None]
Open = Callable[..., Page]


def caption(page: Page, pattern: str) -> Locator:
    return page.get_by_test_id("stCaptionContainer").filter(has_text=re.compile(pattern))


def test_a_stopped_claim_shows_the_scenes_that_were_measured(open_page: Open, settle: Settle) -> None:
    page = open_page("Case_Studies")
    scenes = page.get_by_label("Scenes", exact=True)
    scenes.fill("40")
    scenes.press("Enter")
    settle(page)
    page.get_by_role("button", name="Run again on 40 scenes").click()
    deferred_work = stop_at(page, 1)
    expect(caption(page, r"\d+ scenes?, stopped before the end")).to_be_visible(timeout=STOP_MILLISECONDS)
    settle(page)
    expect(deferred_work).to_have_count(0)
    expect(page.get_by_text("The two wordings get contradicting answers")).to_be_visible()


def test_a_case_clicked_in_the_table_opens_in_an_explorer(open_page: Open, settle: Settle) -> None:
    page = open_page("Case_Studies")
    page.get_by_role("radio", name="Benchmarks from a folder").click()
    settle(page)
    page.get_by_label("Format").click()
    page.get_by_role("option", name="drawn scenes").click()
    settle(page)
    each = page.get_by_label("Of each family")
    each.fill("1")
    each.press("Enter")
    settle(page)
    page.get_by_role("button", name="Check it").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("radio", name="all", exact=True).click()
    settle(page)
    # The canvas of a table lies under the element that scrolls it, so the box is clicked and not the canvas.
    page.get_by_test_id("stDataFrame").first.click(position={"x": 16, "y": 52})
    settle(page)
    page.locator(".st-key-one_case").get_by_role("button", name="Open in").click()
    page.get_by_role("menuitem", name="Relevancy").or_(page.get_by_role("option", name="Relevancy")).first.click()
    expect(page.get_by_role("heading", name="Relevancy", exact=True)).to_be_visible()
    expect(page.locator(".st-key-answer_bar")).to_be_visible()
    settle(page)


def test_a_map_is_tested_at_a_click_and_wears_its_badge(open_page: Open, settle: Settle) -> None:
    page = open_page("Relevancy?scene=27")
    page.get_by_role("button", name="What color is the house?").click()
    test = page.get_by_role("button", name="Test this", exact=True)
    expect(test).to_be_visible()
    settle(page)
    test.click()
    expect(caption(page, r"Removing its top 20% of patches lowers the word's probability from >99\.")).to_be_visible()
    expect(caption(page, "The map is true as far as the target's probability falls faster")).to_be_visible()
    settle(page)
    page.get_by_role("link", name="Chat").first.click()
    settle(page)
    page.get_by_role("link", name="Relevancy").first.click()
    expect(caption(page, "Removing its top 20%")).to_be_visible()
    expect(page.get_by_role("button", name="Test this", exact=True)).to_be_disabled()
