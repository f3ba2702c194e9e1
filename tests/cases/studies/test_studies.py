"""The published cases: what each finds of the shipped model, and that any model can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from core.cases.studies.overlap import by_chance, halves_in_common, in_common
from core.cases.studies.readings import told
from core.cases.studies.registry import studies
from core.cases.studies.study import LEAST, Outcome, Study, judged, weakest
from core.causal.rates import Effect
from core.statistics.bootstrap import mean
from core.statistics.estimate import Estimate
from core.street.batches import HELD_OUT_SEED
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel


@pytest.fixture(scope="module")
def embedded() -> VisionLanguageModel:
    return load_model(EMBEDDED)


def found(outcome: Outcome, what: str) -> tuple[Estimate, Estimate | None]:
    """The first figure whose description begins so, and its control."""
    line = next(line for line in outcome.measured if line.what.startswith(what))
    return line.found, line.beside


@pytest.mark.parametrize("key", list(studies()))
def test_every_study_says_what_it_claims_and_how_it_judges(key: str) -> None:
    study = studies()[key]
    said = (
        study.title,
        study.claim,
        study.source,
        study.asked,
        study.looked_at,
        study.rule,
        study.caveat,
        study.planted,
    )
    assert all(said) and study.key == key and study.scenes > 0


@pytest.mark.parametrize("key", list(studies()))
def test_any_model_can_be_asked(key: str, model: TransformersModel) -> None:
    done: list[float] = []
    outcome = studies()[key].run(model, 1, progress=done.append)
    assert outcome.scenes == 1 and not outcome.stopped and done == [0.0, 1.0]
    assert outcome.because and outcome.examples
    for example in outcome.examples:
        assert example.answer.model == model.card.fingerprint
        assert max(example.target.tokens) < len(example.answer.tokens)


def test_the_wording_decides_about_the_truck_and_the_picture_about_the_house(embedded: VisionLanguageModel) -> None:
    outcome = studies()["text_over_image"].run(embedded, LEAST)
    assert outcome.verdict == "borne out"
    for what in (
        "the answers to the two wordings contradict",
        "both wordings are answered with yes",
        "a key word changes when the door is repainted",
    ):
        truck, house = found(outcome, what)
        assert house is not None and {truck.value, house.value} == {0.0, 1.0}
    assert [example.title for example in outcome.examples] == [
        "truck: open?",
        "truck: closed?",
        "house: open?",
        "house: closed?",
    ]
    assert all(table.values.shape == (embedded.card.layers, embedded.card.heads) for table in outcome.heads)


def test_a_repainted_shirt_is_named_and_the_trousers_stay(embedded: VisionLanguageModel) -> None:
    outcome = studies()["recoloured_shirt"].run(embedded, 2)
    shirt, trousers = found(outcome, "the answer follows the shirt's colour")
    on_shirt, area = found(outcome, "share of the map")
    assert trousers is not None and area is not None
    assert (shirt.value, trousers.value) == (1.0, 0.0)
    assert outcome.verdict == "undecided", "two scenes decide nothing"
    assert on_shirt.value > 5 * area.value
    assert f"{on_shirt.value:.0%} is on the shirt" in outcome.because
    assert len({example.answer.text for example in outcome.examples}) == len(outcome.examples)


def test_explanation_sets_grow_with_the_distance(embedded: VisionLanguageModel) -> None:
    outcome = studies()["search_distance"].run(embedded, 1)
    sets = [set(example.marked) for example in outcome.examples]
    assert len(sets) == 3 and sets[0] <= sets[1] <= sets[2]
    assert all(example.answer.text == "The man's shirt is yellow." for example in outcome.examples)
    near, far = (found(outcome, f"distance {radius}: the word changes")[0] for radius in (1, 3))
    assert ("most sets leave the word as it is" in outcome.because) == (far.value < 0.5)
    assert near.value <= far.value and outcome.verdict == "undecided", "one scene decides nothing"


def test_colours_seen_and_read_are_said_by_the_same_heads(embedded: VisionLanguageModel) -> None:
    outcome = studies()["textual_visual"].run(embedded, LEAST)
    same, chance = found(outcome, "top 10 heads in common")
    assert chance is not None and outcome.verdict == "borne out" and same.value > 2 * chance.value
    control = next(line for line in outcome.measured if line.control == "colour and place, both of pictures").beside
    assert control is not None and same.low > control.high


def test_a_dog_that_is_denied_has_the_colour_of_something_there(embedded: VisionLanguageModel) -> None:
    outcome = studies()["hallucinated_object"].run(embedded, 4)
    assert [found(outcome, what)[0].value for what in ("a colour is named", "asked whether it is there")] == [1.0, 1.0]
    own, others = found(outcome, "the word changes when things")
    assert others is not None and own.value > others.value


def test_scenes_are_those_that_training_never_drew() -> None:
    subject = next(studies()["recoloured_shirt"].subjects())
    assert subject.seed >= HELD_OUT_SEED


class Counting(Study[int, int]):
    """Reads numbers, and stops itself at one of them."""

    def __init__(self, stop_at: int, cancel: CancelToken) -> None:
        self.stop_at, self.cancel = stop_at, cancel

    def subjects(self) -> Iterator[int]:
        return iter(range(100))

    def read(self, model: Any, subject: int, cancel: CancelToken | None) -> int:
        if subject == self.stop_at:
            self.cancel.cancel()
        if cancel is not None:
            cancel.check()
        return subject

    def conclude(self, reads: Sequence[int]) -> Outcome:
        return Outcome("undecided", str(list(reads)), (), ())


def test_stop_keeps_the_scenes_that_were_read(llava: TransformersModel) -> None:
    cancel = CancelToken()
    outcome = Counting(3, cancel).run(llava, 10, cancel=cancel)
    assert (outcome.because, outcome.scenes, outcome.stopped) == ("[0, 1, 2]", 3, True)


def test_stop_before_the_first_scene_gives_nothing(llava: TransformersModel) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        Counting(0, cancel).run(llava, 10, cancel=cancel)


def test_a_figure_must_lie_apart_from_its_control() -> None:
    high, low = Estimate(0.9, 0.7, 1.0, 9), Estimate(0.1, 0.0, 0.3, 9)
    near = Estimate(0.5, 0.2, 0.8, 9)
    assert (judged(high, low), judged(high, near), judged(low, high)) == ("borne out", "undecided", "not borne out")


def test_the_bootstrap_of_a_single_scene_has_no_width_and_decides_nothing() -> None:
    assert judged(mean([0.4]), mean([0.0])) == "undecided"
    assert judged(mean([0.4] * LEAST), mean([0.0] * LEAST)) == "borne out"


def test_a_rule_is_as_weak_as_its_weakest_condition() -> None:
    assert weakest("borne out", "borne out") == "borne out"
    assert weakest("borne out", "undecided") == "undecided"
    assert weakest("undecided", "not borne out", "borne out") == "not borne out"


def test_a_change_that_rounds_to_nothing_has_no_sign_of_loss() -> None:
    assert told(Effect(-0.004, False)) == "the same word (+0.00 nats)"
    assert told(Effect(-2.549, True)) == "another word (-2.55 nats)"


def test_chance_is_that_of_counting_all_sets() -> None:
    first = set(range(3))
    draws = [len(first & set(other)) for other in combinations(range(8), 3)]
    for same in range(4):
        assert by_chance(same, 3, 8) == pytest.approx(np.mean([number >= same for number in draws]))


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
