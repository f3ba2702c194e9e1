"""The pictures of pages in `docs/screenshots`, taken anew from the app as it is.

Run: `make screenshots`, or `CHROMIUM=/usr/bin/chromium python -m tests.screenshots`. One question is
asked about a house and one about a shirt; then every page is opened about them, in light and in dark.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import CHROMIUM_ARGUMENTS, MESSAGES, ROOT, SETTLED, WATCH, free_port, server

FOLDER = ROOT / "docs" / "screenshots"
WIDTH, HEIGHT, TALL = 1440, 900, 1480
COLOURS, KEPT = 256, 8
"""Of a picture at most, and how often they are moved to where its own are: small things would change theirs."""
HOUSE, SHIRT = "What color is the house?", "What color is the man's shirt?"
PAGES = {
    "attention": "Attention Explorer",
    "relevancy": "Relevancy",
    "causal": "Causal Graph",
    "mechanisms": "Mechanisms",
    "cases": "Case Studies",
}


def take(browser: Browser, url: str, theme: str) -> None:
    """All pages in one theme, "light" or "dark"."""
    context = browser.new_context(
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        viewport={"width": WIDTH, "height": HEIGHT},
    )
    context.add_init_script(f"({WATCH})({json.dumps(MESSAGES)})")
    page = context.new_page()
    page.goto(url)
    save(page, f"home-{theme}")
    page.goto(f"{url}/Chat?scene=27")
    ask(page, HOUSE)
    pick(page, "orange")
    save(page, f"chat-{theme}")
    for name, title in PAGES.items():
        if name == "mechanisms":
            turn_to(page, "Chat")
            ask(page, SHIRT)
            pick(page, "black")
        turn_to(page, title)
        save(page, f"{name}-{theme}", TALL if name == "cases" else HEIGHT)
    context.close()


def ask(page: Page, question: str) -> None:
    settle(page)
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(question)
    box.press("Enter")
    page.get_by_text("looked into below").last.wait_for()
    settle(page)


def pick(page: Page, word: str) -> None:
    """Make a word of the answer that is looked into the target."""
    page.locator('[class*="st-key-chips_"] button', has_text=word).first.click()
    settle(page)


def turn_to(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
    page.get_by_role("heading", name=title, level=1).wait_for()
    settle(page)


def settle(page: Page) -> None:
    page.wait_for_timeout(1500)  # (what a page computes begins a moment after it is drawn)
    page.wait_for_function(SETTLED, arg=250, timeout=300_000)


def save(page: Page, name: str, height: int = HEIGHT) -> None:
    """What a window of this height shows, in few colours."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    settle(page)
    page.mouse.move(WIDTH - 5, height - 5)
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
    with Image.open(file) as whole:
        small = whole.convert("RGB").quantize(COLOURS, kmeans=KEPT, dither=Image.Dither.NONE)
    small.save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size // 1024} kB")


def main() -> None:
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.port", str(port)]
    with (
        tempfile.TemporaryDirectory() as home,
        server(command, port, Path(home)) as url,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_ARGUMENTS)
        for theme in ("light", "dark"):
            take(chromium, url, theme)
        chromium.close()


if __name__ == "__main__":
    main()
