"""Contrastive decoding against the same picture, noised or blank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ..answer import Answer, Question, RegionMask
from ..masking import as_seen, fill_named, unmasked
from ..settings import choice, number
from ..vlm.cancel import CancelToken
from ..vlm.guiding import Guide, Logits
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ._contrast import contrasted
from .base import ONCE, Progress, Remedy, Tried, asked

STEPS = 1000
"""Of the diffusion whose noise is taken; its rates are those of the publication's code, from a sigmoid."""


@dataclass(frozen=True)
class VisualContrastSettings:
    """Against what, how strongly, and among which tokens."""

    against: str = choice("noised", "Against the picture", ("noised", "mean", "black"), help="Noised, as published.")
    alpha: float = number(1.0, "Strength", minimum=0.0, maximum=5.0, step=0.1, help="0 is the model's own answer.")
    share: float = number(
        0.1,
        "Plausible from",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="Only tokens with this share of the likeliest one's probability may be chosen.",
    )
    step: int = number(
        500, "Noise", minimum=0, maximum=STEPS - 1, step=1, help="The step of a diffusion whose noise is added."
    )


class VisualContrast(Remedy):
    """VCD, Leng et al. 2024, "Mitigating Object Hallucinations in Large Vision-Language Models through Visual
    Contrastive Decoding": each token is chosen by (1 + alpha) times its logit with the picture less alpha times that
    with the picture noised, among the tokens that are plausible with the picture.

    What the wording alone would say is said after the noised picture too, and is taken away.
    """

    key = "visual_contrast"
    name = "Contrast with a noised picture"
    caveat = "It helps where the picture speaks against the wording; where it says nothing, noise decides."
    order = 10
    Settings = VisualContrastSettings

    def passes(self, model: VisionLanguageModel, answer: Answer, settings: VisualContrastSettings) -> Passes:
        return 2 * ONCE + Passes(tower=1, pictures=1)

    def apply(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        settings: VisualContrastSettings,
        *,
        cancel: CancelToken,
        progress: Progress,
    ) -> Tried:
        def combine(token: int, own: Logits, others: Sequence[Logits]) -> Logits:
            return contrasted(own, others[0], settings.alpha, settings.share)

        beside = without_picture(answer.question, settings.against, settings.step)
        again = asked(model, answer.question, cancel=cancel, guide=Guide((beside,), combine))
        other = "noised" if settings.against == "noised" else f"filled with {settings.against}"
        return Tried(again, f"Each token by its logit with the picture, less that with it {other}.")


def without_picture(question: Question, against: str, step: int) -> Question:
    """The question about pictures of the same sizes that show little or nothing of what they showed."""
    if against == "noised":
        return replace(unmasked(question), images=tuple(noised(image, step) for image in as_seen(question)))
    fill = fill_named(against)
    sizes = [np.ones((image.height, image.width), bool) for image in question.images]
    return unmasked(question).with_masks(*(RegionMask(whole, fill, image) for image, whole in enumerate(sizes)))


def noised(image: Image.Image, step: int, seed: int = 0) -> Image.Image:
    """A picture after so many steps of a forward diffusion: sqrt(a) x + sqrt(1 - a) noise, for x from -1 to 1 and a the
    product of the first 1 - b, b from a sigmoid between 1e-5 and 5e-3; cut to what a picture can hold. Always the same
    noise for a size."""
    rates = 1 / (1 + np.exp(-np.linspace(-6, 6, STEPS))) * (5e-3 - 1e-5) + 1e-5
    kept = float(np.cumprod(1 - rates)[step])
    pixels = np.asarray(image.convert("RGB"), np.float64) / 127.5 - 1
    noise = np.random.default_rng(seed).standard_normal(pixels.shape)
    mixed = np.sqrt(kept) * pixels + np.sqrt(1 - kept) * noise
    return Image.fromarray(((np.clip(mixed, -1, 1) + 1) * 127.5).round().astype(np.uint8))
