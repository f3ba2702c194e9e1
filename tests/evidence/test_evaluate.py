"""Curves and their figures, against pictures painted by hand and read one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, Explanation, RegionMask, Target, TokenKind
from core.errors import NotApplicable, NotEnoughMemory, OtherModel
from core.evidence.badge import badge
from core.evidence.curves import Curve
from core.evidence.evaluate import evaluate, expected
from core.evidence.result import Evidence, Result
from core.evidence.settings import EvidenceSettings
from core.evidence.verdict import Standing, Verdict, verdict
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.masking import apply_mask, unmasked
from core.vlm import memory_costs
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled
from tests.evidence.helpers import drawn_map, map_of, painted, probability
from tests.vlm.counted import counting

FEW = EvidenceSettings(steps=2, draws=1, deciding=0)
SMALL = (40, 30)


@pytest.fixture
def small() -> Image.Image:
    """A noisy picture of a few pixels, for oracles that walk over them."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (*SMALL[::-1], 3), dtype=np.uint8))


def places(answer: Answer) -> list[int]:
    return [position for view in answer.layout.views for position in view.positions]


def check_curve(model: TransformersModel, answer: Answer, explanation: Explanation, curve: Curve) -> None:
    """Every point of a curve, from the scores alone."""
    order = sorted(places(answer), key=lambda position: -float(explanation.scores[position]))
    for count, value in zip(curve.counts, curve.values, strict=True):
        chosen = set(order[:count])
        if curve.direction == "deletion":
            # All patches are the whole picture: what a crop leaves out goes too.
            pictures = painted(answer, curve.fill, shown=count == len(order), positions=chosen)
            if count == len(order):
                pictures = painted(answer, curve.fill, shown=True, positions=set())
        else:
            pictures = painted(answer, curve.fill, shown=True, positions=chosen)
            if count == len(order):
                pictures = list(answer.question.images)
        assert value == pytest.approx(probability(model, answer, pictures, explanation.target), rel=1e-3, abs=1e-6)


def test_curves_are_what_each_painted_picture_gives_alone(model: TransformersModel, small: Image.Image) -> None:
    answer = sampled(model, "the the dog?", small, tokens=3)
    maps = [drawn_map(answer, Target((1,)), 0), drawn_map(answer, Target((0, 2)), 1)]
    for explanation, evidence in zip(maps, evaluate(model, answer, maps, settings=FEW), strict=True):
        assert {(curve.direction, curve.fill) for curve in evidence.tested.curves} == {
            (direction, fill) for direction in ("deletion", "insertion") for fill in ("black", "blur")
        }
        for curve in evidence.tested.curves:
            check_curve(model, answer, explanation, curve)


def test_a_contrast_is_tested_as_its_share_of_the_two(llava: TransformersModel, small: Image.Image) -> None:
    answer = sampled(llava, "the dog?", small, tokens=2)
    explanation = drawn_map(answer, Target((0, 1), (40, 41)), 0)
    (evidence,) = evaluate(llava, answer, [explanation], settings=FEW)
    for curve in evidence.tested.curves:
        assert ((curve.values > 0) & (curve.values < 1)).all()
        check_curve(llava, answer, explanation, curve)


def test_patches_of_several_pictures_stand_in_one_order(model: TransformersModel, small: Image.Image) -> None:
    other = small.transpose(Image.Transpose.ROTATE_90)
    answer = sampled(model, "the dog?", small, other, tokens=2)
    explanation = drawn_map(answer, Target((0,)), 0)
    (evidence,) = evaluate(
        model, answer, [explanation], settings=EvidenceSettings(fill="black", steps=2, draws=1, deciding=0)
    )
    assert evidence.tested.curves[0].patches == len(places(answer))
    for curve in evidence.tested.curves:
        check_curve(model, answer, explanation, curve)


def test_a_masked_question_is_tested_as_the_model_saw_it(llava: TransformersModel, small: Image.Image) -> None:
    mask = RegionMask(np.indices(SMALL[::-1])[1] < 20, "mean")
    answer = sampled(llava, "the dog?", small, tokens=2, masks=mask)
    explanation = drawn_map(answer, Target((0,)), 0)
    (evidence,) = evaluate(llava, answer, [explanation], settings=FEW)
    seen = replace(answer, question=unmasked(answer.question))
    for curve in evidence.tested.curves:
        check_curve(llava, seen, explanation, curve)


def test_nothing_deleted_is_the_full_probability_and_everything_the_blank_one(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "the the dog?", picture, tokens=2)
    target = Target((0,))
    (evidence,) = evaluate(model, answer, [drawn_map(answer, target, 0)], settings=FEW)
    full = probability(model, answer, [picture], target)
    for curve in evidence.tested.curves:
        empty = apply_mask(picture, RegionMask(np.ones((picture.height, picture.width), bool), curve.fill))
        blank = probability(model, answer, [empty], target)
        ends = (full, blank) if curve.direction == "deletion" else (blank, full)
        assert (curve.values[0], curve.values[-1]) == pytest.approx(ends, rel=1e-3)
        assert (evidence.full, evidence.blank[curve.fill]) == pytest.approx((full, blank), rel=1e-3)


def figures_by_hand(evidence: Evidence) -> dict[str, float]:
    """Areas and losses from the curves, point by point."""
    areas: dict[str, list[float]] = {"deletion": [], "insertion": []}
    losses: dict[str, list[float]] = {"deletion": [], "insertion": []}
    for curve in evidence.tested.curves:
        points = list(zip(curve.shares.tolist(), curve.values.tolist(), strict=True))
        area = 0.0
        for (left, low), (right, high) in pairwise(points):
            area += (right - left) * (low + high) / 2
        areas[curve.direction].append(area)
        for share in (0.05, 0.1, 0.2, 0.5):
            wanted = max(1, round(share * curve.patches)) / curve.patches
            losses[curve.direction].append(curve.full - dict(points)[wanted])
    return {
        "deletion": float(np.mean(areas["deletion"])),
        "insertion": float(np.mean(areas["insertion"])),
        "comprehensiveness": float(np.mean(losses["deletion"])),
        "sufficiency": float(np.mean(losses["insertion"])),
    }


def test_areas_and_losses_are_those_of_a_direct_loop(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "the the dog?", picture, tokens=2)
    (evidence,) = evaluate(
        model, answer, [drawn_map(answer, Target((1,)), 0)], settings=EvidenceSettings(steps=7, draws=1, deciding=0)
    )
    assert values(evidence.tested) == pytest.approx(figures_by_hand(evidence), rel=1e-9)


def values(result: Result) -> dict[str, float]:
    return {key: figure.value for key, figure in result.figures.items()}


def test_controls_are_maps_that_know_nothing(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=2)
    maps = [drawn_map(answer, Target((1,)), seed) for seed in (0, 1)]
    settings = EvidenceSettings(steps=2, draws=4, deciding=6)
    one, other = evaluate(llava, answer, maps, settings=settings)
    assert len(one.random) == 4 and len(one.left["black"]) == 6
    assert [result.curves[0].at(0.2) for result in one.random] == list(one.left["black"][:4])
    assert len({result.figures["deletion"].value for result in one.random}) == 4
    assert [values(result) for result in one.random] == [values(result) for result in other.random]
    assert values(one.centre) == values(other.centre)
    again = evaluate(llava, answer, maps[:1], settings=replace(settings, seed=1))[0]
    assert {r.figures["deletion"].value for r in again.random}.isdisjoint(
        r.figures["deletion"].value for r in one.random
    )


def test_a_variant_is_read_once_whoever_asks(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, read = sampled(llava, "the dog?", picture, tokens=2), []
    original = llava.logits_of_images

    def counting(answer: Answer, pictures):  # type: ignore[no-untyped-def]
        def passed():  # type: ignore[no-untyped-def]
            for paint in pictures:
                read.append(paint()[0].tobytes())
                yield paint

        return original(answer, passed())

    monkeypatch.setattr(llava, "logits_of_images", counting)
    same = [drawn_map(answer, Target((token,)), 0) for token in (0, 1)]
    evaluate(llava, answer, same, settings=EvidenceSettings(fill="black", steps=2, draws=1, deciding=0))
    assert len(read) == len(set(read))
    # 16 patches: whole and empty; 1, 2, 3 and 8 of them gone or alone, in three orders.
    assert len(read) <= 2 + 3 * 2 * 4


def test_batches_change_nothing(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(model, "the the dog?", picture, tokens=3)
    maps = [drawn_map(answer, Target((2,)), 0)]
    (together,) = evaluate(model, answer, maps, settings=FEW)
    monkeypatch.setattr("core.vlm.hf.network.images_at_once", lambda *_: 1)
    (alone,) = evaluate(model, answer, maps, settings=FEW)
    for one, other in zip(together.tested.curves, alone.tested.curves, strict=True):
        np.testing.assert_allclose(one.values, other.values, rtol=1e-4)


def test_a_stopped_test_says_what_it_came_to(llava: TransformersModel, picture: Image.Image) -> None:
    answer, token = sampled(llava, "the the dog?", picture, tokens=2), CancelToken()

    def stop(done: float) -> None:
        if done > 0.5:
            token.cancel()

    (evidence,) = evaluate(llava, answer, [drawn_map(answer, Target((0,)), 0)], cancel=token, progress=stop)
    assert 0.5 < evidence.complete < 0.7
    assert evidence.full > 0
    assert not np.isnan(evidence.tested.figures["deletion"].details["black"])
    assert np.isnan(evidence.centre.figures["deletion"].value)
    with pytest.raises(Cancelled):
        evaluate(llava, answer, [drawn_map(answer, Target((0,)), 0)], cancel=token)


def test_a_badge_is_known_after_few_passes(llava: TransformersModel, picture: Image.Image) -> None:
    answer, token = sampled(llava, "the the dog?", picture, tokens=2), CancelToken()
    map_, read = drawn_map(answer, Target((0,)), 0), 0

    def stop(done: float) -> None:
        nonlocal read
        read += 1
        # The whole picture and the empty one; the first fifth of the map, of nineteen random orders, and of the middle.
        if read == 23:
            token.cancel()

    settings = EvidenceSettings(fill="black", steps=10)
    (whole,) = evaluate(llava, answer, [map_], settings=settings)
    (stopped,) = evaluate(llava, answer, [map_], settings=settings, cancel=token, progress=stop)
    assert stopped.complete < 0.25
    assert badge(stopped) == badge(whole)


def test_ground_truth_adds_what_needs_it(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=2)
    view = answer.layout.views[0]
    # The middle square of the picture is seen, in patches of 20 px: this is the second of the first row.
    truth = np.zeros((80, 120), bool)
    truth[0:20, 40:60] = True
    hit = map_of(answer, Target((0,)), {view.positions[1]: 1.0})
    (evidence,) = evaluate(llava, answer, [hit], truth=truth, settings=FEW)
    assert {key: evidence.tested.figures[key].value for key in ("pointing", "energy", "soft_iou")} == pytest.approx(
        {"pointing": 1.0, "energy": 1.0, "soft_iou": 1.0}
    )
    assert evidence.chance("energy") < 0.5
    for nothing in (None, np.zeros((80, 120), bool)):
        (bare,) = evaluate(llava, answer, [hit], truth=nothing, settings=FEW)
        assert not {"pointing", "energy", "soft_iou"} & set(bare.tested.figures)


def test_what_cannot_be_tested_is_refused_in_a_sentence(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=2)
    explanation = drawn_map(answer, Target((0,)), 0)
    textual = sampled(llava, "the the dog?", tokens=2)
    with pytest.raises(NotApplicable, match="no picture"):
        evaluate(llava, textual, [drawn_map(textual, Target((0,)), 0)])
    with pytest.raises(NotApplicable, match="not known"):
        evaluate(llava, replace(answer, layout=replace(answer.layout, views=())), [explanation])
    with pytest.raises(NotApplicable, match="empty"):
        evaluate(llava, replace(answer, tokens=()), [explanation])
    with pytest.raises(NotApplicable, match="does not have"):
        evaluate(llava, answer, [replace(explanation, target=Target((9,)))])
    with pytest.raises(OtherModel):
        evaluate(llava, replace(answer, model="another"), [explanation])
    with pytest.raises(ValueError, match="Steps"):
        evaluate(llava, answer, [explanation], settings=EvidenceSettings(steps=1))
    with pytest.raises(ValueError, match="mask"):
        evaluate(llava, answer, [explanation], truth=np.ones((3, 3), bool))
    monkeypatch.setattr(memory_costs, "available_bytes", lambda device: 1000)
    with pytest.raises(NotEnoughMemory, match="Testing a map needs about"):
        evaluate(llava, answer, [explanation])


def test_no_maps_are_no_work(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=2)
    assert evaluate(llava, answer, []) == []


def test_a_map_that_was_stopped_half_way_is_tested_by_what_it_knows(
    llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=2)
    images = answer.layout.positions(TokenKind.IMAGE)
    half = map_of(answer, Target((0,)), {images[3]: 2.0, images[5]: 1.0}, elsewhere=float("nan"))
    (evidence,) = evaluate(llava, answer, [half], settings=FEW)
    assert not np.isnan(evidence.tested.figures["deletion"].value)


def test_an_order_and_its_reverse_are_read_of_the_same_pictures(qwen: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(qwen, "the dog?", picture, tokens=2)
    settings = EvidenceSettings(fill="black", steps=20, draws=2, deciding=0)
    with counting(qwen, answer) as counted:
        (evidence,) = evaluate(qwen, answer, [drawn_map(answer, Target((0,)), 0)], settings=settings)
    one, other = (result.curves for result in evidence.random)
    between = len(one[0].counts) - 2
    assert counted.forward <= 2 + between * (2 * 2 + 2) + 1
    np.testing.assert_allclose(one[0].values[1:-1], other[1].values[1:-1][::-1])


@pytest.mark.parametrize("steps", [2, 5])
def test_a_test_reads_as_many_pictures_as_it_says(steps: int, llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    settings = EvidenceSettings(steps=steps, draws=2, deciding=4)
    maps = explain(explainers()["raw_attention"], llava, answer, [Target((0,)), Target((1,))])
    told = expected(llava, answer, len(maps), settings).passes
    with counting(llava, answer) as counted:
        evaluate(llava, answer, maps, settings=settings)
    # Sets that two orders share are read once.
    assert told.tower == told.pictures == told.forward
    assert 0.75 * told.forward <= counted.forward <= told.forward + 1


def test_the_first_verdict_comes_within_ten_pictures_and_grows_into_that_of_the_whole_test(
    model: TransformersModel, small: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(model, "What color?", small)
    explained = drawn_map(answer, Target((0,)), 0)
    read, told = [0], list[tuple[int, Verdict]]()
    over_images = TransformersModel.logits_of_images

    def counted(self: TransformersModel, *given: Any) -> Iterator[Any]:
        for batch in over_images(self, *given):
            read[0] += len(batch)
            yield batch

    monkeypatch.setattr(TransformersModel, "logits_of_images", counted)
    (tested,) = evaluate(
        model,
        answer,
        [explained],
        settings=EvidenceSettings(steps=4),
        early=lambda found: told.append((read[0], found[0])),
    )
    first = next(pictures for pictures, found in told if found.standing is not Standing.STOPPED and found.random)
    assert first <= 10
    assert [len(found.random) for _, found in told] == sorted(len(found.random) for _, found in told)
    assert told[-1][1] == verdict(tested)
