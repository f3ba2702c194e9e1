"""The model that the server was started with is the first of every tab, if it is on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.startup import MODEL, PRECISION
from core.ui.state.link import params_of
from core.ui.state.workspace import Workspace
from core.vlm.loading import EMBEDDED, ModelSpec

App = Callable[..., AppTest]


def work_of(at: AppTest) -> Workspace:
    workspace = at.session_state["workspace"]
    assert isinstance(workspace, Workspace)
    return workspace


def test_a_tab_begins_with_it_and_its_link_names_it(
    app: App, llava_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL, str(llava_folder))
    monkeypatch.setenv(PRECISION, "float32")
    at = app(params={})
    assert not at.exception
    assert work_of(at).spec == ModelSpec(str(llava_folder), "float32")
    assert params_of(work_of(at))["model"] == str(llava_folder)


def test_a_link_may_name_the_embedded_model_instead(
    app: App, llava_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL, str(llava_folder))
    at = app(params={"model": "embedded"})
    assert work_of(at).spec == EMBEDDED and work_of(at).asked_spec is None
    assert params_of(work_of(at))["model"] == "embedded"


def test_one_that_would_have_to_be_fetched_is_asked_about(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL, "nobody/nothing-of-this-name")
    at = app(params={})
    assert work_of(at).asked_spec == ModelSpec("nobody/nothing-of-this-name")
    assert work_of(at).spec.source != "nobody/nothing-of-this-name"
    assert any(button.key == "linked_load" for button in at.button)
