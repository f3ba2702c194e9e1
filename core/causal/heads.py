"""All heads of a layer, one graph each, and which of their explanations moves the token when it is masked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..answer import Answer
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from .discovery import CausalGraph, layer_graphs
from .explanation_test import Masking
from .rates import Flip, FlipRates, flip_rates
from .settings import GraphSettings

GRAPHS = 0.5
"""The part of a layer's work, as it is told, that learning its graphs is."""


@dataclass(frozen=True, eq=False)
class HeadsTest:
    """The graphs of all heads of a layer for one answer token, and what masking each explanation set did."""

    layer: int
    graphs: tuple[CausalGraph, ...]
    rates: FlipRates

    def flip(self, head: int) -> Flip | None:
        """What came of a head; None where its set is empty or singles nothing out, so that it was not masked."""
        return next((flip for flip in self.rates.flips if flip.head == head), None)

    @property
    def ranked(self) -> tuple[int, ...]:
        """The heads whose explanation moved the token furthest beyond chance first, then those not masked."""
        tested = tuple(flip.head for flip in self.rates.ranked())
        return (*tested, *(graph.head for graph in self.graphs if graph.head not in tested))


def heads_tests(
    model: VisionLanguageModel,
    answer: Answer,
    token: int,
    layers: Sequence[int],
    settings: GraphSettings,
    radius: int,
    masking: Masking,
    *,
    randoms: int = 5,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Iterator[HeadsTest]:
    """Layer by layer the graphs of its heads and the test of their explanation sets at `radius`.

    `progress` is told the share of all layers. Raises CausalError, Cancelled.
    """
    for number, layer in enumerate(layers):

        def learnt(done: float, number: int = number) -> None:
            progress((number + GRAPHS * done) / len(layers))

        def masked(done: float, number: int = number) -> None:
            progress((number + GRAPHS + (1 - GRAPHS) * done) / len(layers))

        graphs = layer_graphs(model, answer, token, layer, settings, cancel=cancel, progress=learnt)
        cases = [(answer, graph) for graph in graphs]
        rates = flip_rates(model, cases, radius, masking, randoms=randoms, cancel=cancel, progress=masked)
        yield HeadsTest(layer, tuple(graphs), rates)
