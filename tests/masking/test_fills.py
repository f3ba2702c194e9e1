"""What stands in the place of hidden pixels, and that it tells nothing of them."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.answer import Fill, Question, RegionMask
from core.masking import Canvas, apply_mask, as_seen, fill_named, unmasked

FILLS: tuple[Fill, ...] = get_args(Fill)


def picture(seed: int = 0, width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def hidden_box(width: int = 40, height: int = 30) -> np.ndarray:
    hidden = np.zeros((height, width), dtype=bool)
    hidden[5:20, 10:30] = True
    return hidden


def masked(image: Image.Image, hidden: np.ndarray, fill: Fill) -> np.ndarray:
    return np.asarray(apply_mask(image, RegionMask(hidden, fill)))


@pytest.mark.parametrize("fill", FILLS)
def test_visible_pixels_stay_and_hidden_ones_change(fill: Fill) -> None:
    image, hidden = picture(), hidden_box()
    before, after = np.asarray(image), masked(image, hidden, fill)
    assert np.array_equal(after[~hidden], before[~hidden])
    assert (after[hidden] != before[hidden]).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("fill", FILLS)
def test_an_empty_mask_changes_nothing(fill: Fill) -> None:
    image = picture()
    assert np.array_equal(masked(image, np.zeros((30, 40), dtype=bool), fill), np.asarray(image))


@pytest.mark.parametrize("fill", FILLS)
def test_everything_may_be_hidden(fill: Fill) -> None:
    image = picture()
    assert (masked(image, np.ones((30, 40), dtype=bool), fill) != np.asarray(image)).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("fill", FILLS)
def test_the_picture_itself_is_left_alone_and_the_fill_is_repeatable(fill: Fill) -> None:
    image = picture()
    before = np.asarray(image).copy()
    first, second = masked(image, hidden_box(), fill), masked(image, hidden_box(), fill)
    assert np.array_equal(first, second)
    assert np.array_equal(np.asarray(image), before)


def test_black_is_black() -> None:
    assert masked(picture(), hidden_box(), "black")[hidden_box()].max() == 0


def test_mean_is_the_mean_of_the_whole_picture() -> None:
    image = picture()
    expected = np.asarray(image, dtype=float).mean(axis=(0, 1))
    filled = masked(image, hidden_box(), "mean")[hidden_box()]
    assert (filled == filled[0]).all()
    assert np.abs(filled[0] - expected).max() <= 0.5


def test_noise_is_uniform_and_follows_picture_and_mask() -> None:
    image, everything = picture(1, 200, 200), np.ones((200, 200), dtype=bool)
    noise = masked(image, everything, "noise").astype(float)
    # Of 120,000 independent uniform values: mean 127.5 +- 0.2, deviation 73.9.
    assert noise.mean() == pytest.approx(127.5, abs=1.2)
    assert noise.std() == pytest.approx(73.9, abs=1.0)
    other_mask = everything.copy()
    other_mask[0, 0] = False
    assert (masked(image, other_mask, "noise") != noise).any(axis=-1).mean() > 0.9
    assert (masked(picture(2, 200, 200), everything, "noise") != noise).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("side", [84, 168, 336, 1000])
def test_blur_leaves_nothing_of_a_doors_shape_at_any_size(side: int) -> None:
    """A striped door a fifth of the picture wide: its stripes, and its edge inside the mask, are gone."""
    pixels = np.full((side, side, 3), 128, dtype=np.uint8)
    left, right, stripe = 2 * side // 5, 3 * side // 5, max(2, side // 40)
    for start in range(left, right, 2 * stripe):
        pixels[left:right, start : min(start + stripe, right)] = 255
        pixels[left:right, start + stripe : min(start + 2 * stripe, right)] = 0
    hidden = np.zeros((side, side), dtype=bool)
    hidden[left:right, left:right] = True
    blurred = masked(Image.fromarray(pixels), hidden, "blur")[..., 0].astype(float)[left:right, left:right]
    assert np.abs(np.diff(blurred, axis=1)).max() <= 3
    assert np.ptp(blurred) < 24


def test_blur_keeps_the_colour_of_the_neighbourhood() -> None:
    pixels = np.zeros((100, 100, 3), dtype=np.uint8)
    pixels[:, 50:] = 200
    hidden = np.zeros((100, 100), dtype=bool)
    hidden[40:60, 80:95] = True
    assert masked(Image.fromarray(pixels), hidden, "blur")[50, 90, 0] > 180


def test_of_several_pictures_only_the_one_with_the_mask_is_seen_otherwise() -> None:
    first, second, hidden = picture(0), picture(1), hidden_box()
    question = Question("?", (first, second), masks=RegionMask(hidden, "mean", image=1))
    assert as_seen(question)[0] is first
    assert np.array_equal(np.asarray(as_seen(question)[1]), masked(second, hidden, "mean"))
    painted = unmasked(question)
    assert painted.masks == () and np.array_equal(np.asarray(painted.images[1]), masked(second, hidden, "mean"))


PAIRS = [(first, second) for first in FILLS for second in FILLS]


def overlapping() -> tuple[np.ndarray, np.ndarray]:
    """Two boxes that share a corner."""
    first, second = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    first[2:15, 3:20], second[10:25, 15:36] = True, True
    return first, second


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_masks_are_laid_one_after_the_other_each_with_its_own_fill(first: Fill, second: Fill) -> None:
    image, (one, other) = picture(), overlapping()
    masks = (RegionMask(one, first), RegionMask(other, second))
    by_hand = apply_mask(apply_mask(image, masks[0]), masks[1])
    (seen,) = as_seen(Question("?", (image,), masks=masks))
    assert np.array_equal(np.asarray(seen), np.asarray(by_hand))
    alone = masked(image, one, first)
    assert np.array_equal(np.asarray(seen)[~other], alone[~other]), "the first keeps its fill where the second is not"


@pytest.mark.parametrize("first", ["black", "mean"])
@pytest.mark.parametrize("second", FILLS)
def test_no_later_fill_shows_what_an_earlier_mask_hid(first: Fill, second: Fill) -> None:
    """Pixels change places under the first mask, which neither black nor the mean colour tells: nothing is to be seen
    of it under the second."""
    one, other = overlapping()
    shuffled = np.asarray(picture()).copy()
    shuffled[one] = np.random.default_rng(5).permutation(shuffled[one])
    masks = (RegionMask(one, first), RegionMask(other, second))
    seen = [np.asarray(Canvas([image]).painted(masks)[0]) for image in (picture(), Image.fromarray(shuffled))]
    assert np.array_equal(*seen)


def test_each_picture_has_its_own_masks() -> None:
    pictures, (one, other) = (picture(0), picture(1), picture(2)), overlapping()
    masks = [RegionMask(one, "blur", 2), RegionMask(other, "mean", 0), RegionMask(other, "noise", 2)]
    first, second, third = (np.asarray(image) for image in as_seen(Question("?", pictures, masks=masks)))
    assert np.array_equal(first, masked(pictures[0], other, "mean"))
    assert np.array_equal(second, np.asarray(pictures[1]))
    blurred = apply_mask(pictures[2], RegionMask(one, "blur"))
    assert np.array_equal(third, masked(blurred, other, "noise"))


@pytest.mark.parametrize("fill", FILLS)
def test_a_canvas_is_used_again_as_if_it_were_new(fill: Fill) -> None:
    pictures, (one, other) = (picture(0), picture(1)), overlapping()
    canvas = Canvas(pictures)
    for hidden in (one, other, one | other, one):
        for image in (0, 1):
            painted = canvas.painted([RegionMask(hidden, fill, image)])
            assert np.array_equal(np.asarray(painted[image]), masked(pictures[image], hidden, fill))
            assert np.array_equal(np.asarray(painted[1 - image]), np.asarray(pictures[1 - image]))


def test_fills_are_named_and_another_name_is_refused() -> None:
    assert [fill_named(fill) for fill in FILLS] == list(FILLS)
    with pytest.raises(ValueError, match="Choose among black, mean, blur, noise"):
        fill_named("white")


def test_masks_of_the_same_content_are_the_same() -> None:
    one, other = overlapping()
    assert RegionMask(one, "blur") == RegionMask(one.copy(), "blur")
    assert len({RegionMask(one, "blur"), RegionMask(one.copy(), "blur"), RegionMask(other, "blur")}) == 2
    for different in (RegionMask(one, "mean"), RegionMask(one, "blur", 1), RegionMask(other, "blur")):
        assert different != RegionMask(one, "blur")


def test_a_mask_cannot_be_changed_from_outside() -> None:
    one, _ = overlapping()
    mask = RegionMask(one)
    before = mask.hidden.copy()
    one[:] = True
    assert np.array_equal(mask.hidden, before)
    with pytest.raises(ValueError, match="read-only"):
        mask.hidden[0, 0] = True


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match=r"40 × 30.*41 × 30"):
        apply_mask(picture(width=41), RegionMask(hidden_box()))


@settings(max_examples=25, deadline=None)
@given(width=st.integers(1, 9), height=st.integers(1, 9), fill=st.sampled_from(FILLS), data=st.data())
def test_hiding_and_keeping_only_share_the_picture_between_them(
    width: int, height: int, fill: Fill, data: st.DataObject
) -> None:
    """Under the inverted mask exactly the other pixels stay; inverting twice is the mask again."""
    flat = data.draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height))
    hidden = np.array(flat).reshape(height, width)
    image = picture(3, width, height)
    before = np.asarray(image)
    kept = np.where(hidden[..., None], masked(image, ~hidden, fill), masked(image, hidden, fill))
    assert np.array_equal(kept, before)
    assert np.array_equal(masked(image, ~~hidden, fill), masked(image, hidden, fill))
