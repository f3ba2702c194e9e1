"""How much of an effect comes over the edges from the picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from ..errors import NotApplicable
from ..vlm.cancel import CancelToken
from .faithfulness import check_effect, faithfulness
from .interchange import Interchange


def picture_share(
    between: Interchange,
    kept: Bool[np.ndarray, "sender receiver"] | None = None,
    cancel: CancelToken | None = None,
) -> float:
    """The share of an effect that some edges (None: all) carry, less what they carry without those from the picture's
    embeddings: what goes over these. Above 1 where the rest pulls the other way.

    Raises Cancelled; NotApplicable for a sequence without a picture, and where the corruption changes nothing.
    """
    check_effect(between)
    source = between.graph.source("image")
    if source is None:
        raise NotApplicable("This sequence has no image tokens, so no edge comes from a picture. Ask about a picture.")
    whole = between.edges if kept is None else kept
    without = whole.copy()
    without[source] = False
    carried, rest = (faithfulness(between, between.run(edges, cancel)) for edges in (whole, without))
    return carried - rest
