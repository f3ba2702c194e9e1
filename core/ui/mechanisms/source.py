"""From which positions heads take a word: the chosen head's map, or those of the first k summed."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st
import torch

from ...answer import Answer, Explanation, Head, Target
from ...charts.heads import head_name
from ...mechanisms.head_contributions import HeadContributions
from ...mechanisms.logprob_increase import source_increases
from ...runs.kinds import SOURCE_INCREASES
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.drawing import drawing_choice
from ..widgets.evidence.badges import evidence_badges
from ..widgets.evidence.view import EvidenceView
from ..widgets.folded import folded
from ..widgets.head_figures import PICTURE
from ..widgets.places import why_no_places
from ..widgets.scripts import Made, copy_script
from .position_map import coloured_words, image_scale, picture_map, save_map, sums
from .subject import Subject
from .view import TAKEN, MechanismsView, Taken
from .written import contributed_to

METHOD = "logprob_increase_of_heads"
"""What the maps are called in files."""
ONE, FIRST = "this head", "the first k heads"
MAP_OF = "mechanisms_map"
"""The key of the control for it, which a click on a head sets."""
MOST = 50
FAINTEST = 1e-4
"""Nats; what single precision makes of nothing is less."""


def controls(workspace: Workspace, ranking: Sequence[Head], chosen: Head) -> tuple[tuple[Head, ...], float]:
    """Which heads' maps are summed, and how opaque the colours are."""
    # One head alone is often about words: what a newcomer sees first are several.
    st.session_state.setdefault(MAP_OF, FIRST)
    which = st.segmented_control("Map of", (FIRST, ONE), required=True, key=MAP_OF, persist_state="session", wrap=True)
    heads: tuple[Head, ...] = (chosen,)
    if which == FIRST:
        most = min(MOST, len(ranking))
        number = st.number_input(
            "k", 1, most, min(5, most), key=f"mechanisms_k_{most}", persist_state="session", width=110
        )
        heads = tuple(ranking[: int(number)])
    drawing_choice(workspace)
    opacity = st.slider("Opacity", 0.0, 1.0, 0.6, 0.05, key="mechanisms_opacity", persist_state="session", width=130)
    return heads, opacity


def taken(
    view: MechanismsView,
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    subject: Subject,
    heads: Sequence[Head],
) -> Explanation | None:
    """The summed increases of every position alone, through some heads; computed where they are not there. None where
    that was stopped or failed, which has been said."""
    missing = [head for head in heads if view.results.get(TAKEN, (subject.key, head)) is None]

    def make(cancel: CancelToken, report: Report) -> None:
        began = time.perf_counter()
        written = contributed_to(view, model, answer, subject, cancel)
        taken = source_increases(model, written, missing, cancel=cancel, progress=report).mean(0)
        seconds = (time.perf_counter() - began) / len(missing)
        for head, increases in zip(missing, taken, strict=True):
            view.results.keep(TAKEN, (subject.key, head), Taken(increases, seconds))

    key = ("taken", subject.key, tuple(heads))
    if missing and not view.jobs.ensure(model, key, "reading what heads take from each position", "taken", make):
        return None
    known = [one for head in heads if (one := view.results.get(TAKEN, (subject.key, head))) is not None]
    return Explanation(
        scores=torch.stack([one.increases for one in known]).sum(0),
        target=target,
        method=METHOD,
        settings={"heads": ", ".join(map(head_name, heads)), "word": subject.named},
        seconds=sum(one.seconds for one in known),
    )


def source_panel(
    workspace: Workspace, answer: Answer, subject: Subject, heads: Sequence[Head], taken: Explanation, opacity: float
) -> None:
    """The map on the picture, what it is, how its test came out, and its files."""
    values = taken.scores.numpy()
    whose = _name(heads)
    scale = image_scale(answer, values, signed=True, faintest=FAINTEST)
    if answer.layout.views:
        with st.container(key="mechanisms_picture"):
            description = f"increase of every patch through {whose}"
            picture_map(
                workspace,
                answer,
                values,
                scale,
                label="increase (nats)",
                description=description,
                key="source",
                opacity=opacity,
                size=PICTURE,
            )
    else:
        _without_places(answer)
    caveat = HeadContributions.caveat
    folded(
        f"Log-probability increase of {escaped(subject.named)} by what {whose} {_take(heads)} from each patch "
        "alone, in nats.",
        f"{sums(answer, taken.target, values)} {escaped(caveat)} {taken.seconds:.2f} s.",
    )
    evidence_badges(workspace.view(EvidenceView), answer, taken)
    title = f"Log-probability increase through {whose}: {subject.named}"
    about = {"token_targets": subject.token_targets, "heads": tuple(heads)}
    with st.container(horizontal=True, gap="small"):
        save_map(answer, taken, scale, opacity, title, caveat, whose, "mechanisms_save_map", workspace.shown_image)
        copy_script(answer, Made(SOURCE_INCREASES, taken.scores, about))


def _name(heads: Sequence[Head]) -> str:
    return head_name(heads[0]) if len(heads) == 1 else f"the first {len(heads)} heads"


def _take(heads: Sequence[Head]) -> str:
    return "takes" if len(heads) == 1 else "take"


def _without_places(answer: Answer) -> None:
    if answer.question.images:
        st.info(
            f"{why_no_places(answer)}, so there is no map. What they add in all, and the words, still hold.",
            icon=":material/grid_off:",
        )
    else:
        st.info(
            "This question was asked without a picture, so there is no map. What heads take from words still holds.",
            icon=":material/image_not_supported:",
        )


def source_words(answer: Answer, target: Target, heads: Sequence[Head], taken: Explanation) -> None:
    """The same scores on the words of question and answer."""
    st.markdown(f"**Words that {_name(heads)} {_take(heads)} it from**")
    coloured_words(
        answer,
        target,
        taken.scores.numpy(),
        unit="nats",
        description="words coloured by increase",
        key="source",
        signed=True,
        faintest=FAINTEST,
    )
