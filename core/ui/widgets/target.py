"""Controls for the part of an answer that is to be explained: its chips, how much of it, and a rival. Chat and the
answer bar share them.

`workspace.target` is the one truth. Widgets show it when they appear and change it only when somebody clicks them, so a
target chosen on one page is never undone by another page's defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ...answer import Answer, Target
from ...charts.tokens import visible
from ...vlm.model import VisionLanguageModel
from ..state.target import granularity_of, picks_of, typed_rival, widened
from ..state.workspace import Exchange, Workspace
from .chips import chip_style, labels


def page_key(name: str, exchange: Exchange) -> str:
    """A widget key of this page alone: under a key of several pages, one page's widget would find another's value."""
    context = get_script_run_ctx(suppress_warning=True)
    page = context.page_script_hash[:6] if context else ""
    return f"{name}_{page}_{exchange.serial}"


def aim(workspace: Workspace, target: Target) -> None:
    """Make a word the target. To be called by a click: the answer bar's widgets then begin anew from it."""
    assert workspace.inspected is not None
    workspace.target = target
    first = target.tokens[0]
    st.session_state[page_key("chips", workspace.inspected)] = first
    for name in (f"unit_{first}", f"rival_{first}"):
        st.session_state.pop(page_key(name, workspace.inspected), None)


def target_chips(
    workspace: Workspace,
    exchange: Exchange,
    answer: Answer,
    beside: Callable[[], None] = lambda: None,
    doubted: Collection[int] = (),
) -> tuple[int, ...]:
    """The answer's tokens as chips, the target's marked. Clicking one makes it the target; with the switch for several,
    clicks add to it and take from it. Once chosen, some token stays the target. Returns the chosen chips. `beside` is
    drawn in the line of the switch; `doubted` tokens have a dotted line below them."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        several = _several(workspace, exchange, answer)
        beside()
    key = page_key("chips" if not several else "many_chips", exchange)
    names = labels(answer)
    shown = picks_of(workspace.target, answer, several)
    marked = list(shown) if several else next(iter(shown), None)
    st.session_state.setdefault(key, marked)

    def clicked() -> None:
        chosen = st.session_state[key]
        picks = sorted(chosen) if several else [] if chosen is None else [chosen]
        if picks:
            workspace.target = Target(tuple(picks))
        else:
            st.session_state[key] = marked

    st.html(chip_style(answer, key, workspace.target.tokens if workspace.target else (), doubted))
    chosen = st.pills(
        "The answer's tokens",
        range(len(answer.tokens)),
        selection_mode="multi" if several else "single",
        format_func=lambda index: names[index],
        key=key,
        on_change=clicked,
        label_visibility="collapsed",
        wrap=True,
    )
    return tuple(sorted(chosen)) if isinstance(chosen, list) else () if chosen is None else (chosen,)


def _several(workspace: Workspace, exchange: Exchange, answer: Answer) -> bool:
    """The switch that lets clicks add to the target: one for all pages."""
    if len(answer.tokens) < 2:
        return False
    key = page_key("several", exchange)
    st.session_state.setdefault(key, workspace.several)

    def switched() -> None:
        workspace.several = st.session_state[key]
        for name in ("chips", "many_chips"):
            st.session_state.pop(page_key(name, exchange), None)

    st.toggle("Several tokens", key=key, on_change=switched, help="Clicks add tokens to the target and take them away.")
    return bool(st.session_state[key])


def target_granularity(workspace: Workspace, exchange: Exchange, answer: Answer, picks: Sequence[int]) -> None:
    """Whether the chosen tokens, their whole words or the whole answer are the target."""
    assert workspace.target is not None
    granularity = granularity_of(workspace.target, answer)
    granularities = ["token"]
    if widened(picks, "word", answer) != tuple(picks) or granularity == "word":
        granularities.append("word")
    if len(answer.tokens) > 1:
        granularities.append("answer")
    if granularity == "span" and len(picks) == 1:
        granularities.append("span")
    many = len(picks) > 1
    names = {
        "token": f"these {len(picks)} tokens" if many else "this token",
        "word": "their whole words" if many else "the whole word",
        "answer": "the whole answer",
        "span": f"{len(workspace.target.tokens)} tokens",
    }
    key = page_key("unit_" + "_".join(map(str, picks)), exchange)
    shown = granularity if granularity in granularities else "token"
    if workspace.target.tokens == tuple(picks):
        shown = "token"
    elif workspace.target.tokens == widened(picks, "word", answer):
        shown = "word"
    st.session_state.setdefault(key, shown)

    def clicked() -> None:
        chosen = st.session_state[key]
        if chosen != "span":
            workspace.target = Target(widened(picks, chosen, answer))

    st.segmented_control(
        "Target",
        granularities,
        format_func=names.__getitem__,
        required=True,
        key=key,
        on_change=clicked,
        width="content",
        wrap=True,
    )


def target_rival(workspace: Workspace, exchange: Exchange, answer: Answer, model: VisionLanguageModel) -> None:
    """What the model could have said instead: nothing in particular, an alternative it weighed, or any word."""
    assert workspace.target is not None
    if len(workspace.target.tokens) != 1:
        return
    index = workspace.target.tokens[0]
    token = answer.tokens[index]
    rival = workspace.target.rivals[0] if workspace.target.rivals else None
    names = {other.id: other.text for other in token.alternatives if other.id != token.id}
    if rival is not None:
        names.setdefault(rival, model.reader.piece(rival))
    key, note = page_key(f"rival_{index}", exchange), page_key(f"rival_note_{index}", exchange)
    if key not in st.session_state:
        st.session_state[key] = rival

    def clicked() -> None:
        chosen = st.session_state[key]
        st.session_state[note] = None
        if isinstance(chosen, str):
            chosen, st.session_state[note] = typed_rival(model, answer, index, chosen)
        workspace.target = Target((index,), None if chosen is None else (chosen,))

    def name(option: int | str | None) -> str:
        if option is None:
            return "anything else"
        return f"“{visible(names[option])}”" if isinstance(option, int) else option

    st.selectbox(
        "rather than",
        [None, *names],
        format_func=name,
        key=key,
        on_change=clicked,
        accept_new_options=True,
        placeholder=name(None),
        width=200,
        help="A contrast explains why the model said this rather than one particular other token. Choose one that it "
        "weighed, or type any word.",
    )
    if said := st.session_state.get(note):
        st.text(said)
