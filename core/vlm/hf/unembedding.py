"""Reading the unembedding of a `transformers` network.

Which module is the final norm, and what stands after the output embedding (a multiplier, a cap), is not looked up by
name but measured in a pass over a few tokens. The norm is the module that was given what the last layer left and made
what the output embedding was given; and what comes out of it all must be the network's own logits. So states of the
last layer read in the vocabulary are the model's prediction, or they are not read at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..precision import at_least_float32
from ..unembedding import LogitTransform, Unembedding
from .decoder import decoder_of
from .norms import read_norm
from .recompute import first_of, frozen


@dataclass(frozen=True, eq=False)
class Readout:
    """What a network makes of the states that its last layer leaves: a norm, the output embedding, and what is done to
    the products."""

    norm: torch.nn.Module
    head: torch.nn.Module
    logit_transform: LogitTransform

    def __call__(self, states: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row vocabulary"]:
        """The logits, where the states are; differentiable with respect to the states alone. Hold the model's lock."""
        with frozen(self.norm), frozen(self.head):
            logits: Tensor = self.logit_transform(self.head(self.norm(states)).to(states.device))
            return logits

    def taken_apart(self, device: torch.device) -> Unembedding | None:
        """The same as sums, on a device; None where the norm is no linear one."""
        weight = self.head.weight
        assert isinstance(weight, Tensor)
        norm = read_norm(self.norm, weight.shape[1], device)
        if norm is None:
            return None
        bias = getattr(self.head, "bias", None)
        own = bias.detach().to(device) if isinstance(bias, Tensor) else None
        return Unembedding(norm, weight.detach().to(device), own, self.logit_transform)


def measure_readout(network: Any, layers: Sequence[torch.nn.Module], tokens: Sequence[int]) -> Readout | None:
    """How `network` makes logits of what the last of its decoder's `layers` leaves, from a pass over a few tokens; None
    where it cannot be told.

    Its hooks see every thread's passes: hold the model's lock.
    """
    head = network.get_output_embeddings()
    if head is None:
        return None
    inside = {module for layer in layers for module in layer.modules()}
    others = [module for module in decoder_of(network).modules() if module not in inside]
    with _watching([*layers, head, *others]) as calls, torch.no_grad():
        logits = network(input_ids=torch.tensor([tokens], device=network.device), use_cache=False).logits
    # (the last that was called: without a picture, layers of cross-attention are left out)
    left = [call for call in calls if call.module in set(layers)]
    final = left[-1].made if left else None
    products = next((call for call in calls if call.module is head), None)
    if final is None or products is None:
        return None
    norm = next(
        (
            call.module
            for call in calls
            if call.module not in set(layers) and _same(call.given, final) and _same(call.made, products.given)
        ),
        torch.nn.Identity() if _same(final, products.given) else None,
    )
    transform = _logit_transform(network.config.get_text_config(), products.made, logits)
    return None if norm is None or transform is None else Readout(norm, head, transform)


@dataclass(frozen=True, eq=False)
class _Call:
    module: torch.nn.Module
    given: Tensor
    made: Tensor


@contextlib.contextmanager
def _watching(modules: Sequence[torch.nn.Module]) -> Iterator[list[_Call]]:
    """What these modules are given and make of it, in their order."""
    calls: list[_Call] = []

    def keep(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        given, made = next(iter((*args, *kwargs.values())), None), first_of(output)
        if isinstance(given, Tensor) and isinstance(made, Tensor):
            # Some logits are masked in place afterwards (Chameleon's).
            calls.append(_Call(module, given, made.clone()))

    with contextlib.ExitStack() as hooks:
        for module in modules:
            hooks.callback(module.register_forward_hook(keep, with_kwargs=True).remove)
        yield calls


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two states are one and the same, on whatever device."""
    return one.shape == other.shape and torch.equal(one, other.to(one.device))


def _logit_transform(text: Any, products: Tensor, logits: Tensor) -> LogitTransform | None:
    """What makes these logits of the output embedding's products; None where that is neither a multiplier nor a cap."""
    # Rounding of the network's own precision.
    eps = torch.finfo(products.dtype).eps
    products = at_least_float32(products).flatten()
    logits = at_least_float32(logits).flatten().to(products.device)
    tolerance = 4 * eps * float(logits.abs().max())
    configured = getattr(text, "final_logit_softcapping", None)
    for softcap in (None, configured):
        uncapped = logits if softcap is None else softcap * torch.atanh((logits / softcap).clamp(-1, 1))
        inside = uncapped.isfinite()
        multiplier = float((uncapped * products)[inside].sum() / (products * products)[inside].sum())
        for logit_transform in (LogitTransform(1.0, softcap), LogitTransform(multiplier, softcap)):
            if float((logit_transform(products) - logits).abs().max()) <= tolerance:
                return logit_transform
    return None
