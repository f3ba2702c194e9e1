"""A run as a file to hand over, and such a file taken in."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ...gate.opening import the_opening
from ...quantities import file_size
from ...runs.bundle import export_bundle, import_bundle
from ...runs.info import RunInfo
from ...runs.place import FOLDER
from ...writing import write_whole
from ..state.keeper import PATIENCE
from ..state.keeping import runs
from ..state.workspace import Workspace
from ..widgets.handing_over import FORMS as HANDED_OVER
from ..widgets.handing_over import Form
from ..widgets.map_downloads import plain
from .store import attempt
from .view import HistoryView, Packed, Told
from .words import many, title_of

MOST_MEGABYTES = 1000
"""Of a file that goes through the browser, up or down, for it is held in memory; commands take larger ones."""
COMMANDS = {"Report": "sightline report", "Bundle": "sightline bundle", "Run alone": "sightline runs export"}

ALONE = Form(
    "Run alone",
    ":material/download:",
    "zip",
    "application/zip",
    export_bundle,
    "What is kept of the run and no more, which History imports. It needs no drawing, so it is quick.",
)
FORMS = {form.name: form for form in (*HANDED_OVER, ALONE)}
"""What a run can be saved as, by name."""


def hand_over(workspace: Workspace, view: HistoryView, run: RunInfo) -> None:
    """Make the file that was asked for, and offer it."""
    if view.packing is not None and view.packing[0] == run.id:
        handed, view.packing = view.packing[1], None
        view.last = _packing(workspace, view, run, handed)
    packed = view.packed
    if packed is None or packed.run != run.id:
        return
    form = FORMS[packed.handed]
    if too_large(packed.file):
        _by_command(view, run, packed)
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"packed_{run.id}"):
        st.download_button(
            f"Save the {packed.handed.lower()} ({file_size(packed.file.stat().st_size)})",
            packed.file.read_bytes,
            f"{plain(run.title) or run.id}.{form.ending}",
            form.mime,
            key=f"save_{run.id}",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button("Close", key=f"unpack_{run.id}", type="tertiary", on_click=_let_go, args=(view,))
        st.caption(form.help)


def too_large(file: Path) -> bool:
    """Whether a file does not go through the browser."""
    return file.stat().st_size > MOST_MEGABYTES * 10**6


def _by_command(view: HistoryView, run: RunInfo, packed: Packed) -> None:
    """How to have a file that is too large for the browser."""
    named = f"{plain(run.title) or run.id}.{FORMS[packed.handed].ending}"
    st.text(
        f"The {packed.handed.lower()} takes {file_size(packed.file.stat().st_size)}, and at most "
        f"{file_size(MOST_MEGABYTES * 10**6)} go through the browser. "
        + ("Ask whoever runs this server for it." if the_opening().to_others else "This writes it:")
    )
    output = "" if packed.handed == "Run alone" else "-o "
    if not the_opening().to_others:
        st.code(f"{COMMANDS[packed.handed]} {run.id} {output}{named}{in_data()}", language=None, wrap_lines=True)
    st.button("Close", key=f"unpack_{run.id}", type="tertiary", on_click=_let_go, args=(view,))


def in_data() -> str:
    """The option that names the folder of runs to commands, where it is not the account's own."""
    folder = os.environ.get(FOLDER, "").strip()
    return f" --data {shlex.quote(folder)}" if folder else ""


def _import_by_command() -> str:
    """How a file is taken in that is too large for the browser."""
    larger = f"A file of more than {file_size(MOST_MEGABYTES * 10**6)}"
    if the_opening().to_others:
        return f"{larger} is for whoever runs this server to take in."
    return f"{larger} is taken in by a command: `sightline runs import FILE.zip{in_data()}`"


def _packing(workspace: Workspace, view: HistoryView, run: RunInfo, handed: str) -> Callable[[], None]:
    """A place for a bar, with a way to stop it: any click begins the page anew, which ends it. Returns what then writes
    the file."""
    place, stop = st.empty(), st.empty()
    words = f"Making the {handed.lower()} …"
    stop.button("Stop", key="stop_packing", icon=":material/stop_circle:")
    form, keeper = FORMS[handed], workspace.run

    def advance(done: float) -> None:
        place.progress(min(1.0, max(0.0, done)), words)

    def pack() -> Told | None:
        if keeper is not None and keeper.id == run.id:
            keeper.flush(PATIENCE)
        folder = tempfile.TemporaryDirectory(prefix="sightline-")
        file = Path(folder.name) / f"run.{form.ending}"
        with runs().open(run.id, only_look=True) as opened:
            form.write(opened, file, progress=advance)
            damage = tuple(opened.damage)
        view.packed = Packed(run.id, handed, file, folder)
        if not damage:
            return None
        return Told(f"The {handed.lower()} is made, but for {many(len(damage), 'piece')}:", damage=damage, wrong=True)

    advance(0.0)
    return lambda: _ended(attempt(view, pack))


def _ended(_: bool) -> None:
    st.rerun()


def _let_go(view: HistoryView) -> None:
    view.packed = None


def take_in(view: HistoryView) -> None:
    """An uploader for a bundle, which is checked."""
    place = st.expander("Import a bundle", icon=":material/upload_file:", key="import_bundle")
    with place:
        file = st.file_uploader(
            "A bundle, or a run alone, as it is saved here",
            type="zip",
            key=f"bundle_{view.uploads}",
            max_upload_size=MOST_MEGABYTES,
        )
        st.caption(f"It is checked before anything of it is kept, and nothing in it is run. {_import_by_command()}")
    if file is None:
        return
    # A new key empties the uploader.
    view.uploads += 1

    def take() -> Told:
        with tempfile.TemporaryDirectory(prefix="sightline-") as folder:
            path = Path(folder) / _safe(file.name)
            write_whole(path, bytes(file.getbuffer()))
            id_, damage = import_bundle(runs(), path)
        title = title_of(runs().info(id_))
        if not damage:
            return Told(f"{title} is imported.")
        return Told(f"{title} is imported, but for {many(len(damage), 'piece')}:", damage=damage, wrong=True)

    waiting = place.empty()
    waiting.caption(":material/progress_activity: Checking the bundle …")
    view.last = lambda: _ended(attempt(view, take))


def _safe(name: str) -> str:
    """A name of an uploaded file that can be one here."""
    base = "".join(letter for letter in name.replace("\\", "/").rsplit("/", 1)[-1] if letter.isprintable())
    return base[-100:].lstrip(".") or "bundle.zip"
