"""What a head says in the vocabulary, and what it reads.

Three readings of a head where it predicts a word (Yu and Ananiadou 2024, "Understanding Multimodal LLMs", section 4):

- its *contribution* o, all that it adds at the predicting position;
- its *value*: what it would add if it looked at one source position alone, that position's value through the head's
  slice of the output projection;
- its *input*: the residual stream that enters the layer at that source position, of which the head makes both the key
  that was matched and the value that was moved. It belongs to the position, so heads of a layer that look at the same
  place have the same one.

Contribution and value are summands of a state, no states: they are read as what they alone would make of the logits
under the final norm's frozen scale (without its shift, the output's bias and a soft cap, which belong to no summand).
The input is read by the logit lens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Alternative, Answer, Head
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.instead import with_what_is_left
from ..vlm.model import VisionLanguageModel
from ..vlm.precision import at_least_float32
from ..vlm.unembedding import Unembedding
from .contributions import Contributions
from .lens import Reading, lens, read_logits


@dataclass(frozen=True)
class HeadReading:
    """The words of one head for one token target, most likely first, with log-probabilities in nats. Untrusted text.

    `source` is the position that the head attends to most; `value` and `input` are of it.
    """

    head: Head
    source: int
    contribution: tuple[Alternative, ...]
    value: tuple[Alternative, ...]
    input: tuple[Alternative, ...]


@stoppable
@with_what_is_left
def read_heads(
    model: VisionLanguageModel,
    answer: Answer,
    written: Contributions,
    heads: Sequence[Head],
    *,
    token_target: int = 0,
    top: int = 10,
    cancel: CancelToken | None = None,
) -> list[HeadReading]:
    """What some heads say and read for one of the token targets of `written`. Raises what `lens` raises."""
    unembedding = model.unembedding()
    scale = unembedding.norm.scale(written.final)[token_target]
    sources = [int(written.layers[layer].attention[head, token_target].argmax()) for layer, head in heads]
    layers, positions = sorted({layer for layer, _ in heads}), sorted(set(sources))
    inputs = lens(model, answer, positions, layers, top=top, cancel=cancel)
    readings = []
    for (layer, head), source in zip(heads, sources, strict=True):
        if cancel is not None:
            cancel.check()
        parts = written.layers[layer]
        value = parts.value_of(head, source, token_target)
        vectors = torch.stack([at_least_float32(parts.mixed[token_target, head]), value]) @ parts.projection([head])[0]
        said = _summands(unembedding, vectors * parts.scale[token_target] * scale, top)
        seen = inputs.words(model, layers.index(layer), positions.index(source))
        readings.append(HeadReading((layer, head), source, said.words(model, 0), said.words(model, 1), seen))
    return readings


def _summands(unembedding: Unembedding, vectors: Float[Tensor, "summand hidden"], top: int) -> Reading:
    """Summands of a state, the final scale included, as distributions over the vocabulary."""
    return read_logits(unembedding.products(unembedding.norm.linear(vectors)), top=top)
