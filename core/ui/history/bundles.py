"""A run as a file to hand over, and such a file taken in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from ...runs.bundle import export_bundle, import_bundle
from ...runs.info import RunInfo
from ..state.keeping import runs
from ..widgets.map_downloads import plain
from .store import attempt
from .view import HistoryView, Packed, Told
from .words import many, size, title_of

MOST_MEGABYTES = 1000
"""Of a bundle that is uploaded; `sightline runs import` takes larger ones."""


def hand_over(view: HistoryView, run: RunInfo) -> None:
    """Make the bundle that was asked for, and offer it."""
    if view.packing == run.id:
        view.packing = None
        _pack(view, run)
        st.rerun()
    packed = view.packed
    if packed is None or packed.run != run.id:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"packed_{run.id}"):
        st.download_button(
            f"Save the bundle ({size(packed.file.stat().st_size)})",
            packed.file.read_bytes,
            f"{plain(run.title) or run.id}.zip",
            "application/zip",
            key=f"save_{run.id}",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.caption(
            "Pictures, answers and results of this run. `sightline runs import` or this page takes it in.",
            width="content",
        )
        st.button("Close", key=f"unpack_{run.id}", type="tertiary", on_click=_let_go, args=(view,))


def _pack(view: HistoryView, run: RunInfo) -> None:
    """Write the bundle, with a bar and a way to stop it: any click begins the page anew, which ends this."""
    place, stop = st.empty(), st.empty()
    words = f"Packing {size(run.bytes)} …"
    stop.button("Stop", key="stop_packing", icon=":material/stop_circle:")

    def advance(done: float) -> None:
        place.progress(done, words)

    def pack() -> None:
        folder = tempfile.TemporaryDirectory(prefix="sightline-")
        file = Path(folder.name) / "run.zip"
        with runs().open(run.id, only_look=True) as opened:
            export_bundle(opened, file, progress=advance)
        view.packed = Packed(run.id, file, folder)

    advance(0.0)
    attempt(view, pack)


def _let_go(view: HistoryView) -> None:
    view.packed = None


def take_in(view: HistoryView) -> None:
    """An uploader for a bundle, which is checked."""
    place = st.expander("Import a bundle", icon=":material/upload_file:", key="import_bundle")
    with place:
        file = st.file_uploader(
            "A bundle of a run, as Export makes it",
            type="zip",
            key=f"bundle_{view.uploads}",
            max_upload_size=MOST_MEGABYTES,
        )
        st.caption("It is checked before anything of it is kept, and nothing in it is run.")
    if file is None:
        return
    # A new key empties the uploader.
    view.uploads += 1

    def take() -> Told:
        with tempfile.TemporaryDirectory(prefix="sightline-") as folder:
            path = Path(folder) / _safe(file.name)
            path.write_bytes(file.getbuffer())
            id_, damage = import_bundle(runs(), path)
        title = title_of(runs().info(id_))
        if not damage:
            return Told(f"{title} is taken in.")
        return Told(f"{title} is taken in, but for {many(len(damage), 'piece')}:", damage=damage, wrong=True)

    with place, st.spinner("Checking the bundle …"):
        attempt(view, take)
    st.rerun()


def _safe(name: str) -> str:
    """A name of an uploaded file that can be one here."""
    base = "".join(letter for letter in name.replace("\\", "/").rsplit("/", 1)[-1] if letter.isprintable())
    return base[-100:].lstrip(".") or "bundle.zip"
