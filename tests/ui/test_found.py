"""What methods find beside their maps stands on the Relevancy page under its names."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from core.answer import Explanation, PatchSet, ScoredPart, Target
from core.explainers.registry import explainers
from core.ui.relevancy.found import part_of
from core.ui.relevancy.view import Order, RelevancyView
from core.vlm.hf.network import TransformersModel
from tests.ui.test_relevancy_page import App, captions, charts, exchange_of, work_of


def test_sets_and_parts_are_shown_under_their_names(app: App, llava: TransformersModel) -> None:
    exchange, target = exchange_of(llava), Target((1,))
    answer = exchange.answer
    assert answer is not None
    places = answer.layout.views[0].positions
    at = app(None)
    work = work_of(at)
    work.exchanges = [exchange]
    work.inspect(exchange)
    work.target = target
    sets = tuple(PatchSet(name, f"{name}: p = 0.93.", places[:2]) for name in ("Suffices", "Needed"))
    parts = (ScoredPart("top left 1", places[:2], 1.5, 0.25), ScoredPart("“dog”", (0,), -2.0, 0.5))
    for method, found in (("greedy_regions", {"sets": sets}), ("shapley", {"parts": parts})):
        scores = torch.rand(len(answer.layout))
        order = Order(method, explainers()[method].Settings())
        work.view(RelevancyView).keep(answer, order, [Explanation(scores, target, method, {}, 0.1, **found)])
    at.session_state["relevancy_methods"] = ["greedy_regions", "shapley"]
    at.switch_page("pages/3_Relevancy.py").run()
    assert not at.exception and not at.error
    assert "**Suffices**" in captions(at) and "**Needed**" in captions(at)
    assert "The 2 that count most, of 2." in captions(at)
    assert any("Shapley values" in one.value and "regions and words" in one.value for one in at.markdown)
    assert len(at.get("image")) >= 2 and charts(at) >= 3


def test_a_set_is_the_part_of_the_picture_that_is_not_washed_out(llava: TransformersModel) -> None:
    answer = exchange_of(llava).answer
    assert answer is not None
    (view,) = answer.layout.views
    left, top, right, bottom = (round(edge) for edge in view.patch_box(5))
    picture = answer.question.images[0].convert("RGB")
    shown = part_of(answer, PatchSet("Suffices", "", (view.positions[5],)), 0, max(picture.size))
    assert shown.size == picture.size
    own, seen = (np.asarray(one, dtype=int) for one in (picture, shown))
    inside = np.zeros(own.shape[:2], bool)
    inside[top:bottom, left:right] = True
    assert np.array_equal(own[inside], seen[inside])
    assert np.abs(seen[~inside] - 128).max() <= 27 and isinstance(shown, Image.Image)


def test_a_set_of_nothing_washes_out_everything(llava: TransformersModel) -> None:
    answer = exchange_of(llava).answer
    assert answer is not None
    shown = part_of(answer, PatchSet("Suffices", "", ()), 0, 40)
    assert max(shown.size) <= 80 and np.abs(np.asarray(shown, dtype=int) - 128).max() <= 27
