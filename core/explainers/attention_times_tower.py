"""Where the answer's token looked, and where the image tokens it looked at had looked themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch

from ..answer import Answer, TokenKind
from ..errors import NotShown
from ..settings import Chosen, choice, layers
from ..vlm.instead import instead
from ..vlm.memory_costs import tower_rows_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._attention import rows_bytes, rows_passes, target_rows, without_rows
from ._places import NOT_LOOKED_AT
from .base import Explainer, Step

_described: WeakKeyDictionary[Answer, bool] = WeakKeyDictionary()
"""Whether the family of an answer's model says how its tower became these image tokens. Finding out takes a pass of
the tower."""


@dataclass(frozen=True)
class AttentionTimesTowerSettings:
    """The layers of the decoder and of the tower."""

    layers: Chosen = layers("Layers of the decoder")
    tower: str = choice("last", "Layers of the vision tower", ("last", "mean"))


class AttentionTimesTower(Explainer):
    """The decoder's attention to image tokens times the vision tower's attention among their places, A = A_st A_ti
    as Zhang et al. 2025, "MLLMs know where to look", join the two, with heads and chosen layers averaged on either
    side: what an image token shows was partly gathered elsewhere in the picture.

    Words have no place in the tower: their scores are 0.
    """

    key = "attention_times_tower"
    name = "Attention x tower attention"
    caveat = "Two attentions multiplied: places that the tower uses for notes of its own can shine without reason."
    recorded = True
    Settings = AttentionTimesTowerSettings
    needs = "places"
    contrasts = False

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        missing = super().obstacle(model, answer)
        if missing is not None:
            return missing
        if answer not in _described:
            _described[answer] = model.checkpointed_tower(answer) is not None
        return None if _described[answer] else f"{_undescribed(model)} {instead(model, answer)}"

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return rows_bytes(model, answer, token_targets) + tower_rows_bytes(model, answer)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        # One layer of the tower is computed again, or all are; rows take about as long as that.
        again = 0.0 if settings.tower == "last" else 1.0
        return rows_passes(answer, token_targets) + Passes(tower=1 + 3 * again)

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: AttentionTimesTowerSettings,
    ) -> Iterator[Step]:
        checkpoints = model.checkpointed_tower(answer)
        if checkpoints is None:
            raise NotShown(_undescribed(model))
        yield Step(0.0)
        looked = target_rows(model, answer, token_targets, settings.layers).mean((0, 1))
        tokens = answer.layout.positions(TokenKind.IMAGE)
        if not looked[:, tokens].any():
            raise NotShown(NOT_LOOKED_AT)
        chosen = [checkpoints.layers - 1] if settings.tower == "last" else list(range(checkpoints.layers))
        images = sorted({view.image for view in answer.layout.views})
        scores = torch.zeros(len(token_targets), len(answer.layout))
        for done, (image, layer) in enumerate(((image, layer) for image in images for layer in chosen), start=1):
            own = {position for view in answer.layout.views if view.image == image for position in view.positions}
            index = [number for number, position in enumerate(tokens) if position in own]
            places = [tokens[number] for number in index]
            own_looks = looked[:, places]
            for block, rows in checkpoints.attention_blocks(
                layer, torch.tensor(index, device=checkpoints.final.device)
            ):
                scores[:, places] += own_looks[:, block.cpu()] @ rows.mean(0).float().cpu() / len(chosen)
                yield Step((done - 1) / (len(images) * len(chosen)))
        yield Step(1.0, scores, without_rows(model, settings.layers))


def _undescribed(model: VisionLanguageModel) -> str:
    return (
        "Which places of the vision tower became the image tokens is not known here for this picture and a "
        f"{model.card.family} model, so its attention cannot be joined to the decoder's."
    )
