"""Smoothing of gradient methods: the mean of a method's maps over noisy copies of the picture (Smilkov et al. 2017,
"SmoothGrad: removing noise by adding noise": M'(x) = 1/n sum over n of M(x + noise)).

A gradient tells of the smallest changes alone, and changes wildly from one point to the next. The noise is added to the
image tokens as the decoder reads them, as the methods' gradients are with respect to these.

A method takes it over by three settings (`copies_setting`, `noise_setting`, `seed_setting`) and by going over
`noisy_copies`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..settings import number


def copies_setting() -> Any:
    """The setting that says how many noisy copies there are; 0 by default, and the method is as without any."""
    return number(
        0,
        "Noisy copies",
        minimum=0,
        maximum=100,
        step=1,
        help="The mean of the maps of so many copies of the picture with noise (SmoothGrad); 0: no noise. The time "
        "grows in proportion.",
    )


def noise_setting() -> Any:
    """The setting of the noise's standard deviation."""
    return number(
        0.2,
        "Noise",
        minimum=0.0,
        maximum=2.0,
        step=0.05,
        help="Its standard deviation, as a share of how much each feature varies over the picture's image tokens.",
    )


def seed_setting() -> Any:
    """The setting of the seed."""
    return number(0, "Seed of the noise", minimum=0, maximum=2**31 - 1, step=1, help="The same seed, the same map.")


def generator(seed: int) -> torch.Generator:
    """Random numbers from a seed, the same on every device: they are drawn on the CPU."""
    return torch.Generator().manual_seed(seed)


def noisy_copies(
    tokens: Float[Tensor, "place hidden"], number_of_copies: int, scale: float, drawn: torch.Generator
) -> Iterator[Float[Tensor, "place hidden"]]:
    """The tokens themselves where no copies are wanted, or else so many copies with Gaussian noise, whose standard
    deviation is `scale` times that of each feature over the tokens (equation in section 3 of Smilkov et al. 2017).

    *Departure:* there the noise is a share of the whole range of pixels. Features of embeddings differ by orders of
    magnitude, so each has its own.
    """
    if not number_of_copies:
        yield tokens
        return
    deviation = scale * tokens.std(0, correction=0)
    for _ in range(number_of_copies):
        yield tokens + deviation * torch.randn(tokens.shape, generator=drawn).to(tokens)


def others_in_their_place(
    tokens: Float[Tensor, "place hidden"], drawn: torch.Generator
) -> Float[Tensor, "place hidden"]:
    """The picture's tokens in each other's places, each drawn anew from all of them: a baseline of expected gradients
    (Erion et al. 2021) whose reference distribution is the picture's own tokens."""
    return tokens[torch.randint(len(tokens), (len(tokens),), generator=drawn).to(tokens.device)]
