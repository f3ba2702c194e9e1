"""Relevancy after Chefer et al., and the layers in which it enters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, TokenKind
from ..settings import switch
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING, Passes
from ..vlm.targets import TokenTarget
from ..vlm.tower import TowerPass
from ._relevancy import RowRelevancy, begin, grouped


@dataclass(frozen=True)
class RelevancySettings:
    """How far down relevancy is followed."""

    through_tower: bool = switch(
        True,
        "Through the vision tower",
        help="An image token has looked at other patches inside the vision tower. On: relevancy is followed through "
        "the tower's layers, too, back to the patches. Where the family does not say how, the map says so and is the "
        "decoder's.",
    )


class Relevancy(RowRelevancy):
    """Which positions the logit of a token rests on, by attention weighted with its gradient in every layer and head:
    the self-attention rule of Chefer, Gur and Wolf (2021), "Generic Attention-model Explainability for Interpreting
    Bi-Modal and Encoder-Decoder Transformers", equations 5 and 6.

    Exact, for all rows of all layers. Through the vision tower the same rule goes on from the decoder's relevancy of
    the image tokens, by two choices made here, which the paper does not treat: a token's relevancy is spread evenly
    over the places it was merged of, and what ends on a place that is no image token (a class token) is dropped.
    """

    key = "relevancy"
    name = "Relevancy"
    caveat = (
        "Follows attention that raised the token's logit; what the layers' other parts did to it, and what spoke "
        "against the token, is not in it."
    )
    cheaper = "Suffix relevancy takes a part of that, and ranks patches much alike."
    Settings = RelevancySettings

    def first_row(self, answer: Answer) -> int:
        return 0

    def tower_passes(self, answer: Answer, token_targets: Sequence[TokenTarget], settings: RelevancySettings) -> Passes:
        through = settings.through_tower and bool(answer.layout.views)
        return Passes(tower=2, backward_tower=len(token_targets)) if through else NOTHING

    def tower(self, model: VisionLanguageModel, answer: Answer, settings: RelevancySettings) -> TowerPass | None:
        return model.checkpointed_tower(answer) if settings.through_tower else None

    def without_tower(self, model: VisionLanguageModel, answer: Answer, settings: RelevancySettings) -> str | None:
        if not settings.through_tower or not answer.layout.positions(TokenKind.IMAGE):
            return None
        return (
            "This is the decoder's relevancy alone: which places of the vision tower became the image tokens is not "
            f"known here for this picture and a {model.card.family} model, so it could not be followed further. What "
            "an image token shows may have been gathered elsewhere in the picture."
        )


def relevancy_by_layer(
    model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], cancel: CancelToken | None = None
) -> Float[Tensor, "target layer position"]:
    """Where relevancy enters: what each decoder layer's attention brings to each position (r Abar_l of the row that
    arrives from the layers above). Summed over layers, with 1 at the token target's own position, that is the decoder's
    relevancy, the one without the vision tower.

    On the CPU in float32, zero after the token target. Raises Cancelled.
    """
    checkpoints = model.checkpointed(answer)
    entered = torch.zeros(len(token_targets), checkpoints.layers, len(answer.layout))
    across = len(model.with_patches_across(answer)) - len(answer.layout)
    done = 0
    for group in grouped(model.card, len(checkpoints.final), token_targets):
        propagation = begin(model, checkpoints, answer, group, across=across)
        for layer in reversed(range(checkpoints.layers)):
            before = propagation.relevancy
            for _ in propagation.down(layer):
                if cancel is not None:
                    cancel.check()
            brought = propagation.relevancy - before
            entered[done : done + len(group), layer, : brought.shape[1] - across] = (
                brought[:, : brought.shape[1] - across].float().cpu()
            )
        done += len(group)
    return entered
