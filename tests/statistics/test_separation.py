"""How well one figure tells wrong from right: against scikit-learn, and a bootstrap written out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.statistics.separation import separation


def drawn(seed: int, units: int = 60, apart: float = 0.8) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Figures with ties of wrong and right units, two or three of each case."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(units) < 0.4
    doubt = np.round(rng.standard_normal(units) + apart * wrong, 1)
    return doubt, wrong, [f"case {number // 2 if number % 5 else number // 3}" for number in range(units)]


@pytest.mark.parametrize("seed", range(6))
def test_the_area_is_that_of_scikit_learn(seed: int) -> None:
    doubt, wrong, cases = drawn(seed)
    found = separation(doubt, wrong, cases, -doubt)
    assert found.auroc.value == pytest.approx(roc_auc_score(wrong, doubt))
    assert found.auroc.value == pytest.approx(pairs(wrong, doubt))
    assert found.auroc.count == 60 and found.auroc.low <= found.auroc.value <= found.auroc.high
    assert found.beyond.value == pytest.approx(roc_auc_score(wrong, doubt) - roc_auc_score(wrong, -doubt))


def pairs(wrong: np.ndarray, doubt: np.ndarray) -> float:
    """The share of pairs of a wrong and a right unit that are in order, ties counted as half."""
    difference = doubt[wrong][:, None] - doubt[~wrong][None]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_is_that_of_drawing_whole_cases(seed: int) -> None:
    doubt, wrong, cases = drawn(seed)
    other = np.random.default_rng(seed + 9).standard_normal(60)
    rng, names = np.random.default_rng(99), sorted(set(cases))
    areas, differences = [], []
    for _ in range(2000):
        chosen = [unit for name in rng.choice(names, len(names)) for unit in range(60) if cases[unit] == name]
        if 0 < wrong[chosen].sum() < len(chosen):
            areas.append(pairs(wrong[chosen], doubt[chosen]))
            differences.append(areas[-1] - pairs(wrong[chosen], other[chosen]))
    found = separation(doubt, wrong, cases, other)
    for one, draws in ((found.auroc, areas), (found.beyond, differences)):
        np.testing.assert_allclose([one.low, one.high], np.quantile(draws, [0.025, 0.975]), atol=0.025)


def test_words_of_one_case_are_no_independent_draws() -> None:
    doubt, wrong, _ = drawn(1, 40)
    alone = separation(doubt, wrong, [str(number) for number in range(40)]).auroc
    doubled = separation(np.repeat(doubt, 4), np.repeat(wrong, 4), [str(number // 4) for number in range(160)]).auroc
    assert doubled.value == pytest.approx(alone.value)
    np.testing.assert_allclose([doubled.low, doubled.high], [alone.low, alone.high], atol=1e-12)


def test_where_all_are_told_apart_the_interval_has_a_width() -> None:
    doubt, wrong = np.array([3.0, 4, 5, 0, 1, 2, 1]), np.array([True] * 3 + [False] * 4)
    apart = separation(doubt, wrong, list("abcdefg")).auroc
    assert apart.value == 1 and apart.high == 1 and apart.low == pytest.approx(0.438, abs=1e-3)  # Wilson, 3 of 3
    turned = separation(-doubt, wrong, list("abcdefg")).auroc
    assert (turned.value, turned.low) == (0, 0) and turned.high == pytest.approx(0.562, abs=1e-3)


def test_what_is_missing_is_left_out_and_one_class_says_nothing() -> None:
    doubt, wrong, cases = drawn(2)
    gaps = doubt.copy()
    gaps[[0, 7]] = np.nan
    found = separation(gaps, wrong, cases, doubt)
    keep = np.isfinite(gaps)
    assert found.auroc.count == 58 and found.auroc.value == pytest.approx(roc_auc_score(wrong[keep], doubt[keep]))
    assert found.beyond.value == 0
    assert np.isnan(separation(doubt, np.zeros(60, dtype=bool), cases).auroc.value)
    assert np.isnan(separation(doubt[:0], wrong[:0], []).auroc.value)
    with pytest.raises(ValueError, match="of each unit"):
        separation(doubt, wrong[1:], cases)
