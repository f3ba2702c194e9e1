"""From a model's attention to a graph with notes: nodes, rows, caveats, exports."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, AttentionRows, Decoding, Question, TokenKind
from core.causal.correlation import regularised, row_correlation
from core.causal.discovery import causal_graph, causal_graphs, layer_graphs, learn, neighbours
from core.causal.export import to_general, to_graphml, to_json, to_networkx
from core.causal.fci import from_general
from core.causal.nodes import choose_nodes
from core.causal.pag import Pag
from core.causal.settings import GraphSettings
from core.errors import CausalError, SettingsError
from core.settings import controls
from core.vlm.attention_call import AttentionCall
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.generation import ask
from core.vlm.model import VisionLanguageModel
from tests.causal.worlds import attention
from tests.families import save_internvl, save_paligemma
from tests.zoo import load

LOOSE = GraphSettings(image_tokens=6, text_threshold=0.0, text_tokens=5, alpha=0.01, sample_size=64)


@pytest.fixture
def answer(model: VisionLanguageModel, picture: Image.Image) -> Answer:
    return ask(model, Question("Is the the door red?", (picture,), decoding=Decoding(max_new_tokens=6)))


def test_every_node_has_the_row_that_it_should(model: VisionLanguageModel, answer: Answer) -> None:
    """Against rows read one layer, head and position at a time: the prompt's own, the answer's predicting ones."""
    graph = causal_graph(model, answer, 3, 1, 2, LOOSE)
    prompt = len(answer.prompt_tokens)
    everything = model.attention_rows(answer, list(range(prompt + len(answer.tokens) - 1)))[1, 2].numpy()
    rows = [node.position if node.position < prompt else node.position - 1 for node in graph.nodes]
    assert [node.row for node in graph.nodes] == rows
    assert np.allclose(graph.correlation, regularised(row_correlation(everything[rows]))[0], atol=1e-6)
    assert graph.nodes[graph.target].position == prompt + 3
    assert [node.position for node in graph.nodes] == sorted(node.position for node in graph.nodes)
    assert len(set(rows)) == len(rows)


def test_nodes_are_those_the_target_attends_to_most(model: VisionLanguageModel, answer: Answer) -> None:
    assert answer.attention is not None
    for head in range(model.card.heads):
        row = answer.attention.weights[2, head, 4].numpy()
        graph = causal_graph(model, answer, 4, 2, head, LOOSE)
        images = [node.position for node in graph.nodes if node.kind is TokenKind.IMAGE]
        others = set(answer.layout.positions(TokenKind.IMAGE)) - set(images)
        assert len(images) == 6
        assert min(row[images]) >= max(row[list(others)], default=0)
        words = [n for n in graph.nodes[:-1] if n.kind in (TokenKind.TEXT, TokenKind.ANSWER)]
        assert len(words) == 5
        assert all(node.attention == pytest.approx(row[node.position]) for node in graph.nodes[:-1])
        assert all((node.box is not None) == (node.kind is TokenKind.IMAGE) for node in graph.nodes)


def test_the_threshold_decides_about_words(model: VisionLanguageModel, answer: Answer) -> None:
    settings = replace(LOOSE, text_threshold=0.05, text_tokens=12)
    for graph in layer_graphs(model, answer, 4, 0, settings):
        assert all(node.attention >= 0.05 for node in graph.nodes[:-1] if node.kind is not TokenKind.IMAGE)


def test_the_first_answer_token_does_not_share_its_row(model: VisionLanguageModel, answer: Answer) -> None:
    graph = causal_graph(model, answer, 0, 0, 0, replace(LOOSE, text_tokens=12))
    assert len({node.row for node in graph.nodes}) == len(graph.nodes)
    assert graph.nodes[-1].row == len(answer.prompt_tokens) - 1


def test_all_heads_together_are_each_head_alone(model: VisionLanguageModel, answer: Answer) -> None:
    together = layer_graphs(model, answer, 2, 1, LOOSE)
    for head, graph in enumerate(together):
        alone = causal_graph(model, answer, 2, 1, head, LOOSE)
        assert alone.nodes == graph.nodes
        assert alone.learned.graph == graph.learned.graph


def test_short_memory_and_missing_rows_change_nothing(
    model: VisionLanguageModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = causal_graph(model, answer, 2, 1, 0, LOOSE)
    model.forget()
    monkeypatch.setattr("core.vlm.hf.kept_pass.available_bytes", lambda device: 1)
    learned_again = causal_graph(model, replace(answer, attention=None), 2, 1, 0, LOOSE)
    assert learned_again.nodes[-1] == expected.nodes[-1]
    assert [node.position for node in learned_again.nodes] == [node.position for node in expected.nodes]
    assert learned_again.learned.graph == expected.learned.graph


def test_a_run_that_was_opened_has_the_same_graph(model: VisionLanguageModel, answer: Answer) -> None:
    """Its rows are in half precision, where the smallest weights are all alike."""
    assert answer.attention is not None
    opened = replace(answer, attention=AttentionRows((answer.attention.weights * 1e-8).half()))
    assert not opened.attention.weights.any()  # type: ignore[union-attr]
    assert causal_graph(model, opened, 1, 0, 0, LOOSE).nodes == causal_graph(model, answer, 1, 0, 0, LOOSE).nodes


@pytest.mark.parametrize("method", ["ordered ICD", "ICD", "FCI"])
def test_every_method_is_offered(model: VisionLanguageModel, answer: Answer, method: str) -> None:
    settings = replace(LOOSE, image_tokens=4, text_tokens=2, method=method)
    graph = causal_graph(model, answer, 2, 0, 1, settings)
    assert graph.learned.graph.size == 7
    for node in neighbours(graph):
        assert graph.relation(node, graph.target).edge
        assert graph.relation(node, graph.target).separator is None


def test_a_relation_says_what_separated_a_pair(model: VisionLanguageModel, answer: Answer) -> None:
    """0 <- 2 -> 1, put in the place of what a head's rows gave."""
    settings = GraphSettings(method="ICD", alpha=1e-3, sample_size=10**4)
    correlation = np.array([[1, 0.42, 0.7], [0.42, 1, 0.6], [0.7, 0.6, 1]])
    learned, used, ridge = learn(correlation, settings)
    assert (ridge, learned.separators) == (0, {(0, 1): (2,)})
    graph = causal_graph(model, answer, 2, 0, 0, LOOSE)
    graph = replace(graph, nodes=graph.nodes[-3:], learned=learned, correlation=used, settings=settings)
    apart, joined = graph.relation(1, 0), graph.relation(0, 2)
    assert (apart.edge, apart.separator, apart.correlation) == ("", (2,), 0.42)
    assert apart.p_value < 1e-10
    assert apart.p_value_given == pytest.approx(1)
    assert (joined.edge, joined.separator, joined.p_value_given) == ("o-o", None, None)
    assert neighbours(graph) == (0, 1)


def test_an_isolated_target_says_so_and_an_alpha_that_would_keep_an_edge(
    model: VisionLanguageModel, answer: Answer
) -> None:
    graph = causal_graph(model, answer, 2, 1, 0, replace(LOOSE, alpha=1e-12, sample_size=4))
    assert graph.explanation.isolated
    assert "explanation is empty" in (graph.verdict(2) or "")
    if graph.larger_alpha is not None:
        again = causal_graph(model, answer, 2, 1, 0, replace(LOOSE, alpha=graph.larger_alpha, sample_size=4))
        assert f"{graph.larger_alpha:g}" in (graph.verdict(2) or "")
        assert again.learned.graph.edges()


def test_an_almost_complete_graph_is_called_no_explanation(model: VisionLanguageModel, answer: Answer) -> None:
    graph = causal_graph(model, answer, 2, 1, 0, replace(LOOSE, alpha=0.9, sample_size=10**6, largest_set=0))
    assert len(graph.explanation.within(1)) >= 0.9 * graph.target
    assert "not an explanation" in (graph.verdict(1) or "")
    assert any("as was asked for" in note for note in graph.notes)


def sink_only(answer: Answer) -> Answer:
    assert answer.attention is not None
    weights = answer.attention.weights.clone().zero_()
    weights[..., 0] = 1
    return replace(answer, attention=AttentionRows(weights))


def test_a_head_that_attends_only_to_the_first_token_is_said_to(
    model: VisionLanguageModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = model.attention_call

    def to_the_first(asked: Answer, layer: int) -> AttentionCall:
        call = seen(asked, layer)
        mask = torch.zeros(1, call.query.shape[1], call.key.shape[1], dtype=torch.bool)
        mask[..., 0] = True
        return replace(call, mask=mask)

    monkeypatch.setattr(model, "attention_call", to_the_first)
    kept = causal_graph(model, sink_only(answer), 2, 1, 0, LOOSE)
    assert kept.sink == 0
    assert kept.ridge > 0
    assert any("100% of its attention to position 1" in note for note in kept.notes)
    left = causal_graph(model, sink_only(answer), 2, 1, 0, replace(LOOSE, leave_out_sink=True))
    assert left.learned.graph.edges() == ()
    assert any("not counted" in note for note in left.notes)
    assert any("correlate with nothing" in note for note in left.notes)


def test_leaving_out_a_sink_that_is_not_there_says_so(model: VisionLanguageModel, answer: Answer) -> None:
    graphs = layer_graphs(model, answer, 2, 1, replace(LOOSE, leave_out_sink=True))
    for graph in graphs:
        words = "is not counted" if graph.sink is not None else "nothing was left out"
        assert any(words in note for note in graph.notes)


def test_a_text_only_answer_has_a_graph_of_words(model: VisionLanguageModel) -> None:
    answer = ask(model, Question("Is the the door red?", decoding=Decoding(max_new_tokens=4)))
    graph = causal_graph(model, answer, 2, 0, 0, LOOSE)
    assert all(node.kind is not TokenKind.IMAGE for node in graph.nodes)
    assert any("no picture" in note for note in graph.notes)
    with pytest.raises(CausalError, match="No token but the target"):
        causal_graph(model, answer, 2, 0, 0, replace(LOOSE, text_threshold=1.0))


def test_what_cannot_be_is_refused_with_a_sentence(model: VisionLanguageModel, answer: Answer) -> None:
    for layer, head, token in ((99, 0, 0), (0, 99, 0), (0, 0, 99), (-1, 0, 0), (0, 0, -1)):
        with pytest.raises(CausalError):
            causal_graphs(model, answer, layer, [(token, head)], LOOSE)
    with pytest.raises(CausalError, match="another model"):
        causal_graph(model, replace(answer, model="other"), 0, 0, 0, LOOSE)
    with pytest.raises(CausalError, match="at most 64"):
        learn(np.eye(65), LOOSE)
    with pytest.raises(CausalError, match="not finite"):
        choose_nodes(answer, 1, np.full(len(answer.layout), np.nan), LOOSE)


@pytest.mark.parametrize(
    "changes",
    [
        {"image_tokens": 60},
        {"image_tokens": 0, "text_tokens": 0},
        {"alpha": 0.0},
        {"sample_size": 2},
        {"text_threshold": -0.1},
        {"ridge": -1.0},
        {"largest_set": -1},
        {"seconds": 0.0},
        {"method": "PC"},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        GraphSettings(**changes)  # type: ignore[arg-type]


def test_every_setting_is_explained() -> None:
    assert all(control.label and control.help.endswith(".") for control in controls(GraphSettings))


def test_stop_is_heard(model: VisionLanguageModel, answer: Answer) -> None:
    cancel = CancelToken()
    seen: list[float] = []

    def progress(done: float) -> None:
        seen.append(done)
        cancel.cancel()

    with pytest.raises(Cancelled):
        layer_graphs(model, answer, 2, 1, LOOSE, cancel=cancel, progress=progress)
    assert seen == [1 / model.card.heads]


def test_causal_learns_graph_holds_the_same_marks(model: VisionLanguageModel, answer: Answer) -> None:
    graph = causal_graph(model, answer, 2, 1, 1, LOOSE)
    pag = Pag.parse(5, ["0 --> 1", "0 <-> 2", "1 o-> 2", "1 o-o 3", "3 --- 4", "2 <-- 4"])
    nodes = (replace(graph.nodes[0], text=" a"), *graph.nodes[1:5])
    general = to_general(replace(graph, nodes=nodes, learned=replace(graph.learned, graph=pag)))
    assert from_general(general) == pag
    assert general.get_nodes()[0].get_name() == "0: a"


def test_exports_hold_nodes_marks_and_settings(model: VisionLanguageModel, answer: Answer) -> None:
    graph = causal_graph(model, answer, 2, 1, 1, LOOSE)
    nodes = (replace(graph.nodes[0], text='<a href="x">\x00\n'), *graph.nodes[1:])
    graph = replace(graph, nodes=nodes)
    plain = to_networkx(graph)
    assert plain.number_of_edges() == len(graph.learned.graph.edges())
    for edge in graph.learned.graph.edges():
        assert plain.edges[edge.a, edge.b]["edge"] == str(edge)
    read = nx.parse_graphml(to_graphml(graph).decode())
    assert read.number_of_nodes() == len(nodes)
    assert read.nodes["0"]["text"] == '<a href="x">\ufffd\ufffd'
    assert read.graph["sample_size"] == 64
    content = json.loads(to_json(graph))
    assert content["settings"]["alpha"] == 0.01
    assert [(e["from"], e["edge"], e["to"]) for e in content["edges"]] == [
        (edge.a, str(edge), edge.b) for edge in graph.learned.graph.edges()
    ]
    again, _, _ = learn(np.array(content["correlation"]), replace(LOOSE, ridge=0.0))
    assert again.graph == graph.learned.graph


def test_sixty_four_nodes_are_enough_and_possible() -> None:
    learned, _, _ = learn(row_correlation(attention(0, 64, 200)), GraphSettings())
    assert learned.graph.size == 64
    assert learned.complete


@pytest.mark.parametrize(("save", "warned"), [(save_paligemma, True), (save_internvl, False)])
def test_an_order_that_is_no_order_of_causes_is_said(
    save: Callable[[Path], Path], warned: bool, tmp_path: Path, picture: Image.Image
) -> None:
    model = load(save(tmp_path))
    answer = ask(model, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=1)))
    ordered = causal_graph(model, answer, 0, 1, 0)
    unordered = causal_graph(model, answer, 0, 1, 0, GraphSettings(method="ICD"))
    assert any("do not use the order" in note for note in ordered.notes) == warned
    assert not any("do not use the order" in note for note in unordered.notes)
