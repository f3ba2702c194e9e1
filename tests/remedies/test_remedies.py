"""What holds for every remedy, and what each does to pictures, words and attention."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, Decoding, Question, RegionMask, Target, TokenKind
from core.attention.sinks import Sink, Sinks
from core.comparison.keyword import key_tokens
from core.errors import NotApplicable, OtherModel, SettingsError, UnknownName
from core.explainers._players import regions_of
from core.perturb.outcomes import outcomes
from core.perturb.perturbation import HiddenPatches
from core.remedies._region import best_window, on_cells, region_of
from core.remedies.crop import cropped, with_crop
from core.remedies.highlight import dimmed, framed
from core.remedies.image_attention import ImageAttention, ImageAttentionSettings
from core.remedies.open_choice import as_choice, as_yes_or_no
from core.remedies.registry import remedies
from core.remedies.run import expected, try_remedies, try_remedy
from core.remedies.sink_redistribution import SinkRedistributionSettings, moved, sources_of
from core.remedies.smallest_region import SmallestRegion, SmallestRegionSettings
from core.remedies.visual_contrast import noised
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.edits import MovedAttention
from core.vlm.generation import ask
from core.vlm.hf.editing import _active
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score
from core.vlm.targets import token_targets_of
from tests.hooks import hooks_of
from tests.vlm.counted import counting
from tests.vlm.hf.test_reweighting import literal_logits

QUICK = {"smallest_region": SmallestRegionSettings(segments=4, most=2, candidates=2)}


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    return ask(model, Question("Is the red door open?", (picture,), decoding=Decoding(max_new_tokens=4)))


def test_each_tells_what_it_says_and_leaves_nothing_behind(model: TransformersModel, answer: Answer) -> None:
    hooks = hooks_of(model)
    shares: list[float] = []
    chosen = {key: QUICK.get(key) for key in remedies()}
    tried = try_remedies(model, answer, chosen, progress=shares.append)
    assert [one.remedy for one in tried] == list(remedies()) and shares[-1] == 1.0
    assert shares == sorted(shares) and expected(model, answer, chosen).count > 0
    for one in tried:
        assert one.note.strip().endswith((".", "”", "?"))
        if one.answer is None:
            assert (one.logprob, one.says) == (None, "")
            continue
        scored = score(model, answer.question, one.answer.token_ids).logprobs.sum()
        assert one.logprob == pytest.approx(float(scored), abs=1e-4)
        assert one.passes > 0 and one.seconds > 0
    applied = {one.remedy for one in tried if one.answer is not None}
    assert {"visual_contrast", "image_attention", "crop", "highlight", "open_choice"} <= applied
    assert hooks_of(model) == hooks and _active.get() is None
    again = ask(model, answer.question)
    assert [token.logprob for token in again.tokens] == [token.logprob for token in answer.tokens]


@pytest.mark.parametrize("key", list(remedies()))
def test_a_stop_is_heard_and_leaves_nothing(llava: TransformersModel, picture: Image.Image, key: str) -> None:
    question = Question("Is the red door open?", (picture,), decoding=Decoding(max_new_tokens=4))
    answer, hooks = ask(llava, question), hooks_of(llava)
    cancel = CancelToken()
    cancel.cancel()
    remedy = remedies()[key]
    with pytest.raises((Cancelled, NotApplicable)):
        remedy.apply(llava, answer, QUICK.get(key, remedy.Settings()), cancel=cancel, progress=lambda done: None)
    assert try_remedies(llava, answer, [key], cancel=cancel) == ()
    assert hooks_of(llava) == hooks and _active.get() is None


@pytest.mark.parametrize("key", ["visual_contrast", "image_attention", "open_choice", "crop", "smallest_region"])
def test_it_costs_no_more_than_it_says(llava: TransformersModel, picture: Image.Image, key: str) -> None:
    question = Question("Is the red door open?", (picture,), decoding=Decoding(max_new_tokens=4))
    answer, remedy = ask(llava, question), remedies()[key]
    settings = QUICK.get(key, remedy.Settings())
    with counting(llava, answer) as counted:
        try:
            tried = remedy.apply(llava, answer, settings, cancel=CancelToken(), progress=lambda done: None)
        except NotApplicable:
            tried = None
    cost = (tried.passes if tried is not None and tried.passes else None) or remedy.passes(llava, answer, settings)
    # (the generic question of a relative map is longer than the tiny one that was asked)
    assert 0 < counted.forward <= 1.2 * cost.forward
    assert counted.tower <= 1.1 * cost.tower


def test_an_answer_of_nothing_or_of_another_model_is_refused(
    llava: TransformersModel, qwen: TransformersModel, picture: Image.Image
) -> None:
    answer = ask(llava, Question("Is it open?", (picture,), decoding=Decoding(max_new_tokens=2)))
    with pytest.raises(OtherModel):
        try_remedy(qwen, answer, remedies()["open_choice"])
    with pytest.raises(NotApplicable):
        try_remedy(llava, answer.until(0), remedies()["open_choice"])
    with pytest.raises(SettingsError):
        try_remedy(llava, answer, remedies()["image_attention"], ImageAttentionSettings(strength=99.0))
    with pytest.raises(UnknownName, match="open_choice"):
        try_remedies(llava, answer, ["prayer"])


def test_without_a_picture_each_says_so(llava: TransformersModel) -> None:
    answer = ask(llava, Question("Is the door open?", decoding=Decoding(max_new_tokens=2)))
    assert all(one.answer is None and "picture" in one.note for one in try_remedies(llava, answer))


def test_more_attention_is_that_of_attention_written_out(model: TransformersModel, answer: Answer) -> None:
    settings = ImageAttentionSettings(1.5, (0, 2), (1, 3))
    tried = try_remedy(model, answer, ImageAttention(), settings)
    assert tried.answer is not None
    logits = literal_logits(model, tried.answer, ImageAttention.edits(answer, settings))
    assert logits.argmax(-1).tolist() == list(tried.answer.token_ids)


def test_attention_is_taken_from_the_sinks_and_given_to_other_patches(llava: TransformersModel, answer: Answer) -> None:
    image = answer.layout.positions(TokenKind.IMAGE)
    sinks = Sinks((Sink(0, "first", 0.5, 9.0), Sink(image[2], "patch", 0.2, 9.0)), True)
    assert sources_of(answer, sinks, "all sinks") == (0, image[2])
    assert sources_of(answer, sinks, "patches") == (image[2],)
    with pytest.raises(NotApplicable, match="No patch"):
        sources_of(answer, Sinks(sinks.all[:1], True), "patches")
    (edit,) = moved(answer, (0, image[2]), SinkRedistributionSettings())
    assert (
        isinstance(edit, MovedAttention)
        and edit.beside == (image[2],)
        and set(edit.receivers) == set(image) - {image[2]}
    )
    assert edit.rows[0] == len(answer.prompt_tokens) - 1


def test_the_window_holds_the_one_bright_patch(llava: TransformersModel, picture: Image.Image) -> None:
    answer = ask(llava, Question("Is it open?", (picture,), decoding=Decoding(max_new_tokens=2)))
    view = answer.layout.views[0]
    scores = np.full(len(answer.layout), -1.0)
    scores[view.positions[-1]] = 3.0
    grid = on_cells(answer, scores)
    assert grid.sum() == pytest.approx(3.0)
    top, left, rows, columns = best_window(grid)
    assert grid[top : top + rows, left : left + columns].sum() == pytest.approx(3.0)
    flat = np.zeros((8, 8))
    flat[6, 1] = 1.0
    top, left, rows, columns = best_window(flat, (0.25,))
    assert top <= 6 < top + rows and left <= 1 < left + columns


def test_a_region_lies_in_the_picture(model: TransformersModel, answer: Answer) -> None:
    (left, top, right, bottom), share = region_of(model, answer, "raw_attention", CancelToken(), lambda done: None)
    width, height = answer.layout.image_sizes[0]
    assert 0 <= left < right <= width + 1e-6 and 0 <= top < bottom <= height + 1e-6 and 0 < share <= 1


def test_pictures_are_cut_dimmed_framed_and_noised(picture: Image.Image) -> None:
    box = (10.0, 20.0, 50.0, 60.0)
    part = cropped(picture, box)
    assert part.size == (40, 40) and np.array_equal(np.asarray(part), np.asarray(picture)[20:60, 10:50])
    both = with_crop(Question("What?", (picture,)), box, True)
    assert [image.size for image in both.images] == [picture.size, (40, 40)]
    assert [image.size for image in with_crop(Question("What?", (picture,)), box, False).images] == [(40, 40)]
    dark, pixels = np.asarray(dimmed(picture, box, 1.0)), np.asarray(picture)
    assert np.array_equal(dark[20:60, 10:50], pixels[20:60, 10:50])
    assert len(np.unique(dark[:20].reshape(-1, 3), axis=0)) == 1
    red = np.asarray(framed(picture, box))
    assert (red[20, 10:50] == (255, 0, 0)).all() and np.array_equal(red[30:50, 20:40], pixels[30:50, 20:40])
    assert np.abs(np.asarray(noised(picture, 0)).astype(int) - pixels).mean() < 2
    far = np.asarray(noised(picture, 999)).astype(float)
    assert abs(np.corrcoef(far.ravel(), pixels.ravel())[0, 1]) < 0.5
    assert np.array_equal(np.asarray(noised(picture, 500)), np.asarray(noised(picture, 500)))


@pytest.mark.parametrize(
    ("question", "choice"),
    [
        ("Is the truck's door open?", "Is the truck's door open or closed?"),
        ("Is it true that the house's door is closed?", "Would you say that the house's door is closed or open?"),
        ("Looking at the truck, is its door open?", "Looking at the truck, is its door open or closed?"),
        ("What colour is the door?", None),
        ("Isn't the door open?", None),
        ("Is the door open or closed?", None),
        ("Is there a dog?", None),
        ("Ist die Tür offen?", None),
    ],
)
def test_a_yes_no_question_becomes_a_choice(question: str, choice: str | None) -> None:
    assert as_choice(question) == choice


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("The truck's door is open.", "Yes, the truck's door is open."),
        ("The truck's door is closed.", "No, the truck's door is closed."),
        ("Closed.", "No, closed."),
        ("Yes, the truck's door is closed.", "No, the truck's door is closed."),
        ("It is red.", "It is red."),
    ],
)
def test_what_is_chosen_is_a_yes_or_no_to_what_was_asked(said: str, means: str) -> None:
    question = "Is the truck's door open?"
    choice = as_choice(question)
    assert choice is not None and as_yes_or_no(question, choice, said) == means
    assert as_choice(question, asked_last=True) == "Is the truck's door closed or open?"


def test_what_undoes_a_word_is_the_smallest_such_set(llava: TransformersModel, picture: Image.Image) -> None:
    """Every set of up to two regions is tried by hand: one that is found undoes the word, none of its parts does."""
    for text in ("Is it?", "Where is the dog?", "What is the colour?"):
        answer = ask(llava, Question(text, (picture,), decoding=Decoding(max_new_tokens=3)))
        regions = regions_of(answer.question, answer.layout, 4, 10.0)
        targets = token_targets_of(answer, Target(key_tokens(answer)))

        sets = []
        for some in (some for size in (1, 2) for some in combinations(range(len(regions)), size)):
            hidden = frozenset(position for number in some for position in regions[number].positions)
            (outcome,) = outcomes(llava, answer, targets, [HiddenPatches(hidden, "mean")])
            if any(top != target.token for top, target in zip(outcome.after.top, targets, strict=True)):
                sets.append(some)
        tried = try_remedy(llava, answer, SmallestRegion(), SmallestRegionSettings(4, 2, 200, "mean"))
        if tried.answer is None:
            assert "does not rest on them" in tried.note
            continue
        named = tried.note.split("(")[1].split(")")[0].split(", ")
        chosen = tuple(sorted(number for number, region in enumerate(regions) if region.name in named))
        assert chosen in sets and not any(set(other) < set(chosen) for other in sets)


def test_masks_that_the_question_has_stay(llava: TransformersModel, picture: Image.Image) -> None:
    hidden = np.zeros((picture.height, picture.width), bool)
    hidden[:40] = True
    question = Question("Is the door open?", (picture,), decoding=Decoding(max_new_tokens=3), masks=RegionMask(hidden))
    crop = with_crop(question, (0.0, 0.0, 40.0, 30.0), True)
    assert not np.asarray(crop.images[1]).any() and not np.asarray(crop.images[0])[:40].any() and not crop.masks
