"""What Sightline runs on: Python, processor, GPUs, threads and memory."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Gpu:
    """A GPU that PyTorch can use; memory in bytes, None where it is shared with the processor."""

    name: str
    memory: int | None = None
    free: int | None = None


@dataclass(frozen=True)
class Machine:
    """`cores` are those that this process may use. What PyTorch alone can tell is None without it: `threads` that it
    computes with, whether the processor has `bfloat16` of its own, `free` memory in bytes, the `cuda` it was built for.
    """

    python: str
    system: str
    processor: str
    cores: int
    threads: int | None = None
    threads_set: str | None = None
    bfloat16: bool | None = None
    free: int | None = None
    cuda: str | None = None
    gpus: tuple[Gpu, ...] = field(default=())


def this_machine() -> Machine:
    """This one, as far as can be told."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    machine = Machine(
        python=f"{platform.python_version()} ({platform.python_implementation()})",
        system=platform.platform(),
        processor=_processor(),
        cores=cores,
        threads_set=os.environ.get("OMP_NUM_THREADS"),
    )
    try:
        return _with_torch(machine)
    except Exception:  # that it cannot be imported is told with the other packages
        return machine


def _with_torch(machine: Machine) -> Machine:
    import torch

    from ..vlm.memory import available_bytes
    from ..vlm.threads import choose_threads

    return replace(
        machine,
        threads=choose_threads(),
        bfloat16=bool(torch.cpu._is_avx512_bf16_supported()),
        free=available_bytes(torch.device("cpu")),
        cuda=torch.version.cuda,
        gpus=_gpus(),
    )


def _gpus() -> tuple[Gpu, ...]:
    import torch

    gpus = []
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, memory = torch.cuda.mem_get_info(number)
        gpus.append(Gpu(torch.cuda.get_device_name(number), memory, free))
    if torch.backends.mps.is_available():
        gpus.append(Gpu("Apple GPU (mps)"))
    return tuple(gpus)


def _processor() -> str:
    """The processor's name, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
