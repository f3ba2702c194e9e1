"""Below the maps of a page: one button that tests all of them, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ....answer import Answer, SceneFill
from ....errors import ExplainError
from ....evidence.badge import so_far
from ....evidence.evaluate import check_testable, evaluate, expected
from ....evidence.location import Location, locate
from ....evidence.result import Evidence
from ....evidence.settings import EvidenceSettings
from ....evidence.verdict import Verdict
from ....geometry import place_note
from ....masking import FILL_NAMES
from ....runs.kinds import EVIDENCE
from ....street.recipe import SceneRecipe
from ....vlm.cancel import CancelToken
from ....vlm.model import VisionLanguageModel
from ...jobs.page import PageJobs, Report
from ...state.workspace import Workspace
from ..controls import settings_form
from ..folded import folded
from ..forecasts import foretold
from ..scripts import Made, copy_script
from . import figures, truth
from .drawn import scenes_of
from .modalities import modalities_panel
from .randomisation import randomisation_panel
from .view import TESTS, EvidenceView, Mapped

FILL = "evidence_fill"
CHEAPER = (
    "One fill, fewer steps or fewer random orders take proportionally less time. After a stop, what is finished is "
    "shown."
)


def evidence_section(
    workspace: Workspace,
    model: VisionLanguageModel,
    answer: Answer,
    maps: Sequence[Mapped],
    jobs: PageJobs,
    *,
    over_words: bool = False,
) -> None:
    """Test the maps shown, of any targets of one answer; `jobs` are the page's. Badges are drawn where the maps are
    (`evidence_badges`). `over_words`: a map can be tested over the question's words as well. Nothing is computed before
    somebody asks for it."""
    if not maps:
        return
    # Where no image token has a place, maps of squares of the picture are those that can be tested.
    maps = [one for one in maps if one.explanation.about(answer).layout.views] or maps
    answer = maps[0].explanation.about(answer)
    st.subheader("Is it true?" if len(maps) == 1 else "Are they true?", anchor=False)
    try:
        check_testable(model, answer)
    except ExplainError as error:
        st.text(str(error))
        return
    view, scenes = workspace.view(EvidenceView), scenes_of(workspace, answer)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        place = st.container(width="content")
        with st.popover("Settings", icon=":material/tune:"):
            _settings(view, model, scenes)
        right = truth.choose(workspace, answer)
        figures.meanings()
    below = st.container()
    with place:
        _button(view, model, answer, maps, scenes, jobs, below)
    one = _results(view, model, answer, maps, right)
    if over_words:
        modalities_panel(view, model, answer, one, jobs)
    randomisation_panel(view, model, answer, maps, jobs)


def _settings(view: EvidenceView, model: VisionLanguageModel, scenes: Sequence[SceneRecipe]) -> None:
    drawn_only: dict[str, tuple[str, ...]] = {} if scenes else {"fill": ("redraw",)}
    wanted = settings_form(EvidenceSettings, model.card, "evidence_settings", without=drawn_only)
    if wanted != view.settings:
        # The badges above were drawn for the former ones.
        view.settings = wanted
        st.rerun()


def _button(
    view: EvidenceView,
    model: VisionLanguageModel,
    answer: Answer,
    maps: Sequence[Mapped],
    scenes: Sequence[SceneRecipe],
    jobs: PageJobs,
    below: DeltaGenerator,
) -> None:
    """The button; and what it takes, or that it was stopped, said `below` its line."""
    missing = [one for one in maps if (tested := view.test_of(answer, one.explanation)) is None or tested.complete < 1]
    asked = tuple(view.key(answer, one.explanation) for one in missing)
    name = "Test this" if len(maps) == 1 else f"Test these {len(maps)} maps"
    clicked = st.button(
        name,
        type="primary",
        icon=":material/experiment:",
        disabled=not missing,
        key="evidence_test",
        help="Patches are taken away, and brought back, in the order of the map: does the word stand and fall with "
        "them, beside random orders and the middle of the picture?",
    )
    told = expected(model, answer, len(missing), view.settings)
    if missing:
        with below:
            foretold(told, CHEAPER)
    if clicked:
        settings = view.settings

        def test(cancel: CancelToken, report: Report) -> None:
            explanations = [one.explanation for one in missing]

            def early(found: list[Verdict]) -> None:
                report.so_far(so_far(found[0], explanations[0].target) if len(found) == 1 else "")

            outcomes = evaluate(
                model,
                answer,
                explanations,
                settings=settings,
                scenes=scenes,
                cancel=cancel,
                progress=report,
                early=early,
            )
            for one, evidence in zip(missing, outcomes, strict=True):
                view.results.keep(TESTS, view.key(answer, one.explanation), evidence)

        jobs.start(model, asked, "testing maps", "evidence", test, told)
    with below:
        jobs.tell(asked)


def _results(
    view: EvidenceView,
    model: VisionLanguageModel,
    answer: Answer,
    maps: Sequence[Mapped],
    right: truth.Truth | None,
) -> Mapped:
    """What was found of the map that is told in full, which is returned."""
    with st.container(horizontal=True, gap="medium"):
        one = _chosen(maps)
        evidence = view.test_of(answer, one.explanation)
        fill = _fill(view, evidence) if evidence is not None else None
    if right is not None and (note := place_note(right.pixels, answer.layout, right.image)):
        st.caption(f":material/crop: {note}")
    place = _located(model, answer, one, right, view.settings)
    if evidence is None:
        st.caption(
            "Not tested yet. The button hides the map's patches, the highest first, and asks how probable the word "
            "still is; then it shows them alone."
        )
    with st.container(horizontal=True, gap="small"):
        if evidence is not None and fill is not None:
            with st.container(width=575):
                figures.curves(evidence, fill)
                folded(*figures.told(evidence))
                about = {"target": one.explanation.target, "map_settings": one.explanation.settings}
                copy_script(answer, Made(EVIDENCE, evidence, about))
        if evidence is not None or place is not None:
            with st.container(width=490):
                if evidence is not None and fill is not None:
                    figures.table(evidence, fill)
                if place is not None:
                    figures.place_table(place)
    return one


def _chosen(maps: Sequence[Mapped]) -> Mapped:
    """The map whose test is told in full: the only one, or a choice."""
    if len(maps) == 1:
        return maps[0]
    names = [one.name for one in maps]
    name = st.segmented_control(
        "In full",
        names,
        default=names[0],
        required=True,
        key=f"evidence_map_{crc32(repr(names).encode()):x}",
        persist_state="session",
        wrap=True,
    )
    return maps[names.index(name)]


def _located(
    model: VisionLanguageModel, answer: Answer, one: Mapped, right: truth.Truth | None, settings: EvidenceSettings
) -> Location | None:
    if right is None:
        return None
    return locate(model, answer, one.explanation, right.pixels, image=right.image, settings=settings)


def _fill(view: EvidenceView, evidence: Evidence) -> SceneFill:
    """The fill that badges, curves and table speak of; a choice where there are several."""
    if len(evidence.fills) == 1:
        return evidence.fills[0]

    def chosen() -> None:
        view.fill = st.session_state[FILL]

    st.session_state[FILL] = view.fill_of(evidence)
    st.segmented_control(
        "Hidden patches are",
        evidence.fills,
        format_func=FILL_NAMES.__getitem__,
        required=True,
        key=FILL,
        on_change=chosen,
        wrap=True,
    )
    return view.fill_of(evidence)
