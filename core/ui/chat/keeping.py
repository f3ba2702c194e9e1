"""What the next answer's attention rows will take, said before it is asked for, and what to keep instead."""

from __future__ import annotations

import streamlit as st

from ...errors import SightlineError
from ...vlm.foretold import may_be_large
from ...vlm.keeping import WORTH_SAYING, KeepRows, in_words, kept_bytes
from ...vlm.model import VisionLanguageModel
from ..state.results import Kind
from ..state.workspace import Workspace

POSITIONS = Kind[int](16)
"""How many positions a short question about some pictures has."""
ALL, LAST, SOME = "all tokens", "the last tokens", "some layers"
FEW = 64


def keeping_panel(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Nothing while an answer keeps little; else how much, and a choice of fewer tokens or layers."""
    card, tokens = model.card, workspace.decoding.max_new_tokens
    if not may_be_large(model, tokens, KeepRows()):
        return
    prompt = _positions(workspace, model)
    if prompt is None or kept_bytes(card.layers, card.heads, prompt, tokens, KeepRows()) < WORTH_SAYING:
        return
    said = st.container(horizontal=True, vertical_alignment="center")
    with said, st.popover("Keep less", icon=":material/memory:"):
        workspace.keep = _choice(card.layers, tokens)
    with said:
        st.caption(
            f"{in_words(card.layers, card.heads, prompt, tokens, workspace.keep)}. What is not kept is computed again "
            "when you look at it, by one pass of the model.",
            width="content",
        )


def _choice(layers: int, tokens: int) -> KeepRows:
    of = st.segmented_control(
        "Keep attention rows of",
        (ALL, LAST, SOME),
        default=ALL,
        required=True,
        key="keep_rows",
        persist_state="session",
    )
    if of == LAST:
        last = st.number_input(
            "Number of last tokens",
            1,
            tokens,
            min(FEW, tokens),
            key=f"keep_last_{tokens}",
            persist_state="session",
        )
        return KeepRows(last=int(last))
    if of == SOME:
        chosen = st.multiselect(
            "Layers", range(layers), default=[layers - 1], key=f"keep_layers_{layers}", persist_state="session"
        )
        return KeepRows(layers=tuple(sorted(chosen)) or None)
    return KeepRows()


def _positions(workspace: Workspace, model: VisionLanguageModel) -> int | None:
    """How long the next question's prompt is, whatever its few words; None where it cannot be asked."""
    key = (model.card.fingerprint, workspace.images, workspace.history())
    known = workspace.results.get(POSITIONS, key)
    if known is None:
        try:
            known = len(model.prepare(workspace.question("x")).ids)
        except SightlineError:
            return None
        workspace.results.keep(POSITIONS, key, known)
    return known
