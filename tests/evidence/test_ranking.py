"""Orders of patches, and how many of them a share is."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from core.answer import Explanation, PatchView, Target, TokenKind, TokenLayout
from core.evidence.ranking import falling, gathered_scores, generator, places, top, tops
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled


def test_higher_scores_come_first_and_unknown_ones_last() -> None:
    order = falling(np.array([0.1, np.nan, -2.0, 0.7]), np.random.default_rng(0))
    assert order.tolist() == [3, 0, 2, 1]


def test_a_constant_map_is_a_fair_draw_of_all_orders() -> None:
    orders = [falling(np.zeros(4), np.random.default_rng(seed)) for seed in range(4000)]
    shares = (np.array(orders)[:, :, None] == np.arange(4)).mean(0)
    # (a share of 4000 draws at one quarter has a standard deviation below .007)
    np.testing.assert_allclose(shares, 0.25, atol=0.03)


def test_ties_among_some_leave_the_others_in_their_places() -> None:
    orders = [falling(np.array([0.5, 1.0, 0.5, 0.0]), np.random.default_rng(seed)).tolist() for seed in range(50)]
    assert {tuple(order) for order in orders} == {(1, 0, 2, 3), (1, 2, 0, 3)}


def test_chance_is_the_same_for_the_same_question(llava: TransformersModel, picture: Image.Image) -> None:
    one, other = sampled(llava, "the dog?", picture, tokens=2), sampled(llava, "the cat?", picture, tokens=2)
    assert generator(one, 0).random() == generator(one, 0).random()
    assert len({generator(one, 0).random(), generator(one, 1).random(), generator(one, 0, 1).random()}) == 3
    assert generator(one, 0).random() != generator(other, 0).random()


def test_points_hold_both_ends_equal_steps_and_the_shares_of_eraser() -> None:
    assert tops(100, 4) == (0, 5, 10, 20, 25, 50, 75, 100)
    assert tops(3, 2) == (0, 1, 2, 3)
    assert top(3, 0.05) == 1


def test_only_patches_with_a_pixel_are_ranked(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, picture, tokens=2)
    expected = [position for view in answer.layout.views for position in view.positions]
    assert list(places(answer.layout)) == expected


def test_tiles_are_ranked_with_what_the_overview_scores_where_they_are() -> None:
    """A picture of 40 x 20 px in two tiles of 1 x 2 patches, and an overview of two patches of 20 x 20 px."""
    views = (
        PatchView(0, "tile 1", 1, 2, (0, 0, 20, 20), (0, 1)),
        PatchView(0, "tile 2", 1, 2, (20, 0, 40, 20), (2, 3)),
        PatchView(0, "overview", 1, 2, (0, 0, 40, 20), (4, 5)),
    )
    layout = TokenLayout((TokenKind.IMAGE,) * 6, views, ((40, 20),))
    scores = torch.tensor([1.0, 2.0, 3.0, float("nan"), 10.0, 20.0])
    ranked = gathered_scores(Explanation(scores, Target((0,)), "drawn", {}, 0.0), layout, places(layout))
    assert places(layout) == (0, 1, 2, 3)
    np.testing.assert_allclose(ranked, [1 + 5, 2 + 5, 3 + 10, np.nan])
