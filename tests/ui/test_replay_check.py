"""A model whose replay differs from its answers is told of on every page that explains, and measured once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary

import pytest
from streamlit.testing.v1 import AppTest

from core.answer import Decoding, Question
from core.ui.state.workspace import Exchange
from core.ui.widgets import replay_check
from core.vlm import replay
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.parting import Parting
from core.vlm.replay import SelfCheck

App = Callable[..., AppTest]
EXPLORERS = ["pages/2_Attention_Explorer.py", "pages/3_Relevancy.py", "pages/4_Causal_Graph.py"]


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model was checked before."""
    monkeypatch.setattr(replay_check, "_checks", WeakKeyDictionary())


def warnings(at: AppTest) -> list[str]:
    assert not at.exception and not at.error
    return [warning.value.replace("\\", "") for warning in at.warning]


def test_a_difference_is_told_on_every_explorer_and_measured_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[object] = []

    def differs(model: object) -> SelfCheck:
        checked.append(model)
        return SelfCheck(0.5, False, "Replaying changes it by up to 0.5 nats.")

    monkeypatch.setattr(replay_check, "checked", differs)
    at = app("pages/1_Chat.py")
    assert warnings(at) == [] and checked == []
    for page in EXPLORERS:
        at.switch_page(page).run()
        assert warnings(at) == ["Replaying changes it by up to 0.5 nats."]
    assert len(checked) == 1


def test_a_model_that_replays_itself_needs_no_words(app: App) -> None:
    assert warnings(app(EXPLORERS[1])) == []
    [check] = replay_check._checks.values()
    assert check.result(timeout=10).negligible


def test_a_check_that_fails_is_told_too(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: object) -> SelfCheck:
        raise RuntimeError("no luck")

    monkeypatch.setattr(replay, "self_check", broken)
    [said] = warnings(app(EXPLORERS[0]))
    assert "could not be found out (RuntimeError" in said


def test_where_an_answer_in_half_precision_may_part_is_told(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_check, "parts_here", lambda model: True)
    monkeypatch.setattr(replay_check, "parting", lambda model, answer: Parting(2, 1, 0.03))
    question = Question("Where?", decoding=Decoding(max_new_tokens=3))
    at = app(EXPLORERS[0])
    at.session_state["workspace"].inspected = Exchange(question, (), answer=ask(llava, question))
    [said] = warnings(at.run())
    assert "From its token 3" in said and "From token 2" in said


def test_a_slow_check_holds_no_page_and_is_told_by_the_next(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(model: object) -> SelfCheck:
        go_on.wait(30)
        return SelfCheck(0.5, False, "Replaying changes it.")

    monkeypatch.setattr(replay_check, "checked", slow)
    monkeypatch.setattr(replay_check, "PATIENCE", 0.2)
    at = app(EXPLORERS[0])
    assert warnings(at) == []
    go_on.set()
    [check] = replay_check._checks.values()
    check.result(timeout=10)
    assert warnings(at.run()) == ["Replaying changes it."]
