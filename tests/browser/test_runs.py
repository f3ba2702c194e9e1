"""A run is taken up again by its address: reloaded, in a second tab, and by a new server after the first was killed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from .conftest import START_SECONDS, free_port, start

Settle = Callable[..., None]


class Killable:
    """A server that can be killed and started again at the same address."""

    def __init__(self, home: Path) -> None:
        self._home, self._port = home, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.port", str(self._port)]
        self._process = start(command, self._port, self._home)

    def kill(self) -> None:
        """As `kill -9` does: nothing of it ends in order."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Killable]:
    server = Killable(tmp_path)
    yield server
    server.kill()


def ask(page: Page, text: str, settle: Settle) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    box.press("Enter")
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text(re.compile(r"\d+ tokens"))
    settle(page)


def asked(page: Page) -> list[str]:
    """What the conversation says, message by message, without what its buttons say."""
    return [
        message.get_by_test_id("stText").first.inner_text() for message in page.get_by_test_id("stChatMessage").all()
    ]


def mask(page: Page) -> None:
    """Hide a part of the picture."""
    page.get_by_role("radio", name="Mask and re-ask").click()
    canvas = page.locator("canvas.upper-canvas")
    expect(canvas).to_have_count(1)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"], steps=8)
    page.mouse.up()
    expect(covered(page)).to_be_visible()


def covered(page: Page) -> Locator:
    return page.get_by_text(re.compile(r"\d+ of 144 patches covered"))


def go(page: Page, name: str, settle: Settle) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    settle(page)


def as_left(page: Page, said: list[str], hidden: str, settle: Settle) -> None:
    """The conversation with its mask, and the page that explained it."""
    assert asked(page) == said
    assert covered(page).inner_text() == hidden
    go(page, "Relevancy", settle)
    expect(page.get_by_role("radio", name="Layer by layer")).to_be_checked()


def test_a_run_goes_on_wherever_its_address_is_opened(
    killable: Killable, context: BrowserContext, settle: Settle
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{killable.url}/Chat?scene=27")
    settle(page, START_SECONDS)
    ask(page, "What color is the house?", settle)
    mask(page)
    settle(page)
    said, hidden = asked(page), covered(page).inner_text()
    expect(page).to_have_url(re.compile(r"run=\d{8}-\d{6}-[0-9a-f]{6}"))
    expect(page.get_by_test_id("stSidebar")).to_contain_text(re.compile(r"Kept · .*on disk"))
    address = page.url
    go(page, "Relevancy", settle)
    page.get_by_role("radio", name="Layer by layer").click()
    settle(page)

    page.goto(address)
    settle(page)
    assert asked(page) == said and covered(page).inner_text() == hidden

    second = context.new_page()  # not before: what stands behind another tab is drawn seldom
    second.goto(address)
    settle(second)
    assert asked(second) == said
    expect(second.get_by_text("This run is open in another tab")).to_be_visible()

    for each in (page, second):
        each.goto("about:blank")
    killable.kill()
    killable.start()
    page.bring_to_front()
    page.goto(address)
    settle(page, START_SECONDS)
    expect(page.get_by_text("The server was started anew")).to_be_visible()
    as_left(page, said, hidden, settle)
    page.close()
    second.close()
