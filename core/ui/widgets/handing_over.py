"""The run of this tab to hand over: as a page that stands alone, or as a bundle of everything."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from ...errors import SightlineError
from ...quantities import file_size
from ...reports.bundle import write_bundle
from ...reports.report import write_report
from ..state.keeping import runs
from ..state.view import View
from ..state.workspace import Workspace
from .map_downloads import plain
from .part import part

PATIENCE = 20.0
"""Seconds that are waited for what is still being kept."""


@dataclass(frozen=True, eq=False)
class Form:
    """A way to hand a run over."""

    name: str
    icon: str
    ending: str
    mime: str
    write: Callable[..., None]
    help: str


FORMS = (
    Form(
        "Report",
        ":material/description:",
        "html",
        "text/html",
        write_report,
        "One page that stands alone and prints: pictures, questions, answers, every figure with its settings, its code "
        "and the papers behind it.",
    ),
    Form(
        "Bundle",
        ":material/folder_zip:",
        "zip",
        "application/zip",
        write_bundle,
        "The report, figures (SVG, PNG), numbers (CSV, NPZ), scripts, the run itself, and reproduce.py, which computes "
        "all of it again and compares.",
    ),
)


@dataclass(frozen=True, eq=False)
class Ready:
    """A file that was made of a run."""

    run: str
    name: str
    content: bytes


@dataclass(eq=False)
class HandingOver(View):
    """What was made, by the name of its form, and why something could not be."""

    ready: dict[str, Ready] = field(default_factory=dict)
    trouble: str | None = None


@part
def hand_over(workspace: Workspace) -> None:
    """A popover that makes a report or a bundle at a click, and offers it. A part of its own: the page stays as it is
    meanwhile."""
    if workspace.run is None:
        return
    view = workspace.view(HandingOver)
    with st.popover("Report or bundle", icon=":material/ios_share:", width="stretch"):
        for form in FORMS:
            _offer(workspace, view, form)
        if view.trouble:
            st.text(view.trouble)


def _offer(workspace: Workspace, view: HandingOver, form: Form) -> None:
    keeper = workspace.run
    assert keeper is not None
    place = st.empty()
    if st.button(f"Make the {form.name.lower()}", key=f"hand_over_{form.name}", icon=form.icon, width="stretch"):
        _make(workspace, view, form)
    st.caption(form.help)
    ready = view.ready.get(form.name)
    if ready is not None and ready.run == keeper.id:
        place.download_button(
            f"Save the {form.name.lower()} ({file_size(len(ready.content))})",
            ready.content,
            ready.name,
            form.mime,
            key=f"hand_over_save_{form.name}",
            icon=":material/download:",
            type="primary",
            on_click="ignore",
            width="stretch",
        )


def _make(workspace: Workspace, view: HandingOver, form: Form) -> None:
    """Write the file, with a bar; any other click ends this."""
    keeper = workspace.run
    assert keeper is not None
    view.trouble = None
    bar = st.progress(0.0, f"Making the {form.name.lower()} …")
    keeper.flush(PATIENCE)
    try:
        with tempfile.TemporaryDirectory(prefix="sightline-") as folder:
            file = Path(folder) / f"run.{form.ending}"
            with runs().open(keeper.id, only_look=True) as run:
                title = run.manifest.shown_title
                form.write(run, file, progress=lambda done: bar.progress(done, f"Making the {form.name.lower()} …"))
            name = f"{plain(title) or keeper.id}.{form.ending}"
            view.ready[form.name] = Ready(keeper.id, name, file.read_bytes())
    except SightlineError as error:
        view.trouble = str(error)
    finally:
        bar.empty()
