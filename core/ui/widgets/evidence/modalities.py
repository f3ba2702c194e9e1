"""Below a map's test: the same over words of the question, over patches and over both, and what they give together."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import streamlit as st

from ....answer import Answer
from ....charts.evidence import Line, probability_curves
from ....counted import counted
from ....errors import ExplainError
from ....evidence.curves import Direction
from ....evidence.modalities import evaluate_modalities, expected
from ....evidence.modality_result import DIRECTIONS, ModalityEvidence, Over
from ....evidence.modality_settings import ModalitySettings
from ....evidence.question_words import NEUTRAL, question_words
from ....evidence.synergy import Synergy, in_words
from ....masking import FILL_NAMES
from ....runs import kinds as runs
from ....vlm.cancel import CancelToken
from ....vlm.model import VisionLanguageModel
from ...jobs.page import PageJobs, Report
from ..controls import settings_form
from ..folded import folded
from ..forecasts import foretold
from ..scripts import Made, copy_script
from ..tables import save_table
from .view import MODALITIES, EvidenceView, Mapped, map_key

TITLES: dict[Direction, str] = {"deletion": "erased", "insertion": "shown alone"}
NAMES: dict[Over, str] = {"words": "words", "patches": "patches", "both": "words and patches"}
ARROWS: dict[Direction, str] = {"deletion": "↓", "insertion": "↑"}
CHEAPER = "Fewer steps or random orders take proportionally less time. After a stop, what is finished is shown."


def modalities_panel(
    view: EvidenceView, model: VisionLanguageModel, answer: Answer, one: Mapped, jobs: PageJobs
) -> None:
    """A button for the map that is told in full, and what came of it. Nothing is computed before somebody asks."""
    try:
        question_words(answer)
    except ExplainError as error:
        st.caption(str(error))
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        place = st.container(width="content")
        with st.popover("Settings", icon=":material/tune:"):
            settings = settings_form(ModalitySettings, model.card, "modality_settings")
    key = map_key(answer, one.explanation), settings
    found = view.results.get(MODALITIES, key)
    with place:
        clicked = st.button(
            "Test words and patches",
            icon=":material/compare_arrows:",
            disabled=found is not None and found.complete == 1,
            key="evidence_modalities",
            help="Words of the question are erased as patches are, in the order of the map: words alone, patches "
            "alone, and both in one order. And what do picture and words give together that neither gives alone?",
        )
    told = expected(model, answer, settings)
    if found is None or found.complete < 1:
        foretold(told, CHEAPER)
    if clicked:

        def test(cancel: CancelToken, report: Report) -> None:
            outcome = evaluate_modalities(
                model, answer, one.explanation, settings=settings, cancel=cancel, progress=report
            )
            view.results.keep(MODALITIES, key, outcome)

        jobs.start(model, key, "testing words and patches", "modalities", test, told)
    jobs.tell(key)
    if found is not None:
        _drawn(found)
        about = {"target": one.explanation.target, "map_settings": one.explanation.settings}
        copy_script(answer, Made(runs.MODALITIES, found, about))


def _drawn(found: ModalityEvidence) -> None:
    with st.container(horizontal=True, gap="small"):
        with st.container(width=710):
            for direction in DIRECTIONS:
                panels = {f"{NAMES[over]} {TITLES[direction]}": _lines(found, over, direction) for over in found.over}
                st.altair_chart(
                    probability_curves(panels),
                    width="content",
                    alt=f"the target's probability, {' and '.join(panels)}",
                )
        with st.container(width=490):
            _areas(found)
            _synergy(found.synergy)
    _read(found)


def _lines(found: ModalityEvidence, over: Over, direction: Direction) -> list[Line]:
    own, drawn = found.curve(over, direction), found.chance(over, direction)
    random = Line("random", own.shares, drawn.mean(0), drawn.min(0), drawn.max(0))
    return [Line("this map", own.shares, own.values), random]


def _areas(found: ModalityEvidence) -> None:
    rows: list[dict[str, object]] = []
    for over in found.over:
        for direction in DIRECTIONS:
            random = found.areas(over, direction)
            rows.append(
                {
                    "area": f"{direction.capitalize()}, {NAMES[over]} {ARROWS[direction]}",
                    "this map": found.curve(over, direction).area,
                    "random": float(np.mean(random)),
                    "least": min(random),
                    "most": max(random),
                }
            )
    numbers = ("this map", "random", "least", "most")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="–",
        width=485,
        column_config={name: st.column_config.NumberColumn(format="%.3f", width=70) for name in numbers}
        | {"area": st.column_config.TextColumn(width=200)},
    )
    draws = counted(len(found.random), "random order")
    st.caption(f"Areas under the curves; mean, least and most of {draws}, which decide nothing.")
    save_table(rows, "words_and_patches", "words_and_patches_csv")


def _synergy(told: Synergy) -> None:
    rows: list[dict[str, object]] = [
        {"the model has": name, "log p (nats)": round(value, 2) + 0.0}  # (no minus before a zero)
        for name, value in (
            ("picture and words", told.both),
            ("the picture alone", told.picture),
            ("the words alone", told.text),
            ("neither", told.neither),
        )
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="–",
        width=485,
        column_config={"log p (nats)": st.column_config.NumberColumn(format="%.2f", width=120)},
    )
    if math.isnan(told.value):
        st.text(in_words(told))
        return
    st.text(f"Synergy {told.value:+.2f} nats. {in_words(told)}")
    st.caption(
        f"Synergy: both - picture alone - words alone + neither. The picture gives {told.of_picture:+.2f} nats and the "
        f"words {told.of_text:+.2f}: each the mean of what it adds to nothing and to the other."
    )


def _read(found: ModalityEvidence) -> None:
    way = found.settings["words"]
    words = (
        f"removed (the question is asked without them; “{NEUTRAL}” where none is left)"
        if way == "removed"
        else f"replaced by “{NEUTRAL}”"
    )
    fill = FILL_NAMES[found.settings["fill"]]  # type: ignore[index]
    alone = "" if "words" in found.over else " This map scores no word of the question, so patches alone are tested."
    stopped = "" if found.complete == 1 else f" Stopped when {found.complete:.0%} of it was done."
    things = f"{counted(len(found.words), 'word')} of the question, {counted(found.patches, 'patch', 'patches')}"
    folded(
        f"{things}.{alone}{stopped}",
        f"Erased words are {words}, hidden patches {fill}. A word scores the sum of its tokens. A question with words "
        "missing is as odd to the model as a picture with holes, so compare with random orders. Template, earlier "
        "turns and the answer's own words before the target stay: “The house is” says what was asked, so of a later "
        f"word the question's words may matter little. {found.seconds:.1f} s.",
    )
