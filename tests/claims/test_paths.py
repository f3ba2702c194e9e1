"""What cutting attention does to a word, where some windows of layers have no attention to cut."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core.answer import Decoding, Question, Target
from core.claims.measures import paths as measure
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel


def test_windows_without_attention_have_no_figure(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_the_first(*_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(change=np.array([[np.nan, -1.0, 0.5]] * len(measure.CUTS)))

    monkeypatch.setattr(measure, "knockout_curves", without_the_first)
    answer = ask(llava, Question("Where?", picture, decoding=Decoding(max_new_tokens=1)))
    measured = {"word": measure.paths(llava, answer, Target((0,)), None)}
    json.dumps(measured, allow_nan=False)
    figures = [
        figure for figure in measure.path_figures([measured], "word", control=False) if "from layer" in figure.what
    ]
    assert [(figure.at, figure.estimate.value) for figure in figures] == [(1.0, -1.0), (2.0, 0.5)] * len(measure.CUTS)
