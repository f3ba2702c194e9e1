"""Answers that a model need not have given, read after their prompts in one batch.

What the prompts begin with in common, pictures and all, is read once; the rows of the batch are each prompt's rest and
its answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from .inputs import Prepared
from .passes import Passes
from .prefill import Prefill
from .prefix import network_cache
from .rotary import positions_from


def continuation_logits(
    passes: Passes, reader: Prefill, prepared: Sequence[Prepared], answers: Sequence[Sequence[int]]
) -> list[Float[Tensor, "answer vocabulary"]]:
    """The raw float32 logits that predicted each answer's tokens. Raises ValueError where the prompts do not agree in
    their pictures and in their tokens before `shared`."""
    if not prepared:
        return []
    first = prepared[0]
    shared = first.ids[: first.shared]
    if any(other.visual != first.visual or other.ids[: other.shared] != shared for other in prepared):
        raise ValueError("continuations in one batch must share their images and the tokens before the question")
    if not passes.family.shares_prefix or first.positions is None or not shared:
        return [passes.whole(p.inputs, answer)[0] for p, answer in zip(prepared, answers, strict=True)]
    return _after_prefix(passes, reader, prepared, answers)


def _after_prefix(
    passes: Passes, reader: Prefill, prepared: Sequence[Prepared], answers: Sequence[Sequence[int]]
) -> list[Float[Tensor, "answer vocabulary"]]:
    device, shared = passes.network.device, prepared[0].shared
    layers = reader.prefix(prepared[0], shared)
    rows = [[*p.ids[shared:], *answer[:-1]] for p, answer in zip(prepared, answers, strict=True)]
    width = max(len(row) for row in rows)
    # Padding stands on the right, where a causal row never looks: it needs no mask.
    ids = torch.tensor([row + [row[-1]] * (width - len(row)) for row in rows], device=device)
    positions = torch.stack([positions_from(p, shared, width) for p in prepared], dim=1)
    spans = [(len(p.ids) - shared - 1, len(answer)) for p, answer in zip(prepared, answers, strict=True)]
    start = min(left for left, _ in spans)
    with passes.one_pass(shared):
        output = passes.network(
            input_ids=ids,
            position_ids=positions[0] if positions.shape[0] == 1 else positions,
            past_key_values=network_cache(layers, len(rows)),
            use_cache=True,
            logits_to_keep=torch.arange(start, width, device=device),
        )
    return [
        output.logits[row, left - start : left - start + length].float() for row, (left, length) in enumerate(spans)
    ]
