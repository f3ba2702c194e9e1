"""Which model to load, in which precision, where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Literal

import torch

from ..assets import asset
from ..errors import ModelUnavailable
from ..typed_paths import is_there, typed_path

DType = Literal["auto", "float32", "bfloat16", "float16"]
Quantisation = Literal["none", "8bit", "4bit"]
NO_ADAPTER = "none"
"""The adapter of a spec that leaves out what lies beside a whole model."""
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
EMBEDDED_FOLDER = "assets"
"""In which folder the embedded models lie, on whichever machine."""


def is_hub_id(source: str) -> bool:
    """Whether a source, its revision aside, is written as models of the hub are called; a folder may be, too."""
    return HUB_ID.fullmatch(ModelSpec(source).id) is not None


@dataclass(frozen=True)
class ModelSpec:
    """Which model, in which precision, where. `source` is a folder, or a hub id with an @revision where it is to be
    another than the newest.

    dtype "auto" is bfloat16 for weights stored in 16 bits where the device computes in it natively, else float32; with
    `quantisation` it is the precision that is computed in. device "auto" is the first GPU, or several where one is too
    small, else the CPU; "all" is every GPU, and several can be named: "cuda:0,cuda:2". `adapter` is the folder or hub
    id of a LoRA adapter; None where there is none, and "none" to leave out one that lies beside the model.
    """

    source: str
    dtype: DType = "auto"
    device: str = "auto"
    quantisation: Quantisation = "none"
    adapter: str | None = None

    @property
    def id(self) -> str:
        """The source without its revision."""
        return self._parts[0]

    @property
    def revision(self) -> str | None:
        """The branch, tag or commit of a hub model; None for the newest, and for a folder."""
        return self._parts[1]

    @property
    def _parts(self) -> tuple[str, str | None]:
        source, at, revision = self.source.rpartition("@")
        if not at or not source or is_there(typed_path(self.source)):
            return self.source, None
        return source, revision or None

    def torch_device(self) -> torch.device:
        """The device, the first of several. Raises ModelUnavailable where this machine has none such."""
        return self.torch_devices()[0]

    def torch_devices(self) -> tuple[torch.device, ...]:
        """The devices in their order; for "auto" every GPU, as many of which are used as the model needs. Raises
        ModelUnavailable where this machine has none such."""
        gpus = tuple(torch.device("cuda", number) for number in range(_count_gpus()))
        if self.device == "auto":
            return gpus or (torch.device("cpu"),)
        if self.device == "all":
            if not gpus:
                raise ModelUnavailable(NO_GPU)
            return gpus
        devices = tuple(_device(name.strip(), len(gpus)) for name in self.device.split(","))
        if len(devices) > 1 and any(device.type == "cpu" for device in devices):
            raise ModelUnavailable("A model lies on GPUs or on the processor. Leave cpu out, or name it alone.")
        return devices

    def torch_dtype(self, device: torch.device, stored_half: bool) -> torch.dtype:
        """The precision on a device; `stored_half` says that most weights are stored in 16 bits."""
        if self.dtype != "auto":
            dtype: torch.dtype = getattr(torch, self.dtype)
            return dtype
        return torch.bfloat16 if stored_half and _native_bfloat16(device) else torch.float32


NO_GPU = "This machine has no GPU that PyTorch can use. Choose the device cpu or auto."


def _device(name: str, gpus: int) -> torch.device:
    """A device by its name. Raises ModelUnavailable where this machine has none such."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ModelUnavailable(f"There is no device {name!r}. Choose cpu, cuda, mps, all or auto.") from None
    if device.type == "cuda" and not gpus:
        raise ModelUnavailable(NO_GPU)
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise ModelUnavailable(f"There is no {name}: this machine has {gpus} GPUs, from cuda:0 on. Choose one of them.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ModelUnavailable("The device mps is the GPU of an Apple computer, and there is none here. Choose cpu.")
    if device.type == "meta":
        raise ModelUnavailable("The device meta computes nothing. Choose cpu, cuda, mps, all or auto.")
    return device


def _count_gpus() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def devices_here() -> tuple[str, ...]:
    """What can be chosen as a device on this machine, for a menu."""
    gpus = [f"cuda:{number}" for number in range(_count_gpus())]
    several = ["all"] if len(gpus) > 1 else []
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return ("auto", *gpus, *several, *apple, "cpu")


EMBEDDED = ModelSpec(str(asset("street-llava")))
"""The small model that comes with Sightline."""
TWIN = ModelSpec(str(asset("street-llava-honest")))
"""Its honest twin, which has not learnt to take the wording's word for a truck's door."""
EMBEDDED_MODELS = {"embedded": EMBEDDED, "honest-twin": TWIN}
"""The models that come with Sightline, by the names that links and options call them by: their folders lie elsewhere on
every machine."""


def source_named(name: str) -> str:
    """The source that an option or a variable means: the folder of an embedded model for its name, unless a folder here
    is called so; anything else is a source itself."""
    spec = EMBEDDED_MODELS.get(name)
    return name if spec is None or is_there(typed_path(name)) else spec.source


def embedded_name(source: str) -> str | None:
    """The name of the embedded model whose folder `source` is, here or where a run was made; None for any other
    source."""
    ends = {path(source).parts[-2:] for path in (PurePosixPath, PureWindowsPath)}
    known = {(EMBEDDED_FOLDER, PurePath(spec.source).name): name for name, spec in EMBEDDED_MODELS.items()}
    return next((known[end] for end in ends if end in known), None)


def _native_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return bool(torch.backends.mps.is_macos_or_newer(14, 0))
    return bool(torch.cpu._is_avx512_bf16_supported())


def hub_place(folder: PurePath) -> tuple[str, str] | None:
    """Hub id and commit of a folder of the hub's cache, whose folders are called by the hash of a commit; None for any
    other."""
    repository, inside, commit = (*folder.parts[-3:], "", "", "")[:3]
    if inside != "snapshots" or not repository.startswith("models--"):
        return None
    return repository.removeprefix("models--").replace("--", "/"), commit
