"""What `streamlit run Home.py` serves is what stands behind the gate, and options that let others in are told."""

from __future__ import annotations

import asyncio
import logging
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit import config
from streamlit.starlette import App
from streamlit.testing.v1 import AppTest
from streamlit.web.server.app_discovery import discover_asgi_app

from core.gate.gate import Gate
from core.gate.opening import Opening
from core.ui import serving, start

ROOT = Path(__file__).resolve().parents[2]
Given = Callable[..., None]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """`given(opening, option=value)`: what the server is started with, beside what .streamlit/config.toml says."""

    def given_(opening: Opening | None = None, **options: object) -> None:
        named = {f"server.{name}": value for name, value in options.items()}
        usual = {"server.address": "127.0.0.1", "server.enableCORS": True, "server.enableXsrfProtection": True}
        told = {"server.corsAllowedOrigins": [], **usual, **named}
        monkeypatch.setattr(serving, "the_opening", lambda: opening or Opening())
        monkeypatch.setattr(config, "get_option", told.__getitem__)

    return given_


def test_streamlit_finds_the_application_and_the_gate_stands_before_it(given: Given) -> None:
    """Found or not is seen in the text alone: a Home.py without it would be served as ever, by no gate."""
    found = discover_asgi_app(ROOT / "Home.py")
    assert found.is_asgi_app and found.import_string == "Home:app"
    given()
    app = runpy.run_path(str(ROOT / "Home.py"), run_name="Home")["app"]
    assert isinstance(app, App) and [each.cls for each in app._user_middleware] == [Gate]
    assert app._on_script_error is serving.tell_unforeseen


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "example.org", None])
def test_an_address_for_others_ends_the_start_unless_tokens_were_given(given: Given, address: str | None) -> None:
    given(address=address)
    with pytest.raises(SystemExit, match=r"Start it with `sightline --host"):
        serving.guarded()
    given(Opening({"ada": "1"}), address=address)
    assert serving.guarded()["middleware"]


def test_an_option_that_the_gate_outweighs_is_told(given: Given, caplog: pytest.LogCaptureFixture) -> None:
    given(enableCORS=False, corsAllowedOrigins=["http://evil.test"])
    with caplog.at_level(logging.WARNING):
        serving.guarded()
    assert "server.enableCORS is false" in caplog.text and "corsAllowedOrigins is http://evil.test" in caplog.text


def test_streamlits_own_settings_show_no_links_and_look_nothing_up() -> None:
    settings = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    for line in ("showErrorLinks = false", 'serverAddress = "127.0.0.1"', 'allowedHosts = ["localhost", "127.0.0.1"'):
        assert line in settings


def test_nobody_is_answered_before_what_is_imported_is_set_aside_from_the_search_for_garbage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What there is at that moment is set aside as well: the first tab, with all it held, stayed until the end."""
    done: list[str] = []
    monkeypatch.setattr(start, "import_all", lambda: done.append("imported"))
    monkeypatch.setattr(serving, "keep_for_a_moment", lambda runtime: None)
    monkeypatch.setattr(serving, "get_instance", lambda: None)

    async def begin() -> None:
        async with serving.guarded()["lifespan"](None):
            done.append("answers")

    asyncio.run(begin())
    assert done == ["imported", "answers"]


def test_a_server_whose_imports_fail_begins_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pages tell why."""
    monkeypatch.setitem(sys.modules, "core.vlm.loading", None)  # as if importing it failed
    monkeypatch.setattr(start, "_done", False)
    start.import_ahead()
    assert not start._done


def test_what_no_net_held_is_a_sentence() -> None:
    def page() -> None:
        from core.ui.serving import tell_unforeseen

        assert tell_unforeseen(RuntimeError("half made"))

    at = AppTest.from_function(page).run()
    assert [error.value for error in at.error] == [serving.WENT_WRONG] and not at.exception
