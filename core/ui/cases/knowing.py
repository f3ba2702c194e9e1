"""Does the model know what it does not say? Probes of drawn doors, or of the open folder, beside its answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import streamlit as st

from ...cases.knowing.labels import ANSWER, Labelled, decides, drawn, of_folder
from ...cases.knowing.run import CASES, expected, run_probes
from ...cases.knowing.summary import KnowingFile, committed_of, read_probes
from ...cases.plain import write_plain
from ...cases.steering.summary import committed_of as steering_of
from ...errors import JournalError
from ...reports.case_scripts import probes_script
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.workspace import Workspace
from ..widgets.forecasts import foretold
from ..widgets.scripts import copy_code, kept_model, show_command
from .files import results_home
from .probed import best_table, probed_map, verdict_lines
from .steered import of_label, slider, steered_title, steering_figures
from .view import STREET, CasesView

DRAWN = ("truck door", "house door")
"""Families of drawn questions whose label decides the answer."""
FOLDER = "the open folder"


@dataclass(frozen=True)
class _Wanted:
    """What is to be probed: `cases` gives it (drawing takes a while), `number` is about how many there are. `of`,
    `label` and `decides` are as in `core.cases.knowing.figures.Subject`."""

    cases: Callable[[], Sequence[Labelled]]
    number: int
    of: str
    label: str
    decides: bool
    options: str

    def file(self, model: VisionLanguageModel) -> Path:
        """Where its lines are kept; its figures lie beside them."""
        named = hashlib.sha256(f"{self.of} {self.label}".encode("utf-8", "replace")).hexdigest()[:8]
        return results_home() / f"probes-{model.card.fingerprint[:8]}-{named}.jsonl"


def knowing_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """What is asked, a run that can be taken up again, and its figures; those that come along where there are none."""
    view = workspace.view(CasesView)
    st.caption(
        "A model may see a thing and not say it. A probe is a line through its states that reads a label: at the image "
        "tokens of the thing, in the words, and where the answer is predicted, layer by layer."
    )
    wanted = _chosen(view)
    if wanted is None:
        return
    _run(view, model, wanted)
    kept = _kept(model, wanted)
    if kept is None:
        st.caption("No figures of this model yet: click Probe them.")
        return
    found = kept.knowing
    verdict_lines(found)
    probed_map(found, "knowing")
    best_table(found)
    with st.container(horizontal=True, gap="small"):
        if wanted.of.startswith("drawn"):
            copy_code(probes_script(kept_model(model.card.fingerprint), wanted.label, found.cases))
    st.caption("The same by a command:")
    show_command(kept.command)
    st.subheader("Does it turn the answer?", anchor=False)
    st.caption("What can be read need not be used. The probe's test is to add the direction and see what is said.")
    for number, steered in enumerate(of_label(steering_of(model.card.fingerprint), found.label)):
        st.markdown(f"**{steered_title(steered.steering)}**")
        steering_figures(steered, f"knowing_{number}")
        slider(view, model, steered.steering, found.label.split()[0], f"knowing_{number}")


def _chosen(view: CasesView) -> _Wanted | None:
    """The cases and the label; None where no case has it."""
    chosen = view.benchmark.chosen
    opened = chosen is not None and chosen.name != STREET
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        options = (*DRAWN, FOLDER) if opened else DRAWN
        what = st.selectbox("Of", options, key="cases_probed_of", persist_state="session", width=190)
        if chosen is None or what != FOLDER:
            number = int(
                st.number_input(
                    "Scenes", 60, 2000, CASES, key="cases_probed_scenes", persist_state="session", width=140
                )
            )
            if not opened:
                st.caption(
                    "A folder that is open under *Benchmarks from a folder* can be probed, too.", width="content"
                )
            options_ = f'--family "{what}" --cases {number}'
            return _Wanted(
                lambda: list(drawn(what, what, number)), number, f"drawn streets: {what}", what, True, options_
            )
        columns = tuple(dict.fromkeys(name for case in chosen.cases for name in case.about))
        label = st.selectbox("Label", (ANSWER, *columns), key="cases_probed_label", persist_state="session", width=220)
    cases = chosen.cases
    return _Wanted(
        lambda: list(of_folder(cases, label)),
        len(cases),
        f"{chosen.name}: {chosen.folder}",
        label,
        decides("", label),
        f'"{chosen.folder}" --label "{label}"',
    )


def _run(view: CasesView, model: VisionLanguageModel, wanted: _Wanted) -> None:
    file = wanted.file(model)
    told = expected(model, wanted.number)
    foretold(told, "Fewer cases take proportionally less time; then probes are fitted. Finished cases are kept.")
    key = ("probes", str(file), wanted.number)
    if st.button("Probe them", icon=":material/network_intelligence:", key="probe_run"):
        work = partial(_probed, model, wanted, file)
        view.jobs.start(model, key, "probing states", "probes", work, told)
    view.jobs.tell(key)


def _probed(model: VisionLanguageModel, wanted: _Wanted, file: Path, cancel: CancelToken, report: Report) -> None:
    found = run_probes(
        model,
        wanted.cases(),
        file,
        of=wanted.of,
        label=wanted.label,
        decides=wanted.decides,
        progress=report,
        cancel=cancel,
    )
    command = f"sightline probes {wanted.options} --out {file}"
    write_plain({"command": command, **asdict(found)}, file.with_suffix(".json"))


def _kept(model: VisionLanguageModel, wanted: _Wanted) -> KnowingFile | None:
    """The figures that were measured here, or those that come along; None where there are none of this model."""
    file = wanted.file(model).with_suffix(".json")
    if file.exists():
        try:
            kept = read_probes(file)
        except JournalError as error:
            st.text(str(error))
            return None
        if kept.knowing.model == model.card.fingerprint:
            return kept
    along = committed_of(model.card.fingerprint)
    return along if along is not None and along.knowing.of == wanted.of else None
