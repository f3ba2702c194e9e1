"""How much of an effect some edges carry, over how many of them: the curve, and two figures of it.

With N the whole network, 0 the corrupted run and m the target, the faithfulness of a circuit C is

    f(C) = (m(C) - m(0)) / (m(N) - m(0)),

and over the share k of edges that are kept, best first (Mueller et al. 2025, "MIB: A Mechanistic Interpretability
Benchmark", section 3.2)

    CPR = integral from 0 to 1 of f(C_k) dk           (higher is better),
    CMD = integral from 0 to 1 of abs(1 - f(C_k)) dk  (lower is better),

by the trapezoid rule over a few shares. An edge that has nothing to carry is no edge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ..errors import NotApplicable
from ..vlm.cancel import CancelToken
from .interchange import Interchange

SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""The shares of edges of Mueller et al. (2025)."""
LEAST_EFFECT = 0.05
"""Nats between the two runs below which there is no effect whose shares could be told."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The faithfulness of the first edges of an order, with a `share` of them kept each time."""

    shares: tuple[float, ...]
    faithfulness: Float[np.ndarray, "share"]

    @property
    def cpr(self) -> float:
        """The area under the curve."""
        return self._area(self.faithfulness, 0.0)

    @property
    def cmd(self) -> float:
        """The area between the curve and 1."""
        return self._area(np.abs(1 - self.faithfulness), 1.0)

    def _area(self, values: Float[np.ndarray, "share"], first: float) -> float:
        """That under some values, the `first` of which is where no edge is kept and nothing is carried."""
        return float(np.trapezoid([first, *values], [0.0, *self.shares]))


def faithfulness(between: Interchange, logprob: float) -> float:
    """f of a run that left so much of the target."""
    return (logprob - between.corrupted_logprob) / (between.clean_logprob - between.corrupted_logprob)


def check_effect(between: Interchange) -> None:
    """Raises NotApplicable where the runs hardly differ, so that there is nothing to carry."""
    effect = between.clean_logprob - between.corrupted_logprob
    if not abs(effect) >= LEAST_EFFECT:
        raise NotApplicable(
            f"The corrupted run says the same: its target is {effect:+.3f} nats away, so there is no effect for a "
            "circuit to carry. That is itself an answer: what was changed does not bear on this word. Change something "
            "else, or choose another word."
        )


def ordered(
    scores: Float[np.ndarray, "sender receiver"], edges: Bool[np.ndarray, "sender receiver"]
) -> Int[np.ndarray, "edge"]:
    """The edges as flat numbers, those of the largest scores first, whatever their sign; equal ones as they stand."""
    numbers = np.flatnonzero(edges)
    return numbers[np.argsort(-np.abs(scores.ravel()[numbers]), kind="stable")]


def first_edges(
    order: Int[np.ndarray, "edge"], count: int, between: Interchange
) -> Bool[np.ndarray, "sender receiver"]:
    """The first so many edges of an order."""
    kept = np.zeros(between.edges.size, bool)
    kept[order[:count]] = True
    return kept.reshape(between.edges.shape)


def curve(
    between: Interchange,
    order: Int[np.ndarray, "edge"],
    shares: Sequence[float] = SHARES,
    cancel: CancelToken | None = None,
    ran: Callable[[], None] = lambda: None,
) -> Curve:
    """The faithfulness of the first edges of an order at each share, by running; `ran` is told of each run. Raises
    Cancelled."""
    values = []
    for share in shares:
        kept = first_edges(order, round(share * len(order)), between)
        values.append(faithfulness(between, between.run(between.graph.alive(kept), cancel)))
        ran()
    return Curve(tuple(shares), np.array(values))
