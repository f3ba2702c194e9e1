"""What is lost without the map's top patches."""

from __future__ import annotations

from .erasure import losses
from .metric import Figure, MapMetric, MapUnderTest


class Comprehensiveness(MapMetric):
    """The fall of the target's probability when the map's top 5, 10, 20 and 50 % of patches are replaced: DeYoung et
    al. 2020, "ERASER: A benchmark to evaluate rationalized NLP models", section 4, as an area over the perturbation
    curve: the mean over these shares, and over fills. (Their formula divides by one share more, that of nothing
    removed, which only scales it; their program does not.) High when the map holds what the answer needs.
    """

    key = "comprehensiveness"
    name = "Comprehensiveness"
    better = "higher"
    caveat = "What stands in the picture twice, or can be told from its surroundings, is not missed when it is gone."

    def figure(self, tested: MapUnderTest) -> Figure:
        return losses(tested.of("deletion"))
