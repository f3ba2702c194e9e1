"""How soon the target's probability rises as the map's patches come back."""

from __future__ import annotations

from .erasure import areas
from .metric import Figure, MapMetric, MapUnderTest


class Insertion(MapMetric):
    """The area under the target's probability while the map's patches come into an empty picture, the highest first:
    the insertion metric of RISE (Petsiuk et al. 2018), the mean over fills. High when few patches are
    enough for the answer.
    """

    key = "insertion"
    name = "Insertion"
    better = "higher"
    unit = "area"
    caveat = "Where the answer is likely without the picture (by habit, or from the wording), every map does well."

    def figure(self, tested: MapUnderTest) -> Figure:
        return areas(tested.of("insertion"))
