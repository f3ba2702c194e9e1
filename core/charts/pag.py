"""A causal graph to look at: an interactive page that needs no network.

The page is pyvis' own with everything remote taken out, and forbids the browser to fetch anything. Labels reach it as
JSON strings and are drawn as text on a canvas; tooltips are text nodes. Nothing that a model wrote is ever markup.
"""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from collections.abc import Sequence
from typing import Any

from pyvis.network import Network

from ..causal.explanation import NodeExplanation
from ..causal.pag import Edge, Mark, Pag
from .drawn import MEANINGS, THUMBNAIL, DrawnNode, edge_kind, shortened
from .palette import CAUSAL_EDGES, CHOSEN, INK_ON_DARK, INK_ON_LIGHT, NEUTRAL, PAPER, PICKED
from .radial import Radial, radial
from .tokens import visible
from .urls import webp_url

FAINT, FAINT_ON_DARK = 0.25, 0.45
"""Opacity of edges outside the tree: behind the others, and still seen."""

_TAGS = re.compile(r"<link\b[^>]*>|<script\b[^>]*\bsrc\s*=[^>]*>.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:\">"
)
_HOOK = "network = new vis.Network(container, data, options);"


def pag_page(
    graph: Pag,
    explanation: NodeExplanation,
    nodes: Sequence[DrawnNode],
    *,
    radius: int | None = None,
    height: int = 640,
    dark: bool = False,
) -> str:
    """A whole HTML page with the graph: nodes on rings around the target, edges in the colours of their kinds.

    Edges of the explanation tree out to `radius` are strong, the others faint. A click posts
    {"sightline": "node", "node": number} to the window that embeds the page; {"sightline": "pick", "node": number or
    null} from there outlines a node without loading the page anew.
    Raises ValueError where nodes and graph do not fit.
    """
    if len(nodes) != graph.size or explanation.others + 1 != graph.size:
        raise ValueError("there is one drawn node for each node of the graph")
    layout = radial(explanation, radius)
    ink = INK_ON_DARK if dark else INK_ON_LIGHT
    network = Network(height=f"{height}px", width="100%", directed=True, cdn_resources="in_line", bgcolor="transparent")
    for number, (x, y) in sorted(layout.places.items()):
        network.add_node(number, x=x, y=y, physics=False, **_node(nodes[number], number, explanation, ink))
    for edge in graph.edges():
        strong = _in_tree(edge, explanation, layout)
        network.add_edge(edge.a, edge.b, **_edge(edge, strong, FAINT_ON_DARK if dark else FAINT))
    network.options = {
        "physics": {"enabled": False},
        "interaction": {"hover": True, "tooltipDelay": 100, "navigationButtons": False},
        "edges": {"smooth": False},
    }
    return _offline(network.generate_html(), _script(nodes, layout, ink), _frame(ink, explanation.isolated))


def _node(node: DrawnNode, number: int, explanation: NodeExplanation, ink: str) -> dict[str, Any]:
    label = shortened(node.label)
    if node.image is not None:
        look = {"shape": "image", "image": webp_url(node.image), "size": THUMBNAIL / 2}
        frame = {"borderWidth": 1, "color": {"border": NEUTRAL, "background": NEUTRAL}}
        border = {"shapeProperties": {"useBorderWithImage": True}, **frame}
        return {"label": label, "font": {"color": ink, "size": 14, "vadjust": -4}, **look, **border}
    if number == explanation.target:
        colors = {"background": CHOSEN, "border": CHOSEN}
        return {"label": label, "shape": "box", "color": colors, "font": {"color": INK_ON_DARK, "size": 18}}
    colors = {"background": PAPER, "border": NEUTRAL}
    return {"label": label, "shape": "box", "color": colors, "font": {"color": INK_ON_LIGHT, "size": 14}}


def _in_tree(edge: Edge, explanation: NodeExplanation, layout: Radial) -> bool:
    parents = explanation.parents
    inside = edge.a not in layout.outside and edge.b not in layout.outside
    return inside and (parents.get(edge.a) == edge.b or parents.get(edge.b) == edge.a)


def _edge(edge: Edge, strong: bool, faint: float) -> dict[str, Any]:
    color = CAUSAL_EDGES[edge_kind(edge)]
    return {
        "arrows": {"from": _end(edge.mark_a, color), "to": _end(edge.mark_b, color)},
        "color": {"color": color, "highlight": color, "hover": color, "opacity": 1.0 if strong else faint},
        "width": 2.5 if strong else 1.0,
        "smooth": False,
        "physics": False,
    }


def _end(mark: Mark, color: str) -> dict[str, Any]:
    """vis.js has no hollow circle that stays one on a coloured line, so it is a little picture."""
    match mark:
        case Mark.ARROW:
            return {"enabled": True, "type": "arrow", "scaleFactor": 0.8}
        case Mark.CIRCLE:
            return {"enabled": True, "type": "image", "src": _circle(color), "imageWidth": 12, "imageHeight": 12}
        case Mark.TAIL:
            return {"enabled": False}


def _circle(color: str) -> str:
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'>"
        f"<circle cx='12' cy='12' r='9' fill='white' stroke='{color}' stroke-width='5'/></svg>"
    )
    return "data:image/svg+xml;utf8," + urllib.parse.quote(drawing)


def _json(value: object) -> str:
    """JSON that may stand inside a script: nothing in it can end one."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _script(nodes: Sequence[DrawnNode], layout: Radial, ink: str) -> str:
    """Tooltips as text nodes, dashed rings behind the graph, a first fit, and clicks to the embedding window."""
    titles = [[visible(node.label), *node.details] for node in nodes]
    rings = [[ring, f"distance {level}", -ring - 5] for level, ring in enumerate(layout.rings, start=1)]
    if layout.outer is not None:
        rings.append([layout.outer, "not reached", -layout.outer + 1.6 * THUMBNAIL])
    return f"""{_HOOK}
{_json(titles)}.forEach(function(lines, id) {{
  var box = document.createElement("div");
  lines.forEach(function(line) {{
    var row = document.createElement("div"); row.textContent = line; box.appendChild(row);
  }});
  nodes.update({{id: id, title: box}});
}});
network.on("beforeDrawing", function(c) {{
  c.save(); c.strokeStyle = {_json(NEUTRAL)}; c.fillStyle = {_json(ink)};
  c.globalAlpha = 0.6; c.font = "12px sans-serif"; c.setLineDash([4, 5]);
  {_json(rings)}.forEach(function(ring) {{
    c.beginPath(); c.arc(0, 0, ring[0], 0, 2 * Math.PI); c.stroke(); c.fillText(ring[1], 4, ring[2]);
  }});
  c.restore();
}});
network.once("afterDrawing", function() {{ network.fit({{animation: false}}); }});
network.on("selectNode", function(event) {{
  network.marked = event.nodes[0]; network.redraw();
  window.parent.postMessage({{sightline: "node", node: event.nodes[0]}}, "*");
}});
network.marked = null;
network.on("afterDrawing", function(c) {{
  if (network.marked === null) return;
  var box = network.getBoundingBox(network.marked);
  c.save(); c.strokeStyle = {_json(PICKED)}; c.lineWidth = 3;
  c.strokeRect(box.left - 4, box.top - 4, box.right - box.left + 8, box.bottom - box.top + 8); c.restore();
}});
window.addEventListener("message", function(event) {{
  if (event.source !== window.parent || !event.data || event.data.sightline !== "pick") return;
  network.marked = nodes.get(event.data.node) ? event.data.node : null;
  network.redraw();
}});"""


def _frame(ink: str, isolated: bool) -> str:
    """Styles and the legend: fixed words and the palette alone."""
    entries = "".join(f"<li>{_sample(kind)} <span>{html.escape(MEANINGS[kind])}</span></li>" for kind in CAUSAL_EDGES)
    alone = "<p>Nothing is connected to the target.</p>" if isolated else ""
    return (
        f"<style>body{{margin:0;color:{ink};font:13px sans-serif;background:transparent}}"
        ".card,#mynetwork{border:0!important;background:transparent!important}center{display:none}"
        "ul.legend{display:flex;flex-wrap:wrap;gap:2px 18px;list-style:none;margin:4px 8px;padding:0}"
        "ul.legend svg{vertical-align:middle}p{margin:4px 8px}"
        f"div.vis-tooltip{{background:#fff;color:{INK_ON_LIGHT};border:1px solid {NEUTRAL};border-radius:4px;"
        "padding:4px 8px;"
        "font:13px sans-serif;white-space:pre-wrap;max-width:320px;position:absolute;pointer-events:none;z-index:5}"
        f"</style>{alone}<ul class='legend'>{entries}</ul>"
    )


def _sample(kind: str) -> str:
    color, (left, right) = CAUSAL_EDGES[kind], (kind[0], kind[-1])
    shapes = [f"<line x1='8' y1='8' x2='36' y2='8' stroke='{color}' stroke-width='2'/>"]
    for mark, x, sign in ((left, 6, -1), (right, 38, 1)):
        if mark == "o":
            shapes.append(f"<circle cx='{x - sign * 1}' cy='8' r='4' fill='white' stroke='{color}' stroke-width='2'/>")
        elif mark in "<>":
            shapes.append(f"<path d='M{x + 4 * sign} 8 l{-9 * sign} -5 v10 z' fill='{color}'/>")
    return f"<svg width='44' height='16' role='img' aria-label='{html.escape(kind)}'>{''.join(shapes)}</svg>"


def _offline(page: str, script: str, frame: str) -> str:
    """pyvis' page without what it would fetch. Raises ValueError where pyvis' page is not the one known here."""
    page = _TAGS.sub("", page)
    if page.count(_HOOK) != 1 or page.count("<body>") != 1 or page.count("<head>") != 1:
        raise ValueError("this version of pyvis writes another page; its template must be looked at again")
    page = page.replace("<head>", f"<head>{_POLICY}", 1)
    page = page.replace("<body>", f"<body>{frame}", 1)
    return page.replace(_HOOK, script, 1)
