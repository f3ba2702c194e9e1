"""Evidence in a sentence."""

from __future__ import annotations

import numpy as np

from core.answer import Target
from core.evidence.badge import badge, so_far
from core.evidence.curves import Curve
from core.evidence.result import Evidence, Result
from core.evidence.verdict import judged, verdict

NAN = float("nan")
NINETEEN = tuple(np.linspace(0.93, 0.97, 19).tolist())


def result(left: float, full: float = 0.98) -> Result:
    values = np.array([full, 0.9, 0.9, left, 0.1, 0.01])
    return Result((Curve("deletion", "black", 20, (0, 1, 2, 4, 10, 20), values, full, 0.01),), {})


def evidence(left: float, random: tuple[float, ...] = NINETEEN, target: Target = Target((0,))) -> Evidence:  # noqa: B008
    controls = tuple(result(value) for value in random[:3])
    remains = {"black": random}
    return Evidence(target, "rollout", result(left), controls, result(0.8), {}, 1.0, 1, 1.0, remains)


def test_it_gives_both_probabilities_the_fill_and_the_spread_of_the_controls() -> None:
    assert badge(evidence(0.31)) == (
        "removing its top 20% of patches lowers the word's probability from 98.00% to 31.00% (black); 19 random orders "
        "leave 93.00% to 97.00%, the middle of the picture 80.00%"
    )


def test_a_rise_and_no_change_are_called_so() -> None:
    assert "raises the word's probability from 98.00% to 99.90%" in badge(evidence(0.999))
    assert "leaves the word's probability at 98.10%" in badge(evidence(0.981))
    assert badge(evidence(0.981)).endswith(": no evidence for this map")
    assert "from 98.00% to 0.01%" in badge(evidence(0.0001))


def test_a_map_that_does_no_more_than_a_control_is_told_so() -> None:
    assert badge(evidence(0.94)).endswith(": no more than chance")
    assert badge(evidence(0.85)).endswith(": no more than the middle of the picture")


def test_a_contrast_is_against_its_rival_and_several_tokens_are_told_per_token() -> None:
    assert "against its rival" in badge(evidence(0.3, target=Target((0,), (5,))))
    assert "the probability of its 2 tokens (geometric mean)" in badge(evidence(0.3, target=Target((0, 1))))


def test_a_stopped_test_says_what_it_did_not_reach() -> None:
    assert badge(evidence(NAN)) == "the test was stopped before its top 20% of patches were removed"
    assert "no random order was read" in badge(evidence(0.3, (NAN, NAN)))


def test_while_a_test_goes_on_it_tells_what_it_has_and_no_verdict_that_more_random_orders_may_undo() -> None:
    few = judged("black", 0.98, 0.01, 0.31, (0.93, 0.95, NAN, NAN), 0.8)
    assert so_far(few, Target((0,))) == (
        "So far removing its top 20% of patches lowers the word's probability from 98.00% to 31.00% (black); 2 random "
        "orders leave 93.00% to 95.00%, the middle of the picture 80.00%."
    )
    beaten = judged("black", 0.98, 0.01, 0.94, (0.93, NAN), 0.99)
    assert so_far(beaten, Target((0,))).endswith(": no more than chance.")
    assert so_far(judged("black", 0.98, 0.01, NAN, (), NAN), Target((0,))) == ""


def test_the_verdict_of_a_finished_test_is_that_of_what_it_read() -> None:
    whole = evidence(0.31)
    assert verdict(whole) == judged("black", 0.98, 0.01, 0.31, NINETEEN, 0.8)
