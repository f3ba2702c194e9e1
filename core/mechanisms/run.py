"""Run a mechanism on a target: settings, obstacles, memory, progress, stopping and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..answer import Answer, Target, subject
from ..errors import NotApplicable
from ..geometry import picture_records
from ..settings import checked
from ..vlm.batch_size import once_more
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.forecast import Forecast, forecast
from ..vlm.instead import saying_what_is_left
from ..vlm.memory import peak_memory
from ..vlm.memory_costs import check_memory
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import check_own, token_targets_of
from .base import Mechanism
from .results import Result


@dataclass(frozen=True, eq=False)
class Measurement:
    """What a mechanism gave for one target, and how that came about. `peak_bytes` is memory beside what was in use
    before; None where it cannot be measured."""

    mechanism: str
    target: Target
    settings: Mapping[str, object]
    result: Result
    seconds: float
    peak_bytes: int | None


@stoppable
def measure(
    mechanism: Mechanism,
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    settings: Any = None,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Measurement:
    """The figures of a mechanism for a target.

    Stopped by `cancel`, a mechanism that keeps what is done returns that (`complete` below 1); any other raises
    Cancelled. Raises OtherModel, NotApplicable, NotEnoughMemory, SettingsError, and MisshapenFigure for figures that do
    not fit the model or the answer.
    """
    settings = checked(mechanism.Settings() if settings is None else settings, model.card.layers, model.card.heads)
    check_own(model, answer)
    token_targets_of(answer, target)
    obstacle = mechanism.obstacle(model, answer)
    if obstacle is not None:
        raise NotApplicable(obstacle)
    needed = mechanism.estimate(model, answer, target, settings)
    check_memory(mechanism.name, needed, model, "Choose an earlier word of the answer, or use a smaller picture.")
    stop = CancelToken() if cancel is None else cancel
    stop.check()

    def heard(done: float) -> None:
        progress(done)
        if done < 1 and not mechanism.keeps_partial:
            stop.check()

    began = time.perf_counter()
    with peak_memory(torch.device(model.card.device)) as peak, saying_what_is_left(model, answer):
        result = once_more(
            mechanism.name,
            model,
            lambda: mechanism.compute(model, answer, target, settings, cancel=stop, progress=heard),
        )
    seconds = time.perf_counter() - began
    result.check(model, answer)
    return Measurement(mechanism.key, target, asdict(settings), result, seconds, peak())


def expected(
    mechanism: Mechanism, model: VisionLanguageModel, answer: Answer, target: Target, settings: Any = None
) -> Forecast:
    """How long `measure` will take here. Raises NotApplicable for a target that it has nothing to say about."""
    settings = mechanism.Settings() if settings is None else settings
    return forecast(model, answer, mechanism.passes(model, answer, target, settings))


def record(answer: Answer, measurement: Measurement) -> dict[str, object]:
    """How the figures of a measurement came about, in plain values. Rivals are named by their ids."""
    return {
        "mechanism": measurement.mechanism,
        "settings": dict(measurement.settings),
        **subject(answer, measurement.target),
        "pictures": picture_records(answer.question.images, answer.layout),
        "seconds": round(measurement.seconds, 4),
        "peak_bytes": measurement.peak_bytes,
        "complete": measurement.result.complete,
        "remark": measurement.result.remark,
    }
