"""Causal graphs, as a tab keeps them, whichever page asked for them."""

from __future__ import annotations

from dataclasses import dataclass

from ...answer import Answer
from ...causal.discovery import CausalGraph
from ...causal.settings import GraphSettings
from ...runs.kinds import GRAPH
from .results import AnswerKey, Kept, Kind, answer_key


@dataclass(frozen=True)
class GraphKey:
    """What a graph is of."""

    answer: AnswerKey
    token: int
    layer: int
    head: int
    settings: GraphSettings


GRAPHS = Kind[CausalGraph](300, run=Kept(GRAPH))


def graph_key(answer: Answer, token: int, layer: int, head: int, settings: GraphSettings) -> GraphKey:
    """Under what a graph is kept."""
    return GraphKey(answer_key(answer), token, layer, head, settings)
