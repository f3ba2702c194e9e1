"""Families that read their prompts in ways of their own: the answer is the one that transformers would have written."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.answer import Decoding, Question
from core.errors import ImageMissing, ModelUnavailable
from core.vlm.generation import ask
from core.vlm.hf import processor as processors
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from tests.families import (
    save_aya_vision,
    save_gemma3,
    save_idefics2,
    save_internvl,
    save_llava_next,
    save_llava_onevision,
    save_mistral3,
    save_paligemma,
    save_pixtral,
    save_qwen2_vl,
    save_smolvlm,
    saver,
)
from tests.generate import generated
from tests.zoo import load

SAVERS: dict[str, Callable[[Path], Path]] = {
    "aya_vision": save_aya_vision,
    "gemma3": save_gemma3,
    "granite4_vision": saver("granite4_vision"),
    "idefics2": save_idefics2,
    "internvl": save_internvl,
    "llava_next": save_llava_next,
    "llava_onevision": save_llava_onevision,
    "paligemma": save_paligemma,
    "qwen2_vl": save_qwen2_vl,
    "smolvlm": save_smolvlm,
}
if find_spec("torchvision"):  # their processor is not made without it
    SAVERS |= {"mistral3": save_mistral3, "pixtral": save_pixtral}


@pytest.fixture(scope="module", params=sorted(SAVERS))
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(SAVERS[request.param](tmp_path_factory.mktemp(request.param)))


@pytest.mark.parametrize("count", [1, 2])
def test_an_answer_is_what_transformers_generates(family: TransformersModel, picture: Image.Image, count: int) -> None:
    images = (picture, picture.resize((60, 200)))[:count]
    ask(family, Question("Where is it?", images, decoding=Decoding(max_new_tokens=1)))
    # What was kept of the pictures then is used now, by families that share it.
    answer = ask(family, Question("What is this?", images, decoding=Decoding(max_new_tokens=5)))
    prompt, logprobs = generated(family, answer.question)
    assert answer.inputs["input_ids"][0].tolist() == prompt
    assert len(answer.prompt_tokens) == len(prompt)
    assert answer.tokens
    for token, row in zip(answer.tokens, logprobs, strict=False):
        assert token.logprob == pytest.approx(float(row[token.id]), abs=1e-5)
    replayed = family.replay_logits(answer).log_softmax(-1)
    for index, token in enumerate(answer.tokens):
        assert token.logprob == pytest.approx(float(replayed[index, token.id]), abs=1e-5)


def test_a_family_that_needs_a_picture_says_so(tmp_path: Path) -> None:
    model = load(save_paligemma(tmp_path))
    with pytest.raises(ImageMissing, match="Choose a picture"):
        model.prepare(Question("What is this?"))


def test_a_processor_that_needs_a_missing_package_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def needs(*_: Any, **__: Any) -> None:
        raise ImportError("\nPixtralProcessor requires the Torchvision library. Check out\nthe page:")

    monkeypatch.setattr(processors.AutoProcessor, "from_pretrained", needs)
    with pytest.raises(ModelUnavailable, match=r"the package torchvision, which is not installed"):
        load_model(ModelSpec(str(save_paligemma(tmp_path)), device="cpu"))
