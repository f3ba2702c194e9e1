"""The attention rows that predicted the answer's tokens, by layer and head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..settings import Chosen
from ..vlm.memory_costs import pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget


def target_rows(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    layers: Chosen = None,
    heads: Chosen = None,
) -> Float[Tensor, "layers heads target position"]:
    """Softmax rows at the positions that predict the token targets, of the chosen layers and heads; float32, on the
    CPU.

    Those kept while the answer was written, else (an answer asked for without them) from one replay.
    """
    if answer.attention is not None:
        rows = answer.attention.weights[:, :, [token_target.index for token_target in token_targets]]
    else:
        rows = model.attention_rows(answer, [token_target.position(answer) for token_target in token_targets])
    if layers is not None:
        rows = rows[list(layers)]
    if heads is not None:
        rows = rows[:, list(heads)]
    rows = rows.float().cpu()
    return torch.nn.functional.pad(rows, (0, len(answer.layout) - rows.shape[-1]))


def rows_bytes(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> int:
    """Bytes of `target_rows`, and of the replay where it needs one."""
    rows = 3 * model.card.layers * model.card.heads * len(token_targets) * len(answer.layout) * 4
    if answer.attention is not None:
        return rows
    return rows + pass_bytes(model, answer)
