"""Head ablation: what the answer becomes without some heads, and whether a ranking of heads is true.

A head's output is replaced at every position, before the output projection: by nothing (Michel, Levy and Neubig 2019,
"Are Sixteen Heads Really Better than One?", NeurIPS), or by its mean over the positions of reference answers, which
leaves what the head always writes. A ranking is true as far as the log-probability falls faster when its first heads
are ablated than when as many are that nobody chose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Head, Target
from ..errors import NotApplicable
from ..perturb.outcomes import OutcomeReader
from ..perturb.perturbation import NetworkEdits
from ..perturb.prediction import Prediction
from ..perturb.until import until_target
from ..perturb.words import heads_in_words
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.checkpoints import CheckpointedPass
from ..vlm.edits import HeadAblation
from ..vlm.instead import with_what_is_left
from ..vlm.memory_costs import check_memory, checkpoint_bytes, edited_run_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import check_own

REMEDY = "Choose an earlier word of the answer, or use a smaller picture."


@dataclass(frozen=True, eq=False)
class AblationCurves:
    """The target's log-probability (nats) with the first `counts[i]` heads of each ranking ablated, and with as many
    random ones, in several draws of `seed`. NaN where a stopped run did not get; `complete` is below 1 then.
    `rankings` are the heads, as far as they were ablated."""

    target: Target
    mean: bool
    counts: tuple[int, ...]
    before: Prediction
    ranked: Mapping[str, Float[np.ndarray, "count"]]
    random: Float[np.ndarray, "draw count"]
    complete: float
    rankings: Mapping[str, tuple[Head, ...]] = field(default_factory=dict)
    seed: int = 0


def head_means(model: VisionLanguageModel, answers: Sequence[Answer]) -> Float[Tensor, "layers heads size"]:
    """Each head's mean output over all positions of some answers' sequences, in at least float32; NaN in layers without
    attention.

    Raises OtherModel; NotApplicable without answers and where a layer has no attention that can be seen.
    """
    if not answers:
        raise NotApplicable("Means are of reference answers. Choose at least one, the answer itself for instance.")
    sums: list[Tensor] = []
    counts: list[Tensor] = []
    for answer in answers:
        check_own(model, answer)
        check_memory("A mean of heads", checkpoint_bytes(model, answer), model, REMEDY)
        checkpoints = model.checkpointed(answer)
        own = {layer: _summed(checkpoints, layer) for layer in model.card.attention_layers}
        some, _ = next(iter(own.values()))
        none = torch.full_like(some, float("nan")), 1
        outputs, positions = zip(*(own.get(layer, none) for layer in range(checkpoints.layers)), strict=True)
        sums.append(torch.stack(outputs))
        counts.append(some.new_tensor(positions))
    return torch.stack(sums).sum(0) / torch.stack(counts).sum(0)[:, None, None]


def _summed(checkpoints: CheckpointedPass, layer: int) -> tuple[Float[Tensor, "heads size"], int]:
    """The head outputs of a layer, summed over the positions at which it attends, and how many these are."""
    with checkpoints.recompute(layer, grad=False) as passed:
        if not passed.attention_calls:
            raise NotApplicable("A layer of this model has no attention that can be seen, so its heads have no mean.")
        output = passed.attention_calls[0].output
        return output.to(torch.promote_types(output.dtype, torch.float32)).sum(0), len(output)


def without_heads(heads: Sequence[Head], means: Float[Tensor, "layers heads size"] | None = None) -> NetworkEdits:
    """Some heads replaced by their means, or by nothing where there are none."""
    if not heads:
        return NetworkEdits(())
    if means is None:
        return NetworkEdits((HeadAblation(tuple(heads)),))
    layers, numbers = zip(*heads, strict=True)
    ablation = HeadAblation(tuple(heads), means[list(layers), list(numbers)])
    return NetworkEdits((ablation,), f"{heads_in_words(heads)} replaced by their mean")


@stoppable
@with_what_is_left
def ablation_curves(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    rankings: Mapping[str, Sequence[Head]],
    counts: Sequence[int],
    means: Float[Tensor, "layers heads size"] | None = None,
    *,
    draws: int = 5,
    seed: int = 0,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> AblationCurves:
    """The target with the first k heads of each ranking ablated, for each k of `counts`; beside it, k heads of each of
    `draws` random orders of all heads (so a random draw may hold a ranking's heads, as chance would).

    Stopped by `cancel`, it returns what is done. Raises Cancelled when stopped before, OtherModel;
    NotApplicable for a target outside the answer and for more heads than a ranking has; NotEnoughMemory; ValueError for
    heads that are not there.
    """
    answer, token_targets = until_target(model, answer, target)
    every = len(model.card.attention_layers) * model.card.heads
    shortest = min((len(ranking) for ranking in rankings.values()), default=every)
    if not counts or not all(0 <= count <= shortest for count in counts):
        raise NotApplicable(f"The first heads are counted from 0 to {shortest}, the length of the shortest ranking.")
    check_memory("Head ablation", edited_run_bytes(model, answer), model, REMEDY)
    if cancel is not None:
        cancel.check()
    reader = OutcomeReader(model, answer, token_targets, model.checkpointed(answer))
    before = reader.undisturbed()
    orders = [*rankings.values(), *_random_orders(model, draws, seed)]
    sets = [without_heads(order[:count], means) for order in orders for count in counts]
    logprobs = np.full(len(sets), np.nan)
    done = 0
    for done, outcome in enumerate(reader.outcomes(sets, cancel, progress), start=1):
        logprobs[done - 1] = outcome.after.logprob
    rows = logprobs.reshape(len(orders), len(counts))
    ranked = {name: rows[row] for row, name in enumerate(rankings)}
    complete = done / len(sets) if sets else 1.0
    heads = {name: tuple(ranking[: max(counts)]) for name, ranking in rankings.items()}
    return AblationCurves(
        target, means is not None, tuple(counts), before, ranked, rows[len(rankings) :], complete, heads, seed
    )


def _random_orders(model: VisionLanguageModel, draws: int, seed: int) -> list[list[Head]]:
    """All heads, shuffled several times."""
    heads = [(layer, head) for layer in model.card.attention_layers for head in range(model.card.heads)]
    chance = np.random.default_rng(seed)
    return [[heads[index] for index in chance.permutation(len(heads))] for _ in range(draws)]
