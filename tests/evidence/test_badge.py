"""Evidence in a sentence."""

from __future__ import annotations

import numpy as np

from core.answer import Target
from core.evidence.badge import badge
from core.evidence.curves import Curve
from core.evidence.result import Evidence, Result

NAN = float("nan")


def result(left: float, full: float = 0.98) -> Result:
    values = np.array([full, 0.9, 0.9, left, 0.1, 0.01])
    return Result((Curve("deletion", "black", 20, (0, 1, 2, 4, 10, 20), values, full, 0.01),), {})


def evidence(left: float, random: tuple[float, ...] = (0.94, 0.96), target: Target = Target((0,))) -> Evidence:  # noqa: B008
    controls = tuple(result(value) for value in random)
    return Evidence(target, "rollout", result(left), controls, result(0.8), {}, 1.0, 1, 1.0)


def test_it_gives_both_probabilities_and_the_controls() -> None:
    assert badge(evidence(0.31)) == (
        "removing its top 20% of patches lowers the word's probability from 98.00% to 31.00%; random patches: "
        "95.00%; the middle of the picture: 80.00%"
    )


def test_a_rise_and_no_change_are_called_so() -> None:
    assert "raises the word's probability from 98.00% to 99.90%" in badge(evidence(0.999))
    assert "leaves the word's probability at 98.10%" in badge(evidence(0.981))
    assert "from 98.00% to 0.01%" in badge(evidence(0.0001))


def test_a_contrast_is_against_its_rival() -> None:
    assert "against its rival" in badge(evidence(0.3, target=Target((0,), (5,))))


def test_a_stopped_test_says_what_it_did_not_reach() -> None:
    assert badge(evidence(NAN)) == "the test was stopped before its top 20% of patches were removed"
    assert "random patches: not reached" in badge(evidence(0.3, (NAN, NAN)))
