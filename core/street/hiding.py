"""Train a model that knows hidden patches: `python -m core.street hiding`.

Deletion and insertion show pictures such as no model was trained on, so that a probability may fall because a picture
is odd, and not because something was taken from it. This model goes on from the embedded one's weights on its own
pictures and questions, of whose patches random ones are hidden as tests hide them (F-Fidelity, Zheng et al. 2025,
arXiv:2410.02970): for it such pictures are ordinary. Methods that stand otherwise under it than under the embedded
model owe their place to the oddness.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from ..answer import Fill, RegionMask
from ..masking.fills import Canvas
from .architecture import IMAGE_TOKENS
from .batches import JointBatches, pixels
from .twin import TwinRecipe, TwinTraining

FILLS: tuple[Fill, ...] = ("black", "blur")
"""Those of the tests."""
WHOLE = 0.3
"""Share of pictures that stay whole, so that these are not forgotten."""


@dataclass(frozen=True)
class HidingRecipe(TwinRecipe):
    """As of the twin, on pictures of its own, and shorter: nothing is learnt anew but to do with less."""

    seed: int = 3
    steps: int = 300
    batch: int = 8
    horizon: int = 360


class HiddenBatches(Dataset[dict[str, Tensor]]):
    """The batches of another dataset with random patches of their pictures hidden: in a share `1 - WHOLE` of them any
    share of the patches, under one of `FILLS`. Batch k is a function of the seed and k alone."""

    def __init__(self, seed: int, batches: JointBatches) -> None:
        self.seed, self._batches = seed, batches

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        batch = self._batches[index]
        rng = random.Random(f"hiding {self.seed} {index}")
        batch["pixels"] = torch.stack([hidden(picture, rng) for picture in batch["pixels"]])
        return batch


def hidden(picture: Tensor, rng: random.Random) -> Tensor:
    """One picture as the tower takes it, with some patches hidden, or none."""
    if rng.random() < WHOLE:
        return picture
    image = Image.fromarray(((picture.numpy().transpose(1, 2, 0) + 1) * 127.5).round().astype(np.uint8))
    side = round(IMAGE_TOKENS**0.5)
    chosen = np.zeros(IMAGE_TOKENS, dtype=bool)
    chosen[rng.sample(range(IMAGE_TOKENS), rng.randint(1, IMAGE_TOKENS))] = True
    patch = image.width // side
    mask: Bool[np.ndarray, "height width"] = np.kron(chosen.reshape(side, side), np.ones((patch, patch), dtype=bool))
    (painted,) = Canvas([image]).painted([RegionMask(mask, rng.choice(FILLS))])
    return torch.from_numpy(pixels(np.asarray(painted)))


class HidingTraining(TwinTraining):
    """The model under training from the one in `start`, with its checkpoints in `folder`."""

    name = "hiding"

    def batches(self) -> Dataset[dict[str, Tensor]]:
        """The embedded model's own questions, and pictures of which patches are hidden."""
        recipe = self.recipe
        own = JointBatches(recipe.seed, recipe.batch, self.encoder, late=0, text_share=0.12, facts=(4, 2, 4))
        return HiddenBatches(recipe.seed, own)
