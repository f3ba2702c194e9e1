"""The attention rows of a sequence's last queries, in as few operations as possible: this runs in every layer while an
answer is written. They are the same as those of `AttentionCall.rows`."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..attention_call import softmax_of
from ..precision import at_least_float32
from ..reweighting import Reweighed

KEYS_AT_ONCE = 2**17
"""Numbers of keys that a CPU takes from half to single precision at once: more do not stay in its cache."""


def last_rows(
    query: Float[Tensor, "heads row size"],
    key: Float[Tensor, "key_value_heads key size"],
    allowed: Tensor | None,
    scaling: float,
    softcap: float | None = None,
    sinks: Float[Tensor, "heads"] | None = None,
    reweighed: Reweighed | None = None,
) -> Float[Tensor, "heads row key"]:
    """The softmax rows of the last queries over all keys. Those of half precision carry no more than that, so they are
    handed on in float16: large models would keep hundreds of megabytes. They are computed in at least float32.

    `allowed` is a mask as SDPA takes it; without one, each query sees the keys up to its own. Heads that share keys are
    grouped, not repeated. `reweighed` is what edits do to these rows.
    """
    heads, rows, size = query.shape
    groups, keys = key.shape[0], key.shape[1]
    query = at_least_float32(query).reshape(groups, -1, size)
    scores = _products(query, key).view(heads, rows, keys) * scaling
    if allowed is None and rows > 1:
        allowed = torch.ones(rows, keys, dtype=torch.bool, device=query.device).tril(keys - rows)
    weights = softmax_of(scores, allowed, softcap, sinks, reweighed)
    return weights if key.dtype == torch.float32 else weights.to(torch.float16)


def _products(
    query: Float[Tensor, "groups row size"], key: Float[Tensor, "groups key size"]
) -> Float[Tensor, "groups row key"]:
    """query . key in the precision of `query`, without a copy of all keys in it on a CPU."""
    together = KEYS_AT_ONCE // (key.shape[1] * key.shape[2])
    if key.dtype == query.dtype or key.device.type != "cpu" or together >= len(key):
        return torch.bmm(query, key.to(query.dtype).transpose(1, 2))
    parts = zip(query.split(max(1, together)), key.split(max(1, together)), strict=True)
    return torch.cat([torch.bmm(own, keys.to(own.dtype).transpose(1, 2)) for own, keys in parts])
