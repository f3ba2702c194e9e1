"""One case of a run: its pictures, what was said, a way into the explorers, and what somebody notes about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from ...cases.case import Case
from ...cases.notes import Note, annotate, notes_file
from ...cases.results import Result
from ...cases.scoring import LETTERS
from ...charts.overlays import fit
from ...errors import NotesError, NotSaved, UnreadableImage
from ...street.recipe import from_params
from ...vlm.model import VisionLanguageModel
from ..state.scenes import image_of
from ..state.workspace import NamedImage, Workspace
from .opening import menu_asking
from .view import STREET, Benchmark, BenchmarkView, CasesView

SIZE = 240
MOST_PICTURES = 4


def one_case_panel(
    workspace: Workspace,
    model: VisionLanguageModel,
    chosen: Benchmark,
    case: Case | None,
    result: Result,
    notes: Mapping[str, Note],
    file: Path,
) -> None:
    """Everything about one case. `case` is None where the folder has it no more."""
    view = workspace.view(CasesView)
    with st.container(border=True, horizontal=True, gap="medium", key="one_case"):
        if case is not None:
            _images(case)
        with st.container(width="stretch"):
            st.text(result.question)
            st.text(f"→ {result.said}" if result.answered else result.problem or "")
            st.text(f"expected: {_expected(case, result)}")
            about = " · ".join(f"{name} {value}" for name, value in result.about.items())
            if about:
                st.text(about)
            if case is None:
                st.caption("The folder has no such case any more, so it cannot be asked again.")
            elif case.problem is None:
                menu_asking(workspace, model, case.fingerprint(), "open_case", case.asked, _drawn(chosen, case))
        with st.container(width=330):
            _note(view.benchmark, result.id, notes.get(result.id, Note()), notes_file(file))


def _expected(case: Case | None, result: Result) -> str:
    """The right answers; a letter with the option it stands for."""
    options = dict(zip(LETTERS, case.options if case is not None else (), strict=False))
    told = [f"({one}) {options[one]}" if one in options else one for one in result.expected if one]
    return " or ".join(told) or "not known"


def _images(case: Case) -> None:
    with st.container(width=SIZE):
        try:
            for image in case.asked().images[:MOST_PICTURES]:
                st.image(image.convert("RGB").resize(fit(image.size, SIZE)), alt="a picture of the case")
        except UnreadableImage as error:
            st.text(str(error))


def _drawn(chosen: Benchmark, case: Case) -> NamedImage | None:
    """The picture of a case of our own, with the scene it was drawn from."""
    if chosen.name != STREET:
        return None
    return image_of(from_params(case.about["scene"], case.about.get("changes", "")))


def _note(view: BenchmarkView, id_: str, note: Note, file: Path) -> None:
    """A text and tags; where they cannot be saved it is said why, and another place is offered."""
    text = st.text_area("Note", note.text, max_chars=4000, height=90, key=f"note_{file}_{id_}")
    tags = st.multiselect(
        "Tags",
        list(note.tags),
        list(note.tags),
        accept_new_options=True,
        key=f"tags_{file}_{id_}",
        placeholder="type a tag",
    )
    written = Note(text.strip(), tuple(tag.strip()[:60] for tag in tags if tag.strip()))
    place = view.noted_in.get(file, file)
    trouble = f"note_trouble_{file}_{id_}"
    # Never disabled: what is being typed is heard of only with this very click.
    if st.button("Save the note", icon=":material/save:", key="save_note") and written != note:
        _save(view, place, file, id_, written, trouble)
    if (told := st.session_state.get(trouble)) is not None:
        sentence, elsewhere = told
        st.text(sentence)
        if elsewhere is not None and st.button("Save it there", key="save_note_there"):
            _save(view, elsewhere, file, id_, written, trouble)


def _save(view: BenchmarkView, place: Path, file: Path, id_: str, note: Note, trouble: str) -> None:
    try:
        annotate(place, id_, note)
    except NotSaved as error:
        st.session_state[trouble] = (f"{error} It is kept here while this page is open.", error.elsewhere)
    except NotesError as error:
        st.session_state[trouble] = (str(error), None)
    else:
        st.session_state.pop(trouble, None)
        view.noted_in[file] = place
    st.rerun()
