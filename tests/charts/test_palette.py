"""Words on coloured grounds: the ink is the one that is read best."""

from __future__ import annotations

import numpy as np

from core.charts.palette import DIVERGING, INK_ON_DARK, INK_ON_LIGHT, SEQUENTIAL_RAMP, inks


def test_dark_grounds_have_light_ink_and_light_grounds_dark_ink() -> None:
    assert inks(SEQUENTIAL_RAMP, np.array([0.0, 0.2, 0.8, 1.0])).tolist() == [INK_ON_DARK] * 2 + [INK_ON_LIGHT] * 2
    # White is only on the ends of the two-sided ramp: orange and lavender between them are bright.
    ends = inks(DIVERGING, np.array([0.0, 1 / 6, 0.5, 5 / 6, 1.0])).tolist()
    assert ends == [INK_ON_DARK, INK_ON_LIGHT, INK_ON_LIGHT, INK_ON_LIGHT, INK_ON_DARK]


def test_the_shape_is_kept_and_what_has_no_place_on_the_ramp_has_an_ink() -> None:
    inked = inks(DIVERGING, np.array([[0.5, np.nan]]))
    assert inked.tolist() == [[INK_ON_LIGHT, INK_ON_LIGHT]]
