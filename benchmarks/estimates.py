"""Is what a method says it needs what it takes? Each method's estimate of its memory beside the most that it had.

The models are random and narrow, with as many layers, heads and positions as real ones (`_geometries.py`). Methods run
one after the other in a process of each geometry, with nothing kept of what ran before; a method is stopped after
`--seconds`, by when its first batches have taken the most. Estimates are what was asked for before the work began; they
should be at most 3 times what was taken, and that at most 1.5 times the estimate. What takes less than 8 MB cannot be
told from what the process does besides.
Run: `OMP_NUM_THREADS=1 python -m benchmarks.estimates --geometry llava qwen`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from benchmarks._geometries import GEOMETRIES, TARGETS, asked, loaded, save
from core.answer import Answer, Target
from core.attention.tower import tower_figures, tower_read
from core.causal.discovery import layer_graphs
from core.evidence.evaluate import evaluate
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.mechanisms.registry import mechanisms
from core.mechanisms.run import measure
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.memory import give_back_freed, peak_memory, readable_bytes
from core.vlm.memory_costs import SCRATCH
from core.vlm.model import VisionLanguageModel

LAST = Target((TARGETS - 1,))
UNSEEN = 8 * 10**6
"""Bytes that are not told from what a process does besides."""

Work = Callable[[VisionLanguageModel, Answer, CancelToken], object]


def tower_rows(model: VisionLanguageModel, answer: Answer, cancel: CancelToken) -> None:
    """The figures of the tower's heads."""
    tower = tower_read(model, answer)
    if tower is not None:
        tower_figures(tower, answer.layout, 0, cancel=cancel)


def methods() -> dict[str, Work]:
    """Everything whose memory is estimated, by its name."""
    every: dict[str, Work] = {}
    for key, explainer in explainers().items():
        every[key] = lambda model, answer, cancel, own=explainer: explain(own, model, answer, [LAST], cancel=cancel)
    for key, mechanism in mechanisms().items():
        every[key] = lambda model, answer, cancel, own=mechanism: measure(own, model, answer, LAST, cancel=cancel)
    every["tower rows"] = tower_rows
    every["causal rows"] = lambda model, answer, cancel: layer_graphs(
        model, answer, TARGETS - 1, model.card.layers // 2, cancel=cancel
    )
    every["evidence"] = lambda model, answer, cancel: evaluate(
        model, answer, explain(explainers()["random"], model, answer, [LAST]), cancel=cancel
    )
    return every


@contextmanager
def asking() -> Iterator[list[int]]:
    """What work in this block says it needs, in bytes."""
    needed: list[int] = []
    places = [
        module for name, module in sys.modules.items() if name.startswith("core.") and "check_memory" in vars(module)
    ]
    original = sys.modules["core.vlm.memory_costs"].check_memory

    def noting(name: str, bytes_needed: int, model: VisionLanguageModel, remedy: str) -> None:
        needed.append(bytes_needed and bytes_needed + SCRATCH)
        original(name, bytes_needed, model, remedy)

    for module in places:
        module.check_memory = noting  # type: ignore[attr-defined]
    try:
        yield needed
    finally:
        for module in places:
            module.check_memory = original  # type: ignore[attr-defined]


def stopped_after(seconds: float) -> CancelToken:
    """A token that stops what looks at it so many seconds from now."""
    until = time.monotonic() + seconds

    class Later(CancelToken):
        @property
        def cancelled(self) -> bool:
            return time.monotonic() > until

        def check(self) -> None:
            if self.cancelled:
                raise Cancelled("that was long enough")

    return Later()


def taken(model: VisionLanguageModel, answer: Answer, work: Work, seconds: float) -> tuple[int, int]:
    """The estimate of a piece of work and the most that it had, in bytes."""
    model.forget()
    give_back_freed()
    with asking() as needed, peak_memory(torch.device(model.card.device)) as peak, suppress(Cancelled):
        work(model, answer, stopped_after(seconds))
    return max(needed, default=0), peak() or 0


def verdict(estimate: int, had: int) -> str:
    """What is wrong with an estimate, in a word."""
    if max(estimate, had) < UNSEEN:
        return ""
    if had > 1.5 * max(estimate, UNSEEN):
        return "TOO LOW"
    return "TOO HIGH" if estimate > 3 * max(had, UNSEEN) else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--geometry", nargs="+", choices=tuple(GEOMETRIES), default=list(GEOMETRIES))
    parser.add_argument("--method", nargs="+", choices=tuple(methods()), default=list(methods()))
    parser.add_argument("--dtype", choices=("bfloat16", "float32", "float16"), default="bfloat16")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--one", type=Path, help="measure one geometry in this process, its model in this folder")
    options = parser.parse_args()
    if options.one is None:
        with tempfile.TemporaryDirectory() as folder:
            for geometry in options.geometry:
                command = [sys.executable, "-m", "benchmarks.estimates", "--one", str(save(geometry, Path(folder)))]
                command += ["--geometry", geometry, "--dtype", options.dtype, "--seconds", str(options.seconds)]
                subprocess.run([*command, "--method", *options.method], check=True)
        return
    (geometry,) = options.geometry
    model = loaded(options.one, options.dtype)
    answer = asked(model, geometry)
    print(f"{geometry}, {GEOMETRIES[geometry].positions} positions, {options.dtype}", flush=True)
    for name in options.method:
        began = time.monotonic()
        try:
            estimate, had = taken(model, answer, methods()[name], options.seconds)
        except Exception as error:
            print(f"{name:28s} {type(error).__name__}: {error}", flush=True)
            continue
        ratio = had / estimate if estimate else float("nan")
        row = f"{name:28s} said {readable_bytes(estimate):>8s}, had {readable_bytes(had):>8s} ({ratio:.2f})"
        print(f"{row}   {time.monotonic() - began:4.0f} s   {verdict(estimate, had)}", flush=True)


if __name__ == "__main__":
    main()
