"""What heads and image tokens say in the vocabulary, and what a typed word stands for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image

from core.answer import Question, TokenKind
from core.mechanisms.contributions import contributions
from core.mechanisms.lens import lens
from core.mechanisms.vocabulary import read_heads, typed_word, visual_reading
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.network import TransformersModel
from core.vlm.units import NotApplicable, Unit
from tests.eager import sampled
from tests.mechanisms.written_out import WrittenOut, norm_of


def test_heads_are_read_as_what_they_alone_would_say(double: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(double, "the the dog?", picture, tokens=3)
    expected = WrittenOut(double.card.source, answer)
    units = [Unit(0, 7), Unit(2, 7)]
    row = units[1].position(answer)
    found = contributions(double, answer, units)
    readings = read_heads(double, answer, found, [(2, 3), (0, 1), (2, 3)], unit=1, top=5)
    assert readings[0] == readings[2]
    for reading, (layer, head) in zip(readings, [(2, 3), (0, 1)], strict=False):
        part = expected.layers[layer]
        source = int(part.attention[head, row].argmax())
        assert (reading.head, reading.source) == ((layer, head), source)
        value = part.source(row, head, source) / part.attention[head, row, source]
        for words, added in ((reading.contribution, part.head(row, head)), (reading.value, value)):
            share = norm_of(expected.norm, added, expected.final[row], shift=False) @ expected.head.weight.T
            logprobs = share.log_softmax(-1)
            assert [word.id for word in words] == logprobs.topk(5).indices.tolist()
            assert [word.logprob for word in words] == pytest.approx(logprobs.topk(5).values.tolist(), abs=1e-5)
        state = part.entered[source]
        logprobs = expected.head(norm_of(expected.norm, state, state)).log_softmax(-1)
        assert [word.id for word in reading.input] == logprobs.topk(5).indices.tolist()
        assert [word.text for word in reading.input] == [double.reader.piece(word.id) for word in reading.input]


def test_reading_heads_is_stopped(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    found = contributions(llava, answer, [Unit(0, answer.token_ids[0])])
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        read_heads(llava, answer, found, [(0, 0)], cancel=cancel)


@pytest.mark.parametrize("layer", [0, 2])
def test_image_tokens_are_read_beside_all_others(model: TransformersModel, picture: Image.Image, layer: int) -> None:
    answer = sampled(model, "the dog?", picture, tokens=1)
    images = answer.layout.positions(TokenKind.IMAGE)
    words, shown = [40, 77], {images[2], images[5]}
    ranks = lens(model, answer, images, [layer], words=words).word_ranks[0].tolist()
    best = {position: 1 / min(pair) for position, pair in zip(images, ranks, strict=True)}
    # Words of the question among the positions are passed over.
    found = visual_reading(model, answer, [*shown, len(answer.prompt_tokens) - 1], words, layer=layer)
    assert found.right == pytest.approx(sum(best[p] for p in shown) / 2)
    assert found.others == pytest.approx(sum(best[p] for p in images if p not in shown) / (len(images) - 2))


def test_places_in_the_picture_need_not_be_known(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    unplaced = replace(answer, layout=replace(answer.layout, views=()))
    images = answer.layout.positions(TokenKind.IMAGE)
    assert visual_reading(llava, unplaced, images[:3], [40]) == visual_reading(llava, answer, images[:3], [40])


def test_there_must_be_something_to_tell_apart(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    images = answer.layout.positions(TokenKind.IMAGE)
    for positions, words in ((images, [40]), ([], [40]), (images[:2], []), ([0], [40])):
        with pytest.raises(NotApplicable, match="Ask about a picture, and choose a word"):
            visual_reading(llava, answer, positions, words)
    with pytest.raises(NotApplicable, match="Ask about a picture"):
        visual_reading(llava, sampled(llava, "the dog?", tokens=1), [0], [40])


def test_a_typed_word_stands_for_its_first_token(llava: TransformersModel) -> None:
    question = Question("the dog?")
    one, note = typed_word(llava, question, "is")
    assert llava.reader.piece(one).strip() == "is" and note is None
    _, note = typed_word(llava, question, "zebra")
    assert note is not None and "of its 5, the first, “z”, is read" in note
    # Outside the vocabulary a character is spelled in bytes.
    rare, note = typed_word(llava, question, "犬")
    assert note is not None and "no single token" in note and 0 <= rare < llava.card.vocabulary
    for nothing in ("", "  "):
        with pytest.raises(NotApplicable, match="type a word"):
            typed_word(llava, question, nothing)


def test_readings_are_summed_in_at_least_single_precision(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    found = contributions(llava, answer, [Unit(0, answer.token_ids[0])])
    (reading,) = read_heads(llava, answer, found, [(1, 1)], top=llava.card.vocabulary)
    for words in (reading.contribution, reading.value, reading.input):
        assert float(torch.tensor([word.logprob for word in words]).exp().sum()) == pytest.approx(1, abs=1e-4)
