"""Log-probability increase against a loop over heads and positions in float64."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.answer import Answer, Turn
from core.errors import NotEnoughMemory
from core.mechanisms import _logprob_changes
from core.mechanisms.contributions import Contributions, contributions
from core.mechanisms.logprob_increase import all_heads, head_increases, source_increases, top_heads
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from core.vlm.targets import TokenTarget
from core.vlm.unembedding import LogitTransform
from tests.eager import sampled
from tests.mechanisms.written_out import WrittenOut

UNSAID, RIVAL = 77, 40


def answers(model: TransformersModel, picture: Image.Image) -> list[Answer]:
    """Repeated words with a long answer; two pictures and a history with one token; no picture."""
    return [
        sampled(model, "the the dog the dog?", picture, tokens=4),
        sampled(model, "Why?", picture, picture.resize((60, 90)), tokens=1, history=(Turn("Where is it?", "There."),)),
        sampled(model, "the the", tokens=2),
    ]


def units_for(answer: Answer) -> list[TokenTarget]:
    """The last token said, one that was not, each also as a contrast, and the first twice."""
    last = len(answer.tokens) - 1
    said, first = answer.token_ids[last], answer.token_ids[0]
    return [
        TokenTarget(last, said),
        TokenTarget(last, said, RIVAL),
        TokenTarget(0, UNSAID),
        TokenTarget(0, RIVAL, UNSAID),
        TokenTarget(0, first),
    ]


def test_increases_are_those_of_the_loop(double: TransformersModel, picture: Image.Image) -> None:
    for answer in answers(double, picture):
        token_targets = units_for(answer)
        expected = WrittenOut(double.card.source, answer)
        contributed = contributions(double, answer, token_targets)
        by_head, by_source = head_increases(double, contributed), source_increases(double, contributed)
        assert by_head.shape == (len(token_targets), 3, 4) and by_source.shape == (
            len(token_targets),
            12,
            len(answer.layout),
        )
        for number, token_target in enumerate(token_targets):
            row = token_target.position(answer)
            for place, (layer, head) in enumerate(all_heads(contributed)):
                whole = expected.increase(layer, expected.layers[layer].head(row, head), row, token_target)
                assert float(by_head[number, layer, head]) == pytest.approx(whole, abs=2e-6)
                for position in (0, row // 2, row - 1, row):
                    added = expected.layers[layer].source(row, head, position)
                    one = expected.increase(layer, added, row, token_target)
                    assert float(by_source[number, place, position]) == pytest.approx(one, abs=2e-6)
            # Nothing is taken from where a token target cannot look.
            assert not by_source[number, :, row + 1 :].any()


@pytest.fixture
def contributed(llava: TransformersModel, picture: Image.Image) -> Contributions:
    """Contributions to a token, a contrast and a token that was not said."""
    answer = sampled(llava, "the dog the dog?", picture, tokens=4)
    said = answer.token_ids
    return contributions(
        llava, answer, [TokenTarget(3, said[3]), TokenTarget(1, said[1], RIVAL), TokenTarget(0, UNSAID)]
    )


def test_blocks_and_ways_through_give_the_same(
    llava: TransformersModel, contributed: Contributions, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_head, by_source = head_increases(llava, contributed), source_increases(llava, contributed)
    # Blocks of a few words, and one head at a time.
    monkeypatch.setattr(_logprob_changes, "LEAST_WORDS", 7)
    monkeypatch.setattr(_logprob_changes, "BLOCK_BYTES", 1)
    monkeypatch.setattr("core.mechanisms.logprob_increase.LEAST_WORDS", 7)
    torch.testing.assert_close(head_increases(llava, contributed), by_head, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(source_increases(llava, contributed), by_source, atol=1e-6, rtol=1e-4)


def test_chosen_heads_come_in_their_order_however_often(llava: TransformersModel, contributed: Contributions) -> None:
    whole = source_increases(llava, contributed)
    chosen = [(2, 1), (0, 3), (2, 0), (2, 1)]
    some = source_increases(llava, contributed, chosen)
    torch.testing.assert_close(some, whole[:, [layer * 4 + head for layer, head in chosen]], atol=1e-6, rtol=1e-4)
    assert source_increases(llava, contributed, []).shape == (3, 0, contributed.length)
    with pytest.raises(ValueError, match="layers 0 to 2 and heads 0 to 3"):
        source_increases(llava, contributed, [(3, 0)])


def test_capped_logits_are_capped(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    # As PaliGemma 2 does it; far enough down to matter.
    readout = replace(llava._readout(), logit_transform=LogitTransform(softcap=0.5))
    monkeypatch.setattr(llava, "_measured_readout", readout)
    expected = WrittenOut(llava.card.source, answer, softcap=0.5)
    token_targets = [TokenTarget(1, answer.token_ids[1]), TokenTarget(1, UNSAID, RIVAL)]
    contributed = contributions(llava, answer, token_targets)
    by_head, by_source = head_increases(llava, contributed), source_increases(llava, contributed, [(1, 2)])
    for number, token_target in enumerate(token_targets):
        row = token_target.position(answer)
        whole = expected.increase(1, expected.layers[1].head(row, 2), row, token_target)
        assert float(by_head[number, 1, 2]) == pytest.approx(whole, abs=2e-6)
        one = expected.increase(1, expected.layers[1].source(row, 2, 5), row, token_target)
        assert float(by_source[number, 0, 5]) == pytest.approx(one, abs=2e-6)


def test_enormous_changes_neither_overflow_nor_vanish(llava: TransformersModel, contributed: Contributions) -> None:
    unembedding, token_target = llava.unembedding(), contributed.token_targets[0]
    state = unembedding.norm.linear(contributed.final[:1])
    directions = torch.randn(1, 1, 6, 64, generator=torch.Generator().manual_seed(0))
    factors = directions * torch.tensor([1e-6, 1.0, 1e2, 1e4, -1e4, 0.0])[:, None]
    gained = _logprob_changes.logprob_changes(
        unembedding, [token_target], _logprob_changes.Changes(state, factors, torch.eye(64)[None])
    )
    words = unembedding.rows(slice(None)).double()
    before = (state.double() @ words.T).log_softmax(-1)[0, token_target.token]
    after = ((state + factors[0, 0]).double() @ words.T).log_softmax(-1)[:, token_target.token]
    torch.testing.assert_close(gained[0, 0].double(), after - before, atol=2e-6, rtol=1e-5)


def test_half_precision_is_summed_in_single(llava_folder: Path, picture: Image.Image) -> None:
    half = load_model(ModelSpec(str(llava_folder), "bfloat16", "cpu"))
    assert isinstance(half, TransformersModel)
    answer = sampled(half, "the dog?", picture, tokens=2)
    token_target = TokenTarget(1, answer.token_ids[1])
    contributed = contributions(half, answer, [token_target])
    by_source = source_increases(half, contributed, [(0, 1)])[0, 0]
    expected = WrittenOut(llava_folder, answer)
    row = token_target.position(answer)
    loop = [
        expected.increase(0, expected.layers[0].source(row, 1, place), row, token_target) for place in range(row + 1)
    ]
    # Small next to one rounding of a log-probability in bfloat16, 0.03.
    torch.testing.assert_close(by_source[: row + 1], torch.tensor(loop), atol=1e-4, rtol=5e-2)


def test_heads_are_ranked_from_the_largest_on() -> None:
    scores = torch.tensor([[0.1, -3.0], [2.0, 0.4]])
    assert top_heads(scores, 3) == [(1, 0), (1, 1), (0, 0)]
    assert len(top_heads(scores, 99)) == 4


def test_progress_rises_to_one_and_a_stop_is_heard(llava: TransformersModel, contributed: Contributions) -> None:
    for compute in (head_increases, source_increases):
        told: list[float] = []
        compute(llava, contributed, progress=told.append)
        assert told == sorted(told) and told[-1] == 1
        cancel = CancelToken()
        with pytest.raises(Cancelled):
            compute(llava, contributed, cancel=cancel, progress=lambda _, cancel=cancel: cancel.cancel())


def test_too_little_memory_is_refused_with_a_figure_and_a_remedy(
    llava: TransformersModel, contributed: Contributions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: 2**20)
    for compute in (head_increases, source_increases):
        with pytest.raises(NotEnoughMemory, match=r"needs about [\d.]+ [kM]B .* Choose fewer tokens"):
            compute(llava, contributed)
