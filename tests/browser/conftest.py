"""The real app in a real browser: each server once, a fresh page for each test, and no network but 127.0.0.1."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, WebError, expect, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = os.environ.get("SIGHTLINE_REQUIRE_BROWSER") == "1"
START_SECONDS = 180
RUN_SECONDS = 60
WIDGET_MILLISECONDS = 250
"""The longest that a widget waits for more before it tells the app; charts take 150."""
expect.set_options(timeout=1000 * RUN_SECONDS)  # a busy machine takes its time; a wrong page stays wrong
RESOLVER = "--host-resolver-rules="
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"{RESOLVER}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
FOREIGN = "rebound.example"
"""A name of somebody else's that was made to lead to this machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser, so nobody has to remember the marker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where browser tests are required, one that skips itself has failed."""
    report = yield
    if REQUIRED and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and SIGHTLINE_REQUIRE_BROWSER=1 allows no skipped browser test"
    return report


def _chromium() -> str:
    """The path of Chromium; skips the test without one (which fails it where browser tests are required)."""
    chosen = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), "")
    if not chosen or shutil.which(chosen) is None:
        pytest.skip("no Chromium: install it (Debian: apt install chromium) or set CHROMIUM to its path")
    return chosen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """`serve(*program)` gives the address of `python *program --server.port ...`, a server with a home folder of its
    own that starts at the first call and runs until the last test."""
    with ExitStack() as running:

        @cache
        def serve_(*program: str) -> str:
            port = free_port()
            command = [sys.executable, *program, "--server.port", str(port)]
            return running.enter_context(server(command, port, tmp_path_factory.mktemp("home")))

        yield serve_


@pytest.fixture(scope="session")
def app_url(serve: Callable[..., str]) -> str:
    """The address of the app. A file of tests that needs another one defines a fixture of this name for itself."""
    return serve("-m", "streamlit", "run", "Home.py")


@contextmanager
def server(command: Sequence[str], port: int, home: Path, cwd: Path = ROOT) -> Iterator[str]:
    """The address of what `command` serves at `port`, with `home` as its home folder."""
    process = start(command, port, home, cwd)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start(command: Sequence[str], port: int, home: Path, cwd: Path = ROOT) -> subprocess.Popen[bytes]:
    """The same server as a process, for whoever ends it otherwise."""
    log_path = home / "server.log"
    environment = {**os.environ, "HOME": str(home), "HF_HOME": str(home / "hub"), "HF_HUB_OFFLINE": "1"}
    with log_path.open("a") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    _wait_for_server(f"http://127.0.0.1:{port}", process, log_path)
    return process


def _wait_for_server(url: str, server: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"the app did not start within {START_SECONDS} s:\n{log_path.read_text()[-4000:]}")


WATCH = (Path(__file__).parent / "watch.js").read_text()
MESSAGES = {
    "rerun": BackMsg.RERUN_SCRIPT_FIELD_NUMBER,
    "began": ForwardMsg.NEW_SESSION_FIELD_NUMBER,
    "ended": ForwardMsg.SCRIPT_FINISHED_FIELD_NUMBER,
    "early": ForwardMsg.FINISHED_EARLY_FOR_RERUN,
}
SETTLED = """(patience) => {
    const app = document.querySelector('[data-testid="stApp"]'), calm = window.__calm;
    const still = app && calm && !calm.asked && !calm.running && performance.now() - calm.touched > patience
        && app.getAttribute('data-test-script-state') === 'notRunning'
        && app.getAttribute('data-test-connection-state') === 'CONNECTED'
        && !document.querySelector('[data-testid="stSkeleton"]');
    if (calm) calm.frames = still ? calm.frames + 1 : 0;
    return still && calm.frames > 3;
}"""


@pytest.fixture(scope="session")
def context() -> Iterator[BrowserContext]:
    """The only way to a page, because `script_errors` hears of what goes wrong here and nowhere else; and one for the
    whole run, because each has a cache of its own and would fetch and compile the app's scripts again. Every page still
    is a session of its own, and begins with nothing stored."""
    path = _chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS, headless=True)
        context = chromium.new_context(reduced_motion="reduce")
        context.add_init_script(f"({WATCH})({json.dumps(MESSAGES)})")
        yield context
        context.close()
        chromium.close()


PROBE = re.compile(r"http://127\.0\.0\.1:\d+/\w+/_stcore/(health|host-config)")
"""On a page opened by its address, Streamlit first asks for its server below that address, and then where it is."""


@pytest.fixture(autouse=True)
def script_errors(context: BrowserContext) -> Iterator[list[str]]:
    """What went wrong in the scripts of any page, frame or popup while a test ran, each as it is told; at the end of
    the test there must be nothing.

    Exceptions that nobody caught, and whatever the console was told as an error: what a script caught and reported
    there, what the browser refused to run, and what it could not load. All of it comes from one server, and is a fault
    of the app or of its test. One thing alone is excused: what `PROBE` is the address of.
    """
    errors: list[str] = []

    def thrown(error: WebError) -> None:
        errors.append(f"{error.page.url if error.page else 'a page'}: {error.error.stack or error.error}")

    def told(message: ConsoleMessage) -> None:
        address = message.location["url"]
        if message.type == "error" and not (message.text.startswith("Failed to load") and PROBE.fullmatch(address)):
            errors.append(f"{message.page.url if message.page else 'a page'}: {message.text} ({address})")

    context.on("weberror", thrown)
    context.on("console", told)
    yield errors
    context.remove_listener("weberror", thrown)
    context.remove_listener("console", told)
    assert not errors, "script errors:\n" + "\n".join(errors)


def settle(page: Page, seconds: float = RUN_SECONDS) -> None:
    """Wait until everything asked of the app has been run to its end and drawn."""
    page.wait_for_function(SETTLED, arg=WIDGET_MILLISECONDS, timeout=1000 * seconds)


@pytest.fixture(name="settle")
def settle_fixture() -> Callable[[Page], None]:
    """`settle(page)` waits until everything asked of the app has been run to its end and drawn."""
    return settle


@pytest.fixture
def open_page(app_url: str, context: BrowserContext) -> Iterator[Callable[..., Page]]:
    """`open_page(path="", dark=False, width=1440, height=900)` opens a page of the app in a session of its own.

    Page switches inside one session must go through the app's own links: a new address is a new session.
    """
    pages = []

    def open_(path: str = "", *, dark: bool = False, width: int = 1440, height: int = 900) -> Page:
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.set_default_timeout(1000 * RUN_SECONDS)
        page.goto(f"{app_url}/{path.lstrip('/')}")
        settle(page, START_SECONDS)  # the first page of a server loads the model
        return page

    yield open_
    for page in pages:
        page.close()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """Home in a 1440 x 900 window, light."""
    return open_page()


@pytest.fixture
def foreign(context: BrowserContext) -> Iterator[Page]:
    """A page in a browser that finds `FOREIGN` at 127.0.0.1. What it is refused is told as errors there, so nobody
    listens for them: no page of the app is to be opened in it but as proof that it could be."""
    assert context.browser is not None
    others = [each for each in CHROMIUM_ARGUMENTS if not each.startswith(RESOLVER)]
    browser = context.browser.browser_type.launch(
        executable_path=_chromium(),
        args=[*others, f"{RESOLVER}MAP {FOREIGN} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        headless=True,
    )
    yield browser.new_page()
    browser.close()
