"""Probes: against a literal one, on states with a planted direction, and on states that know nothing."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import NotApplicable
from core.probes.choosing import best_layers, halves
from core.probes.controls import base_rate, control_task, shuffled
from core.probes.fitting import FOLDS, PENALTY, direction, folds_of, told
from core.probes.probe import probe


def planted(cases: int, hidden: int, strength: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States of noise, with labels along one direction of length 1, features of quite different scales."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(cases) % 2)
    along = rng.standard_normal(hidden)
    along /= np.linalg.norm(along)
    states = rng.standard_normal((cases, hidden)) + strength * np.outer(2 * labels - 1, along)
    return states * np.linspace(1, 50, hidden) + 7, labels, along


def literal(states: np.ndarray, labels: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Penalised logistic regression of two labels by Newton's method, feature by feature in float64."""
    columns = [(states[:, one].mean(), states[:, one].std()) for one in range(states.shape[1])]
    known = np.stack([(states[:, one] - middle) / spread for one, (middle, spread) in enumerate(columns)], 1)
    new = np.stack([(unknown[:, one] - middle) / spread for one, (middle, spread) in enumerate(columns)], 1)
    known, new = (np.concatenate([part, np.ones((len(part), 1))], 1) for part in (known, new))
    weights, penalty = np.zeros(known.shape[1]), np.ones(known.shape[1]) / PENALTY
    penalty[-1] = 0
    for _ in range(50):
        chances = 1 / (1 + np.exp(-known @ weights))
        slope = known.T @ (chances - labels) + penalty * weights
        bend = (known * (chances * (1 - chances))[:, None]).T @ known + np.diag(penalty + 1e-12)
        weights = weights - np.linalg.solve(bend, slope)
    return (new @ weights > 0).astype(int)


@pytest.mark.parametrize("hidden", [6, 90])
def test_what_a_probe_says_is_what_a_literal_one_says(hidden: int) -> None:
    states, labels, _ = planted(60, hidden, 0.8)
    folds = folds_of(labels, np.arange(60))
    said = told(states, labels[None], folds)[0]
    for train, test in folds:
        assert (said[test] == literal(states[train], labels[train], states[test])).all()


def test_each_case_is_told_once_and_no_picture_is_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    pictures = np.repeat(np.arange(50), 3)
    labels = rng.integers(0, 2, 150)
    folds = folds_of(labels, pictures)
    assert len(folds) == FOLDS
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(150))
    for train, test in folds:
        assert not set(pictures[train]) & set(pictures[test])
        assert len(train) + len(test) == 150


def test_a_picture_that_is_known_by_heart_tells_nothing_of_others() -> None:
    """Each picture has states of its own and a label drawn for it: a split by cases would tell nearly all rightly."""
    rng = np.random.default_rng(1)
    own, drawn = rng.standard_normal((60, 80)), rng.permutation(np.arange(60) % 2)
    pictures = np.repeat(np.arange(60), 4)
    states, labels = own[pictures] + 0.01 * rng.standard_normal((240, 80)), drawn[pictures]
    by_cases = told(states, labels[None], folds_of(labels, np.arange(240)))[0]
    by_pictures = told(states, labels[None], folds_of(labels, pictures))[0]
    assert (by_cases == labels).mean() > 0.95
    assert (by_pictures == labels).mean() < 0.7


def test_too_few_pictures_of_a_value_are_refused() -> None:
    with pytest.raises(NotApplicable, match="at least two values"):
        folds_of(np.zeros(80, int), np.arange(80))
    with pytest.raises(NotApplicable, match="10 pictures"):
        folds_of(np.array([0] * 70 + [1] * 9), np.arange(79))
    with pytest.raises(NotApplicable, match="10 pictures"):
        folds_of(np.arange(80) % 2, np.arange(80) // 10)  # eighty cases, and eight pictures


def test_the_direction_is_the_planted_one_in_the_states_own_units() -> None:
    states, labels, along = planted(4000, 12, 1.5)
    wanted = along / np.linspace(1, 50, 12)
    found = direction(states, labels)
    assert np.isclose(np.linalg.norm(found), 1)
    assert found @ wanted / np.linalg.norm(wanted) > 0.98
    assert np.allclose(direction(states, 1 - labels), -found, atol=1e-4)


def test_shuffled_labels_are_as_many_and_stay_with_their_pictures() -> None:
    pictures = np.repeat(np.arange(30), 2)
    labels = np.repeat(np.arange(30) % 3, 2)
    for drawn in shuffled(labels, pictures, 4):
        assert (drawn[::2] == drawn[1::2]).all()
        assert (np.bincount(drawn) == np.bincount(labels)).all()
    mixed = np.arange(60) % 2  # the two cases of a picture differ
    assert any((drawn[::2] == drawn[1::2]).any() for drawn in shuffled(mixed, pictures, 4))


def test_the_control_task_has_one_label_for_each_wording() -> None:
    wordings = [f"wording {number % 7}" for number in range(70)]
    drawn = control_task(np.arange(70) % 2, wordings, 5)
    assert drawn.shape == (5, 70)
    assert all(len({*one[number::7]}) == 1 for one in drawn for number in range(7))
    assert len({tuple(one) for one in drawn}) > 1
    assert all(one[:7].sum() in (3, 4) for one in drawn), "about as many wordings have either label"


def test_the_best_of_layers_that_know_nothing_is_no_better_than_chance() -> None:
    """The maximum of forty would be well above; chosen by the other half it is not."""
    rng = np.random.default_rng(2)
    told_, greatest = [], []
    for _ in range(60):
        hits = (rng.random((40, 100)) < 0.5).astype(float)
        told_.append(best_layers(hits, halves(np.arange(100)))[0].mean())
        greatest.append(hits.mean(1).max())
    assert abs(np.mean(told_) - 0.5) < 0.02 and np.mean(greatest) > 0.58


def test_the_halves_split_pictures_and_the_layers_are_those_of_the_other_half() -> None:
    pictures = np.repeat(np.arange(20), 2)
    half = halves(pictures)
    assert (half[::2] == half[1::2]).all() and half.sum() == 20
    hits = np.stack([half.astype(float), (~half).astype(float)])
    chosen, layers = best_layers(hits, half)
    assert layers == (1, 0) and not chosen.any(), "what is right on one half alone is chosen for the other"


def test_a_planted_label_is_read_where_it_is_and_nowhere_else() -> None:
    rng = np.random.default_rng(3)
    known, labels, _ = planted(160, 10, 2.0)
    columns = {(0, "thing"): rng.standard_normal((160, 10)), (1, "thing"): known}
    columns |= {(layer, "last"): rng.standard_normal((160, 10)) for layer in (0, 1)}
    columns |= {(layer, "question"): np.full((160, 10), np.nan) for layer in (0, 1)}
    steps: list[float] = []
    probed = probe(
        lambda layer, place: columns[layer, place],
        2,
        ("thing", "question", "last"),
        labels,
        np.arange(160),
        [f"wording {number % 5}" for number in range(160)],
        progress=steps.append,
    )
    cells = {(cell.layer, cell.place): cell for cell in probed.cells}
    assert set(cells) == {(0, "thing"), (1, "thing"), (0, "last"), (1, "last")}
    assert cells[1, "thing"].accuracy.low > 0.9 and cells[1, "thing"].selectivity.low > 0.2
    assert cells[0, "thing"].accuracy.value < 0.65 and abs(cells[1, "thing"].shuffled - 0.5) < 0.08
    thing, last = probed.best
    assert thing.layers == (1, 1) and thing.accuracy.low > thing.shuffled > 0.5
    assert last.accuracy.low < probed.base_rate and steps == sorted(steps) and steps[-1] == 1


def test_a_label_that_is_the_wording_has_no_selectivity() -> None:
    """A state that holds nothing but the words is read as well on random labels for each wording."""
    rng = np.random.default_rng(4)
    words = rng.integers(0, 6, 180)
    labels = words % 2
    states = np.eye(6)[words] + 0.01 * rng.standard_normal((180, 6))
    probed = probe(lambda *_: states, 1, ("last",), labels, np.arange(180), [str(word) for word in words])
    (cell,) = probed.cells
    assert cell.accuracy.value > 0.99 and cell.control > 0.99 and cell.selectivity.low <= 0


def test_the_base_rate_is_the_share_of_the_most_frequent_label() -> None:
    assert base_rate(np.array([0, 1, 1, 2])) == 0.5
