"""A page of another site whose name was made to lead here (DNS rebinding), tried in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page

from .conftest import FOREIGN

SOCKET = """(address) => new Promise((done) => {
    const socket = new WebSocket(address, ["streamlit"]);
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
})"""
READ = """(address) => fetch(address).then((given) => given.text(), () => "refused")"""
FRAMED = """(address) => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.onload = () => setTimeout(() => {
        try { done(frame.contentDocument && frame.contentDocument.body.innerText ? "readable" : "empty"); }
        catch { done("closed"); }
    }, 500);
    frame.src = address;
    document.body.append(frame);
})"""


class _Empty(BaseHTTPRequestHandler):
    """A site with one empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><body></body>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """The port of a site of somebody else's on this machine."""
    site = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    yield site.server_port
    site.shutdown()
    thread.join()


def test_a_name_that_was_made_to_lead_here_shows_nothing_and_opens_nothing(app_url: str, foreign: Page) -> None:
    port = app_url.rsplit(":", 1)[1]
    answer = foreign.goto(f"http://{FOREIGN}:{port}/")
    assert answer is not None and answer.status == 403
    assert "stApp" not in foreign.content()
    assert foreign.evaluate(SOCKET, f"ws://{FOREIGN}:{port}/_stcore/stream") == "refused"
    assert foreign.evaluate(READ, "/_stcore/health") == "refused"


@pytest.mark.parametrize("name", [FOREIGN, "127.0.0.1"])
def test_a_site_at_another_port_drives_frames_and_reads_nothing(
    app_url: str, foreign: Page, elsewhere: int, name: str
) -> None:
    foreign.goto(f"http://{name}:{elsewhere}/")
    assert foreign.title() == "elsewhere"
    socket = app_url.replace("http", "ws") + "/_stcore/stream"
    assert foreign.evaluate(SOCKET, socket) == "refused"
    assert foreign.evaluate(READ, f"{app_url}/_stcore/health") == "refused"
    assert foreign.evaluate(FRAMED, app_url) != "readable"


def test_the_same_browser_may_use_the_dashboard_itself(
    app_url: str, foreign: Page, settle: Callable[..., None]
) -> None:
    """So that what is refused above is refused for its name."""
    foreign.goto(app_url)
    assert foreign.evaluate(SOCKET, app_url.replace("http", "ws") + "/_stcore/stream") == "open"
