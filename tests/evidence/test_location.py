"""A map held against the ground truth alone gives the figures of the whole trial, and reads no picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.answer import Decoding, Question, Target
from core.evidence.evaluate import evaluate
from core.evidence.location import locate
from core.evidence.settings import EvidenceSettings
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel

SETTINGS = EvidenceSettings(fill="black", steps=2, draws=2, deciding=0)


def test_figures_equal_those_of_the_trial(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, Question("What is the door?", (picture,), decoding=Decoding(max_new_tokens=4)))
    [map_] = explain(explainers()["raw_attention"], model, answer, [Target((1,))])
    truth = np.zeros((picture.height, picture.width), bool)
    truth[20:60, 40:90] = True
    [whole] = evaluate(model, answer, [map_], truth=truth, settings=SETTINGS)
    located = locate(model, answer, map_, truth, settings=SETTINGS)
    assert located is not None and set(located.tested) == {"energy", "pointing", "soft_iou"}
    for key, figure in located.tested.items():
        assert figure.value == whole.tested.figures[key].value
        assert located.centre[key].value == whole.centre.figures[key].value
        assert [one[key].value for one in located.random] == [one.figures[key].value for one in whole.random]


def test_a_truth_that_marks_nothing_has_no_figures(llava: TransformersModel, picture: Image.Image) -> None:
    answer = ask(llava, Question("What is the door?", (picture,), decoding=Decoding(max_new_tokens=4)))
    [map_] = explain(explainers()["raw_attention"], llava, answer, [Target((1,))])
    assert locate(llava, answer, map_, np.zeros((picture.height, picture.width), bool)) is None
    with pytest.raises(ValueError, match="pixels"):
        locate(llava, answer, map_, np.ones((3, 3), bool))
