"""The loaded models, shared by every tab of this server, and which of them a tab uses."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable

import streamlit as st

from ...errors import ModelUnavailable
from ...startup import first_model, needs_no_fetching
from ...vlm.loading import EMBEDDED, ModelSpec, load_model
from ...vlm.model import VisionLanguageModel
from .workspace import Workspace

log = logging.getLogger(__name__)

MOST_LOADED = 2


class ModelStore:
    """The last few models used, and those that somebody here has chosen on purpose.

    (`st.cache_resource` would do, but for its rule that cached work may not report its progress to the page.)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: OrderedDict[ModelSpec, VisionLanguageModel] = OrderedDict()
        self._chosen = {EMBEDDED, *filter(needs_no_fetching, [first_model()])}
        self._specs: dict[str, ModelSpec] = {}

    def get(self, spec: ModelSpec, progress: Callable[[str], None]) -> VisionLanguageModel:
        """The model of `spec`, loaded if need be, one at a time. Raises ModelUnavailable."""
        while not self._lock.acquire(timeout=0.2):
            progress("Waiting: another tab is loading a model")
        try:
            if spec not in self._loaded:
                self._loaded[spec] = load_model(spec, progress)
                self._specs[self._loaded[spec].card.fingerprint] = spec
                while len(self._loaded) > MOST_LOADED:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(spec)
            return self._loaded[spec]
        finally:
            self._lock.release()

    def spec_of(self, fingerprint: str) -> ModelSpec | None:
        """How a model that was loaded here once can be loaded again; None where it never was."""
        return self._specs.get(fingerprint)

    def choose(self, spec: ModelSpec) -> None:
        """Remember that somebody chose `spec`: from now on a link may bring it up without asking."""
        self._chosen.add(spec)

    def was_chosen(self, spec: ModelSpec) -> bool:
        return spec in self._chosen


@st.cache_resource(show_spinner=False)
def store() -> ModelStore:
    """This server's models."""
    return ModelStore()


def model_for(current_workspace: Workspace) -> VisionLanguageModel | None:
    """The tab's model, loaded at first use; None when it cannot be had (`workspace.model_trouble` says why)."""
    status = st.empty()
    try:
        return store().get(current_workspace.spec, lambda step: _tell(status, step))
    except ModelUnavailable as error:
        current_workspace.model_trouble = str(error)
        return None
    finally:
        status.empty()


def _tell(status: st.delta_generator.DeltaGenerator, step: str) -> None:
    status.text(f"{step} …")


def switch_model(current_workspace: Workspace, spec: ModelSpec) -> None:
    """Use another model from now on. If it cannot be loaded, the former one stays and `model_trouble` says why."""
    current_workspace.asked_spec = None
    current_workspace.model_trouble = None
    former = f"{current_workspace.spec.source.rsplit('/', 1)[-1]} is still in use."
    status = st.empty()
    try:
        store().get(spec, lambda step: _tell(status, step))
    except ModelUnavailable as error:
        current_workspace.model_trouble = f"{error} {former}"
        return
    except Exception as error:
        log.exception("loading %s failed", spec.source)
        current_workspace.model_trouble = (
            f"{spec.source} could not be loaded ({type(error).__name__}). The terminal has the details. {former}"
        )
        return
    finally:
        status.empty()
    store().choose(spec)
    current_workspace.spec = spec
    current_workspace.reasked = None
    current_workspace.compared = None
