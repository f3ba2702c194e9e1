"""Two workers write what one process writes; without Ray it is said how to get it."""

from __future__ import annotations

import builtins
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.cases import workers
from core.cases.case import Case
from core.cases.results import Result, Run, read_run
from core.cases.runner import Numbered, RunSettings, answer_case, run_cases
from core.cases.workers import run_on_workers
from core.errors import ModelUnavailable, WorkersUnavailable
from core.vlm.cancel import CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec
from core.vlm.replay import SelfCheck
from tests.cases.folders import picture

SHORT = RunSettings(max_new_tokens=3)


def timeless(run: Run) -> list[Result]:
    return [replace(result, seconds=0, logprob=0, dependence=0) for result in run.results]


def test_two_workers_give_the_results_of_one_process(
    llava: TransformersModel, llava_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="the extra in requirements-ray.txt is not installed")
    file = picture(tmp_path / "a.png")
    cases = [Case(str(n), f"What is {n}?", ("dog",), "contains", (file,)) for n in range(6)]
    alone = run_cases(llava, cases, tmp_path / "alone.jsonl", name="own", settings=SHORT)
    spec = ModelSpec(str(llava_folder), dtype="float32", device="cpu")
    shared = run_on_workers(spec, cases, tmp_path / "shared.jsonl", workers=2, name="own", settings=SHORT)
    assert timeless(shared) == timeless(alone)
    assert [r.logprob for r in shared.results] == pytest.approx([r.logprob for r in alone.results], abs=1e-4)
    assert (shared.model, shared.settings) == (alone.model, alone.settings)


class Ray:
    """What of Ray is used, in this process: every call is done when it is made."""

    class exceptions:
        class RayError(Exception):
            pass

    def __init__(self) -> None:
        self.killed = 0
        self.running = False

    def is_initialized(self) -> bool:
        return self.running

    def init(self, **options: object) -> None:
        self.running = True

    def shutdown(self) -> None:
        self.running = False

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, kind: Any) -> Any:
        handle = SimpleNamespace(remote=lambda *given: Actor(kind(*given)))
        return SimpleNamespace(options=lambda **options: handle)

    def get(self, done: Any) -> Any:
        return [call() for call in done] if isinstance(done, list) else done()

    def wait(self, waiting: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        return waiting[-1:], waiting[:-1]

    def kill(self, actor: object) -> None:
        self.killed += 1


class Actor:
    def __init__(self, worker: Any) -> None:
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=lambda *given: partial(getattr(self._worker, name), *given))


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    ray_ = Ray()
    monkeypatch.setattr(workers, "_ray", lambda: ray_)
    return ray_


def texts(number: int) -> list[Case]:
    return [Case(str(n), f"What is {n}?", ("dog",), "contains") for n in range(number)]


def test_every_case_is_answered_once_and_the_workers_go_home(ray: Ray, llava_folder: Path, tmp_path: Path) -> None:
    spec = ModelSpec(str(llava_folder), dtype="float32", device="cpu")
    run = run_on_workers(spec, texts(5), tmp_path / "run.jsonl", workers=2, name="own", settings=SHORT)
    assert [result.id for result in run.results] == ["0", "1", "2", "3", "4"]
    assert (ray.killed, ray.running) == (2, False)


def test_stopped_workers_leave_what_is_finished(ray: Ray, llava_folder: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    spec = ModelSpec(str(llava_folder), dtype="float32", device="cpu")
    run = run_on_workers(
        spec, texts(5), tmp_path / "run.jsonl", workers=2, name="own", settings=SHORT, cancel=cancel,
        progress=lambda done: cancel.cancel() if done >= 0.4 else None,
    )  # fmt: skip
    assert len(run.results) == 2
    assert ray.killed == 2


def test_a_model_that_does_not_say_the_same_again_is_told_of_once(
    ray: Ray, llava_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "checked", lambda _: SelfCheck(0.5, False, "It differs by 0.5 nats."))
    spec, told = ModelSpec(str(llava_folder), dtype="float32", device="cpu"), list[str]()
    run_on_workers(spec, texts(1), tmp_path / "run.jsonl", workers=2, name="own", settings=SHORT, tell=told.append)
    assert told == ["It differs by 0.5 nats."]


def test_a_model_that_cannot_be_loaded_is_said_as_anywhere(ray: Ray, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        run_on_workers(ModelSpec(str(tmp_path)), texts(1), tmp_path / "run.jsonl", workers=2, name="own")
    assert ray.killed == 2


def test_workers_with_different_models_are_refused(
    ray: Ray, llava: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prints = iter("ab")
    monkeypatch.setattr(workers._Worker, "load", lambda worker: replace(llava.card, fingerprint=next(prints)))
    with pytest.raises(WorkersUnavailable, match="The workers' models differ"):
        run_on_workers(ModelSpec("x"), texts(1), tmp_path / "run.jsonl", workers=2, name="own")


def test_a_lost_worker_is_said_and_what_is_finished_is_kept(
    ray: Ray, llava: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies_at_three(worker: object, one: Numbered, settings: RunSettings) -> Result:
        if one.number == 3:
            raise Ray.exceptions.RayError("gone")
        return answer_case(llava, one, settings)

    monkeypatch.setattr(workers._Worker, "load", lambda worker: llava.card)
    monkeypatch.setattr(workers._Worker, "check", lambda worker: None)
    monkeypatch.setattr(workers._Worker, "answer", dies_at_three)
    with pytest.raises(WorkersUnavailable, match=r"A worker was lost \(RayError\)"):
        run_on_workers(ModelSpec("x"), texts(5), tmp_path / "run.jsonl", workers=1, name="own", settings=SHORT)
    assert len(read_run(tmp_path / "run.jsonl").results) == 3


def test_without_ray_the_way_to_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def no_ray(name: str, *others: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return imported(name, *others)

    monkeypatch.setattr(builtins, "__import__", no_ray)
    with pytest.raises(WorkersUnavailable, match=r"pip install -r requirements-ray\.txt"):
        run_on_workers(ModelSpec("x"), [], tmp_path / "run.jsonl", workers=2, name="own")
