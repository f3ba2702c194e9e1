"""The answer bar that opens every explorer page: picture, question, answer, and which part of it is the target.

Changing the target here changes it on every page, so nobody ever wonders which word a map is about.
"""

from __future__ import annotations

import zlib
from functools import partial
from typing import NoReturn

import streamlit as st

from ...answer import Answer, Question, Target
from ...charts.overlays import fit
from ...charts.tokens import cut
from ...comparison.keyword import key_tokens
from ...runs.public import can_be_had
from ...street.recipe import SceneRecipe
from ...vlm.model import VisionLanguageModel
from ..state import models
from ..state.pins import other_model
from ..state.scenes import GALLERY, image_of, suggestions
from ..state.target import describe_target
from ..state.twins import pin_again
from ..state.workspace import Exchange, Workspace
from .asked import in_words
from .asking import ask_and_inspect
from .picture_choice import picture_choice
from .pinning import pin_button, pins_link
from .seen import seen_button, seen_notes
from .target import target_chips, target_granularity, target_rival
from .unfamiliar import unfamiliar_note

PICTURE = 150
"""The picture's longer side in pixels."""
LONGEST = 160
"""Characters of a question or an answer that are shown in one line."""
MANY_TOKENS = 60
"""From here on the chips scroll in a box of their own."""


def answer_bar(workspace: Workspace, model: VisionLanguageModel, *, contrasts: bool = True) -> Answer | None:
    """The bar about `workspace.inspected`. Returns its answer, or None where there is nothing to look into with this
    model: then the page has said so, and what to do, and has nothing to add.

    The first time an answer is seen its key word becomes the target. Without `contrasts`, no rival is offered.
    """
    exchange = _exchange(workspace)
    if exchange is None or exchange.answer is None:
        _nothing_yet(workspace, model)
        return None
    answer = exchange.answer
    if workspace.target is None:
        workspace.target = Target(key_tokens(answer))
    same_model = answer.model == model.card.fingerprint
    with st.container(key="answer_bar"):
        left, right = st.columns([1, 7], gap="medium", vertical_alignment="top")
        with left:
            _image(workspace, exchange, answer.question)
        with right:
            _choice(workspace, exchange)
            picture_choice(workspace, exchange, answer.question)
            long = len(answer.tokens) > MANY_TOKENS
            with st.container(height=120 if long else "content", border=long):
                picks = target_chips(workspace, exchange, answer, partial(_pin, workspace, exchange, answer))
            seen_notes(answer, workspace.shown_image)
            if same_model:
                _target(workspace, model, exchange, answer, picks, contrasts)
    if same_model:
        unfamiliar_note(workspace, exchange.images, "bar")
    else:
        another_model(workspace, model, exchange, answer)
        return None
    return answer


def _pin(workspace: Workspace, exchange: Exchange, answer: Answer) -> None:
    pin_button(workspace, answer, exchange.images, "pin_bar", target=workspace.target)
    pins_link(workspace)


def explained(workspace: Workspace, model: VisionLanguageModel) -> Exchange | None:
    """The exchange that the bar is about, where this model gave its answer and can explain it."""
    exchange = _exchange(workspace)
    if exchange is None or exchange.answer is None or exchange.answer.model != model.card.fingerprint:
        return None
    return exchange


def _exchange(workspace: Workspace) -> Exchange | None:
    """The exchange being looked into; the last answered one where none is."""
    if workspace.answer is None or not workspace.answer.tokens:
        answered = _answered(workspace)
        workspace.inspect(answered[-1] if answered else None)
    return workspace.inspected


def _answered(workspace: Workspace) -> list[Exchange]:
    return [exchange for exchange in workspace.exchanges if exchange.answer is not None and exchange.answer.tokens]


def _image(workspace: Workspace, exchange: Exchange, question: Question) -> None:
    """The picture of the question; of several one, which the whole page then is drawn over."""
    if not question.images:
        st.caption(":material/image_not_supported: Asked without a picture.")
        return
    image = question.images[workspace.shown_image]
    st.image(image.convert("RGB").resize(fit(image.size, PICTURE)), alt="the picture the question is about")
    if exchange.answer is not None:
        seen_button(exchange.answer, workspace.shown_image, "bar", label="")


def _line(workspace: Workspace, exchange: Exchange) -> str:
    """Question and answer, and whose it is where another model gave it."""
    whose = other_model(workspace, exchange.answer) if exchange.answer else None
    answer = _short(exchange.answer.text) if exchange.answer else ""
    return f"{_short(in_words(exchange.question))}  →  {answer}{f'  (by {whose})' if whose else ''}"


def _short(text: str) -> str:
    return cut(" ".join(text.split()), LONGEST)


def _choice(workspace: Workspace, exchange: Exchange) -> None:
    """Question and answer in one line; with several answers in the conversation, a choice among them."""
    answered = {other.serial: other for other in _answered(workspace)}
    answered.setdefault(exchange.serial, exchange)
    if len(answered) == 1:
        st.text(_line(workspace, exchange))
        return
    serials = list(answered)
    lines = {serial: f"{number}.  {_line(workspace, answered[serial])}" for number, serial in enumerate(serials, 1)}
    # A menu with other entries is another menu: the browser names what it shows by its entry.
    key = f"answer_of_{exchange.serial}_{zlib.crc32(repr(lines).encode()):x}"

    def chosen() -> None:
        workspace.inspect(answered[st.session_state[key]])

    st.selectbox(
        "Answer",
        serials,
        index=serials.index(exchange.serial),
        format_func=lines.__getitem__,
        key=key,
        on_change=chosen,
        label_visibility="collapsed",
    )


def _target(
    workspace: Workspace,
    model: VisionLanguageModel,
    exchange: Exchange,
    answer: Answer,
    picks: tuple[int, ...],
    contrasts: bool,
) -> None:
    if workspace.target is None or not picks:
        st.caption(":material/ads_click: Click a token of the answer to make it the target.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        target_granularity(workspace, exchange, answer, picks)
        if contrasts:
            target_rival(workspace, exchange, answer, model)
        with st.container(horizontal=True, width="content", vertical_alignment="center", gap="small"):
            st.caption("The target on every page:", width="content")
            st.text(describe_target(answer, workspace.target, model), width="content")


def another_model(workspace: Workspace, model: VisionLanguageModel, exchange: Exchange, answer: Answer) -> None:
    """The answer stays on screen; explaining it takes the model that gave it."""
    kept = None if workspace.run is None else workspace.run.run.manifest.model(answer.model)
    former = models.store().spec_of(answer.model)
    unknown = kept.spec if kept is not None and former is None else None
    with st.container(border=True, key="another_model"):
        st.markdown(":material/info: **Another model gave this answer**")
        whose = f"{kept.card.name} (fingerprint {answer.model[:12]})" if kept else "the model that gave it"
        st.text(
            f"It can only be explained by {whose}, and the one in use is {model.card.name}. The answer "
            "and your target are kept"
            + (", and what was computed about it is shown" if kept else "")
            + ". Ask the same question of the present model, or bring the former one back."
        )
        if unknown is not None and not can_be_had(unknown.source):
            st.text(
                f"It was loaded from a folder called {unknown.source}, which is not here. Put it back or have it "
                "sent, and choose it in the sidebar."
            )
            unknown = None
        elif unknown is not None:
            st.text(f"It was loaded from {unknown.source}. Load only what you trust.")
        with st.container(horizontal=True):
            again = st.button(
                "Ask the present model",
                type="primary",
                icon=":material/replay:",
                key="ask_present",
                help="Both answers are pinned, where there is room, and seen beside each other on Side by Side.",
            )
            if former is not None and st.button("Bring the former model back", key="load_former"):
                models.switch_model(workspace, former)
                st.rerun()
            if unknown is not None and st.button("Load that model", key="load_kept"):
                models.switch_model(workspace, unknown)
                st.rerun()
    if again:
        _ask(workspace, model, pin_again(workspace, exchange))


def _nothing_yet(workspace: Workspace, model: VisionLanguageModel) -> None:
    st.info("No answer to look into yet. Ask a question: its answer is examined here.", icon=":material/chat:")
    if workspace.image is None and not workspace.exchanges:
        workspace.choose_image(image_of(SceneRecipe(GALLERY[0])))
    image = workspace.image
    left, right = st.columns([1, 4], gap="medium")
    with left:
        if image is not None:
            st.image(image.image, width=PICTURE, alt="the picture to ask about")
            st.text(image.name)
    scene = image.recipe.scene() if image and image.recipe else None
    asked = None
    with right:
        st.caption("Ask right here:")
        with st.container(horizontal=True, gap="small"):
            for number, question in enumerate(suggestions(scene) if scene else ["Describe the picture."]):
                if st.button(question, key=f"ask_here_{number}"):
                    asked = question
        typed = st.chat_input("Or type a question of your own", key="ask_here")
        st.page_link("pages/1_Chat.py", label="Another picture, or a longer talk: go to Chat", icon=":material/chat:")
        if asked or (typed and typed.strip()):
            wanted = workspace.question((asked or typed or "").strip())
            _ask(workspace, model, Exchange(wanted, workspace.images))
        for exchange in workspace.exchanges[-1:]:
            if exchange.trouble:
                st.text(exchange.trouble)


def _ask(workspace: Workspace, model: VisionLanguageModel, exchange: Exchange) -> NoReturn:
    """Ask here and now, in the conversation, and look into the answer."""
    workspace.exchanges.append(exchange)
    ask_and_inspect(workspace, model, exchange, st.empty(), "stop_ask_here")
