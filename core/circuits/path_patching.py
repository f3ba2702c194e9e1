"""Path patching of single edges: what a target loses where one edge alone carries what it carries in the corrupted run.

Wang et al. (2023), "Interpretability in the Wild", ICLR, section 3; Goldowsky-Dill et al. (2023), "Localizing Model
Behavior with Path Patching". It is exact, takes a run for each edge, and is what the scores of edges (`scores.py`)
estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from ..vlm.cancel import CancelToken
from .interchange import Interchange


def patched_edges(
    between: Interchange,
    edges: Sequence[tuple[int, int]],
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Float[np.ndarray, "edge"]:
    """By how much the target falls (nats) where each edge alone, by the numbers of its sender and its receiver, is
    interchanged, and all that comes after it follows. Raises Cancelled, and ValueError for an edge that is not
    there."""
    whole = between.edges
    effects = np.zeros(len(edges))
    for number, (sender, receiver) in enumerate(edges):
        if not between.graph.possible[sender, receiver]:
            raise ValueError(f"there is no edge from sender {sender} to receiver {receiver}")
        kept = whole.copy()
        kept[sender, receiver] = False
        effects[number] = between.clean_logprob - between.run(kept, cancel)
        progress((number + 1) / len(edges))
    return effects
