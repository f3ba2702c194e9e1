"""Measuring a grid: pictures with one strip after the other inverted are read by the real processor and the real vision
tower, and what the decoder is then given at the image tokens is compared.

The decoder itself does not run. Where the tower's attention can be observed, every place of it sees only itself
meanwhile: else each strip would move all tokens a little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL.Image import Image
from torch import Tensor

from ...answer import Question, TokenKind
from ..cancel import CancelToken
from ..grids.fit import MeasuredGrid, Movements, NoGrid, fit
from ..grids.strips import Axis, Painted, seen_part, strips
from .capture import seeing_only_themselves
from .inputs import PositionedPrompt
from .passes import Passes

_ASKED = "What is this?"


class _Reached(Exception):
    """The decoder's first layer was reached, and no more is needed of this pass."""


def measure(
    passes: Passes,
    prepare: Callable[[Question], PositionedPrompt],
    size: tuple[int, int],
    cancel: CancelToken,
    progress: Callable[[float], None],
) -> MeasuredGrid | NoGrid:
    """The grid of image tokens of a picture of this width and height, from about 25 passes of the vision tower.

    Raises Cancelled, and what `prepare` raises for a picture of this size.
    """
    painted = Painted(*size)

    def read(image: Image) -> PositionedPrompt:
        cancel.check()
        return prepare(Question(_ASKED, image))

    plain = read(painted.plain())

    def changes(image: Image) -> bool:
        return not _same(plain.inputs, read(image).inputs)

    before = decoder_input(passes, plain)
    moved: dict[Axis, Float[np.ndarray, "token strip"]] = {}
    edges: dict[Axis, Float[np.ndarray, "edge"]] = {}
    axes: tuple[Axis, Axis] = (0, 1)
    for axis in axes:
        own = strips(*seen_part(painted, axis, changes))
        columns = []
        for number, (start, end) in enumerate(own):
            after = decoder_input(passes, read(painted.inverted(axis, start, end)))
            if after.shape != before.shape:
                return NoGrid("how many image tokens there are depends on what is in the picture")
            columns.append((after - before).norm(dim=-1).cpu().numpy())
            progress((axis + (number + 1) / len(own)) / 2)
        moved[axis] = np.stack(columns, 1)
        edges[axis] = np.array([own[0][0], *(end for _, end in own)], dtype=float)
    return fit(Movements(moved[0], moved[1], edges[0], edges[1], size))


def decoder_input(passes: Passes, prompt: PositionedPrompt) -> Float[Tensor, "image_token width"]:
    """What the decoder's first layer is given at the image tokens of a prompt, with the tower's places each alone."""
    positions = list(prompt.layout.positions(TokenKind.IMAGE))
    given: list[Tensor] = []

    def keep(_: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        state = args[0] if args else kwargs["hidden_states"]
        given.append(state[..., positions, :].detach().float())
        raise _Reached

    with passes.one_pass(0), seeing_only_themselves():
        hook = passes.layers[0].register_forward_pre_hook(keep, with_kwargs=True, prepend=True)
        try:
            passes.network(**prompt.inputs, use_cache=False)
        except _Reached:
            pass
        finally:
            hook.remove()
    # (some decoders carry several streams side by side)
    return given[0].movedim(-2, 0).reshape(len(positions), -1)


def _same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two prompts enter the network as the same."""
    return one.keys() == other.keys() and all(
        value.shape == other[name].shape and torch.equal(value, other[name]) for name, value in one.items()
    )
