"""The same question in other words: answers side by side, whether they agree, and how nearly they did not."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ...answer import Answer, Question
from ...cases.audit import Audit, audited, expected
from ...charts.phrasings import phrasing_matrix
from ...runs.kinds import AUDIT
from ...vlm.cancel import CancelToken
from ...vlm.generation import ask
from ...vlm.model import VisionLanguageModel
from ..jobs.job import Job
from ..state.phrasings import PHRASINGS, phrasings_key
from ..state.pins import model_name
from ..state.scenes import phrasing_starters
from ..state.workspace import Workspace
from ..widgets.asking import stop_row, trouble_of
from ..widgets.chips import escaped
from ..widgets.forecasts import foretold
from ..widgets.pinning import pin_button, pins_link
from ..widgets.scripts import Made, copy_script
from ..widgets.tables import Row, save_table

FEWEST, MOST = 2, 4


def phrasings_panel(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Two to four phrasings, asked one after another of the same picture without the conversation before."""
    if not workspace.phrasings:
        scene = workspace.image.recipe.scene() if workspace.image and workspace.image.recipe else None
        workspace.phrasings = phrasing_starters(
            scene, workspace.answer.question.text[:500] if workspace.answer else None
        )
    st.caption(
        "Each is asked of the present picture on its own, without the conversation. All should ask about the same fact."
    )
    places = _inputs(workspace)
    questions = [text.strip() for text in workspace.phrasings]
    ready = all(questions) and len(set(questions)) == len(questions)
    with st.container(horizontal=True, vertical_alignment="center"):
        # Never disabled: what is being typed is heard of only with this very click.
        clicked = st.button("Compare", type="primary", icon=":material/compare_arrows:", key="compare") and ready
        if len(questions) < MOST and st.button("Add a phrasing", icon=":material/add:", key="add_phrasing"):
            workspace.phrasings = [*workspace.phrasings, ""]
            st.rerun()
        if len(questions) > FEWEST and st.button("Remove the last", icon=":material/remove:", key="drop_phrasing"):
            workspace.phrasings = workspace.phrasings[:-1]
            st.rerun()
        if not ready:
            st.caption("Fill in every phrasing. No two may be the same.")
        waiting = st.container()
    if ready:
        foretold(expected(model, len(questions)))
    if clicked:
        workspace.compared = None
        trouble = trouble_of("comparing phrasings", lambda: _compare(workspace, model, questions, places, waiting))
        if trouble is None:
            st.rerun()
        st.text(trouble)
        return
    # What was compared before, perhaps when the run was open another day, is there again.
    there = workspace.results.get(PHRASINGS, phrasings_key(workspace, questions))
    workspace.compared = there or workspace.compared
    if workspace.compared is not None:
        _result(workspace, model, workspace.compared, questions, places)


def _inputs(workspace: Workspace) -> list[st.delta_generator.DeltaGenerator]:
    """A text box for each phrasing; returns the places below them for the answers."""
    places = []
    for index, column in enumerate(st.columns(len(workspace.phrasings))):
        with column:
            text = st.text_area(
                f"Phrasing {index + 1}",
                value=workspace.phrasings[index],
                key=f"phrasing_{index}_{len(workspace.phrasings)}_{id(workspace.image)}",
                height=80,
                max_chars=1000,
            )
            workspace.phrasings[index] = text
            places.append(st.empty())
    return places


def _compare(
    workspace: Workspace,
    model: VisionLanguageModel,
    texts: list[str],
    places: list[st.delta_generator.DeltaGenerator],
    waiting: st.delta_generator.DeltaGenerator,
) -> None:
    images = [named.visual for named in workspace.images]
    questions = [Question(text, images, decoding=workspace.decoding) for text in texts]
    with waiting:
        status = stop_row("stop_compare")
    answers = []
    for question, place in zip(questions, places, strict=True):
        answers.append(_stream_one(model, question, place, status))
    workspace.compared = Job(
        model,
        "scoring each answer under every phrasing",
        lambda cancel, say: audited(model, questions, answers, cancel),
    ).watch(status)
    workspace.results.keep(PHRASINGS, phrasings_key(workspace, texts), workspace.compared)


def _stream_one(
    model: VisionLanguageModel,
    question: Question,
    place: st.delta_generator.DeltaGenerator,
    status: st.delta_generator.DeltaGenerator,
) -> Answer:
    said: list[str] = []

    def show_piece(piece: str) -> None:
        said.append(piece)
        place.text("".join(said))

    def work(cancel: CancelToken, say: Callable[[str], None]) -> Answer:
        return ask(model, question, cancel=cancel, say=say)

    return Job(model, "comparing phrasings", work).watch(status, show_piece)


def _result(
    workspace: Workspace,
    model: VisionLanguageModel,
    result: Audit,
    questions: list[str],
    places: list[st.delta_generator.DeltaGenerator],
) -> None:
    """What each was answered, with a way to pin it and the code of all, and how the answers go together."""
    whose = result.answers[0].model
    if whose != model.card.fingerprint:
        st.caption(
            f":material/info: {escaped(model_name(workspace, result.answers[0]))} gave these answers, not the "
            "model in use. Compare again to ask that one."
        )
    stale = tuple(questions) != result.questions
    if stale:
        st.caption(":material/history: The phrasings have changed since: compare again to renew what follows.")
        places = list(st.columns(len(result.questions)))
    for number, (place, question, answer) in enumerate(zip(places, result.questions, result.answers, strict=True)):
        with place.container():
            if stale:
                st.caption(escaped(question))
            st.text(answer.text)
            if answer.tokens:
                pin_button(
                    workspace, answer, workspace.images, f"pin_phrasing_{number}", label=f"phrasing {number + 1}"
                )
    verdict = result.verdict
    icons = {"agree": ":material/check_circle:", "differ": ":material/help:", "contradict": ":material/error:"}
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"verdict_{verdict.kind}"):
        st.markdown(f"{icons[verdict.kind]} **{verdict.kind.capitalize()}**")
        st.text(verdict.sentence)
    with st.container(horizontal=True, gap="large"):
        st.altair_chart(
            phrasing_matrix(result.key_words, result.questions, result.probability),
            width="content",
            alt="probability of each answer's key word under each phrasing",
        )
        with st.container(width=430):
            st.caption(
                "How probable each answer's key word is under each phrasing, when that answer is read up to the word. "
                "The diagonal is what was said. A row that is bright throughout: the wording does not matter to it. A "
                "dark cell: that phrasing would have turned this answer into another."
            )
            for first, second, why in verdict.contradictions:
                st.text(f"Answers {first + 1} and {second + 1}: {why}")
            with st.container(horizontal=True, gap="small"):
                save_table(_rows(result), "phrasings", "phrasings_csv")
                copy_script(result.answers[0], Made(AUDIT, result))
            pins_link(workspace)


def _rows(result: Audit) -> list[Row]:
    """A line for each wording."""
    return [
        {
            "phrasing": question,
            "answer": answer.text,
            "key word": word,
            **{f"under phrasing {number}": float(value) for number, value in enumerate(result.probability[index], 1)},
        }
        for index, (question, answer, word) in enumerate(
            zip(result.questions, result.answers, result.key_words, strict=True)
        )
    ]
