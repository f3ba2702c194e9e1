"""The logits of given answers (said by the model or not), teacher-forced after their prompts in one batch.

What the prompts begin with in common, images and all, is read once; the rows of the batch are the rest of each prompt
and its answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from .inputs import PositionedPrompt
from .passes import Passes
from .prefill import Prefill
from .prefix import network_cache
from .rotary import positions_from


def continuation_logits(
    passes: Passes, prefill: Prefill, prompts: Sequence[PositionedPrompt], answers: Sequence[Sequence[int]]
) -> list[Float[Tensor, "answer vocabulary"]]:
    """The raw float32 logits that predicted each answer's tokens. Raises ValueError where the prompts do not agree in
    their images and in their tokens before `shared`."""
    if not prompts:
        return []
    first = prompts[0]
    shared = first.ids[: first.shared]
    if any(other.visual != first.visual or other.ids[: other.shared] != shared for other in prompts):
        raise ValueError("continuations in one batch must share their images and the tokens before the question")
    if not passes.shares_prefix or first.positions is None or not shared:
        return [
            passes.teacher_forced(prefill.with_features(p.inputs), answer)[0]
            for p, answer in zip(prompts, answers, strict=True)
        ]
    return _after_prefix(passes, prefill, prompts, answers)


def _after_prefix(
    passes: Passes, prefill: Prefill, prompts: Sequence[PositionedPrompt], answers: Sequence[Sequence[int]]
) -> list[Float[Tensor, "answer vocabulary"]]:
    device, shared = passes.network.device, prompts[0].shared
    kept = prefill.prefix(prompts[0], shared)
    rows = [[*p.ids[shared:], *answer[:-1]] for p, answer in zip(prompts, answers, strict=True)]
    width = max(len(row) for row in rows)
    # Padding stands on the right, where a causal row never looks: it needs no mask.
    ids = torch.tensor([row + [row[-1]] * (width - len(row)) for row in rows], device=device)
    positions = torch.stack([positions_from(p, shared, width) for p in prompts], dim=1)
    spans = [(len(p.ids) - shared - 1, len(answer)) for p, answer in zip(prompts, answers, strict=True)]
    start = min(left for left, _ in spans)
    with passes.one_pass(shared):
        logits = passes.last_logits(
            width - start,
            input_ids=ids,
            position_ids=positions[0] if positions.shape[0] == 1 else positions,
            past_key_values=network_cache(passes.network.config, kept, len(rows)),
            use_cache=True,
        )
    return [logits[row, left - start : left - start + length] for row, (left, length) in enumerate(spans)]
