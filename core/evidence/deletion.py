"""How soon the target's probability falls as the map's patches are taken away."""

from __future__ import annotations

from .erasure import areas
from .metric import Figure, MapMetric, MapUnderTest


class Deletion(MapMetric):
    """The area under the target's probability while the map's patches are replaced, the highest first: the deletion
    metric of Petsiuk et al. 2018, "RISE: Randomized input sampling for explanation of black-box models"; the mean
    over fills. Low when the first patches are those the answer needs.
    """

    key = "deletion"
    name = "Deletion"
    better = "lower"
    unit = "area"
    caveat = "A picture with holes is unlike any the model knows: a fall may come of the holes, so compare with random."

    def figure(self, tested: MapUnderTest) -> Figure:
        return areas(tested.of("deletion"))
