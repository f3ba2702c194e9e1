"""Outcomes of every kind of perturbation, against a direct loop that takes them one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Fill, RegionMask, Target, TokenKind
from core.errors import NotApplicable, OtherModel
from core.perturb import outcomes as outcomes_module
from core.perturb.outcomes import OutcomeReader, outcomes, sets_at_once
from core.perturb.perturbation import (
    HiddenPatches,
    HiddenPixels,
    HiddenTokens,
    NetworkEdits,
    OtherImages,
    Perturbation,
)
from core.perturb.until import until_target
from core.vlm.cancel import CancelToken
from core.vlm.edits import HeadAblation, Knockout, Site, StatePatch
from core.vlm.hf.network import TransformersModel
from core.vlm.model import Pictures, VisionLanguageModel
from core.vlm.targets import TokenTarget, token_targets_of
from tests.eager import eager_logits_with, eager_logits_without, sampled
from tests.families import save_gemma3, save_llava_next
from tests.perturb.literal import CLOSE, check_outcome, logits_over, painted
from tests.zoo import load, of_family

FILLS: tuple[Fill, ...] = get_args(Fill)


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(model, "the the dog?", picture, tokens=3)


def targets(answer: Answer) -> tuple[TokenTarget, ...]:
    """The first token, the same against a rival, and the second."""
    return (*token_targets_of(answer, Target((0,))), TokenTarget(0, answer.token_ids[0], 40), *second(answer))


def second(answer: Answer) -> tuple[TokenTarget, ...]:
    return token_targets_of(answer, Target((1,)))


def boxes(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Two regions of a picture (width, height) that overlap, neither along patches."""
    xs, ys = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return (xs > size[0] / 3) & (ys < size[1] / 2), (xs < size[0] / 2) & (ys > size[1] / 5)


def by_hand(answer: Answer, positions: Sequence[int], image: int) -> np.ndarray:
    """The pixels of a picture whose centres lie in the boxes of some image tokens."""
    width, height = answer.layout.image_sizes[image]
    hidden = np.zeros((height, width), bool)
    for view in answer.layout.views:
        for index, position in enumerate(view.positions):
            if view.image == image and position in positions:
                left, top, right, bottom = view.patch_box(index)
                xs, ys = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
                hidden |= (left <= xs) & (xs < right) & (top <= ys) & (ys < bottom)
    return hidden


@pytest.mark.parametrize("fill", FILLS)
def test_regions_of_pixels(model: TransformersModel, answer: Answer, fill: Fill) -> None:
    masks = [RegionMask(hidden, fill) for hidden in boxes((120, 80))]
    read = list(outcomes(model, answer, targets(answer), [HiddenPixels((mask,)) for mask in masks]))
    before = logits_over(model, answer, answer.question.images)
    for outcome, mask in zip(read, masks, strict=True):
        check_outcome(outcome, before, logits_over(model, answer, painted(answer, [mask])), targets(answer))


@pytest.mark.parametrize("fill", FILLS)
def test_patches_taken_away_and_patches_alone(model: TransformersModel, answer: Answer, fill: Fill) -> None:
    patches = answer.layout.positions(TokenKind.IMAGE)
    sets = [patches[:1], patches[2:7], patches]
    wanted = [HiddenPatches(frozenset(some), fill, shown) for some in sets for shown in (False, True)]
    before = logits_over(model, answer, answer.question.images)
    for outcome in outcomes(model, answer, targets(answer), wanted):
        perturbation = outcome.perturbation
        assert isinstance(perturbation, HiddenPatches)
        hidden = by_hand(answer, sorted(perturbation.positions), 0)
        mask = RegionMask(~hidden if perturbation.shown else hidden, fill)
        check_outcome(outcome, before, logits_over(model, answer, painted(answer, [mask])), targets(answer))


def test_patches_of_several_pictures_at_once(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Is it?", picture, picture.resize((60, 90)), tokens=2)
    chosen = [next(view.positions[1] for view in answer.layout.views if view.image == image) for image in (0, 1)]
    before = logits_over(model, answer, answer.question.images)
    for shown in (False, True):
        (outcome,) = outcomes(model, answer, targets(answer), [HiddenPatches(frozenset(chosen), "mean", shown)])
        hidden = [by_hand(answer, chosen, image) for image in (0, 1)]
        masks = [RegionMask(~one if shown else one, "mean", image) for image, one in enumerate(hidden)]
        check_outcome(outcome, before, logits_over(model, answer, painted(answer, masks)), targets(answer))


def test_regions_of_several_pictures_one_after_the_other(model: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(model, "Is it?", picture, picture.resize((60, 90)), tokens=2)
    (one, two), (three, _) = boxes((120, 80)), boxes((60, 90))
    masks = (RegionMask(one, "noise"), RegionMask(three, "black", 1), RegionMask(two, "blur"))
    (outcome,) = outcomes(model, answer, targets(answer), [HiddenPixels(masks)])
    before = logits_over(model, answer, answer.question.images)
    check_outcome(outcome, before, logits_over(model, answer, painted(answer, masks)), targets(answer))


@pytest.mark.parametrize("former", FILLS)
@pytest.mark.parametrize("fill", FILLS)
def test_over_a_mask_that_the_question_has(
    llava: TransformersModel, picture: Image.Image, former: Fill, fill: Fill
) -> None:
    first, further = boxes((120, 80))
    answer = sampled(llava, "the dog?", picture, tokens=2, masks=RegionMask(first, former))
    mask = RegionMask(further, fill)
    patches = frozenset(answer.layout.positions(TokenKind.IMAGE)[4:9])
    over_pixels, over_patches = outcomes(
        llava, answer, targets(answer), [HiddenPixels((mask,)), HiddenPatches(patches, fill)]
    )
    before = logits_over(llava, answer, painted(answer, ()))
    torch.testing.assert_close(before, llava.replay_logits(answer), atol=1e-5, rtol=1e-4)
    check_outcome(over_pixels, before, logits_over(llava, answer, painted(answer, [mask])), targets(answer))
    patch_mask = RegionMask(by_hand(answer, sorted(patches), 0), fill)
    check_outcome(over_patches, before, logits_over(llava, answer, painted(answer, [patch_mask])), targets(answer))


def test_other_pictures_as_they_are(model: TransformersModel, answer: Answer, picture: Image.Image) -> None:
    masked = replace(answer, question=answer.question.with_masks(RegionMask(boxes((120, 80))[0])))
    other = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    (outcome,) = outcomes(model, masked, targets(answer), [OtherImages((other,))])
    before = logits_over(model, answer, painted(masked, ()))
    check_outcome(outcome, before, logits_over(model, answer, [other]), targets(answer))


def hidings(answer: Answer) -> list[frozenset[int]]:
    images = answer.layout.positions(TokenKind.IMAGE)
    words = answer.layout.positions(TokenKind.TEXT)
    return [frozenset(images[:3]), frozenset(images), frozenset({*images[1:2], words[0]}), frozenset(words)]


def test_tokens_hidden_from_everything_after_the_pictures(model: TransformersModel, answer: Answer) -> None:
    read = list(outcomes(model, answer, targets(answer), [HiddenTokens(hidden) for hidden in hidings(answer)]))
    before = eager_logits_without(model, answer, ())
    for outcome, hidden in zip(read, hidings(answer), strict=True):
        check_outcome(outcome, before, eager_logits_without(model, answer, sorted(hidden)), targets(answer))


def edits_of(answer: Answer, model: TransformersModel) -> list[NetworkEdits]:
    """Of every kind, alone and together, beginning at different layers and positions."""
    last = len(answer.prompt_tokens) - 1
    states = torch.randn(2, model.card.hidden, generator=torch.Generator().manual_seed(2))
    cut = Knockout((last,), answer.layout.positions(TokenKind.IMAGE), frozenset({1, 2}))
    heads, patch = HeadAblation(((0, 1), (2, 3))), StatePatch(Site.MLP, 1, (4, last), states)
    return [NetworkEdits(edits) for edits in ((cut,), (heads,), (patch,), (cut, heads, patch))]


def test_edits_of_the_network(model: TransformersModel, answer: Answer) -> None:
    wanted = edits_of(answer, model)
    before = eager_logits_with(model, answer, ())
    for outcome, edits in zip(outcomes(model, answer, targets(answer), wanted), wanted, strict=True):
        check_outcome(outcome, before, eager_logits_with(model, answer, edits.changes), targets(answer))


def test_edits_of_a_pass_that_was_given(llava: TransformersModel, picture: Image.Image) -> None:
    whole = sampled(llava, "the the dog?", picture, tokens=3)
    answer, units = until_target(llava, whole, Target((1,)))
    corruption = StatePatch(Site.INPUT, 0, (5, 6), torch.ones(2, llava.card.hidden))
    with llava.edited((corruption,)):
        checkpoints = llava.checkpointed(answer)
    wanted = edits_of(answer, llava)
    before = eager_logits_with(llava, answer, (corruption,))
    for outcome, edits in zip(outcomes(llava, answer, units, wanted, checkpoints=checkpoints), wanted, strict=True):
        check_outcome(outcome, before, eager_logits_with(llava, answer, (corruption, *edits.changes)), units)


def mixture(answer: Answer, model: TransformersModel) -> list[Perturbation]:
    """All kinds, again and again, with duplicates and empty ones among them."""
    patches = frozenset(answer.layout.positions(TokenKind.IMAGE)[3:6])
    return [
        HiddenTokens(frozenset()),
        HiddenTokens(patches),
        *edits_of(answer, model)[:2],
        HiddenPatches(patches, "blur"),
        HiddenPatches(frozenset()),
        HiddenPixels(()),
        HiddenTokens(patches),
        HiddenPatches(patches, "blur"),
        HiddenPatches(patches, "blur", shown=True),
        *edits_of(answer, model)[2:],
        NetworkEdits(()),
    ]


@pytest.fixture(scope="session", params=["llava", "qwen", "next", "gemma", "unshared"])
def various(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """Families that share a prefix, ones of tiles and of prompts that see themselves both ways, and one of which
    nothing is known: no prefix shared, one picture at a time."""
    if request.param in ("llava", "qwen"):
        known: TransformersModel = request.getfixturevalue(request.param)
        return known
    if request.param == "unshared":
        llava: TransformersModel = request.getfixturevalue("llava")
        apart = {"key": "unknown", "name": "Unknown", "shares_prefix": False, "stacks": False}
        return of_family(llava, type("Unshared", (type(llava.family),), apart)())
    save = {"next": save_llava_next, "gemma": save_gemma3}[request.param]
    return load(save(tmp_path_factory.mktemp(request.param)))


def test_each_is_what_it_is_alone_in_the_order_of_asking(various: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(various, "the the dog?", picture, tokens=3)
    wanted = mixture(answer, various)
    together = list(outcomes(various, answer, targets(answer), wanted))
    assert [outcome.perturbation for outcome in together] == wanted
    for outcome, perturbation in zip(together, wanted, strict=True):
        (alone,) = outcomes(various, answer, targets(answer), [perturbation])
        np.testing.assert_allclose(outcome.after.tokens, alone.after.tokens, atol=CLOSE)
        np.testing.assert_allclose(outcome.before.tokens, alone.before.tokens, atol=CLOSE)
        if perturbation.empty:
            assert outcome.after is outcome.before


def test_batches_change_nothing(
    various: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(various, "the the dog?", picture, tokens=3)
    wanted = mixture(answer, various)
    together = list(outcomes(various, answer, targets(answer), wanted))
    monkeypatch.setattr("core.vlm.hf.network.images_at_once", lambda *_: 1)
    monkeypatch.setattr(various, "edits_at_once", lambda *_: 1)
    for one, other in zip(outcomes(various, answer, targets(answer), wanted), together, strict=True):
        np.testing.assert_allclose(one.after.tokens, other.after.tokens, atol=CLOSE)
        np.testing.assert_allclose(one.before.tokens, other.before.tokens, atol=CLOSE)


class Counting:
    """A model that says what it was made to read."""

    def __init__(self, model: VisionLanguageModel) -> None:
        self.model, self.images, self.sets = model, 0, [0]

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def logits_of_images(self, answer: Answer, pictures: Iterator[Pictures]) -> Iterator[torch.Tensor]:
        def counted() -> Iterator[Pictures]:
            for one in pictures:
                self.images += 1
                yield one

        return self.model.logits_of_images(answer, counted())

    def logits_with(self, answer: Answer, edits: Sequence[object], checkpoints: object = None) -> list[torch.Tensor]:
        self.sets.append(len(edits))
        return self.model.logits_with(answer, edits, checkpoints)  # type: ignore[arg-type]


def test_what_says_the_same_is_read_once(llava: TransformersModel, picture: Image.Image) -> None:
    answer, model = sampled(llava, "the dog?", picture, tokens=2), Counting(llava)
    patches = [frozenset(answer.layout.positions(TokenKind.IMAGE)[index : index + 2]) for index in (0, 3, 0, 3, 0)]
    wanted = [
        *(HiddenPatches(some, "mean") for some in patches),
        HiddenPatches(frozenset(), "blur"),
        *(HiddenTokens(some) for some in patches),
        HiddenTokens(frozenset()),
    ]
    read = list(outcomes(model, answer, targets(answer), wanted))  # type: ignore[arg-type]
    assert len(read) == len(wanted)
    assert model.images == 3, "the picture as it was, and two patches"
    assert sum(model.sets) == 3
    assert read[0].after is read[2].after is read[4].after


def test_a_reader_that_is_asked_again_remembers(llava: TransformersModel, picture: Image.Image) -> None:
    answer, model = sampled(llava, "the dog?", picture, tokens=2), Counting(llava)
    reader = OutcomeReader(model, answer, targets(answer))  # type: ignore[arg-type]
    first, second = HiddenPatches(frozenset({5})), HiddenPatches(frozenset({6}))
    (before,) = reader.outcomes([first])
    later = list(reader.outcomes([second, first, second]))
    assert model.images == 3
    assert later[1].after is before.after and later[0].before is before.before
    assert later[0].after is later[2].after


def endless(answer: Answer, drawn: list[int]) -> Iterator[Perturbation]:
    """Ever other perturbations, of one kind."""
    patches = answer.layout.positions(TokenKind.IMAGE)
    number = 0
    while True:
        number += 1
        drawn.append(number)
        some = frozenset(patches[index] for index in range(len(patches)) if (number >> index) & 1)
        yield HiddenTokens(some) if isinstance(drawn, Reader) else HiddenPatches(some)


class Reader(list[int]):
    """What was drawn of perturbations that hide tokens from the reader."""


@pytest.mark.parametrize("kind", [list, Reader])
def test_perturbations_are_drawn_as_they_are_read(
    llava: TransformersModel, picture: Image.Image, kind: type[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vlm.hf.network.images_at_once", lambda *_: 4)
    monkeypatch.setattr(llava, "edits_at_once", lambda *_: 4)
    answer, drawn = sampled(llava, "the dog?", picture, tokens=2), kind()
    readings = outcomes(llava, answer, targets(answer), endless(answer, drawn))
    assert drawn == []
    for number in range(1, 10):
        next(readings)
        assert len(drawn) <= number + 4
    readings.close()  # type: ignore[attr-defined]
    assert len(drawn) <= 13


@pytest.mark.parametrize("stop_at", [1, 4, 5])
@pytest.mark.parametrize("kind", [HiddenPatches, HiddenTokens])
def test_stopped_in_the_middle_what_was_read_is_kept(
    model: TransformersModel, answer: Answer, kind: type, stop_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vlm.hf.network.images_at_once", lambda *_: 3)
    monkeypatch.setattr(model, "edits_at_once", lambda *_: 3)
    cancel, shares = CancelToken(), []
    wanted = [kind(frozenset({position})) for position in answer.layout.positions(TokenKind.IMAGE)[:8]]

    def progress(done: float) -> None:
        shares.append(done)
        if len(shares) == stop_at:
            cancel.cancel()

    read = list(outcomes(model, answer, targets(answer), wanted, cancel=cancel, progress=progress))
    assert [outcome.perturbation for outcome in read] == wanted[:stop_at]
    assert shares == [number / 8 for number in range(1, stop_at + 1)]
    for outcome, whole in zip(read, outcomes(model, answer, targets(answer), wanted), strict=False):
        np.testing.assert_allclose(outcome.after.tokens, whole.after.tokens, atol=CLOSE)


def test_stopped_before_it_reads_nothing(llava: TransformersModel, picture: Image.Image) -> None:
    answer, model, cancel = sampled(llava, "the dog?", picture, tokens=2), Counting(llava), CancelToken()
    cancel.cancel()
    wanted = [HiddenPatches(frozenset({5})), HiddenTokens(frozenset({5}))]
    assert list(outcomes(model, answer, targets(answer), wanted, cancel=cancel)) == []  # type: ignore[arg-type]
    assert (model.images, model.sets) == (0, [0])


def test_no_perturbations_are_no_work(llava: TransformersModel, picture: Image.Image) -> None:
    answer, model = sampled(llava, "the dog?", picture, tokens=2), Counting(llava)
    assert list(outcomes(model, answer, targets(answer), [])) == []  # type: ignore[arg-type]
    assert (model.images, model.sets) == (0, [0])


def test_a_question_without_a_picture_has_tokens_to_hide_and_no_pixels(model: TransformersModel) -> None:
    answer = sampled(model, "the the dog?", tokens=3)
    words = frozenset(answer.layout.positions(TokenKind.TEXT)[:1])
    hidden, patches = outcomes(
        model, answer, targets(answer), [HiddenTokens(words), HiddenPatches(frozenset(), shown=True)]
    )
    before = eager_logits_without(model, answer, ())
    check_outcome(hidden, before, eager_logits_without(model, answer, sorted(words)), targets(answer))
    assert not patches.changes.any()


def test_nothing_after_the_last_target_is_read(
    model: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(model, "the the dog?", picture, tokens=5)
    lengths = []
    for name in ("logits_of_images", "logits_with"):
        method = getattr(model, name)

        def seen(given: Answer, *rest: object, method=method) -> object:  # type: ignore[no-untyped-def]
            lengths.append(len(given.tokens))
            return method(given, *rest)

        monkeypatch.setattr(model, name, seen)
    wanted = [HiddenPatches(frozenset({5})), HiddenTokens(frozenset({5}))]
    for outcome in outcomes(model, answer, second(answer), wanted):
        assert outcome.after.tokens.shape == (1,)
    assert set(lengths) == {2}


def test_memory_decides_how_many_sets_are_read_at_once(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    many = sets_at_once(llava, answer, 20)
    monkeypatch.setattr("core.vlm.batch_size.available_bytes", lambda _: 8 * 2**20)
    few = sets_at_once(llava, answer, 20)
    monkeypatch.setattr("core.vlm.batch_size.available_bytes", lambda _: 0)
    assert sets_at_once(llava, answer, 20) == 1 < few < many == outcomes_module.AT_ONCE
    model = Counting(llava)
    wanted = [HiddenTokens(frozenset({position})) for position in answer.layout.positions(TokenKind.IMAGE)[:6]]
    assert len(list(outcomes(model, answer, targets(answer), wanted))) == 6  # type: ignore[arg-type]
    assert max(model.sets) == 1


def test_a_target_is_made_of_some_of_the_tokens(model: TransformersModel, answer: Answer) -> None:
    (outcome,) = outcomes(model, answer, targets(answer), [HiddenTokens(frozenset({5, 6}))])
    later = outcome.of(second(answer))
    assert later.after.tokens.tolist() == outcome.after.tokens[2:].tolist()
    assert later.flipped == bool(outcome.changed[2])
    contrast = outcome.of(targets(answer)[1:2]).after
    p, q = (float(np.exp(one)) for one in (contrast.tokens[0], contrast.rivals[0]))
    assert contrast.preference == pytest.approx(p / (p + q))
    both = outcome.of((*targets(answer)[:1], *second(answer))).after
    assert both.probability == both.preference == pytest.approx(float(np.exp(both.tokens.sum())))
    with pytest.raises(ValueError, match="not in tuple"):
        outcome.of(token_targets_of(answer, Target((2,))))


def test_what_cannot_be_read_is_refused(model: TransformersModel, answer: Answer) -> None:
    somewhere = [HiddenTokens(frozenset({5}))]
    with pytest.raises(OtherModel):
        outcomes(model, replace(answer, model="another"), targets(answer), somewhere)
    with pytest.raises(NotApplicable, match="vocabulary"):
        outcomes(model, answer, [TokenTarget(0, 10**6)], somewhere)
    with pytest.raises(NotApplicable, match="vocabulary"):
        outcomes(model, answer, [TokenTarget(0, 5, 10**6)], somewhere)
    with pytest.raises(NotApplicable, match="does not have"):
        until_target(model, answer, Target((9,)))
    for wrong in (-1, len(answer.prompt_tokens)):
        with pytest.raises(ValueError, match="only positions of the prompt"):
            next(outcomes(model, answer, targets(answer), [HiddenTokens(frozenset({wrong}))]))
    with pytest.raises(ValueError, match="The model has layers"):
        next(outcomes(model, answer, targets(answer), [NetworkEdits((HeadAblation(((9, 0),)),))]))
    with pytest.raises(ValueError, match="The mask is"):
        next(outcomes(model, answer, targets(answer), [HiddenPixels((RegionMask(np.ones((3, 3), bool)),))]))


def test_a_sequence_longer_than_the_model_reads_is_refused(
    model: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "context_length", len(answer.prompt_tokens) + 1)
    until_target(model, answer, Target((1,)))
    with pytest.raises(NotApplicable, match="reads at most"):
        until_target(model, answer, Target((2,)))
