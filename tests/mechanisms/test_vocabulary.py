"""What heads say in the vocabulary."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from core.mechanisms.contributions import contributions
from core.mechanisms.vocabulary import read_heads
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import TokenTarget
from tests.eager import sampled
from tests.mechanisms.written_out import WrittenOut, norm_of


def test_heads_are_read_as_what_they_alone_would_say(double: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(double, "the the dog?", picture, tokens=3)
    expected = WrittenOut(double.card.source, answer)
    token_targets = [TokenTarget(0, 7), TokenTarget(2, 7)]
    row = token_targets[1].position(answer)
    contributed = contributions(double, answer, token_targets)
    readings = read_heads(double, answer, contributed, [(2, 3), (0, 1), (2, 3)], token_target=1, top=5)
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
    contributed = contributions(llava, answer, [TokenTarget(0, answer.token_ids[0])])
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        read_heads(llava, answer, contributed, [(0, 0)], cancel=cancel)


def test_readings_are_summed_in_at_least_single_precision(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    contributed = contributions(llava, answer, [TokenTarget(0, answer.token_ids[0])])
    (reading,) = read_heads(llava, answer, contributed, [(1, 1)], top=llava.card.vocabulary)
    for words in (reading.contribution, reading.value, reading.input):
        assert float(torch.tensor([word.logprob for word in words]).exp().sum()) == pytest.approx(1, abs=1e-4)
