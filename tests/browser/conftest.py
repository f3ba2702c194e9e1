"""The real app in a real browser: one server for the run, a fresh page for each test, and no network but 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = os.environ.get("SIGHTLINE_REQUIRE_BROWSER") == "1"
START_SECONDS = 180
RUN_MILLISECONDS = 60_000
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `streamlit run Home.py`, with a home folder of its own."""
    home = tmp_path_factory.mktemp("home")
    log_path = home / "streamlit.log"
    port = _free_port()
    environment = {**os.environ, "HOME": str(home), "HF_HOME": str(home / "hub"), "HF_HUB_OFFLINE": "1"}
    with log_path.open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for_server(url, server, log_path)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_server(url: str, server: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"the app did not start within {START_SECONDS} s:\n{log_path.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = _chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS, headless=True)
        yield chromium
        chromium.close()


def _only_this_machine(route: Route) -> None:
    address = urlsplit(route.request.url)
    if address.scheme in ("data", "blob") or address.hostname == "127.0.0.1":
        route.continue_()
    else:
        route.abort()


def settle(page: Page) -> None:
    """Wait until the app is drawn and its script has finished running."""
    page.wait_for_function(
        """() => {
            const app = document.querySelector('[data-testid="stApp"]');
            return app && app.getAttribute('data-test-script-state') === 'notRunning'
                && app.getAttribute('data-test-connection-state') === 'CONNECTED'
                && !document.querySelector('[data-testid="stSkeleton"]');
        }""",
        timeout=RUN_MILLISECONDS,
    )


@pytest.fixture(name="settle")
def settle_fixture() -> Callable[[Page], None]:
    """`settle(page)` waits until the app is drawn and its script has finished running."""
    return settle


@pytest.fixture
def open_page(app_url: str, browser: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(path="", dark=False, width=1440, height=900)` opens a page of the app in a session of its own.

    Page switches inside one session must go through the app's own links: a new address is a new session.
    """
    contexts = []

    def open_(path: str = "", *, dark: bool = False, width: int = 1440, height: int = 900) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        context.route("**/*", _only_this_machine)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(RUN_MILLISECONDS)
        page.goto(f"{app_url}/{path.lstrip('/')}")
        settle(page)
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """Home in a 1440 x 900 window, light."""
    return open_page()
