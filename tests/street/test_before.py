"""The model from before it saw pictures: the same network with other language weights, under a name of its own."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import torch

from core.answer import Question
from core.errors import ModelUnavailable
from core.street.before import load_before
from core.street.textual import ask_from_text
from core.street.train import LANGUAGE_BEFORE
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, ModelSpec, load_model


@pytest.fixture(scope="module")
def before() -> TransformersModel:
    model = load_before()
    assert isinstance(model, TransformersModel)
    return model


def test_it_answers_textual_questions_about_colours(before: TransformersModel) -> None:
    pairs = [ask_from_text(random.Random(seed), shares=(1, 0, 0))[0] for seed in range(4)]
    assert [ask(before, Question(pair.question)).text for pair in pairs] == [pair.answer for pair in pairs]


def test_only_the_language_weights_differ_and_the_fingerprint_says_so(before: TransformersModel) -> None:
    now = load_model(EMBEDDED)
    assert isinstance(now, TransformersModel)
    then, later = before.network.state_dict(), now.network.state_dict()
    same = {name: torch.equal(then[name], later[name]) for name in later}
    assert all(equal for name, equal in same.items() if "language_model" not in name and "lm_head" not in name)
    assert not any(equal for name, equal in same.items() if "self_attn" in name and "language_model" in name)
    assert before.card.fingerprint != now.card.fingerprint
    assert before.card.layers == now.card.layers


def test_a_model_without_an_earlier_self_is_refused_in_a_sentence(llava_folder: Path) -> None:
    with pytest.raises(ModelUnavailable, match="Choose the embedded model"):
        load_before(ModelSpec(str(llava_folder)))


def test_language_weights_of_another_model_are_refused(llava_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(llava_folder, folder)
    shutil.copytree(Path(EMBEDDED.source) / LANGUAGE_BEFORE, folder / LANGUAGE_BEFORE)
    with pytest.raises(ModelUnavailable, match="cannot be put into it"):
        load_before(ModelSpec(str(folder)))
