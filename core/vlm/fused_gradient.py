"""The backward pass of an attention by PyTorch's own fused kernel, where nothing is asked of the weights.

On a CPU that kernel is slow in half precision and quick in float32: there it takes less than blocks of rows do
(`attention_gradient`), which form each weight in memory because relevancy asks for it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .attention_call import AttentionCall
from .cancel import check_heard
from .precision import at_least_float32

LEAST_SHARE = 0.5
"""Of fewer of the rows, blocks take less: they leave out the rows that no gradient reaches."""

Gradients = tuple[
    Float[Tensor, "target heads query size"],
    Float[Tensor, "target key_value_heads key size"],
    Float[Tensor, "target key_value_heads key size"],
]


def is_quicker(call: AttentionCall, gradient: Float[Tensor, "target sequence query heads size"]) -> bool:
    """Whether the fused kernel takes this attention as it is, and takes less than blocks of rows would."""
    plain = call.mask is None and call.sinks is None and call.softcap is None and call.reweighed is None
    # The kernel's first query sees the first key alone, where attention is causal.
    plain = plain and (not call.causal or (call.offset == call.first_key and call.query.shape[1] == call.key.shape[1]))
    if not plain or call.query.device.type != "cpu" or call.query.shape[-1] != call.value.shape[-1]:
        return False
    reached = (gradient != 0).any(-1).any(-1).any(0)
    return bool(reached.float().mean() > LEAST_SHARE)


def fused_gradients(call: AttentionCall, gradient: Float[Tensor, "target heads query size"]) -> Gradients:
    """The gradients with respect to queries, keys and values from those of the output, in at least float32."""
    with torch.enable_grad():
        given = query, key, value = _leaf(call.query), _leaf(call.key), _leaf(call.value)
        output = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, is_causal=call.causal, scale=call.scaling, enable_gqa=len(call.query) != len(call.key)
        )
    made = []
    for own in gradient.to(output.dtype):
        check_heard()
        made.append(torch.autograd.grad(output, given, own[None], retain_graph=True))
    of_query, of_key, of_value = (torch.cat(parts) for parts in zip(*made, strict=True))
    return of_query, of_key, of_value


def _leaf(part: Float[Tensor, "heads row size"]) -> Float[Tensor, "1 heads row size"]:
    return at_least_float32(part).detach()[None].requires_grad_()
