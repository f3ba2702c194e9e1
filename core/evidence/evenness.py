"""Over how much of the picture is a map spread?"""

from __future__ import annotations

import numpy as np

from ..answer import Answer, Explanation
from .metric import MapUnderTest
from .ranking import gathered_scores, places


def evenness(explanation: Explanation, answer: Answer) -> float:
    """The share of the patches over which a map's positive part is spread: exp(-sum p ln p) of the patches' shares p,
    divided by their number. 1 for a map that is everywhere the same, 1/n for one that points at one patch of n. Where a
    picture has no evidence there is no right place, and a map that points is wrong wherever it does. NaN without
    patches."""
    layout = explanation.about(answer).layout
    positions = places(layout)
    if not positions:
        return float("nan")
    support = MapUnderTest(gathered_scores(explanation, layout, positions), (), None).support
    shares = support[support > 0] / support.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()) / len(positions))
