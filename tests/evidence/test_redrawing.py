"""Hidden patches that show the scene with nothing in it, against pictures put together pixel by pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, RegionMask, Target
from core.errors import NotApplicable
from core.evidence.badge import badge
from core.evidence.evaluate import evaluate
from core.evidence.settings import EvidenceSettings
from core.masking import Canvas, as_seen, fill_named
from core.perturb.perturbation import HiddenPatches
from core.street.draw import draw
from core.street.recipe import Remove, SceneRecipe
from core.street.scene import Scene
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled
from tests.evidence.helpers import drawn_map, probability

REDRAW = EvidenceSettings(fill="redraw", steps=2, draws=1, deciding=0)
RECIPE = SceneRecipe(7, (Remove("ball"),))


def street(*scenes: Scene) -> list[Image.Image]:
    return [draw(scene).image for scene in scenes]


def put_together(answer: Answer, emptied: Image.Image, hidden: set[int]) -> Image.Image:
    """The picture with the boxes of some image tokens as the empty street has them."""
    pixels, behind = np.asarray(answer.question.images[0]).copy(), np.asarray(emptied)
    (view,) = answer.layout.views
    for index, position in enumerate(view.positions):
        if position in hidden:
            left, top, right, bottom = (round(edge) for edge in view.patch_box(index))
            pixels[top:bottom, left:right] = behind[top:bottom, left:right]
    return Image.fromarray(pixels)


def test_curves_are_those_of_the_street_without_its_things(llava: TransformersModel) -> None:
    scene = RECIPE.scene()
    (picture,), (emptied,) = street(scene), street(replace(scene, items=()))
    answer = sampled(llava, "the dog?", picture, tokens=2)
    explanation = drawn_map(answer, Target((0,)), 0)
    (evidence,) = evaluate(llava, answer, [explanation], settings=REDRAW, scenes=[RECIPE])
    assert evidence.fills == ("redraw",) and "(empty scene)" in badge(evidence)
    (view,) = answer.layout.views
    order = sorted(view.positions, key=lambda position: -float(explanation.scores[position]))
    for curve in evidence.tested.curves:
        for count, value in zip(curve.counts, curve.values, strict=True):
            gone = set(order[:count]) if curve.direction == "deletion" else set(order[count:])
            seen = probability(llava, answer, [put_together(answer, emptied, gone)], Target((0,)))
            assert value == pytest.approx(seen, rel=1e-3, abs=1e-6)
    assert evidence.blank["redraw"] == pytest.approx(probability(llava, answer, [emptied], Target((0,))), rel=1e-3)
    assert evidence.blank["redraw"] != pytest.approx(evidence.full, rel=1e-6)


def test_what_the_questions_masks_hide_stays_hidden(llava: TransformersModel) -> None:
    scene = RECIPE.scene()
    (picture,), (emptied,) = street(scene), street(replace(scene, items=()))
    left = np.indices((168, 168))[1] < 84
    answer = sampled(llava, "the dog?", picture, tokens=2, masks=RegionMask(left, "black"))
    (evidence,) = evaluate(llava, answer, [drawn_map(answer, Target((0,)), 0)], settings=REDRAW, scenes=[RECIPE])
    (half,) = Canvas([emptied]).painted([RegionMask(left, "black")])
    assert evidence.full == pytest.approx(
        probability(llava, answer, [*as_seen(answer.question)], Target((0,))), rel=1e-3
    )
    assert evidence.blank["redraw"] == pytest.approx(probability(llava, answer, [half], Target((0,))), rel=1e-3)


def test_a_picture_whose_scene_is_not_known_or_another_is_refused(llava: TransformersModel) -> None:
    (picture,) = street(RECIPE.scene())
    answer = sampled(llava, "the dog?", picture, tokens=2)
    maps = [drawn_map(answer, Target((0,)), 0)]
    with pytest.raises(NotApplicable, match="inpainting is possible"):
        evaluate(llava, answer, maps, settings=REDRAW)
    with pytest.raises(NotApplicable, match="not the drawing of scene 7"):
        evaluate(llava, answer, maps, settings=REDRAW, scenes=[SceneRecipe(7)])


def test_redrawing_is_no_fill_of_a_mask() -> None:
    assert fill_named("inpaint") == "inpaint"
    with pytest.raises(ValueError, match="no fill 'redraw'"):
        fill_named("redraw")
    with pytest.raises(ValueError, match="have no mask"):
        HiddenPatches(frozenset({1}), "redraw").masks(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("fill", ["mean", "noise", "inpaint"])
def test_a_map_is_tested_under_any_one_fill(llava: TransformersModel, fill: str) -> None:
    (picture,) = street(RECIPE.scene())
    answer = sampled(llava, "the dog?", picture, tokens=2)
    settings = EvidenceSettings(fill=fill, steps=2, draws=1, deciding=0)
    (evidence,) = evaluate(llava, answer, [drawn_map(answer, Target((0,)), 0)], settings=settings)
    name = {"mean": "(mean colour)", "noise": "(noise)", "inpaint": "(inpainted)"}[fill]
    assert evidence.fills == (fill,) and name in badge(evidence)
