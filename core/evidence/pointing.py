"""Does the map's highest patch lie on the thing?"""

from __future__ import annotations

from ..masking.patches import COVERED_SHARE
from .metric import Figure, MapMetric, MapUnderTest


class Pointing(MapMetric):
    """Whether the map's highest patch lies on what the answer is about: the pointing game of Zhang et al. 2018,
    "Top-down neural attention by excitation backprop". A patch lies on it when more than 5 % of the
    patch's pixels do (in place of their 15 pixels of tolerance); among equally high patches the share that does. Signed
    maps count by their positive part.
    """

    key = "pointing"
    name = "Pointing game"
    better = "higher"
    caveat = "One patch decides, the thing's outline need not be what the model used, and large things are easy to hit."
    needs_truth = True

    def figure(self, tested: MapUnderTest) -> Figure:
        assert tested.truth is not None
        highest = tested.support == tested.support.max()
        return Figure(float((tested.truth[highest] > COVERED_SHARE).mean()))
