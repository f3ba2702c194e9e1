"""Every method makes the passes that it says it will."""

from __future__ import annotations

import pytest
from PIL import Image

from core.answer import Target
from core.explainers.greedy_regions import GreedyRegionsSettings
from core.explainers.integrated_gradients import IntegratedGradientsSettings
from core.explainers.occlusion_superpixels import OcclusionSuperpixelsSettings
from core.explainers.occlusion_tokens import OcclusionTokensSettings
from core.explainers.registry import explainers
from core.explainers.run import expected, explain
from core.explainers.shapley import ShapleySettings
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled
from tests.vlm.counted import counting

SETTINGS = {
    "greedy_regions": GreedyRegionsSettings(segments=6, compactness=100.0, most=1),
    "integrated_gradients": IntegratedGradientsSettings(steps=5),
    "shapley": ShapleySettings(segments=6, compactness=100.0, pairs=2),
    "occlusion_superpixels": OcclusionSuperpixelsSettings(segments=6, compactness=100.0),
    "occlusion_tokens": OcclusionTokensSettings(window=2, step=2),
}


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("key", explainers())
def test_a_method_makes_the_passes_that_it_says(
    key: str, targets: int, llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the dog the dog and the other dog?", picture, tokens=3)
    method, wanted = explainers()[key], [Target((index,)) for index in range(targets)]
    told = expected(method, llava, answer, wanted, SETTINGS.get(key)).passes
    with counting(llava, answer) as counted:
        explain(method, llava, answer, wanted, SETTINGS.get(key))
    # Keys and values of the prompt that an earlier answer did not leave are read once.
    assert told.forward == pytest.approx(counted.forward, abs=0.6 + 0.1 * counted.forward)
    assert told.backward == pytest.approx(counted.backward, rel=0.1, abs=0.05)
    # So is the picture itself. Rows of the tower come by computing one layer again.
    assert told.tower == pytest.approx(counted.tower, rel=0.1, abs=1.5)


def test_what_needs_no_pass_costs_none(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "Where?", picture, tokens=1)
    for key in ("random", "centre_bias"):
        assert expected(explainers()[key], llava, answer, [Target((0,))]).seconds == 0
