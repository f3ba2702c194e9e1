"""The heads of a layer or of the model, one graph each, and which of their explanations moves the token when masked.

Of a large model a sample of heads says how many of all would: as many of every layer, drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..answer import Answer
from ..statistics.proportion import Proportion
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from .discovery import CausalGraph, causal_graphs
from .explanation_test import Masking
from .masked_sets import MaskedSets
from .rates import Flip, FlipRates, flip_rates
from .settings import GraphSettings

GRAPHS = 0.5
"""The part of a layer's work, as it is told, that learning its graphs is."""
SAMPLE_OF_A_LAYER = 6
"""Heads of each layer that a sample has: 192 of 32 layers, so that a share is known to 7 percentage points or less."""


@dataclass(frozen=True, eq=False)
class HeadsTest:
    """The graphs of heads of a layer for one answer token, and what masking each explanation set did."""

    layer: int
    graphs: tuple[CausalGraph, ...]
    rates: FlipRates

    def graph(self, head: int) -> CausalGraph:
        """The graph of a head that was tested. Raises StopIteration for any other."""
        return next(graph for graph in self.graphs if graph.head == head)

    def flip(self, head: int) -> Flip | None:
        """What came of a head; None where its set is empty or singles nothing out, so that it was not masked."""
        return next((flip for flip in self.rates.flips if flip.head == head), None)

    @property
    def ranked(self) -> tuple[int, ...]:
        """The heads whose explanation moved the token furthest beyond chance first, then those not masked."""
        tested = tuple(flip.head for flip in self.rates.ranked())
        return (*tested, *(graph.head for graph in self.graphs if graph.head not in tested))


@dataclass(frozen=True, eq=False)
class HeadsSummary:
    """What tests of heads say of all `heads` heads of a model. As many of every layer must have been tested, drawn at
    random, or all of them: then the shares are those of all heads, but for the draw."""

    tests: tuple[HeadsTest, ...]
    heads: int

    @property
    def flips(self) -> tuple[Flip, ...]:
        return tuple(flip for test in self.tests for flip in test.rates.flips)

    @property
    def flipping(self) -> Proportion:
        """The heads whose explanation changes the token when it is masked, of those tested. A head whose set holds no
        patch, or nearly all, explains nothing and counts as one that does not."""
        return Proportion(
            sum(flip.explanation.flipped for flip in self.flips), sum(len(test.graphs) for test in self.tests)
        )

    @property
    def random(self) -> float:
        """The mean over the masked sets of the share of random sets of their size that change the token."""
        shares = [np.mean([outcome.flipped for outcome in flip.randoms]) for flip in self.flips if flip.randoms]
        return float(np.mean(shares)) if shares else math.nan

    @property
    def sentence(self) -> str:
        """The outcome, for the screen."""
        flipping, flips = self.flipping, self.flips
        tested, estimate = flipping.count, flipping.estimate
        unmasked = tested - len(flips)
        attended = sum(flip.attention.flipped for flip in flips)
        if tested < self.heads:
            whom = f"{tested} of {self.heads:,} heads were tested, drawn at random, as many of each layer"
            of_all = f" ({estimate.value:.1%}; of all heads 95% [{estimate.low:.1%}, {estimate.high:.1%}])"
        else:
            whom, of_all = f"All {self.heads:,} heads were tested", f" ({estimate.value:.1%})"
        sentence = f"{whom}. Masking the explanation changes the token for {flipping.hits}{of_all}"
        if flips:
            sentence += f", as many of the most attended patches for {attended}, random sets in {self.random:.1%}"
        return f"{sentence}. {unmasked} had no patch to mask or nearly all, and count as not changing it."


def sample_of_heads(layers: Sequence[int], heads: int, each: int, seed: int = 0) -> dict[int, tuple[int, ...]]:
    """`each` of the `heads` heads of every layer, drawn at random: for a seed always the same, and a larger sample
    holds a smaller one."""
    drawn = {layer: np.random.default_rng((seed, layer)).permutation(heads)[:each] for layer in layers}
    return {layer: tuple(sorted(int(head) for head in some)) for layer, some in drawn.items()}


def heads_tests(
    model: VisionLanguageModel,
    answer: Answer,
    token: int,
    wanted: Mapping[int, Sequence[int]],
    settings: GraphSettings,
    radius: int,
    masking: Masking,
    *,
    randoms: int = 5,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Iterator[HeadsTest]:
    """Layer by layer the graphs of its `wanted` heads and the test of their explanation sets at `radius`.

    All heads of the answer share the random sets of a size, and whatever else is the same set is masked once.
    `progress` is told the share of all layers. Raises CausalError, Cancelled.
    """
    known = MaskedSets(model, masking)
    for number, (layer, heads) in enumerate(wanted.items()):

        def learnt(done: float, number: int = number) -> None:
            progress((number + GRAPHS * done) / len(wanted))

        def masked(done: float, number: int = number) -> None:
            progress((number + GRAPHS + (1 - GRAPHS) * done) / len(wanted))

        these = [(token, head) for head in heads]
        graphs = causal_graphs(model, answer, layer, these, settings, cancel=cancel, progress=learnt)
        rates = flip_rates(
            model,
            [(answer, graph) for graph in graphs],
            radius,
            masking,
            randoms=randoms,
            shared=True,
            known=known,
            cancel=cancel,
            progress=masked,
        )
        yield HeadsTest(layer, tuple(graphs), rates)
