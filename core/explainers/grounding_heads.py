"""Where the few heads look that ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Head
from ..errors import NotApplicable
from ..settings import text
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._attention import rows_bytes, rows_passes, target_rows
from ._places import NOT_LOOKED_AT, image_positions
from .base import Explainer, Step
from .localisation import MOST, by_criteria, heads_in, heads_text, spatial_entropy


@dataclass(frozen=True)
class GroundingHeadsSettings:
    """Which heads."""

    chosen: str = text(
        "",
        "Heads",
        help="As layer.head, such as 5.2, 3.1. Empty: three for each word, by this answer alone. `sightline heads "
        "--folder F` finds those of a model on pictures with masks, which then stand here.",
    )

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        heads_in(self.chosen)


class GroundingHeads(Explainer):
    """The sum of the attention rows of a few heads that look where the thing is: "localization heads" of Kang et al.
    2025, "Your Large Vision-Language Model Only Needs A Few Attention Heads For Visual Grounding".

    Which heads they are is found on pictures with masks (`sightline heads --folder F`) and kept for the model. Without
    that, the three heads of the least spatial entropy among those that look at the picture most are taken, on this word
    alone, and it is said.
    """

    key = "grounding_heads"
    name = "Heads that ground"
    caveat = "Where a few heads look, not whether what they fetched mattered: ablate them to see that."
    needs = "places"
    recorded = True
    Settings = GroundingHeadsSettings
    contrasts = False

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return rows_bytes(model, answer, token_targets)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        return rows_passes(answer, token_targets)

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: GroundingHeadsSettings,
    ) -> Iterator[Step]:
        rows = target_rows(model, answer, token_targets)
        layers = list(model.card.attention_layers)
        if named := heads_in(settings.chosen):
            _check(named, model)
            scores = torch.stack([rows[layers.index(layer), head] for layer, head in named]).sum(0)
            yield Step(1.0, scores, _unseen(answer, scores))
            return
        chosen = [_chosen(rows[:, :, target].double().numpy(), answer) for target in range(len(token_targets))]
        scores = torch.stack(
            [
                torch.stack([rows[place, head, target] for place, head in own]).sum(0)
                for target, own in enumerate(chosen)
            ]
        )
        told = heads_text([(layers[place], head) for place, head in chosen[0]])
        remark = (
            "No heads were found for this model on pictures with masks, so those of this word alone are summed "
            f"({told}). `sightline heads --folder F` finds them."
        )
        yield Step(1.0, scores, _unseen(answer, scores) or remark)


def _chosen(rows: Float[np.ndarray, "layers heads position"], answer: Answer) -> tuple[Head, ...]:
    """The heads of one word, by their place among the layers with attention; all, where none looks anywhere more than
    elsewhere."""
    images = image_positions(answer)
    entropies = np.array([[spatial_entropy(row, answer.layout) for row in layer] for layer in rows])
    every = tuple((int(layer), int(head)) for layer, head in np.ndindex(*rows.shape[:2]))
    return by_criteria(rows[..., images].sum(-1), entropies, MOST) or every


def _check(heads: Sequence[Head], model: VisionLanguageModel) -> None:
    for layer, head in heads:
        if layer not in model.card.attention_layers or head >= model.card.heads:
            raise NotApplicable(
                f"{model.card.name} has no head {layer}.{head}: its heads are 0 to {model.card.heads - 1} of the layers"
                f" with attention, the last of which is {max(model.card.attention_layers, default=0)}."
            )


def _unseen(answer: Answer, scores: Float[Tensor, "target position"]) -> str | None:
    return None if scores[:, image_positions(answer)].any() else NOT_LOOKED_AT
