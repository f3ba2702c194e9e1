"""Rows that take a pass of the model: computed once."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ...vlm.model import VisionLanguageModel
from .. import jobs
from .view import AttentionView


def ready(
    view: AttentionView, model: VisionLanguageModel, key: object, name: str, compute: Callable[[], Tensor | None]
) -> bool:
    """Whether `view.kept` has `key`. Where it does not, it is computed; where that was stopped or failed, says so with
    a button to try again. `name` says what is computed ("reading the question again")."""
    if key in view.kept:
        view.kept.move_to_end(key)
        return True
    return jobs.made(view, model, key, name, name, lambda cancel, report: view.keep(key, compute()))
