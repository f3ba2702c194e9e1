"""Another model is chosen on Home and in the sidebar, by hub id or folder, with an adapter, in few bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.answer import Target
from core.ui.state.adapters import sides
from core.ui.state.workspace import Workspace
from core.ui.widgets import model_chooser
from core.vlm.generation import ask
from core.vlm.loading import ModelSpec, load_model, suggested_models
from core.vlm.memory import MemoryEstimate
from tests.adapters import trained

App = Callable[..., AppTest]


@pytest.fixture(scope="session")
def adapter(llava_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(llava_folder, tmp_path_factory.mktemp("adapters") / "tuned")


def spec_in_use(at: AppTest) -> ModelSpec:
    workspace = at.session_state["workspace"]
    assert isinstance(workspace, Workspace)
    return workspace.spec


def texts(at: AppTest) -> str:
    return " ".join(element.value for element in [*at.sidebar.text, *at.sidebar.caption])


def test_suggestions_begin_with_what_a_laptop_runs_and_say_what_is_too_large(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vlm.memory.available_bytes", lambda _: 6_000_000_000)
    at = app("Home.py")
    for menu in [box for box in at.selectbox if box.label == "Model"]:
        assert menu.options[0] == "SmolVLM 256M, 520 MB"
        assert "LLaVA 1.5 7B, 14.2 GB, too large" in menu.options
    assert len([box for box in at.selectbox if box.label == "Model"]) == 2, "on Home and in the sidebar"


def test_a_suggestion_says_what_it_needs_before_anything_is_fetched(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_chooser, "_estimate", lambda *_: ("It needs 1 GB.", True))
    at = app()
    menu = next(box for box in at.sidebar.selectbox if box.label == "Model")
    at = menu.select(suggested_models()[0].source).run()
    assert "Photographs on any laptop" in texts(at) and "free here" in texts(at) and "It needs 1 GB." in texts(at)
    assert not at.exception


def test_a_model_is_loaded_with_its_adapter_which_is_switched_off_and_on(app: App, adapter: Path) -> None:
    at = app()
    base = spec_in_use(at)
    at = next(field for field in at.sidebar.text_input if field.label == "Adapter").set_value(str(adapter)).run()
    at = next(button for button in at.sidebar.button if button.label == "Load it").click().run()
    assert spec_in_use(at).adapter == str(adapter) and "with tuned" in texts(at)
    at = at.sidebar.toggle[0].set_value(False).run()
    assert spec_in_use(at) == base and "with tuned" not in texts(at)
    at = at.sidebar.toggle[0].set_value(True).run()
    assert spec_in_use(at).adapter == str(adapter) and not at.exception


def test_one_question_is_answered_with_the_adapter_and_without_beside_each_other(app: App, adapter: Path) -> None:
    at = app()
    workspace = at.session_state["workspace"]
    assert "Its adapter" not in at.segmented_control(key="lens").options
    base, workspace.spec = workspace.spec, replace(workspace.spec, adapter=str(adapter))
    at.chat_input(key="chat_question").set_value("Where is the dog?").run()
    at.segmented_control(key="lens").select("Its adapter").run()
    at.button(key="ask_both").click().run()
    assert not at.exception and len(at.get("vega_lite_chart")) >= 3
    with_, without = sides(workspace, workspace.answer) or ()
    assert (with_.tuned, without.tuned) == (True, False)
    for side, spec in ((with_, workspace.spec), (without, base)):
        assert side.answer.token_ids == ask(load_model(spec), workspace.answer.question).token_ids
    at.switch_page("pages/3_Relevancy.py").run()
    workspace.target = Target((0,))
    at.run()
    at.segmented_control(key="relevancy_view").select("Difference").run()
    (menu,) = [box for box in at.selectbox if box.label == "Less the map of"]
    (label,) = [option for option in menu.options if option.startswith("without its adapter: ")]
    menu.select(label).run()
    assert not at.exception and len(at.get("vega_lite_chart")) == 3


def test_few_bits_are_said_to_explain_the_rounded_model(app: App) -> None:
    at = app()
    at = next(box for box in at.sidebar.selectbox if box.label == "Weights").select("4bit").run()
    assert "not the one it was made from" in texts(at)
    at = next(button for button in at.sidebar.button if button.label.startswith("Load it")).click().run()
    assert spec_in_use(at).quantisation == "4bit" and not at.exception


def test_load_it_all_the_same_does(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.vlm.memory.available_bytes", lambda _: 1_000)
    at = app()
    at = next(box for box in at.sidebar.selectbox if box.label == "Precision").select("bfloat16").run()
    assert "does not fit" in texts(at)
    at = next(button for button in at.sidebar.button if button.label == "Load it all the same").click().run()
    assert spec_in_use(at).dtype == "bfloat16" and not at.exception


def test_the_hub_is_asked_for_an_id_only_when_a_button_says_so(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    at, asked = app(), []

    def estimate(spec: ModelSpec, freed: int = 0) -> MemoryEstimate:
        asked.append(spec.source)
        return MemoryEstimate(1, 0, 2, True, "It needs 1 byte.")

    monkeypatch.setattr("core.ui.state.models.estimate_memory", estimate)
    monkeypatch.setattr("core.ui.state.models.load_model", lambda *_, **__: pytest.fail("it was loaded"))
    monkeypatch.setattr("core.vlm.hf.hub.HfApi", lambda *_: pytest.fail("the hub was asked"))
    menu = next(box for box in at.sidebar.selectbox if box.label == "Model")
    at = menu.select("Qwen/Qwen3-VL-2B-Instruct").run()
    assert asked == [] and "It is not on this machine. The hub is asked" in texts(at)
    at = next(button for button in at.sidebar.button if button.label == "Look it up").click().run()
    assert asked == ["Qwen/Qwen3-VL-2B-Instruct"] and "It needs 1 byte." in texts(at) and not at.exception
