"""The logit lens against an eager network's states read one at a time in float64."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image

from core.answer import Answer, TokenKind
from core.errors import NotApplicable, NotEnoughMemory, OtherModel
from core.mechanisms import lens as module
from core.mechanisms.lens import lens, read_logits
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.unembedding import LogitTransform
from tests.eager import sampled
from tests.mechanisms.written_out import WrittenOut, norm_of


def literal_logprobs(expected: WrittenOut, layer: int, position: int) -> torch.Tensor:
    """log p of the whole vocabulary for the state of one position that enters a layer."""
    state = expected.states[layer][position]
    return expected.head(norm_of(expected.norm, state, state)).log_softmax(-1)


def test_every_state_is_read_through_its_own_norm(double: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(double, "the the dog?", picture, tokens=3)
    expected = WrittenOut(double.card.source, answer)
    positions, words = [0, 6, len(answer.layout) - 2, 3], [answer.token_ids[2], 77]
    readings = lens(double, answer, positions, top=4, words=words)
    assert readings.ids.shape == readings.logprobs.shape == (4, 4, 4)
    for layer in range(4):
        for number, position in enumerate(positions):
            logprobs = literal_logprobs(expected, layer, position)
            best = sorted(range(len(logprobs)), key=lambda word: -float(logprobs[word]))
            assert readings.ids[layer, number].tolist() == best[:4]
            assert readings.logprobs[layer, number].tolist() == pytest.approx(logprobs[best[:4]].tolist(), abs=1e-5)
            entropy = -sum(float(p.exp() * p) for p in logprobs)
            assert float(readings.entropy[layer, number]) == pytest.approx(entropy, abs=1e-4)
            own = [float(logprobs[word]) for word in words]
            assert readings.word_logprobs[layer, number].tolist() == pytest.approx(own, abs=1e-5)
            assert readings.word_ranks[layer, number].tolist() == [best.index(word) + 1 for word in words]


@pytest.fixture
def answer(llava: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(llava, "the dog the dog?", picture, tokens=4)


def test_behind_the_last_layer_stands_the_prediction(llava: TransformersModel, answer: Answer) -> None:
    predicting = range(len(answer.prompt_tokens) - 1, len(answer.layout) - 1)
    readings = lens(llava, answer, predicting, [3], words=answer.token_ids)
    own = readings.word_logprobs[0].diagonal()
    torch.testing.assert_close(own, torch.tensor([token.logprob for token in answer.tokens]), atol=1e-5, rtol=1e-4)
    words = readings.words(llava, 0, 0)
    assert len(words) == 10 and words[0].text == llava.reader.piece(words[0].id)
    assert words[0].logprob == max(word.logprob for word in words)


def test_a_few_rows_at_a_time_give_the_same(
    llava: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = answer.layout.positions(TokenKind.IMAGE)
    whole, told = lens(llava, answer, images, [0, 2], words=[5]), []
    monkeypatch.setattr(module, "BLOCK_BYTES", 3 * 4 * llava.card.vocabulary)
    parts = lens(llava, answer, images, [0, 2], words=[5], progress=told.append)
    assert whole.ids.shape == (2, 16, 10) and torch.equal(whole.ids, parts.ids)
    torch.testing.assert_close(whole.entropy, parts.entropy)
    assert torch.equal(whole.word_ranks, parts.word_ranks)
    assert len(told) == 11 and told == sorted(told) and told[-1] == 1
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        lens(llava, answer, images, cancel=cancel, progress=lambda _: cancel.cancel())


def test_the_cap_is_part_of_what_a_state_says(
    llava: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = lens(llava, answer, [4], [1], top=1000)
    readout = replace(llava._readout(), logit_transform=LogitTransform(softcap=0.5))
    monkeypatch.setattr(llava, "_measured_readout", readout)
    capped = lens(llava, answer, [4], [1], top=1000)
    assert torch.equal(plain.ids, capped.ids) and plain.ids.shape[-1] == llava.card.vocabulary
    assert float(capped.entropy) > float(plain.entropy)


def test_words_with_equal_logits_share_their_rank() -> None:
    read = read_logits(torch.tensor([[1.0, 3.0, 1.0, 0.0]]), top=2, words=[0, 1, 2, 3])
    assert read.word_ranks.tolist() == [[2, 1, 2, 4]] and read.ids[0, 0] == 1


def test_what_cannot_be_read_is_said(llava: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OtherModel, match="another model"):
        lens(llava, replace(answer, model="another"), [0])
    with pytest.raises(NotApplicable, match="no position to read"):
        lens(llava, answer, [])
    for position in (-1, len(answer.layout) - 1):
        with pytest.raises(NotApplicable, match=r"after the last one .* Choose one before it"):
            lens(llava, answer, [0, position])
    with pytest.raises(NotApplicable, match="Type another word"):
        lens(llava, answer, [0], words=[-1])
    with pytest.raises(ValueError, match="layers 0 to 2, and 3 is after the last"):
        lens(llava, answer, [0], [4])
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: 2**20)
    with pytest.raises(NotEnoughMemory, match=r"The logit lens needs about [\d.]+ [kM]B .* Use a smaller picture"):
        lens(llava, answer, [0])


def test_an_empty_answer_can_be_read_to_the_end_of_its_prompt(llava: TransformersModel) -> None:
    answer = sampled(llava, "the dog?", tokens=0)
    assert lens(llava, answer, [len(answer.prompt_tokens) - 1]).ids.shape == (4, 1, 10)
