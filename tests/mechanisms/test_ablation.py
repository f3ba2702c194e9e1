"""Ablated heads against eager passes whose output projections read something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Head, Question, Target
from core.errors import NotApplicable, NotEnoughMemory, OtherModel
from core.mechanisms.ablation import ablation_curves, head_means, without_heads
from core.perturb.outcomes import outcomes
from core.perturb.prediction import Outcome
from core.perturb.reask import reask_under
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import HeadAblation
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of, whole_answer
from tests.eager import eager_logits_with, eager_network, sampled, whole_inputs

HEADS: list[Head] = [(1, 2), (0, 3), (2, 0), (1, 0)]


def eager_means(model: TransformersModel, *answers: Answer) -> torch.Tensor:
    """[layers heads size] means of what each output projection reads, over every position that is read."""
    network = eager_network(model.card.source)
    layers = network.get_decoder().layers
    read: list[list[torch.Tensor]] = [[] for _ in layers]
    hooks = [
        layer.self_attn.o_proj.register_forward_pre_hook(lambda _, args, kept=kept: kept.append(args[0][0]))
        for layer, kept in zip(layers, read, strict=True)
    ]
    try:
        for answer in answers:
            network(**whole_inputs(answer, answer.token_ids[:-1]), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack([torch.cat(rows).mean(0).view(model.card.heads, -1) for rows in read])


def ablated(
    model: TransformersModel, answer: Answer, heads: Sequence[Head], means: torch.Tensor | None = None
) -> Outcome:
    """What becomes of every token of an answer without some heads."""
    (outcome,) = outcomes(model, answer, token_targets_of(answer, whole_answer(answer)), [without_heads(heads, means)])
    return outcome


def eager_logprobs(model: TransformersModel, answer: Answer, *edits: HeadAblation) -> np.ndarray:
    logprobs = eager_logits_with(model, answer, edits).log_softmax(-1)
    logprob: np.ndarray = logprobs[range(len(answer.tokens)), list(answer.token_ids)].numpy()
    return logprob


def test_means_are_over_all_positions_of_all_answers(double: TransformersModel, picture: Image.Image) -> None:
    answers = sampled(double, "the the", picture), sampled(double, "Only words", tokens=2)
    torch.testing.assert_close(head_means(double, answers), eager_means(double, *answers), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(head_means(double, answers[:1]), eager_means(double, answers[0]), atol=1e-6, rtol=1e-6)


def test_ablated_log_probabilities_are_those_of_an_eager_pass(double: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(double, "the the dog", picture)
    means = head_means(double, [answer])
    for heads in ((), HEADS[:1], HEADS):
        outputs = torch.stack([means[head] for head in heads]) if heads else None
        for given, instead in ((None, None), (means, outputs)):
            outcome = ablated(double, answer, heads, given)
            np.testing.assert_allclose(outcome.before.logprobs, eager_logprobs(double, answer), atol=1e-4)
            expected = eager_logprobs(double, answer, HeadAblation(tuple(heads), instead))
            np.testing.assert_allclose(outcome.after.logprobs, expected, atol=1e-4)
    words = outcome.perturbation.words
    assert words == "heads 1.2, 0.3, 2.0, 1.0 (layer.head, from 0) replaced by their mean"


def test_the_answer_is_written_anew_without_the_heads(model: TransformersModel, picture: Image.Image) -> None:
    question = Question("Where?", (picture,), decoding=Decoding(max_new_tokens=5))
    answer = reask_under(model, ask(model, question), without_heads(HEADS)).answer
    expected = eager_logits_with(model, answer, (HeadAblation(tuple(HEADS)),))
    assert expected.argmax(-1).tolist() == list(answer.token_ids)


def test_curves_are_of_the_first_heads_and_of_as_many_drawn(model: TransformersModel, picture: Image.Image) -> None:
    answer, target = sampled(model, "Where?", picture), Target((1, 2))
    rankings = {"forwards": HEADS, "backwards": HEADS[::-1]}
    for means in (None, head_means(model, [answer])):
        curves = ablation_curves(model, answer, target, rankings, (0, 1, 3, 4), means, draws=3)
        assert (curves.random.shape, curves.mean, curves.complete) == ((3, 4), means is not None, 1.0)
        for name, ranking in rankings.items():
            for number, count in enumerate(curves.counts):
                expected = ablated(model, answer, ranking[:count], means).after.logprobs[[1, 2]].sum()
                assert curves.ranked[name][number] == pytest.approx(expected, abs=1e-4)
        np.testing.assert_allclose(curves.ranked["forwards"][[0, 3]], curves.ranked["backwards"][[0, 3]], atol=1e-4)
        np.testing.assert_allclose(curves.random[:, 0], curves.before.logprob, atol=1e-4)
        assert len(set(curves.random[:, 2].tolist())) == 3
        again = ablation_curves(model, answer, target, {}, (4,), means, draws=3)
        np.testing.assert_allclose(again.random[:, 0], curves.random[:, 3], atol=1e-4)


def test_all_heads_leave_no_head_to_chance(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Where?", picture)
    every = [(layer, head) for layer in range(3) for head in range(4)]
    curves = ablation_curves(model, answer, Target((0,)), {"all": every}, (12,), draws=2)
    np.testing.assert_allclose(curves.random[:, 0], curves.ranked["all"][0], atol=1e-4)


def test_a_stop_keeps_what_is_done(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, cancel = sampled(llava, "Where?", picture), CancelToken()
    monkeypatch.setattr("core.perturb.outcomes.AT_ONCE", 2)
    rankings = {"forwards": HEADS, "backwards": HEADS[::-1]}
    part = ablation_curves(
        llava, answer, Target((0,)), rankings, (1, 2, 3), cancel=cancel, progress=lambda done: cancel.cancel()
    )
    assert 0 < part.complete < 1
    assert np.isfinite(part.ranked["forwards"][0]) and np.isnan(part.random).all()
    with pytest.raises(Cancelled):
        ablation_curves(llava, answer, Target((0,)), rankings, (1,), cancel=cancel)


def test_what_is_not_there_is_refused(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "Where?", picture)
    with pytest.raises(ValueError, match="heads 0 to 3"):
        ablated(llava, answer, [(0, 4)])
    with pytest.raises(ValueError, match="layers 0 to 2"):
        reask_under(llava, answer, without_heads([(3, 0)]))
    for counts in ((), (5,), (-1,)):
        with pytest.raises(NotApplicable, match="0 to 4"):
            ablation_curves(llava, answer, Target((0,)), {"mine": HEADS}, counts)
    with pytest.raises(NotApplicable, match="reference answers"):
        head_means(llava, [])
    with pytest.raises(OtherModel):
        head_means(llava, [replace(answer, model="another")])
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: 1000)
    with pytest.raises(NotEnoughMemory, match="Head ablation needs about"):
        ablation_curves(llava, answer, Target((0,)), {"mine": HEADS}, (1,))
