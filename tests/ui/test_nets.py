"""What is told where a part of the page fails that is no page's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.ui import serving
from core.ui.widgets import frame

App = Callable[..., AppTest]


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("half made")


@pytest.mark.parametrize("part", ["run_bar.run_bar", "model_bar.card_table", "model_chooser.chooser", "link.share"])
@pytest.mark.parametrize("page", ["pages/1_Chat.py", "pages/7_History.py"])
def test_a_part_of_the_sidebar_that_fails_costs_the_page_nothing_else(
    app: App, monkeypatch: pytest.MonkeyPatch, part: str, page: str
) -> None:
    if page.endswith("History.py") and part == "model_bar.card_table":
        monkeypatch.setattr("core.ui.widgets.frame.model_bar.show_trouble", broken)
    else:
        monkeypatch.setattr(f"core.ui.widgets.frame.{part}", broken)
    at = app(page)
    [told] = at.sidebar.error
    assert told.value == frame.PART and not at.exception
    assert at.title[0].value in ("Chat", "History") and len(at.error) == 1


@pytest.mark.parametrize("part", ["link.restore", "current_workspace", "models.model_for"])
def test_what_a_page_cannot_do_without_ends_it_with_a_sentence(
    app: App, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(f"core.ui.widgets.frame.{part}", broken)
    at = app()
    [told] = at.error
    assert told.value == serving.WENT_WRONG and not at.exception and not at.chat_input
