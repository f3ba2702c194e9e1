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
from .memory import MemoryEstimate, judge_memory
from .model import VisionLanguageModel
from .spec import (
    EMBEDDED,
    EMBEDDED_MODELS,
    NO_ADAPTER,
    TWIN,
    DType,
    ModelSpec,
    Quantisation,
    devices_here,
    is_hub_id,
    source_named,
)

__all__ = [
    "EMBEDDED",
    "EMBEDDED_MODELS",
    "NO_ADAPTER",
    "TWIN",
    "DType",
    "MemoryEstimate",
    "ModelSpec",
    "ModelUnavailable",
    "Quantisation",
    "SuggestedModel",
    "devices_here",
    "estimate_memory",
    "estimate_suggested",
    "import_backend",
    "is_hub_id",
    "load_model",
    "on_this_machine",
    "source_named",
    "suggested_models",
]


@dataclass(frozen=True)
class SuggestedModel:
    """A model worth trying. `parameters` in billions."""

    source: str
    label: str
    parameters: float
    note: str

    @property
    def download(self) -> int:
        """About the bytes of its files: hub models store 16 bits a number."""
        return int(self.parameters * 2e9)


LAPTOP = (
    SuggestedModel(
        "HuggingFaceTB/SmolVLM-256M-Instruct", "SmolVLM 256M", 0.26, "Photographs on any laptop, in many small tiles."
    ),
    SuggestedModel("HuggingFaceTB/SmolVLM-500M-Instruct", "SmolVLM 500M", 0.51, "The same, and answers better."),
    SuggestedModel(
        "Qwen/Qwen3-VL-2B-Instruct",
        "Qwen3-VL 2B",
        2.1,
        "Photographs and text on a laptop; its grid follows the picture.",
    ),
    SuggestedModel("OpenGVLab/InternVL3-1B-hf", "InternVL3 1B", 0.94, "Photographs and text, in tiles."),
)
"""Models for photographs that a laptop without a card can run."""

OF_PAPERS = (
    SuggestedModel("llava-hf/llava-1.5-7b-hf", "LLaVA 1.5 7B", 7.1, "The model of many papers: 24 x 24 image tokens."),
    SuggestedModel("llava-hf/llava-v1.6-mistral-7b-hf", "LLaVA-NeXT 7B", 7.6, "The same in tiles of the picture."),
    SuggestedModel("Qwen/Qwen2-VL-7B-Instruct", "Qwen2-VL 7B", 8.3, "Of newer papers; its grid follows the picture."),
)

CURRENT = (
    SuggestedModel("Qwen/Qwen2.5-VL-3B-Instruct", "Qwen2.5-VL 3B", 3.8, "Photographs, documents and charts."),
    SuggestedModel("google/gemma-3-4b-it", "Gemma 3 4B", 4.3, "Its licence is to be accepted on the hub first."),
    SuggestedModel("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL 7B", 8.3, "Stronger; for a GPU, or in 4 bit."),
    SuggestedModel("Qwen/Qwen3-VL-8B-Instruct", "Qwen3-VL 8B", 8.8, "Stronger still; for a GPU, or in 4 bit."),
)

COMES_ALONG = (
    SuggestedModel(
        EMBEDDED.source,
        "Street LLaVA (embedded)",
        0.005,
        "Drawn street scenes. It answers about a truck's door by the wording. Nothing to download.",
    ),
    SuggestedModel(
        TWIN.source,
        "Street LLaVA, honest twin (embedded)",
        0.005,
        "Drawn street scenes. The same model, but it looks at a truck's door. Nothing to download.",
    ),
)
"""The models that come with Sightline."""


def suggested_models() -> tuple[SuggestedModel, ...]:
    """Models known to work: for a laptop, those of the papers, current ones, and the embedded ones."""
    return (*LAPTOP, *OF_PAPERS, *CURRENT, *COMES_ALONG)


def estimate_suggested(model: SuggestedModel) -> MemoryEstimate:
    """What a suggested model takes here as it would be loaded unasked, from its number of parameters alone: touches no
    network. Raises ModelUnavailable."""
    spec = ModelSpec(model.source)
    devices = spec.torch_devices()
    weights = int(model.parameters * 1e9) * spec.torch_dtype(devices[0], stored_half=True).itemsize
    return judge_memory(model.label, weights, weights // 10, devices)


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
