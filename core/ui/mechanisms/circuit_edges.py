"""The edges of a part of a circuit: their scores, and on a click what each carries by path patching."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import streamlit as st

from ...answer import Answer
from ...circuits.circuit import Circuit, runs_passes
from ...circuits.graph import Node
from ...circuits.path_patching import PatchedEdges, path_patching
from ...circuits.told import rows_of
from ...counted import counted
from ...runs.kinds import PATCHED_EDGES
from ...statistics.rank_correlation import spearman
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..widgets.folded import folded
from ..widgets.forecasts import foreseen, foretold
from ..widgets.scripts import Made
from .saving import save
from .view import PATCHED, MechanismsView

MOST = 40
"""Edges of a part that are patched, the largest scores first."""


def edges_of(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, circuit: Circuit, node: Node, key: Hashable
) -> None:
    """The table, the button, and what came of it."""
    rows = [row for row in rows_of(circuit) if row["kept"] and node.name in (row["from"], row["to"])]
    edges = tuple((str(row["from"]), str(row["to"])) for row in rows[:MOST])
    about = ("path patching", key, edges)
    found = view.results.get(PATCHED, about)
    carried = {} if found is None else dict(zip(found.edges, found.carried.tolist(), strict=True))
    st.dataframe(
        [
            {"from": row["from"], "to": row["to"], "score (nats)": row["score"]}
            | ({"path patching (nats)": carried.get((str(row["from"]), str(row["to"])))} if carried else {})
            for row in rows
        ],
        hide_index=True,
        height=min(240, 36 * (len(rows) + 1)),
        placeholder="–",
        key="mechanisms_circuit_edges",
    )
    if not edges:
        return

    def work(cancel: CancelToken, report: Report) -> None:
        made = path_patching(model, answer, circuit.target, circuit.corruption, edges, cancel=cancel, progress=report)
        view.results.keep(PATCHED, about, made)

    if found is None:
        many = counted(len(edges), "edge")
        named = f"Path patching of {many}" if len(edges) == len(rows) else f"Path patching of the first {many}"
        told = foreseen(lambda: forecast(model, answer, runs_passes(model, circuit.corruption, len(edges))))
        run = st.button(named, icon=":material/alt_route:", key="circuit_patch_edges")
        foretold(told)
        if run:
            view.jobs.start(model, about, "patching edges one by one", "edges", work, told)
    view.jobs.tell(about)
    if found is not None:
        _told(answer, circuit, found)


def _told(answer: Answer, circuit: Circuit, found: PatchedEdges) -> None:
    scores = {(str(row["from"]), str(row["to"])): float(str(row["score"])) for row in rows_of(circuit)}
    agree = ""
    if len(found.edges) > 2:
        rank = spearman(np.array([scores[edge] for edge in found.edges]), found.carried)
        agree = f" Rank correlation with the scores: {float(rank):.2f} over {len(found.edges)} edges."
    folded(
        f"What each edge alone carries, measured.{agree}",
        "Path patching: this edge alone carries what it carries in the corrupted run, all that comes after it follows, "
        "and the number is by how much the word falls. The scores estimate that by a gradient on the way between both "
        "runs: of a word that is nearly sure, one edge less changes little, and they are larger.",
    )
    save(answer, {}, found.rows, "path-patching", "mechanisms_save_edges", made=Made(PATCHED_EDGES, found))
