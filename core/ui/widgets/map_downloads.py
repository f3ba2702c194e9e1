"""Take a map away: PNG and SVG as it is shown, CSV and NPZ with every number; each says how it came about."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Explanation
from ...charts.export import Legend, png_map, svg_map
from ...charts.heatmap import Scale
from ...explainers.registry import explainers
from ...geometry import picture_notes
from ...maps.files import csv_text, npz_bytes, record_json


def legend(answer: Answer, explanation: Explanation, named: str, scale: str) -> Legend:
    """What is written under a picture of a map of the target called `named`."""
    explainer = explainers()[explanation.method]
    settings = ", ".join(f"{name}={value}" for name, value in explanation.settings.items()) or "no settings"
    notes = (
        *asked_notes(answer),
        f"{settings}; {explanation.seconds:.2f} s; colours: {scale}",
        *((explanation.remark,) if explanation.remark else ()),
        explainer.caveat,
    )
    return Legend(f"{explainer.name}: {named}", notes, record_json(answer, [explanation]))


def asked_notes(answer: Answer) -> tuple[str, ...]:
    """What is written under every picture about an answer: what was asked and said, and what of the pictures the model
    did not see."""
    notes = picture_notes(answer.question.images, answer.layout)
    return (f"Question: {answer.question.text[:300]}", f"Answer: {answer.text[:300]}", *notes)


def map_downloads(
    answer: Answer,
    explanation: Explanation,
    named: str,
    values: Float[np.ndarray, "position"],
    scale: Scale,
    opacity: float,
    common: bool,
) -> None:
    """A popover with the four files of one map. They are made when they are asked for."""
    key = f"save_{explanation.method}"
    answer = explanation.about(answer)
    name = file_name(explanation.method, named)
    with st.popover("Save", icon=":material/download:", type="tertiary"):
        if answer.layout.views:
            under = legend(answer, explanation, named, "shares of the picture's score" if common else "scores")
            parts = (answer.question.images, answer.layout, values, scale, opacity, under)
            st.download_button(
                "Picture (PNG)", partial(png_map, *parts), f"{name}.png", "image/png", f"{key}_png", on_click="ignore"
            )
            st.download_button(
                "Picture with a value for every patch (SVG)",
                partial(svg_map, *parts),
                f"{name}.svg",
                "image/svg+xml",
                f"{key}_svg",
                on_click="ignore",
            )
        number_downloads(answer, (explanation,), name, key)


def number_downloads(answer: Answer, explanations: tuple[Explanation, ...], name: str, key: str) -> None:
    """The numbers of some maps of one answer, with the settings, as a table and as arrays."""
    table, arrays = partial(csv_text, answer, explanations), partial(npz_bytes, answer, explanations)
    st.download_button("Numbers (CSV)", table, f"{name}.csv", "text/csv", f"{key}_csv", on_click="ignore")
    st.download_button("Numbers (NPZ)", arrays, f"{name}.npz", "application/zip", f"{key}_npz", on_click="ignore")


def file_name(method: str, named: str) -> str:
    """A file name of letters and digits alone."""
    words = re.sub(r"[^0-9A-Za-z]+", "-", named).strip("-").lower()[:40].strip("-")
    return f"{method}-{words}" if words else method
