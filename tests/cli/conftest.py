"""The command line in this process, with a model that is loaded already."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from core.cli import asking
from core.cli.app import app
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec


@dataclass(frozen=True)
class Outcome:
    """What a command printed, line by line, what it told people, and how it ended."""

    lines: list[dict[str, Any]]
    told: str
    code: int


Command = Callable[..., Outcome]


@pytest.fixture
def command(llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `python -m core` with some arguments; the model is the tiny LLaVA, unless one is named that is not there."""

    def load(spec: ModelSpec, progress: object = None) -> TransformersModel:
        return llava if Path(spec.source).name == "street-llava" else unpatched(spec)  # type: ignore[return-value]

    unpatched = asking.load_model
    monkeypatch.setattr(asking, "load_model", load)

    def run(*arguments: object) -> Outcome:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        lines = [json.loads(line) for line in result.stdout.splitlines()] if "--help" not in arguments else []
        return Outcome(lines, " ".join(result.output.split()), result.exit_code)

    return run


@pytest.fixture
def scene(tmp_path: Path, picture: Image.Image) -> Path:
    """A picture file."""
    picture.save(tmp_path / "scene.png")
    return tmp_path / "scene.png"
