"""Where sink patches come from: out of the vision tower, or made by the decoder.

Some patches leave the tower as sinks already: their states stand out by their size, and the tower's own patches look at
them (Luo et al. 2025, "To Sink or Not to Sink: Visual Information Pathways in Large Vision-Language Models"). Others
are patches like any other until the decoder's layers make sinks of them (Kim et al. 2026, "When Sinks Help or Hurt:
Unified Framework for Attention Sink in Large Vision-Language Models", who call them V-sinks and L-sinks). The rule here
needs no threshold of one model's: a sink patch comes from the **tower** when

- the norm of the state that the projector reads is at least `STANDS_OUT` times the median of the picture's image
  tokens, or
- the other patches give it at least `FACTOR` times an even share of their attention within the tower, averaged over its
  layers and heads: what makes a sink in the decoder (`sinks.py`);

and from the **decoder** otherwise. A sink from the tower is the same for every question about its picture; the decoder
may make one of any patch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ..answer import Answer, HeldRows
from ..errors import NotApplicable
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.tower import TowerPass
from .sinks import FACTOR, Sinks
from .tower import image_positions, image_tokens, tower_figures, tower_passes, tower_read

STANDS_OUT = 2.0
"""Times the median norm of the picture's image tokens."""

Origin = Literal["tower", "decoder"]


@dataclass(frozen=True)
class SinkOrigin:
    """A sink patch and where it comes from. `norm` is that of its state as it leaves the tower, in times the median of
    the picture's; `looked_at` how many times an even share of the tower's attention it gets; `layer` the first of the
    decoder's layers in which it is a sink (None where it is one only on average)."""

    position: int
    origin: Origin
    norm: float
    looked_at: float
    layer: int | None

    @property
    def sentence(self) -> str:
        """What is known of it, for people."""
        size = f"{self.norm:.1f} times the usual size when it leaves the vision tower"
        looks = f"gets {self.looked_at:.1f} times an even share of the tower's attention"
        since = "" if self.layer is None else f", and a sink of the decoder from layer {self.layer} on"
        if self.origin == "tower":
            return f"Comes from the vision tower: its state is {size}, and it {looks}{since}."
        return f"Made by the decoder: a patch like others before (its state is {size}, it {looks}){since}."


def origin_passes() -> Passes:
    """What finding it out costs: a pass of the tower, and all its attention."""
    return tower_passes(1.0)


@stoppable
def sink_origins(
    model: VisionLanguageModel,
    answer: Answer,
    sinks: Sinks,
    held: HeldRows | None = None,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> tuple[SinkOrigin, ...]:
    """Where each sink patch comes from, the heaviest first; nothing where no patch is one. `held` are the answer's rows
    (None: those that are kept with it). Raises NotApplicable where the tower cannot be read, NotEnoughMemory, and
    Cancelled."""
    patches = [sink.position for sink in sinks.of_kind("patch")]
    if not patches:
        return ()
    tower = tower_read(model, answer)
    if tower is None:
        raise NotApplicable(
            f"What the vision tower of {model.card.name} makes of each patch cannot be told, so a sink may come from "
            "either. Hide the patch and ask again to see whether the answer needs it."
        )
    if held is None:
        held = None if answer.attention is None else answer.attention.held
    found: dict[int, SinkOrigin] = {}
    images = range(len(answer.layout.image_sizes))
    for image in images:
        own = image_positions(answer.layout, image)
        if not set(own) & set(patches):
            continue

        def share(done: float, image: int = image) -> None:
            progress((image + done) / len(images))

        norms = norms_of(tower, image_tokens(answer.layout, image))
        figures = tower_figures(tower, answer.layout, image, cancel=cancel, progress=share)
        looks = figures.looks.mean((0, 1))
        for place, position in enumerate(own):
            if position in patches:
                norm = float(norms[place] / np.nanmedian(norms))
                looked_at = float(looks[place] * len(looks) / looks.sum())
                origin: Origin = "tower" if norm >= STANDS_OUT or looked_at >= FACTOR else "decoder"
                found[position] = SinkOrigin(position, origin, norm, looked_at, first_layer(held, position))
    return tuple(found[position] for position in patches if position in found)


def norms_of(tower: TowerPass, tokens: tuple[int, ...]) -> Float[np.ndarray, "token"]:
    """The norm of the last states that are read of some image tokens, of merged places the mean. NaN for a token that
    is made of none."""
    states = tower.read[-1].double().norm(dim=-1).cpu().numpy()
    places = tower.place_of[list(tokens)].cpu().numpy()
    return np.where(places[:, 0] < 0, np.nan, states[places].mean(-1))


def first_layer(held: HeldRows | None, position: int) -> int | None:
    """The first layer whose heads on average give a position `FACTOR` times an even share, in the median over the
    answer's tokens; None where none does, or no rows are held."""
    if held is None or not held.tokens:
        return None
    prompt = held.weights.shape[-1] - max(held.tokens) - 1
    seen = prompt + np.asarray(held.tokens)
    for number, layer in zip(held.layers, held.weights, strict=True):
        received = np.asarray(layer[:, :, position].float().mean(0).cpu())
        if np.isfinite(received).all() and float(np.median(received * seen)) >= FACTOR:
            return number
    return None
