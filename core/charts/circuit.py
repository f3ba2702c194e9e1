"""A circuit as layers of parts with the edges between them: embeddings at the bottom, the logits on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt
import pandas as pd

from .figure import Figure, figure
from .palette import CHOSEN, DIFFERENT, NEUTRAL, PICKED

MOST_EDGES = 120
"""Edges that are drawn, the strongest first; more are a tangle, and stand in the file."""
WIDTH, ROW, LEAST_HEIGHT = 480, 46, 260
MOST_NAMED = 40
"""Parts up to which each has its name beside it; of more only tokens and logits have."""


@dataclass(frozen=True)
class Spot:
    """A part as it is drawn: its `name`, its `layer` (-1: embeddings), how far along it stands (0 to 1), and the entry
    that a click on it has."""

    name: str
    layer: int
    along: float
    kind: str
    number: int


def circuit_chart(
    spots: Mapping[str, Spot],
    edges: Sequence[tuple[str, str, float]],
    *,
    layers: int,
    chosen: str | None = None,
    click: str | None = None,
    width: int = WIDTH,
) -> Figure:
    """The parts that `edges` (names of sender and receiver, and a score in nats) stand between, each edge as a line
    whose width is its score's share of the largest, blue where it speaks for the target and dashed where against it.
    Only the first `MOST_EDGES` are drawn. The `chosen` part is ringed; with `click`, clicks toggle an entry with a
    "part". Raises ValueError without edges.
    """
    if not edges:
        raise ValueError("there is no edge to draw")
    drawn = list(edges[:MOST_EDGES])
    largest = max(abs(score) for _, _, score in drawn) or 1.0
    lines = pd.DataFrame(
        [
            {
                "x": spots[one].along,
                "y": spots[one].layer + _lift(spots[one]),
                "x2": spots[other].along,
                "y2": spots[other].layer + _lift(spots[other]),
                "edge": f"{one} → {other}",
                "score": score,
                "strength": abs(score) / largest,
                "sign": "for" if score >= 0 else "against",
            }
            for one, other, score in drawn
        ]
    )
    there = list(dict.fromkeys(name for one, other, _ in drawn for name in (one, other)))
    points = pd.DataFrame(
        [
            {
                "part": name,
                "x": spots[name].along,
                "y": spots[name].layer + _lift(spots[name]),
                "kind": spots[name].kind,
                "on": name == chosen,
                "edges": sum(name in (one, other) for one, other, _ in drawn),
            }
            for name in there
        ]
    )
    named = alt.Axis(
        values=list(range(-1, layers + 1)),
        labelExpr=f"datum.value < 0 ? 'tokens' : datum.value == {layers} ? 'logits' : 'layer ' + datum.value",
        grid=False,
        ticks=False,
        domain=False,
        labelOverlap="greedy",
        title=None,
    )
    x = alt.X("x:Q", scale=alt.Scale(domain=[-0.04, 1.04]), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[-1.4, layers + 0.5], nice=False), axis=named)
    signs = alt.Scale(domain=["for", "against"], range=[CHOSEN, DIFFERENT])
    tips = [alt.Tooltip("edge:N"), alt.Tooltip("score:Q", format="+.3f", title="score (nats)")]
    legend = alt.Legend(title=None, orient="bottom", symbolType="stroke", symbolOpacity=1)
    rule = (
        alt.Chart(lines)
        .mark_rule()
        .encode(
            x=x,
            y=y,
            x2="x2:Q",
            y2="y2:Q",
            color=alt.Color("sign:N", scale=signs, legend=legend),
            strokeWidth=alt.StrokeWidth("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0.6, 5]), legend=None),
            strokeDash=alt.condition("datum.sign == 'against'", alt.value([4, 3]), alt.value([1, 0])),
            opacity=alt.value(0.55),
            tooltip=tips,
        )
    )
    cursor: Literal["pointer", "default"] = "pointer" if click else "default"
    shapes = alt.Scale(domain=["source", "head", "mlp", "logits"], range=["square", "circle", "diamond", "square"])
    dots = (
        alt.Chart(points)
        .mark_point(filled=True, size=150, opacity=1, cursor=cursor)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("kind:N", scale=shapes, legend=None),
            color=alt.value(NEUTRAL),
            stroke=alt.condition("datum.on", alt.value(PICKED), alt.value("transparent")),
            strokeWidth=alt.value(3),
            tooltip=[alt.Tooltip("part:N"), alt.Tooltip("edges:Q", title="edges drawn")],
        )
    )
    named_parts = points if len(points) <= MOST_NAMED else points[points["kind"].isin(["source", "logits"])]
    labels = (
        alt.Chart(named_parts)
        .mark_text(dy=16, fontSize=11, color=NEUTRAL, tooltip=None)
        .encode(x=x, y=y, text="part:N")
    )
    if click:
        dots = dots.add_params(alt.selection_point(name=click, fields=["part"], on="click", toggle="true", empty=False))
    height = max(LEAST_HEIGHT, ROW * (layers + 2))
    return figure([rule, dots, labels], width, height)


def _lift(spot: Spot) -> float:
    """An MLP stands a little above the heads of its layer, which it reads."""
    return 0.45 if spot.kind == "mlp" else 0.0


def along(number: int, count: int) -> float:
    """Where the `number`-th of so many parts of a row stands."""
    return (number + 0.5) / count
