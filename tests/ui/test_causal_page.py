"""The Causal Graph page without a browser: what it learns, keeps, says, tests and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.answer import Decoding, Question, Target
from core.causal.discovery import CausalGraph, causal_graph
from core.causal.explanation_test import Masking
from core.causal.heads import heads_tests
from core.causal.pag import Pag
from core.causal.settings import GraphSettings
from core.quantities import change_in_nats
from core.street.recipe import SceneRecipe
from core.ui.causal import heads, node, page
from core.ui.causal.naming import SAYS, edge_in_words
from core.ui.causal.settings import ALPHA, FORM, in_words
from core.ui.causal.view import GRAPHS, HEADS_TESTS, REASKED, SAMPLES, TESTS, CausalView
from core.ui.jobs.page import STOPPED
from core.ui.state.scenes import image_of
from core.ui.state.workspace import Exchange, Workspace
from core.ui.widgets import by_keyboard
from core.vlm.cancel import Cancelled
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec
from tests.ui.charts import chart_keys, click, spec

App = Callable[..., AppTest]
SETTINGS = GraphSettings(alpha=0.05, sample_size=8192, image_tokens=50)
"""With these the tiny model's graphs have trees of several distances; a tree of one under the published ones."""


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def exchange_of(model: TransformersModel, *, picture: bool = True) -> Exchange:
    shown = image_of(SceneRecipe(27)) if picture else None
    question = Question("What is the door?", (shown.image,) if shown else (), decoding=Decoding(max_new_tokens=6))
    return Exchange(question, (shown,) if shown else (), answer=ask(model, question))


def opened(app: App, exchange: Exchange | None, *, deep: bool = True) -> AppTest:
    """The page about an answer's third token; `deep` with settings under which its tree has several distances."""
    at = app(None)
    work = work_of(at)
    work.exchanges = [exchange] if exchange else []
    work.inspect(exchange)
    work.target = Target((2,)) if exchange else None
    if deep:
        at.session_state[ALPHA] = SETTINGS.alpha
        at.session_state[f"{FORM}_sample_size"] = SETTINGS.sample_size
    at.switch_page("pages/4_Causal_Graph.py").run()
    assert not at.exception and not at.error
    return at


def shown(at: AppTest) -> CausalGraph:
    """The graph on the page."""
    view = work_of(at).view(CausalView)
    graph = view.results.get(GRAPHS, view.about)
    assert graph is not None
    return graph


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption).replace("\\", "")


def said(at: AppTest) -> str:
    return "\n".join(text.value for text in at.text)


def keyed(at: AppTest, beginning: str) -> str:
    """The key of the select box whose key begins so."""
    return next(str(box.key) for box in at.selectbox if str(box.key).startswith(beginning))


def test_without_an_answer_the_page_says_what_to_do(app: App) -> None:
    at = opened(app, None)
    assert any("No answer" in info.value for info in at.info)
    assert not list(work_of(at).results.of(GRAPHS).values())


def test_a_graph_of_the_last_layer_is_there_at_once_with_settings_and_caveat(
    app: App, llava: TransformersModel
) -> None:
    exchange = exchange_of(llava)
    at = opened(app, exchange)
    assert exchange.answer is not None
    expected = causal_graph(llava, exchange.answer, 2, llava.card.layers - 1, 0, SETTINGS)
    assert shown(at).learned.graph == expected.learned.graph and shown(at).settings == SETTINGS
    assert "ordered ICD, alpha 0.05, sample size 8192" in captions(at)
    assert f"{len(expected.learned.graph.edges())} edges" in captions(at)
    assert page.CAVEAT in captions(at)
    drawn = [component.key for component in at.get("bidi_component") if str(component.key).startswith("causal")]
    assert chart_keys(at) == ["causal_picture", "causal_tree"]
    assert drawn == ["causal_network", "causal_network_node"]


def test_nothing_is_learned_twice(app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(app, exchange_of(llava))

    def never(*_: object, **__: object) -> None:
        raise AssertionError("learned again")

    monkeypatch.setattr(page, "causal_graph", never)
    at.segmented_control(key="causal_radius_4").select(3).run()
    at.switch_page("Home.py").run()
    at.switch_page("pages/4_Causal_Graph.py").run()
    assert not at.exception and shown(at).settings == SETTINGS
    assert work_of(at).view(CausalView).radius == 3 and "at distance 3: 23 of 27" in captions(at)


def test_another_head_and_another_setting_are_other_graphs(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    at.selectbox(key="causal_layer").select(1).run()
    at.selectbox(key=keyed(at, "causal_head_")).select(3).run()
    at.select_slider(key=ALPHA).set_value(1e-5).run()
    about = work_of(at).view(CausalView).about
    assert about is not None and (about.layer, about.head, about.settings.alpha) == (1, 3, 1e-5)
    assert len(list(work_of(at).results.of(GRAPHS).values())) == 4


def test_a_node_clicked_in_one_view_is_outlined_in_all_and_its_tests_are_listed(
    app: App, llava: TransformersModel
) -> None:
    at = opened(app, exchange_of(llava))
    graph = shown(at)
    number = next(
        n for n in graph.explanation.within(4) if graph.nodes[n].box and graph.relation(n, graph.target).separator
    )
    click(at, "causal_picture", "patch", {"position": graph.nodes[number].position})
    assert work_of(at).view(CausalView).node == number and at.selectbox(key="causal_node").value == number
    relation = graph.relation(number, graph.target)
    assert f"(p = {relation.p_value:.2g} given nothing)" in said(at) and "Separated by: " in said(at)
    assert "#ff2d95" in json.dumps(spec(at, "causal_picture"))
    at.segmented_control(key="causal_radius_4").select(4).run()
    assert "#ff2d95" in json.dumps(spec(at, "causal_tree"))
    other = next(n for n in graph.explanation.within(1))
    click(at, "causal_tree", "node", {"node": other})
    assert work_of(at).view(CausalView).node == other


def test_a_node_of_another_graph_is_let_go(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    at.selectbox(key="causal_node").select(5).run()
    at.selectbox(key="causal_layer").select(0).run()
    assert work_of(at).view(CausalView).node is None


def test_a_patch_is_masked_and_asked_again_one_click_away(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    graph = shown(at)
    number = next(n for n, entry in enumerate(graph.nodes) if entry.box)
    at.selectbox(key="causal_node").select(number).run()
    at.button(key="causal_mask").click().run()
    assert not at.exception
    asked_again = list(work_of(at).results.of(REASKED).values())
    assert [entry.positions for entry in asked_again] == [(graph.nodes[number].position,)]
    (mask,) = asked_again[0].reasked.answer.question.masks
    assert 0.05 < mask.hidden.mean() < 0.075, "one patch of sixteen"
    assert f"{change_in_nats(asked_again[0].hidden_change)} with attention to their image tokens blocked" in captions(
        at
    )


def test_a_word_cannot_be_masked_and_the_page_says_so(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    number = next(n for n, entry in enumerate(shown(at).nodes[:-1]) if entry.box is None)
    at.selectbox(key="causal_node").select(number).run()
    assert at.button(key="causal_mask").disabled and "a word is left in place" in captions(at)


def test_the_explanation_is_tested_beside_its_controls_and_kept(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    at.select_slider(key="causal_cap").set_value(32).run()
    at.segmented_control(key="causal_radius_4").select(2).run()
    at.button(key="causal_test").click().run()
    tests_read = list(work_of(at).results.of(TESTS).values())
    assert len(tests_read) == 1 and tests_read[0].forwards <= 32
    assert tests_read[0].sentence in said(at)
    table = at.dataframe[-1].value
    assert set(table["set"]) == {"part of the explanation", "all of it", "random", "top attention"}
    at.selectbox(key="causal_mode").select("pixels").run()
    assert work_of(at).view(CausalView).masking == Masking("pixels") and tests_read[0].sentence not in said(at)
    at.selectbox(key="causal_mode").select("reader").run()
    assert tests_read[0].sentence in said(at)


def test_heads_are_ranked_by_what_masking_their_explanations_did(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    at = opened(app, exchange)
    assert at.selectbox(key=keyed(at, "causal_head_")).label == "Head, not ranked yet"
    assert all(button.key != "causal_sample" for button in at.button), "so few heads are all tested"
    at.button(key="causal_heads").click().run()
    assert not at.exception and exchange.answer is not None
    layer = llava.card.layers - 1
    expected = next(
        iter(heads_tests(llava, exchange.answer, 2, {layer: range(llava.card.heads)}, SETTINGS, 1, Masking()))
    )
    box = at.selectbox(key=keyed(at, "causal_head_"))
    assert box.label == "Head, ranked by what masking did"
    assert box.key == "causal_head_" + "_".join(map(str, expected.ranked))
    beyond = [flip.beyond_random for head in expected.ranked if (flip := expected.flip(head))]
    assert beyond == sorted(beyond, reverse=True) and beyond
    assert "causal_gallery" in chart_keys(at) and at.button(key="causal_heads").disabled
    click(at, "causal_gallery", "small", {"layer": layer, "head": 3})
    assert work_of(at).view(CausalView).head == 3


def test_a_graph_that_a_test_learned_is_kept_once_its_head_is_looked_at(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(app, exchange_of(llava))
    at.button(key="causal_heads").click().run()
    assert len(work_of(at).results.of(GRAPHS)) == 1, "a report would draw every one of them"

    def again(*arguments: object, **named: object) -> object:
        raise AssertionError("it was learned already")

    monkeypatch.setattr(page, "causal_graph", again)
    work_of(at).view(CausalView).radius = 2  # a test of other sets has the same graphs
    click(at, "causal_gallery", "small", {"layer": llava.card.layers - 1, "head": 3})
    assert not at.exception and shown(at).head == 3
    [test] = work_of(at).results.of(HEADS_TESTS).values()
    assert list(work_of(at).results.of(GRAPHS).values())[-1] is test.graph(3)


def test_of_a_large_model_a_sample_of_heads_says_what_all_would(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (heads, page, by_keyboard):
        monkeypatch.setattr(module, "MANY", 11)
    monkeypatch.setattr(heads, "SAMPLE_OF_A_LAYER", 3)
    at = opened(app, exchange_of(llava))
    assert at.button(key="causal_sample").label == "Test a sample of 9 heads"
    at.button(key="causal_sample").click().run()
    assert not at.exception
    assert "9 of 12 heads were tested, drawn at random, as many of each layer." in captions(at)
    tests = list(work_of(at).results.of(SAMPLES).values())
    assert [len(test.graphs) for test in tests] == [3, 3, 3] and "causal_head_map" in chart_keys(at)
    assert at.button(key="causal_sample").disabled and "causal_gallery" not in chart_keys(at)
    find = at.selectbox(key=keyed(at, "causal_find_"))
    best = max((flip for test in tests for flip in test.rates.flips), key=lambda flip: flip.beyond_random)
    moved = change_in_nats(best.explanation.change)
    assert find.options[0] == f"L{best.layer} H{best.head} · {moved}{', flips' * best.explanation.flipped}"
    assert len(find.options) == 12 and sum(option.endswith(" · not tested") for option in find.options) == 3
    find.select(find.options[0]).run()
    assert (shown(at).layer, shown(at).head) == (best.layer, best.head)
    at.button(key="causal_N").click().run()
    assert at.selectbox(key=keyed(at, "causal_find_")).value == (work_of(at).view(CausalView).layer, shown(at).head)
    assert (shown(at).layer, shown(at).head) != (best.layer, best.head)
    at.button(key="causal_all_heads").click().run()
    assert "All 12 heads were tested." in captions(at) and "causal_gallery" in chart_keys(at)


def test_all_layers_keep_what_was_done_before_a_stop(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(app, exchange_of(llava))

    def stopped_after_one(*arguments: object, **named: object) -> object:
        yield next(iter(heads_tests(*arguments, **named)))  # type: ignore[arg-type]
        raise Cancelled

    monkeypatch.setattr(heads, "heads_tests", stopped_after_one)
    at.button(key="causal_all_heads").click().run()
    assert [test.layer for test in work_of(at).results.of(HEADS_TESTS).values()] == [0]
    assert STOPPED in said(at) and not at.button(key="causal_all_heads").disabled


def test_a_stopped_graph_waits_for_a_click(app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise Cancelled

    with monkeypatch.context() as patched:
        patched.setattr(page, "causal_graph", stopped)
        at = opened(app, exchange_of(llava))
        assert STOPPED in said(at)
    at.run()
    assert STOPPED in said(at) and not list(work_of(at).results.of(GRAPHS).values())
    at.button(key="again_graph").click().run()
    assert shown(at).settings == SETTINGS


def test_a_failed_reask_is_a_sentence_and_can_be_tried_again(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(app, exchange_of(llava))
    number = next(n for n, entry in enumerate(shown(at).nodes) if entry.box)
    at.selectbox(key="causal_node").select(number).run()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no luck")

    with monkeypatch.context() as patched:
        patched.setattr(node, "ask_without", broken)
        at.button(key="causal_mask").click().run()
    assert not at.exception and "could not do this (RuntimeError)" in said(at)
    at.button(key="causal_mask").click().run()
    assert len(list(work_of(at).results.of(REASKED).values())) == 1


def test_an_isolated_target_is_said_and_alpha_is_suggested(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alone(*arguments: object, **named: object) -> CausalGraph:
        graph = causal_graph(*arguments, **named)  # type: ignore[arg-type]
        correlation = graph.correlation.copy()
        correlation[-1, :-1] = correlation[:-1, -1] = 0.3
        separators = {(node, graph.target): () for node in range(graph.target)}
        learned = replace(graph.learned, graph=Pag(len(graph.nodes)), separators=separators)
        return replace(graph, learned=learned, correlation=correlation)

    monkeypatch.setattr(page, "causal_graph", alone)
    at = opened(app, exchange_of(llava), deep=False)
    graph = shown(at)
    assert graph.larger_alpha is not None and graph.larger_alpha > graph.settings.alpha
    assert "Nothing in this graph is connected to the target" in at.warning[0].value
    assert at.button(key="causal_test").disabled and "there is nothing to mask" in captions(at)
    at.selectbox(key="causal_node").select(0).run()
    assert "no edge: the two are unrelated" in said(at) and "Separated by" not in said(at)
    monkeypatch.undo()
    at.button(key="causal_use_alpha").click().run()
    assert shown(at).settings.alpha == graph.larger_alpha


def test_nearly_every_token_is_no_explanation(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    assert not at.warning
    at.segmented_control(key="causal_radius_4").select(4).run()
    assert "27 of 27 tokens are within distance 4: that singles nothing out" in at.warning[0].value.replace("\\", "")


def test_what_is_to_be_known_of_a_graph_stands_beside_it(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted(*arguments: Any, **named: Any) -> CausalGraph:
        return replace(causal_graph(*arguments, **named), notes=("All to [position](1): *little*.",))

    monkeypatch.setattr(page, "causal_graph", noted)
    at = opened(app, exchange_of(llava), deep=False)
    assert "All to [position](1): *little*." in said(at)


def test_more_than_sixty_four_nodes_are_refused_with_a_sentence(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava))
    at.number_input(key="causal_image_tokens").set_value(63).run()
    assert "A graph has at most 64 nodes" in said(at) and not at.exception
    at.number_input(key="causal_image_tokens").set_value(40).run()
    assert shown(at).settings.image_tokens == 40


def test_an_answer_without_a_picture_has_a_graph_of_words(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava, picture=False))
    assert any("without a picture" in info.value for info in at.info)
    assert chart_keys(at) == ["causal_tree"] and not at.exception
    tests = {"causal_test", "causal_heads", "evidence_test"}
    assert not tests & {button.key for button in at.button}, "there is nothing to mask"


def test_a_family_with_shared_keys_and_a_grid_of_its_own_is_learned_tested_and_masked(
    app: App, qwen: TransformersModel, qwen_folder: Path
) -> None:
    exchange = exchange_of(qwen)
    at = app(None)
    work_of(at).spec = ModelSpec(str(qwen_folder), "float32", "cpu")
    at = opened(lambda page: at, exchange)
    graph = shown(at)
    assert exchange.answer is not None
    expected = causal_graph(qwen, exchange.answer, 2, 2, 0, SETTINGS)
    assert graph.learned.graph == expected.learned.graph and graph.nodes == expected.nodes
    assert {"causal_picture", "causal_tree"} <= set(chart_keys(at))
    number = next(n for n, entry in enumerate(graph.nodes) if entry.box)
    click(at, "causal_picture", "patch", {"position": graph.nodes[number].position})
    assert work_of(at).view(CausalView).node == number
    at.button(key="causal_mask").click().run()
    [without] = work_of(at).results.of(REASKED).values()
    assert without.positions == (graph.nodes[number].position,)
    at.button(key="causal_heads").click().run()
    assert not at.exception and not at.error
    assert len(next(iter(work_of(at).results.of(HEADS_TESTS).values())).graphs) == qwen.card.heads


def test_an_answer_of_a_former_model_keeps_its_graph_on_screen(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    at = opened(app, exchange)
    assert exchange.answer is not None
    view = work_of(at).view(CausalView)
    assert view.about is not None
    graph = shown(at)
    other = replace(exchange.answer, model="another")
    view.about = replace(view.about, answer=view.about.answer._replace(model="another"))
    view.results.keep(GRAPHS, view.about, graph)
    exchange.answer = other
    at.run()
    assert not at.exception and "before the model was changed" in captions(at)
    assert chart_keys(at) == ["causal_picture", "causal_tree"]


@pytest.mark.parametrize("edge", [f"{left}-{right}" for left in "<o-" for right in ">o-"])
def test_every_edge_says_the_same_from_both_ends(edge: str) -> None:
    turned = edge[::-1].translate(str.maketrans("<>", "><"))
    assert edge_in_words(edge, "A", "B") == edge_in_words(turned, "B", "A")
    assert edge in SAYS or turned in SAYS


def test_an_arrow_is_read_from_cause_to_effect() -> None:
    assert edge_in_words("<--", "A", "B") == "B causes A"


def test_a_change_that_rounds_to_nothing_has_no_sign() -> None:
    assert [change_in_nats(change) for change in (-0.0004, 0.0, -0.0012, 1.5)] == ["0.000 nats"] * 2 + [
        "-0.001 nats",
        "+1.500 nats",
    ]


def test_the_summary_names_what_decides_the_graph() -> None:
    assert in_words(GraphSettings()) == "ordered ICD, alpha 1e-05, sample size 128"
    changed = GraphSettings(leave_out_sink=True, ridge=0.01, largest_set=2)
    assert in_words(changed).endswith("128, sink left out, ridge 0.01, conditioning sets up to 2")
