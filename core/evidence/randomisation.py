"""Does a map change when the model forgets what it learned?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Explanation, TokenKind
from ..explainers.registry import explainers
from ..explainers.run import explain
from ..maps.agreement import agreement
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.forecast import Forecast, forecast
from ..vlm.memory_costs import check_memory, pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING, Passes
from ..vlm.targets import check_own, token_targets_of
from .metric import Metric


class Randomisation(Metric):
    """Spearman's correlation of the map's patches with those of the same method on a model whose weights are shuffled,
    block after block from the output down: the cascading randomisation of Adebayo et al. 2018, "Sanity checks for
    saliency maps". Near 0 when the map is about what the model learned; near 1 it would look so whatever was learned.
    """

    key = "randomisation"
    name = "Randomised weights"
    better = "lower"
    unit = "correlation"
    caveat = "Passing says only that the map depends on the weights, not that it is right: random noise passes too."


@dataclass(frozen=True)
class Stage:
    """The map's rank correlation with the original once `block` and everything above it is shuffled; NaN where one of
    the maps is flat."""

    block: str
    correlation: float


@dataclass(frozen=True)
class Randomised:
    """A map under shuffled weights, from the output down. `complete` is below 1 when it was stopped."""

    method: str
    stages: tuple[Stage, ...]
    seconds: float
    complete: float


@stoppable
def randomise(
    model: VisionLanguageModel,
    answer: Answer,
    explanations: Sequence[Explanation],
    *,
    stages: int | None = None,
    seed: int = 0,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> list[Randomised]:
    """Explain the same answer again as the model forgets, each explanation by its own method, settings and target.

    All blocks are shuffled; maps are made anew after every one of them, or at `stages` of them that are evenly spread
    and end with the last. The model itself is not touched. Of questions without pictures the words are compared.

    Stopped by `cancel`, the stages done are returned, or Cancelled raised if there are none. Raises OtherModel,
    NotEnoughMemory, and what `explain` raises.
    """
    check_own(model, answer)
    weights = model.card.parameters * model.card.number_bytes
    check_memory(
        "A copy of the model to shuffle", weights + pass_bytes(model, answer), model, "Load it in half precision first."
    )
    began = time.perf_counter()
    # Attention that was recorded while the answer was written is that of the weights as they were.
    forced = replace(answer, attention=None)
    originals = [compared(answer, explanation) for explanation in explanations]
    reached: list[tuple[Stage, ...]] = []
    complete = 0.0
    for done, block, twin in model.shuffled(seed):
        if not _due(done, complete, stages):
            continue
        try:
            reached.append(
                tuple(
                    Stage(block, _correlation(twin, forced, explanation, original, cancel))
                    for explanation, original in zip(explanations, originals, strict=True)
                )
            )
        except Cancelled:
            break
        complete = done
        progress(done)
    if not reached:
        raise Cancelled("randomisation was stopped")
    seconds = time.perf_counter() - began
    return [
        Randomised(explanation.method, tuple(row[number] for row in reached), seconds, complete)
        for number, explanation in enumerate(explanations)
    ]


def expected(
    model: VisionLanguageModel, answer: Answer, explanations: Sequence[Explanation], stages: int | None = None
) -> Forecast:
    """How long that will take here: each map once more for every look, its attention and its picture read anew."""
    looks = model.card.layers if stages is None else stages
    forced, passes = replace(answer, attention=None), NOTHING
    for explanation in explanations:
        explainer = explainers()[explanation.method]
        settings = explainer.Settings(**explanation.settings)
        targets = token_targets_of(answer, explanation.target)
        passes = passes + explainer.passes(model, forced, targets, settings) + Passes(tower=1)
    return forecast(model, answer, looks * passes)


def compared(answer: Answer, explanation: Explanation) -> Float[np.ndarray, "place"]:
    """The scores that are compared: of the image tokens, or of the question's words where there are none."""
    places = answer.layout.positions(TokenKind.IMAGE) or answer.layout.positions(TokenKind.TEXT)
    scores: Float[np.ndarray, "place"] = explanation.scores.double().numpy()[list(places)]
    return scores


def _correlation(
    twin: VisionLanguageModel,
    answer: Answer,
    explanation: Explanation,
    original: Float[np.ndarray, "place"],
    cancel: CancelToken | None,
) -> float:
    if cancel is not None:
        cancel.check()
    explainer = explainers()[explanation.method]
    settings = explainer.Settings(**explanation.settings)
    (again,) = explain(explainer, twin, answer, [explanation.target], settings, cancel=cancel)
    if again.complete < 1:
        raise Cancelled(f"{explainer.name} was stopped")
    return agreement(original, compared(answer, again)).rank


def _due(done: float, looked: float, stages: int | None) -> bool:
    """Whether a look is due when a share `done` of the blocks is shuffled, and `looked` was at the last one."""
    return stages is None or int(done * stages + 1e-9) > int(looked * stages + 1e-9)
