"""Attention looked up rather than recorded: any rows of the decoder, and the tower's among image tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..answer import Answer, TokenKind
from .capture import NAME, listening
from .costs import check_memory
from .model import VisionLanguageModel
from .passes import Passes
from .tape import Tap
from .tower import TowerTape


def attention_rows(
    passes: Passes, answer: Answer, queries: Sequence[int]
) -> Float[Tensor, "layers heads query position"]:
    """The decoder's softmax rows at some positions of an answer's sequence, from one pass over it."""
    network = passes.network
    index = torch.tensor(queries, dtype=torch.long, device=network.device)
    found: list[Tensor] = []

    def keep(tap: Tap) -> None:
        found.append(tap.rows(index))

    with passes.one_pass(0), listening(NAME, keep):
        network(**passes.with_answer(answer.inputs, answer.token_ids), use_cache=False, logits_to_keep=1)
    return torch.stack(found)


def tower_attention(
    model: VisionLanguageModel, answer: Answer, image: int
) -> Float[Tensor, "layers heads query key"] | None:
    """The attention of every tower layer among the places that became one image's tokens; None where that is not known.

    Raises NotEnoughMemory for an image of too many.
    """
    tape = model.tower_tape(answer)
    if tape is None:
        return None
    own = {p for view in answer.layout.views if view.image == image for p in view.positions}
    tokens = [i for i, p in enumerate(answer.layout.positions(TokenKind.IMAGE)) if p in own]
    index = torch.tensor(tokens, device=tape.place_of.device)
    first = attention_among(tape, 0, index)
    remedy = "Use a smaller picture, or a model that makes fewer tokens of one."
    check_memory("The vision tower's attention", (tape.layers + 1) * first.nbytes, model, remedy)
    found = first.new_empty(tape.layers, *first.shape)
    found[0] = first
    for layer in range(1, tape.layers):
        found[layer] = attention_among(tape, layer, index)
    return found


def attention_among(
    tape: TowerTape, layer: int, tokens: Int[Tensor, "token"]
) -> Float[Tensor, "heads token token_seen"]:
    """One tower layer's attention among some image tokens (indices into `place_of`).

    Merged places are averaged over queries and summed over keys. Tokens in different windows do not see each other.
    """
    places, merged = tape.place_of[tokens], tape.place_of.shape[1]
    with tape.play(layer, grad=False) as passed:
        heads, dtype = passed.taps[0].query.shape[0], passed.taps[0].query.dtype
        wide = torch.promote_types(dtype, torch.float32)
        among = torch.zeros(heads, len(tokens), len(tokens), dtype=wide, device=places.device)
        for tap in passed.taps:
            # The places of one square, or of one window, see each other and nothing else, and a token's stand in one.
            own = ((places[:, 0] >= tap.offset) & (places[:, 0] < tap.offset + tap.query.shape[1])).nonzero()[:, 0]
            if len(own):
                seen = tap.rows(places[own].flatten() - tap.offset)[..., places[own].flatten() - tap.first_key]
                among[:, own[:, None], own] = seen.view(heads, len(own), merged, len(own), merged).mean(2).sum(-1)
    return among
