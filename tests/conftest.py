"""Fixtures shared by all tests: one thread, no progress bars, and tiny random models of two families."""

from __future__ import annotations

import gc
import os
import sys

# Before torch is imported: the tests run beside each other and beside other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from tests.installed import Installed, built, copied, install

if TYPE_CHECKING:
    from core.vlm.hf.network import TransformersModel

# Images of containers set this to stay small. Each process that is started here would compile the program anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# What is imported lives as long as the process: the collector need not look through it over and over meanwhile.
gc.disable()

_tests = count()


def pytest_collection(session: pytest.Session) -> None:
    """Costly imports, but not in the process that only hands tests to others."""
    if session.config.pluginmanager.hasplugin("dsession"):
        return
    import torch
    import transformers
    from hypothesis import settings

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    # Model passes take milliseconds on one machine and tens of them on a busy one.
    # `make hostile` asks for many more, and for others each time.
    many = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))
    settings.register_profile("sightline", deadline=None, max_examples=many or 40, derandomize=not many)
    settings.load_profile("sightline")


def pytest_collection_finish() -> None:
    """All is imported: it is set aside for good, and the collector goes to work."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is kept between sessions is kept apart from the account's own."""
    os.environ["SIGHTLINE_DATA"] = str(tmp_path_factory.mktemp("data"))
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _nothing_found_out_before(_own_folders: Path) -> None:
    """No test finds what another one has measured of the same model."""
    os.environ["SIGHTLINE_CACHE"] = str(_own_folders / str(next(_tests)))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built once for all workers."""
    return _once(tmp_path_factory, "wheel", lambda folder: built(copied(folder / "tree"), folder / "dist"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own, made once for all workers."""
    return Installed(_once(tmp_path_factory, "installed", lambda folder: install(wheel, folder / "venv").folder))


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Path]) -> Path:
    """What the first worker that gets here makes in a folder of its own; the others wait for it."""
    folder = factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / name
    with FileLock(f"{folder}.lock"):
        made = folder / "made"
        if not made.exists():
            folder.mkdir()
            made.write_text(str(make(folder)), encoding="utf-8")
        return Path(made.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random LLaVA on disk."""
    from tests.zoo import save_llava

    return save_llava(tmp_path_factory.mktemp("tiny-llava"))


@pytest.fixture(scope="session")
def qwen_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen2.5-VL on disk."""
    from tests.zoo import save_qwen

    return save_qwen(tmp_path_factory.mktemp("tiny-qwen"))


@pytest.fixture(scope="session")
def llava(llava_folder: Path) -> TransformersModel:
    """A loaded tiny LLaVA: square grid, no shared keys."""
    from tests.zoo import load

    return load(llava_folder)


@pytest.fixture(scope="session")
def qwen(qwen_folder: Path) -> TransformersModel:
    """A loaded tiny Qwen2.5-VL: the grid follows the picture, heads share keys."""
    from tests.zoo import load

    return load(qwen_folder)


@pytest.fixture(params=["llava", "qwen"])
def model(request: pytest.FixtureRequest) -> TransformersModel:
    """Each family in turn."""
    model_: TransformersModel = request.getfixturevalue(request.param)
    return model_


@pytest.fixture
def picture() -> Image.Image:
    """A noisy landscape picture of 120 x 80 px."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8))
