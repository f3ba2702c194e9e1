"""Figures of attention rows against literal loops in float64, on random rows and on both families' real ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NoReturn

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Head, PatchView, Question, TokenKind, TokenLayout
from core.attention.measures import MEASURES, focus, measured, ranked
from core.attention.rows import Rows, answer_rows, nanmean
from core.attention.sinks import find_sinks, sinks_in
from core.attention.tower import centres, image_positions, tower_figures, tower_looks
from core.attention.words import (
    answer_words,
    attention_to_patches,
    question_words,
    where,
    where_heads_look,
    word_to_word,
)
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.tower import TowerPass

S, T, P, A = TokenKind.SPECIAL, TokenKind.TEXT, TokenKind.IMAGE, TokenKind.ANSWER
KINDS = (S, S, P, P, P, P, T, T, S, A, A, A)
LAYOUT = TokenLayout(KINDS, (PatchView(0, "whole", 2, 2, (0, 0, 40, 20), (2, 3, 4, 5)),), ((40, 20),))


def random_rows(seed: int = 0, layers: int = 3, heads: int = 2, queries: int = 4) -> torch.Tensor:
    """Causal softmax rows over 12 positions; row t sees 9 + t of them."""
    scores = torch.randn(layers, heads, queries, 12, generator=torch.Generator().manual_seed(seed)) * 2
    for query in range(queries):
        scores[:, :, query, 9 + query :] = float("-inf")
    return scores.softmax(-1)


def literal(weights: torch.Tensor, layer: int, head: int, query: int, left_out: tuple[int, ...]) -> list[float]:
    row = [0.0 if j in left_out else float(w) for j, w in enumerate(weights[layer, head, query].double())]
    return [w / sum(row) for w in row]


@pytest.mark.parametrize("left_out", [(), (0,), (0, 3)])
@pytest.mark.parametrize("queries", [(0,), (1, 3), (0, 1, 2, 3)])
def test_every_measure_is_what_a_literal_loop_gives(left_out: tuple[int, ...], queries: tuple[int, ...]) -> None:
    weights = random_rows()
    patches = (3, 5)

    def figure(key: str, row: list[float]) -> float:
        if key == "entropy":
            return -sum(p * math.log(p) for p in row if p)
        if key == "focus":
            inside = [row[j] / sum(row[i] for i in range(12) if KINDS[i] is P) for j in range(12) if KINDS[j] is P]
            return 1 + sum(p * math.log(p) for p in inside if p) / math.log(4)
        wanted = {"image": P, "question": T, "answer": A, "template": S}
        return sum(p for j, p in enumerate(row) if (j in patches if key == "patches" else KINDS[j] is wanted[key]))

    for measure in MEASURES:
        measured_rows = measured(Rows(weights, queries, left_out), LAYOUT, measure.key, patches)
        for layer in range(3):
            for head in range(2):
                rows = [literal(weights, layer, head, query, left_out) for query in queries]
                expected = sum(figure(measure.key, row) for row in rows) / len(rows)
                assert measured_rows[layer, head] == pytest.approx(expected, abs=1e-5), measure.key


def test_half_precision_rows_are_read_as_float32_a_layer_at_a_time() -> None:
    weights = random_rows().half()
    assert Rows(weights, (0, 1)).layer(1).dtype == np.float32
    assert Rows(weights, (0, 1)).head((1, 1)) == pytest.approx(weights[1, 1, :2].float().numpy())


def test_leaving_positions_out_renormalises_and_leaves_the_record_alone() -> None:
    weights = random_rows()
    kept = weights.clone()
    rows = Rows(weights, (0, 2), (0, 4)).layer(0)
    assert rows.sum(-1) == pytest.approx(np.ones((2, 2)), abs=1e-6)
    assert (rows[..., [0, 4]] == 0).all()
    assert torch.equal(weights, kept)


def test_a_row_that_is_all_sink_says_nothing_and_does_not_count() -> None:
    weights = torch.zeros(1, 2, 2, 12)
    weights[0, :, :, 0] = 1
    weights[0, 1, 1] = 0
    weights[0, 1, 1, 3] = 1
    rows = Rows(weights, (0, 1), (0,))
    assert np.isnan(rows.head((0, 0))).all()
    shares = measured(rows, LAYOUT, "image")
    assert np.isnan(shares[0, 0]) and shares[0, 1] == 1
    assert ranked(shares, 5) == [((0, 1), 1.0)]
    assert where(rows, None)[3] == 1


def test_the_mean_over_heads_is_the_mean_of_their_maps() -> None:
    weights = random_rows(1)
    rows = Rows(weights, (1, 2), (0,))
    by_hand = np.mean(
        [[literal(weights, la, h, q, (0,)) for q in (1, 2)] for la in range(3) for h in range(2)], axis=(0, 1)
    )
    assert where(rows, None) == pytest.approx(by_hand, abs=1e-6)
    heads = where_heads_look(rows, 2)
    assert heads[1] == pytest.approx(where(rows, (2, 1)), abs=1e-7)


def test_ranked_heads_are_the_greatest_first_and_ties_keep_their_order() -> None:
    figures = np.array([[0.1, 0.5], [0.5, np.nan], [0.9, 0.2]])
    assert ranked(figures, 3) == [((2, 0), 0.9), ((0, 1), 0.5), ((1, 0), 0.5)]
    assert len(ranked(figures, 99)) == 5


def test_words_looking_at_words_against_a_loop() -> None:
    weights = random_rows(2)
    looks = Rows(weights, (0, 1, 2, 3)).head((2, 0))
    queries, keys = [(0,), (1, 2), (3,)], [(6,), (7, 9), (2, 3, 4, 5)]
    table = word_to_word(looks, queries, keys)
    for i, query in enumerate(queries):
        for j, key in enumerate(keys):
            expected = sum(float(weights[2, 0, q, k].double()) for q in query for k in key) / len(query)
            assert table[i, j] == pytest.approx(expected, abs=1e-6)


def test_who_looks_at_patches_in_every_head_against_a_loop() -> None:
    weights = random_rows(3)
    looked = attention_to_patches(Rows(weights, (0, 1, 3)), (2, 5), [(0, 1), (2,)])
    assert looked.shape == (3, 2, 2)
    for layer in range(3):
        for head in range(2):
            rows = weights[layer, head].double()
            assert looked[layer, head, 0] == pytest.approx(float(rows[[0, 1]][:, [2, 5]].sum()) / 2, abs=1e-6)
            assert looked[layer, head, 1] == pytest.approx(float(rows[3, [2, 5]].sum()), abs=1e-6)


def received(**weights: float) -> np.ndarray:
    """Rows of five answer tokens over 9 prompt positions and what was said; named positions get their weight, the
    rest is spread evenly."""
    rows = np.zeros((5, 14))
    for query in range(5):
        rows[query, : 9 + query] = (1 - sum(weights.values())) / (9 + query)
        for name, weight in weights.items():
            rows[query, int(name[1:])] += weight
    return rows


def test_steady_heavy_positions_are_sinks_and_named_by_what_they_are() -> None:
    kinds = (S, S, P, P, P, P, T, T, S, *[A] * 5)
    sinks = sinks_in(received(p0=0.3, p3=0.25, p8=0.2), kinds, factor=2)
    assert [(sink.position, sink.kind) for sink in sinks.all] == [(0, "first"), (3, "patch"), (8, "template")]
    assert sinks.steady
    patch = sinks.of_kind("patch")[0]
    assert patch.weight == pytest.approx(0.25 + 0.25 * np.mean([1 / (9 + q) for q in range(5)]))
    assert patch.times == pytest.approx(np.median([0.25 * (9 + q) + 0.25 for q in range(5)]))


def test_a_patch_that_matters_to_some_words_only_is_no_sink() -> None:
    rows = received(p0=0.3)
    rows[2:, 3] += 0.9
    kinds = (S, S, P, P, P, P, T, T, S, *[A] * 5)
    assert [sink.position for sink in sinks_in(rows, kinds, factor=2).all] == [0]
    rows[:2, 3] += 0.9
    assert [sink.position for sink in sinks_in(rows, kinds, factor=2).all] == [0, 3]


def test_the_first_position_is_always_named_and_answers_are_never_sinks() -> None:
    rows = np.zeros((5, 14))
    for query in range(1, 5):
        rows[query, 9] = 1
    sinks = sinks_in(rows, (S, S, P, P, P, P, T, T, S, *[A] * 5))
    assert [(sink.position, sink.kind, sink.weight) for sink in sinks.all] == [(0, "first", 0.0)]


def asked(model: TransformersModel, picture: Image.Image, most: int = 6, text: str = "is the the the door") -> Answer:
    return ask(model, Question(text, (picture,), decoding=Decoding(max_new_tokens=most)))


@pytest.mark.parametrize("most", [1, 7])
def test_recorded_rows_of_both_families_are_read(model: TransformersModel, picture: Image.Image, most: int) -> None:
    answer = asked(model, picture, most)
    rows = answer_rows(answer, range(most))
    assert rows.positions == len(answer.layout)
    shares = sum(measured(rows, answer.layout, key) for key in ("image", "question", "answer", "template"))
    assert shares == pytest.approx(np.ones_like(shares), abs=1e-4), "every position is of one kind"
    sinks = find_sinks(answer, factor=1.0)
    assert sinks.all[0].position == 0 and sinks.steady == (most >= 4)
    mean = answer.attention.weights.double().mean((0, 1))  # type: ignore[union-attr]
    for sink in sinks.all:
        assert sink.weight == pytest.approx(float(mean[:, sink.position].mean()), abs=1e-6)


def test_words_of_the_question_are_its_own_tokens(model: TransformersModel, picture: Image.Image) -> None:
    answer = asked(model, picture)
    words = question_words(answer)
    assert "".join(word.text for word in words).strip() == "is the the the door"
    assert [word.text.strip() for word in words] == ["is", "the", "the", "the", "door"]
    assert [p for word in words for p in word.positions] == list(answer.layout.question())
    said = answer_words(answer)
    assert [p for word in said for p in word.positions] == list(answer.layout.positions(A))


class WrittenOut(TowerPass):
    """A tower whose attention is given, handed out row by row; `after` is called with each."""

    def __init__(self, attention: torch.Tensor, after: Callable[[], None] = lambda: None) -> None:
        self._attention, self._after, self.given = attention, after, 0
        self.layers = len(attention)
        self.place_of = torch.arange(attention.shape[-1])[:, None]

    def attention_blocks(
        self, layer: int, tokens: torch.Tensor, queries: torch.Tensor | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for row in range(len(tokens)) if queries is None else queries.tolist():
            self.given += 1
            self._after()
            yield torch.tensor([row]), self._attention[layer][:, tokens[[row]]][..., tokens]

    def project(self, *states: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def recompute(self, layer: int, *, grad: bool = True) -> NoReturn:
        raise NotImplementedError


def test_tower_figures_against_loops() -> None:
    attention = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(5))
    places = centres(LAYOUT, 0)
    assert image_positions(LAYOUT, 0) == (2, 3, 4, 5)
    assert places == pytest.approx(np.array([[10, 5], [30, 5], [10, 15], [30, 15]]) / 40)
    tower = WrittenOut(attention)
    figures = tower_figures(tower, LAYOUT, 0)
    for layer in range(2):
        for head in range(3):
            lengths, spreads = [], []
            for row, here in zip(attention[layer, head].double(), places, strict=True):
                shares = [float(w / row.sum()) for w in row]
                lengths.append(sum(p * math.dist(here, there) for p, there in zip(shares, places, strict=True)))
                spreads.append(1 + sum(p * math.log(p) for p in shares) / math.log(4))
            assert figures.distance[layer, head] == pytest.approx(np.mean(lengths), abs=1e-5)
            assert figures.focus[layer, head] == pytest.approx(np.mean(spreads), abs=1e-5)


def test_tower_looks_go_both_ways() -> None:
    attention = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(6))
    tower = WrittenOut(attention)

    def looks(head: Head | None, patches: tuple[int, ...], received: bool) -> np.ndarray:
        return tower_looks(tower, LAYOUT, 0, head, patches, received)

    assert looks((1, 2), (0,), False) == pytest.approx(attention[1, 2, 0].numpy())
    assert looks((1, 2), (0, 3), True) == pytest.approx(attention[1, 2][:, [0, 3]].sum(1).numpy())
    mean = attention.mean((0, 1)).numpy()
    assert looks(None, (2, 1), False) == pytest.approx(mean[[2, 1]].mean(0))
    assert looks(None, (1,), True) == pytest.approx(mean[:, 1])
    assert tower_figures(tower, LAYOUT, 0).looks == pytest.approx(attention.mean(2).numpy())


def test_stop_is_heard_between_the_blocks_of_a_tower() -> None:
    cancel = CancelToken()
    tower = WrittenOut(torch.rand(1, 2, 4, 4), cancel.cancel)
    with pytest.raises(Cancelled):
        tower_figures(tower, LAYOUT, 0, cancel=cancel)
    assert tower.given == 1


def test_an_even_spread_has_no_focus_and_one_patch_all_of_it() -> None:
    assert focus(np.array([[0.25] * 4, [1, 0, 0, 0]])) == pytest.approx([0, 1])
    assert np.isnan(focus(np.zeros((1, 4)))).all()
    assert np.isnan(nanmean(np.full((2, 2), np.nan), 0)).all()
