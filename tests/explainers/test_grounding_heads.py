"""Heads that ground: the two criteria against literal code, and the sum of the rows of chosen heads."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import PatchView, Target, TokenKind, TokenLayout
from core.errors import NotApplicable, SettingsError
from core.explainers._attention import target_rows
from core.explainers.grounding_heads import GroundingHeadsSettings
from core.explainers.localisation import by_criteria, elbow, heads_in, heads_text, spatial_entropy
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of
from tests.eager import sampled

METHOD = explainers()["grounding_heads"]


def entropy_by_hand(grid: np.ndarray) -> float:
    """Parts by flooding from each place to its eight neighbours."""
    left = {(int(r), int(c)) for r, c in np.argwhere(grid > grid.mean())}
    sizes = []
    while left:
        flood, size = [left.pop()], 0
        while flood:
            row, column = flood.pop()
            size += 1
            near = {(row + r, column + c) for r in (-1, 0, 1) for c in (-1, 0, 1)} & left
            left -= near
            flood += near
        sizes.append(size)
    return -sum(size / sum(sizes) * math.log(size / sum(sizes)) for size in sizes)


def raster(rows: int, columns: int) -> TokenLayout:
    view = PatchView(0, "whole", rows, columns, (0, 0, columns, rows), tuple(range(1, 1 + rows * columns)))
    kinds = (TokenKind.SPECIAL, *(TokenKind.IMAGE,) * (rows * columns))
    return TokenLayout(kinds=kinds, views=(view,), image_sizes=((columns, rows),))


def test_spatial_entropy_is_that_of_the_parts_above_the_mean() -> None:
    layout, rng = raster(5, 7), np.random.default_rng(0)
    for _ in range(20):
        row = np.concatenate([[9.0], rng.random(35)])
        assert spatial_entropy(row, layout) == pytest.approx(entropy_by_hand(row[1:].reshape(5, 7)))
    one = np.zeros(36)
    one[8] = 1
    assert spatial_entropy(one, layout) == 0
    assert math.isnan(spatial_entropy(np.ones(36), layout))


def test_the_elbow_lies_where_a_falling_curve_bends() -> None:
    assert elbow(np.array([0.01, 0.9, 0.02, 0.8, 0.0, 0.03, 0.85])) == pytest.approx(0.03)
    assert elbow(np.array([0.5, 0.5, 0.5])) == 0.5
    assert math.isnan(elbow(np.array([math.nan])))


def test_of_the_heads_that_look_those_of_the_fewest_parts_are_chosen() -> None:
    sums = np.array([[0.9, 0.8, 0.01], [0.85, 0.02, 0.01]])
    entropies = np.array([[1.0, 0.2, 0.0], [0.5, math.nan, 0.1]])
    assert by_criteria(sums, entropies, 2) == ((0, 1), (1, 0))


def test_a_map_is_the_sum_of_the_rows_of_the_heads_that_are_named(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "the dog?", picture, tokens=3)
    (made,) = explain(METHOD, model, answer, [Target((1,))], GroundingHeadsSettings("1.2, 0.0"))
    rows = target_rows(model, answer, token_targets_of(answer, Target((1,))))[:, :, 0]
    torch.testing.assert_close(made.scores, rows[1, 2] + rows[0, 0])


def test_without_names_each_word_has_its_own_and_the_way_to_better_ones_is_said(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "the dog?", picture, tokens=3)
    (made,) = explain(METHOD, model, answer, [Target((1,))])
    rows = target_rows(model, answer, token_targets_of(answer, Target((1,))))[:, :, 0].double().numpy()
    images = list(answer.layout.positions(TokenKind.IMAGE))
    entropies = np.array([[spatial_entropy(row, answer.layout) for row in layer] for layer in rows])
    heads = by_criteria(rows[..., images].sum(-1), entropies)
    np.testing.assert_allclose(made.scores.numpy(), sum(rows[head] for head in heads), rtol=1e-5)
    assert made.remark is not None and f"({heads_text(heads)})" in made.remark and "sightline heads" in made.remark


def test_heads_that_are_not_there_and_texts_that_name_none_are_refused(
    llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    with pytest.raises(NotApplicable, match=r"has no head 99\.0"):
        explain(METHOD, llava, answer, [Target((0,))], GroundingHeadsSettings("99.0"))
    with pytest.raises(SettingsError, match="names no heads"):
        GroundingHeadsSettings("the third")
    assert heads_in("5.2; 3.1,5.2") == ((5, 2), (3, 1)) and heads_in("") == ()
