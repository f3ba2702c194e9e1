"""What is kept between questions saves work and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, RegionMask, Turn
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel

SIX = Decoding(max_new_tokens=6)


class Counter:
    """Counts the vision tower's passes and the tokens the decoder reads."""

    def __init__(self, model: TransformersModel) -> None:
        base = model.network.model
        tower = base.vision_tower if hasattr(base, "vision_tower") else base.visual
        self.images = self.tokens = 0
        self.handles = [
            tower.register_forward_hook(self._picture),
            base.language_model.layers[0].register_forward_hook(self._read),
        ]

    def _picture(self, *_: object) -> None:
        self.images += 1

    def _read(self, _: object, __: object, output: object) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        assert isinstance(hidden, torch.Tensor)
        self.tokens += hidden.shape[-2]


@pytest.fixture
def counter(model: TransformersModel) -> Iterator[Counter]:
    model.forget()
    counter = Counter(model)
    yield counter
    for handle in counter.handles:
        handle.remove()


def same(first: Answer, second: Answer) -> None:
    assert first.token_ids == second.token_ids
    ours, theirs = ([token.logprob for token in answer.tokens] for answer in (first, second))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert first.attention is not None and second.attention is not None
    torch.testing.assert_close(first.attention.weights, second.attention.weights, atol=1e-5, rtol=1e-4)


def test_another_phrasing_reads_only_its_own_words_and_says_the_same(
    model: TransformersModel, counter: Counter, picture: Image.Image
) -> None:
    ask(model, Question("Where is the dog?", (picture,), decoding=SIX))
    counter.images = counter.tokens = 0
    second = Question("Is it the house, or what?", (picture,), decoding=SIX)
    over_kept = ask(model, second)
    prepared = model.prepare(second)
    assert counter.images == 0
    assert counter.tokens == len(prepared.ids) - prepared.shared + 5
    model.forget()
    same(over_kept, ask(model, second))
    assert counter.images == 1


def test_a_follow_up_goes_on_from_the_kept_picture(
    model: TransformersModel, counter: Counter, picture: Image.Image
) -> None:
    ask(model, Question("Who?", (picture,), decoding=SIX))
    counter.images = 0
    follow_up = Question("Why?", (picture,), history=(Turn("Who?", "The dog."),), decoding=SIX)
    kept = ask(model, follow_up)
    assert counter.images == 0
    model.forget()
    same(kept, ask(model, follow_up))


def test_another_picture_or_mask_is_looked_at_anew(
    model: TransformersModel, counter: Counter, picture: Image.Image
) -> None:
    hidden = np.zeros((80, 120), bool)
    hidden[30:, 30:] = True
    ask(model, Question("Where?", (picture,), decoding=SIX))
    for changed in (
        Question("Where?", (picture,), decoding=SIX, masks=RegionMask(hidden)),
        Question("Where?", (picture,), decoding=SIX, masks=RegionMask(hidden, fill="mean")),
        Question("Where?", (picture.rotate(180),), decoding=SIX),
    ):
        counter.images = 0
        over_kept = ask(model, changed)
        assert counter.images == 1
        model.forget()
        same(over_kept, ask(model, changed))


def test_questions_in_turn_do_not_disturb_each_other(model: TransformersModel, picture: Image.Image) -> None:
    """A decoder that remembers its last positions or cache on the side would mix these up."""
    questions = [
        Question("Where is the dog?", (picture,), decoding=SIX),
        Question("Where is the dog?", (picture.resize((60, 160)),), decoding=SIX),
        Question("Only words, many of them, and no picture at all.", decoding=SIX),
    ]
    alone = []
    for question in questions:
        model.forget()
        alone.append(ask(model, question))
    begun = [model.begin(model.prepare(question)) for question in questions]
    said = [[int(logits.argmax())] for logits, _ in begun]
    for _ in range(5):
        for ids, (_, state) in zip(said, begun, strict=True):
            ids.append(int(model.step(ids[-1], state).argmax()))
    assert [tuple(ids) for ids in said] == [answer.token_ids for answer in alone]


def test_a_conversation_keeps_one_beginning_and_one_copy_of_its_pixels(
    model: TransformersModel, picture: Image.Image
) -> None:
    model.forget()
    answers: list[Answer] = []
    for text in ("Where is the dog?", "And the cat?", "Why?"):
        history = tuple(Turn(answer.question.text, "Here.") for answer in answers)
        answers.append(ask(model, Question(text, (picture,), history, decoding=SIX)))
    large = [name for name, value in answers[0].inputs.items() if value.is_floating_point() and value.nbytes >= 2**16]
    for name in large:
        assert all(answer.inputs[name] is answers[0].inputs[name] for answer in answers)
    kept = model._prefill._prefixes
    assert len(kept) <= 1 or not model._passes.divisible
