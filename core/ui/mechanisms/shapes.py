"""The figures of a mechanism, each drawn as its shape says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from ...answer import Answer, Explanation, Head
from ...attention.rows import rows_among
from ...attention.words import where
from ...charts.curves import Measured, series_curves
from ...charts.heads import head_name
from ...charts.tokens import visible
from ...mechanisms.registry import mechanisms
from ...mechanisms.results import Curve, Curves, HeadValues, LayerTexts, LayerValues, PositionValues, Shape
from ...mechanisms.run import Measurement, record
from ...runs.kinds import MEASUREMENT
from ...statistics.estimate import Estimate
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.evidence.badges import evidence_badges
from ..widgets.evidence.view import EvidenceView, Mapped
from ..widgets.head_figures import PICTURE
from ..widgets.kept_rows import rows_held
from ..widgets.map_downloads import file_name
from ..widgets.places import why_no_places
from ..widgets.scripts import Made
from . import position_map
from .figured_heads import figured_heads
from .layer_shapes import layer_texts, layer_values
from .position_map import coloured_words, image_scale, picture_map, save_map, sums
from .saving import save
from .view import MechanismsView
from .written import ranking

CURVES, CURVES_COLUMN = 480, 560


def draw_shape(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, measurement: Measurement, shape: Shape, key: str
) -> Mapped | None:
    """A figure under its title, with its file; returns the map that can be tested, where it is one."""
    st.markdown(f"**{escaped(visible(shape.title))}**")
    match shape:
        case HeadValues():
            _head_values(workspace, model, answer, measurement, shape, key)
        case PositionValues():
            return _position_values(workspace, answer, measurement, shape, key)
        case LayerValues():
            layer_values(workspace, answer, shape, key)
        case LayerTexts():
            layer_texts(workspace, answer, measurement.target, shape, key)
        case Curves():
            _curves(shape, key)
    name = file_name(measurement.mechanism, shape.title)
    settings = {**record(answer, measurement), "figure": shape.title}
    save(answer, settings, partial(shape.rows, answer), name, key, made=Made(MEASUREMENT, measurement))
    return None


def _head_values(
    workspace: Workspace,
    model: VisionLanguageModel,
    answer: Answer,
    measurement: Measurement,
    shape: HeadValues,
    key: str,
) -> None:
    """The heads, and where the chosen one looks while the target is predicted."""
    view = workspace.view(MechanismsView)
    order = ranking(shape.values) or ranking(np.zeros_like(shape.values))
    chosen = view.chosen(order[0], *shape.values.shape)
    looks = partial(_looks, workspace, model, answer, measurement.target.tokens, chosen, key)
    figured_heads(
        shape.values,
        order,
        chosen,
        name=f"{shape.title.lower()} ({shape.unit})",
        choose=view.choose,
        keys=(f"{key}_heads", f"{key}_ranked"),
        signed=shape.signed,
        picture=looks if answer.attention is not None and answer.layout.views else None,
    )
    colours = " Purple: above zero, orange: below." if shape.signed else ""
    st.caption(
        f"In {escaped(shape.unit)}. Layers and heads count from 0; click a cell or a bar (now: "
        f"{head_name(chosen)}, {shape.values[chosen]:.4g}, place {order.index(chosen) + 1} of {len(order)})."
        f"{colours}"
    )


def _looks(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, tokens: Sequence[int], head: Head, key: str
) -> None:
    held = rows_held(workspace.view(MechanismsView), model, answer, tokens)
    if held is None:
        return
    looks = where(rows_among(held, [token for token in tokens if token in held.tokens]), head)
    scale = image_scale(answer, looks, signed=False, faintest=0.0)
    description = f"where {head_name(head)} looks"
    picture_map(workspace, answer, looks, scale, label="attention", description=description, key=key, size=PICTURE)
    st.caption(
        f"Where {head_name(head)} looks while the target is predicted: {looks[_image_tokens(answer)].sum():.1%} of its "
        "attention lies on image tokens."
    )


def _image_tokens(answer: Answer) -> list[int]:
    return [position for view in answer.layout.views for position in view.positions]


def _position_values(
    workspace: Workspace, answer: Answer, measurement: Measurement, shape: PositionValues, key: str
) -> Mapped | None:
    """The map and the words; the map for its test, where it is one that can be tested."""
    explanation = Explanation(
        scores=torch.from_numpy(shape.values.astype(np.float32)),
        target=measurement.target,
        # No explainer's key: a test that makes maps anew knows those alone.
        method=f"mechanism_{measurement.mechanism}",
        settings={**measurement.settings, "figure": shape.title},
        seconds=measurement.seconds,
        peak_bytes=measurement.peak_bytes,
        complete=measurement.result.complete,
    )
    scale = image_scale(answer, shape.values, signed=shape.signed, faintest=0.0)
    if answer.layout.views:
        with st.container(width=position_map.WIDTH):
            description = f"{shape.title} of every patch"
            picture_map(workspace, answer, shape.values, scale, label=shape.unit, description=description, key=key)
    else:
        st.info(
            f"{why_no_places(answer)}, so there is no map. The sums and the words still hold.",
            icon=":material/grid_off:",
        )
    st.caption(f"In {escaped(shape.unit)}. {sums(answer, measurement.target, shape.values)}")
    if shape.testable:
        evidence_badges(workspace.view(EvidenceView), answer, explanation)
    coloured_words(
        answer,
        measurement.target,
        shape.values,
        unit=escaped(shape.unit),
        description=f"words coloured by {shape.title}",
        key=key,
        signed=shape.signed,
        faintest=0.0,
    )
    mechanism = mechanisms()[measurement.mechanism]
    title = f"{mechanism.name}: {shape.title}"
    save_map(
        answer, explanation, scale, 0.6, title, mechanism.caveat, shape.title, f"{key}_save", workspace.shown_image
    )
    return Mapped(visible(shape.title), explanation) if shape.testable else None


def _curves(shape: Curves, key: str) -> None:
    names = {curve: visible(curve.name) for curve in shape.curves}
    series = {names[curve]: _points(curve) for curve in shape.curves}
    if not any(np.isfinite(curve.values).any() for curve in shape.curves):
        st.caption("This was stopped before there was a point to draw.")
        return
    chart = series_curves(
        series,
        title=shape.unit,
        axis=shape.axis,
        controls=[names[curve] for curve in shape.curves if curve.control],
        interval=shape.interval,
        width=CURVES,
    )
    with st.container(width=CURVES_COLUMN):
        st.altair_chart(chart, width="content", key=f"{key}_curves", alt=f"{shape.title}, by {shape.axis}")
        controls = " Dashed: what to compare with." if any(curve.control for curve in shape.curves) else ""
        known = any(curve.low is not None for curve in shape.curves)
        bars = f" Bars: {escaped(shape.interval)}." if known else ""
        st.caption(f"In {escaped(shape.unit)}.{controls}{bars}")


def _points(curve: Curve) -> list[Measured]:
    """The points of a curve; one without an interval has ends that are not known."""
    unknown: Float[np.ndarray, "place"] = np.full(len(curve.at), np.nan)
    low, high = (unknown if ends is None else ends for ends in (curve.low, curve.high))
    return [
        Measured(float(at), Estimate(float(value), float(least), float(most), 0))
        for at, value, least, most in zip(curve.at, curve.values, low, high, strict=True)
    ]
