"""A circuit in figures: its curve beside the controls, its edges as lines, and in sentences."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from ..mechanisms.results import Curve as Series
from ..mechanisms.results import Curves, Row
from .circuit import Circuit

BY_SCORE, RANDOM = "edges by score", "random edges, mean"


def curves_of(circuit: Circuit) -> Curves:
    """The faithfulness over the share of edges kept: by score, by other rankings of heads, and of random orders."""
    at = circuit.curve.shares
    series = [Series(BY_SCORE, at, circuit.curve.faithfulness)]
    series += [Series(name, at, curve.faithfulness, control=True) for name, curve in circuit.rankings.items()]
    if circuit.random:
        drawn = np.stack([curve.faithfulness for curve in circuit.random])
        series.append(Series(RANDOM, at, drawn.mean(0), drawn.min(0), drawn.max(0), control=True))
    return Curves(
        "Share of the effect that the first edges carry",
        series,
        "share of edges kept",
        "share of the effect",
        f"least and most of {len(circuit.random)} draws",
    )


def areas_of(circuit: Circuit) -> dict[str, tuple[float, float]]:
    """CPR and CMD by what orders the edges; of random orders the means."""
    areas = {BY_SCORE: (circuit.curve.cpr, circuit.curve.cmd)}
    areas |= {name: (curve.cpr, curve.cmd) for name, curve in circuit.rankings.items()}
    if circuit.random:
        cprs, cmds = zip(*((curve.cpr, curve.cmd) for curve in circuit.random), strict=True)
        areas[RANDOM] = float(np.mean(cprs)), float(np.mean(cmds))
    return areas


def kept_edges(circuit: Circuit) -> Int[np.ndarray, "edge 2"]:
    """Sender and receiver of every edge of the circuit, largest scores first."""
    edges = np.argwhere(circuit.kept)
    order = np.argsort(-np.abs(circuit.scores[circuit.kept]), kind="stable")
    ordered: Int[np.ndarray, "edge 2"] = edges[order]
    return ordered


def rows_of(circuit: Circuit) -> list[Row]:
    """A line for every edge over which something can pass, largest scores first, with whether the circuit has it."""
    graph = circuit.graph
    edges = np.argwhere(circuit.edges)
    order = np.argsort(-np.abs(circuit.scores[circuit.edges]), kind="stable")
    return [
        {
            "from": graph.sending[sender].name,
            "to": graph.receiving[receiver].name,
            "score": float(circuit.scores[sender, receiver]),
            "kept": bool(circuit.kept[sender, receiver]),
        }
        for sender, receiver in edges[order].tolist()
    ]


def sentence_of(circuit: Circuit) -> str:
    """What the circuit is, and how it does beside its controls, in two sentences."""
    kept, every = int(circuit.kept.sum()), int(circuit.edges.sum())
    source = circuit.graph.source("image")
    of_picture = "" if source is None else f", {int(circuit.kept[source].sum())} of them from the picture,"
    areas = areas_of(circuit)
    beside = "; ".join(f"{name}: {cpr:.2f} and {cmd:.2f}" for name, (cpr, cmd) in areas.items())
    return (
        f"{kept:,} of {every:,} edges{of_picture} carry {circuit.faithfulness:.0%} of an effect of "
        f"{circuit.effect:.2f} nats when all others are interchanged. CPR (more is better) and CMD (less is better) of "
        f"{beside}."
    )
