"""The explanation set of a graph as a map, so that it can be tested as any other."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st
import torch

from ...answer import Answer, Explanation, Target
from ...causal.discovery import CausalGraph
from ...causal.explanation_test import image_positions
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.evidence.badges import evidence_badges
from ..widgets.evidence.section import evidence_section
from ..widgets.evidence.view import EvidenceView, Mapped
from .view import CausalView


def as_map(answer: Answer, graph: CausalGraph, radius: int) -> Explanation:
    """The image tokens within `radius`, the nearest highest; all others are 0."""
    scores = torch.zeros(len(answer.layout))
    distance = graph.explanation.tree.distance
    for node in graph.explanation.within(radius):
        for position in image_positions(graph, (node,)):
            scores[position] = 1.0 / distance[node]
    settings = {"layer": graph.layer, "head": graph.head, "radius": radius, **asdict(graph.settings)}
    return Explanation(scores, Target((graph.token,)), "causal_graph", settings, graph.learned.seconds)


def explanation_set_evidence(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, graph: CausalGraph, radius: int
) -> None:
    """The set tested as the order in which patches are taken away; nothing where it has no patch."""
    patches = len(image_positions(graph, graph.explanation.within(radius)))
    if not patches:
        return
    map_ = as_map(answer, graph, radius)
    evidence_section(workspace, model, answer, [Mapped("explanation set", map_)], workspace.view(CausalView).jobs)
    if workspace.view(EvidenceView).test_of(answer, map_) is not None:
        evidence_badges(workspace.view(EvidenceView), answer, map_)
        first = "patch comes first" if patches == 1 else f"{patches} patches come first, nearest first"
        st.caption(
            f"The set's {first}, then all the rest in a random order: only the beginning of the curve is about the "
            "graph."
        )
