"""Every mechanism makes the passes that it says it will."""

from __future__ import annotations

import pytest
from PIL import Image

from core.answer import Target
from core.mechanisms.registry import mechanisms
from core.mechanisms.run import expected, measure
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled
from tests.vlm.counted import counting

SETTINGS = [
    *((key, {}) for key in mechanisms()),
    ("attention_knockout", {"reader": "every group", "window": 1}),
    ("attention_knockout", {"source": "image", "reader": "question"}),
    ("head_ablation", {"instead": "their mean", "draws": 2}),
    ("causal_tracing", {"corrupt": "a blank picture"}),
    ("causal_tracing", {"corrupt": "noise on words", "samples": 2}),
    ("causal_tracing", {"restore": "what the MLP adds", "window": 2, "samples": 2}),
    ("causal_tracing", {"at": "token by token", "samples": 2}),
    ("logit_lens", {"positions": "image tokens"}),
]


@pytest.mark.parametrize(("key", "changed"), SETTINGS)
def test_a_mechanism_makes_the_passes_that_it_says(
    key: str, changed: dict[str, object], llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the dog the dog and the other dog?", picture, tokens=3)
    mechanism, target = mechanisms()[key], Target((2,))
    settings = mechanism.Settings(**changed)
    told = expected(mechanism, llava, answer, target, settings).passes
    with counting(llava, answer) as counted:
        measure(mechanism, llava, answer, target, settings)
    # Which layer the first of some heads lies in is chance; so is what earlier answers left.
    assert told.forward == pytest.approx(counted.forward, abs=0.6 + 0.2 * counted.forward)
    assert told.tower == pytest.approx(counted.tower, abs=1.5)
