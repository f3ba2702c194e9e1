"""Hidden tokens against a full eager pass whose mask is written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, TokenKind, Turn
from core.perturb.outcomes import outcomes
from core.perturb.perturbation import HiddenTokens
from core.perturb.prediction import Outcome
from core.vlm.generation import ask
from core.vlm.hf.families._undescribed import Undescribed
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of, whole_answer
from tests.eager import eager_logits_without
from tests.perturb.literal import CLOSE, check_outcome
from tests.zoo import load, of_family, save_llava

FIVE = Decoding(max_new_tokens=5, temperature=1.2, seed=3)


def hidings(answer: Answer) -> list[frozenset[int]]:
    """Nothing, one image token, some, all of them, a word, and everything at once."""
    image, text = answer.layout.positions(TokenKind.IMAGE), answer.layout.positions(TokenKind.TEXT)
    everything = range(len(answer.prompt_tokens))
    return [frozenset(some) for some in ((), image[:1], image[1::3], image, text[:1], everything)]


def questions(picture: Image.Image) -> tuple[Question, ...]:
    return (
        Question("Where is the the the dog?", (picture,), decoding=FIVE),
        Question("Why?", (picture,), history=(Turn("Where is it?", "There."),), decoding=FIVE),
        Question("Is it?", (picture, picture.resize((60, 90))), decoding=FIVE),
        Question("Only words", decoding=FIVE),
    )


def read(model: TransformersModel, answer: Answer) -> list[Outcome]:
    """What becomes of all tokens of an answer under each of its hidings."""
    targets = token_targets_of(answer, whole_answer(answer))
    return list(outcomes(model, answer, targets, [HiddenTokens(hidden) for hidden in hidings(answer)]))


def compare_with_full_passes(model: TransformersModel, question: Question, window: int | None = None) -> None:
    answer = ask(model, question)
    before = eager_logits_without(model, answer, (), window)
    for hidden, outcome in zip(hidings(answer), read(model, answer), strict=True):
        after = eager_logits_without(model, answer, sorted(hidden), window)
        check_outcome(outcome, before, after, outcome.after.token_targets)


@pytest.mark.parametrize("number", range(4))
def test_they_are_as_in_a_full_pass_with_that_mask(model: TransformersModel, picture: Image.Image, number: int) -> None:
    compare_with_full_passes(model, questions(picture)[number])


def test_a_sliding_window_still_holds(tmp_path: Path, picture: Image.Image) -> None:
    model = load(save_llava(tmp_path, model_type="mistral", num_key_value_heads=2, sliding_window=8))
    for question in questions(picture)[:3]:
        compare_with_full_passes(model, question, window=8)


def test_a_family_that_shares_no_prefix_is_read_whole(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, questions(picture)[0])
    stranger = of_family(model, Undescribed("unknown"))
    for one, other in zip(read(model, answer), read(stranger, answer), strict=True):
        np.testing.assert_allclose(one.after.tokens, other.after.tokens, atol=CLOSE)


def test_hiding_nothing_changes_nothing_and_hiding_the_picture_does(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = ask(model, questions(picture)[0])
    nothing, *_, picture_hidden, _, _ = read(model, answer)
    replayed = model.replay_logits(answer)
    check_outcome(nothing, replayed, replayed, nothing.after.token_targets)
    assert np.abs(picture_hidden.changes).max() > 1e-2
    # And nothing of it is left behind.
    torch.testing.assert_close(model.replay_logits(answer), replayed, atol=1e-5, rtol=1e-5)


def test_the_kept_prompt_is_not_touched(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, questions(picture)[0])
    read(model, answer)
    again = ask(model, answer.question)
    assert again.token_ids == answer.token_ids
    assert max(abs(a.logprob - b.logprob) for a, b in zip(answer.tokens, again.tokens, strict=True)) < 1e-4
