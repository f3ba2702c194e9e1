"""Hide image tokens and words from the reader and ask again how likely the answer is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..answer import Answer, TokenKind, TokenLayout
from ..perturb.outcomes import sets_at_once
from ..perturb.perturbation import HiddenTokens
from ..settings import number, switch
from ..vlm.batch_size import edited_row_bytes
from ..vlm.edits import first_after_images
from ..vlm.memory_costs import keys_bytes, pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, share_after_images
from ..vlm.targets import TokenTarget
from ._occlusion import taken_away, windows
from ._places import image_positions
from .base import Explainer, Step


@dataclass(frozen=True)
class OcclusionTokensSettings:
    """What is hidden at a time."""

    window: int = number(1, "Window", minimum=1, maximum=16, step=1, help="Side of a square, in image tokens.")
    step: int = number(
        1, "Step", minimum=1, maximum=16, step=1, help="From one square to the next; less than a window overlaps."
    )
    words: bool = switch(True, "Hide the question's words too", help="One token at a time.")


class OcclusionTokens(Explainer):
    """The drop in log-probability of the token when image tokens, or a word of the question, are hidden from all that
    stands after the picture: attention knockout at every layer (Geva et al. 2023, "Dissecting recall of factual
    associations", section 3), in nats.

    The picture is read once; many hidings are computed in one batch over its keys and values.
    """

    key = "occlusion_tokens"
    name = "Hide image tokens"
    caveat = "Not deleted pixels: image tokens have mixed before they are hidden, so neighbours may still tell."
    cheaper = "A larger window and step hide less often; suffix relevancy takes a pass or two."
    Settings = OcclusionTokensSettings
    signed = True
    keeps_partial = True

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        if image_positions(answer) or answer.layout.positions(TokenKind.TEXT):
            return None
        return "This question has neither image tokens nor words of its own to hide. Ask another."

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        card, first = model.card, first_after_images(answer)
        # What stands before is kept as keys and values, once more while it is cut from those of the question.
        kept = 2 * keys_bytes(model, answer)
        batch = sets_at_once(model, answer, first) * edited_row_bytes(card, answer, first)
        return pass_bytes(model, answer) + kept + batch

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        # The pass that is run on, its keys and values, and each part over the rows after the picture.
        parts = len(self._parts(answer, model.with_patches_across(answer), settings))
        return Passes(forward=(2 + parts) * share_after_images(answer))

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: OcclusionTokensSettings,
    ) -> Iterator[Step]:
        yield Step(0.0)
        over, length = model.with_patches_across(answer), len(answer.layout)
        parts = [(_hidden(part, length), dict.fromkeys(part, 1.0)) for part in self._parts(answer, over, settings)]
        yield from taken_away(model, answer, token_targets, parts, None if over is answer.layout else over)

    @staticmethod
    def _parts(answer: Answer, over: TokenLayout, settings: OcclusionTokensSettings) -> list[tuple[int, ...]]:
        squares = [positions for _, positions in windows(over, settings.window, settings.step)]
        # Image tokens without a place in the picture are hidden one by one.
        placed = {position for square in squares for position in square}
        alone = [(position,) for position in image_positions(answer) if position not in placed]
        words = [(position,) for position in answer.layout.positions(TokenKind.TEXT)] if settings.words else []
        return [*squares, *alone, *words]


def _hidden(part: tuple[int, ...], length: int) -> HiddenTokens:
    """A part of a sequence of so many positions, after which stand the keys of cross-attention."""
    positions = frozenset(position for position in part if position < length)
    return HiddenTokens(positions, frozenset(position - length for position in part if position >= length))
