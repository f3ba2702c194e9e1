"""Attention looked up rather than recorded: any rows of the decoder, and the tower's among image tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...answer import Answer, TokenKind
from ..checkpoints import AttentionCall
from ..memory_costs import check_memory
from ..model import VisionLanguageModel
from ..tower import TowerPass
from .capture import NAME, listening
from .passes import Passes


def attention_rows(
    passes: Passes, answer: Answer, queries: Sequence[int]
) -> Float[Tensor, "layers heads query position"]:
    """The decoder's softmax rows at some positions of an answer's sequence, from one pass over it."""
    network = passes.network
    index = torch.tensor(queries, dtype=torch.long, device=network.device)
    found: list[Tensor] = []

    def keep(call: AttentionCall) -> None:
        found.append(call.rows(index))

    with passes.one_pass(0), listening(NAME, keep):
        network(**passes.with_answer(answer.inputs, answer.token_ids), use_cache=False, logits_to_keep=1)
    return torch.stack(found)


def tower_attention(
    model: VisionLanguageModel, answer: Answer, image: int
) -> Float[Tensor, "layers heads query key"] | None:
    """The attention of every tower layer among the places that became one image's tokens; None where that is not known.

    Raises NotEnoughMemory for an image of too many.
    """
    checkpoints = model.checkpointed_tower(answer)
    if checkpoints is None:
        return None
    own = {p for view in answer.layout.views if view.image == image for p in view.positions}
    tokens = [i for i, p in enumerate(answer.layout.positions(TokenKind.IMAGE)) if p in own]
    index = torch.tensor(tokens, device=checkpoints.place_of.device)
    first = attention_among(checkpoints, 0, index)
    remedy = "Use a smaller picture, or a model that makes fewer tokens of one."
    check_memory("The vision tower's attention", (checkpoints.layers + 1) * first.nbytes, model, remedy)
    found = first.new_empty(checkpoints.layers, *first.shape)
    found[0] = first
    for layer in range(1, checkpoints.layers):
        found[layer] = attention_among(checkpoints, layer, index)
    return found


def attention_among(
    checkpoints: TowerPass, layer: int, tokens: Int[Tensor, "token"]
) -> Float[Tensor, "heads token token_seen"]:
    """One tower layer's attention among some image tokens (indices into `place_of`).

    Merged places are averaged over queries and summed over keys. Tokens in different windows do not see each other.
    """
    places, merged = checkpoints.place_of[tokens], checkpoints.place_of.shape[1]
    with checkpoints.recompute(layer, grad=False) as passed:
        heads, dtype = passed.attention_calls[0].query.shape[0], passed.attention_calls[0].query.dtype
        wide = torch.promote_types(dtype, torch.float32)
        among = torch.zeros(heads, len(tokens), len(tokens), dtype=wide, device=places.device)
        for call in passed.attention_calls:
            # The places of one square, or of one window, see each other and nothing else, and a token's stand in one.
            own = ((places[:, 0] >= call.offset) & (places[:, 0] < call.offset + call.query.shape[1])).nonzero()[:, 0]
            if len(own):
                seen = call.rows(places[own].flatten() - call.offset)[..., places[own].flatten() - call.first_key]
                among[:, own[:, None], own] = seen.view(heads, len(own), merged, len(own), merged).mean(2).sum(-1)
    return among
