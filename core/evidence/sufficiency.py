"""What is lost with nothing but the map's top patches."""

from __future__ import annotations

from .erasure import losses
from .metric import Figure, MapMetric, MapUnderTest


class Sufficiency(MapMetric):
    """The fall of the target's probability when nothing but the map's top 5, 10, 20 and 50 % of patches is shown:
    DeYoung et al. 2020, ERASER, section 4; the mean over these shares and fills. Low when these patches are enough.
    """

    key = "sufficiency"
    name = "Sufficiency"
    better = "lower"
    caveat = "Where the answer is likely without the picture, anything is enough."

    def figure(self, tested: MapUnderTest) -> Figure:
        return losses(tested.of("insertion"))
