"""The graph of one head for one answer token, and those of all heads of a layer.

graph = causal_graph(model, answer, token=2, layer=3, head=1)
graph.learned.graph.edges()          # the PAG; node numbers index graph.nodes, the last is the target
graph.explanation.within(2)          # the explanation set at search distance 2
graph.relation(4, graph.target)      # p-values and the separating set of a pair
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from ..answer import Answer
from ..counted import counted
from ..errors import CausalError
from ..vlm import pace
from ..vlm.attention_call import AttentionCall
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.memory_costs import check_memory, checkpoint_bytes
from ..vlm.model import VisionLanguageModel
from .correlation import regularised, row_correlation, sink
from .explanation import NodeExplanation, explain_node
from .icd import learn_ordered, learn_unordered
from .independence import partial_correlation
from .nodes import Node, Nodes, choose_nodes, predicting_position
from .pag import LARGEST, bits
from .search import Learned, Limits
from .settings import GraphSettings

NEARLY_ALL_OF_A_ROW = 0.9
LARGEST_ALPHA = 0.05
"""Beyond it, edges are kept on no evidence."""

IN_PARTS = (
    "Layer {} of this model attends at a part of the sequence only, and a graph needs the attention of all its tokens: "
    "picture, question and answer in one. Choose relevancy or causal tracing, or another model."
)


@dataclass(frozen=True)
class Relation:
    """What the tests say of two nodes: their edge as drawn from the first to the second ("" if none), their
    correlation and its p-value given nothing, and, where they were separated, what did it and the p-value given it."""

    edge: str
    correlation: float
    p_value: float
    separator: tuple[int, ...] | None
    p_value_given: float | None


@dataclass(frozen=True, eq=False)
class CausalGraph:
    """The graph of `head` in `layer` for answer token `token`.

    `nodes` are in the order of the sequence and the target is the last. `correlation` is what the tests saw, with
    `ridge` in it; `sink` is the sequence position that takes a large part of every row (left out or not, as the
    settings say), or None. `notes` are sentences for the screen, caveats above all.
    """

    token: int
    layer: int
    head: int
    nodes: tuple[Node, ...]
    settings: GraphSettings
    correlation: Float[np.ndarray, "node node"]
    ridge: float
    sink: int | None
    learned: Learned
    notes: tuple[str, ...]

    @property
    def target(self) -> int:
        return len(self.nodes) - 1

    @cached_property
    def explanation(self) -> NodeExplanation:
        return explain_node(self.learned.graph, self.target)

    def relation(self, a: int, b: int) -> Relation:
        """What is known of two different nodes."""
        pair = (a, b) if a < b else (b, a)
        test = self.settings.test
        mark_a, mark_b = self.learned.graph.mark(a, b), self.learned.graph.mark(b, a)
        separator = self.learned.separators.get(pair)
        given = None
        if separator is not None:
            partial = partial_correlation(self.correlation, a, b, separator)
            given = test.p_value(partial, len(separator))
        alone = float(self.correlation[a, b])
        return Relation(
            edge="" if mark_a is None else f"{'<' if mark_a == '>' else mark_a}-{mark_b}",
            correlation=alone,
            p_value=test.p_value(alone, 0),
            separator=separator,
            p_value_given=given,
        )

    @cached_property
    def larger_alpha(self) -> float | None:
        """For an isolated target, an alpha at which the test that cut off its closest node would not have; None where
        that is more than `LARGEST_ALPHA`."""
        if not self.explanation.isolated:
            return None
        cuts = (self.relation(node, self.target).p_value_given for node in range(self.target))
        largest = min((p for p in cuts if p is not None), default=1.0)
        for exponent in range(-15, 0):
            for digit in (1, 2, 5):
                alpha = float(f"{digit}e{exponent}")
                if largest < alpha <= LARGEST_ALPHA:
                    return alpha
        return None

    def verdict(self, radius: int) -> str | None:
        """Why the set at this radius is no explanation, and what to do; None where it may be one."""
        explanation = self.explanation
        if explanation.isolated:
            advice = (
                f"Alpha {self.larger_alpha:g} or a larger sample size may keep its closest token."
                if self.larger_alpha is not None
                else "Try a larger sample size, or another head."
            )
            return f"Nothing in this graph is connected to the target, so its explanation is empty. {advice}"
        if explanation.nearly_all(radius):
            return (
                f"{len(explanation.within(radius))} of {counted(explanation.others, 'token')} are within distance "
                f"{radius}: that singles nothing out and is not an explanation. "
                "Choose a smaller radius, alpha or sample size."
            )
        return None


def learn(
    correlation: Float[np.ndarray, "node node"], settings: GraphSettings, limits: Limits | None = None
) -> tuple[Learned, Float[np.ndarray, "node node"], float]:
    """The graph of nodes in sequence order, the correlations that it rests on, and the ridge in them.

    `limits` are the settings' own unless given. Raises CausalError (more than `LARGEST` nodes, FCI out of time) and
    Cancelled.
    """
    if len(correlation) > LARGEST:
        raise CausalError(
            f"A graph has at most {LARGEST} nodes, and these are {len(correlation)}. Choose fewer image tokens."
        )
    limits = limits or Limits(settings.largest_set, settings.seconds)
    used, ridge = regularised(np.asarray(correlation, np.float64), settings.ridge)
    match settings.method:
        case "ordered ICD":
            learned = learn_ordered(used, settings.test, limits)
        case "ICD":
            learned = learn_unordered(used, settings.test, limits)
        case "FCI":
            # Here, not above: causal-learn takes seconds to import, and only this choice needs it.
            from .fci import learn_fci

            learned = learn_fci(used, settings.test, limits)
    return learned, used, ridge


def causal_graph(
    model: VisionLanguageModel,
    answer: Answer,
    token: int,
    layer: int,
    head: int,
    settings: GraphSettings | None = None,
    *,
    cancel: CancelToken | None = None,
) -> CausalGraph:
    """The graph of one head for one answer token. Raises what `causal_graphs` raises."""
    return causal_graphs(model, answer, layer, [(token, head)], settings, cancel=cancel)[0]


def layer_graphs(
    model: VisionLanguageModel,
    answer: Answer,
    token: int,
    layer: int,
    settings: GraphSettings | None = None,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> list[CausalGraph]:
    """The graphs of all heads of a layer for one answer token. Raises what `causal_graphs` raises."""
    wanted = [(token, head) for head in range(model.card.heads)]
    return causal_graphs(model, answer, layer, wanted, settings, cancel=cancel, progress=progress)


@stoppable
def causal_graphs(
    model: VisionLanguageModel,
    answer: Answer,
    layer: int,
    wanted: Sequence[tuple[int, int]],
    settings: GraphSettings | None = None,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> list[CausalGraph]:
    """The graphs for some (answer token, head) of a layer, in order.

    All heads share one replay, and so do other layers and heads of the same answer later on. Raises CausalError,
    NotApplicable where the layer's attention cannot be seen, NotEnoughMemory and Cancelled.
    """
    settings = settings or GraphSettings()
    card = model.card
    if not 0 <= layer < card.layers or not all(0 <= head < card.heads for _, head in wanted):
        raise CausalError(f"This model has {card.layers} layers of {card.heads} heads, counted from 0.")
    if layer in card.without_attention:
        there = ", ".join(map(str, card.attention_layers))
        raise CausalError(f"Layer {layer} of this model has no attention, so no graph. Choose one of layers {there}.")
    if answer.model != card.fingerprint:
        raise CausalError("This answer was given by another model than the one loaded. Ask the question anew.")
    positions = {token: predicting_position(answer, token) for token, _ in wanted}
    if cancel is not None:
        cancel.check()
    needed = checkpoint_bytes(model, answer) + 3 * 4 * card.heads * len(positions) * len(answer.layout)
    check_memory("This graph", needed, model, "Use a smaller picture, or ask for a shorter answer.")
    call = model.attention_call(answer, layer)
    # Not the rows that the answer has: those of an opened run are in half precision, in which the smallest are equal,
    # and which tokens are nodes would depend on whether it was opened.
    predicting = _rows(call, range(card.heads), list(positions.values()), len(answer.layout))
    own = {token: predicting[:, index] for index, token in enumerate(positions)}
    if any(np.isnan(row).any() for row in own.values()):
        raise CausalError(IN_PARTS.format(layer))
    graphs = []
    for index, (token, head) in enumerate(wanted):
        if cancel is not None:
            cancel.check()
        nodes = choose_nodes(answer, token, own[token][head], settings)
        (attention,) = _rows(call, [head], [node.row for node in nodes.nodes], len(answer.layout))
        if np.isnan(attention).any():
            raise CausalError(IN_PARTS.format(layer))
        limits = Limits(settings.largest_set, settings.seconds, cancel)
        began = pace.stopwatch("cpu")
        graphs.append(_graph(token, layer, head, nodes, attention, settings, limits))
        model.pace.note(pace.GRAPH, 1, began.took())
        progress((index + 1) / len(wanted))
    return graphs


def _rows(
    call: AttentionCall, heads: Sequence[int], queries: Sequence[int], length: int
) -> Float[np.ndarray, "head query position"]:
    """The attention rows of some heads at some positions; NaN where the layer passes a position on as it is."""
    return call.of_heads(heads).whole_rows(queries, length).float().cpu().numpy()


def _graph(
    token: int,
    layer: int,
    head: int,
    nodes: Nodes,
    attention: Float[np.ndarray, "node key"],
    settings: GraphSettings,
    limits: Limits,
) -> CausalGraph:
    everywhere = sink(attention)
    left_out = everywhere if settings.leave_out_sink else None
    correlation = row_correlation(attention, left_out)
    learned, used, ridge = learn(correlation, settings, limits)
    notes = [*nodes.notes, *_caveats(attention, everywhere, left_out, ridge, settings)]
    if settings.method == "ordered ICD" and _looks_ahead(attention, [node.row for node in nodes.nodes]):
        notes.append(
            "Tokens of this model's prompt also look at what stands after them, so their order does not say which of "
            "two cannot cause the other. ICD and FCI, among the settings, do not use the order."
        )
    if not learned.complete:
        notes.append(learned.sentence)
    if learned.graph.violations():
        notes.append("Some tests contradict each other: no single cause-and-effect story fits all marks of this graph.")
    return CausalGraph(token, layer, head, nodes.nodes, settings, used, ridge, everywhere, learned, tuple(notes))


def _looks_ahead(attention: Float[np.ndarray, "node key"], rows: Sequence[int]) -> bool:
    """Whether some row, at its position of the sequence, looks past itself: then the order of tokens is no order of
    causes, on which ordered ICD rests."""
    return any(attention[node, row + 1 :].any() for node, row in enumerate(rows))


def _caveats(
    attention: Float[np.ndarray, "node key"],
    everywhere: int | None,
    left_out: int | None,
    ridge: float,
    settings: GraphSettings,
) -> list[str]:
    notes = []
    total = float(attention.sum())
    if everywhere is not None:
        share = float(attention[:, everywhere].sum()) / total
        where = f"position {everywhere + 1} of the sequence"
        if left_out is not None:
            notes.append(f"Attention to {where} ({share:.0%} of an average row) is not counted.")
        elif share >= NEARLY_ALL_OF_A_ROW:
            notes.append(
                f"This head sends {share:.0%} of its attention to {where}, so its rows are all alike and the graph "
                "says little. Leave the sink out, or choose another head."
            )
    elif settings.leave_out_sink:
        notes.append("No place takes a large part of every row, so nothing was left out.")
    rows = np.delete(attention, left_out, axis=1) if left_out is not None else attention
    empty = int((rows.sum(1) == 0).sum())
    if empty:
        notes.append(f"{empty} of the tokens look nowhere else, and correlate with nothing.")
    if ridge and settings.ridge is None:
        notes.append(f"Some tokens look at just the same places: a ridge of {ridge:.1g} keeps the tests solvable.")
    return notes


def neighbours(graph: CausalGraph) -> tuple[int, ...]:
    """The nodes joined to the target by an edge."""
    return tuple(bits(graph.learned.graph.adjacent[graph.target]))
