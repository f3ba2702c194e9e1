"""Attention sinks: positions that soak up attention whatever is being said, and so hide where heads really look.

Softmax rows must sum to one, so a head with nothing to look for parks its weight somewhere: on the first token
(Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks"), and in vision-language models also on
some patches, often of plain background (Kang et al. 2025, "See What You Are Told: Visual Attention Sink in Large
Multimodal Models"). Kang et al. find those patches by massive activations; here, with attention alone, a prompt
position is a sink when its weight, averaged over all layers and heads,

- is at least `FACTOR` times what an even spread would give it, in the median over the answer's tokens, and
- never falls far: in nine out of ten tokens it is at least half of that.

A patch that matters to one word of the answer passes the first test but not the second. With fewer than
`FEWEST` tokens the second says little, and `Sinks.steady` is false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ..answer import Answer, HeldRows, TokenKind

FACTOR = 8.0
FEWEST = 4

SinkKind = Literal["first", "template", "patch", "word"]
KINDS: dict[TokenKind, SinkKind] = {TokenKind.SPECIAL: "template", TokenKind.IMAGE: "patch", TokenKind.TEXT: "word"}


@dataclass(frozen=True)
class Sink:
    """A prompt position. `weight` is its mean share of all attention while the answer was given; `times` how many
    times that of an even spread it is, in the median over the answer's tokens."""

    position: int
    kind: SinkKind
    weight: float
    times: float


@dataclass(frozen=True)
class Sinks:
    """The first position, always, and every other sink, the heaviest first. `steady`: there were tokens enough to
    see whether a sink stays one."""

    all: tuple[Sink, ...]
    steady: bool

    def of_kind(self, kind: SinkKind) -> tuple[Sink, ...]:
        return tuple(sink for sink in self.all if sink.kind == kind)


def find_sinks(answer: Answer, factor: float = FACTOR) -> Sinks:
    """The sinks of the attention that is kept with an answer. Raises ValueError where none is."""
    held = None if answer.attention is None else answer.attention.held
    if held is None:
        raise ValueError("no attention is kept with this answer")
    return sinks_among(held, answer.layout.kinds, factor)


def sinks_among(held: HeldRows, kinds: tuple[TokenKind, ...], factor: float = FACTOR) -> Sinks:
    """The sinks of the attention of some tokens of an answer, over the layers that it is held of."""
    # Layers without attention have no rows.
    layers = [layer for layer in held.weights if not layer.isnan().any()]
    received = sum(layer.float().mean(0) for layer in layers) / len(layers)
    return sinks_in(np.asarray(received.cpu()), kinds, factor, held.tokens)


def sinks_in(
    received: Float[np.ndarray, "query position"],
    kinds: tuple[TokenKind, ...],
    factor: float = FACTOR,
    tokens: Sequence[int] | None = None,
) -> Sinks:
    """The sinks among the prompt's positions, from the attention that each answer token's row gives every position,
    averaged over layers and heads. The row of answer token t sees the prompt and t answer tokens; the rows are of
    `tokens`, or of the first."""
    prompt = sum(kind is not TokenKind.ANSWER for kind in kinds)
    seen = prompt + np.asarray(range(len(received)) if tokens is None else tokens)
    times = received[:, :prompt] * seen[:, None]
    median, low = np.median(times, axis=0), np.quantile(times, 0.1, axis=0)
    sinks = []
    for position in range(prompt):
        if position == 0 or (median[position] >= factor and low[position] >= factor / 2):
            kind: SinkKind = "first" if position == 0 else KINDS[kinds[position]]
            weight = float(received[:, position].mean())
            sinks.append(Sink(position, kind, weight, float(median[position])))
    sinks.sort(key=lambda sink: (sink.kind != "first", -sink.weight))
    return Sinks(tuple(sinks), len(received) >= FEWEST)
