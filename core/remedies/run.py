"""Remedies tried on an answer, one after the other: what each says, how likely the model as it is finds that, and what
it cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from ..answer import Answer
from ..errors import ExplainError, OtherModel, QuestionError, UnknownName, UnreadableImage, WrongMask
from ..settings import checked
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.forecast import Forecast, forecast
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING
from ..vlm.scoring import score
from ..vlm.targets import check_own, whole_answer
from .base import Remedied, Remedy
from .registry import remedies


@stoppable
def try_remedy(
    model: VisionLanguageModel,
    answer: Answer,
    remedy: Remedy,
    settings: Any = None,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Remedied:
    """What a remedy makes of an answer. Where it cannot be applied, that is what came of it, with the reason. Raises
    OtherModel, NotApplicable for an empty answer, SettingsError for settings out of range, and Cancelled."""
    check_own(model, answer)
    whole_answer(answer)
    cancel = cancel or CancelToken()
    settings = checked(remedy.Settings() if settings is None else settings, model.card.layers, model.card.heads)
    about: dict[str, Any] = {"remedy": remedy.key, "settings": asdict(settings)}
    began = time.perf_counter()
    if (why := remedy.obstacle(model, answer)) is not None:
        return Remedied(**about, answer=None, note=why)
    try:
        tried = remedy.apply(model, answer, settings, cancel=cancel, progress=progress)
    except OtherModel:
        raise
    except (ExplainError, QuestionError, UnreadableImage, WrongMask) as error:
        cancel.check()
        return Remedied(**about, answer=None, note=str(error), seconds=time.perf_counter() - began)
    seconds = time.perf_counter() - began
    cost = tried.passes or remedy.passes(model, answer, settings)
    return Remedied(
        **about,
        answer=tried.answer,
        note=tried.note,
        says=tried.answer.text if tried.says is None else tried.says,
        logprob=float(score(model, answer.question, tried.answer.token_ids).logprobs.sum()),
        passes=cost.count,
        seconds=seconds,
        region=tried.region,
    )


def try_remedies(
    model: VisionLanguageModel,
    answer: Answer,
    chosen: Mapping[str, Any] | Sequence[str] | None = None,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> tuple[Remedied, ...]:
    """Each chosen remedy (by key, with its settings or None for its own; all by default), in order. Stopped by
    `cancel`, those that were finished. Raises UnknownName for a remedy that there is not, and what `try_remedy`
    raises."""
    wanted = wanted_remedies(chosen)
    finished: list[Remedied] = []
    with suppress(Cancelled):
        for number, (key, settings) in enumerate(wanted.items()):

            def report(done: float, number: int = number) -> None:
                progress((number + done) / len(wanted))

            finished.append(try_remedy(model, answer, remedies()[key], settings, cancel=cancel, progress=report))
            report(1.0)
    return tuple(finished)


def expected(
    model: VisionLanguageModel, answer: Answer, chosen: Mapping[str, Any] | Sequence[str] | None = None
) -> Forecast:
    """How long that takes here at most: what each remedy that can be applied costs."""
    passes = [
        remedies()[key].passes(model, answer, remedies()[key].Settings() if settings is None else settings)
        for key, settings in wanted_remedies(chosen).items()
        if remedies()[key].obstacle(model, answer) is None
    ]
    return forecast(model, answer, sum(passes, NOTHING))


def wanted_remedies(chosen: Mapping[str, Any] | Sequence[str] | None) -> dict[str, Any]:
    """The settings (None: its own) of each chosen remedy, by key; of all by default. Raises UnknownName."""
    wanted = dict(chosen) if isinstance(chosen, Mapping) else dict.fromkeys(remedies() if chosen is None else chosen)
    if unknown := [key for key in wanted if key not in remedies()]:
        raise UnknownName(f"There is no remedy {unknown[0]!r}. Choose among {', '.join(remedies())}.")
    return wanted
