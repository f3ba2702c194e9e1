"""Stopping and waiting, watched with a model that takes a quarter of a second over each token."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

Settle = Callable[[Page], None]


@pytest.fixture(scope="module")
def app_url(serve: Callable[..., str]) -> str:
    """The address of the app with a slowed-down model."""
    return serve("tests/browser/slow_app.py")


@pytest.fixture
def tab(open_page: Callable[..., Page]) -> Callable[[], Page]:
    """`tab()` opens Chat about scene 27 in a session of its own."""
    return lambda: open_page("Chat?scene=27")


def stop(page: Page) -> Locator:
    return page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop", exact=True)


def send(page: Page, text: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    box.press("Enter")


def test_stop_keeps_what_was_said_and_the_next_question_works(tab: Callable[[], Page], settle: Settle) -> None:
    page = tab()
    send(page, "Describe the picture.")
    stop(page).click()
    answer = page.get_by_test_id("stChatMessage").nth(1)
    expect(answer).to_contain_text(re.compile("stopped", re.IGNORECASE))
    settle(page)
    expect(stop(page)).to_have_count(0)
    send(page, "What color is the house?")
    second = page.get_by_test_id("stChatMessage").nth(3)
    expect(second).to_contain_text(re.compile(r"\d+ tokens"))
    expect(second).not_to_contain_text("stopped")


def test_a_second_tab_waits_and_says_so(tab: Callable[[], Page], settle: Settle) -> None:
    first, second = tab(), tab()
    send(first, "Describe the picture.")
    expect(stop(first)).to_be_visible()
    send(second, "What color is the house?")
    expect(second.get_by_text("another tab is answering a question")).to_be_visible()
    for page in (first, second):
        answer = page.get_by_test_id("stChatMessage").nth(1)
        expect(answer).to_contain_text(re.compile(r"\d+ tokens"))
        expect(answer).not_to_contain_text("stopped")


def test_leaving_the_page_stops_the_answer_and_keeps_its_beginning(tab: Callable[[], Page], settle: Settle) -> None:
    page = tab()
    send(page, "Describe the picture.")
    expect(page.get_by_test_id("stChatMessage").nth(1)).to_contain_text("The")
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", name="Ask a first question")).to_be_visible()
    settle(page)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Chat").click()
    answer = page.get_by_test_id("stChatMessage").nth(1)
    expect(answer).to_contain_text("The")
    expect(answer).to_contain_text(re.compile("stopped", re.IGNORECASE))


def test_an_answer_that_was_just_begun_is_looked_into_on_the_page_one_goes_to(
    tab: Callable[[], Page], settle: Settle
) -> None:
    page = tab()
    send(page, "Describe the picture.")
    expect(page.get_by_test_id("stChatMessage").nth(1)).to_contain_text("The")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Attention Explorer").click()
    expect(page.get_by_text("The target on every page")).to_be_visible()
    expect(page.get_by_text("No answer to look into yet")).to_have_count(0)
    settle(page)
    page.go_back()
    expect(page.get_by_role("heading", name="Chat")).to_be_visible()
    settle(page)


def test_looking_for_another_picture_does_not_stop_the_answer(tab: Callable[[], Page], settle: Settle) -> None:
    page = tab()
    send(page, "What color is the house?")
    expect(stop(page)).to_be_visible()
    page.get_by_text("Another picture").click()
    expect(page.get_by_role("tab", name="Samples")).to_be_visible()
    settle(page)
    answer = page.get_by_test_id("stChatMessage").nth(1)
    expect(answer).to_contain_text(re.compile(r"\d+ tokens"))
    expect(answer).not_to_contain_text("stopped")
