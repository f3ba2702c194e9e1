"""Where the answer's token looked more than a question about nothing in particular would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..answer import Answer
from ..errors import NotApplicable, NotShown
from ..settings import Chosen, layers, text
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, share_after_images
from ..vlm.targets import TokenTarget
from ._attention import rows_bytes, rows_passes, seen_layers, target_rows, without_rows
from ._places import NOT_LOOKED_AT, image_positions
from .base import Explainer, Step

SMALLEST = 1e-7
"""What half precision cannot tell from zero: a smaller weight is no measure to divide by."""


@dataclass(frozen=True)
class RelativeAttentionSettings:
    """The layers, and what the attention is measured against."""

    layers: Chosen = layers("Layers")
    generic: str = text(
        "Write a general description of the image.",
        "Generic question",
        help="Its attention, where it is about to answer, is what the question's attention is divided by.",
    )


class RelativeAttention(Explainer):
    """Attention to each image token divided by a generic question's attention to the same token: Zhang et al. 2025,
    "MLLMs know where to look" (relative attention, A_rel = A(x, q) / A(x, q')), with heads averaged before the
    division and layers after it.

    The division takes away what draws attention whatever is asked. The generic question is read once over the kept
    image prefix. Words have no counterpart in the other question: their scores are 0.
    """

    key = "relative_attention"
    name = "Relative attention"
    caveat = "A ratio, so rarely seen patches may stand out for little; it scores image tokens only, words are 0."
    recorded = True
    Settings = RelativeAttentionSettings
    needs = "image"
    contrasts = False

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return 2 * rows_bytes(model, answer, token_targets)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        # The generic question after the pictures, which are kept.
        return Passes(forward=share_after_images(answer)) + rows_passes(answer, token_targets)

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: RelativeAttentionSettings,
    ) -> Iterator[Step]:
        if not settings.generic.strip():
            raise NotApplicable("The generic question is empty. Type one that asks for nothing in particular.")
        prepared = model.prepare(replace(answer.question, text=settings.generic))
        _, state = model.begin(prepared, keep_attention=True)
        yield Step(0.5)
        generic = state.recorded_rows(1, len(prepared.ids))
        if generic is None:
            raise NotShown(f"The attention of {model.card.name} cannot be seen from outside.")
        places = image_positions(answer)
        # The pictures and all before them are the same in both prompts, so their positions are too.
        assert all(prepared.layout.kinds[place] == answer.layout.kinds[place] for place in places)
        chosen = seen_layers(generic.weights, settings.layers)
        measure = generic.weights[chosen, :, 0][..., places].float().cpu().mean(1)
        asked = target_rows(model, answer, token_targets, settings.layers)[..., places].mean(1)
        if not asked.any():
            raise NotShown(NOT_LOOKED_AT)
        scores = torch.zeros(len(token_targets), len(answer.layout))
        scores[:, places] = (asked / measure[:, None].clamp(min=SMALLEST)).mean(0)
        yield Step(1.0, scores, without_rows(model, settings.layers))
