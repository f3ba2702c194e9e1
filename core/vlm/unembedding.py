"""The unembedding taken apart: final norm, output embedding, and what a network makes of its products.

    logits(x) = cap(multiplier (scale(x) linear(x) + shift) U^T + multiplier bias)

With the norm's scale frozen the logits before the cap are linear in the residual stream, so each summand of the stream
adds its own share to them. Multiplier and cap (c tanh(l / c), Gemma 2) are not looked up but found by comparing what
the output embedding made of one token with the logits that came out of the network: not every vision-language network
does what its language model's configuration says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from .norms import LinearNorm, read_norm
from .precision import at_least_float32

PART = 8192
"""Words whose unembedding is widened at a time."""

FINAL_NORMS = ("norm", "final_layernorm", "final_layer_norm", "ln_f", "norm_f")


@dataclass(frozen=True)
class LogitTransform:
    """What a network does to the products with its output embedding: l -> cap(multiplier l)."""

    multiplier: float = 1.0
    softcap: float | None = None

    def __call__(self, products: Float[Tensor, "*row vocabulary"]) -> Float[Tensor, "*row vocabulary"]:
        """The logits; differentiable."""
        return self.cap(products * self.multiplier if self.multiplier != 1 else products)

    def cap(self, logits: Float[Tensor, "*row vocabulary"]) -> Float[Tensor, "*row vocabulary"]:
        """c tanh(l / c) where there is a cap c."""
        return logits if self.softcap is None else torch.tanh(logits / self.softcap) * self.softcap


@dataclass(frozen=True, eq=False)
class Unembedding:
    """A network's unembedding. `weight` and `bias` are the network's own and in its precision."""

    norm: LinearNorm
    weight: Float[Tensor, "vocabulary hidden"]
    bias: Float[Tensor, "vocabulary"] | None
    logit_transform: LogitTransform

    def words(self, ids: Sequence[int] | slice) -> Float[Tensor, "id hidden"]:
        """Rows of the output embedding, times the multiplier, in at least float32."""
        found = at_least_float32(self.weight[ids if isinstance(ids, slice) else list(ids)])
        return found if self.logit_transform.multiplier == 1 else found * self.logit_transform.multiplier

    def constant(self, ids: Sequence[int] | slice) -> Float[Tensor, "id"]:
        """What stands in the logits of some words beside the residual stream: the norm's shift, the head's bias."""
        found = self.words(ids) @ self.norm.shift
        if self.bias is not None:
            found = (
                found
                + at_least_float32(self.bias[ids if isinstance(ids, slice) else list(ids)])
                * self.logit_transform.multiplier
            )
        return found

    def products(self, states: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row vocabulary"]:
        """A few states (or summands of one) against all words, widening a part of the vocabulary at a time."""
        starts = range(0, len(self.weight), PART)
        return torch.cat([states @ self.words(slice(start, start + PART)).T for start in starts], -1)


def final_norm(decoder: torch.nn.Module) -> torch.nn.Module:
    """The norm after the last layer. Raises AttributeError for a decoder that has none by a known name."""
    found = next((module for name in FINAL_NORMS if (module := getattr(decoder, name, None)) is not None), None)
    if found is None:
        raise AttributeError(f"{type(decoder).__name__} has no final norm named {' or '.join(FINAL_NORMS)}")
    return found


def find_logit_transform(network: Any, token: int) -> LogitTransform | None:
    """What `network` does after its output embedding, from a pass over one token; None where it cannot be told.

    Everybody's passes are watched: hold the model's lock.
    """
    made: list[Tensor] = []
    head = network.get_output_embeddings()
    hook = head.register_forward_hook(lambda _, __, output: made.append(output))
    try:
        with torch.no_grad():
            logits = at_least_float32(
                network(input_ids=torch.tensor([[token]], device=network.device), use_cache=False).logits
            )
    finally:
        hook.remove()
    logits, products = logits.flatten(), at_least_float32(made[-1]).flatten()
    configured = getattr(network.config.get_text_config(), "final_logit_softcapping", None)
    for softcap in (None, configured):
        flat = logits if softcap is None else softcap * torch.atanh((logits / softcap).clamp(-1, 1))
        inside = flat.isfinite()
        multiplier = float((flat * products)[inside].sum() / (products * products)[inside].sum())
        for logit_transform in (LogitTransform(1.0, softcap), LogitTransform(multiplier, softcap)):
            # Rounding of the network's own precision.
            room = 4 * torch.finfo(made[-1].dtype).eps * float(logits.abs().max())
            if float((logit_transform(products) - logits).abs().max()) <= room:
                return logit_transform
    return None


def read_unembedding(network: Any, logit_transform: LogitTransform) -> Unembedding | None:
    """The unembedding of a network whose decoder ends in a norm; None where that is no linear one."""
    head = network.get_output_embeddings()
    norm = read_norm(final_norm(network.get_decoder()), head.weight.shape[1], head.weight.device)
    if norm is None:
        return None
    bias = getattr(head, "bias", None)
    return Unembedding(norm, head.weight.detach(), None if bias is None else bias.detach(), logit_transform)
