"""Attention weighed otherwise, against a pass whose attention is written out row by row in double precision."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForImageTextToText
from transformers.masking_utils import eager_mask

from core.answer import Answer, Decoding, Question, Target, TokenKind
from core.errors import NotApplicable, UnknownName
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import Edits, HeadAblation, Knockout, MovedAttention, RaisedScores, Reweighting
from core.vlm.generation import ask
from core.vlm.hf.editing import _active
from core.vlm.hf.network import TransformersModel
from core.vlm.replay import replay_difference
from tests.eager import sampled, whole_inputs
from tests.families import saver
from tests.hooks import hooks_of
from tests.vlm.hf.test_edited_run import SAVED
from tests.zoo import load

NEAR = {"atol": 2e-4, "rtol": 1e-4}
EDITS: list[Reweighting] = []
SEEN: dict[int, Tensor] = {}


def literal(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float, **kwargs: Any
) -> tuple[Tensor, None]:
    """Attention of one sequence as the papers write it: row by row, head by head, weight by weight."""
    heads, rows = query.shape[1], query.shape[2]
    output = query.new_zeros(1, rows, heads, value.shape[-1])
    whole = torch.zeros(heads, rows, key.shape[2], dtype=torch.float64)
    for head in range(heads):
        group = head * key.shape[1] // heads
        for row in range(rows):
            scores = [score * scaling for score in (key[0, group] @ query[0, head, row]).tolist()]
            if kwargs.get("softcap") is not None:
                scores = [kwargs["softcap"] * math.tanh(score / kwargs["softcap"]) for score in scores]
            if mask is None:
                unseen = set(range(row + 1, key.shape[2]))
            else:
                unseen = {at for at, hidden in enumerate(mask[0, 0, row].tolist()) if hidden < -1e9}
            own = [edit for edit in EDITS if row in edit.rows and edit.holds_in(module.layer_idx)]
            own = [edit for edit in own if edit.heads is None or head in edit.heads]
            for edit in own:
                if isinstance(edit, RaisedScores):
                    scores = [s + edit.strength * abs(s) if at in edit.columns else s for at, s in enumerate(scores)]
            size = [0.0 if at in unseen else math.exp(score) for at, score in enumerate(scores)]
            weights = [one / sum(size) for one in size]
            for edit in own:
                if isinstance(edit, MovedAttention):
                    seen = sum(weights[at] for at in edit.receivers)
                    both = seen + sum(weights[at] for at in edit.beside)
                    if seen > 0 and seen / both >= edit.least_ratio and both >= edit.least_weight:
                        budget = edit.taken * sum(weights[at] for at in edit.sources)
                        weights = [
                            weight * (1 - edit.taken) if at in edit.sources
                            else weight + budget * weight / seen if at in edit.receivers
                            else weight
                            for at, weight in enumerate(weights)
                        ]  # fmt: skip
            whole[head, row] = torch.tensor(weights, dtype=torch.float64)
            output[0, row, head] = torch.tensor(weights, dtype=value.dtype) @ value[0, group]
    SEEN[module.layer_idx] = whole
    return output, None


AttentionInterface.register("literal", literal)
AttentionMaskInterface.register("literal", eager_mask)


@contextmanager
def written_out(edits: Sequence[Reweighting]) -> Iterator[None]:
    EDITS[:] = edits
    try:
        yield
    finally:
        EDITS.clear()


def literal_logits(model: TransformersModel, answer: Answer, edits: Edits) -> Tensor:
    """The logits of the answer's tokens; the rows of every layer are left in SEEN."""
    network = AutoModelForImageTextToText.from_pretrained(model.card.source, dtype=torch.float64).eval()
    network.get_decoder().set_attn_implementation("literal")
    with written_out(edits), torch.no_grad():  # type: ignore[arg-type]
        logits: Tensor = network(**whole_inputs(answer, answer.token_ids), use_cache=False).logits[0]
    assert set(SEEN) == set(range(model.card.layers))
    start = len(answer.prompt_tokens) - 1
    return logits[start : start + len(answer.tokens)]


@pytest.fixture(scope="module", params=list(SAVED))
def any_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """A model of each kind of decoder in turn."""
    return load(SAVED[request.param](tmp_path_factory.mktemp("network")))


def sets_of(answer: Answer) -> list[tuple[Reweighting, ...]]:
    """Scores raised and lowered, attention moved, with and without conditions, in some layers and heads; and both."""
    image = answer.layout.positions(TokenKind.IMAGE)
    rows = tuple(range(image[-1] + 1, len(answer.layout) + 40))
    last = (len(answer.prompt_tokens) - 1,)
    sinks, others = image[:2], image[2:]
    return [
        (RaisedScores(rows, image, 0.7),),
        (RaisedScores(last, image[3:5], -0.4, frozenset({1, 2}), frozenset({0, 3})),),
        (MovedAttention(rows, (0, *sinks), others, 0.6, sinks),),
        (MovedAttention(rows, sinks, others, 1.0, sinks, 0.85, 0.3, frozenset({0, 2})),),
        (MovedAttention(last, (0,), others, 0.5, (), heads=frozenset({1})), RaisedScores(rows, image, 0.2)),
    ]


@pytest.mark.parametrize("words", ["Where is the the the dog?", "Is it?"])
def test_reweighed_answers_are_those_of_attention_written_out(
    any_model: TransformersModel, picture: Image.Image, words: str
) -> None:
    answer = sampled(any_model, words, picture, tokens=3)
    sets = sets_of(answer)
    short = [tuple(within(edit, len(answer.layout)) for edit in edits) for edits in sets]
    together = any_model.logits_with(answer, short)
    clean = any_model.replay_logits(answer)
    positions = list(range(len(answer.prompt_tokens) - 1, len(answer.layout) - 1))
    if words == "Is it?":  # after more words a sliding window sees nothing of the picture any more
        assert float((together[0] - clean).abs().max()) > 1e-3
    for edits, logits in zip(short, together, strict=True):
        expected = literal_logits(any_model, answer, edits)
        torch.testing.assert_close(logits, expected.float(), **NEAR)
        (alone,) = any_model.logits_with(answer, [edits])
        torch.testing.assert_close(alone, logits, **NEAR)
        with any_model.edited(edits):
            torch.testing.assert_close(any_model.replay_logits(answer), logits, **NEAR)
            rows = any_model.attention_rows(answer, positions)
        for layer in range(any_model.card.layers):
            torch.testing.assert_close(rows[layer].float(), SEEN[layer][:, positions].float(), atol=1e-4, rtol=1e-3)


def within(edit: Reweighting, length: int) -> Reweighting:
    """The edit at positions that the sequence has."""
    return replace(edit, rows=tuple(row for row in edit.rows if row < length))


def test_an_answer_written_token_by_token_is_the_reweighed_one_and_so_are_its_rows(
    any_model: TransformersModel, picture: Image.Image
) -> None:
    question = Question("Where is the dog?", (picture,), decoding=Decoding(max_new_tokens=4))
    first = ask(any_model, question)
    for edits in sets_of(first):
        with any_model.edited(edits):
            written = ask(any_model, question)
        expected = literal_logits(any_model, written, edits)
        assert expected.argmax(-1).tolist() == list(written.token_ids)
        logprobs = expected.log_softmax(-1)[torch.arange(len(written.tokens)), torch.tensor(written.token_ids)]
        assert [token.logprob for token in written.tokens] == pytest.approx(logprobs.tolist(), abs=2e-4)
        assert written.attention is not None
        rows = [len(written.prompt_tokens) - 1 + token for token in range(len(written.tokens))]
        for layer in range(any_model.card.layers):
            torch.testing.assert_close(
                written.attention.weights[layer].float(), SEEN[layer][:, rows].float(), atol=2e-3, rtol=1e-2
            )
    assert ask(any_model, question).token_ids == first.token_ids


@pytest.mark.parametrize("name", ["qwen3_5", "gemma4 shared keys", "paligemma", "llava_next", "minicpmv4_6"])
def test_moving_all_attention_away_is_cutting_it_in_families_of_all_kinds(
    name: str, picture: Image.Image, tmp_path: Path
) -> None:
    """Where all that is not taken away receives, in proportion, what the picture had, the picture was never seen."""
    model = load(saver(name)(tmp_path))
    answer = sampled(model, "Where is the dog?", picture, tokens=3)
    image, length = answer.layout.positions(TokenKind.IMAGE), len(answer.layout)
    rows = tuple(range(image[-1] + 1, length - 1))
    others = tuple(position for position in range(length) if position not in image)
    cut, moved = model.logits_with(answer, [(Knockout(rows, image),), (MovedAttention(rows, image, others, 1.0),)])
    torch.testing.assert_close(moved, cut, **NEAR)
    raised: Edits = (RaisedScores(tuple(range(image[-1] + 1, length + 9)), image, 0.7),)
    with model.edited(raised):
        written = ask(model, answer.question)
        assert replay_difference(model, written) < 1e-3


def test_no_strength_and_no_share_change_nothing(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    image = answer.layout.positions(TokenKind.IMAGE)
    rows = tuple(range(image[-1] + 1, len(answer.layout)))
    nothing: list[Edits] = [
        (RaisedScores(rows, image, 0.0),),
        (MovedAttention(rows, image[:2], image[2:], 0.0),),
        (MovedAttention(rows, image[:2], (), 0.5),),
        (MovedAttention(rows, image[:2], image[2:], 0.5, least_weight=1.1),),
    ]
    for logits in model.logits_with(answer, nothing):
        torch.testing.assert_close(logits, model.replay_logits(answer), atol=1e-5, rtol=1e-5)


def test_sets_of_a_batch_do_not_mix_with_other_edits(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    image = answer.layout.positions(TokenKind.IMAGE)
    rows = tuple(range(image[-1] + 1, len(answer.layout)))
    sets: list[Edits] = [
        (RaisedScores(rows, image, 0.5),),
        (),
        (Knockout(rows, image[:3]), MovedAttention(rows, (0,), image[3:], 0.5)),
        (HeadAblation(((1, 2),)), RaisedScores(rows, image, 0.5)),
    ]
    for edits, logits in zip(sets, model.logits_with(answer, sets), strict=True):
        with model.edited(edits):
            torch.testing.assert_close(model.replay_logits(answer), logits, **NEAR)


def test_nothing_is_left_after_a_stop_or_an_error(model: TransformersModel, picture: Image.Image) -> None:
    question = Question("Where is the dog?", (picture,), decoding=Decoding(max_new_tokens=4))
    before, hooks = ask(model, question), hooks_of(model)
    image = before.layout.positions(TokenKind.IMAGE)
    edits: Edits = (RaisedScores(tuple(range(image[-1] + 1, 999)), image, 2.0),)
    cancel = CancelToken()
    cancel.cancel()
    with model.edited(edits):
        assert ask(model, question, cancel=cancel).finish == "stopped"
    with pytest.raises(Cancelled), model.edited(edits):
        raise Cancelled
    assert _active.get() is None and hooks_of(model) == hooks
    after = ask(model, question)
    assert [token.logprob for token in after.tokens] == [token.logprob for token in before.tokens]


def test_what_cannot_be_followed_back_is_refused(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where is the dog?", picture)
    image = answer.layout.positions(TokenKind.IMAGE)
    edits: Edits = (RaisedScores(tuple(range(image[-1] + 1, 999)), image, 0.5),)
    with model.edited(edits), pytest.raises(NotApplicable, match="not followed back"):
        explain(explainers()["relevancy"], model, answer, [Target((0,))])


@pytest.mark.parametrize(
    ("edit", "error", "says"),
    [
        (RaisedScores((5,), (1,), 0.5, frozenset({9})), UnknownName, "layers 0 to 2"),
        (RaisedScores((5,), (1,), 0.5, heads=frozenset({4})), UnknownName, "heads 0 to 3"),
        (RaisedScores((5,), (-1,), 0.5), UnknownName, "outside the sequence"),
        (RaisedScores((5,), (1,), float("nan")), ValueError, "finite"),
        (MovedAttention((5,), (1,), (2,), 1.5), ValueError, "between 0 and 1"),
        (MovedAttention((5,), (1, 2), (2,), 0.5), ValueError, "none of them can be both"),
    ],
)
def test_what_is_not_there_is_refused(
    llava: TransformersModel, edit: Reweighting, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says), llava.edited((edit,)):
        pass
