"""Heads in common, against scipy, enumeration and hand-made rankings."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import hypergeom, spearmanr

from core.claims.measures.overlap import by_chance, by_chance_within_layers, halves_in_common, in_common
from core.claims.measures.rankings import overlap


@pytest.mark.parametrize("same", [0, 3, 6, 10])
def test_chance_is_the_hypergeometric_tail(same: int) -> None:
    assert by_chance(same, 10, 36) == pytest.approx(hypergeom.sf(same - 1, 36, 10, 10))


def test_chance_within_layers_counts_every_way_of_choosing_as_many_in_each_layer() -> None:
    heads, first, second = 4, (2, 1, 0), (3, 1, 2)
    chosen = [set(range(number)) for number in first]
    ways = [
        sum(len(own & set(other)) for own, other in zip(chosen, others, strict=True))
        for others in product(*(combinations(range(heads), number) for number in second))
    ]
    for same in range(4):
        expected, probability = by_chance_within_layers(same, first, second, heads)
        assert probability == pytest.approx(np.mean([way >= same for way in ways]))
        assert expected == pytest.approx(np.mean(ways))


def test_the_heads_of_one_condition_are_all_its_own() -> None:
    heads = np.random.default_rng(0).normal(size=(5, 6, 6))
    all_of_them = overlap("the same", heads, heads)
    assert (all_of_them.same, all_of_them.top, all_of_them.heads) == (10, 10, 36)
    assert all_of_them.beyond_chance == "reproduces" and all_of_them.rank == pytest.approx(1)
    assert all_of_them.layered_probability < 0.05 and "layers alone" not in all_of_them.told
    assert all_of_them.expected == pytest.approx(100 / 36)


def test_opposite_rankings_share_none() -> None:
    heads = np.random.default_rng(1).normal(size=(5, 6, 6))
    none = overlap("opposite", heads, -heads)
    assert none.same == 0 and none.beyond_chance == "does not reproduce"
    assert none.probability == pytest.approx(1) and none.rank == pytest.approx(-1)


def test_heads_in_the_same_layers_by_layers_alone_are_told_so() -> None:
    first, second = np.zeros((2, 3, 6, 6))
    first[:, 5], first[:, 4, :4] = 2, 1
    second[:, 5], second[:, 4, 2:] = 2, 1
    layers = overlap("layers", first, second)
    assert layers.beyond_chance == "reproduces" and layers.layered_probability > 0.05
    assert "the layers alone explain as much" in layers.told


def test_ranks_are_of_the_means_over_questions() -> None:
    first, second = np.random.default_rng(2).normal(size=(2, 7, 6, 6))
    expected = spearmanr(first.mean(0).ravel(), second.mean(0).ravel()).statistic
    assert overlap("two", first, second).rank == pytest.approx(expected)


def test_a_model_with_few_heads_has_a_shorter_top() -> None:
    heads = np.arange(4.0).reshape(1, 2, 2)
    assert overlap("all", heads, -heads).same == 4


def test_heads_in_common_are_those_of_the_means() -> None:
    rng = np.random.default_rng(1)
    strong = np.zeros((2, 6))
    strong[0, :3] = 5
    same = strong + rng.normal(size=(10, 2, 6))
    other = strong[:, ::-1] + rng.normal(size=(10, 2, 6))
    assert in_common(same, same + 0.1 * rng.normal(size=same.shape), 3).value == 1
    assert in_common(same, other, 3).value == 0
    assert halves_in_common(same, 3).value > 0.9
    assert np.isnan(halves_in_common(same[:1], 3).value)
