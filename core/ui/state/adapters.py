"""A model with its adapter, and the same model without: which of the two a tab uses, and what each says to a
question."""

from __future__ import annotations

from dataclasses import replace

from ...answer import Answer
from ...cases.adapter import Side
from ...runs import kinds
from ...vlm.loading import NO_ADAPTER, ModelSpec
from .results import AnswerKey, Kept, Kind, answer_key
from .workspace import Workspace

NAMES = {True: "with its adapter", False: "without its adapter"}


SIDES = Kind[tuple[Side, Side]](8, run=Kept(kinds.SIDES, about=lambda key: {"spec": key[1]}))
"""By the question, as if no model had answered it, and the spec with the adapter."""


def tuned_spec(workspace: Workspace) -> ModelSpec | None:
    """The tab's model with its adapter, also while it is used without; None where there is no adapter."""
    tuned = workspace.spec if _has_adapter(workspace.spec) else workspace.tuned
    return tuned if tuned is not None and workspace.spec in (tuned, without_adapter(tuned)) else None


def without_adapter(spec: ModelSpec) -> ModelSpec:
    """The same model without the adapter; one that lies beside it has to be left out in words."""
    return replace(spec, adapter=NO_ADAPTER if spec.adapter == spec.source else None)


def sides(workspace: Workspace, answer: Answer) -> tuple[Side, Side] | None:
    """Both answers to an answer's question, with the adapter and without; None before both were asked."""
    tuned = tuned_spec(workspace)
    return None if tuned is None else workspace.results.get(SIDES, sides_key(answer, tuned))


def sides_key(answer: Answer, tuned: ModelSpec) -> tuple[AnswerKey, ModelSpec]:
    """Under what the sides of a question are kept."""
    return AnswerKey("", answer_key(answer).question, ()), tuned


def _has_adapter(spec: ModelSpec) -> bool:
    return spec.adapter not in (None, NO_ADAPTER)
