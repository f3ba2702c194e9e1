"""How many CPU threads to compute with, found out once by measuring.

On shared or oversubscribed cores two threads can be many times slower than one, and nothing but a measurement tells.
"""

from __future__ import annotations

import os
import time
from functools import lru_cache

import torch


def _seconds(threads: int, a: torch.Tensor, b: torch.Tensor) -> float:
    torch.set_num_threads(threads)
    torch.mm(a, b)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - began)
    return best


@lru_cache(maxsize=1)
def choose_threads() -> int:
    """Measure a small matrix product with one, half of and all cores, and set torch to the fastest. Takes < 0.1 s.

    OMP_NUM_THREADS, where somebody set it, is left alone. Returns the number of threads.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if "OMP_NUM_THREADS" in os.environ or cores == 1:
        return torch.get_num_threads()
    a, b = torch.ones(160, 512), torch.ones(512, 512)
    best = min(sorted({1, max(1, cores // 2), cores}), key=lambda threads: _seconds(threads, a, b))
    torch.set_num_threads(best)
    return best
