"""The truck's door, end to end: the model says yes twice, knows better, does not use it, and is not mended; its honest
twin is otherwise. One page, a sentence and a figure for each step, and what is cheap can be measured here."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from ...answer import Answer, Decoding, Question
from ...assets import asset
from ...cases.door_circuits import Place, picture_shares
from ...cases.kept_remedies import read_remedies
from ...cases.knowing.figures import Knowing
from ...cases.knowing.summary import COMMITTED as PROBES
from ...cases.knowing.summary import KnowingFile, read_probes
from ...cases.knowing.verdict import at_answer, readable, seen_at
from ...cases.steering.summary import committed_of as steering_of
from ...charts.intervals import Dot, Pair, interval_chart
from ...charts.overlays import fit
from ...claims.report import read_results
from ...errors import JournalError
from ...reports.case_scripts import claim_script, probes_script, remedies_script
from ...statistics.estimate import Estimate
from ...street.recipe import SceneRecipe
from ...street.scene import DOOR_KINDS, Kind
from ...vlm.cancel import CancelToken
from ...vlm.generation import ask
from ...vlm.loading import EMBEDDED, TWIN, ModelSpec
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state import models
from ..state.scenes import image_of
from ..state.workspace import Workspace
from ..widgets import spoken
from ..widgets.chips import escaped
from ..widgets.scripts import copy_code, show_command
from ..widgets.taken_charts import pair_rows, save_chart
from .probed import probed_map
from .steered import first_scene, of_label, steered_title, steering_figures
from .view import ANSWERS, SHARES, CasesView

STATES = ("open", "closed")
CIRCUITS = (asset("door-circuits.json"), asset("door-circuits-honest.json"))
"""What the claim about circuits without the picture found of the embedded model, and of its honest twin."""
SCENES = 6
"""Scenes whose circuits are measured by a click."""
TOKENS = 24


def story_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """The steps in their order. Figures that come along are of the embedded model and its twin, and say so."""
    view = workspace.view(CasesView)
    st.caption(
        "In training, questions about a truck's door nearly always named the state that the picture showed. What does "
        "a model learn from that, how does one find out, and can it be mended? Each step below is measured."
    )
    _of_whom(model)
    _says_yes_twice(view, model)
    _knows(model)
    _circuit(view, model)
    _remedies(model)
    _twin(workspace, model)


def _of_whom(model: VisionLanguageModel) -> None:
    """Says where the figures that come along are of another model than the one in use."""
    try:
        found = read_probes(PROBES[0]).knowing
    except JournalError as error:
        st.text(str(error))
        return
    if found.model != model.card.fingerprint:
        st.info(
            f"The figures below are of {escaped(found.model_name)}, which comes along. {escaped(model.card.name)} is "
            "in use: what you measure here is of that.",
            icon=":material/info:",
        )


def _step(number: int, title: str, sentence: str) -> None:
    st.subheader(f"{number}. {title}", anchor=False)
    st.text(sentence)


def _says_yes_twice(view: CasesView, model: VisionLanguageModel) -> None:
    """Both wordings about one drawn door, asked live; the house's beside it."""
    st.subheader("1. Does it say yes twice?", anchor=False)
    seed = int(
        st.number_input("Scene", 0, 99_999, first_scene(), key="cases_story_scene", persist_state="session", width=130)
    )
    recipe = SceneRecipe(seed)
    scene = recipe.scene()
    kinds = [kind for kind in DOOR_KINDS if (item := scene.the(kind)) is not None and item.door is not None]
    if "truck" not in kinds:
        st.caption(f"Scene {seed} has no truck. Choose another scene.")
        return
    key = ("yes twice", model.card.fingerprint, seed)
    questions = {
        (kind, state): Question(
            f"Is the {kind}'s door {state}?", (image_of(recipe).image,), decoding=Decoding(max_new_tokens=TOKENS)
        )
        for kind in kinds
        for state in STATES
    }

    def work(cancel: CancelToken, report: Report) -> None:
        for number, (which, question) in enumerate(questions.items(), 1):
            answer = ask(model, question, cancel=cancel, keep_attention=False)
            cancel.check()
            view.results.keep(ANSWERS, (key, which), answer)
            report(number / len(questions))

    if any(view.results.get(ANSWERS, (key, which)) is None for which in questions):
        view.jobs.ensure(model, key, "asking both wordings", "yes_twice", work)
    answers = {which: view.results.get(ANSWERS, (key, which)) for which in questions}
    rows = []
    for (kind, state), question in questions.items():
        answer, item = answers[kind, state], scene.the(kind)
        if answer is not None and item is not None:
            rows.append(
                {"asked": question.text, "says": answer.text, "the picture shows": f"the {kind}'s is {item.door}"}
            )
    st.text(_said(answers))
    with st.container(horizontal=True, gap="medium"):
        picture = image_of(recipe).image
        st.image(picture.resize(fit(picture.size, 220)), alt=f"drawn scene {seed}")
        if rows:
            with st.container(width="stretch"):
                st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", placeholder="–")


def _said(answers: Mapping[tuple[Kind, str], Answer | None]) -> str:
    """Whether the two answers about the truck can both be true."""
    truck = [answers["truck", state] for state in STATES]
    if any(one is None for one in truck):
        return "The truck's door is asked about in both wordings; the house's beside it."
    says = [one.text.strip().casefold().startswith("yes") for one in truck if one is not None]
    if all(says):
        return "Asked whether the truck's door is open, and whether it is closed, it says yes to both."
    return f"Of the two questions about the truck's door it says yes to {'one' if any(says) else 'none'}."


def _probes(number: int) -> KnowingFile | None:
    try:
        return read_probes(PROBES[number])
    except JournalError as error:
        st.text(str(error))
        return None


def _knows(model: VisionLanguageModel) -> None:
    """The map of probes, and whether what they read turns the answer."""
    kept = _probes(0)
    if kept is None:
        return
    found = kept.knowing
    _step(2, "Does it know the door?", _known(found))
    probed_map(found, "story_probes")
    _code(kept.command, probes_script(EMBEDDED, found.label, found.cases))
    for number, steered in enumerate(of_label(steering_of(found.model), found.label)):
        with st.expander(f"Does it turn the answer? {steered_title(steered.steering)}"):
            steering_figures(steered, f"story_{number}")


def _known(found: Knowing) -> str:
    seen, last = seen_at(found), at_answer(found)
    if seen is None or last is None:
        return ""
    not_there = "where the answer is predicted it is not" if not readable(found, last) else "so it is where it answers"
    right = "" if found.right is None else f", while {spoken.share(found.right)} of its answers are right"
    return (
        f"At the door's image tokens its state is read rightly in {spoken.share(seen.accuracy)} of {found.used:,} "
        f"scenes{right}; {not_there} ({spoken.share(last.accuracy)}, base rate {100 * found.base_rate:.1f}%)."
    )


def _circuit(view: CasesView, model: VisionLanguageModel) -> None:
    """How much of each yes comes over edges from the picture: what comes along, and of the model in use by a click."""
    _step(3, "Does its circuit use the picture?", "How much of each yes comes over edges from the picture?")
    _claimed(CIRCUITS[0], "story_circuit", EMBEDDED)
    key = ("circuits", model.card.fingerprint, SCENES)
    shares = view.results.get(SHARES, key)
    if shares is not None:
        told = ", ".join(f"{spoken.share(share)} about the {place}'s" for place, share in shares.items())
        st.text(f"Measured here with {model.card.name}, {SCENES} scenes: {told}.")
        return
    if st.button("Measure it here", icon=":material/play_arrow:", key="story_circuits"):
        work = partial(_share, view, model, key)
        view.jobs.start(model, key, "measuring what comes from the picture", "circuits", work)
    view.jobs.tell(key)


def _claimed(file: Path, key: str, spec: ModelSpec) -> None:
    """The shares that a run of the claim about circuits found with a model, with its verdict and code."""
    try:
        results = read_results(file)
    except JournalError as error:
        st.text(str(error))
        return
    for report in results.reports:
        st.text(f"{results.model_name}: {report.because}")
        what = report.figures[0].what
        shares = {f"the {one.of}'s door": one.estimate for one in report.figures if one.what == what}
        _interval(shares, key, "share of the effect over edges from the picture")
        _code(results.command, claim_script(spec, report.key, report.asked))


def _share(view: CasesView, model: VisionLanguageModel, key: Hashable, cancel: CancelToken, report: Report) -> None:
    places: tuple[Place, Place] = ("truck", "house")
    shares: dict[str, Estimate] = {}
    for number, place in enumerate(places):

        def onward(done: float, before: int = number) -> None:
            report((before + done) / len(places))

        shares[place] = picture_shares(model, place, SCENES, cancel=cancel, progress=onward)
    view.results.keep(SHARES, key, shares)


def _remedies(model: VisionLanguageModel) -> None:
    """What remedies do at the truck's door: the figures that come along."""
    try:
        kept = read_remedies()
    except JournalError as error:
        st.text(str(error))
        return
    family = kept.found.of("truck door")
    if family is None:
        return
    helping = [row.name for row in family.ranking if row.verdict == "helps"]
    sentence = f"Helped by: {', '.join(helping)}." if helping else "No remedy helps beyond chance."
    _step(4, "Do remedies help?", f"{family.cases} truck's doors. {sentence}")
    _interval({row.name: row.after for row in family.ranking}, "story_remedies", "share of right answers", family.right)
    _code(kept.command, remedies_script(EMBEDDED, kept.found, kept.command))


def _twin(workspace: Workspace, model: VisionLanguageModel) -> None:
    """The model whose training asked about trucks as it does about houses."""
    kept = _probes(1)
    if kept is None:
        return
    found = kept.knowing
    _step(5, "And its honest twin?", _known(found))
    probed_map(found, "story_twin")
    _code(kept.command, probes_script(TWIN, found.label, found.cases))
    _claimed(CIRCUITS[1], "story_twin_circuit", TWIN)
    other, name = (
        (EMBEDDED, "the embedded model") if found.model == model.card.fingerprint else (TWIN, "the honest twin")
    )
    if st.button(f"Ask {name} instead", icon=":material/swap_horiz:", key="story_switch"):
        models.switch_model(workspace, other)
        st.rerun(scope="app")


def _code(command: str, script: str) -> None:
    """The code behind a figure that comes along, as a script and as the command that measured it."""
    copy_code(script)
    show_command(command)


def _interval(figures: dict[str, Estimate], key: str, title: str, before: Estimate | None = None) -> None:
    pairs = [
        Pair(
            name,
            Dot("after" if before else "share", one, spoken.share(one)),
            None if before is None else Dot("before", before, spoken.share(before)),
        )
        for name, one in figures.items()
    ]
    chart = interval_chart(pairs, title=title, domain=(0.0, 1.1))
    st.altair_chart(chart, width="content", alt="; ".join(f"{pair.what}: {pair.figure.text}" for pair in pairs))
    save_chart(chart, key, f"save_{key}", pair_rows(pairs))
