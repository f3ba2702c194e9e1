"""Numbers written to files come back as they were, with what made them."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Explanation, Question, Target, TokenKind
from core.maps.files import csv_text, npz_bytes
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel

TRICKY = '=cmd|"x", \n\t# <b>שלום</b>'


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    return ask(model, Question(TRICKY, (picture,), decoding=Decoding(max_new_tokens=3)))


def explanations(answer: Answer) -> list[Explanation]:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn((3, len(answer.layout)), generator=generator)
    scores[1, 4] = torch.nan
    methods = ("relevancy", "random", "relevancy")
    return [
        Explanation(row, Target((1, 2)), method, {"layers": (0, 2), "seed": 3}, 0.5)
        for row, method in zip(scores, methods, strict=True)
    ]


def test_a_csv_gives_back_every_score_token_and_place(answer: Answer) -> None:
    made = explanations(answer)
    first, _, body = csv_text(answer, made).partition("\n")
    table = list(csv.DictReader(io.StringIO(body)))
    assert [int(line["position"]) for line in table] == list(range(len(answer.layout)))
    assert [json.loads(line["token"]) for line in table] == list(answer.texts)
    assert not any(cell.startswith(("=", "+", "@")) for line in table for cell in line.values())
    for name, explanation in zip(("relevancy_1", "random", "relevancy_2"), made, strict=True):
        scores_read = np.array([float(line[name]) for line in table], dtype=np.float32)
        assert np.array_equal(scores_read, explanation.scores.numpy(), equal_nan=True)
    for position, line in enumerate(table):
        box = answer.layout.box(position)
        assert [line[side] for side in ("left", "top", "right", "bottom")] == (
            [""] * 4 if box is None else [*map(str, box)]
        )
    records = json.loads(first.removeprefix("# "))
    assert records[1]["method"] == "random" and records[1]["settings"] == {"layers": [0, 2], "seed": 3}
    assert records[0]["target"] == [token.text for token in answer.tokens[1:3]]
    assert records[0]["question"] == TRICKY and records[0]["model"] == answer.model


def test_an_npz_opens_without_pickles_and_says_the_same(answer: Answer) -> None:
    made = explanations(answer)
    with np.load(io.BytesIO(npz_bytes(answer, made)), allow_pickle=False) as archive:
        assert np.array_equal(archive["scores"], np.stack([one.scores.numpy() for one in made]), equal_nan=True)
        assert archive["maps"].tolist() == ["relevancy_1", "random", "relevancy_2"]
        assert [json.loads(token) for token in archive["tokens"]] == list(answer.texts)
        assert archive["kinds"].tolist() == [kind.value for kind in answer.layout.kinds]
        image = answer.layout.positions(TokenKind.IMAGE)
        assert np.flatnonzero(~np.isnan(archive["boxes"]).any(1)).tolist() == list(image)
        view = answer.layout.views[0]
        assert tuple(archive["boxes"][view.positions[-1]]) == view.patch_box(len(view.positions) - 1)
        assert archive["grid"][view.positions[-1]].tolist() == [view.rows, view.columns]
        assert json.loads(str(archive["records"]))[2]["method"] == "relevancy"


def test_words_alone_are_written_too(model: TransformersModel) -> None:
    answer = ask(model, Question("Why?", decoding=Decoding(max_new_tokens=2)))
    made = [Explanation(torch.zeros(len(answer.layout)), Target((0,)), "relevancy", {}, 0.1)]
    assert csv_text(answer, made).count("\n") == len(answer.layout) + 2
    with np.load(io.BytesIO(npz_bytes(answer, made))) as archive:
        assert np.isnan(archive["boxes"]).all() and (archive["grid"] == 0).all()
