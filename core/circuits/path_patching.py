"""Path patching of single edges: what a target loses where one edge alone carries what it carries in the corrupted run.

Wang et al. (2023), "Interpretability in the Wild", ICLR, section 3; Goldowsky-Dill et al. (2023), "Localizing Model
Behavior with Path Patching". It is exact, takes a run for each edge, and is what the scores of edges (`scores.py`)
estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Target
from ..errors import UnknownName
from ..mechanisms.corruption import Corruption
from ..mechanisms.results import Row
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.model import VisionLanguageModel
from .interchange import Interchange


@dataclass(frozen=True, eq=False)
class PatchedEdges:
    """Edges by the names of their ends, and what each alone carries of the effect of a corruption on a target
    (nats)."""

    target: Target
    corruption: Corruption
    edges: tuple[tuple[str, str], ...]
    carried: Float[np.ndarray, "edge"]

    def rows(self) -> list[Row]:
        """A line for each edge."""
        return [
            {"from": sender, "to": receiver, "path patching": float(carried)}
            for (sender, receiver), carried in zip(self.edges, self.carried, strict=True)
        ]


@stoppable
def path_patching(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    corruption: Corruption,
    edges: Sequence[tuple[str, str]],
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> PatchedEdges:
    """What single edges carry, each named by its sender and its receiver as a circuit's table has them. Of a corruption
    by noise the first sample is taken. Raises Cancelled; UnknownName for an edge that is not there; and what
    `Interchange` raises."""
    between = Interchange(model, answer, target, corruption)
    graph = between.graph
    sending, receiving = (
        {node.name: number for number, node in enumerate(nodes)} for nodes in (graph.sending, graph.receiving)
    )
    numbers = []
    for sender, receiver in edges:
        number = sending.get(sender, -1), receiving.get(receiver, -1)
        if min(number) < 0 or not graph.possible[number]:
            raise UnknownName(f"There is no edge from {sender} to {receiver}. Choose one that the circuit's table has.")
        numbers.append(number)
    carried = patched_edges(between, numbers, cancel=cancel, progress=progress)
    return PatchedEdges(target, corruption, tuple(edges), carried)


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
