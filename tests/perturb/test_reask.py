"""Asking again with something taken away, against a question asked by hand under the same change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, Decoding, Fill, Question, RegionMask, Target, TokenKind
from core.errors import NotApplicable, OtherModel, WrongMask
from core.perturb.perturbation import HiddenPatches, HiddenPixels, HiddenTokens, NetworkEdits, OtherImages
from core.perturb.reask import Reasked, reask, reask_under
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import HeadAblation, Knockout
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score
from core.vlm.targets import token_targets_of, whole_answer
from tests.eager import eager_logits_with, eager_logits_without
from tests.perturb.literal import CLOSE, check_outcome

FILLS: tuple[Fill, ...] = get_args(Fill)
LEFT = np.indices((80, 120))[1] < 50


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    return asked(model, picture)


def asked(model: TransformersModel, *pictures: Image.Image, masks: tuple[RegionMask, ...] = ()) -> Answer:
    return ask(model, Question("the the dog?", pictures, decoding=Decoding(max_new_tokens=4), masks=masks))


def check(model: TransformersModel, reasked: Reasked, question: Question) -> None:
    """It is what the question says when it is asked, and what scoring the original answer under it says."""
    original, other = reasked.original, ask(model, question)
    assert (reasked.answer.token_ids, reasked.answer.text) == (other.token_ids, other.text)
    assert reasked.answer.question.visual_fingerprint() == question.visual_fingerprint()
    assert reasked.answer.attention is not None
    before = score(model, original.question, original.token_ids).logprobs
    after = score(model, question, original.token_ids).logprobs
    np.testing.assert_allclose(reasked.outcome.before.tokens, before, atol=1e-5)
    np.testing.assert_allclose(reasked.outcome.after.tokens, after, atol=1e-5)
    np.testing.assert_allclose(reasked.outcome.changes, after - before, atol=2e-5)
    np.testing.assert_allclose(reasked.outcome.before.tokens, [token.logprob for token in original.tokens], atol=CLOSE)
    assert reasked.outcome.before.ranks.tolist() == [1] * len(original.tokens), "the answer was greedy"


@pytest.mark.parametrize("fill", FILLS)
def test_a_region_is_hidden_and_the_same_question_asked(model: TransformersModel, answer: Answer, fill: Fill) -> None:
    reasked = reask(model, answer, LEFT, fill)
    check(model, reasked, answer.question.with_masks(RegionMask(LEFT, fill)))
    assert reasked.outcome.perturbation == HiddenPixels((RegionMask(LEFT, fill),))


def test_a_mask_that_the_question_has_stays_under_the_new_one(llava: TransformersModel, picture: Image.Image) -> None:
    former = RegionMask(LEFT.copy(), "black")
    further = np.indices((80, 120))[0] < 30
    reasked = reask(llava, asked(llava, picture, masks=(former,)), further, "mean")
    question = reasked.original.question
    check(llava, reasked, question.with_masks(former, RegionMask(further, "mean")))


def test_one_of_several_pictures_is_masked(model: TransformersModel, picture: Image.Image) -> None:
    answer, hidden = asked(model, picture, picture.resize((60, 90))), np.indices((90, 60))[0] < 40
    reasked = reask(model, answer, hidden, "blur", image=1)
    check(model, reasked, answer.question.with_masks(RegionMask(hidden, "blur", 1)))


def test_a_mask_may_be_a_file_or_a_picture(llava: TransformersModel, picture: Image.Image, tmp_path: Path) -> None:
    answer, drawn = asked(llava, picture), Image.fromarray(LEFT)
    drawn.save(tmp_path / "mask.png")
    for mask in (drawn, tmp_path / "mask.png", str(tmp_path / "mask.png")):
        perturbation = reask(llava, answer, mask, "mean").outcome.perturbation
        assert perturbation == HiddenPixels((RegionMask(LEFT, "mean"),))


def test_patches_and_other_pictures(model: TransformersModel, answer: Answer, picture: Image.Image) -> None:
    patches = HiddenPatches(frozenset(answer.layout.positions(TokenKind.IMAGE)[:5]), "noise")
    check(model, reask_under(model, answer, patches), answer.question.with_masks(*patches.masks(answer.layout)))
    other = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    question = replace(answer.question, images=(other,))
    check(model, reask_under(model, answer, OtherImages((other,))), question)


def test_edits_of_the_network(model: TransformersModel, answer: Answer) -> None:
    last = tuple(range(len(answer.prompt_tokens) - 1, len(answer.layout)))
    edits = (HeadAblation(((0, 1), (2, 0))), Knockout(last, answer.layout.positions(TokenKind.IMAGE), frozenset({1})))
    reasked = reask_under(model, answer, NetworkEdits(edits))
    with model.edited(edits):
        assert reasked.answer.token_ids == ask(model, answer.question).token_ids
    targets = token_targets_of(answer, whole_answer(answer))
    check_outcome(
        reasked.outcome, eager_logits_with(model, answer, ()), eager_logits_with(model, answer, edits), targets
    )


def test_hidden_tokens_stay_hidden_from_an_answer_longer_than_the_original(
    model: TransformersModel, answer: Answer
) -> None:
    hidden = frozenset(answer.layout.positions(TokenKind.IMAGE)[2:])
    reasked = reask_under(model, answer.until(1), HiddenTokens(hidden))
    assert len(reasked.answer.tokens) == 4
    logits = eager_logits_without(model, reasked.answer, sorted(hidden)).log_softmax(-1)
    for index, token in enumerate(reasked.answer.tokens):
        assert token.logprob == pytest.approx(float(logits[index, token.id]), abs=CLOSE)
        assert float(logits[index].max()) == pytest.approx(token.logprob, abs=CLOSE), "the most probable was said"
    one = token_targets_of(answer, Target((0,)))
    before, after = (eager_logits_without(model, answer, some) for some in ((), sorted(hidden)))
    check_outcome(reasked.outcome, before, after, one)


def test_the_new_answer_is_told_as_it_is_written(model: TransformersModel, answer: Answer) -> None:
    for perturbation in (HiddenPixels((RegionMask(LEFT),)), NetworkEdits((HeadAblation(((0, 0),)),))):
        pieces: list[str] = []
        reasked = reask_under(model, answer, perturbation, say=pieces.append)
        assert "".join(pieces) == reasked.answer.text


def test_the_two_answers_stand_in_columns(model: TransformersModel, answer: Answer) -> None:
    reasked = reask(model, answer, LEFT)
    columns = reasked.aligned
    assert [one.original for one in columns if one.original is not None] == list(range(len(answer.tokens)))
    assert [one.other for one in columns if one.other is not None] == list(range(len(reasked.answer.tokens)))


@pytest.mark.parametrize("perturbation", [HiddenPixels((RegionMask(LEFT),)), NetworkEdits((HeadAblation(((0, 0),)),))])
def test_a_stop_between_two_tokens_ends_it(
    model: TransformersModel,
    answer: Answer,
    perturbation: HiddenPixels | NetworkEdits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cancel, step = CancelToken(), model.step
    steps: list[int] = []

    def stopping(*arguments: object) -> object:
        steps.append(1)
        cancel.cancel()
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "step", stopping)
    with pytest.raises(Cancelled):
        reask_under(model, answer, perturbation, cancel=cancel)
    assert len(steps) == 1


def test_an_empty_answer_has_no_tokens_to_read(model: TransformersModel, answer: Answer) -> None:
    nothing = answer.until(0)
    assert reask(model, nothing, LEFT).outcome.changes.shape == (0,)
    with pytest.raises(NotApplicable, match="empty"):
        reask_under(model, nothing, NetworkEdits((HeadAblation(((0, 0),)),)))


def test_what_does_not_fit_is_refused(model: TransformersModel, answer: Answer, tmp_path: Path) -> None:
    with pytest.raises(WrongMask, match="The mask is 120 × 70 and the picture 120 × 80 pixels"):
        reask(model, answer, LEFT[:70])
    for image in (-1, 1):
        with pytest.raises(WrongMask, match="the question has 1 picture"):
            reask(model, answer, LEFT, image=image)
    with pytest.raises(OtherModel):
        reask(model, replace(answer, model="another"), LEFT)
