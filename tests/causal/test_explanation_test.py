"""The masking test and the rates: every reading against a pass of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, TokenKind
from core.causal.discovery import CausalGraph, causal_graph, layer_graphs
from core.causal.explanation_test import (
    Masking,
    attention_set,
    explanation_test,
    image_positions,
    patches_of,
    random_sets,
)
from core.causal.rates import flip_rates, neighbour_precision
from core.causal.settings import GraphSettings
from core.errors import CausalError
from core.perturb.outcomes import outcomes
from core.perturb.perturbation import HiddenPatches, HiddenTokens
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import Edits, Knockout
from core.vlm.generation import ask
from core.vlm.model import VisionLanguageModel
from core.vlm.targets import TokenTarget
from tests.families import save_llava_next
from tests.zoo import load

DENSE = GraphSettings(image_tokens=8, text_tokens=0, alpha=0.2, sample_size=400, largest_set=1)


@pytest.fixture
def answer(model: VisionLanguageModel, picture: Image.Image) -> Answer:
    return ask(model, Question("Is the the door red?", (picture,), decoding=Decoding(max_new_tokens=5)))


@pytest.fixture
def graph(model: VisionLanguageModel, answer: Answer) -> CausalGraph:
    """A graph whose explanation at radius 2 has several image tokens."""
    graphs = [graph for layer in range(3) for graph in layer_graphs(model, answer, 2, layer, DENSE)]
    largest = max(graphs, key=lambda graph: len(image_positions(graph, graph.explanation.within(2))))
    assert len(image_positions(largest, largest.explanation.within(2))) >= 3
    return largest


def alone(model: VisionLanguageModel, answer: Answer, token: int, positions: tuple[int, ...]) -> np.ndarray:
    """Log-probabilities with some positions hidden, from a pass for this set alone."""
    hidden = HiddenTokens(frozenset(positions)).edits(answer)
    logprobs: np.ndarray = model.logits_with(answer, [hidden])[0][token].double().log_softmax(-1).numpy()
    return logprobs


def test_every_trial_is_what_a_pass_of_its_own_gives(
    model: VisionLanguageModel, answer: Answer, graph: CausalGraph
) -> None:
    outcome = explanation_test(model, answer, graph, 2, cap=60)
    said = answer.tokens[graph.token].id
    before = alone(model, answer, graph.token, ())
    assert outcome.before == pytest.approx(before[said], abs=1e-4)
    assert outcome.whole is not None
    assert outcome.candidates
    for trial in (*outcome.candidates, outcome.whole, *outcome.controls):
        row = alone(model, answer, graph.token, trial.positions)
        assert trial.change == pytest.approx(row[said] - before[said], abs=1e-3)
        assert trial.changed == (row.argmax() != before.argmax())
        assert trial.said == model.reader.texts([int(row.argmax())])[0]
    assert outcome.forwards <= 60


def test_candidates_come_in_the_published_order_each_masking_something_new(
    model: VisionLanguageModel, answer: Answer, graph: CausalGraph
) -> None:
    outcome = explanation_test(model, answer, graph, 2, cap=400)
    expected: list[tuple[int, ...]] = []
    for nodes in graph.explanation.candidates(2):
        positions = image_positions(graph, nodes)
        if positions and positions not in expected:
            expected.append(positions)
    masked = [trial.positions for trial in outcome.candidates]
    assert masked == expected[: len(masked)]
    if outcome.sufficient is None:
        assert outcome.exhausted == (len(masked) == len(expected))
    else:
        assert outcome.candidates[-1] is outcome.sufficient
        assert not any(trial.changed for trial in outcome.candidates[:-1])


class Flipping:
    """A model that says something else once some positions are all hidden."""

    def __init__(self, model: VisionLanguageModel, needed: set[int]) -> None:
        self.model, self.needed, self.batches = model, needed, [0]

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def logits_with(self, answer: Answer, sets: list[Edits], checkpoints: object) -> list[torch.Tensor]:
        self.batches.append(len(sets))
        logits = torch.zeros(len(sets), len(answer.tokens), self.model.card.vocabulary)
        for row, edits in enumerate(sets):
            hidden = {column for edit in edits if isinstance(edit, Knockout) for column in edit.columns}
            for index, token in enumerate(answer.tokens):
                logits[row, index, token.id] = -5.0 if self.needed <= hidden else 5.0 - 0.1 * len(hidden)
        return list(logits)


def test_the_minimal_sufficient_set_is_the_first_that_flips(
    model: VisionLanguageModel, answer: Answer, graph: CausalGraph
) -> None:
    sets = [image_positions(graph, nodes) for nodes in graph.explanation.candidates(2)]
    needed = next(positions for positions in sets if len(positions) == 2)
    outcome = explanation_test(Flipping(model, set(needed)), answer, graph, 2, cap=400)  # type: ignore[arg-type]
    assert outcome.sufficient is not None
    assert set(needed) <= set(outcome.sufficient.positions)
    assert len(outcome.sufficient.positions) == 2
    assert [len(trial.positions) for trial in outcome.controls] == [2] * 6
    assert [trial.kind for trial in outcome.controls] == ["random"] * 5 + ["attention"]
    assert "Masking 2 image tokens changes the token" in outcome.sentence


def test_none_found_is_said_honestly(model: VisionLanguageModel, answer: Answer, graph: CausalGraph) -> None:
    never = Flipping(model, {-1})
    whole = explanation_test(never, answer, graph, 2, cap=4000)  # type: ignore[arg-type]
    assert (whole.sufficient, whole.exhausted) == (None, True)
    assert "all there are" in whole.sentence
    capped = explanation_test(never, answer, graph, 2, cap=9)  # type: ignore[arg-type]
    assert not capped.exhausted
    assert capped.forwards <= 9
    assert "the cap of 9" in capped.sentence
    assert "does not either" in capped.sentence
    assert whole.whole is not None
    alone, size = replace(whole, candidates=(whole.whole,)), len(whole.whole.positions)
    assert alone.sentence == f"Masking the whole set, {size} image tokens, does not change the token."
    assert max(never.batches) <= 32


def test_an_explanation_without_image_tokens_has_nothing_to_mask(model: VisionLanguageModel, answer: Answer) -> None:
    isolated = causal_graph(model, answer, 2, 0, 0, replace(DENSE, alpha=1e-12, sample_size=4))
    outcome = explanation_test(model, answer, isolated, 3)
    assert (outcome.whole, outcome.candidates, outcome.controls) == (None, (), ())
    assert "nothing to mask" in outcome.sentence


def test_stopped_it_keeps_what_was_tried(model: VisionLanguageModel, answer: Answer, graph: CausalGraph) -> None:
    cancel = CancelToken()
    slow = Flipping(model, {-1})
    slow.edits_at_once = lambda *_: 2  # type: ignore[attr-defined]
    seen: list[float] = []

    def progress(done: float) -> None:
        seen.append(done)
        if len(seen) == 6:
            cancel.cancel()

    outcome = explanation_test(slow, answer, graph, 2, cap=200, cancel=cancel, progress=progress)  # type: ignore[arg-type]
    assert outcome.stopped
    assert 1 <= len(outcome.candidates) <= 6
    assert "stopped" in outcome.sentence
    assert seen == sorted(seen)


def test_too_small_a_cap_is_refused(model: VisionLanguageModel, answer: Answer, graph: CausalGraph) -> None:
    with pytest.raises(CausalError, match="at least 8"):
        explanation_test(model, answer, graph, 2, cap=7)


def test_masking_says_what_is_taken_away(answer: Answer) -> None:
    positions = answer.layout.positions(TokenKind.IMAGE)[2:4]
    assert Masking("reader").without(answer, positions) == HiddenTokens(frozenset(positions))
    pixels = Masking("pixels", "blur")
    assert pixels.without(answer, positions) == HiddenPatches(frozenset(positions), "blur")
    assert "pixels replaced (blur)" in pixels.sentence
    assert pixels.without(answer, ()).empty


def test_pixels_that_nobody_knows_cannot_be_masked(answer: Answer) -> None:
    positions = answer.layout.positions(TokenKind.IMAGE)[:1]
    unplaced = replace(answer, layout=replace(answer.layout, views=()))
    with pytest.raises(CausalError, match="is not known"):
        Masking("pixels").without(unplaced, positions)
    with pytest.raises(CausalError, match="is not known"):
        patches_of(unplaced, positions, "black")
    assert Masking("reader").without(unplaced, positions) == HiddenTokens(frozenset(positions))


def test_the_end_of_a_row_has_no_pixels_to_mask(tmp_path: Path, picture: Image.Image) -> None:
    model = load(save_llava_next(tmp_path))
    answer = ask(model, Question("What is it?", (picture,), decoding=Decoding(max_new_tokens=2)))
    patch = answer.layout.views[1].positions[-1]
    end = next(p for p in answer.layout.positions(TokenKind.IMAGE) if answer.layout.box(p) is None)
    with_end, alone = (patches_of(answer, some, "black").masks(answer.layout) for some in ((patch, end), (patch,)))
    assert with_end == alone and len(alone) == 1
    with pytest.raises(CausalError, match="stand for none"):
        patches_of(answer, (end,), "black")
    sets = ((), (end,), (patch, end), (patch,))
    wanted = [Masking("pixels", "black").without(answer, positions) for positions in sets]
    target = TokenTarget(0, answer.token_ids[0])
    nothing, only_end, both, only = (one.after.logprob for one in outcomes(model, answer, [target], wanted))
    assert only_end == pytest.approx(nothing, abs=1e-5)
    assert both == pytest.approx(only, abs=1e-5) and both != pytest.approx(nothing, abs=1e-5)


def test_the_pixels_of_an_explanation_are_masked_in_the_picture(
    model: VisionLanguageModel, answer: Answer, graph: CausalGraph
) -> None:
    tested = explanation_test(model, answer, graph, 2, Masking("pixels", "black"), cap=20)
    said = answer.tokens[graph.token].id
    assert tested.whole is not None
    for trial in (tested.whole, *tested.candidates[:3]):
        question = answer.question.with_masks(*HiddenPatches(frozenset(trial.positions)).masks(answer.layout))
        logits = model.continuation_logits([model.prepare(question)], [answer.token_ids])[0][graph.token].double()
        assert tested.before + trial.change == pytest.approx(float(logits.log_softmax(-1)[said]), abs=1e-4)
        assert trial.said == model.reader.texts([int(logits.argmax())])[0]


def test_controls_are_of_the_same_size_and_repeatable(answer: Answer, graph: CausalGraph) -> None:
    images = set(answer.layout.positions(TokenKind.IMAGE))
    drawn = random_sets(answer, graph, 4, 10)
    assert drawn == random_sets(answer, graph, 4, 10)
    assert all(len(set(positions)) == 4 and set(positions) <= images for positions in drawn)
    assert len(set(drawn)) > 1
    attended = attention_set(graph, 3)
    least = min(node.attention for node in graph.nodes if node.position in attended)
    rest = [n for n in graph.nodes[:-1] if n.kind is TokenKind.IMAGE and n.position not in attended]
    assert least >= max(node.attention for node in rest)


def test_flip_rates_are_counted_against_controls_of_the_same_size(model: VisionLanguageModel, answer: Answer) -> None:
    graphs = [graph for token in (1, 2) for graph in layer_graphs(model, answer, token, 1, DENSE)]
    rates = flip_rates(model, [(answer, graph) for graph in graphs], 1, randoms=3)
    assert len(rates.flips) + rates.empty + rates.everything == len(graphs)
    assert rates.flips
    for flip in rates.flips:
        graph = next(g for g in graphs if (g.token, g.head) == (flip.token, flip.head))
        said = answer.tokens[flip.token].id
        before = alone(model, answer, flip.token, ())
        positions = image_positions(graph, graph.explanation.within(1))
        after = alone(model, answer, flip.token, positions)
        assert flip.size == len(positions)
        assert flip.explanation.change == pytest.approx(after[said] - before[said], abs=1e-3)
        assert flip.explanation.flipped == (after.argmax() != before.argmax())
        assert len(flip.randoms) == 3
    assert rates.random.count == 3 * rates.explanation.count
    ranked = rates.ranked()
    assert [flip.beyond_random for flip in ranked] == sorted((f.beyond_random for f in rates.flips), reverse=True)


def test_precision_compares_neighbours_with_others_of_their_graph(
    model: VisionLanguageModel, answer: Answer, graph: CausalGraph
) -> None:
    sparse = replace(DENSE, alpha=1e-3, sample_size=200)
    cases = [(answer, measured) for layer in range(3) for measured in layer_graphs(model, answer, 2, layer, sparse)]
    measured = neighbour_precision(model, cases)
    wins, pairs = 0.0, 0
    for _, one in cases:
        near, far = [], []
        for node in range(one.target):
            if one.nodes[node].kind is not TokenKind.IMAGE:
                continue
            said = answer.tokens[2].id
            propagated = alone(model, answer, 2, (one.nodes[node].position,))[said] - alone(model, answer, 2, ())[said]
            (near if one.learned.graph.connected(node, one.target) else far).append(abs(propagated))
        wins += sum(a > b for a in near for b in far)
        pairs += len(near) * len(far)
    assert measured.pairs == pairs > 0
    assert measured.precision == pytest.approx(wins / pairs, abs=0.03)
    assert measured.graphs <= len(cases)


def test_rates_hear_a_stop(model: VisionLanguageModel, answer: Answer, graph: CausalGraph) -> None:
    cancel = CancelToken()
    cancel.cancel()
    for measure in (flip_rates, neighbour_precision):
        arguments = (2,) if measure is flip_rates else ()
        with pytest.raises(Cancelled):
            measure(model, [(answer, graph)], *arguments, cancel=cancel)  # type: ignore[operator]
