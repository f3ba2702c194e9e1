"""`sightline study`: published cases, re-run on many held-out scenes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..cases.studies.registry import studies
from ..cases.studies.study import Measured, Study
from ..errors import WrongOption
from ..vlm.model import VisionLanguageModel
from .console import Exit, bar, emit, stoppable


def tell() -> Exit:
    """A line for each study: what is claimed, by whom, and when it counts as borne out."""
    for key, one in studies().items():
        emit({"study": key, "title": one.title, "claim": one.claim, "source": one.source, "rule": one.rule})
    return Exit.DONE


def study_of(key: str) -> Study[Any, Any]:
    """The study of that name. Raises WrongOption."""
    if key not in studies():
        raise WrongOption(f"There is no study {key!r}. The studies are {', '.join(studies())}.")
    return studies()[key]


def run(model: VisionLanguageModel, one: Study[Any, Any], scenes: int | None) -> Exit:
    """A line for each figure, and one for the verdict."""
    with stoppable() as cancel, bar(one.title) as progress:
        outcome = one.run(model, scenes, cancel=cancel, progress=progress)
    for measured in outcome.measured:
        emit(_figure(measured))
    verdict = {"verdict": outcome.verdict, "because": outcome.because, "rule": one.rule, "caveat": one.caveat}
    emit({"study": one.key, **verdict, "scenes": outcome.scenes, "seconds": round(outcome.seconds, 2)})
    return Exit.STOPPED if outcome.stopped else Exit.DONE


def _figure(measured: Measured) -> dict[str, Any]:
    beside = None if measured.beside is None else asdict(measured.beside)
    found = {"what": measured.what, "subject": measured.subject, "found": asdict(measured.found)}
    return {**found, "control": measured.control, "beside": beside}
