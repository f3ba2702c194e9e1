"""Shapes of figures: those that do not fit model or answer are refused in a sentence, the others become lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Alternative, Answer
from core.errors import MisshapenFigure
from core.mechanisms.groups import Group
from core.mechanisms.results import (
    Curve,
    Curves,
    HeadValues,
    LayerTexts,
    LayerValues,
    PositionValues,
    Result,
    Shape,
    single_places,
)
from core.vlm.hf.network import TransformersModel
from tests.eager import sampled

WORD = (Alternative(1, "a", -0.5),)


@pytest.fixture
def answer(llava: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(llava, "the dog?", picture, tokens=2)


def misshapen(answer: Answer) -> list[tuple[Shape, str]]:
    """Figures that fit neither the model nor the answer, and what is said of them."""
    length, place = len(answer.layout), [Group("here", (0,))]
    tensor: Any = torch.zeros(3, 4)
    return [
        (HeadValues("Heads", np.zeros((2, 2))), r"Heads: .* array of \(3, 4\), and was given one of \(2, 2\)"),
        (HeadValues("Heads", tensor), "was given a Tensor"),
        (PositionValues("Map", np.zeros(length - 1)), "a figure for each position"),
        (LayerValues("Table", np.zeros((2, 2)), [0, 1], place), "a row for each layer"),
        (LayerValues("Table", np.zeros((2, 1)), [0, 1], place, spread=np.zeros(2)), "a row for each layer"),
        (LayerValues("Table", np.zeros((1, 1)), [4], place), "layers of the model"),
        (LayerValues("Table", np.zeros((1, 1)), [0], [Group("far", (length,))]), "places of the sequence"),
        (LayerValues("Table", np.zeros((0, 1)), [], place), "at least one of each"),
        (LayerTexts("Words", [[WORD, WORD]], [0], place), "a row for each layer"),
        (LayerTexts("Words", [[()]], [0], place), "at least one word"),
        (Curves("Lines", [], "layer"), "it needs curves"),
        (Curves("Lines", [Curve("a", [0], np.zeros(1)), Curve("a", [0], np.zeros(1))], "layer"), "a name of its own"),
        (Curves("Lines", [Curve("a", [0, 1], np.zeros(1))], "layer"), "Lines, a: .* for each place"),
        (Curves("Lines", [Curve("a", [0], np.zeros(1), np.zeros(2))], "layer"), "for each place"),
    ]


def test_figures_that_do_not_fit_are_refused_by_their_title(llava: TransformersModel, answer: Answer) -> None:
    for shape, said in misshapen(answer):
        with pytest.raises(MisshapenFigure, match=said):
            Result((shape,)).check(llava, answer)


def test_lines_of_a_table_name_layer_and_place(answer: Answer) -> None:
    places = single_places(answer, [0, 1])
    table = LayerValues("Table", np.array([[1.0, 2.0]]), [3], places, spread=np.array([[0.1, 0.2]]))
    assert table.rows(answer)[1] == {"layer": 3, "place": f"1: {answer.texts[1]}", "value": 2.0, "spread": 0.2}
    words = LayerTexts("Words", [[WORD, WORD]], [3], places)
    assert words.rows(answer)[0] == {
        "layer": 3,
        "place": f"0: {answer.texts[0]}",
        "rank": 1,
        "word": "a",
        "logprob": -0.5,
    }


def test_lines_of_heads_positions_and_curves_are_all_their_figures(answer: Answer) -> None:
    heads = HeadValues("Heads", np.arange(12.0).reshape(3, 4)).rows(answer)
    assert len(heads) == 12 and heads[6] == {"layer": 1, "head": 2, "value": 6.0}
    positions = PositionValues("Map", np.arange(float(len(answer.layout)))).rows(answer)
    assert positions[-1] == {
        "position": len(answer.layout) - 1,
        "kind": "answer",
        "token": answer.tokens[-1].text,
        "value": float(len(answer.layout) - 1),
    }
    curve = Curve("chance", [2], np.array([1.0]), np.array([0.5]), np.array([1.5]), control=True)
    assert Curves("Lines", [curve], "heads taken away").rows(answer) == [
        {"curve": "chance", "control": True, "heads taken away": 2, "value": 1.0, "low": 0.5, "high": 1.5}
    ]
