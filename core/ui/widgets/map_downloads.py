"""Take a map away: PNG and SVG as it is shown, CSV and NPZ with every number; each says how it came about."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from ...answer import Answer, Explanation, TokenLayout
from ...cases.known_cause.summary import caveat_of
from ...charts.export import Legend, png_map, svg_map
from ...charts.heatmap import Scale
from ...clips import Clip
from ...explainers.registry import explainers
from ...geometry import clip_of, frames_together, images_name, picture_notes, seconds
from ...maps.files import csv_text, npz_bytes, record_json

MOST_TIMES = 24
"""Frames whose times stand under a figure; the record has all."""


@dataclass(frozen=True)
class Drawn:
    """What an exported map is drawn over: all pictures of a question, or, where the one on screen is a frame of a
    video, that frame alone, which its title and its file then name."""

    only: tuple[int, ...] | None
    words: str

    def titled(self, title: str) -> str:
        return f"{title}, {self.words}" if self.words else title

    def named(self, name: str) -> str:
        """A file name of letters and digits alone."""
        return f"{name}-{plain(self.words)}" if self.words else name


def drawn_over(answer: Answer, image: int) -> Drawn:
    """What a map is drawn over where image number `image` is on screen."""
    if not answer.question.images or clip_of(answer.question, image) is None:
        return Drawn(None, "")
    return Drawn((image,), images_name(answer.question, frames_together(answer.layout, image)))


def legend(answer: Answer, explanation: Explanation, named: str, scale: str) -> Legend:
    """What is written under a picture of a map of the target called `named`."""
    explainer = explainers()[explanation.method]
    settings = ", ".join(f"{name}={value}" for name, value in explanation.settings.items()) or "no settings"
    notes = (
        *asked_notes(answer),
        f"{settings}; {explanation.seconds:.2f} s; colours: {scale}",
        *((explanation.remark,) if explanation.remark else ()),
        caveat_of(explainer),
    )
    return Legend(f"{explainer.name}: {named}", notes, record_json(answer, [explanation]))


def asked_notes(answer: Answer) -> tuple[str, ...]:
    """What is written under every picture about an answer: what was asked and said, and what of the pictures the model
    did not see."""
    question = answer.question
    notes = picture_notes(question.images, answer.layout, question.clips)
    return (
        f"Question: {question.text[:300]}",
        f"Answer: {answer.text[:300]}",
        *map(times_line, question.clips),
        *notes,
    )


def times_line(clip: Clip) -> str:
    """When the frames of a video are shown, for a line under a figure."""
    numbers, name = range(len(clip)), clip.name or "video"
    shown = ", ".join(
        f"frame {number + 1} at {seconds(clip, clip.first + number)} s" for number in numbers[:MOST_TIMES]
    )
    return f"{name[:100]}: {shown}{' …' if len(clip) > MOST_TIMES else ''}"


def map_downloads(
    answer: Answer,
    explanation: Explanation,
    named: str,
    values: Float[np.ndarray, "position"],
    scale: Scale,
    opacity: float,
    common: bool,
    image: int,
    key: str = "",
) -> None:
    """A popover with the four files of one map, where picture number `image` is on screen. They are made when they are
    asked for. Of several maps by one method on a page each needs a `key`."""
    key = f"save_{key or explanation.method}"
    answer = explanation.about(answer)
    name = file_name(explanation.method, named)
    with st.popover("Save", icon=":material/download:", type="tertiary"):
        if answer.layout.views:
            over = drawn_over(answer, image)
            under = legend(
                answer, explanation, over.titled(named), "shares of the picture's score" if common else "scores"
            )
            parts = (answer.question.images, answer.layout, values, scale, opacity, under, over.only)
            drawn = over.named(name)
            st.download_button(
                "Picture (PNG)", partial(png_map, *parts), f"{drawn}.png", "image/png", f"{key}_png", on_click="ignore"
            )
            st.download_button(
                "Picture with a value for every patch (SVG)",
                partial(svg_map, *parts),
                f"{drawn}.svg",
                "image/svg+xml",
                f"{key}_svg",
                on_click="ignore",
            )
        number_downloads(answer, (explanation,), name, key)


def subtracted(
    explanation: Explanation, change: Float[np.ndarray, "position"], less: str, layout: TokenLayout
) -> Explanation:
    """A map from which another one, of `less`, was subtracted, as what is saved of it."""
    return replace(
        explanation,
        scores=torch.from_numpy(change),
        settings={**explanation.settings, "less": less},
        remark="Each map as shares of its own score on the picture, the second subtracted from the first.",
        layout=layout,
    )


def number_downloads(answer: Answer, explanations: tuple[Explanation, ...], name: str, key: str) -> None:
    """The numbers of some maps of one answer, with the settings, as a table and as arrays."""
    table, arrays = partial(csv_text, answer, explanations), partial(npz_bytes, answer, explanations)
    st.download_button("Numbers (CSV)", table, f"{name}.csv", "text/csv", f"{key}_csv", on_click="ignore")
    st.download_button("Numbers (NPZ)", arrays, f"{name}.npz", "application/zip", f"{key}_npz", on_click="ignore")


def file_name(method: str, named: str) -> str:
    """A file name of letters and digits alone."""
    words = plain(named)
    return f"{method}-{words}" if words else method


def plain(text: str) -> str:
    """At most 40 letters and digits of a text, with hyphens between them."""
    return re.sub(r"[^0-9A-Za-z]+", "-", text).strip("-").lower()[:40].strip("-")
