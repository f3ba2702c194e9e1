"""Steering: directions, doses against eager passes, and what their figures say of pushes that are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.answer import Target
from core.cases.case import Case
from core.cases.knowing.figures import Line as State
from core.cases.knowing.kept_states import KeptStates
from core.cases.knowing.labels import Labelled
from core.cases.knowing.summary import COMMITTED, read_probes
from core.cases.steering.directions import directions_of
from core.cases.steering.figures import Line, Subject, steering
from core.cases.steering.summary import committed, committed_of, read_steering
from core.cases.steering.table import steering_table
from core.cases.steering.verdict import sentence, verdict
from core.cases.steering.words import target_of, words_for, words_of
from core.errors import NotApplicable
from core.mechanisms.groups import Group
from core.probes.states import PLACES
from core.probes.steering import DOSES, doses, mean_difference, random_directions, shift
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import TokenTarget, token_targets_of
from tests.eager import eager_logits_with, sampled
from tests.hooks import hooks_of


def test_the_direction_is_the_difference_of_means_and_random_ones_are_as_long() -> None:
    rng = np.random.default_rng(0)
    states, labels = rng.standard_normal((40, 6)), np.arange(40) % 2
    by_hand = sum(states[1::2]) / 20 - sum(states[::2]) / 20
    assert np.allclose(mean_difference(states, labels), by_hand)
    drawn = random_directions(by_hand, 5)
    assert np.allclose(np.linalg.norm(drawn, axis=1), np.linalg.norm(by_hand))
    assert (random_directions(by_hand, 5) == drawn).all() and len(np.unique(drawn, axis=0)) == 5


def test_doses_are_what_literal_additions_give(model: TransformersModel, picture: Image.Image) -> None:
    """Two families; each dose of each direction is one eager pass in float64, to which the vector is added by hand."""
    answer = sampled(model, "Is it it?", picture, tokens=2)
    (first,) = token_targets_of(answer, Target((0,)))
    target = TokenTarget(0, first.token, (first.token + 1) % model.card.vocabulary)
    rng = np.random.default_rng(1)
    directions = rng.standard_normal((2, 3, model.card.hidden))
    place = Group("last", (answer.predicting_position(0), 3))
    layers, strengths = (0, 2), (-1.0, 2.0)
    found = doses(model, answer, target, place, directions, layers, strengths)
    plain = eager_logits_with(model, answer, ()).log_softmax(-1)[0]
    assert found.before == pytest.approx(float(plain[target.token] - plain[target.rival or 0]), abs=2e-4)
    for number, layer in enumerate(layers):
        for dose, strength in enumerate(strengths):
            for one in range(3):
                edits = shift(layer, place.positions, strength * directions[number, one])
                logits = eager_logits_with(model, answer, edits).log_softmax(-1)[0]
                wanted = float(logits[target.token] - logits[target.rival or 0])
                assert found.log_odds[number, dose, one] == pytest.approx(wanted, abs=2e-3)


def test_nothing_is_left_after_a_stop_or_an_error(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "Is it?", picture)
    expected, hooks = llava.replay_logits(answer), hooks_of(llava)
    (target,) = token_targets_of(answer, Target((0,)))
    stop = CancelToken()
    stop.cancel()
    place = Group("last", (answer.predicting_position(0),))
    directions = np.ones((1, 1, llava.card.hidden))
    with pytest.raises(Cancelled):
        doses(llava, answer, target, place, directions, (0,), cancel=stop)
    with pytest.raises(RuntimeError):
        doses(llava, answer, target, place, np.ones((1, 1, 3)), (0,))
    assert hooks_of(llava) == hooks and (llava.replay_logits(answer) == expected).all()


def case(expected: str, label: str) -> Labelled:
    return Labelled(Case("1", "Is it open?", (expected,), "yes_no"), label, None)


def test_the_words_of_each_value_are_those_of_the_right_answers() -> None:
    values = ("closed", "open")
    assert words_of(case("Yes, it is open.", "open"), values, "door") == ("no", "yes")
    assert words_of(case("no", "open"), values, "door") == ("yes", "no"), "asked whether it is closed"
    assert words_of(case("no", "closed"), values, "door") == ("no", "yes")
    assert words_of(case("red", "open"), values, "door") is None
    assert words_of(case("red", "red"), ("blue", "red"), "answer") == ("blue", "red")


def test_words_are_written_as_the_model_writes(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "Is it?", picture)
    target = target_of(llava, answer, ("no", "yes"))
    assert target is None or target.token != target.rival
    assert target_of(llava, answer, ("yes", "yes")) is None


def lines(own: float, random: float, cases: int = 60, threshold: float = 1.0) -> list[Line]:
    """Cases whose log-odds move by `own` nats for each dose in layer 1, and by random amounts under other
    directions; half of them lean to either side by `threshold`."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(cases):
        before = threshold if number % 2 else -threshold
        after = before + random * rng.standard_normal((2, len(DOSES), 4))
        after[1, :, 0] = before + own * np.array(DOSES) + 0.01 * rng.standard_normal(len(DOSES))
        made.append(Line(f"case {number}", f"picture {number}", before, tuple(tuple(map(tuple, one)) for one in after)))
    return made


SUBJECT = Subject("f", "m", "made up", "door", "thing", "last", ("closed", "open"), "")
VECTORS = {("no", "yes"): np.ones((2, 3))}


def test_what_turns_moves_or_does_nothing_is_told_apart() -> None:
    turns, moves, nothing = (steering(SUBJECT, lines(own, 0.1), 60, DOSES, VECTORS) for own in (3.0, 0.5, 0.0))
    assert verdict(turns) == "turns the answer" and turns.best.layers == (1, 1)
    assert turns.best.follows.value == 1 and turns.best.change.value == pytest.approx(3, abs=0.02)
    assert verdict(moves) == "moves the answer and does not turn it" and moves.best.follows.value == 0.5
    assert verdict(nothing) == "does not move the answer"
    few = steering(SUBJECT, lines(3.0, 0.1, 30), 30, DOSES, VECTORS)
    assert verdict(few) == "undecided"
    assert "random directions at most" in sentence(turns) and "| 1 | +1 | +3.00" in steering_table(turns)


def test_random_directions_that_do_as_much_are_no_finding() -> None:
    wild = steering(SUBJECT, lines(0.2, 4.0), 60, DOSES, VECTORS)
    assert verdict(wild) == "does not move the answer"


def test_means_and_shares_are_counted_over_cases() -> None:
    made = lines(2.0, 0.1)
    made.append(Line("bad", problem="no answer"))
    found = steering(SUBJECT, made, 61, DOSES, VECTORS)
    assert found.used == 60 and found.cases == 61
    one = next(dose for dose in found.doses if dose.layer == 1 and dose.dose == 2)
    by_hand = [line.log_odds[1][DOSES.index(2)][0] - line.before for line in made[:60]]
    assert one.change.value == pytest.approx(sum(by_hand) / 60)
    others = [
        sum(line.log_odds[1][DOSES.index(2)][direction] - line.before for line in made[:60]) / 60
        for direction in range(1, 4)
    ]
    assert one.random == pytest.approx((min(others), max(others)))
    assert one.follows.value == sum(line.log_odds[1][DOSES.index(2)][0] > 0 for line in made[:60]) / 60


def test_what_comes_along_is_told_of_its_own_model_alone() -> None:
    files = committed()
    assert all(read_steering(file).command.startswith("sightline steer ") for file in files)
    habit, honest = (committed_of(read_probes(file).knowing.model) for file in COMMITTED)
    assert len(habit) + len(honest) == len(files) == 5 and len(honest) == 1
    for one in habit + honest:
        assert all(len(vectors.by_layer) == 6 for vectors in one.steering.vectors)
        assert {vectors.asked for vectors in one.steering.vectors} == {("no", "yes"), ("yes", "no")}
    by = {(one.steering.label, one.steering.found_at, one.steering.direction_of): one.steering for one in habit}
    house = by["truck door", "last", "drawn streets: house door"]
    assert verdict(by["truck door", "thing", ""]) == "does not move the answer"
    assert verdict(house) == verdict(by["house door", "last", ""]) == "moves the answer and does not turn it"
    late = {one.dose: one.follows for one in house.doses if one.layer == 5}
    assert late[4].low > 0.9 and late[-4].high < 0.6, "the house's direction turns the truck's answer one way"


def test_directions_are_found_apart_for_what_is_asked_and_a_mean_over_both_would_cancel(tmp_path: Path) -> None:
    """Of 32 cases, half asked whether a door is open and half whether it is closed, the state holds yes or no."""
    lines_, states = [], np.zeros((32, 2, len(PLACES), 3), np.float32)
    for number in range(32):
        label, asks_open = ("closed", "open")[number % 2], number < 16
        yes = (label == "open") == asks_open
        lines_.append(State(f"case {number}", "k", label, f"p {number}", row=number, expected="yes" if yes else "no"))
        states[number, 1, PLACES.index("last")] = (0, 1.0 if yes else -1.0, 5)
    asked = [words_for(line.expected, line.label, ("closed", "open"), "door") for line in lines_]
    with KeptStates(tmp_path / "s", (2, len(PLACES), 3), 0) as kept:
        for state in states:
            kept.append(state)
        whole = np.ones(32, bool)
        found = directions_of(lines_, asked, whole, kept, ("closed", "open"), 2, "last")
        assert found.keys() == {("no", "yes"), ("yes", "no")}
        assert found["no", "yes"][1] == pytest.approx([0, 2, 0]) and found["yes", "no"][1] == pytest.approx([0, -2, 0])
        assert mean_difference(states[:, 1, PLACES.index("last")], np.arange(32) % 2) == pytest.approx([0, 0, 0])
        with pytest.raises(NotApplicable, match="fewer than 4"):
            directions_of(lines_, [None] * 32, whole, kept, ("closed", "open"), 2, "last")
