"""Heads that write the word: which they are, where they take it from, and what the chosen one says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Head, Target
from ...charts.heads import head_name
from ...mechanisms.attribution import Attribution
from ...runs.kinds import ATTRIBUTION, HEAD_INCREASES
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.evidence.section import evidence_section
from ..widgets.evidence.view import Mapped
from ..widgets.folded import folded
from ..widgets.scripts import Made
from . import source
from .figured_heads import figured_heads
from .head import head_panel
from .saving import Row, save
from .shares import logit_shares
from .source import source_panel, source_words
from .subject import Subject, subject_of
from .view import Increases, MechanismsView
from .written import SAYS, Measure, attributed, ranking, what_heads_write

MEASURES: tuple[Measure, ...] = ("Log-probability increase", "Direct logit attribution")


@dataclass(frozen=True, eq=False)
class Scored:
    """The heads' figures by the chosen measure, ranked, and the one that is looked at."""

    measure: Measure
    figures: Float[np.ndarray, "layers heads"]
    ranking: list[Head]
    chosen: Head


def writing_heads_panel(workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """All heads on the left; on the right where the chosen one, or the first ones, take the word from."""
    view = workspace.view(MechanismsView)
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
    written = what_heads_write(view, model, answer, subject)
    if written is None:
        return
    shared = attributed(view, model, answer, subject) if measure == "Direct logit attribution" else None
    scored = _scored(view, measure, written.values if shared is None else shared.heads.mean(0).numpy())
    with controls:
        looked_at, opacity = source.controls(workspace, scored.ranking, scored.chosen)
    taken = source.taken(view, model, answer, target, subject, looked_at)
    picture = None if taken is None else partial(source_panel, workspace, answer, subject, looked_at, taken, opacity)
    _heads(view, answer, subject, written, shared, scored, picture)
    if shared is not None:
        logit_shares(subject, shared)
    if taken is not None:
        source_words(answer, target, looked_at, taken)
        head_panel(view, model, answer, subject, scored.chosen)
        if not typed.strip():
            evidence_section(workspace, model, answer, [Mapped("these heads", taken)], view.jobs)


def _measure() -> Measure:
    chosen = st.segmented_control(
        "Heads by",
        MEASURES,
        default=MEASURES[0],
        required=True,
        key="mechanisms_measure",
        persist_state="session",
        wrap=True,
    )
    return next(measure for measure in MEASURES if measure == chosen)


def _scored(view: MechanismsView, measure: Measure, figures: Float[np.ndarray, "layers heads"]) -> Scored:
    ordered = ranking(figures)
    return Scored(measure, figures, ordered, view.chosen(ordered[0], *figures.shape))


def _heads(
    view: MechanismsView,
    answer: Answer,
    subject: Subject,
    written: Increases,
    shared: Attribution | None,
    scored: Scored,
    picture: Callable[[], None] | None,
) -> None:
    name = scored.measure.lower()

    def clicked(head: Head) -> None:
        view.choose(head)
        st.session_state[source.MAP_OF] = source.FIRST if view.head is None else source.ONE

    figured_heads(
        scored.figures,
        scored.ranking,
        scored.chosen,
        name=name,
        choose=clicked,
        keys=("mechanisms_heads", "mechanisms_ranked"),
        picture=picture,
    )
    tokens = len(subject.token_targets)
    averaged = f", the mean over {tokens} tokens" if tokens > 1 else ""
    folded(
        f"{scored.measure} of {escaped(subject.named)}{averaged}, by every head: purple speaks for the word, orange "
        f"against. Click a cell or a bar (now: {head_name(scored.chosen)}).",
        f"{SAYS[scored.measure][:1].upper()}{SAYS[scored.measure][1:]} Layers and heads count from 0."
        + (f" {written.seconds:.2f} s." if written.seconds else ""),
    )
    settings = {"measure": scored.measure, "word": subject.named, "seconds": written.seconds}
    about = {"token_targets": subject.token_targets}
    made = Made(HEAD_INCREASES, written.values, about) if shared is None else Made(ATTRIBUTION, shared, about)
    rows = partial(_rows, scored)
    save(answer, settings, rows, f"heads-{name.replace(' ', '-')}", "mechanisms_save_heads", made=made)


def _rows(scored: Scored) -> list[Row]:
    name = scored.measure.lower().replace(" ", "_").replace("-", "_")
    return [{"layer": layer, "head": head, name: float(scored.figures[layer, head])} for layer, head in scored.ranking]
