"""How long does a click take, from the mouse button to the last change of the new picture, in a real browser?

Starts the app with its own model, asks one question, and clicks each kind of thing a few times. What counts is the
median (target: under 0.3 s on a quiet machine); a new target on Relevancy and a new head on Mechanisms include
computing what is shown, kept ones do not.
With `--large` the model has 32 layers of 32 heads over 576 image tokens, random and narrow, whose figures are drawn on
canvases.
Run: `python -m benchmarks.clicks`, with Chromium installed (or the environment variable CHROMIUM set to its path).
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Locator, Page, sync_playwright

from core.startup import to_environment
from core.vlm.loading import ModelSpec
from tests.zoo import save_wide

QUESTION = "What color is the house?"
START_SECONDS = 120.0
ABOVE_MAP = 40
"""Pixels of a map of heads above its cells."""
CALM = 500
"""Milliseconds without a change of the page after which a click counts as answered."""
WATCH = """() => {
    window.clicks = { at: 0, drawn: 0, calm: 0, where: '' };
    const clicks = window.clicks;
    const heard = () => { clicks.at = performance.now(); clicks.drawn = 0; };
    document.addEventListener('pointerdown', heard, true);
    const drawing = change => {
        const inside = change.target.closest && change.target.closest(clicks.where);
        if (!inside) return false;
        const nodes = [change.target, ...change.addedNodes].filter(node => node.nodeType === 1);
        return nodes.some(node => node.closest('svg') || node.querySelector('.marks') || node.matches('img, canvas'));
    };
    new MutationObserver(changes => {
        clicks.calm = performance.now();
        if (clicks.where && changes.some(drawing)) clicks.drawn = performance.now();
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
}"""
ANSWERED = """calm => {
    const now = performance.now(), app = document.querySelector('[data-testid="stApp"]');
    return window.clicks.drawn && now - window.clicks.calm > calm && now - window.clicks.at > calm
        && app.getAttribute('data-test-script-state') === 'notRunning';
}"""


@contextmanager
def served(model: Path | None = None) -> Iterator[str]:
    """The address of the app in a process of its own, with the embedded model or the one of a folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.headless", "true"]
    named = {} if model is None else to_environment(ModelSpec(str(model), "float32", "cpu"))
    server = subprocess.Popen(
        [*command, "--server.port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **named},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        began = time.monotonic()
        while not _answers(url):
            if server.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise SystemExit("the app did not start")
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
            return True
    except (urllib.error.URLError, TimeoutError):
        return False


def opened(page: Page, address: str, drawn: str) -> None:
    """Open an explorer page, ask there, and wait for what it shows first."""
    page.goto(address)
    page.get_by_role("button", name=QUESTION, exact=True).click()
    page.locator(f"{drawn} .marks").first.wait_for(timeout=1000 * START_SECONDS)
    page.evaluate(WATCH)
    page.wait_for_timeout(2000)


def seconds(page: Page, where: str, click: Callable[[], None]) -> float:
    """From the click to the last change of a drawing inside `where`."""
    page.evaluate("where => { window.clicks.where = where; window.clicks.drawn = 0; }", where)
    click()
    page.wait_for_function(ANSWERED, arg=CALM)
    taken: float = page.evaluate("window.clicks.drawn - window.clicks.at")
    return taken / 1000


def canvas(page: Page, key: str, x: float, y: float) -> Callable[[], None]:
    """A click on a figure that is drawn on a canvas, in its pixels."""
    drawn = page.locator(f".st-key-{key} .vega-embed canvas")
    return lambda: drawn.click(position={"x": x, "y": y})


def large(page: Page, url: str, rounds: int) -> Iterator[tuple[str, list[float]]]:
    opened(page, f"{url}/Attention_Explorer?scene=27", ".st-key-attention_gallery")
    image = ".st-key-attention_picture"
    # The model says one word of 64 tokens, and no click is about so many.
    page.get_by_role("radio", name="this token", exact=True).click()
    page.wait_for_timeout(4000)
    # A cell is 8 px high, and above the first stands the map's title.
    heads = [canvas(page, "attention_heads", 100, ABOVE_MAP + 8 * number + 4) for number in range(rounds)]
    yield "Large, Attention Explorer: a head", [seconds(page, image, head) for head in heads]
    patches = [canvas(page, "attention_picture", 100 + 20 * number, 100) for number in range(rounds)]
    yield "Large, Attention Explorer: a patch", [seconds(page, image, patch) for patch in patches]


def mark(page: Page, key: str, number: int) -> Locator:
    """The `number`-th mark of a chart that takes clicks."""
    return page.locator(f".st-key-{key} .vega-embed g.mark-rect.role-mark").last.locator("path").nth(number)


def chip(page: Page, number: int) -> Locator:
    return page.locator('[class*="chips_"] [data-testid="stButtonGroup"] button').nth(number)


def attention(page: Page, url: str, rounds: int) -> Iterator[tuple[str, list[float]]]:
    opened(page, f"{url}/Attention_Explorer?scene=27", ".st-key-attention_gallery")
    image = ".st-key-attention_picture"
    yield (
        "Attention Explorer: a head",
        [seconds(page, image, mark(page, "attention_heads", 3 + number).click) for number in range(rounds)],
    )
    yield (
        "Attention Explorer: a patch",
        [seconds(page, image, mark(page, "attention_picture", 40 + number).click) for number in range(rounds)],
    )
    # Several tokens can be chosen here, so each click adds one or takes one away.
    yield (
        "Attention Explorer: an answer token",
        [seconds(page, image, chip(page, (number + 1) % 4).click) for number in range(rounds)],
    )


def relevancy(page: Page, url: str, rounds: int) -> Iterator[tuple[str, list[float]]]:
    opened(page, f"{url}/Relevancy?scene=27", ".st-key-relevancy_maps")
    chips = page.locator('[class*="chips_"] [data-testid="stButtonGroup"] button').count()
    maps = ".st-key-relevancy_maps"
    # The token that is the target already is left out: a click on it would let it go.
    chosen = next(
        number
        for number in range(chips)
        if "Active" in (chip(page, number).get_attribute("data-testid") or "")
        or chip(page, number).get_attribute("aria-checked") == "true"
    )
    others = [number for number in range(chips) if number != chosen][:rounds]
    yield "Relevancy: a new target", [seconds(page, maps, chip(page, number).click) for number in others]
    again = [others[number % max(1, len(others) - 1)] for number in range(rounds)]
    yield "Relevancy: a kept target", [seconds(page, maps, chip(page, number).click) for number in again]


def causal(page: Page, url: str, rounds: int) -> Iterator[tuple[str, list[float]]]:
    opened(page, f"{url}/Causal_Graph?scene=27", ".st-key-causal_picture")
    choices = page.locator(".st-key-causal_picture .vega-embed g.mark-rect.role-mark").last.locator("path")
    number = min(choices.count(), 4)
    yield (
        "Causal Graph: a node",
        [seconds(page, ".st-key-causal_picture", choices.nth(turn % number).click) for turn in range(rounds)],
    )


def mechanisms(page: Page, url: str, rounds: int) -> Iterator[tuple[str, list[float]]]:
    opened(page, f"{url}/Mechanisms?scene=27", ".st-key-mechanisms_heads")
    image = ".st-key-mechanisms_picture"
    # The page begins with the first heads together; from the first click on it shows one head's picture.
    mark(page, "mechanisms_heads", 5).click()
    page.locator(f"{image} svg.marks").first.wait_for(timeout=1000 * START_SECONDS)
    page.wait_for_timeout(2000)
    new = [mark(page, "mechanisms_heads", 6 + number) for number in range(rounds)]
    yield "Mechanisms: a head", [seconds(page, image, head.click) for head in new]
    again = [new[number % max(1, rounds - 1)] for number in range(rounds)]
    yield "Mechanisms: a kept head", [seconds(page, image, head.click) for head in again]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=10, help="clicks of each kind")
    parser.add_argument("--large", action="store_true", help="with a model of 32 layers of 32 heads")
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with TemporaryDirectory() as folder, sync_playwright() as playwright, ExitStack() as running:
        url = running.enter_context(served(save_wide(Path(folder) / "wide") if options.large else None))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for visit in (large,) if options.large else (attention, relevancy, causal, mechanisms):
            page = browser.new_page(viewport={"width": 1440, "height": 1600})
            for name, taken in visit(page, url, options.rounds):
                print(
                    f"{name:36} median {1000 * statistics.median(taken):4.0f} ms, from {1000 * min(taken):4.0f} to "
                    f"{1000 * max(taken):4.0f}, {len(taken)} clicks",
                    flush=True,
                )
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
