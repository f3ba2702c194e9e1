"""Raw and relative attention, rollout, and attention through the tower, against full eager matrices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.answer import Answer, Target, TokenKind, Turn
from core.attention.tower import image_tokens
from core.errors import NotApplicable
from core.explainers.attention_times_tower import AttentionTimesTower, AttentionTimesTowerSettings
from core.explainers.raw_attention import RawAttention, RawAttentionSettings
from core.explainers.relative_attention import RelativeAttention, RelativeAttentionSettings
from core.explainers.rollout import Rollout
from core.explainers.run import explain
from core.vlm.hf.network import TransformersModel
from tests.eager import eager_attentions, eager_network, sampled, whole_inputs
from tests.zoo import load, save_llava

CLOSE = {"atol": 1e-5, "rtol": 1e-4}


def answers(model: TransformersModel, picture: Image.Image) -> list[Answer]:
    """Repeated words, a turn before, two pictures, no picture, and an answer of one token."""
    return [
        sampled(model, "the the dog the dog?", picture),
        sampled(model, "Why?", picture, history=(Turn("Where is it?", "There."),)),
        sampled(model, "Is it?", picture, picture.resize((60, 90)), tokens=1),
        sampled(model, "Only words"),
    ]


def each_token(answer: Answer) -> list[Target]:
    return [Target((index,)) for index in range(len(answer.tokens))]


def row_of(answer: Answer, index: int) -> int:
    return len(answer.prompt_tokens) + index - 1


@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_raw_attention_is_the_chosen_rows_of_eager_attention(
    model: TransformersModel, picture: Image.Image, reduce: str
) -> None:
    settings = RawAttentionSettings(layers=(0, 2), heads=(3, 1), reduce=reduce)
    for answer in answers(model, picture)[:: 1 if reduce == "mean" else 3]:
        matrices = eager_attentions(model, answer)
        for index, explanation in enumerate(explain(RawAttention(), model, answer, each_token(answer), settings)):
            rows = torch.stack([matrices[layer][head, row_of(answer, index)] for layer in (0, 2) for head in (1, 3)])
            expected = rows.mean(0) if reduce == "mean" else rows.max(0).values
            torch.testing.assert_close(explanation.scores, expected.float(), **CLOSE)


def test_attention_that_was_not_kept_is_looked_up(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    kept = explain(RawAttention(), model, answer, each_token(answer))
    looked_up = explain(RawAttention(), model, replace(answer, attention=None), each_token(answer))
    for first, second in zip(kept, looked_up, strict=True):
        torch.testing.assert_close(first.scores, second.scores, **CLOSE)


def test_relative_attention_divides_by_the_generic_questions_layer_by_layer(
    model: TransformersModel, picture: Image.Image
) -> None:
    generic = "What is the house?"
    for answer in answers(model, picture)[:3]:
        places = answer.layout.positions(TokenKind.IMAGE)
        asked = eager_attentions(model, answer)
        inputs = model.prepare(replace(answer.question, text=generic)).inputs
        with torch.no_grad():
            other = eager_network(model.card.source)(
                **whole_inputs(replace(answer, inputs=inputs), ()), output_attentions=True
            ).attentions
        for layers in ((0, 1, 2), (1,)):
            settings = RelativeAttentionSettings(layers=layers, generic=generic)
            for index, explanation in enumerate(
                explain(RelativeAttention(), model, answer, each_token(answer), settings)
            ):
                expected = torch.zeros(len(answer.layout), dtype=torch.float64)
                for layer in layers:
                    for place in places:
                        ratio = (
                            asked[layer][:, row_of(answer, index), place].mean() / other[layer][0, :, -1, place].mean()
                        )
                        expected[place] += ratio / len(layers)
                torch.testing.assert_close(explanation.scores, expected.float(), atol=1e-4, rtol=1e-3)


def test_a_blank_generic_question_is_refused(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    with pytest.raises(NotApplicable, match="generic question is empty"):
        explain(RelativeAttention(), model, answer, each_token(answer), RelativeAttentionSettings(generic=" "))


def check_rollout(model: TransformersModel, answer: Answer) -> None:
    product = torch.eye(len(answer.layout), dtype=torch.float64)
    for matrix in eager_attentions(model, answer):
        mixed = 0.5 * matrix.mean(0) + 0.5 * torch.eye(len(answer.layout), dtype=torch.float64)
        product = mixed @ product
    for index, explanation in enumerate(explain(Rollout(), model, answer, each_token(answer))):
        torch.testing.assert_close(explanation.scores, product[row_of(answer, index)].float(), atol=1e-6, rtol=1e-4)


def test_rollout_is_the_literal_product_of_matrices(model: TransformersModel, picture: Image.Image) -> None:
    for answer in answers(model, picture):
        check_rollout(model, answer)


def test_rollout_in_small_blocks_is_the_same(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vlm.attention_call.BLOCK_BYTES", 1)
    check_rollout(model, sampled(model, "the the dog the dog?", picture))


def test_rollout_under_a_sliding_window(tmp_path: Path, picture: Image.Image) -> None:
    folder = save_llava(tmp_path, model_type="mistral", num_key_value_heads=2, sliding_window=8)
    model = load(folder)
    check_rollout(model, sampled(model, "the the dog the dog?", picture))


@pytest.mark.parametrize("tower", ["last", "mean"])
def test_decoder_attention_is_multiplied_with_the_towers(
    model: TransformersModel, picture: Image.Image, tower: str
) -> None:
    settings = AttentionTimesTowerSettings(layers=(0, 2), tower=tower)
    for answer in answers(model, picture)[:3]:
        matrices = eager_attentions(model, answer)
        explanations = explain(AttentionTimesTower(), model, answer, each_token(answer), settings)
        for index in range(len(answer.tokens)):
            looked = (
                torch.stack([matrices[layer][:, row_of(answer, index)].mean(0) for layer in (0, 2)]).mean(0).float()
            )
            expected = torch.zeros(len(answer.layout))
            for view in answer.layout.views:
                checkpoints = model.checkpointed_tower(answer)
                assert checkpoints is not None
                own = torch.tensor(image_tokens(answer.layout, view.image))
                attention = torch.stack(
                    [checkpoints.attention_among(layer, own) for layer in range(checkpoints.layers)]
                )
                among = (attention[-1:] if tower == "last" else attention).mean((0, 1))
                expected[list(view.positions)] = looked[list(view.positions)] @ among
            torch.testing.assert_close(explanations[index].scores, expected, **CLOSE)


def test_the_towers_part_is_that_of_eager_attention(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "Where is the dog?", picture, tokens=2)
    network = eager_network(llava.card.source)
    with torch.no_grad():
        pixels = answer.inputs["pixel_values"].double()
        tower = network.model.vision_tower(pixels, output_attentions=True).attentions
    # Without the class token, which no image token is made of.
    among = tower[-1][0].mean(0)[1:, 1:]
    places = list(answer.layout.positions(TokenKind.IMAGE))
    matrices = eager_attentions(llava, answer)
    looked = torch.stack([matrix[:, row_of(answer, 1)].mean(0) for matrix in matrices]).mean(0)
    (explanation,) = explain(AttentionTimesTower(), llava, answer, [Target((1,))])
    torch.testing.assert_close(explanation.scores[places], (looked[places] @ among).float(), **CLOSE)


def test_a_tower_nobody_described_is_an_obstacle_that_says_what_to_do(
    tmp_path: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(save_llava(tmp_path))
    answer = sampled(model, "Where is the dog?", picture)
    monkeypatch.setattr(model, "checkpointed_tower", lambda answer: None)
    with pytest.raises(NotApplicable, match="Choose hiding pixels, raw attention or input x gradient"):
        explain(AttentionTimesTower(), model, answer, each_token(answer))
    unplaced = replace(answer, layout=replace(answer.layout, views=()))
    assert "without their places" in (AttentionTimesTower().obstacle(model, unplaced) or "")
