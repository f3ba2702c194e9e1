"""Does the map's highest patch lie on the thing?"""

from __future__ import annotations

from .metric import Figure, MapMetric, MapUnderTest


class Pointing(MapMetric):
    """Whether the map's highest patch lies on what the answer is about: the pointing game of Zhang et al. 2018,
    "Top-down neural attention by excitation backprop". A patch lies on it when its centre does, without their 15
    pixels of tolerance; among equally high patches the share that does. Signed maps count by their positive part.
    """

    key = "pointing"
    name = "Pointing game"
    better = "higher"
    caveat = (
        "One patch decides, the thing's outline need not be what the model used, and large things are easy to hit. A "
        "thing so thin that no patch has its centre on it has no figure."
    )
    needs_truth = True

    def figure(self, tested: MapUnderTest) -> Figure:
        assert tested.truth is not None
        if not tested.truth.centres.any():
            return Figure(float("nan"))
        highest = tested.support == tested.support.max()
        return Figure(float(tested.truth.centres[highest].mean()))
