"""Circuits: the edges that alone carry an effect, from the picture's patches to the logits, and their curve."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

import streamlit as st

from ...answer import Answer, Target
from ...charts.circuit import MOST_EDGES, WIDTH, Spot, along, circuit_chart
from ...charts.curves import Measured, series_curves
from ...circuits.circuit import Circuit, circuit_passes, find_circuit
from ...circuits.graph import Graph, Node
from ...circuits.scores import STEPS
from ...circuits.told import curves_of, kept_edges, rows_of, sentence_of
from ...mechanisms.corruption import Noise
from ...runs.kinds import CIRCUIT
from ...statistics.estimate import Estimate
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.results import answer_key
from ..state.target import describe_target
from ..state.workspace import Workspace
from ..widgets.by_keyboard import one_by_keyboard
from ..widgets.chips import escaped
from ..widgets.clicks import Entry, clickable
from ..widgets.folded import folded
from ..widgets.forecasts import foreseen, foretold
from ..widgets.scripts import Made
from . import corrupting
from .circuit_edges import edges_of
from .circuit_elsewhere import elsewhere_panel
from .position_map import image_scale, picture_map
from .saving import Row, save
from .view import CIRCUITS, MechanismsView

DRAWS = 3
CURVE, PICTURE = 380, 330
BESIDE = 90
"""Pixels beside a drawing for its axis."""
SHARE_HELP = "The circuit is the fewest edges, largest scores first, that carry so much of the effect when run alone."


def circuits_panel(workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """Controls, the circuit, what a part of it is, its curve, and how it does elsewhere."""
    view = workspace.view(MechanismsView)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        chosen = corrupting.choose(workspace, answer)
        share = (
            st.slider(
                "Share of the effect (%)",
                10,
                100,
                80,
                5,
                key="mechanisms_circuit_share",
                persist_state="session",
                width=220,
                help=SHARE_HELP,
            )
            / 100
        )
        run = st.button(
            "Find the circuit", type="primary", icon=":material/account_tree:", disabled=chosen is None, key="circuit"
        )
    if chosen is None:
        return
    key = ("circuit", answer_key(answer), target, chosen.key, share)
    circuit = view.results.get(CIRCUITS, key)

    def work(cancel: CancelToken, report: Report) -> None:
        made = find_circuit(
            model, answer, target, chosen.corruption, share, STEPS, draws=DRAWS, cancel=cancel, progress=report
        )
        view.results.keep(CIRCUITS, key, made)

    if circuit is None:
        told = foreseen(lambda: forecast(model, answer, circuit_passes(model, answer, chosen.corruption, STEPS, DRAWS)))
        foretold(told)
        if run:
            view.jobs.start(model, key, "finding the circuit", "circuit", work, told)
    view.jobs.tell(key)
    if circuit is None:
        noise = " Of noise, the first sample." if isinstance(chosen.corruption, Noise) else ""
        st.info(
            "Scores the edges between heads, MLPs and tokens, and keeps the fewest that alone carry the chosen share "
            f"of what the corruption takes away; all others carry what they carry in the corrupted run.{noise}",
            icon=":material/account_tree:",
        )
        return
    with st.container(horizontal=True, gap="medium", key="mechanisms_circuit_body"):
        with st.container(width=WIDTH + BESIDE):
            _graph(view, model, answer, target, circuit, chosen.named)
            _picture(workspace, answer, circuit)
        with st.container(width=CURVE + BESIDE):
            _part(view, model, answer, circuit, key)
            _curve(circuit)
            elsewhere_panel(workspace, model, answer, circuit, chosen, key)


def _graph(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, target: Target, circuit: Circuit, named: str
) -> None:
    graph, kept = circuit.graph, kept_edges(circuit)
    if not len(kept):
        st.caption("No edge is needed: the corrupted run carries this share by itself.")
        return

    def clicked(entry: Entry) -> None:
        view.pick_part(str(entry["part"]))

    edges = [
        (graph.sending[sender].name, graph.receiving[receiver].name, float(circuit.scores[sender, receiver]))
        for sender, receiver in kept.tolist()
    ]
    spots = _spots(graph)
    chart = circuit_chart(spots, edges, layers=graph.layers, chosen=view.part, click="part")
    clickable(chart, "part", "mechanisms_circuit", clicked, "the circuit: parts by layer, and the edges between them")
    drawn = list(dict.fromkeys(name for one, other, _ in edges[:MOST_EDGES] for name in (one, other)))
    one_by_keyboard("Part", drawn, view.part if view.part in drawn else None, view.pick_part, "circuit_keys")
    more = f" Drawn are the {MOST_EDGES} strongest; the file has all." if len(edges) > MOST_EDGES else ""
    folded(
        f"{escaped(sentence_of(circuit))}{more}",
        f"Squares are tokens and the logits, circles heads, diamonds MLPs. An edge's width is its score, by EAP-IG in "
        f"{circuit.steps} steps; dashed ones speak against the target. Edges hold for all positions together. "
        f"{escaped(named[:1].upper() + named[1:])}.",
    )
    settings: Row = {
        "method": "circuit",
        "target": describe_target(answer, target, model),
        "what": named,
        "share": circuit.share,
        "steps": circuit.steps,
        "faithfulness": circuit.faithfulness,
        "logprob_clean": circuit.clean_logprob,
        "logprob_corrupted": circuit.corrupted_logprob,
    }
    save(answer, settings, partial(rows_of, circuit), "circuit", "mechanisms_save_circuit", made=Made(CIRCUIT, circuit))


def _spots(graph: Graph) -> dict[str, Spot]:
    """Where each part is drawn."""

    def spot(node: Node) -> Spot:
        places = {"source": len(graph.groups), "head": graph.heads + 1, "mlp": graph.heads + 1, "logits": 1}
        number = {"mlp": graph.heads, "logits": 0}.get(node.kind, node.number)
        return Spot(node.name, node.layer, along(number, places[node.kind]), node.kind, node.number)

    return {node.name: spot(node) for node in (*graph.sending, *graph.receiving)}


def _picture(workspace: Workspace, answer: Answer, circuit: Circuit) -> None:
    """The patches that the picture's edges begin at."""
    source = circuit.graph.source("image")
    if source is None or not answer.layout.views:
        return
    if not circuit.kept[source].any():
        st.caption("No edge of the circuit comes from the picture.")
        return
    values = circuit.picture_positions
    st.markdown("**Where the picture's edges begin**")
    scale = image_scale(answer, values, signed=True, faintest=0.0)
    description = "scores of the kept edges from each patch, in nats"
    picture_map(
        workspace, answer, values, scale, label="nats", description=description, key="circuit_picture", size=PICTURE
    )


def _part(view: MechanismsView, model: VisionLanguageModel, answer: Answer, circuit: Circuit, key: Hashable) -> None:
    """The part that was clicked: its edges, and the ways to look at it."""
    graph = circuit.graph
    node = next((one for one in (*graph.sending, *graph.receiving) if one.name == view.part), None)
    if node is None:
        st.info("Click a part of the circuit to see its edges here.", icon=":material/ads_click:")
        return
    st.markdown(f"**{escaped(node.name)}**")
    edges_of(view, model, answer, circuit, node, key)
    if node.kind != "head":
        return
    head = (node.layer, node.number)

    def look() -> None:
        view.head, view.lens = head, "head_contributions"
        st.session_state["mechanisms_lens"] = view.lens

    def take_away() -> None:
        view.ablate([head])
        view.lens = "head_ablation"
        st.session_state["mechanisms_lens"] = view.lens

    with st.container(horizontal=True, gap="small"):
        st.button("Its map and its words", on_click=look, icon=":material/visibility:", key="circuit_look")
        st.button("The answer without it", on_click=take_away, icon=":material/backspace:", key="circuit_without")


def _curve(circuit: Circuit) -> None:
    curves = curves_of(circuit)
    series = {
        curve.name: [
            Measured(
                100 * at,
                Estimate(
                    float(curve.values[place]),
                    float("nan") if curve.low is None else float(curve.low[place]),
                    float("nan") if curve.high is None else float(curve.high[place]),
                    0,
                ),
            )
            for place, at in enumerate(curve.at)
        ]
        for curve in curves.curves
    }
    chart = series_curves(
        series,
        title=curves.unit,
        axis="edges kept (%)",
        controls=[curve.name for curve in curves.curves if curve.control],
        interval=curves.interval,
        width=CURVE,
    )
    st.markdown("**How much the first edges carry**")
    st.altair_chart(
        chart, width="content", key="mechanisms_circuit_curve", alt="share of the effect over the share of edges kept"
    )
    st.caption("1 is the whole effect. Dashed: edges in other orders. MLPs and tokens come before any head in these.")
