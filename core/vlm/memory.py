"""How much memory there is, and how much a model will need."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

OVERHEAD = 300 * 2**20
"""Bytes for activations, caches and the libraries, beside the weights."""


@dataclass(frozen=True)
class ControlGroup:
    """The files in which the system says how much memory a container may have, how much it has, and of what kinds;
    `reclaimable` is the kind it gives up when asked: what was read of files and not looked at again."""

    limit: Path
    used: Path
    kinds: Path
    reclaimable: str

    def available(self) -> int | None:
        """Bytes that are left to the container; None where there is none, or no limit."""
        try:
            limit, used = (int(file.read_text(encoding="ascii")) for file in (self.limit, self.used))
            kinds = dict(line.split() for line in self.kinds.read_text(encoding="ascii").splitlines())
        except (OSError, ValueError):
            return None
        return max(0, limit - used + int(kinds.get(self.reclaimable, 0)))


_FIRST, _SECOND = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
_CONTROL_GROUPS = (
    ControlGroup(_SECOND / "memory.max", _SECOND / "memory.current", _SECOND / "memory.stat", "inactive_file"),
    ControlGroup(
        _FIRST / "memory.limit_in_bytes",
        _FIRST / "memory.usage_in_bytes",
        _FIRST / "memory.stat",
        "total_inactive_file",
    ),
)


@dataclass(frozen=True)
class MemoryEstimate:
    """What loading takes and what there is, in bytes; `sentence` says both and, if it does not fit, what to do.

    `needed` is that of the weights and of `working`, which asking and explaining take: states, keys and values of a
    long question, and the libraries.
    """

    needed: int
    working: int
    available: int
    fits: bool
    sentence: str


def available_bytes(device: torch.device) -> int:
    """Free memory of a device, on a GPU with what PyTorch keeps of it and does not use; for the CPU what the system
    says is available, within the container's limit."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    limits = [_system_available(), *(group.available() for group in _CONTROL_GROUPS)]
    known = [value for value in limits if value is not None]
    return min(known) if known else 4 * 2**30


def _system_available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else None


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], int | None]]:
    """`with peak_memory(device) as peak:` and afterwards `peak()`: the bytes that were in use at most beyond those in
    use before. None where the system does not tell (the CPU, outside Linux)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield lambda: int(torch.cuda.max_memory_allocated(device)) - before
        return
    # Writing 5 there sets this process's high-water mark back to what it uses now (Linux, proc(5)).
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        started = _resident("VmRSS")
    except OSError:
        started = None
    peak: list[int | None] = [None]
    try:
        yield lambda: peak[0]
    finally:
        highest = _resident("VmHWM") if started is not None else None
        if highest is not None and started is not None:
            peak[0] = max(0, highest - started)


def give_back_freed() -> None:
    """Hand memory that this process has freed back to the system, where the C library can (glibc's malloc_trim), and
    what PyTorch keeps of GPUs.

    They keep freed memory to use it again, unseen by `peak_memory` and by other processes: whoever compares what
    several pieces of work take calls this before each.
    """
    trim = _of_c_library("malloc_trim")
    if trim is not None:
        trim(0)
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


IDLE = 2**30
"""Bytes of a GPU that PyTorch may keep unused between two pieces of work: giving them back and asking again takes
time."""
FREED = 32 * 2**20
"""The same of the CPU's memory, which glibc gives back in a few milliseconds, and would else keep in pieces."""


def give_back_idle() -> None:
    """Hand back what is kept of memory after large work and not used, for other programs: by PyTorch of GPUs, by the C
    library of the CPU's."""
    trim = _of_c_library("malloc_trim")
    if trim is not None and _freed_bytes() > FREED:
        trim(0)
    if not torch.cuda.is_initialized():
        return
    kept = (
        torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        for device in range(torch.cuda.device_count())
    )
    if any(idle > IDLE for idle in kept):
        torch.cuda.empty_cache()


class _Mallinfo(ctypes.Structure):
    """What glibc (2.33 and later) says of its memory, in bytes; `fordblks` are freed and kept."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def _freed_bytes() -> int:
    """Bytes that the C library keeps of freed memory, given back before or not; 0 where it does not tell."""
    tell = _of_c_library("mallinfo2")
    if tell is None:
        return 0
    tell.restype = _Mallinfo
    return int(tell().fordblks)


def _of_c_library(name: str) -> Any:
    """A function of the C library; None where it has none of that name, or cannot be asked."""
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # Windows has no library of the program itself
        return None


_SAID = ("can't allocate memory", "out of memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: on a GPU, in Python, or in PyTorch's own memory of the CPU, whose error is a plain
    RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _SAID)


def _resident(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kibibytes = next((line.split()[1] for line in lines if line.startswith(f"{field}:")), None)
    return None if kibibytes is None else int(kibibytes) * 1024


def readable_bytes(count: int) -> str:
    """Bytes for people: "310 kB", "24 MB", "14.1 GB"."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 or not count else f"{count / 1e3:.0f} kB"


def judge_memory(
    name: str,
    weights: int,
    working: int,
    devices: Sequence[torch.device],
    others: Mapping[str, tuple[int, int]] | None = None,
    freed: int = 0,
) -> MemoryEstimate:
    """Whether `weights` bytes of parameters (as they will be stored) and `working` bytes beside them fit on some
    devices together. `others` are other ways of loading and both figures then; `freed` bytes are let go before."""
    available = sum(available_bytes(device) for device in devices) + freed
    needed = _in_all(weights, working)
    free = f"{readable_bytes(available)} are free"
    if freed:
        free += f" once the models in use are let go ({readable_bytes(freed)})"
    said = (
        f"{name} needs about {readable_bytes(needed)} (weights {readable_bytes(weights)}, the rest for asking and "
        f"explaining) and {free}"
    )
    if needed <= available:
        return MemoryEstimate(needed, working, available, True, f"{said}.")
    fitting = [
        f"in {way} ({readable_bytes(_in_all(*figures))})"
        for way, figures in (others or {}).items()
        if _in_all(*figures) <= available
    ]
    remedy = f"It would fit {' or '.join(fitting)}" if fitting else "Choose a smaller model"
    place = "with more GPU memory" if devices[0].type == "cuda" else "with more memory"
    sentence = f"{said}, so it does not fit. {remedy}; or use a machine {place}."
    return MemoryEstimate(needed, working, available, False, sentence)


def _in_all(weights: int, working: int) -> int:
    """Weights, with what reading them takes for a moment, and all that stands beside them."""
    return int(weights * 1.1) + working + OVERHEAD
