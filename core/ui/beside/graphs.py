"""The causal graphs of one head in each pinned answer, and which of their edges they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from ...answer import TokenKind
from ...causal.common import Identity, SharedEdge, identities, shared_edges
from ...causal.costs import graphs_expected
from ...causal.discovery import CausalGraph, causal_graph
from ...causal.settings import GraphSettings
from ...charts.tokens import visible
from ...counted import counted
from ...reports.code import Writer
from ...runs.kinds import GRAPH
from ...vlm.cancel import CancelToken
from ...vlm.forecast import Forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report, Work
from ..state.graphs import GRAPHS, graph_key
from ..state.pins import card_of, found
from ..state.workspace import Workspace
from ..widgets.forecasts import foreseen
from ..widgets.scripts import Made
from ..widgets.tables import Row
from .columns import Column
from .missing import Missing, compute_missing
from .panel import Panel
from .taking_along import Taken, take_along

SHOWN = 300
"""Edges in the table on screen; the file has all."""
HEIGHT = 380
SETTINGS = GraphSettings()


@dataclass(frozen=True, eq=False)
class Learned:
    """The graph of a column that is there."""

    column: Column
    graph: CausalGraph


@dataclass(frozen=True)
class Told:
    """What the name of a place needs: the part of the picture, where a model sees it in several, and of how many rows
    and columns it is, where these differ."""

    parts: bool
    rasters: bool


def graphs_panel(panel: Panel) -> None:
    """Below each column how its graph explains the target, and below all of them their edges."""
    with panel.controls:
        layer, head = _head(panel.workspace, panel.columns)
    learned: list[Learned] = []
    missing: list[Missing] = []
    for column, target in panel.compared:
        key = graph_key(column.answer, target.tokens[0], layer, head, SETTINGS)
        graph = found(panel.workspace, column.pin, GRAPHS, key)
        if graph is not None:
            learned.append(Learned(column, graph))
        else:
            missing.append(_missing(panel.workspace, column, layer, head))
    compute_missing(panel.view, missing, panel.places, "learning the causal graph", ("graphs", layer, head), "graph")
    for one in learned:
        with panel.places[one.column.number]:
            _told(one)
    if len(learned) > 1:
        _edges(learned)
    st.caption(
        f"Graphs of layer {layer}, head {head}, learned with the settings that Causal Graph begins with; layers and "
        "heads count from 0. A patch stands for the same place of each picture with as many rows and columns, a word "
        "for the same word. What graphs have in common is no proof that it holds: test it by masking, on Causal Graph."
    )
    taken = Taken("Graphs", f"Causal graphs of layer {layer}, head {head} (counted from 0).", ending=_ending)
    told = _needed(learned)
    taken.rows += [dict(_row(edge, learned, told)) for edge in _shared(learned)]
    for one in learned:
        number, graph = one.column.number + 1, one.graph
        taken.made.append((one.column, Made(GRAPH, graph, {"radius": 1})))
        ends = [(edge.a, edge.b) for edge in graph.learned.graph.edges()]
        taken.numbers[f"answer_{number}_positions"] = np.array([node.position for node in graph.nodes])
        taken.numbers[f"answer_{number}_edges"] = np.array(ends, dtype=np.int64).reshape(-1, 2)
    take_along(taken)


def _head(workspace: Workspace, columns: Sequence[Column]) -> tuple[int, int]:
    """The layer and the head that all graphs are of: the last layer with attention, to begin with."""
    cards = [card for column in columns if (card := card_of(workspace, column.pin)) is not None]
    layers = min((card.layers for card in cards), default=1)
    heads = min((card.heads for card in cards), default=1)
    last = min((max(card.attention_layers, default=card.layers - 1) for card in cards), default=0)
    layer = st.number_input(
        "Layer", 0, layers - 1, last, key=f"beside_layer_{layers}", persist_state="session", width=110
    )
    head = st.number_input("Head", 0, heads - 1, 0, key=f"beside_head_{heads}", persist_state="session", width=110)
    return int(layer), int(head)


def _missing(workspace: Workspace, column: Column, layer: int, head: int) -> Missing:
    answer, target = column.answer, column.target
    assert target is not None
    token = target.tokens[0]
    key = graph_key(answer, token, layer, head, SETTINGS)
    card = card_of(workspace, column.pin)
    why = None
    if card is not None and layer in card.without_attention:
        why = f"Layer {layer} of its model has no attention, so no graph. Choose another layer."

    def work(model: VisionLanguageModel) -> Work:
        def compute(cancel: CancelToken, report: Report) -> None:
            graph = causal_graph(model, answer, token, layer, head, SETTINGS, cancel=cancel)
            workspace.results.keep(GRAPHS, key, graph)

        return compute

    def told(model: VisionLanguageModel) -> Forecast | None:
        return foreseen(lambda: graphs_expected(model, answer, {layer: [head]}))

    return Missing(column, key, why, work, told)


def _told(one: Learned) -> None:
    graph = one.graph
    near = graph.explanation.within(1)
    st.text(
        f"{counted(len(near), 'token')} of {graph.explanation.others} tied to the target directly; "
        f"{counted(len(graph.learned.graph.edges()), 'edge')} in all"
    )
    named = identities(graph, one.column.answer)
    words = [_name(named[number], _needed([one])) for number in near]
    st.text(", ".join(words[:12]) + (" …" if len(words) > 12 else ""))


def _edges(learned: Sequence[Learned]) -> None:
    """A table of all edges, those in common first, and how many there are of which."""
    edges = _shared(learned)
    every = sum(len(edge.in_graphs) == len(learned) for edge in edges)
    alike = sum(len(edge.in_graphs) == len(learned) and len(set(edge.in_graphs.values())) == 1 for edge in edges)
    parts = [f"{counted(every, 'edge')} in all {len(learned)} graphs ({alike} drawn the same)"]
    for number, one in enumerate(learned):
        alone = sum(set(edge.in_graphs) == {number} for edge in edges)
        parts.append(f"{alone} in answer {one.column.number + 1} alone")
    st.markdown("**Edges**")
    st.text(f"{', '.join(parts)}; {len(edges)} different ones.")
    told = _needed(learned)
    rows = [_row(edge, learned, told) for edge in edges]
    st.dataframe(
        rows[:SHOWN], hide_index=True, placeholder="–", height=min(HEIGHT, 38 * (len(rows) + 1)), key="beside_edges"
    )
    if len(rows) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(rows):,}; the file has all.")


def _shared(learned: Sequence[Learned]) -> tuple[SharedEdge, ...]:
    return shared_edges([(one.graph, one.column.answer) for one in learned])


def _ending(write: Writer) -> list[str]:
    shared = write.call(shared_edges, "list(zip(results, answers))")
    return [f"edges = {shared}", 'print(*edges, sep="\\n")']


def _row(edge: SharedEdge, learned: Sequence[Learned], told: Told) -> Row:
    first, second = (_name(node, told) for node in edge.nodes)
    drawn = {f"answer {one.column.number + 1}": edge.in_graphs.get(n, "") for n, one in enumerate(learned)}
    return {"from": first, "to": second, **drawn, "graphs": len(edge.in_graphs)}


def _needed(learned: Sequence[Learned]) -> Told:
    """What tells their places apart."""
    views = [one.column.answer.layout.views for one in learned]
    parts = any(len(each) > len({view.image for view in each}) for each in views)
    return Told(parts, len({tuple((view.rows, view.columns) for view in each) for each in views}) > 1)


def _name(identity: Identity, told: Told) -> str:
    """A node in words. Untrusted text."""
    kind, *rest = identity
    if kind == "target":
        return "the target"
    if kind == "picture":
        if len(rest) < 6:
            return f"image token at position {rest[0]}"
        image, view, rows, columns, row, column = rest
        where = f", {view}" if told.parts else ""
        raster = f" of {rows} × {columns}" if told.rasters else ""
        return f"patch row {row} column {column}{raster}{where}" + (
            f" of picture {int(str(image)) + 1}" if image else ""
        )
    text, number = rest
    part = "answer" if kind == TokenKind.ANSWER.value else "question"
    return f"{part} “{visible(str(text))}”" + (f" ({number})" if int(str(number)) > 1 else "")
