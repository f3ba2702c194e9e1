"""What a head says in the vocabulary, what it reads, and whether image tokens name what they show.

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

from core.answer import Alternative, Answer, Question, TokenKind
from core.mechanisms.contributions import Contributions
from core.mechanisms.lens import Reading, lens, read_logits
from core.vlm.cancel import CancelToken
from core.vlm.edits import Head
from core.vlm.model import VisionLanguageModel
from core.vlm.precision import wide
from core.vlm.readout import Readout
from core.vlm.units import NotApplicable


@dataclass(frozen=True)
class HeadReading:
    """The words of one head for one unit, most likely first, with log-probabilities in nats. Untrusted text.

    `source` is the position that the head attends to most; `value` and `input` are of it.
    """

    head: Head
    source: int
    contribution: tuple[Alternative, ...]
    value: tuple[Alternative, ...]
    input: tuple[Alternative, ...]


def read_heads(
    model: VisionLanguageModel,
    answer: Answer,
    found: Contributions,
    heads: Sequence[Head],
    *,
    unit: int = 0,
    top: int = 10,
    cancel: CancelToken | None = None,
) -> list[HeadReading]:
    """What some heads say and read for one of the units of `found`. Raises what `lens` raises."""
    readout = model.readout()
    scale = readout.norm.scale(found.final)[unit]
    sources = [int(found.layers[layer].attention[head, unit].argmax()) for layer, head in heads]
    layers, positions = sorted({layer for layer, _ in heads}), sorted(set(sources))
    inputs = lens(model, answer, positions, layers, top=top, cancel=cancel)
    readings = []
    for (layer, head), source in zip(heads, sources, strict=True):
        if cancel is not None:
            cancel.check()
        parts = found.layers[layer]
        value = wide(parts.value[head * len(parts.value) // found.heads, source])
        vectors = torch.stack([wide(parts.mixed[unit, head]), value]) @ parts.projection([head])[0]
        said = _summands(readout, vectors * parts.scale[unit] * scale, top)
        seen = inputs.words(model, layers.index(layer), positions.index(source))
        readings.append(HeadReading((layer, head), source, said.words(model, 0), said.words(model, 1), seen))
    return readings


def _summands(readout: Readout, vectors: Float[Tensor, "summand hidden"], top: int) -> Reading:
    """Summands of a state, the final scale included, as distributions over the vocabulary."""
    return read_logits(readout.products(readout.norm.linear(vectors)), top=top)


@dataclass(frozen=True)
class VisualReading:
    """Mean reciprocal rank of the right words at image tokens that show the thing, and at all the others, which is
    what random positions give on average."""

    right: float
    others: float


def visual_reading(
    model: VisionLanguageModel,
    answer: Answer,
    positions: Sequence[int],
    words: Sequence[int],
    *,
    layer: int = 0,
    cancel: CancelToken | None = None,
) -> VisualReading:
    """How well image tokens at `positions` name what they show: 1 / rank of the best of the right `words` (token ids)
    in the logit lens, at layer 0 as Yu and Ananiadou (2024) do, who put final norm and unembedding on the projected
    visual embeddings.

    Raises NotApplicable where there is no word, and no image token among `positions` or outside of them; and what
    `lens` raises.
    """
    images = answer.layout.positions(TokenKind.IMAGE)
    shown = set(positions) & set(images)
    if not words or not shown or len(shown) == len(images):
        raise NotApplicable(
            "To read image tokens there must be a word to find, image tokens that show it and others that do not. "
            "Ask about a picture, and choose a word and a part of it."
        )
    ranks = lens(model, answer, images, [layer], top=1, words=words, cancel=cancel).word_ranks[0]
    reciprocal = 1 / ranks.amin(-1).double()
    here = torch.tensor([position in shown for position in images])
    return VisualReading(float(reciprocal[here].mean()), float(reciprocal[~here].mean()))


def typed_word(model: VisionLanguageModel, question: Question, text: str) -> tuple[int, str | None]:
    """The token that stands for a typed word, as the model would write it at the start of an answer to `question`, and
    a sentence to show where the word is more than this one token. Raises NotApplicable for a text without tokens."""
    ids = model.continuation(question, text.strip())
    # Some vocabularies write the blank before a word as a token of its own.
    while len(ids) > 1 and not model.reader.piece(ids[0]).strip():
        ids = ids[1:]
    if not ids:
        raise NotApplicable("That has no token: type a word.")
    if len(ids) == 1:
        return ids[0], None
    first = model.reader.piece(ids[0])
    return ids[
        0
    ], f"“{text}” is no single token of {model.card.name}: of its {len(ids)}, the first, “{first}”, is read."
