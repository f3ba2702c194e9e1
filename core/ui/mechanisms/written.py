"""What all heads write for some token targets, read once for every lens that asks; and rankings of heads by it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from ...answer import Answer, Head, Target
from ...attention.measures import measured
from ...attention.rows import rows_among
from ...mechanisms.attribution import Attribution, attribute
from ...mechanisms.contributions import Contributions, contribution_passes, contributions
from ...mechanisms.head_contributions import MEANING
from ...mechanisms.logprob_increase import head_increases, increase_passes, top_heads
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.instead import saying_what_is_left
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..widgets.kept_rows import rows_held
from .subject import Subject, subject_of
from .view import ATTRIBUTIONS, CONTRIBUTED, INCREASES, Increases, MechanismsView

Measure = Literal["Log-probability increase", "Direct logit attribution", "Attention to the picture"]
SAYS: dict[str, str] = {
    **MEANING,
    "Attention to the picture": "the part of the head's attention that lies on image tokens while the target is "
    "predicted.",
}


def what_heads_write(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, subject: Subject
) -> Increases | None:
    """The increase by each head; None where that was stopped or failed, which has been said."""

    def make(cancel: CancelToken, report: Report) -> Increases:
        began = time.perf_counter()
        contributed = contributed_to(view, model, answer, subject, cancel, lambda done: report(done / 2))
        with saying_what_is_left(model, answer):
            increases = head_increases(model, contributed, cancel=cancel, progress=lambda done: report(0.5 + done / 2))
        return Increases(increases.mean(0).numpy(), time.perf_counter() - began)

    key = _key(subject)
    made = view.results.get(INCREASES, key)
    if made is not None:
        return made
    passes = contribution_passes(answer) + increase_passes(model, answer, len(subject.token_targets), 0)
    told = forecast(model, answer, passes)
    return view.obtain(model, INCREASES, key, "reading what the heads write", "written", make, told)


def contributed_to(
    view: MechanismsView,
    model: VisionLanguageModel,
    answer: Answer,
    subject: Subject,
    cancel: CancelToken,
    progress: Callable[[float], None] = lambda done: None,
) -> Contributions:
    """All contributions, read now where they are not at hand: they hold states and weights of every layer, which no run
    keeps, while what is found out of them is kept. For work on the model. Raises what reading them raises."""
    there = view.results.get(CONTRIBUTED, _key(subject))
    if there is None:
        there = contributions(model, answer, subject.token_targets, cancel=cancel, progress=progress)
        view.results.keep(CONTRIBUTED, _key(subject), there)
    return there


def _key(subject: Subject) -> Hashable:
    return ("written", subject.key)


def attributed(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, subject: Subject
) -> Attribution | None:
    """Shares of the logit; None as above."""

    def make(cancel: CancelToken, report: Report) -> Attribution:
        return attribute(model, contributed_to(view, model, answer, subject, cancel, report))

    key = ("attribution", subject.key)
    return view.obtain(model, ATTRIBUTIONS, key, "attributing the logit", "attribution", make)


def figures(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, target: Target, measure: Measure
) -> Float[np.ndarray, "layers heads"] | None:
    """Every head's figure for the target; None where it was stopped or failed, which has been said."""
    if measure == "Attention to the picture":
        held = rows_held(view, model, answer, target.tokens)
        if held is None:
            return None
        there = [token for token in target.tokens if token in held.tokens]
        return measured(rows_among(held, there), answer.layout, "image")
    subject = subject_of(model, answer, target)
    written = what_heads_write(view, model, answer, subject)
    if written is None or measure == "Log-probability increase":
        return None if written is None else written.values
    shares = attributed(view, model, answer, subject)
    return None if shares is None else shares.heads.mean(0).numpy()


def ranking(of: Float[np.ndarray, "layers heads"]) -> list[Head]:
    """All heads, those with the largest figures first."""
    return top_heads(torch.as_tensor(of), of.size)
