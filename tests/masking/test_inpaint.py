"""Inpainting: a smooth surface over what is seen, and nothing of what is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import laplace

from core.masking.inpaint import LONGEST, inpainted


def picture(side: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def patches(side: int, share: float, seed: int = 0) -> np.ndarray:
    """A share of 8 x 8 squares."""
    hidden = np.random.default_rng(seed).random((8, 8)) < share
    return np.kron(hidden, np.ones((side // 8, side // 8), bool))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_nothing_of_a_hidden_pixel_is_used(share: float) -> None:
    hidden = patches(40, share)
    one, other = picture(), picture(seed=1)
    other[~hidden] = one[~hidden]
    assert np.array_equal(inpainted(one, hidden)[hidden], inpainted(other, hidden)[hidden])


def test_hidden_pixels_meet_the_biharmonic_equation() -> None:
    """On a smooth picture, where 8 bits are fine enough: no clipping at the darkest and brightest that is seen."""
    rows, columns = np.mgrid[:32, :32] / 31
    light = 60 + 90 * rows**2 + 60 * np.sin(3 * columns)
    pixels = np.repeat(light[..., None].round().astype(np.uint8), 3, axis=-1)
    hidden = np.zeros((32, 32), bool)
    hidden[10:20, 12:22] = True
    surface = np.where(hidden, inpainted(pixels, hidden)[..., 0], pixels[..., 0]).astype(float)
    twice = laplace(laplace(surface))
    # 20 + 4 x 8 + 4 x 2 + 4 halves: what rounding to whole numbers alone may leave.
    assert np.abs(twice[hidden]).max() <= 32
    holed = np.where(hidden, pixels.mean(), surface)
    assert np.abs(laplace(laplace(holed))[hidden]).max() > 100


def test_what_is_hidden_takes_the_colours_around_it() -> None:
    pixels = np.zeros((48, 48, 3), np.uint8)
    pixels[:, 24:] = 200
    hidden = np.zeros((48, 48), bool)
    hidden[18:30, 32:44] = hidden[18:30, 4:16] = True
    filled = inpainted(pixels, hidden)
    assert filled[18:30, 34:42].min() > 180 and filled[18:30, 6:14].max() < 20


@pytest.mark.parametrize("edge", [np.s_[:12], np.s_[-12:], np.s_[:, :12], np.s_[:, -12:], np.s_[:38]])
def test_a_hidden_edge_of_the_picture_goes_on_with_what_is_next_to_it(edge: tuple[slice, ...]) -> None:
    pixels, hidden = np.full((40, 40, 3), 90, np.uint8), np.zeros((40, 40), bool)
    hidden[edge] = True
    assert np.abs(inpainted(pixels, hidden).astype(int) - 90).max() <= 1


def test_a_picture_of_one_colour_stays_so_at_any_size_and_shape() -> None:
    for shape in ((1, 1), (3, 200), (LONGEST, LONGEST), (130, 251)):
        hidden = np.zeros(shape, bool)
        hidden.reshape(-1)[::2] = True
        hidden.reshape(-1)[: hidden.size // 3] = True
        pixels = np.full((*shape, 3), 77, np.uint8)
        filled = inpainted(pixels, hidden)
        assert filled.shape == (*shape, 3) and np.abs(filled[hidden].astype(int) - 77).max(initial=0) <= 1


def test_everything_hidden_is_the_mean_colour() -> None:
    pixels = picture()
    filled = inpainted(pixels, np.ones((40, 40), bool))
    assert (filled == filled[0, 0]).all() and np.abs(filled[0, 0] - pixels.mean(axis=(0, 1))).max() <= 0.5
