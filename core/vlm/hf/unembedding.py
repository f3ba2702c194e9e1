"""Reading the unembedding of a `transformers` network.

What stands after the output embedding (a multiplier, a cap) is not looked up but measured, by comparing what the output
embedding made of one token with the logits that came out of the network: not every vision-language network does what
the configuration of its language model says.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..precision import at_least_float32
from ..unembedding import LogitTransform, Unembedding
from .norms import read_norm

FINAL_NORMS = ("norm", "final_layernorm", "final_layer_norm", "ln_f", "norm_f")


def final_norm(decoder: torch.nn.Module) -> torch.nn.Module:
    """The norm after the last layer. Raises AttributeError for a decoder that has none by a known name."""
    for name in FINAL_NORMS:
        norm = getattr(decoder, name, None)
        if isinstance(norm, torch.nn.Module):
            return norm
    raise AttributeError(f"{type(decoder).__name__} has no final norm named {' or '.join(FINAL_NORMS)}")


def find_logit_transform(network: Any, token: int) -> LogitTransform | None:
    """What `network` does after its output embedding, from a pass over one token; None where it cannot be told.

    Its hook sees every thread's passes: hold the model's lock.
    """
    outputs: list[Tensor] = []
    head = network.get_output_embeddings()
    hook = head.register_forward_hook(lambda _, __, output: outputs.append(output))
    try:
        with torch.no_grad():
            logits = at_least_float32(
                network(input_ids=torch.tensor([[token]], device=network.device), use_cache=False).logits
            )
    finally:
        hook.remove()
    logits, products = logits.flatten(), at_least_float32(outputs[-1].to(logits.device)).flatten()
    # Rounding of the network's own precision.
    tolerance = 4 * torch.finfo(outputs[-1].dtype).eps * float(logits.abs().max())
    configured = getattr(network.config.get_text_config(), "final_logit_softcapping", None)
    for softcap in (None, configured):
        uncapped = logits if softcap is None else softcap * torch.atanh((logits / softcap).clamp(-1, 1))
        inside = uncapped.isfinite()
        multiplier = float((uncapped * products)[inside].sum() / (products * products)[inside].sum())
        for logit_transform in (LogitTransform(1.0, softcap), LogitTransform(multiplier, softcap)):
            if float((logit_transform(products) - logits).abs().max()) <= tolerance:
                return logit_transform
    return None


def read_unembedding(network: Any, logit_transform: LogitTransform) -> Unembedding | None:
    """The unembedding of a network whose decoder ends in a norm; None where that is no linear one."""
    head = network.get_output_embeddings()
    device = network.device
    norm = read_norm(final_norm(network.get_decoder()), head.weight.shape[1], device)
    if norm is None:
        return None
    bias = getattr(head, "bias", None)
    bias = None if bias is None else bias.detach().to(device)
    return Unembedding(norm, head.weight.detach().to(device), bias, logit_transform)
