"""More weight for attention to image tokens."""

from __future__ import annotations

from dataclasses import dataclass

from ..answer import Answer, TokenKind
from ..errors import NotApplicable, UnknownName
from ..settings import Chosen, heads, layers, number
from ..vlm.cancel import CancelToken
from ..vlm.edits import Edits, RaisedScores
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ._attending import lacking_tokens, predicting_rows
from .base import ONCE, Progress, Remedy, Tried, asked


@dataclass(frozen=True)
class ImageAttentionSettings:
    """How much more, and where."""

    strength: float = number(
        0.5, "Strength", minimum=0.0, maximum=5.0, step=0.1, help="A score s becomes s + strength |s|. 0: as it is."
    )
    layers: Chosen = layers("Layers", help="As published all but the first ones.")
    heads: Chosen = heads("Heads")


class ImageAttention(Remedy):
    """PAI, Liu et al. 2024, "Paying More Attention to Image": while each token is predicted, its attention scores to
    the image tokens are raised by a share of their size before the softmax, so that the words weigh less.

    This is the publication's first half; its second, less of what is said without the picture, stands here as a
    contrast of its own.
    """

    key = "image_attention"
    name = "More attention to the picture"
    caveat = "All image tokens are raised alike, sinks too; what is not carried from them is not carried louder."
    order = 30
    Settings = ImageAttentionSettings

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        return super().obstacle(model, answer) or lacking_tokens(model, answer)

    def passes(self, model: VisionLanguageModel, answer: Answer, settings: ImageAttentionSettings) -> Passes:
        return ONCE

    def apply(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        settings: ImageAttentionSettings,
        *,
        cancel: CancelToken,
        progress: Progress,
    ) -> Tried:
        edits = self.edits(answer, settings)
        try:
            with model.edited(edits):
                again = asked(model, answer.question, cancel=cancel)
        except UnknownName as error:
            raise NotApplicable(str(error)) from error
        return Tried(again, f"Scores of the image tokens raised by {settings.strength:g} of their size.")

    @staticmethod
    def edits(answer: Answer, settings: ImageAttentionSettings) -> Edits:
        """The edit, at every position that predicts a token of an answer to the same question."""
        chosen, some = (None if one is None else frozenset(one) for one in (settings.layers, settings.heads))
        image = answer.layout.positions(TokenKind.IMAGE)
        return (RaisedScores(predicting_rows(answer), image, settings.strength, chosen, some),)
