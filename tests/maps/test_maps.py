"""Comparing maps: shares, agreement, scales and differences, each against a literal count."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.answer import PatchView, Target, TokenKind, TokenLayout
from core.errors import NotComparable
from core.maps.agreement import agreement, agreement_table
from core.maps.difference import difference, image_positions_of
from core.maps.scale import as_shares
from core.maps.shares import COMPARED, Part, parts, shares, shares_by_layer

S, T, P, A = TokenKind.SPECIAL, TokenKind.TEXT, TokenKind.IMAGE, TokenKind.ANSWER


def layout_of(question: int = 2, answer: int = 3) -> TokenLayout:
    """Special, 2 x 2 image tokens, a question, special, an answer."""
    view = PatchView(0, "picture", 2, 2, (0, 0, 20, 20), (1, 2, 3, 4))
    return TokenLayout((S, P, P, P, P, *[T] * question, S, *[A] * answer), (view,), ((20, 20),))


def test_every_position_before_the_target_is_in_one_part() -> None:
    parted = parts(layout_of(), Target((1,)))
    assert parted == {
        Part.IMAGE: (1, 2, 3, 4),
        Part.QUESTION: (5, 6),
        Part.EARLIER: (),
        Part.TEMPLATE: (0, 7),
        Part.OWN: (8,),
    }
    # Answer token 2 is predicted at position 9, and the first one at the template's last position.
    assert parts(layout_of(), Target((2,)))[Part.EARLIER] == (8,)
    assert parts(layout_of(), Target((0,)))[Part.OWN] == (7,)
    assert parts(layout_of(), Target((0,)))[Part.TEMPLATE] == (0,)
    both = parts(layout_of(), Target((0, 2)))
    assert (both[Part.OWN], both[Part.EARLIER]) == ((7, 9), (8,))


def test_shares_use_one_statistic_for_image_and_text() -> None:
    scores = np.array([100, 1, 2, -1, np.nan, 3, 5, 50, 2, 40, 0], dtype=np.float32)
    shared = {share.part: share for share in shares(scores, parts(layout_of(), Target((2,))))}
    image, question, earlier = (shared[part] for part in COMPARED)
    assert (image.tokens, image.supports, image.opposes) == (3, 3.0, -1.0)
    assert (image.mean_support, image.mean_opposition) == pytest.approx((1.0, -1 / 3))
    assert (question.supports, question.mean_support) == (8.0, 4.0)
    assert [share.fraction for share in (image, question, earlier)] == pytest.approx([4 / 14, 8 / 14, 2 / 14])
    assert shared[Part.TEMPLATE].fraction is None and shared[Part.TEMPLATE].supports == 150
    assert shared[Part.OWN].supports == 40


def test_without_a_picture_or_any_score_shares_are_none_and_not_nonsense() -> None:
    words = TokenLayout((S, T, T, S, A), (), ())
    shared = {share.part: share for share in shares(np.zeros(5), parts(words, Target((0,))))}
    assert shared[Part.IMAGE].tokens == 0 and shared[Part.IMAGE].mean_support == 0
    assert shared[Part.QUESTION].fraction is None


def test_every_layer_has_its_own_shares() -> None:
    trace = np.arange(22, dtype=float).reshape(2, 11)
    shared = shares_by_layer(trace, parts(layout_of(), Target((1,))))
    assert shared[Part.QUESTION].tolist() == [5 + 6, 16 + 17]
    assert shared[Part.EARLIER].tolist() == [0, 0]


few = st.integers(-3, 3).map(float)


@given(st.integers(2, 8).flatmap(lambda n: st.tuples(arrays(float, n, elements=few), arrays(float, n, elements=few))))
def test_rank_correlation_equals_the_literal_count(maps: tuple[np.ndarray, np.ndarray]) -> None:
    ranks = [[sum(b < a for b in m) + (sum(b == a for b in m) + 1) / 2 for a in m] for m in maps]
    agreed = agreement(*maps).rank
    if any(len(set(m)) == 1 for m in maps):
        assert np.isnan(agreed)
    else:
        assert agreed == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-9)


@given(
    st.integers(1, 5).flatmap(lambda n: st.tuples(arrays(float, n, elements=few), arrays(float, n, elements=few))),
    st.integers(1, 4),
)
def test_overlap_is_the_mean_over_every_way_to_break_ties(maps: tuple[np.ndarray, np.ndarray], top: int) -> None:
    def tops(scores: np.ndarray) -> list[set[int]]:
        orders = itertools.permutations(range(len(scores)))
        return [set(sorted(order, key=lambda i: -scores[i])[:top]) for order in orders]

    top = min(top, len(maps[0]))
    expected = np.mean([len(one & other) / top for one in tops(maps[0]) for other in tops(maps[1])])
    assert agreement(*maps, top=top).overlap == pytest.approx(expected)


def test_agreement_looks_only_where_both_have_a_score() -> None:
    one = np.array([1, 2, np.nan, 4, 5])
    agreed = agreement(one, np.array([2, 4, 100, np.nan, 10]), top=2)
    assert (agreed.rank, agreed.overlap, agreed.places, agreed.chance) == (1.0, 1.0, 3, 2 / 3)
    assert agreement(one, np.full(5, np.nan)).places == 0
    with pytest.raises(ValueError, match="same places"):
        agreement(one, one[:3])


def test_the_table_is_symmetric_with_ones_on_its_diagonal() -> None:
    maps = list(np.random.default_rng(0).normal(size=(3, 40)))
    rank, overlap = agreement_table(maps)
    assert np.allclose(rank, rank.T) and np.allclose(overlap, overlap.T)
    assert np.allclose(np.diag(rank), 1) and np.allclose(np.diag(overlap), 1)
    assert rank[0, 1] == agreement(maps[0], maps[1]).rank


def test_shares_of_a_map_sum_to_one_and_nothing_is_divided_by_zero() -> None:
    assert np.nansum(np.abs(as_shares(np.array([1.0, -3.0, np.nan, 4.0])))) == pytest.approx(1)
    assert as_shares(np.zeros(3)).tolist() == [0, 0, 0]


def test_a_difference_matches_patches_and_not_positions() -> None:
    # The second question is longer, and its answer another.
    first, second = layout_of(), layout_of(question=5, answer=1)
    second = replace(second, kinds=(S, *second.kinds))
    second = replace(second, views=(replace(second.views[0], positions=(2, 3, 4, 5)),))
    one, other = np.zeros(len(first)), np.zeros(len(second))
    one[[1, 2]], other[[3, 4]] = (1, 3), (10, 10)
    differences = difference(one, first, other, second)
    assert differences[[1, 2, 3, 4]] == pytest.approx([0.25, 0.75 - 0.5, -0.5, 0])
    assert np.isnan(np.delete(differences, [1, 2, 3, 4])).all()
    raw = difference(one, first, other, second, relative=False)
    assert raw[[1, 2, 3, 4]].tolist() == [1, 3 - 10, -10, 0]
    assert image_positions_of(second) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "other",
    [
        replace(layout_of(), image_sizes=((21, 20),)),
        replace(layout_of(), views=(replace(layout_of().views[0], rows=1, columns=4),)),
        replace(layout_of(), views=()),
    ],
)
def test_other_pictures_are_refused_in_a_sentence(other: TokenLayout) -> None:
    with pytest.raises(NotComparable, match="Choose two answers"):
        difference(np.zeros(11), layout_of(), np.zeros(11), other)
