"""What the screen says where a package beside Sightline keeps it from being imported, and that it is imported once."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from streamlit.testing.v1 import AppTest

from core.ui import start
from tests.ui.conftest import ROOT

PAGE = """
from core.ui.start import imports
import streamlit as st
with imports():
    {line}
st.title('Sightline')
"""


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a fresh server."""
    monkeypatch.setattr(start, "_done", False)


def told(line: str) -> str:
    page = AppTest.from_string(PAGE.format(line=line), default_timeout=60)
    for _ in range(2):
        page.run()
        [error] = page.error
        assert not page.exception and not page.title
    return error.value


def test_a_package_that_cannot_be_imported_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "core.vlm.loading", None)  # as if importing it failed
    sentence = told("pass")
    assert "cannot be imported here" in sentence and "core.vlm.loading" in sentence


def test_a_page_whose_own_import_fails_is_a_sentence() -> None:
    assert "nothing_of_this_name" in told("import nothing_of_this_name")
    assert "cannot be shown" in told("raise RuntimeError('half made')")


def test_a_page_that_is_started_without_the_gate_says_how_to_start_it() -> None:
    at = AppTest.from_file(str(ROOT / "pages" / "1_Chat.py"), default_timeout=60).run()
    assert [error.value for error in at.error] == [start.BY_ITSELF] and not at.title and not at.chat_input


def test_many_pages_at_once_import_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = [0], [0]

    def slowly() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        inside[0] -= 1

    monkeypatch.setattr("core.vlm.loading.import_backend", slowly)

    def page() -> None:
        with start.imports():
            slowly()

    threads = [threading.Thread(target=page) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] and start._done
