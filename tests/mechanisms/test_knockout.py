"""Knockout curves against eager passes, one for each window, with the holes written into the masks."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, Target
from core.errors import NotApplicable, NotEnoughMemory, OtherModel
from core.mechanisms.groups import Group, groups
from core.mechanisms.knockout import UNKNOWN, Cut, cut_in, knockout_curves
from core.perturb.outcomes import outcomes
from core.perturb.reask import reask_under
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import Knockout
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of, whole_answer
from tests.eager import eager_logits_with, sampled


def cuts_of(answer: Answer, target: Target) -> list[Cut]:
    """Every pair of groups that are not empty, and one of chosen positions."""
    group_of = [group for group in groups(answer, token_targets_of(answer, target)) if group.positions]
    mine = Cut(Group("mine", (3, 5)), Group("others", (0, 3, 4)))
    return [*(Cut(reader, source) for reader, source in product(group_of, group_of)), mine]


def expected(model: TransformersModel, answer: Answer, target: Target, *edits: Knockout) -> tuple[float, list[int]]:
    """The target's log-probability (less its rivals') and the most probable tokens in its places."""
    logprobs = eager_logits_with(model, answer, edits).log_softmax(-1)
    value = sum(float(logprobs[index, answer.token_ids[index]]) for index in target.tokens)
    rivals = zip(target.tokens, target.rivals or (), strict=False)
    return value - sum(float(logprobs[index, rival]) for index, rival in rivals), [
        int(logprobs[index].argmax()) for index in target.tokens
    ]


@pytest.mark.parametrize(("target", "window"), [(Target((1,)), 1), (Target((0, 2), (77, 7)), 3)])
def test_windows_and_targets_are_those_of_eager_passes(
    llava: TransformersModel, picture: Image.Image, target: Target, window: int
) -> None:
    compare_with_eager_passes(llava, picture, target, window)


def test_curves_are_those_of_eager_passes(double: TransformersModel, picture: Image.Image) -> None:
    compare_with_eager_passes(double, picture, Target((3,), (40,)), 2)


def compare_with_eager_passes(model: TransformersModel, picture: Image.Image, target: Target, window: int) -> None:
    answer = sampled(model, "the the dog", picture)
    cuts = cuts_of(answer, target)
    curves = knockout_curves(model, answer, target, cuts, window)
    before, top_before = expected(model, answer, target)
    assert curves.before.logprob == pytest.approx(before, abs=1e-4)
    assert (curves.logprob.shape, curves.complete) == ((len(cuts), 4 - window), 1.0)
    for row, cut in list(enumerate(cuts))[::5]:
        for start in range(4 - window):
            layers = frozenset(range(start, start + window))
            after, top = expected(model, answer, target, Knockout(cut.reader.positions, cut.source.positions, layers))
            assert curves.change[row, start] == pytest.approx(after - before, abs=1e-4)
            assert curves.top[row, start].tolist() == top
            assert curves.changed[row, start].tolist() == [a != b for a, b in zip(top, top_before, strict=True)]


def test_the_answer_is_written_anew_with_a_cut(model: TransformersModel, picture: Image.Image) -> None:
    answer = ask(model, Question("Where?", (picture,), decoding=Decoding(max_new_tokens=5)))
    group_of = {group.name: group for group in groups(answer, token_targets_of(answer, Target((2,))))}
    cut = Cut(Group("answer", tuple(range(len(answer.prompt_tokens) - 1, len(answer.layout) + 5))), group_of["image"])
    again = reask_under(model, answer, cut_in(cut, (0, 1))).answer
    rows = tuple(position for position in cut.reader.positions if position < len(again.layout))
    expected = eager_logits_with(model, again, (Knockout(rows, cut.source.positions, frozenset({0, 1})),))
    assert expected.argmax(-1).tolist() == list(again.token_ids)


def test_a_cut_changes_every_token_as_in_an_eager_pass(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where?", picture)
    group_of = {group.name: group for group in groups(answer, token_targets_of(answer, Target((2,))))}
    cut = Cut(group_of["question"], group_of["image"])
    token_targets = token_targets_of(answer, whole_answer(answer))
    (outcome,) = outcomes(model, answer, token_targets, [cut_in(cut, (1, 2))])
    knockout = Knockout(cut.reader.positions, cut.source.positions, frozenset({1, 2}))
    expected = eager_logits_with(model, answer, (knockout,)).log_softmax(-1)
    after = [float(expected[index, token]) for index, token in enumerate(answer.token_ids)]
    np.testing.assert_allclose(outcome.after.logprobs, after, atol=1e-4)
    assert outcome.perturbation.words == "attention of question to image cut in layers 1 to 2"


def test_the_probability_is_that_of_the_tokens_also_for_a_contrast(
    model: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(model, "Where?", picture)
    cuts = cuts_of(answer, Target((0, 1)))[:2]
    alone = knockout_curves(model, answer, Target((0, 1)), cuts, 1)
    against = knockout_curves(model, answer, Target((0, 1), (40, 41)), cuts, 1)
    np.testing.assert_allclose(alone.probability, np.exp(alone.logprob), rtol=1e-4)
    np.testing.assert_allclose(against.probability, alone.probability, rtol=1e-4)


def test_what_cannot_be_seen_cannot_be_cut(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where?", picture)
    group_of = {group.name: group for group in groups(answer, token_targets_of(answer, Target((2,))))}
    backwards = Cut(group_of["image"], group_of["last"])
    curves = knockout_curves(model, answer, Target((2,)), [backwards], 2)
    np.testing.assert_allclose(curves.change, 0, atol=1e-5)


def test_an_answer_without_a_picture_has_curves(model: TransformersModel) -> None:
    answer = sampled(model, "Only words", tokens=1)
    image, question, _, last, _ = groups(answer, token_targets_of(answer, Target((0,))))
    curves = knockout_curves(model, answer, Target((0,)), [Cut(last, question)], 1)
    assert np.isfinite(curves.logprob).all()
    with pytest.raises(NotApplicable, match="'image'"):
        knockout_curves(model, answer, Target((0,)), [Cut(last, image)], 1)


def test_a_stop_keeps_what_is_done(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, target = sampled(llava, "Where?", picture), Target((2,))
    monkeypatch.setattr("core.perturb.outcomes.AT_ONCE", 2)
    cancel, heard = CancelToken(), list[float]()

    def stop(done: float) -> None:
        heard.append(done)
        if len(heard) == 4:
            cancel.cancel()

    cuts = cuts_of(answer, target)[:3]
    whole = knockout_curves(llava, answer, target, cuts, 1)
    part = knockout_curves(llava, answer, target, cuts, 1, cancel=cancel, progress=stop)
    known = np.isfinite(part.logprob).ravel().tolist()
    assert known == [True] * len(heard) + [False] * (9 - len(heard)) and 4 <= len(heard) < 9
    assert part.complete == heard[-1] == len(heard) / 9
    np.testing.assert_allclose(part.logprob.ravel()[: len(heard)], whole.logprob.ravel()[: len(heard)], atol=1e-4)
    assert (part.top.ravel()[len(heard) :] == UNKNOWN).all() and not part.changed.ravel()[len(heard) :].any()
    with pytest.raises(Cancelled):
        knockout_curves(llava, answer, target, cuts, 1, cancel=cancel)


def test_what_does_not_fit_is_refused(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "Where?", picture)
    cuts = cuts_of(answer, Target((0,)))[:1]
    for wrong in (0, 4):
        with pytest.raises(NotApplicable, match="Choose 1 to 3 layers"):
            knockout_curves(llava, answer, Target((0,)), cuts, wrong)
    with pytest.raises(NotApplicable, match="at least one"):
        knockout_curves(llava, answer, Target((0,)), [], 1)
    with pytest.raises(NotApplicable, match="token that this answer does not have"):
        knockout_curves(llava, answer, Target((5,)), cuts, 1)
    with pytest.raises(NotApplicable, match="vocabulary"):
        knockout_curves(llava, answer, Target((0,), (10**6,)), cuts, 1)
    with pytest.raises(OtherModel):
        knockout_curves(llava, replace(answer, model="another"), Target((0,)), cuts, 1)
    with monkeypatch.context() as small:
        small.setattr(llava, "context_length", len(answer.layout) - 2)
        with pytest.raises(NotApplicable, match="reads at most"):
            knockout_curves(llava, answer, Target((4,)), cuts, 1)
        knockout_curves(llava, answer, Target((3,)), cuts, 1)
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: 1000)
    with pytest.raises(NotEnoughMemory, match="Attention knockout needs about"):
        knockout_curves(llava, answer, Target((0,)), cuts, 1)


def test_nothing_stays_on_the_model(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where?", picture)
    before = model.replay_logits(answer)
    knockout_curves(model, answer, Target((1,)), cuts_of(answer, Target((1,))), 2)
    assert torch.equal(model.replay_logits(answer), before)
