"""The token activation map against its equations in loops over a whole eager network's logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.answer import Answer, Target, TokenKind, Turn
from core.explainers.run import explain
from core.explainers.token_activation_map import (
    TokenActivationMap,
    TokenActivationMapSettings,
    less_context,
    rank_gaussian,
)
from core.vlm.hf.network import TransformersModel
from tests.eager import eager_logits_from, sampled

RIVAL = 40


def answers(model: TransformersModel, picture: Image.Image) -> list[Answer]:
    return [
        sampled(model, "the the dog the dog?", picture, tokens=6),
        sampled(model, "Why?", picture, picture.resize((60, 90)), tokens=1, history=(Turn("Where is it?", "There."),)),
    ]


def literal(logits: np.ndarray, answer: Answer, index: int, rival: int | None, inference: bool) -> np.ndarray:
    """Activation, interference and least squares, one number at a time; before the filter."""
    ids = [*answer.inputs["input_ids"][0].tolist(), *answer.token_ids]
    prompt, kinds, token = len(answer.prompt_tokens), answer.layout.kinds, answer.token_ids[index]
    activation = [max(0.0, row[token] - (row[rival] if rival is not None else 0.0)) for row in logits]
    predicting = prompt + index - 1
    places = answer.layout.positions(TokenKind.IMAGE)
    words = [p for p in range(predicting + 1) if kinds[p] in (TokenKind.TEXT, TokenKind.ANSWER)]
    scores = np.zeros(len(ids))
    interference, weight = dict.fromkeys(places, 0.0), 1e-8
    for position in words:
        if ids[position] != token:
            share = activation[position if position < prompt else position - 1]
            weight += share
            for place in places:
                interference[place] += share * max(0.0, logits[place][ids[position]])
    squares = sum((interference[place] / weight) ** 2 for place in places)
    product = sum(interference[place] / weight * activation[place] for place in places)
    scale = product / squares if squares > 0 and inference else 0.0
    for place in places:
        scores[place] = max(0.0, activation[place] - scale * interference[place] / weight)
    for position in words:
        if position != predicting:
            scores[position] = activation[position]
    return scores


def literal_filter(grid: np.ndarray) -> np.ndarray:
    rows, columns = grid.shape

    def mirrored(index: int, length: int) -> int:
        if length == 1:
            return 0
        return -index if index < 0 else 2 * (length - 1) - index if index >= length else index

    filled = np.zeros(grid.shape)
    for row in range(rows):
        for column in range(columns):
            around = sorted(
                float(grid[mirrored(row + down, rows), mirrored(column + across, columns)])
                for down in (-1, 0, 1)
                for across in (-1, 0, 1)
            )
            mean = sum(around) / 9
            deviation = math.sqrt(sum((value - mean) ** 2 for value in around) / 9)
            if mean > 0 and deviation > 1e-5 * mean:
                weights = [math.exp(-((rank - 4) ** 2) / (2 * (deviation / mean) ** 2)) for rank in range(9)]
                filled[row, column] = sum(w * value for w, value in zip(weights, around, strict=True)) / sum(weights)
            elif mean > 0:
                filled[row, column] = around[4]
    return filled


@pytest.mark.parametrize(("inference", "denoise"), [(True, True), (True, False), (False, False)])
def test_the_map_is_its_equations(
    model: TransformersModel, picture: Image.Image, inference: bool, denoise: bool
) -> None:
    chosen = TokenActivationMapSettings(inference=inference, denoise=denoise)
    for answer in answers(model, picture):
        logits = eager_logits_from(model, answer, 0, lambda states: states).detach().numpy()
        last = len(answer.tokens) - 1
        targets = [*(Target((index,)) for index in range(last + 1)), Target((last,), (RIVAL,))]
        for target, explanation in zip(
            targets, explain(TokenActivationMap(), model, answer, targets, chosen), strict=True
        ):
            rival = target.rivals[0] if target.rivals else None
            expected = literal(logits, answer, target.tokens[0], rival, inference)
            if denoise:
                for view in answer.layout.views:
                    places = list(view.positions)
                    expected[places] = literal_filter(expected[places].reshape(view.rows, view.columns)).ravel()
            np.testing.assert_allclose(explanation.scores.numpy(), expected, atol=2e-4, rtol=1e-3)


def test_what_the_context_explains_wholly_leaves_nothing() -> None:
    context = torch.tensor([[1.0, 2.0, 0.0, 4.0]])
    assert float(less_context(3 * context[0], context, torch.ones(1)).abs().max()) < 1e-5
    # And a context that is not activated takes nothing off.
    target = torch.tensor([0.5, 0.0, 1.0, 2.0])
    torch.testing.assert_close(less_context(target, context, torch.zeros(1)), target)
    torch.testing.assert_close(less_context(target, context[:0], torch.zeros(0)), target)


@settings(max_examples=15)
@given(
    st.integers(1, 5).flatmap(
        lambda columns: st.lists(
            st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.25]), min_size=columns, max_size=columns),
            min_size=1,
            max_size=5,
        )
    )
)
def test_the_rank_filter_is_its_loop_and_stays_within_its_window(grid: list[list[float]]) -> None:
    values = np.array(grid)
    filtered = rank_gaussian(values)
    np.testing.assert_allclose(filtered, literal_filter(values), atol=1e-9)
    assert filtered.min() >= values.min() - 1e-12 and filtered.max() <= values.max() + 1e-12


def test_a_lone_spike_is_denoised() -> None:
    grid = np.full((7, 7), 0.2)
    grid[3, 3] = 5.0
    assert rank_gaussian(grid)[3, 3] < 0.6
