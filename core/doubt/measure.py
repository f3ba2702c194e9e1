"""Measure signals of some words of one answer, each piece of work once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..answer import Answer
from ..errors import ExplainError, NotApplicable
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.forecast import Forecast, forecast
from ..vlm.memory_costs import check_memory
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING
from ..vlm.targets import check_own
from .look import Look
from .registry import signals
from .signal import Signal


@dataclass(frozen=True)
class Measured:
    """`values[key]` is a signal's figure of each word, in their order, NaN where it says nothing; `refused[key]` why
    there is none, as a sentence."""

    values: Mapping[str, tuple[float, ...]]
    refused: Mapping[str, str]


@stoppable
def measure(
    model: VisionLanguageModel,
    answer: Answer,
    words: Sequence[Sequence[int]],
    keys: Sequence[str] | None = None,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Measured:
    """The signals (all by default) of some words, each given by its tokens' indices; those of each as `of_word` makes
    them of its tokens'.

    What a signal cannot be had of is told in `refused`, and so is one that would not fit into memory. Raises OtherModel
    and Cancelled.
    """
    check_own(model, answer)
    chosen = [signals()[key] for key in (signals() if keys is None else keys)]
    tokens = sorted({token for word in words for token in word})
    values: dict[str, tuple[float, ...]] = {}
    refused: dict[str, str] = {}
    if not tokens:
        return Measured({signal.key: () for signal in chosen}, {})
    look = Look(model, answer, tokens, cancel)
    for number, signal in enumerate(chosen):
        look.check()
        try:
            _check(signal, model, answer, len(tokens))
            of_tokens = dict(zip(tokens, signal.values(look), strict=True))
            values[signal.key] = tuple(of_word(signal, [of_tokens[token] for token in word]) for word in words)
        except ExplainError as error:
            refused[signal.key] = str(error)
        progress((number + 1) / len(chosen))
    return Measured(values, refused)


def of_word(signal: Signal, values: Sequence[float] | Float[np.ndarray, "token"]) -> float:
    """What a signal says of a word, by its tokens: their mean, or their geometric mean where the signal's `scale` is
    logarithmic."""
    known = np.asarray(values, dtype=np.float64)
    return float(np.exp(np.log(known).mean()) if signal.scale == "log" else known.mean())


def expected(model: VisionLanguageModel, answer: Answer, keys: Sequence[str]) -> Forecast:
    """How long measuring some signals of an answer will take here, at most: what they share is counted with each."""
    return forecast(model, answer, sum((signals()[key].passes(model, answer) for key in keys), NOTHING))


def _check(signal: Signal, model: VisionLanguageModel, answer: Answer, tokens: int) -> None:
    """Raises NotApplicable, or NotEnoughMemory, where a signal cannot be had."""
    if (why := signal.obstacle(model, answer)) is not None:
        raise NotApplicable(why)
    needed = signal.estimate(model, answer, tokens)
    check_memory(signal.name, needed, model, "Leave this signal out, or use a smaller picture.")
