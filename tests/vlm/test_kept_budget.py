"""Attention rows within bounds: fewer tokens or layers of an answer, a budget over all answers, and what comes back by
a replay. The oracle is the answer whose rows were all kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from PIL import Image

from core.answer import Answer, AttentionRows, Decoding, Question, Target
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.foretold import rows_foretold
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.keeping import KeepRows
from core.vlm.kept_budget import BYTES, KeptBudget, bytes_allowed
from core.vlm.memory import readable_bytes
from core.vlm.rows_again import computed_again

SIX = Decoding(max_new_tokens=6)


@pytest.fixture(scope="module")
def asked(llava: TransformersModel) -> Callable[..., Answer]:
    picture = Image.new("RGB", (60, 40), "teal")

    def by(keep: bool | KeepRows = True) -> Answer:
        return ask(llava, Question("Where?", (picture,), decoding=SIX), keep_attention=keep)

    return by


@pytest.fixture(scope="module")
def whole(asked: Callable[..., Answer]) -> torch.Tensor:
    answer = asked()
    assert answer.attention is not None
    return answer.attention.weights


def test_rows_of_the_last_tokens_alone_are_those_of_the_whole_answer(
    asked: Callable[..., Answer], whole: torch.Tensor
) -> None:
    attention = asked(KeepRows(last=2)).attention
    assert attention is not None and attention.held is not None
    held = attention.held
    assert {4, 5} <= set(held.tokens) and len(held.tokens) <= 3
    for place, token in enumerate(held.tokens):
        torch.testing.assert_close(held.weights[:, :, place], whole[:, :, token])
    assert attention.has((4,)) and not attention.has((0, 4))


def test_rows_of_some_layers_alone_are_theirs(asked: Callable[..., Answer], whole: torch.Tensor) -> None:
    attention = asked(KeepRows(layers=(2, 0))).attention
    assert attention is not None and attention.held is not None
    assert attention.held.layers == (0, 2) and not attention.has((0,))
    torch.testing.assert_close(attention.held.weights, whole[[0, 2]])


def test_a_layer_that_is_not_there_is_refused(asked: Callable[..., Answer]) -> None:
    with pytest.raises(ValueError, match="there are layers 0 to"):
        asked(KeepRows(layers=(99,)))


def test_dropped_rows_are_computed_again(
    asked: Callable[..., Answer], llava: TransformersModel, whole: torch.Tensor
) -> None:
    answer = asked()
    assert answer.attention is not None
    first = answer.until(3)
    answer.attention.drop()
    assert answer.attention.held is None and first.attention is not None and first.attention.held is None
    computed_again(llava, answer, range(6))
    torch.testing.assert_close(answer.attention.weights.float(), whole, atol=1e-3, rtol=1e-3)


def test_a_method_that_reads_rows_gives_the_same_where_they_are_not_kept(
    asked: Callable[..., Answer], llava: TransformersModel
) -> None:
    maps = []
    for keep in (True, KeepRows(last=1), KeepRows(layers=(1,))):
        (explanation,) = explain(explainers()["raw_attention"], llava, asked(keep), [Target((1,))])
        maps.append(explanation.scores)
    torch.testing.assert_close(maps[1], maps[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(maps[2], maps[0], atol=1e-5, rtol=1e-4)


def test_the_rows_longest_unused_are_dropped_first_and_the_latest_stay() -> None:
    rows = [AttentionRows(torch.zeros(1, 1, 1, 100)) for _ in range(4)]
    budget = KeptBudget(lambda used: 800)
    for own in (rows[0], rows[1], rows[0], rows[2]):
        budget.keep(own)
    assert [own.held is not None for own in rows[:3]] == [True, False, True] and budget.used == 800
    # Rows that nobody holds any longer take nothing.
    del rows[0], own
    budget.keep(rows[-1])
    assert rows[1].held is not None and budget.used == 800
    large = AttentionRows(torch.zeros(1, 1, 1, 1000))
    budget.keep(large)
    assert large.held is not None and budget.used == 4000


def test_the_environment_sets_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BYTES, "2e9")
    assert bytes_allowed() == 2_000_000_000
    monkeypatch.setenv(BYTES, "plenty")
    assert bytes_allowed() > 0


def test_answers_of_one_conversation_stay_within_the_budget(
    asked: Callable[..., Answer], whole: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vlm.generation.budget", KeptBudget(lambda used: int(1.5 * whole.nbytes)))
    first, second = asked(), asked()
    assert first.attention is not None and first.attention.held is None
    assert second.attention is not None and second.attention.held is not None


def test_what_rows_will_take_is_told_before(llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    question = Question("Where?", decoding=Decoding(max_new_tokens=100))
    assert rows_foretold(llava, question, KeepRows()) is None
    monkeypatch.setattr("core.vlm.foretold.WORTH_SAYING", 1)
    prompt = len(llava.prepare(question).ids)
    said = rows_foretold(llava, question, KeepRows(last=10))
    size = 2 * llava.card.layers * llava.card.heads * 10 * (prompt + 100)
    assert said == f"10 tokens at {prompt:,} positions keep up to {readable_bytes(size)} of attention"
