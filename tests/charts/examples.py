"""Every figure of `core.charts` in the states in which it can first be drawn: as usual, with something chosen or
outlined from the start, with one row, and with layers that have none."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module

import altair as alt
import numpy as np
from PIL import Image

import core.charts
from core.answer import PatchView, TokenKind, TokenLayout
from core.causal.explanation import explain_node
from core.causal.pag import Pag
from core.charts import effects, evidence, intervals, league
from core.charts.agreed import agreed_chart
from core.charts.agreement import agreement_matrix
from core.charts.circuit import Spot, along, circuit_chart
from core.charts.curves import Measured, WindowPoint, ranking_curve, series_curves, window_curves
from core.charts.dots import dot_chart
from core.charts.drawn import DrawnNode
from core.charts.explained import explained_image
from core.charts.explanation_tree import explanation_tree
from core.charts.heads import SmallImage, gallery, head_map, ranked_heads, word_bars, word_table
from core.charts.heatmap import Scale, heatmap
from core.charts.moments import moment_bars
from core.charts.phrasings import phrasing_matrix
from core.charts.readings import Reading, reading_grid, reading_table
from core.charts.seen import seen_chart
from core.charts.shares import layers_chart, shares_chart
from core.charts.tokens import aligned_chart, aligned_tokens, alternatives_chart
from core.charts.words import ScoredToken, words_chart
from core.maps.shares import Part, Share
from core.statistics.estimate import Estimate, computed

Chart = alt.LayerChart | alt.HConcatChart
NAN = float("nan")
IMAGE = Image.new("RGB", (30, 20), "#884422")


def layout(*views: PatchView) -> TokenLayout:
    kinds = [TokenKind.IMAGE] * sum(len(view.positions) for view in views)
    return TokenLayout((TokenKind.SPECIAL, *kinds, TokenKind.TEXT), views, ((30, 20),))


WHOLE = layout(PatchView(0, "picture", 2, 3, (0, 0, 30, 20), (1, 2, 3, 4, 5, 6)))
ONE = layout(PatchView(0, "picture", 1, 1, (0, 0, 30, 20), (1,)))
TILES = layout(
    PatchView(0, "tile", 2, 2, (0, 0, 30, 20), (1, 2, 3, 4)), PatchView(0, "overview", 1, 1, (0, 0, 30, 20), (5,))
)
CROP = layout(PatchView(0, "crop", 1, 2, (5, 0, 25, 20), (1, 2)))
SIDE = 21
MANY = layout(PatchView(0, "picture", SIDE, SIDE, (0, 0, 30, 20), tuple(range(1, SIDE**2 + 1))))
"""More patches than have marks of their own."""
MANY_SCORES = np.arange(len(MANY), dtype=float)
SCORES = np.arange(8, dtype=float)
SOME = np.where(SCORES == 3, np.nan, SCORES)
SIGNED = Scale(-1, 1, signed=True)


def heat_maps() -> dict[str, Chart]:
    return {
        "plain": heatmap([IMAGE], WHOLE, SCORES),
        "picked": heatmap([IMAGE], WHOLE, SCORES, selected=(2,)),
        "picked and clickable, some not looked at": heatmap([IMAGE], WHOLE, SOME, selected=(2,), click="patch"),
        "nothing looked at": heatmap([IMAGE], WHOLE, np.full(8, np.nan), selected=(2,), click="patch"),
        "one patch": heatmap([IMAGE], ONE, SCORES[:3], selected=(1,)),
        "tiles": heatmap([IMAGE], TILES, SCORES[:7], selected=(1, 5), click="patch"),
        "a crop": heatmap([IMAGE], CROP, SCORES[:4], click="patch"),
        "many patches": heatmap([IMAGE], MANY, MANY_SCORES, selected=(2,), click="patch"),
        "many patches, some not looked at": heatmap([IMAGE], MANY, np.where(MANY_SCORES > 9, MANY_SCORES, np.nan)),
        "many patches to look closer at": heatmap([IMAGE], MANY, MANY_SCORES, zoom=True),
    }


def seen_pictures() -> dict[str, Chart]:
    return {
        "whole": seen_chart([IMAGE], WHOLE, 0, 200),
        "tiles": seen_chart([IMAGE], TILES, 0, 200),
        "a crop": seen_chart([IMAGE], CROP, 0, 200),
    }


def head_maps() -> dict[str, Chart]:
    figures = np.array([[0.1, 0.2, 0.3], [0.4, np.nan, 0.6]])
    return {
        "plain": head_map(figures, name="x"),
        "chosen": head_map(figures, name="x", share=True, chosen=(0, 1), click="cell"),
        "marked": head_map(figures - 0.3, name="x", signed=True, marked=((0, 1), (1, 1))),
        "no figure": head_map(np.full((2, 2), np.nan), name="x", chosen=(0, 0), click="cell"),
        "one head": head_map(figures[:1, :1], name="x", chosen=(0, 0)),
        "many heads": head_map(np.eye(SIDE), name="x", chosen=(0, 1), click="cell"),
    }


def ranked() -> dict[str, Chart]:
    return {
        "plain": ranked_heads([((0, 1), 0.5), ((1, 0), -0.2)], name="x"),
        "chosen": ranked_heads([((0, 1), 0.5), ((1, 0), 0.2)], name="x", share=True, chosen=(1, 0), click="bar"),
        "one head": ranked_heads([((0, 1), 0.5)], name="x", chosen=(0, 1)),
        "no head": ranked_heads([], name="x", click="bar"),
    }


def small_images() -> dict[str, Chart]:
    images = [SmallImage(IMAGE, f"head {head}", (0, head)) for head in range(3)]
    return {
        "plain": gallery(images, width=150),
        "chosen": gallery(images, width=150, chosen=(0, 1), click="small"),
        "one picture": gallery(images[:1], width=150, chosen=(0, 0)),
    }


def word_tables() -> dict[str, Chart]:
    values = np.array([[0.1, 0.9], [np.nan, 0.4]])
    return {
        "plain": word_table(["a", "b"], ["c", "d"], values, looked_at="x"),
        "marked": word_table(["a", "a"], ["c", "c"], values, looked_at="x", marked={1}, click="word"),
        "small": word_table(["a", "b"], ["c", "d"], values, looked_at="x", cell=12),
        "no figure": word_table(["a"], ["c"], np.full((1, 1), np.nan), looked_at="x", click="word"),
    }


def bars_of_words() -> dict[str, Chart]:
    return {
        "plain": word_bars(["a", "b"], np.array([0.1, np.nan]), title="x"),
        "one word": word_bars(["a"], np.array([0.1]), title="x"),
        "no figure": word_bars(["a"], np.array([np.nan]), title="x"),
    }


def agreements() -> dict[str, Chart]:
    table = np.array([[1.0, -0.25], [-0.25, np.nan]])
    return {
        "plain": agreement_matrix(["a", "b"], table, SIGNED, title="x"),
        "one map": agreement_matrix(["a"], table[:1, :1], SIGNED, title="x"),
        "no figure": agreement_matrix(["a"], table[1:, 1:], SIGNED, title="x"),
    }


def windows() -> dict[str, Chart]:
    curves = {
        "image → last": [WindowPoint(0, 2, -1.5, "no"), WindowPoint(1, 3, -0.5, "yes")],
        "question → last": [WindowPoint(0, 2, NAN, "no")],
    }
    return {
        "plain": window_curves(curves, layers=6),
        "chosen": window_curves(curves, layers=6, chosen=("image → last", 0), click="point"),
        "one point": window_curves({"a": [WindowPoint(0, 0, 0.0, "")]}, layers=1, chosen=("a", 0), click="point"),
    }


def rankings() -> dict[str, Chart]:
    random = np.array([[-0.1, -0.3], [-0.3, -0.5]])
    return {
        "plain": ranking_curve([1, 2], np.array([-1.0, -2.0]), random, name="x"),
        "one number": ranking_curve([1], np.array([-1.0]), random[:1, :1], name="x"),
    }


def series() -> dict[str, Chart]:
    points = [Measured(1, Estimate(0.5, 0.4, 0.6, 9)), Measured(2, Estimate(0.6, 0.5, 0.7, 9))]
    bare = [Measured(1, computed(0.5, "nats")), Measured(2, computed(0.6, "nats"))]
    return {
        "with a control": series_curves({"a": points, "b": points}, title="x", axis="layer", controls=["b"]),
        "without intervals": series_curves({"a": bare}, title="x", axis="layer"),
        "some with intervals": series_curves(
            {"a": bare, "b": points}, title="x", axis="layer", interval="least to most"
        ),
        "one point": series_curves({"a": points[:1], "b": []}, title="x", axis="layer"),
    }


DOT, NO_DOT = (
    intervals.Dot("a", Estimate(0.5, 0.4, 0.6, 9), "50 %"),
    intervals.Dot("b", Estimate(NAN, NAN, NAN, 9), "no case"),
)


def dots() -> dict[str, Chart]:
    return {
        "with a control": dot_chart([DOT, DOT, NO_DOT], title="x", controls=[1], domain=(0, 1)),
        "one figure": dot_chart([DOT], title="x"),
        "no figure": dot_chart([NO_DOT], title="x"),
    }


def with_intervals() -> dict[str, Chart]:
    below = intervals.Dot("c", Estimate(-0.5, -0.6, -0.4, 9), "-50 %")
    pairs = [intervals.Pair("one", DOT, below), intervals.Pair("two", NO_DOT, DOT)]
    return {
        "with a control": intervals.interval_chart(pairs, title="x"),
        "one figure": intervals.interval_chart([intervals.Pair("one", DOT)], title="x", domain=(0, 1)),
        "no figure": intervals.interval_chart([intervals.Pair("one", NO_DOT)], title="x"),
    }


def effect_maps() -> dict[str, Chart]:
    some = np.array([[0.5, np.nan, -0.25], [0.0, 0.1, 0.2]])
    return {
        "plain": effects.effect_map(["image", "last"], np.nan_to_num(some)),
        "chosen": effects.effect_map(["image", "last"], some, np.full((2, 3), 0.05), chosen=2, click="layer"),
        "no figure": effects.effect_map(["image"], np.full((1, 2), np.nan), chosen=1, click="layer"),
        "one cell": effects.effect_map(["image"], np.ones((1, 1)), chosen=0),
        "some layers": effects.effect_map(
            ["image"], np.ones((1, 2)), layers=[3, 9], what="probability", at="place", over="draws", signed=False
        ),
    }


def summands() -> dict[str, Chart]:
    shares = [effects.Share("embedding", "embedding", 0.1), effects.Share("0", "heads", -1.0)]
    return {
        "plain": effects.summand_bars(shares, title="x"),
        "one summand": effects.summand_bars(shares[:1], title="x"),
    }


def probabilities() -> dict[str, Chart]:
    shares, values = np.array([0.0, 0.5, 1.0]), np.array([0.9, 0.4, 0.1])
    tested, random = evidence.Line("map", shares, values), evidence.Line("random", shares, values, values, values + 0.1)
    nothing = evidence.Line("map", shares, np.full(3, np.nan))
    return {
        "with a control": evidence.probability_curves({"removed": [tested, random], "left": [tested, random]}),
        "one panel without a point": evidence.probability_curves({"removed": [tested], "left": [nothing]}),
        "one point": evidence.probability_curves({"removed": [evidence.Line("map", shares[:1], values[:1])]}),
    }


def randomisation() -> dict[str, Chart]:
    return {
        "two maps": evidence.randomisation_curves(["head", "layer 1"], {"a": [0.4, NAN], "b": [0.9, 0.2]}),
        "one map": evidence.randomisation_curves(["head"], {"a": [0.4]}),
        "no figure": evidence.randomisation_curves(["head"], {"a": [NAN]}),
    }


def explained() -> dict[str, Chart]:
    distances = {1: 1, 2: 2, 3: 5}
    return {
        "plain": explained_image([IMAGE], WHOLE, distances, 2),
        "picked": explained_image([IMAGE], WHOLE, distances, 2, others=(6,), picked=1, click="patch"),
        "nothing explained": explained_image([IMAGE], WHOLE, {}, 1, picked=1, click="patch"),
        "all explained": explained_image([IMAGE], ONE, {1: 1}, 1, picked=1),
        "many patches": explained_image([IMAGE], MANY, distances, 2, others=(6,), picked=1, click="patch"),
    }


def trees() -> dict[str, Chart]:
    graph, alone = Pag.parse(4, ["0 o-> 3", "1 <-> 3", "2 --> 1"]), Pag.parse(3, ["0 o-> 1"])
    nodes = [DrawnNode("a"), DrawnNode("b", IMAGE), DrawnNode("c"), DrawnNode("d")]
    connected, isolated = explain_node(graph, 3), explain_node(alone, 2)
    return {
        "plain": explanation_tree(graph, connected, nodes),
        "picked": explanation_tree(graph, connected, nodes, radius=1, picked=1, click="node"),
        "isolated": explanation_tree(alone, isolated, nodes[:3], picked=2, click="node"),
    }


def leagues() -> dict[str, Chart]:
    control = league.Entry("random", Estimate(0.6, 0.5, 0.7, 9), None)
    methods = [league.Entry(f"method {number}", Estimate(0.4, 0.3, 0.5, 9), 0.05, number == 0) for number in range(4)]
    return {
        "with a control": league.league_chart([*methods, control], metric="x", quick=2),
        "one method": league.league_chart(methods[:1], metric="x", quick=2),
    }


def phrasings() -> dict[str, Chart]:
    return {
        "plain": phrasing_matrix(["yes", "no"], ["a?", "b?"], np.array([[0.9, 0.1], [0.2, 0.8]])),
        "many": phrasing_matrix(["yes"], [f"{number}?" for number in range(6)], np.full((1, 6), 0.5)),
        "one": phrasing_matrix(["yes"], ["a?"], np.ones((1, 1))),
    }


READING = Reading((" yes", "no"), (0.7, 0.2))
UNSURE = Reading(("a", "b"), (0.1, 0.05))


def grids_of_readings() -> dict[str, Chart]:
    readings, many = dict.fromkeys(range(1, 7), READING), dict.fromkeys(range(1, SIDE**2 + 1), READING)
    return {
        "plain": reading_grid([IMAGE], WHOLE, readings, size=300),
        "one outlined": reading_grid([IMAGE], WHOLE, readings, size=300, marked=(3,)),
        "all outlined": reading_grid([IMAGE], WHOLE, readings, size=300, marked=tuple(readings)),
        "one patch": reading_grid([IMAGE], ONE, readings, size=300, marked=(1,)),
        "tiles": reading_grid([IMAGE], TILES, readings, size=300, marked=(1, 5)),
        "many patches": reading_grid([IMAGE], MANY, many, size=300, marked=(1, 5), picked=1, click="patch"),
        "many patches to look closer at": reading_grid([IMAGE], MANY, many, size=300, zoom=True),
        "many patches that say nothing": reading_grid([IMAGE], MANY, dict.fromkeys(many, UNSURE), size=300),
    }


def tables_of_readings() -> dict[str, Chart]:
    return {
        "plain": reading_table(["a", "a"], [0, 4], [[READING] * 2] * 2),
        "outlined": reading_table(["a", "b"], [0, 4], [[READING] * 2] * 2, marked={1}, first={1: 4}),
        "one word": reading_table(["a"], [0], [[READING]], marked={0}, first={0: 0}, legend=False),
    }


IMAGE_SHARE, AGAINST = Share(Part.IMAGE, 4, 1.0, 0.0, 0.5), Share(Part.QUESTION, 2, 0.5, -0.5, 0.5)


def shares_of_parts() -> dict[str, Chart]:
    return {
        "two maps": shares_chart({"a": [IMAGE_SHARE, AGAINST], "b": [IMAGE_SHARE, AGAINST]}),
        "one part": shares_chart({"a": [IMAGE_SHARE]}),
    }


def layers_of_parts() -> dict[str, Chart]:
    sums = {Part.IMAGE: np.array([1.0, 2.0]), Part.QUESTION: np.array([0.5, -0.5])}
    return {
        "plain": layers_chart(sums),
        "chosen": layers_chart(sums, chosen=1),
        "one layer": layers_chart({Part.IMAGE: np.ones(1)}, chosen=0),
    }


def moments() -> dict[str, Chart]:
    names, times = ["frame 1 (0.0 s)", "frame 2 (1.0 s)"], ["0.0", "1.0"]
    return {
        "shares": moment_bars([0.25, 0.75], names, times, title="x", share=True, chosen=1, click="moment"),
        "changes": moment_bars([-0.5, 0.1], names, times, title="x", click="moment"),
        "stopped": moment_bars([-0.5], names, times, title="x", click="moment"),
        "nothing": moment_bars([], names, times, title="x", click="moment"),
    }


def alternatives() -> dict[str, Chart]:
    return {
        "plain": alternatives_chart(["a", "b"], [-0.1, -2.0], 0),
        "as far as the bars go": alternatives_chart(["a", "b"], [-4.1, -6.0], None, whole=False),
        "one token": alternatives_chart(["a"], [-4.1], 0, whole=False),
    }


def aligned() -> dict[str, Chart]:
    return {
        "two answers": aligned_chart(aligned_tokens(["a", "b", "c"], ["a", "d"], [0.1, -2.0, 0.0]), 400),
        "one answer": aligned_chart(aligned_tokens(["a"], ["a"], [0.0]), 400),
        "no other answer": aligned_chart(aligned_tokens(["a"], [], [-1.0]), 400),
        "in lines": aligned_chart(aligned_tokens(["a"] * 9, ["b"] * 9, [0.1] * 9), 200),
    }


def words() -> dict[str, Chart]:
    scored, plain = ScoredToken("a", 0.5, "question"), ScoredToken("b", None, "question")
    target, also = ScoredToken("c", 0.5, "answer", target=True), ScoredToken("d", None, "answer", target=True)
    return {
        "plain": words_chart([scored, plain], 300, Scale(0, 1)),
        "with a target": words_chart([scored, plain, target, also], 300, Scale(0, 1)),
        "one word with a score": words_chart([target], 300, SIGNED),
        "one word without": words_chart([also], 300, Scale(0, 1)),
    }


def agreed() -> dict[str, Chart]:
    return {
        "two kinds": agreed_chart(["L0 H1", "L0 MLP"], ["head", "mlp"], np.array([1.0, -2.0]), np.array([1.5, 1.0])),
        "one part": agreed_chart(["L0 H1"], ["head"], np.array([1.0]), np.array([1.5])),
        "nothing moves": agreed_chart(["L0 H1"], ["head"], np.zeros(1), np.zeros(1)),
    }


def circuits() -> dict[str, Chart]:
    spots = {
        "picture": Spot("picture", -1, along(0, 2), "source", 0),
        "L0 H7": Spot("L0 H7", 0, along(7, 9), "head", 7),
        "logits": Spot("logits", 1, 0.5, "logits", -1),
    }
    edges = [("picture", "L0 H7", 2.0), ("L0 H7", "logits", -1.0)]
    return {
        "plain": circuit_chart(spots, edges, layers=1),
        "with a part chosen": circuit_chart(spots, edges, layers=1, chosen="L0 H7", click="part"),
        "one edge": circuit_chart(spots, edges[:1], layers=1, click="part"),
        "no effect": circuit_chart(spots, [("picture", "logits", 0.0)], layers=1),
    }


EXAMPLES: Mapping[str, Callable[[], Mapping[str, Chart]]] = {
    "agreed_chart": agreed,
    "agreement_matrix": agreements,
    "aligned_chart": aligned,
    "alternatives_chart": alternatives,
    "circuit_chart": circuits,
    "dot_chart": dots,
    "effect_map": effect_maps,
    "explained_image": explained,
    "explanation_tree": trees,
    "randomisation_curves": randomisation,
    "gallery": small_images,
    "head_map": head_maps,
    "heatmap": heat_maps,
    "interval_chart": with_intervals,
    "moment_bars": moments,
    "layers_chart": layers_of_parts,
    "league_chart": leagues,
    "phrasing_matrix": phrasings,
    "probability_curves": probabilities,
    "ranked_heads": ranked,
    "ranking_curve": rankings,
    "reading_grid": grids_of_readings,
    "reading_table": tables_of_readings,
    "seen_chart": seen_pictures,
    "series_curves": series,
    "shares_chart": shares_of_parts,
    "summand_bars": summands,
    "window_curves": windows,
    "word_bars": bars_of_words,
    "word_table": word_tables,
    "words_chart": words,
}
"""Makes charts by what is special about them, for the name of each function that draws some."""


def drawing_functions() -> set[str]:
    """The names of all functions of `core.charts` that draw a chart; `figure` only puts layers together."""
    names = set()
    for info in pkgutil.iter_modules(core.charts.__path__, f"{core.charts.__name__}."):
        module = import_module(info.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_") or name == "figure":
                continue
            drawn = inspect.signature(function, eval_str=True).return_annotation
            if inspect.isclass(drawn) and issubclass(drawn, alt.TopLevelMixin):
                names.add(name)
    return names
