"""LLaVA over a SigLIP, which has no class token: under both feature selections its image tokens are where they say, or
what does not fit is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from core.answer import Decoding, Question, TokenKind
from core.errors import UnusableImage
from core.explainers.relevancy import Relevancy, RelevancySettings
from core.explainers.run import explain
from core.vlm.generation import ask
from core.vlm.replay import replay_difference
from core.vlm.targets import token_targets_of, whole_answer
from core.zoo.strips import blinkers, changed
from core.zoo.tokenizer import build_tokenizer
from tests import literal
from tests.zoo import LLAVA_SIDE, LLAVA_TEMPLATE, PATCH, _decoder, _save, load

ASKED = Decoding(max_new_tokens=3)


def save_siglip(folder: Path, strategy: str, additional: int) -> Path:
    """A LLaVA over 56 px pictures and a SigLIP of 4 x 4 patches."""
    tokenizer = build_tokenizer(image_token="<image>")
    torch.manual_seed(0)
    config = transformers.LlavaConfig(
        text_config={"model_type": "llama", "num_key_value_heads": 4, **_decoder(len(tokenizer))},
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": LLAVA_SIDE,
            "patch_size": PATCH,
            "vision_use_head": False,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy=strategy,
    )
    _save(transformers.LlavaForConditionalGeneration(config), folder)
    transformers.LlavaProcessor(
        transformers.SiglipImageProcessorPil(size={"height": LLAVA_SIDE, "width": LLAVA_SIDE}),
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy=strategy,
        num_additional_image_tokens=additional,
        chat_template=LLAVA_TEMPLATE,
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("strategy", ["full", "default"])
def test_each_token_is_the_patch_that_moves_it(strategy: str, tmp_path: Path) -> None:
    model = load(save_siglip(tmp_path, strategy, 0))
    pixels = np.random.default_rng(1).integers(60, 160, (56, 56, 3)).astype(np.uint8)
    pictures = (Image.fromarray(pixels), Image.fromarray(pixels[::-1].copy()))
    layout = model.prepare(Question("What?", pictures)).layout
    tokens = layout.positions(TokenKind.IMAGE)
    boxes = [layout.box(position) for position in tokens]
    dropped = strategy == "default"
    assert len(boxes) == 2 * (16 - dropped) and None not in boxes
    assert boxes[0] == ((14, 0, 28, 14) if dropped else (0, 0, 14, 14))
    with blinkers(model):
        for box, index in list(zip(boxes, range(16 - dropped), strict=False)):
            assert box is not None
            lit = np.zeros((56, 56), bool)
            lit[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
            assert changed(model, pixels, lit) == {index}


@pytest.mark.parametrize("strategy", ["full", "default"])
def test_answers_and_relevancy_through_the_tower_hold_without_a_class_token(strategy: str, tmp_path: Path) -> None:
    model = load(save_siglip(tmp_path, strategy, 0))
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (56, 56, 3)).astype(np.uint8))
    answer = ask(model, Question("What?", picture, decoding=ASKED))
    assert replay_difference(model, answer) < 1e-5
    target = whole_answer(answer)
    (explanation,) = explain(Relevancy(), model, answer, [target], RelevancySettings(through_tower=True))
    whole = literal.whole_pass(literal.network_of(tmp_path), answer)
    maps = [literal.relevancy(whole, answer, one, tower=True) for one in token_targets_of(answer, target)]
    torch.testing.assert_close(explanation.scores.double(), torch.stack(maps).mean(0), atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize(("strategy", "made", "written"), [("default", 15, 16), ("full", 16, 17)])
def test_a_tower_and_a_processor_that_do_not_fit_are_named(
    strategy: str, made: int, written: int, tmp_path: Path
) -> None:
    model = load(save_siglip(tmp_path, strategy, 1))
    with pytest.raises(UnusableImage, match=rf"makes {made} image tokens .* writes {written} into the prompt"):
        ask(model, Question("What?", Image.new("RGB", (56, 56)), decoding=ASKED))
