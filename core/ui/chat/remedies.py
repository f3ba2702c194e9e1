"""Remedies for the answer that is looked into: chosen, tried in one go, and set beside what was said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ...answer import Answer
from ...charts.overlays import fit, region_overlay
from ...charts.tokens import aligned_chart, aligned_tokens
from ...errors import SettingsError
from ...plugins import description
from ...remedies.base import Remedied
from ...remedies.registry import remedies
from ...remedies.run import expected, try_remedy
from ...runs.kinds import REMEDIED as RUN_KIND
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.results import AnswerKey, answer_key
from ..state.workspace import Exchange, Workspace
from ..widgets.chips import escaped
from ..widgets.controls import settings_form
from ..widgets.folded import folded
from ..widgets.forecasts import foreseen, foretold
from ..widgets.pinning import pin_button, pins_link
from ..widgets.scripts import Made, copy_script
from ..widgets.tables import Row, save_table
from .view import REMEDIED, ChatView

SIDE, WIDTH = 200, 620
COSTLY = "smallest_region"
"""The one that is not among those chosen at first."""


def remedies_panel(workspace: Workspace, model: VisionLanguageModel, exchange: Exchange, answer: Answer) -> None:
    """Choose remedies and try them; the original answer beside each remedied one."""
    view, known = workspace.view(ChatView), remedies()
    st.caption(
        "Ways to have the question answered again that are meant to ground the answer in the picture. Whether one does "
        "is seen here for this answer alone; Case Studies measures it over many."
    )
    chosen = st.multiselect(
        "Remedies",
        list(known),
        default=[key for key in known if key != COSTLY],
        format_func=lambda key: known[key].name,
        key="remedies_chosen",
        persist_state="session",
    )
    settings = _settings(model, chosen)
    if settings is None or not chosen:
        return
    told = foreseen(lambda: expected(model, answer, settings))
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button("Try them", type="primary", icon=":material/healing:", key="try_remedies")
        foretold(told)
    job = ("remedies", answer_key(answer), tuple(settings.items()))
    if clicked:
        work = _work(view, model, answer, settings)
        view.jobs.start(model, job, "trying remedies", "remedies", work, told)
    view.jobs.tell(job)
    found = [one for key in chosen if (one := view.results.get(REMEDIED, _key(answer, key, settings[key]))) is not None]
    if not found:
        st.info("Try them to see what the model says then.", icon=":material/healing:")
        return
    _result(workspace, exchange, answer, found)


def _settings(model: VisionLanguageModel, chosen: Sequence[str]) -> dict[str, Any] | None:
    """The settings of the chosen remedies as they are set now; None, and a sentence, where they do not go together."""
    settings: dict[str, Any] = {}
    with st.expander("What each does, and its settings", icon=":material/tune:"):
        for key in chosen:
            remedy = remedies()[key]
            st.markdown(f"**{escaped(remedy.name)}**")
            st.caption(escaped(f"{description(remedy)} {remedy.caveat}"))
            try:
                settings[key] = settings_form(remedy.Settings, model.card, f"remedy_{key}", st.columns(3))
            except SettingsError as error:
                st.text(str(error))
                return None
    return settings


def _key(answer: Answer, remedy: str, settings: Any) -> tuple[AnswerKey, str, Any]:
    """Under what a remedied answer is kept."""
    return answer_key(answer), remedy, settings


def _work(
    view: ChatView, model: VisionLanguageModel, answer: Answer, settings: Mapping[str, Any]
) -> Callable[[CancelToken, Report], None]:
    """Each remedy that is not there yet, kept as soon as it is done."""

    def work(cancel: CancelToken, report: Report) -> None:
        left = [key for key in settings if view.results.get(REMEDIED, _key(answer, key, settings[key])) is None]
        for number, key in enumerate(left):

            def share(done: float, number: int = number) -> None:
                report((number + done) / len(left))

            tried = try_remedy(model, answer, remedies()[key], settings[key], cancel=cancel, progress=share)
            view.results.keep(REMEDIED, _key(answer, key, settings[key]), tried)
            said = "could not be applied" if tried.answer is None else f"“{tried.answer.text[:80]}”"
            report.so_far(f"{number + 1} of {len(left)}. {remedies()[key].name}: {said}")
            share(1.0)

    return work


def _result(workspace: Workspace, exchange: Exchange, answer: Answer, found: Sequence[Remedied]) -> None:
    """A table of all, and below it each answer that differs, token under token with the original one."""
    rows = [_original(answer), *(_row(one) for one in found)]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        placeholder="–",
        alt="the answer as it was given, and with each remedy",
        column_config={
            "answer": st.column_config.TextColumn(width=270),
            "log-probability (nats)": st.column_config.NumberColumn(format="%.2f", width=150),
            "passes": st.column_config.NumberColumn(format="%.1f", width=70),
            "seconds": st.column_config.NumberColumn(format="%.2f", width=80),
            "what was done": st.column_config.TextColumn(width=420),
        },
    )
    with st.container(horizontal=True, gap="small"):
        save_table(rows, "remedies", "remedies_csv", {"question": answer.question.text, "model": answer.model})
        pins_link(workspace)
    folded(
        "How probable the model as it is finds each text as an answer to the question as it was asked.",
        "A remedied answer may be one that the model itself finds all but impossible. Asking once takes one forward "
        "pass over prompt and answer; passes that only measure are not counted.",
    )
    differing = [one for one in found if one.answer is not None and one.answer.token_ids != answer.token_ids]
    if not differing:
        applied = any(one.answer is not None for one in found)
        st.text("Every one of them says the same." if applied else "None of them can be applied to this answer.")
    for one in differing:
        _beside(workspace, exchange, answer, one)


def _original(answer: Answer) -> Row:
    logprob = round(sum(token.logprob for token in answer.tokens), 3) + 0.0
    figures = {"log-probability (nats)": logprob, "passes": 1.0, "seconds": answer.seconds}
    return {"remedy": "as it was asked", "answer": answer.text, **figures, "what was done": ""}


def _row(one: Remedied) -> Row:
    known = remedies().get(one.remedy)
    applied = one.answer is not None
    return {
        "remedy": one.remedy if known is None else known.name,
        "answer": one.answer.text if one.answer is not None else None,
        "log-probability (nats)": None if one.logprob is None else round(one.logprob, 3) + 0.0,
        "passes": one.passes if applied else None,
        "seconds": one.seconds if applied else None,
        "what was done": one.note,
    }


def _beside(workspace: Workspace, exchange: Exchange, answer: Answer, one: Remedied) -> None:
    assert one.answer is not None
    known = remedies().get(one.remedy)
    with st.container(border=True, key=f"remedied_{one.remedy}"):
        st.markdown(f"**{escaped(one.remedy if known is None else known.name)}**")
        st.text(one.answer.text)
        with st.container(horizontal=True, gap="large"):
            if one.region is not None:
                _picture(answer, one)
            with st.container(width=WIDTH):
                first, second = ([token.label for token in said.tokens] for said in (answer, one.answer))
                columns = aligned_tokens(first, second, [float("nan")] * len(first))
                st.altair_chart(aligned_chart(columns, WIDTH), width="content", alt="the original answer and this one")
                if one.says != one.answer.text:
                    st.text(f"To the question as it was asked, that says: {one.says}")
                st.caption(escaped(f"{one.note} {known.caveat if known else ''}"))
                with st.container(horizontal=True, gap="small"):
                    # (what an edited network said is no answer that other pages could replay)
                    if one.answer.question.fingerprint() != answer.question.fingerprint():
                        name = one.remedy if known is None else known.name
                        pin_button(workspace, one.answer, exchange.images, f"pin_remedy_{one.remedy}", label=name)
                    copy_script(answer, Made(RUN_KIND, one), f"remedy_{one.remedy}")


def _picture(answer: Answer, one: Remedied) -> None:
    """The first picture with the region that was cropped, highlighted or removed."""
    image = answer.question.images[0]
    assert one.region is not None
    left, top, right, bottom = (round(edge) for edge in one.region)
    hidden = np.zeros((image.height, image.width), bool)
    if one.remedy == COSTLY:
        hidden[top:bottom, left:right] = True
    boxes = () if one.remedy == COSTLY else (one.region,)
    st.image(region_overlay(image, hidden, boxes, fit(image.size, SIDE)), alt="the region in the picture")
