"""The whole report, as text and as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..version import __version__
from .machine import Gpu, Machine, this_machine
from .packages import NAME, Package, examined
from .trial import QUESTION, RIGHT, Trial, tried


@dataclass(frozen=True)
class Report:
    """`version` is Sightline's. `repository` says that it runs from the folder `core` rather than as a package."""

    version: str
    repository: bool
    machine: Machine
    packages: tuple[Package, ...]
    trial: Trial

    @property
    def troubles(self) -> list[str]:
        """What is needed and does not work, in a sentence each."""
        troubles = [f"{package.requirement.name} {_trouble(package)}." for package in self.packages if package.broken]
        if not self.packages:
            troubles.append("What Sightline requires cannot be told: it is neither installed nor in its repository.")
        if not self.trial.right:
            troubles.append(_model(self.trial))
        return troubles

    def record(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {**asdict(self), "right": self.trial.right, "troubles": self.troubles}

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield f"Sightline {self.version} ({'the repository' if self.repository else 'installed'})"
        yield from _machine(self.machine)
        yield "Packages"
        yield from (f"  {_package(package)}" for package in self.packages if package.requirement.extra is None)
        yield "Extras"
        yield from (f"  {line}" for line in _extras(self.packages))
        yield f"Embedded model: {_model(self.trial)}"
        yield ""
        yield from self.troubles or ["All that is needed works."]


def report() -> Report:
    """Look at everything. Takes as long as importing every package and loading the embedded model."""
    folder = Path(str(files(__name__.partition(".")[0]))).name
    # The packages come first: what the others need is imported there, and why it cannot be is told there.
    packages = tuple(examined())
    return Report(__version__, folder != NAME, this_machine(), packages, tried())


def _machine(machine: Machine) -> Iterator[str]:
    yield f"Python {machine.python} on {machine.system}"
    yield f"Processor: {machine.processor}, {_count(machine.cores, 'core')}{_threads(machine)}"
    for gpu in machine.gpus:
        yield f"GPU: {_gpu(gpu)}" + (f", CUDA {machine.cuda}" if machine.cuda else "")
    if machine.free is None:
        yield "GPU, threads and memory: not known without torch"
        return
    if not machine.gpus:
        yield "GPU: none that PyTorch can use" + (f", though it was built for CUDA {machine.cuda}" * bool(machine.cuda))
    yield f"Memory: {_gigabytes(machine.free)} free"


def _threads(machine: Machine) -> str:
    if machine.threads is None:
        return ""
    named = f" (OMP_NUM_THREADS={machine.threads_set})" if machine.threads_set else ""
    own = "" if machine.bfloat16 is None else f", bfloat16 {'of its own' if machine.bfloat16 else 'by way of float32'}"
    return f", {_count(machine.threads, 'thread')}{named}{own}"


def _gpu(gpu: Gpu) -> str:
    if gpu.memory is None or gpu.free is None:
        return gpu.name
    return f"{gpu.name}, {_gigabytes(gpu.memory)}, {_gigabytes(gpu.free)} free"


def _package(package: Package) -> str:
    wanted = package.requirement
    mark = "BROKEN" if package.broken else "OTHER" if package.fits is False else "ok"
    if package.broken:
        said = _trouble(package)
    elif package.fits is False:
        said = f"{package.version} is outside {wanted.range}, with which Sightline is tested"
    else:
        said = f"{package.version} ({wanted.range}{'' if package.fits else ', not compared: packaging is missing'})"
    return f"{mark:<6} {wanted.name} {said}"


def _trouble(package: Package) -> str:
    if package.version is None:
        return f"({package.requirement.range}) is not installed"
    return f"{package.version} cannot be imported ({package.trouble})"


def _extras(packages: tuple[Package, ...]) -> Iterator[str]:
    for extra in dict.fromkeys(package.requirement.extra for package in packages if package.requirement.extra):
        own = [package for package in packages if package.requirement.extra == extra]
        there = [f"{package.requirement.name} {package.version}" for package in own if package.version]
        lacking = [package.requirement.name for package in own if not package.version]
        parts = [", ".join(there)] * bool(there) + [f"not installed: {', '.join(lacking)}"] * bool(lacking)
        yield f"{extra}: {'; '.join(parts)}"


def _model(trial: Trial) -> str:
    if trial.trouble is not None:
        when = "could not be loaded" if trial.loading is None else "was loaded and could not be asked"
        return f"it {when} ({trial.trouble})."
    told = f"loaded in {trial.loading:.1f} s ({trial.device}), answered in {trial.answering:.1f} s"
    if trial.right:
        return f"{told}, rightly."
    return f"{told}, wrongly: to “{QUESTION}” it said “{trial.answer}” and not “{RIGHT}”."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
