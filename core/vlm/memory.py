"""How much memory there is, and how much a model will need."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

OVERHEAD = 300 * 2**20
"""Bytes for activations, caches and the libraries, beside the weights."""

_CONTROL_GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


@dataclass(frozen=True)
class MemoryEstimate:
    """What loading takes and what there is, in bytes; `sentence` says both and, if it does not fit, what to do.

    `needed` is None where the size of the weights could not be found out.
    """

    needed: int | None
    available: int
    fits: bool
    sentence: str


def available_bytes(device: torch.device) -> int:
    """Free memory of a device; for the CPU what the system says is available, within the container's limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    limits = [_system_available(), *(_group_available(limit, used) for limit, used in _CONTROL_GROUPS)]
    known = [value for value in limits if value is not None]
    return min(known) if known else 4 * 2**30


def _system_available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else None


def _group_available(limit: Path, used: Path) -> int | None:
    try:
        return max(0, int(limit.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return None


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
    """Hand memory that this process has freed back to the system, where the C library can (glibc's malloc_trim).

    It keeps freed memory to use it again, unseen by `peak_memory`: whoever compares what several pieces of work take
    calls this before each.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kibibytes = next((line.split()[1] for line in lines if line.startswith(f"{field}:")), None)
    return None if kibibytes is None else int(kibibytes) * 1024


def readable_bytes(count: int) -> str:
    """Bytes for people: "24 MB", "14.1 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def judge_memory(name: str, weights: int | None, device: torch.device, half: bool) -> MemoryEstimate:
    """Whether `weights` bytes of parameters (in the precision they will have) fit; `half` says it is 16 bit."""
    available = available_bytes(device)
    if weights is None:
        return MemoryEstimate(
            None, available, True, f"The size of {name} is not known; {readable_bytes(available)} are free."
        )
    needed = int(weights * 1.1) + OVERHEAD
    figures = f"{name} needs about {readable_bytes(needed)} and {readable_bytes(available)} are free"
    if needed <= available:
        return MemoryEstimate(needed, available, True, f"{figures}.")
    remedy = "Choose a smaller model" if half else "Load it in bfloat16, which halves this, choose a smaller model"
    place = "a machine with more GPU memory" if device.type == "cuda" else "a machine with more memory"
    return MemoryEstimate(needed, available, False, f"{figures}, so it does not fit. {remedy}, or use {place}.")
