"""Run a method over targets: token targets, progress, stopping, memory and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Explanation, Target
from ..errors import NotApplicable
from ..settings import checked
from ..vlm.batch_size import once_more
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.forecast import Forecast, forecast
from ..vlm.instead import saying_what_is_left
from ..vlm.memory import peak_memory
from ..vlm.memory_costs import check_memory
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING
from ..vlm.targets import TokenTarget, check_own, token_targets_of
from ._completeness import completeness
from .base import Explainer, Step


@stoppable
def explain(
    explainer: Explainer,
    model: VisionLanguageModel,
    answer: Answer,
    targets: Sequence[Target],
    settings: Any = None,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> list[Explanation]:
    """One explanation for each target, all from one run of the method.

    Each token is explained once however many targets name it. Stopped by `cancel`, a method that keeps what is
    done returns that (`complete` below 1, unknown positions NaN); any other raises Cancelled. Raises OtherModel,
    NotApplicable, NotEnoughMemory, and ValueError for settings out of range.
    """
    settings = checked(explainer.Settings() if settings is None else settings, model.card.layers, model.card.heads)
    groups = [token_targets_of(answer, target) for target in targets]
    token_targets = tuple(dict.fromkeys(token_target for group in groups for token_target in group))
    if not token_targets:
        return []
    _check(explainer, model, answer, token_targets, settings)
    began = time.perf_counter()
    runs = _runs(explainer, groups)
    with peak_memory(torch.device(model.card.device)) as peak, saying_what_is_left(model, answer):
        lasts = once_more(
            explainer.name,
            model,
            lambda: _run_by_run(explainer, model, answer, runs, settings, cancel, progress),
        )
    seconds = time.perf_counter() - began
    found = [_place(explainer, runs, group) for group in groups]
    return [
        Explanation(
            scores=_mean(lasts[run], numbers),
            target=target,
            method=explainer.key,
            settings=asdict(settings),
            seconds=seconds,
            peak_bytes=peak(),
            together=len(targets),
            complete=lasts[run].done,
            remark=_remark(lasts[run], numbers),
            layout=lasts[run].layout,
            parts=lasts[run].parts(numbers),
            sets=lasts[run].sets,
        )
        for target, (run, numbers) in zip(targets, found, strict=True)
    ]


def expected(
    explainer: Explainer, model: VisionLanguageModel, answer: Answer, targets: Sequence[Target], settings: Any = None
) -> Forecast:
    """How long `explain` will take here. Raises NotApplicable for targets outside the answer."""
    settings = explainer.Settings() if settings is None else settings
    runs = _runs(explainer, [token_targets_of(answer, target) for target in targets])
    passes = [explainer.passes(model, answer, run, settings) for run in runs]
    return forecast(model, answer, sum(passes, NOTHING) if explainer.jointly else passes[0])


def _runs(explainer: Explainer, groups: Sequence[tuple[TokenTarget, ...]]) -> tuple[tuple[TokenTarget, ...], ...]:
    """The token targets of each run: one for all targets, or for each of its own where they are taken `jointly`."""
    if explainer.jointly:
        return tuple(dict.fromkeys(groups))
    return (tuple(dict.fromkeys(token_target for group in groups for token_target in group)),)


def _place(
    explainer: Explainer, runs: Sequence[Sequence[TokenTarget]], group: tuple[TokenTarget, ...]
) -> tuple[int, list[int]]:
    """Which run has a target, and which of its rows."""
    if explainer.jointly:
        return runs.index(group), [0]
    return 0, [runs[0].index(token_target) for token_target in group]


def _run_by_run(
    explainer: Explainer,
    model: VisionLanguageModel,
    answer: Answer,
    runs: Sequence[Sequence[TokenTarget]],
    settings: Any,
    cancel: CancelToken | None,
    progress: Callable[[float], None],
) -> list[Step]:
    """The last step of each run. After a stop within a later one than the first, those that were not begun know
    nothing."""
    lasts: list[Step] = []
    for number, token_targets in enumerate(runs):

        def report(done: float, number: int = number) -> None:
            progress((number + done) / len(runs))

        try:
            lasts.append(_steps(explainer, model, answer, token_targets, settings, cancel, report))
        except Cancelled:
            if not lasts or not explainer.keeps_partial:
                raise
            break
        if lasts[-1].done < 1:
            break
    scores, layout = lasts[0].scores, lasts[0].layout
    assert scores is not None
    unknown = Step(0.0, torch.full_like(scores, float("nan")), layout=layout)
    return [*lasts, *[unknown] * (len(runs) - len(lasts))]


def _check(
    explainer: Explainer,
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    settings: Any,
) -> None:
    check_own(model, answer)
    if not explainer.contrasts and any(token_target.rival is not None for token_target in token_targets):
        raise NotApplicable(
            f"{explainer.name} cannot tell one word from another at the same place, so it has no contrast. Explain "
            "the word rather than anything else (without a rival), or choose another method."
        )
    obstacle = explainer.obstacle(model, answer)
    if obstacle is not None:
        raise NotApplicable(obstacle)
    needed = explainer.estimate(model, answer, token_targets, settings)
    check_memory(explainer.name, needed, model, "Explain fewer tokens at once, or use a smaller picture.")


def _steps(
    explainer: Explainer,
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    settings: Any,
    cancel: CancelToken | None,
    progress: Callable[[float], None],
) -> Step:
    """The last step of the run, or the last one worth keeping when it was stopped."""
    kept: Step | None = None
    steps = explainer.scores(model, answer, token_targets, settings)
    try:
        for step in steps:
            progress(step.done)
            if step.scores is not None:
                kept = step
            if cancel is not None and cancel.cancelled and step.done < 1:
                if kept is None or not explainer.keeps_partial:
                    raise Cancelled(f"{explainer.name} was stopped")
                return kept
    except Cancelled as stopped:
        if kept is None or not explainer.keeps_partial:
            raise Cancelled(f"{explainer.name} was stopped") from stopped
        return kept
    finally:
        steps.close()  # type: ignore[attr-defined]
    if kept is None:
        raise RuntimeError(f"{explainer.key} ended without scores")
    return kept


def _remark(last: Step, numbers: Sequence[int]) -> str | None:
    """What is to be said of a target's map: the token targets' of these numbers."""
    told = [last.remark, last.says(numbers)]
    if last.gains is not None and last.scores is not None:
        total, gain = (float(values[list(numbers)].mean()) for values in (last.scores.sum(1), last.gains))
        told.append(completeness(total, gain, len(numbers) > 1))
    return " ".join(one for one in told if one) or None


def _mean(last: Step, numbers: Sequence[int]) -> Float[Tensor, "position"]:
    """The mean of the token targets' scores, by their weights where these are not all 0."""
    assert last.scores is not None
    rows = torch.stack([last.scores[number] for number in numbers])
    if last.weights is None or not (weights := last.weights[list(numbers)]).any():
        return rows.mean(0)
    return weights @ rows / weights.sum()
