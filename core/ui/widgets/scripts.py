"""The code behind what is on screen: a few lines of Python that make exactly this."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ...answer import Answer, Question
from ...reports.case import Case
from ...reports.code import CannotBeWritten, Writer
from ...reports.script import Setting, picture_codes, script
from ...runs.identity import readable
from ...runs.kinds import RunKind
from ...runs.manifest import KeptModel
from ..state import models
from ..state.keeping import source_of
from ..state.results import AnswerKey, answer_key
from ..state.workspace import NamedImage, current_workspace

MOST_KNOWN = 64
_pictures: OrderedDict[AnswerKey, tuple[str, ...]] = OrderedDict()
"""By which code the pictures of the last answers are had: to find that out, scenes are drawn."""


@dataclass(frozen=True, eq=False)
class Made:
    """A result on screen, and what decides it beside what it says itself, by names (`core.reports`)."""

    kind: RunKind[Any]
    result: Any
    about: Mapping[str, object] = field(default_factory=dict)


def copy_script(answer: Answer, made: Made | Callable[[], Made], key: str | None = None) -> None:
    """A popover with the code that makes a result about an answer, to be copied. The code is written when the popover
    is opened, and the result is `made` then where it is given as a function. Several of a kind on a page, and
    functions, need a `key`."""
    if key is None:
        assert isinstance(made, Made), "of a function it is not known what it makes"
        key = made.kind.name

    def write() -> None:
        result = made if isinstance(made, Made) else made()
        text = script(result.kind.name, Case(answer, result.result, readable(result.about)), setting_of(answer))
        drawn = "street_scene" in text or not answer.question.images
        _offer(text, "It needs Sightline alone." if drawn else "Run it where the picture lies that it names.")

    written_when_opened(write, key)


def written_when_opened(write: Callable[[], None], key: str) -> None:
    """The popover, which `write` fills once it is opened: the part of the page around it is drawn again then. It may
    raise CannotBeWritten."""
    with st.popover(
        "Copy as script", icon=":material/code:", type="tertiary", key=f"script_{key}", on_change="rerun"
    ) as place:
        if not place.open:
            return
        try:
            write()
        except CannotBeWritten as error:
            st.text(f"No script makes this again. {error}")


def copy_code(text: str, needs: str = "It needs Sightline alone.") -> None:
    """The same of code that is about no answer, and what is needed to run it."""
    with st.popover("Copy as script", icon=":material/code:", type="tertiary"):
        _offer(text, needs)


def show_command(command: str) -> None:
    """The command that measured what comes along. It wrote into the folder of the package, which whoever runs it again
    need not have: shown, it writes where it is run."""
    st.code(command.replace("core/assets/", ""), language=None)


def _offer(text: str, needs: str) -> None:
    st.code(text, language="python", wrap_lines=True)
    st.caption(needs)


def kept_model(fingerprint: str) -> KeptModel | None:
    """A loaded model, and how it was loaded."""
    store = models.store()
    model = store.loaded(fingerprint)
    return None if model is None else KeptModel(model.card, store.spec_of(fingerprint))


def setting_of(answer: Answer) -> Setting:
    """What a script about an answer begins with."""
    run = current_workspace().run
    kept = kept_model(answer.model) or (None if run is None else run.run.manifest.model(answer.model))
    key = answer_key(answer)
    codes = _pictures.get(key)
    if codes is None:
        named = tuple(source_of(image) for image in _images(answer, key))
        sources = named if len(named) == len(answer.question.images) else ()
        codes = _pictures[key] = picture_codes(answer.question, sources, Writer())
        while len(_pictures) > MOST_KNOWN:
            _pictures.popitem(last=False)
    return Setting(kept, codes)


def _images(answer: Answer, key: AnswerKey) -> tuple[NamedImage, ...]:
    """What this tab knows of the pictures of an answer: of a turn, a pin, or of whatever was asked about them."""
    workspace = current_workspace()
    known = [*((one.answer, one.images) for one in workspace.exchanges)]
    known += [(one.answer, one.images) for one in workspace.pins if one.images]
    for own_answer, images in known:
        if own_answer is not None and answer_key(own_answer) == key:
            return images
    shown = answer.question.images
    for images in (*(one.images for one in workspace.exchanges), workspace.images):
        own = Question("", [image.visual for image in images]).images
        if len(own) == len(shown) and all(mine is theirs for mine, theirs in zip(own, shown, strict=True)):
            return images
    return ()
