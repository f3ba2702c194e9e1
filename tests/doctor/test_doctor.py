"""The report tells what is there and what is not, runs without torch, and names no folder."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core import __version__
from core.doctor.machine import Gpu, Machine, _gpus
from core.doctor.packages import Package, Requirement, _read, examined, requirements
from core.doctor.privacy import told, without_folders
from core.doctor.report import Report
from core.doctor.trial import RIGHT, Trial, tried

ROOT = Path(__file__).resolve().parents[2]
TORCH = Requirement("torch", ">=2.13,<3")
WELL = Report(
    version="0.4.0",
    repository=False,
    machine=Machine("3.12.1 (CPython)", "Linux", "a processor", 2, 1, "1", True, 8_000_000_000),
    packages=(Package(TORCH, "2.13.0", True), Package(Requirement("ray", ">=2.60,<3", "ray"), None, None)),
    trial=Trial(0.25, 0.125, RIGHT, "float32 on cpu"),
)


def lines(report: Report) -> str:
    return "\n".join(report.lines())


def test_a_machine_that_is_well_is_told_so() -> None:
    told_ = lines(WELL)
    assert "ok     torch 2.13.0 (>=2.13,<3)" in told_
    assert "ray: not installed: ray" in told_
    assert "8.0 GB free" in told_ and "1 thread (OMP_NUM_THREADS=1)" in told_
    assert told_.endswith("All that is needed works.")
    assert WELL.troubles == []


def test_a_gpu_is_told_with_its_memory() -> None:
    machine = replace(WELL.machine, gpus=(Gpu("a card", 80_000_000_000, 79_000_000_000),), cuda="12.8")
    assert "GPU: a card, 80.0 GB, 79.0 GB free, CUDA 12.8" in lines(replace(WELL, machine=machine))


def test_every_gpu_that_pytorch_sees_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (10 + number, 20 + number))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"card {number}")
    assert _gpus() == (Gpu("card 0", 20, 10), Gpu("card 1", 21, 11))


@pytest.mark.parametrize(
    ("package", "said"),
    [
        (Package(TORCH, None, None), "BROKEN torch (>=2.13,<3) is not installed"),
        (Package(TORCH, "2.13.0", True, "OSError: no"), "BROKEN torch 2.13.0 cannot be imported (OSError: no)"),
    ],
)
def test_a_package_that_is_needed_and_does_not_work_is_a_trouble(package: Package, said: str) -> None:
    report = replace(WELL, packages=(package,))
    assert said in lines(report) and report.troubles != []


def test_another_version_than_tested_is_told_and_is_no_trouble() -> None:
    report = replace(WELL, packages=(Package(TORCH, "2.10.0", False),))
    assert "OTHER  torch 2.10.0 is outside >=2.13,<3" in lines(report)
    assert report.troubles == []


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        (Trial(trouble="OSError: gone"), "it could not be loaded (OSError: gone)."),
        (Trial(1.0, device="float32 on cpu", trouble="OSError: gone"), "was loaded and could not be asked"),
        (Trial(1.0, 0.5, "It is blue.", "float32 on cpu"), "it said “It is blue.” and not “The house is orange.”"),
    ],
)
def test_a_model_that_does_not_answer_rightly_is_a_trouble(trial: Trial, said: str) -> None:
    report = replace(WELL, trial=trial)
    assert said in lines(report) and said in " ".join(report.troubles)


def test_the_embedded_model_answers() -> None:
    assert tried().right


def test_requirements_are_those_of_the_project() -> None:
    by_name = {requirement.name: requirement for requirement in requirements()}
    assert by_name["torch"].extra is None and by_name["torch"].range.startswith(">=")
    assert by_name["ray"].extra == "ray" and by_name["pytest"].extra == "dev"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torch<3,>=2.13", Requirement("torch", "<3,>=2.13")),
        ('ray<3,>=2.60; extra == "ray"', Requirement("ray", "<3,>=2.60", "ray")),
        ('accelerate<2,>=1.15; extra == "several-gpus"', Requirement("accelerate", "<2,>=1.15", "several-gpus")),
        ("packaging", Requirement("packaging", "")),
    ],
)
def test_requirements_are_read_as_a_wheel_writes_them(line: str, expected: Requirement) -> None:
    assert _read(line) == expected


def test_what_is_needed_here_is_there_and_fits() -> None:
    needed = [package for package in examined() if package.requirement.extra is None]
    assert len(needed) > 10
    assert [package for package in needed if package.broken or not package.fits] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot open /home/ada/.venv/lib/libtorch.so: no", "cannot open …/libtorch.so: no"),
        ("from 'numpy' (C:\\Users\\Ada\\numpy\\__init__.py)", "from 'numpy' (…/__init__.py)"),
        ("~/models/x is gone", "…/x is gone"),
        ("either/or, 1/2 and >=2.13,<3", "either/or, 1/2 and >=2.13,<3"),
    ],
)
def test_no_folder_is_named(text: str, shown: str) -> None:
    assert without_folders(text) == shown


def test_an_error_is_told_by_its_cause_in_one_line() -> None:
    error = ImportError("Could not import module 'X'")
    error.__cause__ = RuntimeError("operator /root/x/nms does not exist\nmore")
    assert told(error) == "RuntimeError: operator …/nms does not exist"


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # as if importing it failed
sys.argv = ["sightline", "doctor", "--json"]
from core.__main__ import main
main()
"""


def test_it_runs_without_torch_and_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], cwd=ROOT, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert done.returncode == 4
    assert said["version"] == __version__ and said["machine"]["threads"] is None
    assert any(trouble.startswith("torch ") for trouble in said["troubles"])
    assert "ModuleNotFoundError" in said["trial"]["trouble"]
    assert str(Path.home()) not in done.stdout
