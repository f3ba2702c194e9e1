"""The conversation: several turns about a picture, streamed, stoppable, editable."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from ...answer import Decoding
from ...counted import counted
from ...vlm.model import VisionLanguageModel
from ..state.pins import other_model
from ..state.scenes import suggestions
from ..state.workspace import Exchange, Workspace, places_of
from ..widgets.asked import in_words, kind_of
from ..widgets.asking import ask_and_inspect
from ..widgets.chips import escaped
from ..widgets.image_source import screen_copy
from ..widgets.pinning import pin_button, pins_link
from ..widgets.taking import accept, largest_upload
from ..widgets.unfamiliar import unfamiliar_note
from .branches import bring_back_control
from .composing import composer
from .doubt import doubt_line
from .keeping import keeping_panel

LONGEST_SHOWN = 1500
HEIGHT, HIGHEST, EACH = 340, 640, 110
"""Pixels of the box of the conversation: at first, at most, and by how much each exchange after the second adds."""
PERSON, MODEL = ":material/person:", ":material/neurology:"


def conversation_panel(workspace: Workspace, model: VisionLanguageModel) -> None:
    """What was said, and the box to ask more."""
    height = min(HIGHEST, HEIGHT + EACH * max(0, len(workspace.exchanges) - 2))
    box = st.container(height=height, border=True, autoscroll=True, key="conversation")
    with box:
        hint = st.empty()
        _exchanges(workspace, model, hint)
    bring_back_control(workspace)
    pins_link(workspace)
    waiting = st.empty()
    unfamiliar_note(workspace, workspace.images, "chat")
    _suggestions(workspace)
    composer(workspace)
    sent = st.chat_input(
        f"Ask about the {kind_of(workspace.images)}, or paste another",
        accept_file="multiple",
        max_upload_size=largest_upload(model),
        key="chat_question",
    )
    keeping_panel(workspace, model)
    _settings(workspace)
    if sent:
        refused = not accept(workspace, model, [(file.getvalue(), file.name) for file in sent.files])
        if refused or not sent.text.strip():
            workspace.offered = sent.text.strip() or None
            st.rerun()
        workspace.ask(sent.text)
    if workspace.to_ask is not None:
        hint.empty()
        with waiting.container():
            _answer_pending(workspace, model, box)


def _answer_pending(workspace: Workspace, model: VisionLanguageModel, box: st.delta_generator.DeltaGenerator) -> None:
    question, workspace.to_ask = workspace.to_ask, None
    if question is None:
        return
    exchange = Exchange(question, workspace.images)
    workspace.exchanges.append(exchange)
    workspace.offered = None
    with box:
        _user(in_words(exchange.question))
        with st.chat_message("assistant", avatar=MODEL):
            said = st.empty()
    ask_and_inspect(workspace, model, exchange, said, "stop_answer")


def _exchanges(workspace: Workspace, model: VisionLanguageModel, hint: st.delta_generator.DeltaGenerator) -> None:
    if not workspace.exchanges:
        if workspace.image is None:
            hint.caption("Choose a picture, then ask about it here. Without one, the model answers from words alone.")
        else:
            hint.caption("Nothing asked yet. Type a question below, or click one of the suggestions.")
    shown_images = workspace.exchanges[0].images if workspace.exchanges else ()
    for index, exchange in enumerate(workspace.exchanges):
        if exchange.images != shown_images:
            shown_images = exchange.images
            _new_image(exchange)
        if workspace.editing == index:
            _edit(workspace, index)
        else:
            _user(in_words(exchange.question), workspace, index)
            _assistant(workspace, model, exchange, index)


def _new_image(exchange: Exchange) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for image in exchange.images:
            st.image(screen_copy(image, 56), width=56, alt="a picture that the next questions are about")
        kind = kind_of(exchange.images)
        about = f"other {kind}" if len(exchange.images) > 1 else f"another {kind}"
        st.caption(f"From here on about {about}. What was said before is not part of the next questions.")


def _user(text: str, workspace: Workspace | None = None, index: int = 0) -> None:
    with st.chat_message("user", avatar=PERSON):
        shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} … ({len(text):,} characters in all)"
        with st.container(horizontal=True, vertical_alignment="top", horizontal_alignment="distribute"):
            st.text(shown, width="stretch")
            if workspace is not None and st.button(
                "Edit", key=f"edit_{index}", type="tertiary", icon=":material/edit:", help="Change it and send it again"
            ):
                workspace.editing = index
                st.rerun()


def _assistant(workspace: Workspace, model: VisionLanguageModel, exchange: Exchange, index: int) -> None:
    with st.chat_message("assistant", avatar=MODEL):
        answer = exchange.answer
        if exchange.trouble:
            with st.container(border=True, key=f"trouble_{index}"):
                st.markdown(":material/error: **Not answered**")
                st.text(exchange.trouble)
                _ask_again(workspace, index)
            return
        if answer is None:
            st.text(exchange.said or "…")
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption("It was cut off, and no answer was kept.", width="content")
                _ask_again(workspace, index)
            return
        st.text(answer.text or "(an empty answer: the model ended it at once)")
        doubt_line(workspace, model, exchange, answer)
        how = {"end": "", "length": " · cut at the token limit", "stopped": " · stopped by you"}[answer.finish]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{counted(len(answer.tokens), 'token')} · {answer.seconds:.2f} s{how}", width="content")
            if whose := other_model(workspace, answer):
                st.caption(f":material/info: by {escaped(whose)}", width="content")
            if exchange is workspace.inspected:
                st.caption(":material/search: looked into below", width="content")
            elif answer.tokens and st.button(
                "Look into it", key=f"inspect_{index}", type="tertiary", icon=":material/search:"
            ):
                workspace.inspect(exchange)
                st.rerun()
            if answer.tokens:
                pin_button(workspace, answer, exchange.images, f"pin_{exchange.serial}", target=exchange.target)


def _ask_again(workspace: Workspace, index: int) -> None:
    """A button for the last question, which has no answer that would be lost."""
    if index == len(workspace.exchanges) - 1 and st.button("Ask again", key="ask_again", icon=":material/refresh:"):
        exchange = workspace.exchanges.pop()
        _ask_in_place_of(workspace, exchange, exchange.question.text, places_of(exchange.question))


def _ask_in_place_of(workspace: Workspace, exchange: Exchange, text: str, places: tuple[int, ...]) -> None:
    """Ask this of the pictures of an exchange that has left the conversation."""
    if exchange.images != workspace.images:
        workspace.choose_images(exchange.images)
    workspace.ask(text, places)
    st.rerun()


def _edit(workspace: Workspace, index: int) -> None:
    exchange = workspace.exchanges[index]
    later = len(workspace.exchanges) - index - 1
    with st.chat_message("user", avatar=PERSON):
        text = st.text_area("Change the question", exchange.question.text, key=f"edited_{index}")
        asked_at = places_of(exchange.question)
        places = asked_at if text == exchange.question.text else ()
        if asked_at != places and not exchange.question.history:
            st.caption("Changed words have their pictures before them.")
        if later:
            later_ones = "exchange" if later == 1 else f"{later:,} exchanges"
            st.caption(f"Sending it again drops this answer and the {later_ones} after it. They can be brought back.")
        else:
            st.caption("Sending it again drops the answer it got. It can be brought back.")
        with st.container(horizontal=True):
            # Never disabled: what is being typed is heard of only with this very click.
            sent = st.button("Send again", type="primary", key="send_again")
            if sent and not text.strip():
                st.caption("Type a question first.")
            elif sent:
                workspace.cut(index)
                _ask_in_place_of(workspace, exchange, text, places)
            if st.button("Cancel", key="leave_edit"):
                workspace.editing = None
                st.rerun()


def _suggestions(workspace: Workspace) -> None:
    recipe = workspace.images[0].recipe if len(workspace.images) == 1 else None
    questions = suggestions(recipe.scene()) if recipe else []
    if workspace.offered:
        with st.container(horizontal=True, vertical_alignment="center", key="offered"):
            if st.button("Ask this question", type="primary", key="ask_offered", icon=":material/send:"):
                workspace.ask(workspace.offered)
            st.text(workspace.offered or "")
    with st.container(horizontal=True, gap="small", key="suggestions"):
        for number, question in enumerate(questions):
            if st.button(question, key=f"suggest_{number}"):
                workspace.ask(question)


def _settings(workspace: Workspace) -> None:
    """How the next token is chosen, and a way to begin anew."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.popover(f"Decoding: {describe(workspace.decoding)}", icon=":material/tune:"):
            workspace.decoding = _decoding(workspace.decoding)
        if st.button("Clear the conversation", icon=":material/delete_sweep:", disabled=not workspace.exchanges):
            workspace.cut(0, "cleared")
            workspace.inspect(None)
            workspace.reasked = None
            st.rerun()


def describe(decoding: Decoding) -> str:
    """The decoding in a few words."""
    if decoding.temperature == 0:
        return f"greedy, up to {counted(decoding.max_new_tokens, 'token')}"
    return (
        f"temperature {decoding.temperature:g}, top-p {decoding.top_p:g}, seed {decoding.seed}, "
        f"up to {counted(decoding.max_new_tokens, 'token')}"
    )


def _decoding(present: Decoding) -> Decoding:
    temperature = st.slider(
        "Temperature",
        0.0,
        2.0,
        present.temperature,
        0.05,
        key="temperature",
        persist_state="session",
        help="0 is greedy: always the most probable token. Higher is more random.",
    )
    top_p = st.slider(
        "Top-p",
        0.05,
        1.0,
        present.top_p,
        0.05,
        key="top_p",
        persist_state="session",
        disabled=temperature == 0,
        help="Draw only from the most probable tokens that together reach this probability.",
    )
    most = st.number_input(
        "Maximum new tokens", 1, 1024, present.max_new_tokens, key="max_new_tokens", persist_state="session"
    )
    seed = st.number_input(
        "Seed", 0, 2**31 - 1, present.seed, key="decoding_seed", persist_state="session", disabled=temperature == 0
    )
    st.caption("Probabilities on this page are always those of the model itself, before temperature and top-p.")
    return replace(present, temperature=temperature, top_p=top_p, max_new_tokens=int(most), seed=int(seed))
