"""One stage of training: its steps, its checkpoints, and how it goes on after it was stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ..writing import written_whole
from .batches import Steps


@dataclass
class Stage:
    """One stage: `loss` of a batch, the parameter groups it trains and where its batches come from."""

    name: str
    steps: int
    batches: Dataset[dict[str, Tensor]]
    loss: Callable[[dict[str, Tensor]], Tensor]
    groups: list[dict[str, object]]
    modules: nn.ModuleDict
    measure: Callable[[], dict[str, float]] | None = None
    on_end: Callable[[], None] | None = None
    cool: int = 0
    """Over so many of its last steps the rate falls to nothing besides, wherever its decay is by then."""


def learning_rate(step: int, steps: int, decay: float, warmup: int = 80) -> float:
    """Share of the peak rate: linear warm-up, constant, then linear decay over the last `decay` of the steps."""
    return min(1.0, (step + 1) / warmup, max(0.01, (steps - step) / max(1, decay * steps)))


@dataclass
class StageRunner:
    """Runs stages on `device`, with a checkpoint of each in `folder`. `belongs` is what a checkpoint must agree in
    with whoever goes on from it, plain values by name: the vocabulary, or the weights that were begun from. The rate
    decays towards step `horizon`; None: towards the stage's last one."""

    folder: Path
    device: str
    belongs: Mapping[str, object]
    decay: float
    checkpoint_every: int
    measure_every: int
    horizon: int | None = None
    say: Callable[[str], None] = print

    def run(self, stage: Stage) -> None:
        """Train what is not trained yet. Raises ValueError for a checkpoint that belongs to another training."""
        file = self.folder / f"{stage.name}.pt"
        optimizer = torch.optim.AdamW(stage.groups, lr=1.0, weight_decay=0.05, betas=(0.9, 0.98), fused=True)
        first = self._resume(stage, file, optimizer)
        if first >= stage.steps:
            self.say(f"{stage.name}: done")
            return
        loader = DataLoader(
            stage.batches, batch_size=None, sampler=Steps(first, stage.steps), num_workers=1, prefetch_factor=4
        )
        bar = tqdm(loader, desc=stage.name, initial=first, total=stage.steps, mininterval=5)
        smooth: float | None = None
        began = time.monotonic()
        for step, batch in enumerate(bar, start=first):
            scale = learning_rate(step, self.horizon or stage.steps, self.decay)
            scale *= min(1.0, (stage.steps - step) / max(1, stage.cool))
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * scale
            moved = {key: value.to(self.device, non_blocking=True) for key, value in batch.items()}
            with torch.autocast("cuda", dtype=torch.bfloat16, enabled=self.device == "cuda"):
                loss = stage.loss(moved)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(stage.modules.parameters(), 1.0)
            optimizer.step()
            smooth = loss.item() if smooth is None else 0.97 * smooth + 0.03 * loss.item()
            bar.set_postfix(loss=f"{smooth:.4f}", refresh=False)
            done = step + 1
            if stage.measure is not None and (done % self.measure_every == 0 or done == stage.steps):
                self._record(stage, done, smooth, time.monotonic() - began, stage.measure())
            if done % self.checkpoint_every == 0 or done == stage.steps:
                self._save(stage, file, optimizer, done)
        if stage.on_end is not None:
            stage.on_end()

    def _resume(self, stage: Stage, file: Path, optimizer: torch.optim.Optimizer) -> int:
        if not file.exists():
            return 0
        state = torch.load(file, map_location=self.device, weights_only=True)
        for name, value in self.belongs.items():
            if state.get(name) != value:
                raise ValueError(
                    f"{file} was trained with another {name}; train anew in another folder (--checkpoints)."
                )
        stage.modules.load_state_dict(state["modules"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])

    def _save(self, stage: Stage, file: Path, optimizer: torch.optim.Optimizer, step: int) -> None:
        state = {
            **self.belongs,
            "step": step,
            "modules": stage.modules.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        with written_whole(file) as out:
            torch.save(state, out)

    def _record(self, stage: Stage, step: int, loss: float, seconds: float, accuracy: dict[str, float]) -> None:
        line = {"stage": stage.name, "step": step, "loss": round(loss, 5), "seconds": round(seconds), **accuracy}
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        shown = "  ".join(f"{name} {value:.2f}" for name, value in accuracy.items())
        self.say(f"\n{stage.name} {step}: loss {loss:.4f}  {shown}")
