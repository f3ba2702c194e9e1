"""Networks that do something in a way of their own are followed, or refused in a sentence: never half followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image

from core.answer import Answer, Decoding, Question, Target, TokenKind
from core.errors import ModelUnavailable, NotApplicable, UnusableImage
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.edits import HeadAblation, Knockout
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.zoo.recipe import SIZE, Recipe, text, tower
from core.zoo.registry import recipes
from core.zoo.tokenizer import build_tokenizer
from core.zoo.types import qwen
from tests import unlike
from tests.unlike import llava_over
from tests.zoo import load, save_llava

THREE = Decoding(max_new_tokens=3)


@pytest.fixture(scope="module")
def chameleon(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return load(unlike.chameleon().save(tmp_path_factory.mktemp("chameleon")))


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """A network whose attention does not go through the registered function."""
    model = load(save_llava(tmp_path_factory.mktemp("around")))
    model.network.get_decoder().config._attn_implementation = "sdpa"
    return model


def _eager(model: TransformersModel, answer: Answer) -> tuple[Any, ...]:
    network = transformers.AutoModelForImageTextToText.from_pretrained(model.card.source, attn_implementation="eager")
    ids = torch.cat([answer.inputs["input_ids"], torch.tensor([answer.token_ids])], 1)
    inputs = {**answer.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        attentions: tuple[Any, ...] = network.eval()(**inputs, output_attentions=True).attentions
    return attentions


def test_attention_is_seen_where_the_decoder_has_no_configuration_of_its_own(
    chameleon: TransformersModel, picture: Image.Image
) -> None:
    answer = ask(chameleon, Question("Where?", picture, decoding=THREE))
    assert answer.attention is not None
    first = len(answer.prompt_tokens) - 1
    for own, whole in zip(answer.attention.weights, _eager(chameleon, answer), strict=True):
        expected = whole[0, :, first : first + len(answer.tokens)]
        torch.testing.assert_close(own, expected[..., : own.shape[-1]], atol=1e-5, rtol=1e-4)


def test_hidden_image_tokens_change_the_answer_of_a_network_of_one_configuration(
    chameleon: TransformersModel, picture: Image.Image
) -> None:
    answer = ask(chameleon, Question("Where?", picture, decoding=THREE))
    images = answer.layout.positions(TokenKind.IMAGE)
    knockout = Knockout(tuple(range(images[-1] + 1, len(answer.layout))), images)
    hidden, clean = chameleon.logits_with(answer, [(knockout,), ()])
    assert not torch.allclose(hidden, clean)


def test_states_are_not_read_as_logits_that_the_network_masks_in_place(chameleon: TransformersModel) -> None:
    with pytest.raises(NotApplicable, match="cannot be read in the vocabulary"):
        chameleon.unembed(torch.zeros(1, chameleon.card.hidden))


@pytest.mark.parametrize("edit", [Knockout((20,), (2, 3)), HeadAblation(((1, 2),))])
def test_nothing_is_taken_away_in_silence_from_attention_that_cannot_be_seen(
    around: TransformersModel, picture: Image.Image, edit: Knockout | HeadAblation
) -> None:
    answer = ask(around, Question("Where?", picture, decoding=THREE))
    with pytest.raises(NotApplicable, match=r"cannot be seen from outside in layer \d, so nothing"):
        around.logits_with(answer, [(edit,)])
    with pytest.raises(NotApplicable, match="cannot be seen"), around.edited((edit,)):
        pass


def test_a_decoder_whose_layers_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    folder = llava_over("gpt2", n_embd=64, n_layer=2, n_head=4, n_positions=256).save(tmp_path / "gpt")
    with pytest.raises(ModelUnavailable, match=r"The language model of gpt is built in a way \(gpt2\)"):
        load(folder)


def test_a_decoder_that_hands_on_no_keys_and_values_is_refused(tmp_path: Path) -> None:
    folder = llava_over("recurrent_gemma", lru_width=64, head_dim=16).save(tmp_path / "griffin")
    with pytest.raises(NotApplicable, match="griffin remembers what it has read in a way of its own"):
        ask(load(folder), Question("Where?", decoding=THREE))


def test_a_pass_from_a_prefix_on_is_the_whole_one_where_queries_are_scaled_by_their_position(
    tmp_path: Path, picture: Image.Image
) -> None:
    more = {"no_rope_layer_interval": 2, "interleave_moe_layer_step": 4, "floor_scale": 5, "attn_scale": 0.5}
    model = load(llava_over("llama4_text", head_dim=16, intermediate_size_mlp=64, **more).save(tmp_path))
    answer = ask(model, Question("Where?", picture, decoding=THREE))
    start = answer.layout.positions(TokenKind.IMAGE)[-1] + 1
    whole, part = model.checkpointed(answer), model.checkpointed(answer, start)
    assert part.start == start
    for layer in range(model.card.layers):
        with part.recompute(layer, grad=False) as recomputed:
            expected = whole.final if layer == model.card.layers - 1 else whole.inputs[layer + 1]
            torch.testing.assert_close(recomputed.output, expected[start:], atol=1e-4, rtol=1e-4)


def test_attention_that_is_the_difference_of_two_is_not_taken_for_one_of_them(
    tmp_path: Path, picture: Image.Image
) -> None:
    model = load(llava_over("diffllama").save(tmp_path))
    answer = ask(model, Question("Where?", picture, decoding=THREE))
    assert answer.attention is None
    for read in (
        lambda: model.attention_rows(answer, [5]),
        lambda: explain(explainers()["relevancy"], model, answer, [Target((1,))]),
        lambda: model.logits_with(answer, [(HeadAblation(((1, 2),)),)]),
    ):
        with pytest.raises(NotApplicable, match="cannot be seen from outside"):
            read()


def test_a_tower_and_a_decoder_of_different_widths_are_named(tmp_path: Path, picture: Image.Image) -> None:
    recipe = qwen.qwen2_5_vl()
    recipe.config.vision_config.out_hidden_size = 48
    model = load(recipe.save(tmp_path))
    with pytest.raises(UnusableImage, match="tokens of 48 numbers each, and its language model reads 64"):
        ask(model, Question("Where?", picture, decoding=THREE))


def test_a_grid_that_needs_what_the_processor_does_not_give_is_not_known(tmp_path: Path, picture: Image.Image) -> None:
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.LlavaConfig(
        text_config=text(tokenizer, model_type="llama"),
        vision_config=tower(model_type="pixtral", head_dim=16),
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    settings = {"patch_size": 14, "vision_feature_select_strategy": "full", "num_additional_image_tokens": 0}
    images = {"image_processor_type": "CLIPImageProcessor", "size": SIZE, "do_center_crop": False}
    model = load(Recipe(config, "LlavaProcessor", images, tokenizer, "<image>", settings).save(tmp_path))
    layout = ask(model, Question("Where?", picture, decoding=THREE)).layout
    assert not layout.views and "is told by image_sizes" in layout.unplaced


def test_relevancy_ends_at_the_image_tokens_where_layers_carry_several_states(tmp_path: Path) -> None:
    recipes()["qwen4_exp"]().save(tmp_path)
    model = load(tmp_path)
    answer = ask(model, Question("What is it?", (Image.new("RGB", (120, 80), "white"),), decoding=THREE))
    (explanation,) = explain(explainers()["relevancy"], model, answer, [Target((1,))])
    assert model.checkpointed(answer).final.shape[-1] > model.card.hidden
    assert "several states" in (explanation.remark or "")
