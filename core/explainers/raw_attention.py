"""Where the answer's token looked: softmax rows as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..answer import Answer
from ..settings import Chosen, choice, heads, layers
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget
from ._attention import rows_bytes, target_rows, without_rows
from .base import Explainer, Step


@dataclass(frozen=True)
class RawAttentionSettings:
    """Which rows, and how they become one."""

    layers: Chosen = layers("Layers")
    heads: Chosen = heads("Heads")
    reduce: str = choice("mean", "Layers and heads are combined by", ("mean", "max"))


class RawAttention(Explainer):
    """How much the position that predicted the token attended to every position before it: softmax(q k / sqrt(d)),
    equation 1 of Vaswani et al. 2017, "Attention is all you need", combined over layers and heads.

    The weights were kept while the answer was written, so this costs nothing.
    """

    key = "raw_attention"
    name = "Raw attention"
    caveat = "Where information was fetched from, not whether it mattered; first and separator tokens draw much of it."
    Settings = RawAttentionSettings
    contrasts = False

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return rows_bytes(model, answer, token_targets)

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: RawAttentionSettings,
    ) -> Iterator[Step]:
        rows = target_rows(model, answer, token_targets, settings.layers, settings.heads).flatten(0, 1)
        scores = rows.mean(0) if settings.reduce == "mean" else rows.amax(0)
        yield Step(1.0, scores, without_rows(model, settings.layers))
