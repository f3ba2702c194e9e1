"""A phrasing audit: one picture, a question in many wordings, and whether the answers can all be true."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ...answer import Question
from ...cases.audit import Audit, audit, expected
from ...cases.phrasings import phrasings
from ...charts.overlays import fit
from ...charts.phrasings import phrasing_matrix
from ...counted import counted
from ...runs.kinds import AUDIT
from ...street.recipe import SceneRecipe
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.scenes import GALLERY, image_of, suggestions
from ..state.workspace import NamedImage, Workspace
from ..widgets.chips import escaped
from ..widgets.forecasts import foretold
from ..widgets.scripts import Made, copy_script
from ..widgets.tables import save_table
from ..widgets.taken_charts import save_chart
from .opening import menu_asking
from .survey import survey_panel
from .view import AUDITS, CasesView

MOST_WORDINGS = 16
LONGEST = 500
SIZE = 200
AuditKey = tuple[str, tuple[str, ...]]


def audit_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """The audit of one picture, and below it that of many."""
    if workspace.image is None:
        workspace.choose_image(image_of(SceneRecipe(GALLERY[0])))
    image = workspace.image
    assert image is not None
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=SIZE):
            st.image(image.image.convert("RGB").resize(fit(image.image.size, SIZE)), alt="the picture asked about")
            frames = "" if image.video is None else f", {counted(len(image.video.frames), 'frame')} of a video"
            st.caption(f"{escaped(image.name)}{frames}. Another one: choose it in Chat.")
        with st.container(width="stretch"):
            families = _wordings(image)
            questions = [Question(text, image.visual, decoding=workspace.decoding) for text in families]
            key = (model.card.fingerprint, tuple(question.fingerprint() for question in questions))
            _run(workspace.view(CasesView), model, questions, key)
    result = workspace.results.get(AUDITS, key)
    if result is not None:
        _result(workspace, model, image, result, families)
    survey_panel(workspace.view(CasesView), model)


def _wordings(image: NamedImage) -> dict[str, str]:
    """The wordings to ask, one a line, each with the family it was made in ("own" where somebody typed it)."""
    proposed = suggestions(image.recipe.scene())[0] if image.recipe else "Is the door open?"
    question = st.text_input(
        "Question",
        proposed,
        max_chars=LONGEST,
        key=f"audit_question_{id(image)}",
        help="English, for wordings to be made.",
    ).strip()
    made = {one.text: one.family for one in phrasings(question)} if question else {}
    lines = st.text_area(
        "Wordings, one a line",
        "\n".join(made),
        height=190,
        max_chars=LONGEST * MOST_WORDINGS,
        help="Negation, opposite, order and politeness are made from the question. Change them, or add your own.",
        key=f"audit_wordings_{question}_{id(image)}",
    )
    texts = dict.fromkeys(text.strip()[:LONGEST] for text in lines.splitlines() if text.strip())
    return {text: made.get(text, "own") for text in list(texts)[:MOST_WORDINGS]}


def _run(view: CasesView, model: VisionLanguageModel, questions: list[Question], key: AuditKey) -> None:
    enough = len(questions) >= 2
    clicked = st.button(
        f"Audit {len(questions)} wordings",
        type="primary",
        icon=":material/rule:",
        disabled=not enough or view.results.get(AUDITS, key) is not None,
        key="audit_run",
    )
    if not enough:
        st.caption("Two wordings or more are compared.")
    told = expected(model, len(questions))
    if enough and view.results.get(AUDITS, key) is None:
        foretold(told)
    if clicked:

        def ask_all(cancel: CancelToken, report: Report) -> None:
            view.results.keep(AUDITS, key, audit(model, questions, cancel=cancel, progress=report))

        view.jobs.start(model, key, f"asking {len(questions)} wordings", "audit", ask_all, told)
    view.jobs.tell(key)


def _result(
    workspace: Workspace, model: VisionLanguageModel, image: NamedImage, result: Audit, families: dict[str, str]
) -> None:
    """The verdict, the matrix, and each wording with its answer."""
    pairs = len(result.answers) * (len(result.answers) - 1) // 2
    with st.container(border=True, key=f"audit_{result.verdict.kind}"):
        st.text(result.verdict.sentence)
        st.caption(
            f"Contradiction rate: {result.contradiction_rate:.0%} ({len(result.verdict.contradictions)} of {pairs} "
            "pairs of answers cannot both be true)."
        )
    rows = [
        {
            "phrasing": number + 1,
            "family": families.get(question, "own"),
            "wording": question,
            "answer": answer.text,
            "key word": result.key_words[number],
            "contradicts": _clashing(result, number),
        }
        for number, (question, answer) in enumerate(zip(result.questions, result.answers, strict=True))
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", placeholder="–")
    save_table(rows, "phrasings", "audit_csv")
    with st.container(horizontal=True, gap="medium"):
        chart = phrasing_matrix(result.key_words, result.questions, result.probability)
        st.altair_chart(chart, width="content", alt="probability of each answer's key word under each wording")
        with st.container(width=330):
            st.caption(
                "How probable each answer's key word is under each wording, when that answer is read up to it. The "
                "diagonal is what was said; a dark cell is a wording that would have turned the answer."
            )
            _open(workspace, model, image, result)
    with st.container(horizontal=True, gap="small"):
        save_chart(chart, "wordings", "save_audit")
        copy_script(result.answers[0], Made(AUDIT, result))


def _clashing(result: Audit, number: int) -> str:
    """The phrasings whose answers contradict that of this one, by number from 1."""
    pairs = [(first, second) for first, second, _ in result.verdict.contradictions if number in (first, second)]
    return ", ".join(str(first + second - number + 1) for first, second in pairs)


def _open(workspace: Workspace, model: VisionLanguageModel, image: NamedImage, result: Audit) -> None:
    """One of the answers in an explorer."""
    number = st.selectbox(
        "Answer to phrasing",
        range(len(result.answers)),
        format_func=lambda number: str(number + 1),
        key="audit_open",
        width=160,
    )
    question = result.answers[number].question
    menu_asking(workspace, model, question.fingerprint(), "audit_menu", lambda: question, image)
