"""Evidence on the pages that show maps: one button, a badge for each, nothing computed twice, refusals in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.answer import Decoding, Question, Target
from core.causal.discovery import causal_graph
from core.causal.explanation_test import image_positions
from core.causal.settings import GraphSettings
from core.evidence.badge import badge
from core.evidence.beside import figures_beside
from core.evidence.settings import EvidenceSettings
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.street.recipe import SceneRecipe
from core.ui.causal.evidence import as_map
from core.ui.causal.settings import ALPHA, FORM
from core.ui.causal.view import CausalView
from core.ui.jobs.page import STOPPED
from core.ui.state.models import store
from core.ui.state.scenes import image_of
from core.ui.state.workspace import Exchange, Workspace
from core.ui.widgets.evidence import section, truth
from core.ui.widgets.evidence.view import TESTS, EvidenceView
from core.vlm.cancel import Cancelled
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec

App = Callable[..., AppTest]
QUICK = {
    "evidence_settings_fill": "black",
    "evidence_settings_steps": 2,
    "evidence_settings_draws": 2,
    "evidence_settings_deciding": 2,
}
GRAPH = GraphSettings(alpha=0.05, sample_size=8192, image_tokens=50)


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def exchange_of(
    model: TransformersModel, text: str = "What color is the man's shirt?", *, picture: bool = True
) -> Exchange:
    shown = image_of(SceneRecipe(27)) if picture else None
    question = Question(text, (shown.image,) if shown else (), decoding=Decoding(max_new_tokens=4))
    return Exchange(question, (shown,) if shown else (), answer=ask(model, question))


def opened(
    app: App, exchange: Exchange, page: str = "pages/3_Relevancy.py", spec: ModelSpec | None = None, **state: Any
) -> AppTest:
    at = app(None)
    work = work_of(at)
    if spec is not None:
        store().choose(spec)
        work.spec = spec
    work.exchanges = [exchange]
    work.inspect(exchange)
    work.target = Target((1,))
    work.view(CausalView).radius = 9
    for key, value in {**QUICK, **state}.items():
        at.session_state[key] = value
    at.switch_page(page).run()
    assert not at.exception and not at.error
    return at


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption).replace("\\", "")


def after_test(at: AppTest) -> AppTest:
    at.button(key="evidence_test").click().run()
    assert not at.exception and not at.error
    return at


def metrics_of(at: AppTest) -> list[str]:
    return [str(name) for name in at.dataframe[0].value["metric"]] if at.dataframe else []


@pytest.mark.parametrize("family", ["llava", "qwen"])
def test_one_click_gives_the_map_its_badge_and_its_figures(
    app: App, family: str, request: pytest.FixtureRequest
) -> None:
    model: TransformersModel = request.getfixturevalue(family)
    spec = ModelSpec(str(request.getfixturevalue(f"{family}_folder")), "float32", "cpu")
    at = opened(app, exchange_of(model), spec=spec)
    assert "Removing its top" not in captions(at) and "Not tested yet" in captions(at)
    after_test(at)
    assert "Removing its top 20% of patches" in captions(at)
    assert "2 random orders leave" in captions(at) and "Areas over 6 points" in captions(at)
    assert metrics_of(at)[:4] == ["Comprehensiveness ↑", "Deletion ↓", "Insertion ↑", "Sufficiency ↓"]
    assert at.button(key="evidence_test").disabled


def test_one_button_tests_every_map_shown_and_no_map_twice(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = section.evaluate

    def counted(model: Any, answer: Any, explanations: Any, **options: Any) -> Any:
        asked.append(len(explanations))
        return real(model, answer, explanations, **options)

    monkeypatch.setattr(section, "evaluate", counted)
    at = opened(app, exchange_of(llava), relevancy_methods=["relevancy"])
    after_test(at)
    at.multiselect(key="relevancy_methods").set_value(["relevancy", "raw_attention", "random"]).run()
    assert captions(at).count("Removing its top") == 1
    after_test(at)
    assert asked == [1, 2], "the map that was tested is not tested again"
    assert captions(at).count("Removing its top") == 3


def test_words_patches_and_both_are_tested_when_asked_and_synergy_is_told(app: App, llava: TransformersModel) -> None:
    quick = {"modality_settings_steps": 2, "modality_settings_draws": 1, "relevancy_methods": ["relevancy"]}
    at = opened(app, exchange_of(llava, "the dog?"), **quick)
    assert not any("Synergy" in text.value for text in at.text)
    at.button(key="evidence_modalities").click().run()
    assert not at.exception and not at.error
    areas = next(frame.value for frame in at.dataframe if "area" in frame.value)
    assert next(iter(areas["area"])) == "Deletion, words ↓" and len(areas) == 6
    corners = next(frame.value for frame in at.dataframe if "the model has" in frame.value)["log p (nats)"]
    synergy = corners[0] - corners[1] - corners[2] + corners[3]
    (said,) = (text.value for text in at.text if "Synergy" in text.value)
    assert float(said.split()[1]) == pytest.approx(synergy, abs=0.03)
    assert at.button(key="evidence_modalities").disabled and "Erased words are removed" in captions(at)


def test_a_drawn_scene_can_be_redrawn_and_any_other_picture_not(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), evidence_settings_fill="redraw")
    after_test(at)
    assert "(empty scene)" in captions(at)
    exchange = exchange_of(llava)
    exchange.images = (replace(exchange.images[0], recipe=None),)
    at = opened(app, exchange, evidence_settings_fill="redraw")
    box = at.selectbox(key="evidence_settings_fill")
    assert box.value == "both" and "redraw" not in box.options and "inpaint" in box.options


def test_badge_curves_and_table_speak_of_the_same_fill(app: App, llava: TransformersModel) -> None:
    at = after_test(opened(app, exchange_of(llava), evidence_settings_fill="both"))
    (evidence,) = work_of(at).results.of(TESTS).values()
    for fill in ("black", "blur"):
        at.segmented_control(key="evidence_fill").select(fill).run()
        tested = figures_beside(evidence, fill)
        shown = dict(zip(at.dataframe[0].value["metric"], at.dataframe[0].value["this map"], strict=True))
        assert shown["Deletion ↓"] == tested["deletion"].tested
        assert f"Hidden patches: {fill}." in captions(at)
        badge_told = badge(evidence, fill)
        assert f"{badge_told[:1].upper()}{badge_told[1:]}." in captions(at)


def test_another_setting_is_another_test(app: App, llava: TransformersModel) -> None:
    at = after_test(opened(app, exchange_of(llava)))
    at.number_input(key="evidence_settings_draws").set_value(1).run()
    assert "Removing its top" not in captions(at) and not at.button(key="evidence_test").disabled


def test_the_thing_that_the_question_names_is_the_right_place(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    box = next(box for box in at.selectbox if box.label == "The right place")
    assert box.value == "man's shirt" and {"man", "house's roof", "house's door", truth.NONE} <= set(box.options)
    assert metrics_of(at) == ["Energy in mask ↑", "Pointing game ↑", "Soft IoU ↑"], "known without a test"
    box.set_value(truth.NONE).run()
    assert metrics_of(at) == []


def test_what_was_painted_in_chat_can_be_the_right_place(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava, "What is it?")
    at = opened(app, exchange)
    box = next(box for box in at.selectbox if box.label == "The right place")
    assert truth.PAINTED not in box.options and box.value == truth.NONE
    draft = work_of(at).mask_for(exchange.question.images[0])
    hidden = np.zeros_like(draft.hidden)
    hidden[:60, :60] = True
    draft.become(hidden)
    at.run()
    box = next(box for box in at.selectbox if box.label == "The right place")
    box.set_value(truth.PAINTED).run()
    assert metrics_of(at) == ["Energy in mask ↑", "Pointing game ↑", "Soft IoU ↑"]


def test_without_a_picture_it_says_why_nothing_can_be_tested(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava, picture=False))
    assert any("no patches to take away" in text.value for text in at.text)
    assert not any(button.key == "evidence_test" for button in at.button)


def test_a_stop_is_told_and_can_be_taken_back(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any, **__: Any) -> Any:
        raise Cancelled("testing a map was stopped")

    monkeypatch.setattr(section, "evaluate", stopped)
    at = after_test(opened(app, exchange_of(llava)))
    assert any(text.value == STOPPED for text in at.text)
    monkeypatch.undo()
    assert "Removing its top" in captions(after_test(at))


def test_a_map_is_made_again_as_the_model_forgets(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), relevancy_methods=["raw_attention"])
    before = len(at.get("vega_lite_chart"))
    at.button(key="evidence_forget").click().run()
    assert not at.exception and not at.error
    assert len(at.get("vega_lite_chart")) == before + 1
    assert at.button(key="evidence_forget").disabled


def test_the_set_of_a_causal_graph_is_tested_as_a_map(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    state = {ALPHA: GRAPH.alpha, f"{FORM}_sample_size": GRAPH.sample_size}
    at = after_test(opened(app, exchange, "pages/4_Causal_Graph.py", **state))
    assert "Removing its top" in captions(at) and "only the beginning of the curve" in captions(at)


def test_the_nearest_patches_of_a_graph_rank_first(llava: TransformersModel) -> None:
    answer = exchange_of(llava).answer
    assert answer is not None
    graph = causal_graph(llava, answer, 1, 2, 0, GRAPH)
    radius = max(graph.explanation.radii)
    map_ = as_map(answer, graph, radius)
    nodes = [node for node in graph.explanation.within(radius) if image_positions(graph, (node,))]
    assert nodes and int((map_.scores > 0).sum()) == len(nodes)
    distance = graph.explanation.tree.distance
    for node in nodes:
        assert float(map_.scores[graph.nodes[node].position]) == pytest.approx(1 / distance[node])


def test_maps_are_told_apart_by_settings_and_target(llava: TransformersModel) -> None:
    answer = exchange_of(llava).answer
    assert answer is not None
    view = EvidenceView(EvidenceSettings())
    one, other = (explain(explainers()["raw_attention"], llava, answer, [Target((index,))])[0] for index in (0, 1))
    again = explain(explainers()["raw_attention"], llava, answer, [Target((0,))])[0]
    assert view.key(answer, one) == view.key(answer, again) != view.key(answer, other)
