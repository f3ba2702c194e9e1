"""What the model makes of an answer when patches of its pictures are hidden, each variant read once.

The answer's own tokens are forced (the picture is another, the words before the target stay), so the figures are about
the target and not about where a different answer would have gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from ..answer import Answer, Fill, RegionMask, Target
from ..masking import apply_mask, pixels_of, unmasked
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import token_targets_of

Direction = Literal["deletion", "insertion"]


@dataclass(frozen=True)
class Variant:
    """The pictures with the patches at `top` (sequence positions) replaced by `fill` (deletion), or with everything
    replaced but these patches (insertion). `top` None is all there is, also what no patch holds."""

    direction: Direction
    fill: Fill
    top: frozenset[int] | None


def blank(fill: Fill) -> Variant:
    """Nothing of the pictures is left."""
    return Variant("deletion", fill, None)


FULL = Variant("deletion", "black", frozenset())
"""Nothing is hidden."""


class MaskedRuns:
    """Log-probabilities of an answer's tokens (and of the targets' rivals) under variants of its pictures.

    `probability` is NaN for a variant that was not read, as after a stop.
    """

    def __init__(self, model: VisionLanguageModel, answer: Answer, targets: Sequence[Target]) -> None:
        token_targets = [token_target for target in targets for token_target in token_targets_of(answer, target)]
        length = max((token_target.index for token_target in token_targets), default=-1) + 1
        said = [(index, token.id) for index, token in enumerate(answer.tokens[:length])]
        rivals = [
            (token_target.index, token_target.rival) for token_target in token_targets if token_target.rival is not None
        ]
        self._column = {pair: column for column, pair in enumerate(dict.fromkeys([*said, *rivals]))}
        self._model = model
        # What stands after the last target cannot bear on it, and need not be read.
        self._answer = answer.until(length)
        self._images = [np.asarray(image.convert("RGB")) for image in unmasked(answer.question).images]
        self._filled: dict[Fill, list[np.ndarray]] = {}
        self._known: dict[Variant, Float[np.ndarray, "pair"]] = {}

    def read(
        self,
        variants: Iterable[Variant],
        cancel: CancelToken | None = None,
        progress: Callable[[float], None] = lambda done: None,
    ) -> None:
        """Read those that are not known yet, in order; stops between two when asked to."""
        missing = [variant for variant in dict.fromkeys(variants) if variant not in self._known]
        if cancel is not None and cancel.cancelled:
            return
        rows = self._model.logits_of_images(self._answer, self._masked(missing))
        index, ids = (list(part) for part in zip(*self._column, strict=True))
        for done, (variant, logits) in enumerate(zip(missing, rows, strict=False), start=1):
            self._known[variant] = logits.log_softmax(-1)[index, ids].double().cpu().numpy()
            progress(done / len(missing))
            if cancel is not None and cancel.cancelled:
                return

    def knows(self, variant: Variant) -> bool:
        return variant in self._known

    def logprobs(self, variant: Variant) -> Float[np.ndarray, "answer"]:
        """Of the answer's own tokens up to the last target, in nats."""
        return self._known[variant][: len(self._answer.tokens)]

    def probability(self, target: Target, variant: Variant) -> float:
        """The probability of a target under a variant: the product over its tokens, each given the words before it;
        for a contrast that of the tokens rather than their rivals, p / (p + q)."""
        known = self._known.get(variant)
        if known is None:
            return float("nan")
        total = sum(
            float(known[self._column[token_target.index, token_target.token]])
            for token_target in token_targets_of(self._answer, target)
        )
        if target.rivals is None:
            return float(np.exp(total))
        against = sum(float(known[self._column[pair]]) for pair in zip(target.tokens, target.rivals, strict=True))
        return float(1 / (1 + np.exp(min(against - total, 700.0))))

    def _masked(self, variants: Iterable[Variant]) -> Iterator[list[Image.Image]]:
        for variant in variants:
            hidden = [self._hidden(variant, number) for number in range(len(self._images))]
            filled = self._filling(variant.fill)
            yield [
                Image.fromarray(np.where(mask[..., None], other, image))
                for mask, other, image in zip(hidden, filled, self._images, strict=True)
            ]

    def _hidden(self, variant: Variant, number: int) -> Bool[np.ndarray, "height width"]:
        if variant.top is None:
            return np.full(self._images[number].shape[:2], variant.direction == "deletion")
        named = pixels_of(variant.top, self._answer.layout, number)
        return named if variant.direction == "deletion" else ~named

    def _filling(self, fill: Fill) -> list[np.ndarray]:
        """Whole pictures of the fill."""
        if fill not in self._filled:
            self._filled[fill] = [
                np.asarray(apply_mask(Image.fromarray(image), RegionMask(np.ones(image.shape[:2], bool), fill)))
                for image in self._images
            ]
        return self._filled[fill]
