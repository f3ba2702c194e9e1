"""The loaded models, shared by every tab of this server, and which of them a tab uses."""

from __future__ import annotations

import gc
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import streamlit as st
import torch

from ...errors import FolderNotOpen, ModelUnavailable
from ...gate.folders import allowed
from ...startup import first_model, needs_no_fetching
from ...typed_paths import is_there
from ...vlm.bounded import BoundedCache
from ...vlm.loading import (
    EMBEDDED_MODELS,
    NO_ADAPTER,
    MemoryEstimate,
    ModelSpec,
    estimate_memory,
    is_hub_id,
    load_model,
    on_this_machine,
)
from ...vlm.memory import give_back_freed
from ...vlm.model import VisionLanguageModel
from .workspace import Workspace

log = logging.getLogger(__name__)

MOST_LOADED = 2
MOST_REMEMBERED = 256
"""Models of which is remembered that somebody chose them, and how they were loaded."""


class ModelStore:
    """The last few models used, and those that somebody here has chosen on purpose.

    Models are loaded one at a time. A model that is loaded already is there for everybody at any time. Where a new one
    does not fit beside those that are loaded, they are let go before, and the last of them is loaded again if it fails.

    (`st.cache_resource` would do, but for its rule that cached work may not report its progress to the page.)
    """

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._table = threading.Lock()
        self._loaded: OrderedDict[ModelSpec, VisionLanguageModel] = OrderedDict()
        self._ours = frozenset({*EMBEDDED_MODELS.values(), *filter(needs_no_fetching, [first_model()])})
        self._chosen: BoundedCache[ModelSpec, ModelSpec] = BoundedCache(lambda used: MOST_REMEMBERED)
        self._specs: BoundedCache[str, ModelSpec] = BoundedCache(lambda used: MOST_REMEMBERED)

    def get(self, spec: ModelSpec, progress: Callable[[str], None], anyway: bool = False) -> VisionLanguageModel:
        """The model of `spec`, loaded if need be; with `anyway` also where it is not expected to fit. Raises
        ModelUnavailable."""
        self._check(spec)
        while (model := self.there(spec)) is None and not self._loading.acquire(timeout=0.2):
            progress("Waiting: another tab is loading a model")
        if model is not None:
            return model
        try:
            return self.there(spec) or self._load(spec, progress, anyway)
        finally:
            self._loading.release()

    def estimate(self, spec: ModelSpec) -> MemoryEstimate:
        """What loading `spec` takes and what is free; where it does not fit beside the loaded models, with what they
        take counted as free. Raises ModelUnavailable."""
        self._check(spec)
        estimate = estimate_memory(spec)
        with self._table:
            freed = sum(model.card.weight_bytes for model in self._loaded.values())
        return estimate if estimate.fits or not freed else estimate_memory(spec, freed)

    def fits_beside(self, spec: ModelSpec) -> bool:
        """Whether a model is loaded, or fits into what is free beside those that are. Raises ModelUnavailable."""
        self._check(spec)
        return self.there(spec) is not None or estimate_memory(spec).fits

    def _check(self, spec: ModelSpec) -> None:
        """Raises ModelUnavailable for a folder that this server was not opened to."""
        # By whoever started it, or by somebody who was let.
        known = {source for chosen in (*self._ours, *self._chosen.keys()) for source in (chosen.source, chosen.adapter)}
        try:
            for source in {spec.source, spec.adapter or NO_ADAPTER} - known - {NO_ADAPTER}:
                if not is_hub_id(source) or is_there(Path(source)):
                    allowed(source)
        except FolderNotOpen as error:
            raise ModelUnavailable(str(error)) from error

    def is_here(self, spec: ModelSpec) -> bool:
        """Whether a model can be loaded without fetching anything; its adapter is not looked for. Touches no network.
        Raises ModelUnavailable."""
        self._check(spec)
        return on_this_machine(spec.source)

    def loaded(self, fingerprint: str) -> VisionLanguageModel | None:
        """The loaded model of this fingerprint; None where it is not loaded."""
        with self._table:
            return next((model for model in self._loaded.values() if model.card.fingerprint == fingerprint), None)

    def there(self, spec: ModelSpec) -> VisionLanguageModel | None:
        """The model of `spec` where it is loaded; None where it is not."""
        with self._table:
            if spec not in self._loaded:
                return None
            self._loaded.move_to_end(spec)
            return self._loaded[spec]

    def _load(self, spec: ModelSpec, progress: Callable[[str], None], anyway: bool) -> VisionLanguageModel:
        progress("Looking whether it fits")
        former = None if estimate_memory(spec).fits else self._let_go(progress)
        try:
            model = load_model(spec, progress, anyway=anyway)
        except Exception:
            if former is not None:
                progress("It could not be loaded: loading the former model again")
                self._keep(former, load_model(former, progress, anyway=True))
            raise
        self._keep(spec, model)
        return model

    def _keep(self, spec: ModelSpec, model: VisionLanguageModel) -> None:
        with self._table:
            self._loaded[spec] = model
            self._specs.put(model.card.fingerprint, spec)
            while len(self._loaded) > MOST_LOADED:
                self._loaded.popitem(last=False)

    def _let_go(self, progress: Callable[[str], None]) -> ModelSpec | None:
        """Let go of every loaded model. Which of them was used last; None where there was none."""
        with self._table:
            last = next(reversed(self._loaded), None)
            self._loaded.clear()
        if last is not None:
            progress("Making room: letting go of the models in use")
            gc.collect()
            give_back_freed()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return last

    def spec_of(self, fingerprint: str) -> ModelSpec | None:
        """How a model that was loaded here once can be loaded again; None where it never was."""
        return self._specs.get(fingerprint)

    def choose(self, spec: ModelSpec) -> None:
        """Remember that somebody chose `spec`: from now on a link may bring it up without asking."""
        self._chosen.put(spec, spec)

    def was_chosen(self, spec: ModelSpec) -> bool:
        return spec in self._ours or spec in self._chosen


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


def switch_model(current_workspace: Workspace, spec: ModelSpec, anyway: bool = False) -> None:
    """Use another model from now on, with `anyway` also one that is not expected to fit. If it cannot be loaded, the
    former one stays and `model_trouble` says why.

    Whatever is clicked meanwhile stops it: the page begins anew, and what was downloaded is kept for the next time.
    """
    current_workspace.asked_spec = None
    current_workspace.model_trouble = None
    former = f"{current_workspace.spec.source.rsplit('/', 1)[-1]} is still in use."
    status, stop = st.empty(), st.empty()
    # Its click is heard where progress is next told, and needs no answer: the new run of the page is the answer.
    stop.button("Stop", key="stop_loading", icon=":material/stop_circle:", help="What was downloaded so far is kept.")
    try:
        store().get(spec, lambda step: _tell(status, step), anyway)
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
        stop.empty()
    store().choose(spec)
    current_workspace.spec = spec
    current_workspace.reasked = None
    current_workspace.compared = None
