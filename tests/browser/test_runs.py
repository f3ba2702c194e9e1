"""A run is taken up again by its address: reloaded, in a second tab, and by a new server after the first was killed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

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


def copied_and_opened(page: Page, settle: Settle) -> None:
    """On History: copy the run that is open, and go on with the copy."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="History").click()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem").filter(has_text="Duplicate").click()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Kept")
    expect(page.get_by_text("“What color is the house? (copy)” is there now.")).to_be_visible()
    settle(page)
    page.get_by_label("Search").fill("copy")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 2 runs")).to_be_visible()
    settle(page)
    page.locator('[class*="st-key-open_"] button').click()
    expect(page.get_by_role("heading", name="Chat", level=1)).to_be_visible()
    settle(page)


def test_a_run_goes_on_wherever_its_address_is_opened(
    killable: Killable, context: BrowserContext, settle: Settle
) -> None:
    page, second = context.new_page(), context.new_page()
    for each in (page, second):
        each.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{killable.url}/Chat?scene=27")
    settle(page, START_SECONDS)
    ask(page, "What color is the house?", settle)
    ask(page, "And the door?", settle)
    said = asked(page)
    expect(page).to_have_url(re.compile(r"run=\d{8}-\d{6}-[0-9a-f]{6}"))
    expect(page.get_by_test_id("stSidebar")).to_contain_text(re.compile(r"Kept · .*on disk"))

    page.reload()
    settle(page)
    assert asked(page) == said
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Kept")

    second.goto(page.url)
    settle(second)
    assert asked(second) == said
    expect(second.get_by_text("This run is open in another tab")).to_be_visible()

    address = page.url
    for each in (page, second):
        each.goto("about:blank")
    killable.kill()
    killable.start()
    page.goto(address)
    settle(page, START_SECONDS)
    assert asked(page) == said
    expect(page.get_by_text("The server was restarted")).to_be_visible()
    ask(page, "And the car?", settle)
    assert asked(page)[:4] == said

    copied_and_opened(page, settle)
    assert asked(page)[:4] == said
    page.close()
    second.close()
