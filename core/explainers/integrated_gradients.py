"""Gradients gathered on the way from a picture that says nothing to the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..answer import Answer
from ..settings import choice, number
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._image_path import BASELINE_HELP, BASELINES, Ends, along, middles, path_bytes, path_passes
from ._smoothing import copies_setting, noise_setting, seed_setting
from .base import Explainer, Step


@dataclass(frozen=True)
class IntegratedGradientsSettings:
    """The way, and where it begins."""

    steps: int = number(
        4, "Steps", minimum=1, maximum=512, step=1, help="More: closer to the integral, and longer in proportion."
    )
    baseline: str = choice("mean", "Begins at", BASELINES, help=BASELINE_HELP)
    copies: int = copies_setting()
    noise: float = noise_setting()
    seed: int = seed_setting()


class IntegratedGradients(Explainer):
    """Integrated gradients, Sundararajan et al. 2017, equations 1 and 3, over the image tokens as the decoder reads
    them: (x - x0) times the mean gradient of the token's raw logit on the straight way from x0 to x, summed over
    features. Words stay as they are.

    The scores of all image tokens add up to what the logit gains between x0 and the picture (completeness), within
    the error of as many steps, taken at their middles: both sums are told with every map. Smoothed, the map is the mean
    of those of noisy copies (SmoothGrad, Smilkov et al. 2017), and x0 may be drawn anew for each from the picture's own
    tokens (expected gradients, Erion et al. 2021).
    """

    key = "integrated_gradients"
    name = "Integrated gradients"
    caveat = "Measured against a baseline that the model never saw: another baseline is another question."
    cheaper = "Fewer steps take proportionally less time."
    Settings = IntegratedGradientsSettings
    needs = "image"
    signed = True

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return path_bytes(model, answer, token_targets)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        ends = Ends(settings.baseline, settings.copies)
        return path_passes(model, answer, token_targets, ends, settings.steps)

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: IntegratedGradientsSettings,
    ) -> Iterator[Step]:
        ends = Ends(settings.baseline, settings.copies, settings.noise, settings.seed)
        return along(model, answer, token_targets, ends, middles(settings.steps))
