"""Heads that write the word: which they are, where they take it from, and what the chosen one says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from core.answer import Answer, Target
from core.charts.heads import head_map, head_name, ranked_heads
from core.mechanisms.attribution import Attribution, attribute
from core.mechanisms.contributions import contributions
from core.mechanisms.increase import head_increases, top_heads
from core.ui import running
from core.ui.chips import escaped
from core.ui.clicks import Entry, clickable
from core.ui.mechanisms import head, shares, source
from core.ui.mechanisms.saving import Row, save
from core.ui.mechanisms.subject import Subject, subject_of
from core.ui.mechanisms.view import MechanismsView, Written
from core.ui.state import Workspace
from core.vlm.cancel import CancelToken
from core.vlm.edits import Head
from core.vlm.model import VisionLanguageModel

Measure = Literal["Log-probability increase", "Direct logit attribution"]
MAP, WIDTH = 280, 575
MOST_RANKED = 14
SAYS: dict[Measure, str] = {
    "Log-probability increase": "log p of the word with the head's contribution added to the state that enters its "
    "layer, less log p without, in nats; the final norm's scale is frozen at its last value (Yu and Ananiadou 2024). "
    "What later layers make of it is not in it: take heads away to test.",
    "Direct logit attribution": "the head's share of the word's logit, the final norm's scale frozen (Elhage et al. "
    "2021). What a head does by changing what later layers add is counted with those.",
}


@dataclass(frozen=True, eq=False)
class Scored:
    """The heads' figures by the chosen measure, ranked, and the one that is looked at."""

    measure: Measure
    figures: Float[np.ndarray, "layers heads"]
    ranking: list[Head]
    chosen: Head


def show(work: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """All heads on the left; on the right where the chosen one, or the first ones, take the word from."""
    view = work.mechanisms
    controls = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    with controls:
        measure = _measure()
        typed = st.text_input(
            "Another word in its place",
            key="mechanisms_word",
            persist_state="session",
            placeholder="the target",
            max_chars=60,
            width=170,
            help="Which heads speak for a word that the model did not say? It is asked about in the place of the "
            "target's first token.",
        )
    subject = subject_of(model, answer, target, typed)
    if subject.note:
        st.text(subject.note)
    written = _written(view, model, answer, subject)
    if written is None:
        return
    shared = _shared(view, model, subject, written) if measure == "Direct logit attribution" else None
    scored = _scored(view, measure, written.increases if shared is None else shared.heads.mean(0).numpy())
    with controls:
        looked_at, opacity = source.controls(scored.ranking, scored.chosen)
    taken = source.taken(view, model, answer, target, subject, written, looked_at, scored.chosen)
    with st.container(horizontal=True, gap="small", key="mechanisms_heads_body"):
        with st.container(width=WIDTH):
            _heads(view, answer, subject, written, scored)
        if taken is not None:
            with st.container(width=source.WIDTH):
                source.show(answer, subject, looked_at, taken, opacity)
    if shared is not None:
        shares.show(subject, shared)
    if taken is not None:
        source.words(answer, target, looked_at, taken)
        head.show(view, model, answer, subject, scored.chosen)


def _measure() -> Measure:
    found = st.segmented_control(
        "Heads by",
        get_args(Measure),
        default=get_args(Measure)[0],
        required=True,
        key="mechanisms_measure",
        persist_state="session",
    )
    return "Direct logit attribution" if found == "Direct logit attribution" else "Log-probability increase"


def _written(view: MechanismsView, model: VisionLanguageModel, answer: Answer, subject: Subject) -> Written | None:
    """What all heads write for the subject, read now if need be."""

    def make(cancel: CancelToken, report: running.Report) -> Written:
        began = time.perf_counter()
        found = contributions(model, answer, subject.units, cancel=cancel, progress=lambda done: report(done / 2))
        increases = head_increases(model, found, cancel=cancel, progress=lambda done: report(0.5 + done / 2))
        return Written(found, increases.mean(0).numpy(), time.perf_counter() - began)

    key = ("written", subject.key)
    return running.obtain(view, model, view.written, key, "reading what the heads write", "written", make)


def _shared(view: MechanismsView, model: VisionLanguageModel, subject: Subject, written: Written) -> Attribution | None:
    def make(cancel: CancelToken, report: running.Report) -> Attribution:
        return attribute(model, written.contributions)

    key = ("attribution", subject.key)
    return running.obtain(view, model, view.attributions, key, "attributing the logit", "attribution", make)


def _scored(view: MechanismsView, measure: Measure, figures: Float[np.ndarray, "layers heads"]) -> Scored:
    ranking = top_heads(torch.as_tensor(figures), figures.size)
    return Scored(measure, figures, ranking, view.chosen(ranking[0], *figures.shape))


def _heads(view: MechanismsView, answer: Answer, subject: Subject, written: Written, scored: Scored) -> None:
    name = scored.measure.lower()

    def clicked(entry: Entry) -> None:
        view.choose((int(entry["layer"]), int(entry["head"])))

    with st.container(horizontal=True, gap="small"):
        with st.container(width=365):
            chart = head_map(scored.figures, name=name, signed=True, chosen=scored.chosen, click="cell", size=MAP)
            clickable(chart, "cell", "mechanisms_heads", clicked, f"{name} of every head, layer by layer")
        with st.container(width=190):
            order = [(head, float(scored.figures[head])) for head in scored.ranking[:MOST_RANKED]]
            bars = ranked_heads(order, name=name, chosen=scored.chosen, click="bar", width=125)
            clickable(bars, "bar", "mechanisms_ranked", clicked, f"the heads with the most {name}")
    tokens = len(subject.units)
    averaged = f", the mean over {tokens} tokens" if tokens > 1 else ""
    st.caption(
        f"{scored.measure} of {escaped(subject.named)}{averaged}, by every head: {SAYS[scored.measure]} "
        f"{written.seconds:.2f} s. Layers and heads count from 0; click a cell or a bar (now: "
        f"{head_name(scored.chosen)}). Purple speaks for the word, orange against."
    )
    settings = {"measure": scored.measure, "word": subject.named, "seconds": written.seconds}
    save(answer, settings, partial(_rows, scored), f"heads-{name.replace(' ', '-')}", "mechanisms_save_heads")


def _rows(scored: Scored) -> list[Row]:
    name = scored.measure.lower().replace(" ", "_").replace("-", "_")
    return [{"layer": layer, "head": head, name: float(scored.figures[layer, head])} for layer, head in scored.ranking]
