"""What each token of an answer owes to the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.answer import Fill, RegionMask
from core.errors import NotApplicable, OtherModel
from core.evidence.dependence import image_dependence
from core.masking import apply_mask
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score
from tests.eager import sampled


@pytest.mark.parametrize("fill", ["black", "blur"])
def test_it_is_the_fall_in_log_probability_without_the_picture(
    model: TransformersModel, picture: Image.Image, fill: Fill
) -> None:
    answer = sampled(model, "the the dog?", picture, tokens=4)
    empty = Image.new("RGB", picture.size)
    if fill == "blur":
        empty = apply_mask(picture, RegionMask(np.ones((80, 120), bool), "blur"))
    full = score(model, answer.question, answer.token_ids).logprobs
    blank = score(model, replace(answer.question, images=(empty,)), answer.token_ids).logprobs
    np.testing.assert_allclose(image_dependence(model, answer, fill), full - blank, atol=2e-4)


def test_an_answer_without_a_picture_owes_it_nothing(model: TransformersModel) -> None:
    answer = sampled(model, "the the dog?", tokens=3)
    assert image_dependence(model, answer).tolist() == [0.0, 0.0, 0.0]


def test_no_place_of_image_tokens_is_needed(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=3)
    nowhere = replace(answer, layout=replace(answer.layout, views=()))
    np.testing.assert_allclose(image_dependence(llava, nowhere), image_dependence(llava, answer), atol=1e-6)


def test_an_answer_of_another_model_and_an_empty_one_are_refused(
    llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the the dog?", picture, tokens=3)
    with pytest.raises(OtherModel):
        image_dependence(llava, replace(answer, model="another"))
    with pytest.raises(NotApplicable, match="empty"):
        image_dependence(llava, replace(answer, tokens=()))
