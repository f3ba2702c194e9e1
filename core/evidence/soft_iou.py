"""Has the map the shape of the thing?"""

from __future__ import annotations

import numpy as np

from .metric import Figure, MapMetric, MapUnderTest


class SoftIou(MapMetric):
    """The overlap of the map with the ground truth, no threshold chosen: the sum of the smaller of the two over the sum
    of the larger, patch by patch (Jaccard's index of fuzzy sets), with the map's positive part scaled to a highest
    score of 1 and each patch marked by the share of its pixels.
    """

    key = "soft_iou"
    name = "Soft IoU"
    better = "higher"
    caveat = "It asks for the whole outline, filled evenly: a map that finds the one telling patch gets little."
    needs_truth = True

    def figure(self, tested: MapUnderTest) -> Figure:
        assert tested.truth is not None
        scaled, truth = tested.support / tested.support.max(), tested.truth.shares
        return Figure(float(np.minimum(scaled, truth).sum() / np.maximum(scaled, truth).sum()))
