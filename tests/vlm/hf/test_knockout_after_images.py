"""Hidden positions against a full eager pass whose mask is written out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from core.answer import Answer, Decoding, Question, TokenKind, Turn
from core.vlm.edits import Edits, Knockout, first_after_images
from core.vlm.generation import ask
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from tests.eager import eager_logits_without
from tests.zoo import load, of_family, save_llava

FIVE = Decoding(max_new_tokens=5, temperature=1.2, seed=3)


def hidings(answer: Answer) -> list[tuple[int, ...]]:
    """Nothing, one image token, some, all of them, a word, the same word twice, and everything at once."""
    image, text = answer.layout.positions(TokenKind.IMAGE), answer.layout.positions(TokenKind.TEXT)
    everything = tuple(range(len(answer.prompt_tokens)))
    return [(), image[:1], image[1::3], image, text[:1], (text[-1], text[-1]), everything]


def knockout(answer: Answer, positions: Sequence[int]) -> Edits:
    """Nothing after the images may attend to these positions."""
    return (Knockout(tuple(range(first_after_images(answer), len(answer.layout))), tuple(positions)),)


def logits_without(
    model: TransformersModel, answer: Answer, sets: Sequence[Sequence[int]]
) -> list[Float[Tensor, "answer vocabulary"]]:
    return model.logits_with(answer, [knockout(answer, positions) for positions in sets])


def questions(picture: Image.Image) -> tuple[Question, ...]:
    return (
        Question("Where is the the the dog?", (picture,), decoding=FIVE),
        Question("Why?", (picture,), history=(Turn("Where is it?", "There."),), decoding=FIVE),
        Question("Is it?", (picture, picture.resize((60, 90))), decoding=FIVE),
        Question("Only words", decoding=FIVE),
    )


def test_hidden_positions_are_as_in_a_full_pass_with_that_mask(model: TransformersModel, picture: Image.Image) -> None:
    for question in questions(picture):
        answer = ask(model, question)
        sets = [hidden for hidden in hidings(answer) if hidden or question.images]
        knocked_out = logits_without(model, answer, sets)
        for hidden, logits in zip(sets, knocked_out, strict=True):
            torch.testing.assert_close(
                logits, eager_logits_without(model, answer, hidden).float(), atol=2e-4, rtol=1e-4
            )


def test_a_sliding_window_still_holds(tmp_path: Path, picture: Image.Image) -> None:
    folder = save_llava(tmp_path, model_type="mistral", num_key_value_heads=2, sliding_window=8)
    model = load(folder)
    for question in questions(picture)[:3]:
        answer = ask(model, question)
        for hidden, logits in zip(hidings(answer), logits_without(model, answer, hidings(answer)), strict=True):
            torch.testing.assert_close(
                logits, eager_logits_without(model, answer, hidden, 8).float(), atol=2e-4, rtol=1e-4
            )


def test_a_family_that_shares_no_prefix_is_read_whole(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, questions(picture)[0])
    over_prefix = logits_without(model, answer, hidings(answer))
    undescribed = of_family(model, Undescribed("unknown"))
    for first, second in zip(over_prefix, logits_without(undescribed, answer, hidings(answer)), strict=True):
        torch.testing.assert_close(first, second, atol=2e-4, rtol=1e-4)


def test_hiding_nothing_changes_nothing_and_hiding_the_picture_does(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = ask(model, questions(picture)[0])
    image = answer.layout.positions(TokenKind.IMAGE)
    same, other = logits_without(model, answer, [(), image])
    torch.testing.assert_close(same, model.replay_logits(answer), atol=1e-4, rtol=1e-4)
    assert float((same - other).abs().max()) > 1e-2
    # And nothing of it is left behind.
    torch.testing.assert_close(model.replay_logits(answer), same, atol=1e-4, rtol=1e-4)


def test_the_kept_prompt_is_not_touched(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, questions(picture)[0])
    logits_without(model, answer, hidings(answer))
    again = ask(model, answer.question)
    assert again.token_ids == answer.token_ids
    assert max(abs(a.logprob - b.logprob) for a, b in zip(answer.tokens, again.tokens, strict=True)) < 1e-4


def test_little_memory_makes_small_batches(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ask(model, questions(picture)[0])
    monkeypatch.setattr("core.vlm.batch_size.available_bytes", lambda _: 8 * 2**20)
    few = model.edits_at_once(answer, first_after_images(answer))
    monkeypatch.setattr("core.vlm.batch_size.available_bytes", lambda _: 0)
    assert model.edits_at_once(answer, first_after_images(answer)) == 1 < few < 64
