"""The explanation tree of a causal graph: the target in the middle, and every node on the arc of its distance.

Words and patches stand on cards, so that they are seen on a light page, on a dark one, and over a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from ..causal.explanation import NodeExplanation
from ..causal.pag import Pag
from .drawn import MEANINGS, THUMBNAIL, DrawnNode, edge_kind, shortened
from .figure import Figure, either, figure
from .palette import CAUSAL_EDGES, CHOSEN, INK_ON_DARK, INK_ON_LIGHT, NEUTRAL, PAPER, PICKED
from .radial import Radial, radial
from .urls import webp_url

LETTER = 7.5
"""Pixels that a letter of a word takes, on the average."""
CARD = 22
"""The height of a word's card in pixels."""
GAP = 3
"""Pixels around a patch or a word that belong to its card."""


def explanation_tree(
    graph: Pag,
    explanation: NodeExplanation,
    nodes: Sequence[DrawnNode],
    *,
    radius: int | None = None,
    side: int = 560,
    picked: int | None = None,
    click: str | None = None,
) -> Figure:
    """Every node out to `radius`, joined to the node through which it was reached by an edge in the colour of its kind.

    With `click`, clicks toggle nodes in a selection of that name whose entries have a "node".

    Raises ValueError where nodes and graph do not fit.
    """
    if len(nodes) != graph.size or explanation.others + 1 != graph.size:
        raise ValueError("there is one drawn node for each node of the graph")
    layout = radial(explanation, radius, others=False)
    extent = max(layout.reach + THUMBNAIL, 2.0 * THUMBNAIL)
    pixel = 2 * extent / side
    shown = max(THUMBNAIL * min(1 / pixel, 1.0), 14.0)
    scale = alt.Scale(domain=[-extent, extent], nice=False, zero=False)
    place = {"x": alt.X("x:Q", scale=scale, axis=None), "y": alt.Y("y:Q", scale=scale, axis=None, sort="descending")}
    corners = {"x": alt.X("left:Q", scale=scale, axis=None), "x2": alt.X2("right:Q"), "y2": alt.Y2("bottom:Q")}
    corners["y"] = alt.Y("top:Q", scale=scale, axis=None, sort="descending")
    points = []
    for number, (x, y) in sorted(layout.places.items()):
        point = _point(nodes[number], explanation.tree.distance.get(number, 0), number == explanation.target)
        tall = (shown / 2 + GAP if point["url"] else CARD / 2) * pixel
        half = tall if point["url"] else max((len(point["token"]) * LETTER / 2 + GAP) * pixel, tall)
        box = {"left": x - half, "right": x + half, "top": y - tall, "bottom": y + tall}
        points.append({**point, **box, "x": x, "y": y, "node": number, "picked": number == picked})
    base = alt.Chart(pd.DataFrame(points))
    layers = [_arc(place, ring / pixel) for ring in layout.rings]
    layers += _lines(graph, explanation, layout, place)
    images = base.transform_filter("datum.url != ''")
    words = base.transform_filter("datum.url == ''")
    layers += [
        base.mark_rect(cornerRadius=5).encode(**corners, color=either("datum.target", CHOSEN, PAPER)),
        images.mark_image(width=shown, height=shown).encode(**place, url=alt.Url("url:N")),
        words.mark_text(fontSize=13).encode(
            **place, text=alt.Text("token:N"), color=either("datum.target", INK_ON_DARK, INK_ON_LIGHT)
        ),
    ]
    if picked in layout.places:
        outlined = base.transform_filter("datum.picked")
        layers.append(outlined.mark_rect(filled=False, stroke=PICKED, strokeWidth=3).encode(**corners))
    top = base.mark_rect(opacity=0, cursor="pointer" if click else "default")
    top = top.encode(**corners, tooltip=[alt.Tooltip("token:N"), alt.Tooltip("details:N"), alt.Tooltip("distance:Q")])
    if click:
        top = top.add_params(alt.selection_point(name=click, fields=["node"], on="click", toggle="true", empty=False))
    layers.append(top)
    return figure(layers, side, side).configure_view(strokeWidth=0)


def _arc(place: dict[str, Any], ring: float) -> alt.Chart:
    """A circle of `ring` pixels around the target; a symbol's size is the area of the square around it."""
    centre = alt.Chart(pd.DataFrame({"x": [0.0], "y": [0.0]}))
    return centre.mark_point(
        shape="circle", size=(2 * ring) ** 2, color=NEUTRAL, opacity=0.5, strokeDash=[4, 4], filled=False
    ).encode(**place)


def _lines(graph: Pag, explanation: NodeExplanation, layout: Radial, place: dict[str, Any]) -> list[alt.Chart]:
    """From each node to the one it was reached through; the legend names the kinds of edge there are."""
    kinds = {frozenset((edge.a, edge.b)): edge_kind(edge) for edge in graph.edges()}
    lines = [
        {**_ends(layout, parent, node), "edge": kinds[frozenset((node, parent))]}
        for node, parent in explanation.parents.items()
        if node in layout.places
    ]
    if not lines:
        return []
    there = [kind for kind in CAUSAL_EDGES if any(line["edge"] == kind for line in lines)]
    named = [f"{kind}   {MEANINGS[kind]}" for kind in there]
    frame = pd.DataFrame(lines)
    frame["edge"] = frame["edge"].map(dict(zip(there, named, strict=True)))
    color = alt.Color(
        "edge:N",
        scale=alt.Scale(domain=named, range=[CAUSAL_EDGES[kind] for kind in there]),
        legend=alt.Legend(title=None, orient="bottom", columns=1, labelLimit=460, symbolType="stroke"),
    )
    encoded = (
        alt.Chart(frame)
        .mark_rule(strokeWidth=2)
        .encode(**place, x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"), color=color, tooltip=[alt.Tooltip("edge:N")])
    )
    return [encoded]


def _ends(layout: Radial, a: int, b: int) -> dict[str, float]:
    (x, y), (x2, y2) = layout.places[a], layout.places[b]
    return {"x": x, "y": y, "x2": x2, "y2": y2}


def _point(node: DrawnNode, distance: int, target: bool) -> dict[str, Any]:
    return {
        "token": shortened(node.label),
        "details": " · ".join(node.details),
        "distance": distance,
        "url": "" if node.image is None else webp_url(node.image),
        "target": target,
    }
