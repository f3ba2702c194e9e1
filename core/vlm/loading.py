"""From a model spec to a model that answers.

Folders, the embedded model and hub models take the same path, whatever carries it out. Importing this costs no backend:
one is imported when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..errors import ModelUnavailable
from .cancel import CancelToken
from .memory import MemoryEstimate
from .model import VisionLanguageModel
from .spec import EMBEDDED, NO_ADAPTER, DType, ModelSpec, Quantisation, devices_here

__all__ = [
    "EMBEDDED",
    "NO_ADAPTER",
    "DType",
    "MemoryEstimate",
    "ModelSpec",
    "ModelUnavailable",
    "Quantisation",
    "SuggestedModel",
    "devices_here",
    "estimate_memory",
    "import_backend",
    "load_model",
    "on_this_machine",
    "suggested_models",
]


@dataclass(frozen=True)
class SuggestedModel:
    """A model worth trying. `parameters` in billions."""

    source: str
    label: str
    parameters: float
    note: str


def suggested_models() -> tuple[SuggestedModel, ...]:
    """Models known to work, the embedded one first."""
    return (
        SuggestedModel(EMBEDDED.source, "Street LLaVA (embedded)", 0.005, "Drawn street scenes. Nothing to download."),
        SuggestedModel(
            "Qwen/Qwen2.5-VL-3B-Instruct", "Qwen2.5-VL 3B", 3.8, "Photographs and text; its grid follows the picture."
        ),
        SuggestedModel(
            "llava-hf/llava-1.5-7b-hf", "LLaVA 1.5 7B", 7.1, "The model of many papers: 24 x 24 image tokens."
        ),
        SuggestedModel("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL 7B", 8.3, "Stronger; for a GPU with 24 GB."),
    )


class Backend(Protocol):
    """What loads models and runs them."""

    def on_this_machine(self, source: str) -> bool: ...

    def estimate_memory(self, spec: ModelSpec, freed: int = 0) -> MemoryEstimate: ...

    def load_model(
        self,
        spec: ModelSpec,
        progress: Callable[[str], None],
        *,
        anyway: bool = False,
        cancel: CancelToken | None = None,
    ) -> VisionLanguageModel: ...


def import_backend() -> Backend:
    """The backend, imported now. Raises ImportError where it cannot be imported on this machine.

    The one place that chooses among backends: there is one, `transformers`.
    """
    from .hf import loading

    return loading


def on_this_machine(source: str) -> bool:
    """Whether a model can be loaded without fetching anything. Touches no network. Raises ModelUnavailable for what is
    neither a folder nor a hub id."""
    return import_backend().on_this_machine(source)


def estimate_memory(spec: ModelSpec, freed: int = 0) -> MemoryEstimate:
    """What loading `spec` takes and what is free, `freed` bytes of models that are to be let go included, without
    loading it.

    Asks the hub for the size of a model that is not here. Raises ModelUnavailable.
    """
    return import_backend().estimate_memory(spec, freed)


def load_model(
    spec: ModelSpec,
    progress: Callable[[str], None] | None = None,
    *,
    anyway: bool = False,
    cancel: CancelToken | None = None,
) -> VisionLanguageModel:
    """Load a model. `progress` is told in a few words what is going on; with `anyway` also one that is not expected to
    fit. Raises ModelUnavailable, and Cancelled where its download is stopped: what it has is kept for the next time."""
    return import_backend().load_model(spec, progress or (lambda _: None), anyway=anyway, cancel=cancel)
