"""The league on a folder of one's own: run with the model in use, kept for it, and chosen among those kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ...cases.folder_league import run_folder_league
from ...cases.folder_standing import FolderLeague
from ...cases.formats.base import CaseFormat, CaseSet
from ...cases.formats.registry import formats, read_folder
from ...cases.grounding import find_heads
from ...cases.kept_heads import heads_journal, keep_heads, kept_heads
from ...cases.kept_leagues import KeptLeague, journal_of, keep, kept_leagues
from ...counted import counted
from ...errors import SightlineError
from ...explainers.registry import explainers
from ...gate.folders import allowed
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.person import home
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.scripts import show_command
from .view import CasesView

COMES_ALONG = "drawn streets (comes along)"
GUESS = "find out"
LONGEST_PATH = 1000


def chosen_league(model: VisionLanguageModel) -> KeptLeague | None:
    """The league that somebody chose among those kept for this model, the latest at first; None for the one that comes
    along, and where there is no other."""
    kept = kept_leagues(home(), model.card.fingerprint)
    if not kept:
        return None
    names = {str(one.file): f"{one.of.name} ({one.of.set_of_cases}), {counted(one.of.scored, 'case')}" for one in kept}
    chosen = st.selectbox(
        "League",
        [*names, COMES_ALONG],
        format_func=lambda file: names.get(file, file),
        key=f"league_of_{model.card.fingerprint[:8]}",
        width=420,
    )
    return next((one for one in kept if str(one.file) == chosen), None)


def told_panel(kept: KeptLeague) -> None:
    """Whom a kept league recommends, by which rule, and on how many cases of what."""
    of = kept.of
    names = {row.method: row.name for row in of.league.ranking}
    with st.container(border=True):
        if of.league.recommended is not None:
            st.markdown(f":material/trophy: **Recommended for this model: {escaped(names[of.league.recommended])}**")
        else:
            st.markdown("No method is recommended: each takes too long for a click or fails the known cause.")
        if of.league.leader not in (None, of.league.recommended):
            st.markdown(f"Best for those who can wait: {escaped(names[of.league.leader])}")
        if of.league.not_told_apart:
            st.text(of.league.not_told_apart)
        st.text(f"On {of.told}")
        st.text(of.rule)
    for sentence in left_out(of):
        st.caption(escaped(sentence))
    passes = {names[method]: count for method, count in of.passes.items() if method in names}
    each = "\n".join(
        f"- {escaped(name)}: {count:.2g}" for name, count in sorted(passes.items(), key=lambda one: one[1])
    )
    spread = "\n".join(
        f"- {escaped(names[method])}: {figure.value:.2f} ({figure.low:.2f}–{figure.high:.2f})"
        for method, figure in of.evenness.items()
        if method in names
    )
    empty = f"\n\nEvenness where the picture has no evidence (1: the map points nowhere):\n\n{spread}" if spread else ""
    folded("What a map takes, in passes of this model (median).", each + empty)
    st.caption("To run it again, or to continue it:")
    show_command(kept.command)


def left_out(of: FolderLeague) -> list[str]:
    """What is not among the figures, in sentences."""
    told = []
    if of.wrong:
        unread = f", {of.not_understood:,} of which no rule understands" if of.not_understood else ""
        told.append(f"Answered otherwise than expected, and not scored: {of.wrong:,}{unread}.")
    if of.problems:
        told.append(f"Could not be scored, and are tried again the next time: {of.problems:,} ({of.why})")
    if of.scored + of.wrong + of.problems < of.sample:
        told.append(f"Not asked yet: {of.sample - of.scored - of.wrong - of.problems:,} of {of.sample:,} cases.")
    return told


def run_panel(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Choose a folder and how much of it, and run or go on."""
    view = workspace.view(CasesView)
    with st.expander("On your pictures, with the model in use", icon=":material/folder_open:"):
        st.caption(
            "Any folder that Benchmarks can ask. With a column mask (a picture, boxes, polygons, or none for pictures "
            "without evidence) the right place is scored as well. Only answers that are right are scored. What is "
            "finished is kept for this model, and Relevancy recommends by it."
        )
        with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
            names = {GUESS: "find out by itself"} | {key: one.name for key, one in formats().items()}
            form = st.selectbox("Format", list(names), format_func=names.__getitem__, key="league_format", width=190)
            typed = st.text_input(
                "Folder",
                placeholder="the path of a folder on this machine",
                max_chars=LONGEST_PATH,
                key="league_folder",
                persist_state="session",
                width=360,
            ).strip()
            number = int(st.number_input("Cases", 1, 100_000, 100, key="league_cases", width=110))
            seed = int(st.number_input("Seed", 0, 10**6, 0, key="league_seed", width=90))
        known = {key: one.name for key, one in explainers().items() if not one.control}
        methods = st.multiselect(
            "Methods", list(known), default=list(known), format_func=known.__getitem__, key="league_methods"
        )
        with st.container(horizontal=True, gap="small"):
            clicked = st.button("Run it", type="primary", icon=":material/play_arrow:", key="league_run")
            heads = st.button(
                "Find heads that ground",
                icon=":material/center_focus_strong:",
                key="league_heads",
                help="Which heads look where the masks are, and what is lost without them. They are kept for this "
                "model: Attention Explorer lists them, and the method “Heads that ground” sums them.",
            )
        if not typed or not methods:
            if clicked or heads:
                st.text("Type the path of the folder first." if not typed else "Choose a method.")
            return
        wanted = None if form == GUESS else form
        _go(view, model, typed, wanted, number, seed, methods, clicked)
        _find(view, model, typed, wanted, number, seed, heads)


def _go(
    view: CasesView,
    model: VisionLanguageModel,
    typed: str,
    form: str | None,
    number: int,
    seed: int,
    methods: Sequence[str],
    clicked: bool,
) -> None:
    key = ("folder league", typed, form, number, seed, tuple(methods), model.card.fingerprint)
    if clicked:
        opened = opened_folder(typed, form)
        if opened is None:
            return
        folder, format_, found = opened
        place = str(Path(folder).resolve())
        own = home()
        journal = journal_of(own, model.card.fingerprint, format_.key, place, seed)
        command = f"sightline league {_options(folder, number, seed)}"

        def run(cancel: CancelToken, report: Report) -> None:
            league = run_folder_league(
                model,
                found.cases,
                journal,
                name=format_.key,
                folder=place,
                number=number,
                seed=seed,
                explainers=methods,
                progress=report,
                cancel=cancel,
            )
            if league.scored:
                keep(league, journal, command)

        view.jobs.start(model, key, "scoring methods on your pictures", "league", run)
    view.jobs.tell(key)


def _find(
    view: CasesView, model: VisionLanguageModel, typed: str, form: str | None, number: int, seed: int, clicked: bool
) -> None:
    key = ("grounding heads", typed, form, number, seed, model.card.fingerprint)
    if clicked:
        opened = opened_folder(typed, form)
        if opened is None:
            return
        folder, format_, found = opened
        place, own = str(Path(folder).resolve()), home()
        journal = heads_journal(own, model.card.fingerprint, format_.key, place, seed)
        command = f"sightline heads {_options(folder, number, seed)}"

        def run(cancel: CancelToken, report: Report) -> None:
            heads = find_heads(
                model,
                found.cases,
                journal,
                name=format_.key,
                folder=place,
                number=number,
                seed=seed,
                progress=report,
                cancel=cancel,
            )
            if heads.scored:
                keep_heads(heads, own, command)

        view.jobs.start(model, key, "looking where heads look", "heads", run)
    view.jobs.tell(key)
    heads = kept_heads(home(), model.card.fingerprint)
    if heads is not None:
        grounding = f"Heads that ground: {heads.grounding}" if heads.grounding else "No head grounds by the rule"
        told = f"{grounding} ({heads.scored:,} cases; masks cover {heads.area:.1%} of the picture)."
        st.caption(f":material/center_focus_strong: {told}")


def opened_folder(typed: str, form: str | None) -> tuple[Path, CaseFormat, CaseSet] | None:
    """The folder that was typed, its format and its cases; None, with the reason on screen, where there are none."""
    try:
        folder = allowed(typed)
        return folder, *read_folder(folder, form)
    except SightlineError as error:
        st.text(str(error))
        return None


def _options(folder: Path, number: int, seed: int) -> str:
    """What a command says of the cases."""
    return f'--folder "{folder}" --cases {number}' + (f" --seed {seed}" if seed else "")
