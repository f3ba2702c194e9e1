"""Models are loaded one at a time; where two do not fit, the former is let go, and comes back if the new one fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import ModelUnavailable
from core.ui.state import models
from core.ui.state.models import ModelStore
from core.vlm.loading import ModelSpec
from core.vlm.memory import MemoryEstimate

OLD, NEW, BROKEN = ModelSpec("old"), ModelSpec("new"), ModelSpec("broken")


@dataclass
class Machine:
    """A machine with room for so many models, and what was done on it."""

    room: int = 9
    store: ModelStore = field(init=False)
    done: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def estimate(self, spec: ModelSpec, freed: int = 0) -> MemoryEstimate:
        fits = len(self.store._loaded) - freed < self.room
        return MemoryEstimate(1, 0, self.room, fits, f"freed {freed}")

    def load(self, spec: ModelSpec, progress: Any, *, anyway: bool = False) -> Any:
        self.done.append(f"load {spec.source}{' anyway' if anyway else ''} beside {len(self.store._loaded)}")
        if spec.source == "slow":
            self.gate.wait(10)
        if spec == BROKEN:
            raise ModelUnavailable("It is broken.")
        return SimpleNamespace(card=SimpleNamespace(fingerprint=spec.source, weight_bytes=1))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    machine = Machine()
    monkeypatch.setattr(models, "needs_no_fetching", lambda _: False)
    monkeypatch.setattr(models, "estimate_memory", machine.estimate)
    monkeypatch.setattr(models, "load_model", machine.load)
    machine.store = ModelStore()
    yield machine
    machine.gate.set()


def quiet(_: str) -> None:
    """Progress that nobody hears."""


def test_where_there_is_room_the_former_model_stays(machine: Machine) -> None:
    machine.store.get(OLD, quiet)
    machine.store.get(NEW, quiet)
    assert machine.done == ["load old beside 0", "load new beside 1"]
    assert machine.store.get(OLD, quiet).card.fingerprint == "old" and len(machine.done) == 2


def test_where_both_do_not_fit_the_former_is_let_go_before(machine: Machine) -> None:
    machine.room = 1
    machine.store.get(OLD, quiet)
    assert machine.store.estimate(NEW).fits and machine.store.estimate(NEW).sentence == "freed 1"
    machine.store.get(NEW, quiet)
    assert machine.done == ["load old beside 0", "load new beside 0"]


def test_the_former_comes_back_if_the_new_one_fails(machine: Machine) -> None:
    machine.room = 1
    machine.store.get(OLD, quiet)
    with pytest.raises(ModelUnavailable, match="broken"):
        machine.store.get(BROKEN, quiet)
    assert machine.done[-1] == "load old anyway beside 0"
    assert machine.store.get(OLD, quiet).card.fingerprint == "old" and len(machine.done) == 3


def test_all_the_same_means_it(machine: Machine) -> None:
    machine.room = 0
    machine.store.get(NEW, quiet, anyway=True)
    assert machine.done == ["load new anyway beside 0"]


def test_nobody_waits_for_another_model_who_uses_one_that_is_loaded(machine: Machine) -> None:
    machine.store.get(OLD, quiet)
    loading = threading.Thread(target=machine.store.get, args=(ModelSpec("slow"), quiet))
    loading.start()
    while "load slow beside 1" not in machine.done:
        pass
    waited: list[str] = []
    assert machine.store.get(OLD, waited.append).card.fingerprint == "old"
    assert waited == [] and loading.is_alive()
    machine.gate.set()
    loading.join()
