"""How long does a click take, from the mouse button to the last change of the new picture, in a real browser?

Starts the app, asks one question, and clicks each kind of thing a few times. A click's time is that of three: the
model's work (learning a graph, gradients), which is as long as it is; the server's, from the moment that it hears of
the click to its last message before the picture, less the model's; and the browser's, before and after that. What
counts is the median of server and browser together (target: at most 0.3 s on a quiet machine). Beside it stands the
processor time of both until all is calm again, which a busy machine leaves as it is, but which has in it what comes
after the picture, too.
With `--geometry` the model has 32 layers of 32 heads over 576 or 2,784 image tokens, random and narrow, whose figures
are drawn on canvases.
Run: `OMP_NUM_THREADS=1 python -m benchmarks.clicks`, on Linux with Chromium installed (or the environment variable
CHROMIUM set to its path).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import Page, TimeoutError, expect, sync_playwright

from benchmarks._geometries import GEOMETRIES, save
from core.startup import to_environment
from core.vlm.loading import ModelSpec

QUESTION = "What color is the house?"
START_SECONDS = 240.0
"""For the app to begin, and for an answer about 2,784 image tokens."""
TOKENS = 12
"""Of a geometry's answer at least: each new token is a target that was not looked at before."""
ABOVE_MAP = 40
"""Pixels of a map of heads above its cells."""
CALM = 500
"""Milliseconds without a change of the page after which a click counts as answered."""
WATCH = """
window.clicks = { at: 0, asked: 0, told: 0, heard: 0, bytes: 0, drawn: 0, calm: 0, where: 'none' };
const clicks = window.clicks, now = () => performance.timeOrigin + performance.now();
const begun = () => { Object.assign(clicks, { at: now(), asked: 0, told: 0, heard: 0, bytes: 0, drawn: 0 }); };
for (const deed of ['pointerdown', 'keydown']) document.addEventListener(deed, begun, true);
window.WebSocket = class extends window.WebSocket {
    constructor(...given) {
        super(...given);
        this.addEventListener('message', event => {
            clicks.heard = now();
            clicks.bytes = Math.max(clicks.bytes, event.data.byteLength || event.data.size || event.data.length || 0);
        });
    }
    send(data) { clicks.asked ||= now(); super.send(data); }
};
const drawing = change => {
    const inside = change.target.closest && change.target.closest(clicks.where);
    if (!inside) return false;
    const nodes = [change.target, ...change.addedNodes].filter(node => node.nodeType === 1);
    return nodes.some(node => node.closest('svg') || node.querySelector('.marks') || node.matches('img, canvas'));
};
const follow = () => new MutationObserver(changes => {
    clicks.calm = now();
    if (!changes.some(drawing)) return;
    clicks.drawn = now();
    clicks.told = clicks.heard;
}).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
document.addEventListener('DOMContentLoaded', follow);
"""
IDLE = """calm => {
    const now = performance.timeOrigin + performance.now(), app = document.querySelector('[data-testid="stApp"]');
    const { drawn, asked, heard } = window.clicks;
    return now - window.clicks.calm > calm && now - heard > calm && DONE
        && app.getAttribute('data-test-script-state') === 'notRunning';
}"""
CALM_NOW = IDLE.replace("DONE", "true")
ANSWERED = IDLE.replace("DONE", "(drawn || (asked && heard > asked && now - heard > 4 * calm))")


@dataclass(frozen=True)
class Served:
    """The app in a process of its own, and the file in which its model's work is written down."""

    url: str
    process: int
    log: Path

    def model(self, since: float, until: float) -> tuple[float, float]:
        """Seconds that the model worked between two times, and all processor time of that work."""
        wall = processor = 0.0
        for line in self.log.read_text().splitlines():
            began, ended, used = map(float, line.split())
            if ended > since and began < until:
                wall += min(ended, until) - max(began, since)
                processor += used
        return wall, processor


@dataclass(frozen=True)
class Click:
    """Seconds of one click, and the largest message that it brought."""

    total: float
    model: float
    server: float
    browser: float
    server_processor: float
    browser_processor: float
    largest: int


Clicks = Iterator[tuple[str, list[Click]]]


@contextmanager
def served(model: Path | None, folder: Path) -> Iterator[Served]:
    """The app with the embedded model or the one of a folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "model"
    log.touch()
    named = {} if model is None else to_environment(ModelSpec(str(model), "float32", "cpu"))
    program = (sys.executable, "-m", "benchmarks._timed_app")
    server = subprocess.Popen(
        [*program, str(log), "--server.headless", "true", "--server.port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder), **named},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        began = time.monotonic()
        while not _answers(url):
            if server.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise SystemExit("the app did not start")
            time.sleep(0.1)
        yield Served(url, server.pid, log)
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
            return True
    except OSError:
        return False


def processor_seconds(processes: Iterator[int] | list[int]) -> float:
    """What these processes have used so far."""
    used = 0
    for process in processes:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def renderers() -> list[int]:
    """The browser's processes that run pages, as children of this one."""
    parents, pages = {}, []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if b"--type=renderer" in (entry / "cmdline").read_bytes():
                    pages.append(int(entry.name))
            except OSError:
                continue

    def ours(process: int) -> bool:
        while process in parents:
            if process == os.getpid():
                return True
            process = parents[process]
        return False

    return [page for page in pages if ours(page)]


@dataclass(frozen=True)
class Visit:
    """A page of the app in the browser."""

    page: Page
    app: Served
    rounds: int

    def clicked(self, where: str, click: Callable[[], None]) -> Click:
        """From the click to the last change of a drawing inside `where`; to that of the page where the drawing is the
        same as before, as that of a random model may be."""
        self.page.evaluate("where => { window.clicks.where = where; window.clicks.drawn = 0; }", where)
        server, browser = processor_seconds([self.app.process]), processor_seconds(renderers())
        click()
        try:
            self.page.wait_for_function(ANSWERED, arg=CALM)
        except TimeoutError:
            raise SystemExit(f"after a click nothing was drawn in {where}") from None
        server = processor_seconds([self.app.process]) - server
        browser = processor_seconds(renderers()) - browser
        told: dict[str, float] = self.page.evaluate("({ ...window.clicks, where: 0 })")
        names = ("at", "asked", *(("told", "drawn") if told["drawn"] else ("heard", "calm")))
        at, asked, last, drawn = (told[name] / 1000 for name in names)
        model, used = self.app.model(asked, drawn)
        heard = max(asked, min(last, drawn))
        total = drawn - at
        return Click(
            total,
            model,
            max(0.0, heard - asked - model),
            (asked - at) + (drawn - heard),
            max(0.0, server - used),
            browser,
            int(told["bytes"]),
        )

    def clicks(self, where: str, several: list[Callable[[], None]]) -> list[Click]:
        """The same of several clicks, after one that counts for nothing."""
        first, *rest = several
        self.clicked(where, first)
        return [self.clicked(where, click) for click in rest]

    def canvas(self, key: str, x: float, y: float) -> Callable[[], None]:
        """A click on a figure, in its pixels."""
        drawn = self.page.locator(f".st-key-{key} .vega-embed :is(canvas, svg)").first
        return lambda: drawn.click(position={"x": x, "y": y})

    def cells(self, key: str) -> list[Callable[[], None]]:
        """Clicks on cells of a map of heads, each of another layer."""
        return [self.canvas(key, 60 + 11 * turn, ABOVE_MAP + 4 + 16 * turn) for turn in range(self.rounds + 1)]

    def patches(self, key: str) -> list[Callable[[], None]]:
        return [self.canvas(key, 40 + 30 * turn, 60 + 20 * turn) for turn in range(self.rounds + 1)]

    def chips(self, step: int = 1) -> list[Callable[[], None]]:
        """Clicks on the answer's tokens, each on the one after the target, or `step` from it: a click on the target
        itself changes nothing."""
        buttons = self.page.locator('[class*="chips_"] [data-testid="stButtonGroup"] button')

        def click() -> None:
            chosen = buttons.evaluate_all("all => all.findIndex(one => one.getAttribute('aria-checked') === 'true')")
            buttons.nth((chosen + step) % buttons.count()).click()

        return [click] * (self.rounds + 1)

    def go(self, name: str, drawn: str) -> None:
        """Another page by its link, once `drawn` stands there."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        expect(self.page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        self.ready(drawn)

    def ready(self, drawn: str) -> None:
        self.page.locator(drawn).first.wait_for(timeout=1000 * START_SECONDS)
        self.settle()

    def settle(self) -> None:
        self.page.wait_for_function(CALM_NOW, arg=1500)


def ask(visit: Visit, picture: Path | None) -> None:
    """On Chat, about a picture of the size that the geometry's image tokens are for, for a short answer."""
    page = visit.page
    page.goto(f"{visit.app.url}/Chat?scene=27")
    box = page.get_by_test_id("stChatInputTextArea")
    box.wait_for(timeout=1000 * START_SECONDS)
    visit.settle()
    if picture is not None:
        page.get_by_test_id("stChatInput").locator("input[type=file]").set_input_files(picture)
        visit.settle()
        page.get_by_role("button", name=re.compile("^Decoding|greedy")).click()
        most = page.get_by_label("Maximum new tokens", exact=True)
        most.fill(str(max(TOKENS, visit.rounds + 2)))
        most.press("Enter")
        visit.settle()
        page.keyboard.press("Escape")
    box.fill(QUESTION)
    box.press("Enter")
    said = page.get_by_test_id("stChatMessage").nth(1)
    expect(said).to_contain_text("tokens", timeout=1000 * START_SECONDS)
    visit.settle()


def attention(visit: Visit) -> Clicks:
    picture, gallery = ".st-key-attention_picture", ".st-key-attention_gallery"
    visit.go("Attention Explorer", f"{gallery} .vega-embed")
    yield "Attention Explorer: a head", visit.clicks(picture, visit.cells("attention_heads"))
    yield "Attention Explorer: a patch", visit.clicks(picture, visit.patches("attention_picture"))
    yield "Attention Explorer: a token", visit.clicks(picture, visit.chips())
    layer = visit.page.get_by_role("spinbutton", name="Layer", exact=True)
    steps = [lambda: layer.press("ArrowDown")] * (visit.rounds + 1)
    yield "Attention Explorer: a layer", visit.clicks(gallery, steps)


def relevancy(visit: Visit) -> Clicks:
    maps = ".st-key-relevancy_maps"
    visit.go("Relevancy", f"{maps} .vega-embed")
    yield "Relevancy: a token", visit.clicks(maps, visit.chips())
    yield "Relevancy: a token seen before", visit.clicks(maps, visit.chips(-1))


def causal(visit: Visit) -> Clicks:
    picture = ".st-key-causal_picture"
    visit.go("Causal Graph", f"{picture} .vega-embed")
    # The choice of a head, and not a click, because its map is there after a test of all heads only.
    if visit.page.locator(".st-key-causal_N button").count():
        steps = [lambda: visit.page.keyboard.press("n")] * (visit.rounds + 1)
        visit.page.get_by_role("heading", name="Causal Graph").click()
        yield "Causal Graph: a head", visit.clicks(picture, steps)
    yield "Causal Graph: a token", visit.clicks(picture, visit.chips())
    tree = visit.page.locator(".st-key-causal_node [role=combobox], .st-key-causal_node input").first

    def chosen() -> None:
        tree.click()
        visit.page.keyboard.press("ArrowDown")
        visit.page.keyboard.press("Enter")

    yield "Causal Graph: a node", visit.clicks(picture, [chosen] * (visit.rounds + 1))


def mechanisms(visit: Visit) -> Clicks:
    heads, picture = ".st-key-mechanisms_heads", ".st-key-mechanisms_picture"
    visit.go("Mechanisms", f"{picture} .vega-embed")
    cells = visit.cells("mechanisms_heads")
    yield "Mechanisms: a head", visit.clicks(picture, cells)
    yield "Mechanisms: a head seen before", visit.clicks(picture, cells)
    yield "Mechanisms: a token", visit.clicks(heads, visit.chips())
    visit.page.get_by_role("radio", name="What positions say", exact=True).click()
    grid, words = ".st-key-mechanisms_grid", ".st-key-mechanisms_patch_words"
    visit.ready(f"{grid} .vega-embed")
    visit.ready(".st-key-wide_lens_table .vega-embed")
    if visit.page.locator(f"{grid} canvas").count():
        yield "Lens: a patch", visit.clicks(words, visit.patches("mechanisms_grid"))
    layer = visit.page.get_by_role("slider", name="Layer that the image tokens enter")
    yield "Lens: a layer", visit.clicks(grid, [lambda: layer.press("ArrowRight")] * (visit.rounds + 1))
    yield "Lens: a token", visit.clicks(".st-key-mechanisms_lens_table", visit.chips())


PAGES = {"attention": attention, "relevancy": relevancy, "causal": causal, "mechanisms": mechanisms}


def line(name: str, taken: list[Click]) -> str:
    """Medians in milliseconds, and the largest message in kB."""

    def median(of: Callable[[Click], float]) -> int:
        return round(1000 * statistics.median(map(of, taken)))

    own = median(lambda click: click.server + click.browser)
    worst = round(1000 * max(click.server + click.browser for click in taken))
    return (
        f"{name:34} {own:4} ms (up to {worst:4}) = server {median(lambda click: click.server):4} + browser "
        f"{median(lambda click: click.browser):4}; model {median(lambda click: click.model):5}; processor: server "
        f"{median(lambda click: click.server_processor):4}, browser {median(lambda click: click.browser_processor):4}; "
        f"message {max(click.largest for click in taken) // 1000:4} kB"
    )


def photo(folder: Path, size: tuple[int, int]) -> Path:
    """A picture as busy as photographs are."""
    grains = np.random.default_rng(0).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    Image.fromarray(grains).resize(size, Image.Resampling.BICUBIC).save(folder / "photo.png")
    return folder / "photo.png"


def measured(geometry: str | None, pages: list[str], rounds: int, width: int) -> Iterator[str]:
    """A line for each kind of click."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        model = save(geometry, folder) if geometry else None
        picture = photo(folder, GEOMETRIES[geometry].picture) if geometry else None
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        with served(model, folder) as app:
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.add_init_script(WATCH)
            page.set_default_timeout(1000 * START_SECONDS)
            expect.set_options(timeout=1000 * START_SECONDS)
            visit = Visit(page, app, rounds)
            ask(visit, picture)
            for chosen in pages:
                for kind, taken in PAGES[chosen](visit):
                    yield line(kind, taken)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=8, help="clicks of each kind")
    parser.add_argument("--geometry", choices=("llava", "next"), help="32 x 32 heads, 576 or 2,784 image tokens")
    parser.add_argument("--page", nargs="+", choices=tuple(PAGES), default=list(PAGES))
    parser.add_argument("--width", type=int, default=1440, help="of the window")
    options = parser.parse_args()
    for told in measured(options.geometry, options.page, options.rounds, options.width):
        print(told, flush=True)


if __name__ == "__main__":
    main()
