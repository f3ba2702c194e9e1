"""Attention looked up rather than recorded: any rows of the decoder, and the tower's among image tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...answer import Answer, TokenKind
from ...errors import NotShown
from ..attention_call import AttentionCall
from ..memory_costs import check_memory
from ..model import VisionLanguageModel
from .capture import NAME, observing
from .passes import Passes


def attention_rows(
    passes: Passes, answer: Answer, queries: Sequence[int]
) -> Float[Tensor, "layers heads query position"]:
    """The decoder's softmax rows at some positions of an answer's sequence, from one pass over it; NaN in layers
    without attention, and where a layer passes a position on as it is. Raises NotShown where no layer's can be seen."""
    network, length = passes.network, answer.inputs["input_ids"].shape[1] + len(answer.token_ids)
    index = torch.tensor(queries, dtype=torch.long, device=network.device)
    layers: dict[int, Tensor] = {}
    calls: Counter[int] = Counter()

    def keep(call: AttentionCall) -> None:
        calls[call.layer] += 1
        layers[call.layer] = whole_rows(call, index, length)

    with passes.one_pass(0), observing(NAME, keep, network.device):
        passes.last_logits(1, **passes.with_answer(answer.inputs, answer.token_ids), use_cache=False)
    layers = {layer: own for layer, own in layers.items() if calls[layer] == 1}
    if not layers:
        raise NotShown(f"The attention of {passes.name} cannot be seen from outside.")
    some = next(iter(layers.values()))
    rows = some.new_full((len(passes.layers), *some.shape), float("nan"))
    for layer, own in layers.items():
        rows[layer] = own
    return rows


def whole_rows(call: AttentionCall, queries: Int[Tensor, "row"], length: int) -> Float[Tensor, "heads row position"]:
    """The rows of some positions over a whole sequence of so many; NaN at those that are no queries of this call."""
    own = (queries >= call.offset) & (queries < call.offset + call.query.shape[1])
    if call.key.shape[1] == length and bool(own.all()):
        return call.rows(queries)
    rows = call.rows(queries[own] - call.offset)
    rows = torch.nn.functional.pad(rows, (call.first_key, length - call.first_key - rows.shape[-1]))
    whole = rows.new_full((len(rows), len(queries), length), float("nan"))
    whole[:, own] = rows
    return whole


def tower_attention(
    model: VisionLanguageModel, answer: Answer, image: int
) -> Float[Tensor, "layers heads query key"] | None:
    """The attention of every tower layer among the places that became one image's tokens; None where that is not known.

    Raises NotEnoughMemory for an image of too many tokens.
    """
    checkpoints = model.checkpointed_tower(answer)
    if checkpoints is None:
        return None
    own = {p for view in answer.layout.views if image in view.images for p in view.positions}
    tokens = [i for i, p in enumerate(answer.layout.positions(TokenKind.IMAGE)) if p in own]
    index = torch.tensor(tokens, device=checkpoints.place_of.device)
    first = checkpoints.attention_among(0, index)
    remedy = "Use a smaller picture, or a model that makes fewer tokens of one."
    check_memory("The vision tower's attention", (checkpoints.layers + 1) * first.nbytes, model, remedy)
    among = first.new_empty(checkpoints.layers, *first.shape)
    among[0] = first
    for layer in range(1, checkpoints.layers):
        among[layer] = checkpoints.attention_among(layer, index)
    return among
