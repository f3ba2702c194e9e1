"""Attention carried through all layers as if every head passed on what it saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..vlm.attention_call import LEAST_ROWS, AttentionCall, block_bytes
from ..vlm.backward import full_length
from ..vlm.memory_costs import checkpoint_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._attention import passed_as_it_is
from .base import Explainer, Step

ROWS = 0.6
"""All queries, keys and attention rows once more, in passes."""


class Rollout(Explainer):
    """Attention rollout, Abnar & Zuidema 2020, "Quantifying attention flow in transformers", section 3: the row of
    the predicting position in A_L ... A_1, where each layer's A is half the mean of its heads' attention and half the
    identity (for the residual connection).

    Only that row is carried down, so no layer's whole matrix is ever formed, and no layer is computed again further
    than to its attention.
    """

    key = "rollout"
    name = "Attention rollout"
    caveat = "Attention alone: it takes no account of values, MLPs or the word, and spreads out with depth."
    contrasts = False

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        row = model.card.heads * len(answer.layout) * 4
        block = max(LEAST_ROWS * row, block_bytes(torch.device(model.card.device)))
        return checkpoint_bytes(model, answer) + 3 * block

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        return Passes(forward=1, beside=ROWS)

    def scores(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Iterator[Step]:
        checkpoints = model.checkpointed(answer)
        dtype = torch.promote_types(checkpoints.final.dtype, torch.float32)
        rows = torch.zeros(len(token_targets), len(checkpoints.final), dtype=dtype, device=checkpoints.final.device)
        rows[torch.arange(len(token_targets)), [token_target.position(answer) for token_target in token_targets]] = 1
        for layer in range(checkpoints.layers - 1, -1, -1):
            yield Step(1 - (layer + 1) / checkpoints.layers)
            call = checkpoints.attention(layer)
            if call is not None:
                rows = rolled(rows, call)
            checkpoints.free(layer)
        yield Step(1.0, full_length(rows, answer), passed_as_it_is(model))


def rolled(rows: Float[Tensor, "target position"], call: AttentionCall) -> Float[Tensor, "target position"]:
    """rows @ (A + I) / 2, where A is the mean over heads of the attention call's attention. Positions that are no
    queries of the call pass through as they are."""
    queries = slice(call.offset, call.offset + call.query.shape[1])
    total = rows.clone()
    total[:, queries] /= 2
    total[:, call.first_key : call.first_key + call.key.shape[1]] += call.mixed(rows[:, queries] / 2)
    return total
