"""What a probe reads: the mean state of each group of an answer's positions, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from ..answer import Answer, TokenLayout
from ..errors import NotApplicable
from ..masking import patch_coverage
from ..mechanisms.groups import groups
from ..perturb.until import until_targets
from ..vlm.cancel import CancelToken
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Site
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget

Where = Literal["residual", "attention", "mlp"]
"""Which states: the residual stream as it goes into each layer and out of the last, or what the attention or the MLP of
each layer hands on."""
RESIDUAL: Where = "residual"
THING, LAST = "thing", "last"
PLACES = (THING, "image", "question", "prompt", LAST)
"""The groups of positions, in the order of the sequence: the image tokens of the thing that a label is about, all image
tokens, the question's words, what else stands in the prompt, and the position that predicts the answer's first word."""
PLACE_NAMES = {
    THING: "image tokens of the thing",
    "image": "all image tokens",
    "question": "words of the question",
    "prompt": "rest of the prompt",
    LAST: "where the answer is predicted",
}
COVERED = 0.3
"""An image token is one of the thing's where that covers more than so much of its patch."""


def thing_tokens(marked: Bool[np.ndarray, "height width"], layout: TokenLayout, image: int = 0) -> tuple[int, ...]:
    """The image tokens of what is marked: those it covers by more than `COVERED`, or where it is smaller than that the
    one it covers most. None where it is not seen, or no image token has a place."""
    coverage = patch_coverage(marked, layout, image)
    on = tuple(sorted(position for position, share in coverage.items() if share > COVERED))
    if on or not coverage:
        return on
    most = max(coverage, key=lambda position: coverage[position])
    return (most,) if coverage[most] > 0 else ()


def places_of(
    answer: Answer, token_targets: Sequence[TokenTarget], marked: Bool[np.ndarray, "height width"] | None = None
) -> dict[str, tuple[int, ...]]:
    """The positions of each of `PLACES`, of which some may be empty; `marked` are the pixels of the first picture that
    show the thing."""
    named = {group.name: group.positions for group in groups(answer, token_targets)}
    thing = () if marked is None else thing_tokens(marked, answer.layout)
    return {place: thing if place == THING else named[place] for place in PLACES}


def layers_of(model: VisionLanguageModel, where: Where) -> int:
    """How many states there are one after the other: one more than layers of the residual stream."""
    return model.card.layers + (where == RESIDUAL)


def mean_states(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    places: Mapping[str, tuple[int, ...]],
    where: Where = RESIDUAL,
    cancel: CancelToken | None = None,
) -> Float[np.ndarray, "layer place hidden"]:
    """The mean state over the positions of each place, in float32, from one pass over the answer as far as the token
    targets need it; NaN for a place without positions.

    Raises OtherModel, NotApplicable where the model's layers or their parts cannot be read, Cancelled.
    """
    read = until_targets(model, answer, token_targets)
    if not model.reads_states(read):
        raise NotApplicable(
            f"The layers of {model.card.name} cannot be gone through one by one, so there are no states to probe. "
            "Choose another model."
        )
    passed = model.checkpointed(read)
    rows = []
    for layer in range(layers_of(model, where)):
        if cancel is not None:
            cancel.check()
        states = _states(passed, layer, where).float().cpu().numpy()
        missing = np.full(states.shape[-1], np.nan, np.float32)
        rows.append([states[list(own)].mean(0) if own else missing for own in places.values()])
        if layer > 0:
            passed.free(layer - 1)
    return np.array(rows, np.float32)


def _states(passed: DecoderPass, layer: int, where: Where) -> Float[Tensor, "row hidden"]:
    if where == RESIDUAL and layer == passed.layers:
        return passed.final
    return passed.states(layer, Site.INPUT if where == RESIDUAL else Site(where))
