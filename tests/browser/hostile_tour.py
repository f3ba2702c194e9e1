"""Every page is driven with what `tests/hostile` makes: whatever can be filled in is filled in, and whatever takes a
file gets one. `make hostile` runs this; for CI it takes too long.

Fails on a traceback, Streamlit's own error box, a sentence that is said of the unforeseen, a script error, a foreign
request, a dialog, or markup that took effect.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Dialog, Locator, Page, Request, expect

from core.ui.serving import WENT_WRONG
from core.ui.start import BROKEN
from core.ui.widgets.frame import PART
from tests.cases.folders import picture
from tests.hostile.bundles import bundles
from tests.hostile.files import foreign
from tests.hostile.journals import edited
from tests.hostile.links import encoded, links
from tests.hostile.models import REFUSED_AT_LOADING, TOLD_WHEN_ASKED
from tests.hostile.pictures import damaged_pictures, flat_png, many_scans
from tests.hostile.tables import tables
from tests.hostile.texts import ALL, LETTERS, MARK, MARKUP, PATHS, long

from .conftest import START_SECONDS, free_port, server, settle, start

ROUNDS = int(os.environ.get("HOSTILE_ROUNDS", "12"))
"""How many texts each field is given, and how many files each uploader."""
SEED = int(os.environ.get("HOSTILE_SEED", "0"))
TRIALS = int(os.environ.get("HOSTILE_TRIALS", "1"))
"""How often four and eight tabs are opened at once, each time on a server of their own."""
PAGES = (
    *("Home", "Chat", "Attention_Explorer", "Relevancy", "Causal_Graph", "Mechanisms", "Case_Studies", "History"),
    "Side_by_Side",
)
COLD = {
    "": "Sightline",
    "Chat?scene=27": "Chat",
    "Attention_Explorer": "Attention Explorer",
    "Relevancy?scene=27": "Relevancy",
    "Causal_Graph": "Causal Graph",
    "Mechanisms": "Mechanisms",
    "Case_Studies": "Case Studies",
    "History": "History",
}
"""Pages, and what stands above them."""
UNFORESEEN = tuple(told.split(".")[0] for told in (WENT_WRONG, BROKEN, PART))
TOOK_EFFECT = f"""() => {{
    const owned = window.owned !== undefined;
    const bad = 'img[src=x], img[src*=evil], a[href*=evil], a[href^=javascript], [onmouseover], [onerror], [onload], '
        + 'iframe[srcdoc]';
    // Texts stand in bold print, too: then with all their letters, those that are markup elsewhere among them.
    const drawn = [...document.querySelectorAll('strong, em, del, a, h1, h2, h3, .katex, [class*=MarkdownColored]')]
        .filter(each => each.textContent.trim() === '{MARK}' || each.matches('.katex') && each.innerText.includes('zq'))
        .map(each => each.outerHTML.slice(0, 200));
    return [owned ? 'a script ran' : '', ...[...document.querySelectorAll(bad)].map(each => each.outerHTML), ...drawn]
        .filter(Boolean);
}}"""
SEEN = """() => [...document.querySelectorAll('[data-testid=stException], [data-testid=stAlert]')]
    .map(each => each.textContent).concat(document.body.innerText.includes('Traceback (most') ? ['Traceback'] : [])"""


class Watched:
    """A page that is looked at after everything that is done to it."""

    def __init__(self, page: Page, log: Path) -> None:
        self.page, self._log = page, log
        self.faults: list[str] = []
        page.on("dialog", self._refused)
        page.on("request", self._asked_for)

    def _refused(self, dialog: Dialog) -> None:
        self.faults.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _asked_for(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:")):
            self.faults.append(f"a request to {request.url}")

    def settled(self, what: str, seconds: float = 120) -> None:
        """Wait until what was done is drawn, and note what is wrong with it."""
        settle(self.page, seconds)
        found = [*self.page.evaluate(TOOK_EFFECT), *self.faults]
        self.faults.clear()
        for told in self.page.evaluate(SEEN):
            if "Traceback" in told or any(each in told for each in UNFORESEEN) or "Error:" in told:
                found.append(told[:300])
        for frame in self.page.frames[1:]:
            found += frame.evaluate(TOOK_EFFECT) if frame.url.startswith("http://127.0.0.1") else []
        log = self._log.read_text(errors="replace")
        tracebacks = log.count("Traceback (most recent call last)")
        if tracebacks > self._known():
            _tracebacks[self._log] = tracebacks
            found.append(f"in the server's log: …{log[-1500:]}")
        FAULTS.extend(f"{what}: {each}" for each in found)

    def _known(self) -> int:
        return _tracebacks.get(self._log, 0)


_tracebacks: dict[Path, int] = {}
FAULTS: list[str] = []


@pytest.fixture(autouse=True)
def no_faults() -> Iterator[None]:
    """All that went wrong in a test is told together."""
    FAULTS.clear()
    yield
    assert not FAULTS, f"{len(FAULTS)} faults:\n" + "\n".join(FAULTS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    port = free_port()
    process = start([sys.executable, "-m", "streamlit", "run", "Home.py", "--server.port", str(port)], port, home)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture
def opened(url: str, home: Path, context: BrowserContext) -> Iterator[Callable[[str], Watched]]:
    """`opened(path)`: a page in a tab of its own."""
    pages: list[Page] = []

    def open_(path: str) -> Watched:
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(60_000)
        watched = Watched(page, home / "server.log")
        page.goto(f"{url}/{path}")
        watched.settled(path[:80], START_SECONDS)
        return watched

    yield open_
    for page in pages:
        page.close()


def drawn(all_: list[str]) -> list[str]:
    """Some of many, others with another seed."""
    return random.Random(SEED).sample(all_, min(ROUNDS, len(all_)))


def typed(text: str) -> str:
    """What a keyboard can type."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def revealed(page: Page) -> None:
    """Open what is folded together."""
    for summary in page.locator("[data-testid=stMain] summary:visible, [data-testid=stSidebar] summary:visible").all():
        if summary.locator("xpath=..").get_attribute("open") is None:
            summary.click(timeout=5000)
    settle(page)


PARTS = {"Case_Studies": ".st-key-cases_section", "Mechanisms": ".st-key-mechanisms_lens", "Chat": ".st-key-lens"}
"""Where the parts of a page are chosen of which one is drawn at a time."""
FIELDS = "[data-testid=stTextInput] input, [data-testid=stTextArea] textarea"


def fill_all(watched: Watched, texts: list[str], where: str) -> None:
    """Every text into every field that is seen, whatever becomes of the page meanwhile."""
    page = watched.page
    for number, text in enumerate(texts):
        count = page.locator(FIELDS).count()
        for place in range(count):
            field = page.locator(FIELDS).nth(place)
            if place >= page.locator(FIELDS).count() or not field.is_visible() or not field.is_enabled():
                continue
            label = field.get_attribute("aria-label")
            field.fill(typed(text)[:20_000])
            field.press("Control+Enter" if field.evaluate("each => each.tagName") == "TEXTAREA" else "Enter")
            watched.settled(f"{where}: {label!r} with text {number} {text[:60]!r}")
        if not count:
            return


def with_question(watched: Watched, text: str) -> None:
    box = watched.page.get_by_test_id("stChatInputTextArea").first
    box.fill(typed(text))
    box.press("Enter")
    watched.settled(f"the question {text[:60]!r}")


@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("tabs", [4, len(COLD)])
def test_tabs_opened_at_once_on_a_fresh_server_are_all_drawn(
    tabs: int, trial: int, context: BrowserContext, tmp_path: Path
) -> None:
    port = free_port()
    with server(
        [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.port", str(port)], port, tmp_path
    ) as url:
        opened = [(context.new_page(), path) for path in list(COLD)[:tabs]]
        for page, path in opened:
            page.goto(f"{url}/{path}", wait_until="commit")
        for page, path in opened:
            page.bring_to_front()
            settle(page, START_SECONDS)
            expect(page.get_by_role("heading", level=1)).to_have_text(COLD[path])
            expect(page.get_by_test_id("stException").or_(page.get_by_test_id("stAlertContentError"))).to_have_count(0)
        for page, _ in opened:
            page.close()
    assert "Traceback" not in (tmp_path / "server.log").read_text(errors="replace")


@pytest.mark.parametrize("page", PAGES)
def test_whatever_is_typed_into_any_field(page: str, opened: Callable[[str], Watched]) -> None:
    path = "" if page == "Home" else page
    watched = opened("Chat?scene=27")
    with_question(watched, f"What color is the house {MARKUP['image']}?")
    if page != "Chat":
        watched.page.get_by_test_id("stSidebarNav").get_by_role("link").nth(PAGES.index(page)).click()
        watched.settled(path)
    revealed(watched.page)
    fill_all(watched, drawn([*ALL.values()]), page)
    popover = 0
    # Counted each time: what is typed into one may take another away.
    while popover < (popovers := watched.page.get_by_test_id("stPopover")).count():
        popovers.nth(popover).locator("button").first.click()
        settle(watched.page)
        fill_all(watched, drawn([*MARKUP.values(), *PATHS.values()])[:3], f"{page}, popover {popover}")
        watched.page.keyboard.press("Escape")
        popover += 1
    parts = watched.page.locator(PARTS[page]).get_by_role("radio").all() if page in PARTS else []
    parts += watched.page.get_by_role("tab").all()
    for number, part in enumerate(parts):
        part.click()
        watched.settled(f"{page}, part {number}")
        revealed(watched.page)
        fill_all(watched, drawn([*ALL.values()])[:4], f"{page}, part {number}")
        main = watched.page.get_by_test_id("stMain").get_by_test_id("stBaseButton-primary").first
        # On Case Studies that would begin a league; elsewhere something of the hostile question is drawn.
        if page != "Case_Studies" and main.count() and main.is_visible() and main.is_enabled():
            main.click()
            watched.settled(f"{page}, what part {number} finds", 600)


def test_whatever_is_asked(opened: Callable[[str], Watched]) -> None:
    watched = opened("Chat?scene=27")
    for text in (*drawn([*ALL.values()]), long(), *LETTERS.values()):
        if typed(text).strip():
            with_question(watched, text)
    for page in range(len(PAGES)):
        watched.page.get_by_test_id("stSidebarNav").get_by_role("link").nth(page).click()
        watched.settled(f"{PAGES[page]} after hostile questions")


def test_whatever_an_address_says(opened: Callable[[str], Watched]) -> None:
    watched = opened("")
    every = drawn(list(links())) if ROUNDS < 100 else list(links())
    for number, link in enumerate(every):
        page = PAGES[number % len(PAGES)]
        watched.page.goto(f"{watched.page.url.split('?')[0].rsplit('/', 1)[0]}/{'' if page == 'Home' else page}?{link}")
        watched.settled(f"{page}?{link[:100]}", START_SECONDS)


def upload(watched: Watched, place: Locator, name: str, content: bytes, what: str) -> None:
    place.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})
    watched.page.wait_for_timeout(300)
    watched.settled(what)


def test_whatever_is_uploaded_as_a_picture(opened: Callable[[str], Watched]) -> None:
    watched = opened("Chat?scene=27")
    page = watched.page
    page.get_by_text("Another picture").click()
    page.get_by_role("tab", name="Your own").click()
    settle(page)
    pictures = [*damaged_pictures(3, SEED), ("many scans", many_scans(1000, 800)), ("large", flat_png(8000, 8000))]
    pictures += list(foreign("\x89PNG\r\n\x1a\n"))
    names = [*MARKUP.values(), *LETTERS.values()]
    for number, (what, content) in enumerate(random.Random(SEED).sample(pictures, min(3 * ROUNDS, len(pictures)))):
        name = re.sub(r"[/\0]", "", typed(names[number % len(names)]))[:120] + ".png"
        upload(
            watched,
            page.locator("[data-testid=stFileUploader] input[type=file]").last,
            name,
            content,
            f"a picture, {what}, as {name[:40]!r}",
        )


def test_whatever_is_taken_in_as_a_bundle(opened: Callable[[str], Watched], home: Path, tmp_path: Path) -> None:
    watched = opened("Chat?scene=27")
    page = watched.page
    with_question(watched, "What color is the house?")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="History").click()
    watched.settled("History")
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("menuitem", name="Save: run alone").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the run alone").click()
    saved.value.save_as(tmp_path / "whole.zip")
    page.get_by_text("Import a bundle").click()
    all_ = list(bundles(tmp_path / "whole.zip"))
    for what, content in random.Random(SEED).sample(all_, min(2 * ROUNDS, len(all_))):
        upload(
            watched, page.locator(".st-key-import_bundle input[type=file]"), f"{MARK}.zip", content, f"bundle: {what}"
        )
    # What was taken in is looked at where it is shown.
    ids = sorted(path.name for path in home.rglob("runs/*") if re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", path.name))
    for id_ in ids[: 2 * ROUNDS]:
        for page_ in ("Chat", "Relevancy"):
            page.goto(f"{page.url.split('?')[0].rsplit('/', 1)[0]}/{page_}?run={id_}")
            watched.settled(f"{page_} with a damaged run", START_SECONDS)


def test_whatever_lies_in_a_folder_of_cases(opened: Callable[[str], Watched], tmp_path: Path) -> None:
    watched = opened("Case_Studies")
    page = watched.page
    page.get_by_role("radio", name="Benchmarks from a folder").click()
    settle(page)
    for number, (what, content) in enumerate(random.Random(SEED).sample(list(tables()), min(ROUNDS, 16))):
        folder = tmp_path / f"{number} {MARK}"
        folder.mkdir()
        picture(folder / "scene.png")
        os.mkfifo(folder / "pipe.png")
        (folder / "cases.csv").write_bytes(content)
        page.get_by_label("Folder", exact=True).fill(str(folder))
        page.get_by_label("Folder", exact=True).press("Enter")
        settle(page)
        page.get_by_role("button", name="Check it").click()
        watched.settled(f"a folder of cases: {what}")
    folder = tmp_path / "whole"
    folder.mkdir()
    picture(folder / "scene.png")
    (folder / "cases.csv").write_text("image,question,expected\nscene.png,What?,yes\n")
    page.get_by_label("Folder", exact=True).fill(str(folder))
    page.get_by_label("Folder", exact=True).press("Enter")
    settle(page)
    page.get_by_role("button", name="Check it").click()
    settle(page)
    said = {"question": MARKUP["image"], "expected": ["yes"], "said": MARKUP["bold"], "right": False}
    lines = [
        {"sightline": "cases", "set": MARK, "model": "m", "settings": {}, "about": {"model_name": MARKUP["bold"]}},
        {"id": MARKUP["script"], "number": 0, "key": "k", **said},
    ]
    whole = "".join(json.dumps(line) + "\n" for line in lines).encode()
    edits = list(edited(whole))
    for number, (what, content) in enumerate(random.Random(SEED).sample(edits, min(2 * ROUNDS, len(edits)))):
        (tmp_path / f"run{number}.jsonl").write_bytes(content)
        field = page.get_by_label("Results file", exact=True)
        field.fill(str(tmp_path / f"run{number}.jsonl"))
        field.press("Enter")
        watched.settled(f"results: {what}")


def test_whatever_a_model_folder_holds(opened: Callable[[str], Watched], llava_folder: Path, tmp_path: Path) -> None:
    watched = opened("Chat?scene=27")
    page = watched.page
    every = {**REFUSED_AT_LOADING, **TOLD_WHEN_ASKED}
    for number, name in enumerate(drawn(sorted(every))):
        folder = Path(shutil.copytree(llava_folder, tmp_path / f"{MARK} {number} {MARKUP['bold']}"))
        every[name](folder)
        page.goto(f"{page.url.split('?')[0]}?scene=27&model={encoded(str(folder))}")
        watched.settled(f"a model: {name}", START_SECONDS)
        load = page.get_by_role("button", name="Load it", exact=True)
        if load.count():
            load.first.click()
            watched.settled(f"loading: {name}", START_SECONDS)
        if name in TOLD_WHEN_ASKED:
            with_question(watched, "What is there?")
    expect(page.get_by_test_id("stApp")).to_be_visible()
