"""Relevancy propagation from the decoder through the projector into the vision tower.

Most projectors read one layer of the tower, and the decoder reads what they make of it in place of the image tokens.
ViP-LLaVA's reads several layers beside each other; Qwen3-VL's has parts that read earlier layers, and what they make is
added to the image tokens before the decoder's next layers. The gradient of the tower's states then comes in parts, by
way of each layer that is read and each layer of the decoder that something enters, and all are taken along. Relevancy
itself knows no such parts, being a product over layers: an image token's enters the tower after the last layer read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..vlm.backward import in_parts, rescaled
from ..vlm.layer_gradient import Pulled, finite, gradients_of
from ..vlm.precision import at_least_float32
from ..vlm.tower import TowerPass
from ._propagation import RelevancyPropagation

PROPORTIONAL = 1e-2
"""A multiple is one to this share: states of half precision have been rounded."""


class TowerPropagation(RelevancyPropagation):
    """Relevancy propagation down a tower. Below some layers, whose states are read, the gradient has a part more.

    `joining[n]` [target place width] is that part for the states after n layers.
    """

    def __init__(
        self,
        tower: TowerPass,
        relevancy: Float[Tensor, "target place"],
        joining: dict[int, Float[Tensor, "target place width"]],
    ) -> None:
        top = joining.pop(tower.layers)
        gradient, scale = rescaled(top, top.new_ones(len(top)), tower.final.dtype)
        super().__init__(tower, relevancy, gradient, scale)
        self._joining = joining

    def down(self, layer: int) -> Iterator[int]:
        yield from super().down(layer)
        if layer in self._joining:
            joining = self._joining.pop(layer) * self.scale[:, None, None]
            both = at_least_float32(self.gradient) + joining
            self.gradient, self.scale = rescaled(both, self.scale, self.gradient.dtype)


def entering(decoder: RelevancyPropagation, images: Sequence[int]) -> Float[Tensor, "target image_token hidden"]:
    """The gradient of what is added to the image tokens before the layer that was gone through last."""
    return at_least_float32(decoder.gradient[:, list(images)]) / decoder.scale[:, None, None]


def scaling(given: Float[Tensor, "image_token hidden"], made: Float[Tensor, "image_token hidden"]) -> float:
    """By what a decoder multiplies what was `made` for it before its first layer is `given` it, as Granite's does; 1
    where one is not a multiple of the other."""
    given, made = at_least_float32(given).flatten(), at_least_float32(made).flatten().to(given.device)
    factor = float(given @ made / (made @ made).clamp(min=torch.finfo(made.dtype).tiny))
    missed = float((given - factor * made).norm())
    return factor if abs(factor - 1) > PROPORTIONAL and missed <= PROPORTIONAL * float(given.norm()) else 1.0


def into_tower(
    tower: TowerPass,
    decoder: RelevancyPropagation,
    images: Sequence[int],
    entries: Sequence[Float[Tensor, "target image_token hidden"]],
    given: Float[Tensor, "image_token hidden"],
) -> TowerPropagation:
    """Propagation goes on through the projector: an image token's relevancy is spread evenly over its merged places.

    `entries` are the gradients of what enters each of the decoder's first layers, and `given` what the first of them
    was given, which some decoders scale before. The relevancy of a token that is made of no place goes no further.
    """
    states = [read.detach().requires_grad_() for read in tower.read]
    with torch.enable_grad():
        projected = tower.project(*states)
    token_targets = len(decoder.scale)
    first = entries[0] * scaling(given, projected[0].detach())
    above, scale = rescaled(torch.stack([first, *entries[1:]], 1), torch.ones_like(decoder.scale), projected.dtype)
    joining: dict[int, Tensor] = {}
    for some in in_parts(projected, token_targets):
        given = above[some]
        pulled, factors = finite(
            lambda factors, given=given: Pulled(  # type: ignore[misc]
                gradients_of([projected], states, [given * factors.to(given).view(-1, 1, 1, 1)])
            ),
            len(given),
            projected,
        )
        for count, part in zip(tower.reads, pulled.gradients, strict=True):
            assert part is not None
            if count not in joining:
                joining[count] = at_least_float32(part).new_zeros(token_targets, *part.shape[1:])
            joining[count][some] += at_least_float32(part) / (scale[some] * factors)[:, None, None]
    relevancy = torch.zeros(token_targets, len(tower.final), dtype=decoder.relevancy.dtype, device=tower.final.device)
    seeing = tower.seeing
    own = decoder.relevancy[:, list(images)][:, seeing, None]
    relevancy[:, tower.place_of[seeing]] = own / tower.place_of.shape[1]
    return TowerPropagation(tower, relevancy, joining)
