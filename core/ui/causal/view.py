"""What the Causal Graph page shows, kept when the page is left; and everything it took time to find out.

Results are kept by what they are of: answer, token, head and settings. So none is computed twice, and none is shown
for another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ...answer import Answer
from ...causal.explanation_test import ExplanationTest, Masking
from ...causal.heads import HeadsTest
from ...causal.reasking import ReaskedWithout
from ...causal.settings import GraphSettings
from ...runs.kinds import EXPLANATION_TEST, HEADS_SAMPLE, HEADS_TEST, REASKED_WITHOUT
from ...vlm.model import ModelCard
from ..jobs.page import PageView
from ..state.graphs import GRAPHS as GRAPHS
from ..state.graphs import GraphKey, graph_key
from ..state.results import AnswerKey, Kept, Kind, answer_key
from ..state.shelf import place_name


@dataclass(frozen=True)
class MaskedKey:
    """What a test of one head's explanation is of."""

    graph: GraphKey
    radius: int
    masking: Masking
    cap: int


@dataclass(frozen=True)
class HeadsKey:
    """What a test of all heads of a layer is of."""

    answer: AnswerKey
    token: int
    layer: int
    settings: GraphSettings
    radius: int
    masking: Masking


TESTS = Kind[ExplanationTest](300, run=Kept(EXPLANATION_TEST))
HEADS_TESTS = Kind[HeadsTest](100, run=Kept(HEADS_TEST))
SAMPLES = Kind[HeadsTest](300, run=Kept(HEADS_SAMPLE))
"""Tests of some heads of a layer, as `HEADS_TESTS` are of all."""
REASKED = Kind[ReaskedWithout](
    100,
    run=Kept(REASKED_WITHOUT, about=lambda key: {"token": key[1], "positions": key[2], "fill": key[3]}),
)
"""By answer, token, positions and fill."""
GRAPH_PAGES = Kind[str](6, again=True)


@dataclass(eq=False)
class CausalView(PageView):
    """What is chosen on the page. `layer` is None until a page with a model has been seen; `node` is the number of the
    node that was clicked, in the graph of `about`, which a run calls `node_of`."""

    kept: ClassVar = ("layer", "head", "radius", "node", "node_of", "masking")

    layer: int | None = None
    head: int = 0
    radius: int = 1
    node: int | None = None
    node_of: str = ""
    about: GraphKey | None = None
    masking: Masking = field(default_factory=Masking)

    def within(self, card: ModelCard) -> None:
        """Choose a head that the model has; at first one of its last layer with attention."""
        if self.layer is None or self.layer >= card.layers:
            self.layer = max(card.attention_layers, default=card.layers - 1)
        self.head = min(self.head, card.heads - 1)

    def key(self, answer: Answer, token: int, settings: GraphSettings) -> GraphKey:
        """What the graph to show is of."""
        assert self.layer is not None
        return graph_key(answer, token, self.layer, self.head, settings)

    def heads_key(self, answer: Answer, token: int, layer: int, settings: GraphSettings) -> HeadsKey:
        return HeadsKey(answer_key(answer), token, layer, settings, self.radius, self.masking)

    def look_at(self, key: GraphKey, nodes: int) -> None:
        """Look at a graph of so many nodes. A node chosen in another one is let go: its number means another token
        here."""
        if key != self.about:
            name = place_name(GRAPHS, key)
            if name != self.node_of or not 0 <= (self.node or 0) < nodes:
                self.node, self.node_of = None, name
        self.about = key

    def choose(self, layer: int, head: int) -> None:
        self.layer, self.head = layer, head

    def pick(self, node: int) -> None:
        """Choose a node; the same again lets go of it."""
        self.node = None if node == self.node else node
