"""What a person does on the Mechanisms page, in a real browser: click a head, cut attention, trace and stop."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from core.charts.palette import PICKED
from tests.browser.deferred import STOP_MILLISECONDS, stop_at

Settle = Callable[[Page], None]
Open = Callable[..., Page]


def caption(page: Page, pattern: str) -> Locator:
    return page.get_by_test_id("stCaptionContainer").filter(has_text=re.compile(pattern))


def look_through(page: Page, settle: Settle, lens: str) -> None:
    page.get_by_role("radio", name=lens, exact=True).click()
    settle(page)


@pytest.fixture
def page(open_page: Open, settle: Settle) -> Page:
    """The page about the house's colour, asked right there."""
    page = open_page("Mechanisms?scene=27")
    page.get_by_role("button", name="What color is the house?").click()
    expect(page.locator(".st-key-mechanisms_heads svg.marks")).to_be_visible()
    settle(page)
    return page


def test_a_head_is_clicked_to_its_picture_and_the_page_is_found_again(page: Page, settle: Settle) -> None:
    cells = page.locator(".st-key-mechanisms_heads .vega-embed g.mark-rect.role-mark").last.locator("path")
    expect(cells).to_have_count(36)
    cells.nth(7).click()
    expect(caption(page, "by what L1 H1 takes from each patch alone")).to_be_visible()
    settle(page)
    page.get_by_role("link", name="Relevancy").first.click()
    settle(page)
    page.get_by_role("link", name="Mechanisms").first.click()
    expect(caption(page, "by what L1 H1 takes from each patch alone")).to_be_visible()


def test_colour_bars_are_named_by_the_address_that_the_page_has(page: Page) -> None:
    fills = page.evaluate(
        "[...document.querySelectorAll('svg.marks [fill^=url]')].map(bar => bar.getAttribute('fill'))"
    )
    assert fills and {fill.partition("#")[0] for fill in fills} == {f"url({page.url.partition('#')[0]}"}


def test_a_point_of_a_curve_lets_the_model_answer_with_that_cut(page: Page, settle: Settle) -> None:
    look_through(page, settle, "Cut and see")
    points = page.locator(".st-key-mechanisms_curves .vega-embed g.mark-symbol.role-mark").last.locator("path")
    expect(points).to_have_count(12)
    points.last.click()
    expect(page.get_by_text(re.compile(r"^With layers \d to \d of .+ cut$"))).to_be_visible()
    expect(caption(page, "^The original answer's log-probability changes by")).to_be_visible()


def test_a_stop_in_the_middle_of_a_trace_keeps_what_is_done(page: Page, settle: Settle) -> None:
    look_through(page, settle, "Trace")
    samples = page.get_by_label("Samples", exact=True)
    samples.fill("40")
    samples.press("Enter")
    settle(page)
    page.get_by_role("button", name="Trace", exact=True).click()
    deferred_work = stop_at(page, 3)
    expect(page.get_by_text(re.compile(r"\d+% of it was done"))).to_be_visible(timeout=STOP_MILLISECONDS)
    settle(page)
    expect(deferred_work).to_have_count(0)
    expect(page.locator(".st-key-mechanisms_trace svg.marks")).to_be_visible()


def test_the_first_question_of_home_has_its_words_and_its_cuts_drawn(open_page: Open, settle: Settle) -> None:
    """Some words are outlined, and no point is chosen, when these figures are drawn for the first time."""

    def drawn(figures: Locator, count: int) -> None:
        expect(figures).to_have_count(count)
        for box in [figure.bounding_box() for figure in figures.all()]:
            assert box is not None and box["width"] > 200 and box["height"] > 60

    page = open_page()
    page.locator(".st-key-first_0").get_by_role("button").click()
    expect(page.get_by_test_id("stChatMessage").nth(1)).to_contain_text("tokens")
    settle(page)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Mechanisms").click()
    settle(page)
    look_through(page, settle, "What positions say")
    figures = page.locator(".st-key-mechanisms_positions_body svg.marks")
    drawn(figures, 2)
    for figure in figures.all():
        expect(figure.locator(f'path[stroke="{PICKED}"]').first).to_be_visible()
    look_through(page, settle, "Cut and see")
    figures = page.locator(".st-key-mechanisms_cut_body svg.marks")
    drawn(figures, 1)
    figures.locator("g.mark-symbol.role-mark").last.locator("path").nth(4).click()  # below all others
    expect(page.get_by_text(re.compile(r"^With layers \d to \d of .+ cut$"))).to_be_visible()
    settle(page)
    drawn(figures, 2)
