"""The same run on several workers, here or on other machines, by Ray: a model in each, cases as they get free.

Results come in another order and are written by this process alone, so the file is that of a run without workers. A
worker opens pictures itself: Sightline, the model and the folder must lie at the same paths on every machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import ModelUnavailable, WorkersUnavailable
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.loading import ModelSpec, load_model
from ..vlm.model import ModelCard
from ..vlm.replay import checked
from .case import Case
from .results import Result, Run
from .runner import Numbered, RunSettings, answer_case, record

LOOK = 0.5
"""Seconds between two looks whether the run was stopped."""


def run_on_workers(
    spec: ModelSpec,
    cases: Sequence[Case],
    file: Path,
    *,
    workers: int,
    name: str,
    folder: str = "",
    settings: RunSettings | None = None,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
    tell: Callable[[str], None] = warnings.warn,
) -> Run:
    """`runner.run_cases` with `workers` models of one `spec`, on the cluster that RAY_ADDRESS names, or on this machine
    alone. `tell` is given what the model's self-check tells against it. Raises WorkersUnavailable, ModelUnavailable,
    and what `run_cases` raises."""
    ray = _ray()
    settings = settings or RunSettings()
    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    crew: list[Any] = []
    try:
        gpus = min(1.0, ray.cluster_resources().get("GPU", 0.0) / workers)
        crew = [ray.remote(_Worker).options(num_gpus=gpus).remote(spec) for _ in range(workers)]

        def answered(waiting: Sequence[Numbered]) -> Iterator[Result]:
            return _answers(ray, crew, waiting, settings, cancel)

        card = _card(ray, crew)
        if (sentence := ray.get(crew[0].check.remote())) is not None:
            tell(sentence)
        return record(file, card, cases, answered, name, folder, settings, cancel, progress)
    except ray.exceptions.RayError as error:
        raise WorkersUnavailable(
            f"A worker was lost ({type(error).__name__}). What was finished is in {file.name}: see whether {workers} "
            "models fit into memory, and start the same command again to go on."
        ) from error
    finally:
        for worker in crew:
            ray.kill(worker)
        if started:
            ray.shutdown()


class _Worker:
    """One model, somewhere."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    def load(self) -> ModelCard | str:
        """Load the model; returns its card, or why it cannot be used."""
        try:
            self._model = load_model(self._spec)
        except ModelUnavailable as error:
            return str(error)
        return self._model.card

    def check(self) -> str | None:
        """What the model's self-check tells against it."""
        check = checked(self._model)
        self._model.forget()
        return None if check.negligible else check.sentence

    def answer(self, one: Numbered, settings: RunSettings) -> Result:
        return answer_case(self._model, one, settings)


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise WorkersUnavailable(
            "Ray is not installed, so there are no workers. Install it with `pip install -r requirements-ray.txt`, or "
            "run with the engine “local”."
        ) from None
    return ray


def _card(ray: Any, crew: Sequence[Any]) -> ModelCard:
    """The card of the workers' model. Raises ModelUnavailable, and WorkersUnavailable where they differ."""
    cards = ray.get([worker.load.remote() for worker in crew])
    for card in cards:
        if isinstance(card, str):
            raise ModelUnavailable(card)
    if len({card.fingerprint for card in cards}) > 1:
        raise WorkersUnavailable(
            "The workers' models differ in weights, precision or device, and one file holds one run. Name the device "
            "and the precision, and give every machine the same model."
        )
    first: ModelCard = cards[0]
    return first


def _answers(
    ray: Any, crew: Sequence[Any], waiting: Sequence[Numbered], settings: RunSettings, cancel: CancelToken | None
) -> Iterator[Result]:
    """Results as they come; a worker gets its next case when it has done one. Raises Cancelled."""
    left, idle = iter(waiting), list(crew)
    running: dict[Any, Any] = {}
    while True:
        while idle and (one := next(left, None)) is not None:
            worker = idle.pop()
            running[worker.answer.remote(one, settings)] = worker
        if not running:
            return
        for done in ray.wait(list(running), timeout=LOOK)[0]:
            idle.append(running.pop(done))
            yield ray.get(done)
        if cancel is not None and cancel.cancelled:
            raise Cancelled("the run was stopped")
