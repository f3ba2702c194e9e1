"""Where the answer's token looked: softmax rows as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..settings import Chosen, choice, heads, layers
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._attention import rows_bytes, rows_passes, target_rows, without_rows
from ._places import NOT_LOOKED_AT, image_positions
from .base import Explainer, Step

APART = (
    "The picture's patches are looked at by layers of cross-attention, all of which are combined here. Their rows have "
    "a sum of their own: scores of patches and of words cannot be compared."
)


@dataclass(frozen=True)
class RawAttentionSettings:
    """Which rows, and how they become one."""

    layers: Chosen = layers("Layers")
    heads: Chosen = heads("Heads")
    reduce: str = choice("mean", "Layers and heads are combined by", ("mean", "max"))


class RawAttention(Explainer):
    """How much the position that predicted the token attended to every position before it: softmax(q k / sqrt(d)),
    equation 1 of Vaswani et al. 2017, "Attention is all you need", combined over layers and heads.

    The weights were recorded while the answer was written, which takes about a tenth longer for that; reading them
    costs next to nothing.
    """

    key = "raw_attention"
    name = "Raw attention"
    caveat = "Where information was fetched from, not whether it mattered; first and separator tokens draw much of it."
    recorded = True
    Settings = RawAttentionSettings
    contrasts = False

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return rows_bytes(model, answer, token_targets)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        read = rows_passes(answer, token_targets)
        across = model.with_patches_across(answer) is not answer.layout
        return read + Passes(forward=2) if across else read

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: RawAttentionSettings,
    ) -> Iterator[Step]:
        rows = target_rows(model, answer, token_targets, settings.layers, settings.heads).flatten(0, 1)
        scores = rows.mean(0) if settings.reduce == "mean" else rows.amax(0)
        over = model.with_patches_across(answer)
        if over is answer.layout:
            images = image_positions(answer)
            unseen = NOT_LOOKED_AT if images and not scores[:, images].any() else None
            yield Step(1.0, scores, unseen or without_rows(model, settings.layers))
            return
        across = _across(model, answer, token_targets, settings)
        looks = across.mean(0) if settings.reduce == "mean" else across.amax(0)
        yield Step(1.0, torch.cat([scores, looks.cpu()], 1), APART, over)


def _across(
    model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: RawAttentionSettings
) -> Float[Tensor, "layer_head target key"]:
    """The rows of cross-attention at the targets' positions, of every chosen layer and head that has one."""
    checkpoints = model.checkpointed(answer)
    positions = [token_target.position(answer) for token_target in token_targets]
    rows: list[Tensor] = []
    for layer in model.card.without_attention:
        with checkpoints.recompute(layer, grad=False) as layer_pass:
            rows += [call.rows(positions).float() for call in layer_pass.across_calls]
    return torch.cat([layer if settings.heads is None else layer[list(settings.heads)] for layer in rows])
