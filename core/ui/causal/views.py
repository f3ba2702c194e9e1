"""The three linked views of a graph: the picture, the graph itself, and the explanation tree.

A node that is clicked in one is outlined in all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from ...answer import Answer
from ...causal.discovery import CausalGraph
from ...charts.explained import explained_image, explained_thumbnails
from ...charts.explanation_tree import explanation_tree
from ...charts.pag import pag_page
from ...geometry import frames_together, images_name
from ...masking import as_seen
from ...reports.nodes import distances
from ...runs.kinds import GRAPH
from ..state.graphs import GraphKey
from ..widgets.clicks import Entry, clickable
from ..widgets.scripts import Made, copy_script
from ..widgets.seen import seen_button
from .naming import drawn
from .network import HEIGHT, network_view
from .view import GRAPH_PAGES, CausalView

PICTURE, TREE = 340, 500
SMALL = 100
MOST_SMALL = 6
_STYLE = """<style>
:has(> .st-key-causal_graph) { flex: 1 1 540px !important; min-width: min(540px, 100%); }
:has(> .st-key-causal_details) { flex: 1 1 400px !important; min-width: min(400px, 100%); }
</style>"""
"""In a narrow window the graph goes below the picture and the tree below the chosen node, rather than into them."""


def graph_views(
    view: CausalView,
    answer: Answer,
    graph: CausalGraph,
    key: GraphKey,
    radius: int,
    image: int,
    details: Callable[[], None] = lambda: None,
) -> None:
    """The picture of this number beside the graph, the tree below; `details` says more of the chosen node beside the
    tree."""
    st.html(_STYLE)
    with st.container(horizontal=True, gap="medium"):
        if answer.layout.views:
            with st.container(width=PICTURE + 2):
                _image(view, answer, graph, radius, image)
        with st.container(key="causal_graph"):
            network_view(_page(view, answer, graph, key, radius), view.node, partial(_choose, view))
    with st.container(horizontal=True, gap="medium"):
        with st.container(key="causal_details"):
            details()
        with st.container(width=TREE + 2):
            _tree(view, answer, graph, radius)


def _choose(view: CausalView, node: int) -> None:
    view.node = node


def _image(view: CausalView, answer: Answer, graph: CausalGraph, radius: int, shown: int) -> None:
    number = {node.position: index for index, node in enumerate(graph.nodes)}
    picked = graph.nodes[view.node].position if view.node is not None else None
    images, near = as_seen(answer.question), distances(graph)
    chart = explained_image(
        images,
        answer.layout,
        near,
        radius,
        others=tuple(number),
        size=PICTURE,
        picked=picked,
        only=(shown,),
        click="patch",
    )

    def clicked(entry: Entry) -> None:
        node = number.get(int(entry["position"]))
        if node is not None:
            view.pick(node)

    where = images_name(answer.question, frames_together(answer.layout, shown))
    st.caption(f"The explanation on {where}, distance {radius}. Click a patch; dashed ones are in the graph only.")
    elsewhere = None if view.node is None else graph.nodes[view.node].image
    if elsewhere is not None and elsewhere not in frames_together(answer.layout, shown):
        there = images_name(answer.question, frames_together(answer.layout, elsewhere))
        st.caption(f":material/image_search: The chosen patch is on {there}.")
    clickable(chart, "patch", "causal_picture", clicked, "the explanation's patches on the picture; click one")
    with st.container(horizontal=True, gap="small"):
        seen_button(answer, shown, "causal")
        copy_script(answer, Made(GRAPH, graph, {"radius": radius, "view": "picture", "image": shown}), "causal_picture")
    radii = list(graph.explanation.radii)[:MOST_SMALL]
    if len(radii) > 1:
        with st.container(horizontal=True, gap="small"):
            explained = [(near, each) for each in radii]
            maps = explained_thumbnails(images, answer.layout, explained, size=SMALL, only=(shown,))
            for each, small in zip(radii, maps, strict=True):
                tokens = len(graph.explanation.within(each))
                st.image(small, caption=f"≤ {each}: {tokens}", width=SMALL)
        st.caption("The same at each search distance, with the number of tokens (words count too).")


def _page(view: CausalView, answer: Answer, graph: CausalGraph, key: GraphKey, radius: int) -> str:
    """The graph's page, built once."""
    dark = st.context.theme.type == "dark"
    page = view.results.get(GRAPH_PAGES, (key, radius, dark))
    if page is None:
        nodes = drawn(graph, answer)
        page = pag_page(graph.learned.graph, graph.explanation, nodes, radius=radius, height=HEIGHT, dark=dark)
        view.results.keep(GRAPH_PAGES, (key, radius, dark), page)
    return page


def _tree(view: CausalView, answer: Answer, graph: CausalGraph, radius: int) -> None:
    st.subheader("The explanation tree", anchor=False)
    if graph.explanation.isolated:
        st.caption("It is empty: no edge of the graph ends at the target.")
        return
    chart = explanation_tree(
        graph.learned.graph,
        graph.explanation,
        drawn(graph, answer),
        radius=radius,
        side=TREE,
        picked=view.node,
        click="node",
    )

    def clicked(entry: Entry) -> None:
        view.pick(int(entry["node"]))

    clickable(chart, "node", "causal_tree", clicked, "the explanation tree with an arc for each distance; click a node")
    copy_script(answer, Made(GRAPH, graph, {"radius": radius, "view": "tree"}), "causal_tree")
    st.caption(
        "The target in the middle; each arc is one more step on the graph. Lines join a token to the one it was "
        "reached through, in the colour of the edge between them."
    )
