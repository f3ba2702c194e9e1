"""How much of the map lies on the thing?"""

from __future__ import annotations

from .metric import Figure, MapMetric, MapUnderTest


class Energy(MapMetric):
    """The share of the map that lies within the ground truth: the energy-based pointing game of Wang et al. 2020,
    "Score-CAM: Score-weighted visual explanations for convolutional neural networks", with the thing's own
    pixels in place of its box. A patch counts by the share of its pixels that is marked; signed maps by their positive
    part.
    """

    key = "energy"
    name = "Energy in mask"
    better = "higher"
    caveat = "Of a map over all patches a small thing can hold little: read it beside the centre and random controls."
    needs_truth = True

    def figure(self, tested: MapUnderTest) -> Figure:
        assert tested.truth is not None
        return Figure(float(tested.support @ tested.truth.shares / tested.support.sum()))
