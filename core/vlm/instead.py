"""What can be had instead of what is refused: one rule for every refusal.

A refusal that recommends what is refused as well is worse than none. So no sentence names a method by itself: the fact
is said where it is known (`NotShown`), and what is left for this model and this answer is added here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from ..answer import Answer, TokenKind
from ..errors import NotApplicable, NotShown
from .model import VisionLanguageModel

P = ParamSpec("P")
R = TypeVar("R")

WAYS = {
    "occlusion_pixels": "hiding pixels",
    "raw_attention": "raw attention",
    "input_gradient": "input x gradient",
    "occlusion_tokens": "hiding image tokens",
    "relevancy": "relevancy",
}
"""The methods that ask least of a model and a picture, by what they are called in a sentence; the surest come first."""

MOST = 3
"""How many are named at most."""


def ways_left(model: VisionLanguageModel, answer: Answer, gradients: bool = True) -> tuple[str, ...]:
    """Those of `WAYS` that can be had of this answer, with gradients or without."""
    seen, attending = model.attention_seen(), set(model.card.attention_layers)
    states = model.reads_states(answer)
    layout = answer.layout
    tokens = layout.positions(TokenKind.IMAGE) or layout.positions(TokenKind.TEXT)
    had = {
        "occlusion_pixels": bool(answer.question.images),
        "raw_attention": bool(seen),
        "input_gradient": states and gradients,
        "occlusion_tokens": bool(tokens) and attending <= seen,
        "relevancy": states and gradients and bool(seen),
    }
    return tuple(way for way in WAYS if had[way])


def instead(model: VisionLanguageModel, answer: Answer, gradients: bool = True) -> str:
    """What to do where something is refused, as a sentence: ask about a picture where there is none, or choose a method
    that this model and answer do not refuse."""
    named = [WAYS[way] for way in ways_left(model, answer, gradients)[:MOST]]
    methods = " or ".join(filter(None, (", ".join(named[:-1]), *named[-1:])))
    if answer.question.images:
        return f"Choose {methods}."
    return f"Ask about a picture, or choose {methods}." if named else "Ask about a picture."


@contextlib.contextmanager
def saying_what_is_left(model: VisionLanguageModel, answer: Answer) -> Iterator[None]:
    """What the model refuses in this block is refused together with what to do `instead`."""
    try:
        yield
    except NotShown as error:
        raise NotApplicable(f"{error} {instead(model, answer, error.gradients)}") from error


def with_what_is_left(
    look: Callable[Concatenate[VisionLanguageModel, Answer, P], R],
) -> Callable[Concatenate[VisionLanguageModel, Answer, P], R]:
    """The same for a whole function of a model and an answer."""

    @wraps(look)
    def looked(model: VisionLanguageModel, answer: Answer, *args: P.args, **kwargs: P.kwargs) -> R:
        with saying_what_is_left(model, answer):
            return look(model, answer, *args, **kwargs)

    return looked
