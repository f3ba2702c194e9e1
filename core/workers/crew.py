"""Equal models on several workers, here or on other machines, by Ray.

A worker that is lost (killed, out of memory, its machine gone) costs what it was doing, which another does again, and
is replaced. An item that ends one worker after another is put aside, and named when all else is done. A worker reads
what items name (pictures of a folder) itself: Sightline, the model and the folder must lie at the same paths on every
machine.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..errors import ModelUnavailable, SightlineError, WorkersUnavailable, WrongOption
from ..vlm.cancel import CancelToken
from ..vlm.loading import ModelSpec, load_model
from ..vlm.model import ModelCard, VisionLanguageModel
from ..vlm.replay import checked
from .base import Begin, Workers
from .placement import share

Item = TypeVar("Item")
Done = TypeVar("Done")

LOOK = 0.5
"""Seconds between two looks whether the run was stopped."""
TRIES = 2
"""So many workers may an item end before it is put aside."""
REPLACED = 2
"""So often is each worker replaced, on average, before no more are begun."""
ON_ALL, ANYWHERE = "all", ("auto", "cpu", "cuda")


@contextmanager
def crew(
    spec: ModelSpec, workers: int, tell: Callable[[str], None] = warnings.warn, cancel: CancelToken | None = None
) -> Iterator[Crew]:
    """`workers` models of one `spec`, on the cluster that RAY_ADDRESS names, or on this machine alone.

    Each gets its share of the GPUs: several whole ones, over which its layers are spread, where the spec's device is
    `all`; one; or a part of one where there are more workers than GPUs. `tell` is given what the model's self-check
    tells against it, and which workers were lost. Raises WorkersUnavailable, ModelUnavailable, WrongOption for a device
    of this machine, and Cancelled.
    """
    if spec.device not in (ON_ALL, *ANYWHERE):
        raise WrongOption(
            f"{spec.device!r} is a device of one machine, and workers are given theirs. Leave the device out, or "
            "choose all, cuda or cpu."
        )
    ray = _ray()
    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    hands = None
    try:
        hands = Crew(ray, spec, workers, tell)
        hands.start(cancel)
        yield hands
    finally:
        if hands is not None:
            hands.leave()
        if started:
            ray.shutdown()


class Crew(Workers):
    """The workers of a `crew`. Models load while those that have theirs work already."""

    def __init__(self, ray: Any, spec: ModelSpec, workers: int, tell: Callable[[str], None]) -> None:
        self._ray, self._spec, self._size, self._tell = ray, spec, workers, tell
        self._room = _room(ray, spec, workers)
        self._replacements = workers * REPLACED
        self._runs = 0
        self._hired: list[Any] = []
        self._idle: list[Any] = []
        # By the call that is waited for.
        self._loading: dict[Any, Any] = {}
        self._working: dict[Any, _Task] = {}
        for _ in range(workers):
            self._hire()

    def start(self, cancel: CancelToken | None = None) -> None:
        """Wait for the first worker that has its model, and check that. Raises as `crew` does."""
        while not self._idle:
            self._look(cancel)
        for sentence in self.each(_checking, [_Check()], cancel):
            if sentence is not None:
                self._tell(sentence)

    def each(
        self, begin: Begin[Item, Done], items: Iterable[Item], cancel: CancelToken | None = None
    ) -> Iterator[Done]:
        self._runs += 1
        run, work = self._runs, self._ray.put(begin)
        queue = _Queue(items)
        while True:
            while self._idle and (item := queue.next()) is not None:
                worker = self._idle.pop()
                self._working[worker.do.remote(run, work, item)] = _Task(worker, run, item)
            if not any(task.run == run for task in self._working.values()) and queue.empty:
                break
            for task, result in self._look(cancel):
                if task.run != run:
                    continue  # of an earlier run, which nobody waits for any more
                if result is None:
                    queue.ended_a_worker(task.item)
                elif result.error is not None:
                    raise result.error
                else:
                    yield result.value
        queue.check()

    def leave(self) -> None:
        """Send everybody home, whatever they are doing."""
        for worker in self._hired:
            self._ray.kill(worker)

    def _hire(self) -> None:
        worker = self._ray.remote(_Worker).options(**self._room).remote(self._spec)
        self._hired.append(worker)
        self._loading[worker.load.remote()] = worker

    def _look(self, cancel: CancelToken | None) -> Iterator[tuple[_Task, _Outcome | None]]:
        """Wait a moment; what was done meanwhile, None for what a lost worker did."""
        if not (self._loading or self._working):
            raise WorkersUnavailable(
                f"All workers were lost. What was finished is kept: see whether {self._size} models fit into memory, "
                "and start the same command again to go on."
            )
        if cancel is not None:
            cancel.check()
        finished: list[tuple[_Task, _Outcome | None]] = []
        for call in self._ray.wait([*self._loading, *self._working], timeout=LOOK)[0]:
            task = self._working.pop(call, None)
            worker = task.worker if task is not None else self._loading.pop(call)
            try:
                outcome = self._ray.get(call)
            except self._ray.exceptions.RayTaskError:
                raise  # a fault of the work, and not of who did it
            except self._ray.exceptions.RayError as error:
                self._replace(worker, error)
                outcome = None
            if task is not None:
                finished.append((task, outcome))
            elif outcome is not None:
                self._welcome(outcome)
            if outcome is not None:
                self._idle.append(worker)
        return iter(finished)

    def _welcome(self, card: ModelCard | str) -> None:
        """Note the card of a model that was loaded. Raises ModelUnavailable where it is the reason why not, and
        WorkersUnavailable where it is another model's."""
        if isinstance(card, str):
            raise ModelUnavailable(card)
        first = getattr(self, "card", card)
        if card.fingerprint != first.fingerprint:
            raise WorkersUnavailable(
                "The workers' models differ in weights, precision or device, and one file holds one run. Name the "
                "device and the precision, and give every machine the same model."
            )
        self.card = first

    def _replace(self, worker: Any, error: Exception) -> None:
        self._hired.remove(worker)
        self._ray.kill(worker)
        others = "What it did is done again"
        if self._replacements > 0:
            self._replacements -= 1
            self._hire()
            others += ", and another worker takes its place"
        self._tell(f"A worker was lost ({type(error).__name__}). {others}.")


@dataclass(frozen=True)
class _Task:
    """Who does what, in which call of `each`."""

    worker: Any
    run: int
    item: Any


@dataclass(frozen=True)
class _Outcome:
    """What work gave, or the error that it raised."""

    value: Any = None
    error: SightlineError | None = None


class _Queue(Generic[Item]):
    """What is left to do."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._again: deque[Item] = deque()
        self._ended: list[Item] = []
        self._aside: list[Item] = []
        self._drawn = False

    @property
    def empty(self) -> bool:
        return self._drawn and not self._again

    def next(self) -> Item | None:
        """What to do next; None where nothing is left for now."""
        if self._again:
            return self._again.popleft()
        item = next(self._items, None)
        self._drawn = item is None
        return item

    def ended_a_worker(self, item: Item) -> None:
        """Have it done again, or put it aside."""
        self._ended.append(item)
        tries = sum(one is item for one in self._ended)
        (self._again if tries < TRIES else self._aside).append(item)

    def check(self) -> None:
        """Raises WorkersUnavailable where something was put aside."""
        if self._aside:
            raise WorkersUnavailable(
                f"{TRIES} workers were lost at {', '.join(map(str, self._aside))}, which was put aside. All else is "
                "done and kept: see whether it fits into memory, and start the same command again to go on."
            )


class _Check:
    def __str__(self) -> str:
        return "the self-check"


def _checking(model: VisionLanguageModel, cancel: CancelToken | None) -> Callable[[_Check], str | None]:
    """Finds what the model's self-check tells against it."""

    def check(_: _Check) -> str | None:
        result = checked(model)
        model.forget()
        return None if result.negligible else result.sentence

    return check


class _Worker:
    """One model, somewhere."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._run = 0

    def load(self) -> ModelCard | str:
        """Load the model; its card, or why it cannot be used."""
        try:
            self._model = load_model(self._spec)
        except ModelUnavailable as error:
            return str(error)
        return self._model.card

    def do(self, run: int, begin: Begin[Any, Any], item: Any) -> _Outcome:
        try:
            if run != self._run:
                self._work, self._run = begin(self._model, None), run
            return _Outcome(self._work(item))
        except SightlineError as error:
            return _Outcome(error=error)


def _room(ray: Any, spec: ModelSpec, workers: int) -> dict[str, float]:
    """What each worker may take of its machine."""
    machines = [machine["Resources"] for machine in ray.nodes() if machine["Alive"]]
    gpus = 0.0 if spec.device == "cpu" else share([machine.get("GPU", 0) for machine in machines], workers)
    return {
        # More than one GPU only where layers are spread over them: the others would be idle.
        "num_gpus": gpus if spec.device == ON_ALL else min(1.0, gpus),
        "num_cpus": share([machine.get("CPU", 0) for machine in machines], workers),
    }


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise WorkersUnavailable(
            "Ray is not installed, so there are no workers. Install it with `pip install -r requirements-ray.txt`, or "
            "run with the engine “local”."
        ) from None
    return ray
