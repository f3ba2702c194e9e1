"""Workers give what one process gives, a lost one costs nothing, and without Ray it is said how to get it."""

from __future__ import annotations

import builtins
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.cases.case import Case
from core.cases.results import Result, Run, read_run
from core.cases.runner import RunSettings, run_cases
from core.errors import ModelUnavailable, NotApplicable, WorkersUnavailable, WrongOption
from core.vlm.cancel import CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from core.vlm.model import VisionLanguageModel
from core.vlm.replay import SelfCheck
from core.workers import crew as crews
from core.workers.crew import Crew, crew

SHORT = RunSettings(max_new_tokens=3)


def timeless(run: Run) -> list[Result]:
    return [replace(result, seconds=0, logprob=0, dependence=0) for result in run.results]


def texts(number: int) -> list[Case]:
    return [Case(str(n), f"What is {n}?", ("dog",), "contains") for n in range(number)]


def killed_once(place: Path, number: int) -> Callable[..., Any]:
    """Work that ends its own process, as one that is killed, the first time that it comes to `number`."""

    def begin(model: VisionLanguageModel, cancel: CancelToken | None) -> Callable[[int], tuple[int, str]]:
        def work(item: int) -> tuple[int, str]:
            if item == number and not place.exists():
                place.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return item, model.card.fingerprint

        return work

    return begin


def test_two_real_workers_of_which_one_is_killed_do_what_one_process_does(
    llava: TransformersModel, llava_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="the extra in requirements-ray.txt is not installed")
    cases = texts(6)
    alone = run_cases(llava, cases, tmp_path / "alone.jsonl", name="own", settings=SHORT)
    told: list[str] = []
    with crew(ModelSpec(str(llava_folder), dtype="float32", device="cpu"), 2, told.append) as workers:
        done = dict(workers.each(killed_once(tmp_path / "killed", 3), range(6)))
        shared = run_cases(workers, cases, tmp_path / "shared.jsonl", name="own", settings=SHORT)
    assert done == dict.fromkeys(range(6), llava.card.fingerprint)
    assert len(told) == 1 and told[0].startswith("A worker was lost (ActorDiedError). What it did is done again")
    assert timeless(shared) == timeless(alone)
    assert [r.logprob for r in shared.results] == pytest.approx([r.logprob for r in alone.results], abs=1e-4)
    assert (shared.model, shared.settings) == (alone.model, alone.settings)


class Ray:
    """What of Ray is used, in this process: a call is done when somebody asks for what it gives, the latest first."""

    class exceptions:
        class RayError(Exception):
            pass

        class RayTaskError(RayError):
            pass

        class ActorDiedError(RayError):
            pass

    def __init__(self) -> None:
        self.killed = 0
        self.running = False
        self.machines: list[dict[str, float]] = [{"CPU": 2.0}]
        self.rooms: list[dict[str, float]] = []

    def is_initialized(self) -> bool:
        return self.running

    def init(self, **options: object) -> None:
        self.running = True

    def shutdown(self) -> None:
        self.running = False

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": machine} for machine in self.machines]

    def remote(self, kind: Any) -> Any:
        handle = SimpleNamespace(remote=lambda *given: Actor(kind(*given)))
        return SimpleNamespace(options=lambda **room: self.rooms.append(room) or handle)

    def put(self, value: Any) -> Any:
        return value

    def get(self, call: Any) -> Any:
        return call()

    def wait(self, waiting: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        assert waiting, "nobody will ever answer"
        return waiting[-1:], waiting[:-1]

    def kill(self, actor: object) -> None:
        self.killed += 1


class Actor:
    def __init__(self, worker: Any) -> None:
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=lambda *given: partial(getattr(self._worker, name), *given))


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch, llava: TransformersModel) -> Ray:
    """Workers that have the tiny LLaVA at once."""
    ray_ = Ray()
    monkeypatch.setattr(crews, "_ray", lambda: ray_)
    monkeypatch.setattr(crews, "load_model", lambda spec: llava)
    monkeypatch.setattr(crews, "checked", lambda _: SelfCheck(0.0, True, ""))
    return ray_


SPEC = ModelSpec("x")


@contextmanager
def two(told: list[str] | None = None, spec: ModelSpec = SPEC) -> Iterator[Crew]:
    with crew(spec, 2, ([] if told is None else told).append) as workers:
        yield workers


def dying_at(items: Sequence[int], times: int) -> Callable[..., Any]:
    """Work that is lost with its worker, so many times at each of `items`."""
    left = dict.fromkeys(items, times)

    def begin(model: VisionLanguageModel, cancel: CancelToken | None) -> Callable[[int], int]:
        def work(item: int) -> int:
            if left.get(item):
                left[item] -= 1
                raise Ray.exceptions.ActorDiedError("gone")
            return item

        return work

    return begin


def test_every_case_is_answered_once_and_the_workers_go_home(ray: Ray, tmp_path: Path) -> None:
    with two() as workers:
        run = run_cases(workers, texts(5), tmp_path / "run.jsonl", name="own", settings=SHORT)
    assert [result.id for result in run.results] == ["0", "1", "2", "3", "4"]
    assert (ray.killed, ray.running) == (2, False)


def test_a_lost_worker_costs_nothing_and_is_replaced(ray: Ray) -> None:
    told: list[str] = []
    with two(told) as workers:
        assert sorted(workers.each(dying_at([1, 4], 1), range(6))) == list(range(6))
    assert told == [
        "A worker was lost (ActorDiedError). What it did is done again, and another worker takes its place."
    ] * 2  # fmt: skip
    assert len(ray.rooms) == 4 and ray.killed == 4


def test_an_item_that_ends_every_worker_is_put_aside_and_named_when_all_else_is_done(ray: Ray) -> None:
    done: list[int] = []
    with two() as workers, pytest.raises(WorkersUnavailable, match="2 workers were lost at 3, which was put aside"):
        for item in workers.each(dying_at([3], 9), range(6)):
            done.append(item)
    assert sorted(done) == [0, 1, 2, 4, 5]


def test_when_no_worker_is_left_what_is_finished_is_kept_and_the_same_command_goes_on(
    ray: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "REPLACED", 0)
    file, answer = tmp_path / "run.jsonl", crews._Worker.do

    def dies_at_three(worker: Any, run: int, begin: Any, item: Any) -> Any:
        if str(item) == "3":
            raise Ray.exceptions.ActorDiedError("gone")
        return answer(worker, run, begin, item)

    with monkeypatch.context() as dying:
        dying.setattr(crews._Worker, "do", dies_at_three)
        with crew(ModelSpec("x"), 1, [].append) as workers, pytest.raises(WorkersUnavailable, match="All workers"):
            run_cases(workers, texts(5), file, name="own", settings=SHORT)
    assert len(read_run(file).results) == 3
    with two() as workers:
        assert len(run_cases(workers, texts(5), file, name="own", settings=SHORT).results) == 5


def test_stopped_workers_leave_what_is_finished(ray: Ray, tmp_path: Path) -> None:
    cancel = CancelToken()
    with two() as workers:
        run = run_cases(
            workers, texts(5), tmp_path / "run.jsonl", name="own", settings=SHORT, cancel=cancel,
            progress=lambda done: cancel.cancel() if done >= 0.4 else None,
        )  # fmt: skip
    assert len(run.results) == 2
    assert ray.killed == 2


def test_what_the_work_refuses_is_raised_as_anywhere(ray: Ray) -> None:
    def begin(model: VisionLanguageModel, cancel: CancelToken | None) -> Callable[[int], int]:
        def refuse(item: int) -> int:
            raise NotApplicable("There is no picture.")

        return refuse

    with two() as workers, pytest.raises(NotApplicable, match=r"There is no picture\."):
        list(workers.each(begin, range(3)))


def test_a_run_that_was_left_in_the_middle_does_not_answer_the_next(ray: Ray) -> None:
    with two() as workers:
        assert next(workers.each(dying_at([], 0), range(100, 110))) >= 100
        assert sorted(workers.each(dying_at([], 0), range(4))) == list(range(4))


def test_a_model_that_does_not_say_the_same_again_is_told_of_once(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "checked", lambda _: SelfCheck(0.5, False, "It differs by 0.5 nats."))
    told: list[str] = []
    with two(told) as workers:
        assert list(workers.each(dying_at([], 0), range(1))) == [0]
    assert told == ["It differs by 0.5 nats."]


def test_a_model_that_cannot_be_loaded_is_said_as_anywhere(
    ray: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "load_model", load_model)
    with pytest.raises(ModelUnavailable), two(spec=ModelSpec(str(tmp_path))):
        pass
    assert ray.killed == 2


def test_workers_with_different_models_are_refused(
    ray: Ray, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = (replace(llava.card, fingerprint=print_) for print_ in "ab")
    monkeypatch.setattr(crews, "load_model", lambda spec: SimpleNamespace(card=next(cards), forget=lambda: None))
    monkeypatch.setattr(ray, "wait", lambda calls, timeout: (calls[:1], calls[1:]))  # both have loaded in time
    with pytest.raises(WorkersUnavailable, match="The workers' models differ"), two():
        pass


@pytest.mark.parametrize(
    ("device", "gpus", "expected"), [("auto", 4, 1.0), ("all", 4, 2.0), ("auto", 1, 0.5), ("cpu", 4, 0.0)]
)
def test_workers_share_the_cards(ray: Ray, device: str, gpus: int, expected: float) -> None:
    ray.machines = [{"CPU": 8.0, "GPU": gpus}]
    with two(spec=ModelSpec("x", device=device)):
        assert ray.rooms == [{"num_gpus": expected, "num_cpus": 4.0}] * 2


def test_a_device_of_one_machine_is_refused(ray: Ray) -> None:
    with (
        pytest.raises(WrongOption, match="'cuda:1' is a device of one machine"),
        two(spec=ModelSpec("x", device="cuda:1")),
    ):
        pass


def test_without_ray_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def no_ray(name: str, *others: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return imported(name, *others)

    monkeypatch.setattr(builtins, "__import__", no_ray)
    with pytest.raises(WorkersUnavailable, match=r"pip install -r requirements-ray\.txt"), two():
        pass
