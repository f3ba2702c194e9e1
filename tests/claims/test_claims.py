"""What each claim measures of the shipped model over a few scenes, and that any model can be asked."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core.cases.key_word import told
from core.claims.registry import claims
from core.claims.report import Report
from core.claims.run import run_claims
from core.claims.verdict import LEAST
from core.statistics.estimate import Estimate
from core.street.batches import HELD_OUT_SEED
from core.vlm.hf.network import TransformersModel
from core.vlm.model import VisionLanguageModel
from tests.claims.conftest import Measured
from tests.perturb.made import became

ANY_MODEL = [key for key in claims() if key not in ("kept_heads", "visual_words")]
"""The others need weights from before training, and places of image tokens."""


def ran(model: VisionLanguageModel, key: str, scenes: int) -> Report:
    [report] = run_claims(model, None, scenes, [key]).reports
    return report


def figures(report: Report, what: str) -> Mapping[str, Estimate]:
    """The figures of a measurement by what they are of."""
    return {figure.of: figure.estimate for figure in report.figures if figure.what == what}


@pytest.mark.parametrize("key", ANY_MODEL)
def test_any_model_can_be_asked(key: str, qwen: TransformersModel) -> None:
    report = ran(qwen, key, 1)
    assert (report.asked, report.verdict) == (1, "undecided")
    assert report.because and report.examples
    for example in report.examples:
        assert example.answer.model == qwen.card.fingerprint
        assert max(example.target.tokens) < len(example.answer.tokens)


def test_the_wording_decides_about_the_truck_and_the_picture_about_the_house(
    embedded: VisionLanguageModel, measured: Measured
) -> None:
    report = measured.of("text_over_image", scenes=2)
    for what in (
        "the answers to the two wordings contradict each other",
        "both wordings are answered with yes",
        "a key word changes when the door is repainted",
    ):
        doors = figures(report, what)
        assert {doors["truck"].value, doors["house"].value} == {0.0, 1.0}
    titles = [example.title for example in measured.of("text_over_image").examples]
    assert titles == ["truck: open?", "truck: closed?", "house: open?", "house: closed?"]
    sizes = [(len(table), len(table[0])) for table in report.heads.values()]
    assert sizes == [(embedded.card.layers, embedded.card.heads)] * 2


def test_a_repainted_shirt_is_named_and_the_trousers_stay(measured: Measured) -> None:
    report = measured.of("recoloured_shirt")
    follows = figures(report, "the answer follows the shirt's colour")
    assert [estimate.value for estimate in follows.values()] == [1.0, 0.0]
    on_shirt, area = figures(report, "share of the map on the shirt").values()
    assert on_shirt.value > 5 * area.value
    assert f"{on_shirt.value:.0%} is on the shirt" in report.because
    assert len({example.answer.text for example in report.examples}) == len(report.examples)


def test_explanation_sets_grow_with_the_distance(measured: Measured) -> None:
    report = measured.of("search_distance")
    sets = [set(example.marked) for example in report.examples]
    assert len(sets) == 3 and sets[0] <= sets[1] <= sets[2]
    assert all(example.answer.text == "The man's shirt is yellow." for example in report.examples)
    what = "the word changes when the set is masked"
    near, far = (figures(report, f"distance {radius}: {what}")["explanation"] for radius in (1, 3))
    assert ("most sets leave the word as it is" in report.because) == (far.value < 0.5)
    assert near.value <= far.value


def test_colours_seen_and_read_are_said_by_the_same_heads(embedded: VisionLanguageModel) -> None:
    report = ran(embedded, "shared_heads", LEAST)
    common = figures(report, "share of the top 10 heads in common")
    same, random = common["pictures and sentences"], common["pictures and sentences: two random sets"]
    assert report.verdict == "reproduces" and same.value > 2 * random.value
    assert same.low > common["colours and places in pictures"].high


def test_a_dog_that_is_denied_has_the_colour_of_something_there(embedded: VisionLanguageModel) -> None:
    report = ran(embedded, "absent_thing", 4)
    for what in ("a colour is named", "asked whether it is there, the model says no"):
        assert figures(report, what)["what is not there"].value == 1.0
    own, others = figures(report, "the word changes when hidden").values()
    assert own.value > others.value
    assert len(report.examples) == 4


def test_both_maps_of_a_word_are_shown(measured: Measured) -> None:
    report = measured.of("patch_maps")
    methods = [example.map.method for example in report.examples if example.map is not None]
    assert methods == ["logprob_increase", "raw_attention"]


def test_scenes_are_those_that_training_never_drew() -> None:
    for claim in claims().values():
        name, _ = next(claim.subjects())
        assert int(name.split()[-1]) >= HELD_OUT_SEED


def test_a_change_that_rounds_to_nothing_has_no_sign_of_loss() -> None:
    assert told(became(-0.004, False)) == "the same word (+0.00 nats)"
    assert told(became(-2.549, True)) == "another word (-2.55 nats)"
